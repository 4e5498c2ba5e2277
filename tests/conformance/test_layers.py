"""Layers end to end: small nets train on the device as they do on the host, and resume from a saved state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.conformance.subject import host
from candelabra.core.device import Device, host_device
from candelabra.core.host import from_host
from candelabra.data import DataLoader, TensorDataset

STEPS = 12


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 3))


def network_of_images() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.SiLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip


class Reader(nn.Module):
    """Words through an embedding, a recurrent layer and attention."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 8)
        self.memory = nn.LSTM(8, 8, batch_first=True)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        out, _ = self.memory(self.words(x))
        return self.head(self.block(out).mean(axis=1))


def numbers(generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal((24, 6)).astype(np.float32)


def images(generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal((24, 1, 8, 8)).astype(np.float32)


def words(generator: np.random.Generator) -> np.ndarray:
    return generator.integers(0, 7, (24, 5))


SGD = lambda parameters: optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)
ADAM = lambda parameters: optim.AdamW(parameters, lr=0.02, amsgrad=True)
CASES = {
    "perceptron": (perceptron, numbers, ADAM),
    "images": (network_of_images, images, SGD),
    "reader": (Reader, words, ADAM),
}  # fmt: skip


def prepare(name: str, device: Device) -> tuple[nn.Module, Any, DataLoader]:
    make, draw, optimizer = CASES[name]
    generator = np.random.default_rng(3)
    x, y = draw(generator), generator.integers(0, 3, 24)
    cb.manual_seed(11)
    model = make().to(device)
    loader = DataLoader(TensorDataset(from_host(x), from_host(y)), batch_size=8, shuffle=True, device=device)
    return model, optimizer(model.parameters()), loader


def train(model: nn.Module, optimizer: Any, loader: DataLoader, steps: int) -> list[float]:
    losses: list[float] = []
    while len(losses) < steps:
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", CASES)
def test_training(conformance_device: Device, name: str) -> None:
    model, optimizer, loader = prepare(name, conformance_device)
    losses = train(model, optimizer, loader, STEPS)
    assert all(p.device == conformance_device for p in model.parameters())
    assert np.mean(losses[-3:]) < np.mean(losses[:3]), losses
    if conformance_device is not host_device():
        wanted = train(*prepare(name, host_device()), STEPS)
        np.testing.assert_allclose(losses, wanted, rtol=2e-3, atol=2e-4)
    model.eval()
    with cb.no_grad():
        x, _ = next(iter(loader))
        assert model(x).shape == (8, 3)


@pytest.mark.parametrize("name", CASES)
def test_resuming(conformance_device: Device, name: str, tmp_path: Path) -> None:
    model, optimizer, loader = prepare(name, conformance_device)
    train(model, optimizer, loader, 3)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "generator": cb.get_rng_state()}
    cb.save(state, tmp_path / "state.safetensors")
    wanted = train(model, optimizer, loader, 3)
    other, fresh, loader = prepare(name, conformance_device)
    loaded = cb.load(tmp_path / "state.safetensors")
    other.load_state_dict(loaded["model"])
    fresh.load_state_dict(loaded["optimizer"])
    cb.set_rng_state(loaded["generator"])
    assert train(other, fresh, loader, 3) == wanted


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": nn.functional.mse_loss,
    "l1": nn.functional.l1_loss,
    "bce_with_logits": lambda x, y: nn.functional.binary_cross_entropy_with_logits(x, (y > 0).float()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(conformance_device: Device, name: str) -> None:
    generator = np.random.default_rng(5)
    x, y = (generator.standard_normal((4, 3)).astype(np.float32) for _ in range(2))
    found = []
    for device in (conformance_device, host_device()):
        a = from_host(x, device=device).requires_grad_()
        LOSSES[name](a, from_host(y, device=device)).backward()
        assert a.grad is not None and a.grad.device == device
        found.append(host(a.grad))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-7)
