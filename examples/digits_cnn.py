"""A convolutional network that reads handwritten digits, trained in a few seconds.

Run it with ``python examples/digits_cnn.py``; it needs ``pip install candelabra[demo]`` for the images.
"""

import argparse

import candelabra as cb
from candelabra import nn, optim
from candelabra.data import DataLoader, Digits


class DigitNet(nn.Module):
    """Two convolutions, pooling, and a linear layer; images (N, 1, 8, 8) to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.3)
        self.classifier = nn.Linear(64 * 4 * 4, 10)

    def forward(self, images: cb.Tensor) -> cb.Tensor:
        x = self.norm1(self.conv1(images)).relu()
        x = self.pool(self.norm2(self.conv2(x)).relu())
        return self.classifier(self.dropout(x.flatten(1)))


def accuracy(model: nn.Module, digits: Digits) -> float:
    """The share of digits that the model reads right."""
    model.eval()
    with cb.no_grad():
        guesses = model(digits.images).argmax(axis=1)
    model.train()
    return (guesses == digits.labels).float().mean().item()


def main(argv: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    epochs = parser.parse_args(argv).epochs

    cb.manual_seed(0)
    training, unseen = Digits(train=True), Digits(train=False)
    loader = DataLoader(training, batch_size=64, shuffle=True)
    model = DigitNet()
    optimizer = optim.AdamW(model.parameters(), lr=3e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(1, epochs + 1):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        print(f"epoch {epoch}: last loss {loss.item():.4f}, {accuracy(model, unseen):.2%} of unseen digits read right")
    return accuracy(model, unseen)


if __name__ == "__main__":
    main()
