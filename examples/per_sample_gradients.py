"""Training with one gradient per sample: each clipped, so that no image counts too much; then wrong labels are found.

A tenth of the labels are wrong. Every step clips each sample's own gradient and adds noise to the sum, as private
training does (Abadi et al., 2016). At the end the samples with the longest gradients are those whose labels do not fit.

Run it with ``python examples/per_sample_gradients.py``; it needs ``pip install candelabra[demo]`` for the images.
"""

import argparse

import candelabra as cb
from candelabra import nn, optim
from candelabra.data import DataLoader, Digits, TensorDataset
from candelabra.func import functional_call, grad_and_value, vmap

WRONG = 0.1


def per_sample(model: nn.Module):
    """Return a function of parameters, images and labels that gives each sample's gradients and loss."""

    def loss(parameters, image, label):
        return nn.functional.cross_entropy(functional_call(model, parameters, (image,)), label)

    return vmap(grad_and_value(loss), in_dims=(None, 0, 0))


def norms(gradients: dict[str, cb.Tensor]) -> cb.Tensor:
    """The length of each sample's gradient over all parameters."""
    return sum((g.flatten(1) ** 2).sum(axis=1) for g in gradients.values()) ** 0.5


def corrupted(labels: cb.Tensor) -> tuple[cb.Tensor, cb.Tensor]:
    """Labels of which some are another digit's, and which those are."""
    wrong = cb.rand(labels.shape[0]) < WRONG
    return cb.where(wrong, (labels + cb.randint(1, 10, labels.shape)) % 10, labels), wrong


def accuracy(model: nn.Module, digits: Digits) -> float:
    """The share of digits that the model reads right."""
    with cb.no_grad():
        return (model(digits.images.flatten(1)).argmax(axis=1) == digits.labels).float().mean().item()


def main(argv: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--clip", type=float, default=1.0, help="the longest gradient that a sample may have")
    parser.add_argument("--noise", type=float, default=0.5, help="standard deviation of the noise, in units of --clip")
    options = parser.parse_args(argv)

    cb.manual_seed(0)
    training, unseen = Digits(train=True), Digits(train=False)
    labels, wrong = corrupted(training.labels)
    pixels = training.images.flatten(1)
    loader = DataLoader(TensorDataset(pixels, labels), batch_size=128, shuffle=True)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    gradients_of = per_sample(model)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(1, options.epochs + 1):
        for images, targets in loader:
            parameters = {name: p.detach() for name, p in model.named_parameters()}
            gradients, losses = gradients_of(parameters, images, targets)
            shares = (options.clip / norms(gradients)).clip(max=1.0)
            for name, p in model.named_parameters():
                total = cb.einsum("n,n...->...", shares, gradients[name])
                p.grad = (total + options.noise * options.clip * cb.randn(p.shape)) / len(images)
            optimizer.step()
        longest = norms(gradients).max().item()
        print(f"epoch {epoch}: last loss {losses.mean().item():.4f}, longest gradient {longest:.2f}")

    read = accuracy(model, unseen)
    print(f"{read:.2%} of unseen digits read right, though {wrong.float().mean().item():.0%} of the labels were wrong")
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    gradients, _ = gradients_of(parameters, pixels, labels)
    count = int(wrong.sum())
    suspects = cb.argsort(norms(gradients), descending=True)[:count]
    found = wrong[suspects].float().mean().item()
    print(f"of the {count} samples with the longest gradients {found:.0%} have a wrong label")
    return {"read": read, "found": found}


if __name__ == "__main__":
    main()
