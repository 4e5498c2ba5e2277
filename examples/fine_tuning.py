"""Fine-tuning: a network that PyTorch taught the digits 0 to 4 learns 5 to 9 from a few images.

Its weights come from a PyTorch checkpoint, ``digits_trunk.pt`` beside this file, which `candelabra.load` reads without
PyTorch and without running anything in it; ``make_digits_trunk.py`` made it. First only a new last layer learns, on a
frozen trunk, then everything a little. Run it with ``python examples/fine_tuning.py``; it needs
``pip install candelabra[demo]`` for the images.
"""

import argparse
from pathlib import Path

import candelabra as cb
from candelabra import nn, optim
from candelabra.data import DataLoader, Digits, TensorDataset

CHECKPOINT = Path(__file__).with_name("digits_trunk.pt")


class DigitNet(nn.Module):
    """A trunk that turns images (N, 1, 8, 8) into features (N, 128), and a head that makes logits of them."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(32 * 2 * 2, classes)

    def forward(self, images: cb.Tensor) -> cb.Tensor:
        return self.head(self.trunk(images))


def digits(train: bool, first: int, shots: int | None = None) -> TensorDataset:
    """Five digits from `first` on, with labels from 0 to 4; of each only the first `shots` images."""
    given = Digits(train=train)
    chosen: list[int] = []
    for digit in range(first, first + 5):
        (places,) = cb.nonzero(given.labels == digit)
        chosen += places.tolist()[:shots]
    at = cb.tensor(chosen)
    return TensorDataset(given.images[at], given.labels[at] - first)


def accuracy(model: nn.Module, data: TensorDataset) -> float:
    """The share of images that the model reads right."""
    images, labels = data.tensors
    training = model.training
    model.eval()
    with cb.no_grad():
        guesses = model(images).argmax(axis=1)
    model.train(training)
    return (guesses == labels).float().mean().item()


def learn(model: nn.Module, loader: DataLoader, optimizer: optim.Optimizer, epochs: int) -> float:
    """Train for some epochs; return the last loss."""
    for _ in range(epochs):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return loss.item()


def main(argv: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each of the two stages")
    parser.add_argument("--shots", type=int, default=30, help="images of each new digit to learn from")
    options = parser.parse_args(argv)

    cb.manual_seed(0)
    model = DigitNet(classes=5)
    print(model.load_state_dict(cb.load(CHECKPOINT)))
    found = {"old": accuracy(model, digits(False, 0))}
    print(f"as PyTorch left it: {found['old']:.2%} of unseen digits 0 to 4 read right")

    few, unseen = digits(True, 5, options.shots), digits(False, 5)
    loader = DataLoader(few, batch_size=16, shuffle=True)
    model.head = nn.Linear(model.head.in_features, 5)
    found["before"] = accuracy(model, unseen)
    print(f"with a new head: {found['before']:.2%} of unseen digits 5 to 9")

    # In evaluation the trunk's batch normalization keeps the statistics that it came with.
    model.trunk.requires_grad_(False).eval()
    loss = learn(model, loader, optim.AdamW(model.head.parameters(), lr=1e-2), options.epochs)
    found["head"] = accuracy(model, unseen)
    print(f"the head trained on {len(few)} images: loss {loss:.4f}, {found['head']:.2%}")

    model.trunk.requires_grad_(True).train()
    groups = [{"params": model.trunk.parameters(), "lr": 1e-3}, {"params": model.head.parameters(), "lr": 3e-3}]
    loss = learn(model, loader, optim.AdamW(groups), options.epochs)
    found["all"] = accuracy(model, unseen)
    print(f"all layers trained: loss {loss:.4f}, {found['all']:.2%}")
    return found


if __name__ == "__main__":
    main()
