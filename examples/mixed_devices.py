"""One model over the array libraries that are installed: an embedding here, a Transformer there, a head elsewhere.

Each part computes with the library of its own device, and one optimizer trains them all. The same training on the CPU
alone, from the same seed, shows that the numbers are the same but for rounding. The task: which of three words is the
most frequent in a sequence.

Run it with ``python examples/mixed_devices.py``, after ``pip install candelabra-jax candelabra-torch`` or any other
plugin that brings a device; ``--devices cpu jax torch`` says where embedding, encoder and head shall be.
"""

import argparse

import candelabra as cb
from candelabra import nn, optim

WORDS, LENGTH, WIDTH = 12, 15, 16


class Classifier(nn.Module):
    """Three parts, each on a device of its own; what flows between them is moved, and its gradient back again."""

    def __init__(self, devices: list[str]) -> None:
        super().__init__()
        self.devices = devices
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 2 * WIDTH, dropout=0.0, batch_first=True)
        self.embedding = nn.Embedding(WORDS, WIDTH).to(devices[0])
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).to(devices[1])
        self.head = nn.Linear(WIDTH, 3).to(devices[2])

    def forward(self, words: cb.Tensor) -> cb.Tensor:
        h = self.embedding(words)
        h = self.encoder(h.to(self.devices[1]))
        return self.head(h.mean(axis=1).to(self.devices[2]))


def batch(size: int) -> tuple[cb.Tensor, cb.Tensor]:
    """Sequences of words, and which of the words 0, 1 and 2 each has most of."""
    words = cb.randint(0, WORDS // 2, (size, LENGTH))
    return words, cb.stack([(words == i).sum(axis=1) for i in range(3)], axis=1).argmax(axis=1)


def train(devices: list[str], steps: int) -> tuple[list[float], float, Classifier]:
    """Train from seed 0; return the losses, the accuracy on fresh sequences, and the model."""
    cb.manual_seed(0)
    model = Classifier(devices)
    optimizer = optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(steps):
        words, most = batch(64)
        loss = nn.functional.cross_entropy(model(words.to(devices[0])), most.to(devices[2]))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    words, most = batch(512)
    with cb.no_grad():
        right = model(words.to(devices[0])).cpu().argmax(axis=1) == most
    return losses, right.float().mean().item(), model


def main(argv: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--devices", nargs=3, metavar=("EMBEDDING", "ENCODER", "HEAD"), help="default: what there is")
    options = parser.parse_args(argv)

    devices = options.devices
    if devices is None:
        # One of each library; the CPU's comes first.
        others = list(dict.fromkeys(device.type for device in cb.devices()))[1:]
        if not others:
            print("Only the CPU is there. A plugin brings another: pip install candelabra-torch, or candelabra-jax.")
            print("`candelabra devices` lists what is installed, and why something does not load.")
            return {}
        devices = ["cpu", others[0], (others + ["cpu"])[1]]

    losses, accuracy, model = train(devices, options.steps)
    alone, accuracy_alone, _ = train(["cpu"] * 3, options.steps)
    for name, part in model.named_children():
        count = sum(p.size for p in part.parameters())
        print(f"{name:9} on {next(part.parameters()).device!s:8} {count:5} parameters")
    for step in range(0, options.steps, max(1, options.steps // 5)):
        print(f"step {step:3}: loss {losses[step]:.5f}, on the CPU alone {alone[step]:.5f}")
    print(f"accuracy {accuracy:.1%}, on the CPU alone {accuracy_alone:.1%}")
    early = max(abs(a - b) for a, b in zip(losses[:10], alone[:10], strict=True))
    return {"accuracy": accuracy, "alone": accuracy_alone, "apart": early, "first": losses[0], "last": losses[-1]}


if __name__ == "__main__":
    main()
