"""Make ``digits_trunk.pt``, the PyTorch checkpoint that ``fine_tuning.py`` starts from; this one needs PyTorch.

A small network learns the digits 0 to 4 of the training part, and its state dict is saved with `torch.save`.
"""

from pathlib import Path

import torch
from candelabra.data import Digits
from torch import nn


def main() -> None:
    torch.manual_seed(0)
    digits = Digits(train=True)
    x, y = torch.tensor(digits.images.numpy()), torch.tensor(digits.labels.numpy())
    x, y = x[y < 5], y[y < 5]
    model = nn.Sequential()
    model.add_module("trunk", nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    ))  # fmt: skip
    model.add_module("head", nn.Linear(32 * 2 * 2, 5))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(15):
        for batch in torch.randperm(len(x)).split(64):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    path = Path(__file__).with_name("digits_trunk.pt")
    torch.save(model.state_dict(), path)
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
