"""A convolutional network learns on the device what it learns on the host, and comes back whole."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.core import dtypes
from candelabra.core.device import Device, host_device
from candelabra.core.host import from_host, to_host
from candelabra.data import DataLoader, Digits, TensorDataset
from candelabra.training_demo import build_model

STEPS = 24
# float32 sums in another order differ by some 1e-7 of their size. A step divides by the root of a mean of squares,
# so that such a difference grows with each, up to tenfold in this many; a wrong rule is off by far more at once.
TOLERANCE = 1e-3


def dataset() -> TensorDataset:
    """Return scikit-learn's digits, or where it is not installed noisy copies of ten patterns of the same shape."""
    try:
        return Digits()
    except cb.core.errors.MissingDependencyError:
        generator = cb.Generator().manual_seed(0)
        labels = cb.randint(0, 10, (800,), generator=generator)
        patterns = cb.rand((10, 1, 8, 8), generator=generator)
        images = cb.take(patterns, labels, axis=0) + 0.3 * cb.randn((800, 1, 8, 8), generator=generator)
        return TensorDataset(images, labels)


def train(device: Device) -> tuple[list[float], nn.Module]:
    cb.manual_seed(0)
    model = build_model("cnn").to(device)
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
    losses: list[float] = []
    batches: Iterator[Any] = iter(DataLoader(dataset(), batch_size=32, shuffle=True, device=device))
    for _ in range(STEPS):
        images, labels = next(batches)
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses, model


@cache
def on_the_host() -> list[float]:
    return train(host_device())[0]


def test_the_digits_are_learnt(conformance_device: Device) -> None:
    losses, model = train(conformance_device)
    expected = on_the_host()
    assert np.mean(losses[-4:]) < 0.3 * losses[0]
    np.testing.assert_allclose(losses, expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert all(t.device == conformance_device for t in model.state_dict().values())
    # The model comes to the host bit for bit, and sees there what it saw on the device.
    images = dataset()[:16][0]
    model.eval()
    there = {name: np.array(to_host(t)) for name, t in model.state_dict().items()}
    with cb.no_grad():
        seen = np.array(to_host(model(images.to(conformance_device))))
        model.cpu()
        again = to_host(model(images))
    for name, tensor in model.state_dict().items():
        assert tensor.device == host_device() and np.array_equal(to_host(tensor), there[name]), name
    np.testing.assert_allclose(seen, again, rtol=1e-4, atol=1e-4)


def test_every_dtype_comes_and_goes_bit_for_bit(conformance_device: Device) -> None:
    device = conformance_device
    assert len(device.native) >= 4
    for dtype in device.native:
        host = np.dtype(host_device().native[dtype])
        numbers = {
            "bool": [0, 1, 1], "unsigned": [0, 1, np.iinfo(host).max] if dtype.kind == "unsigned" else [],
            "signed": [-1, 0, np.iinfo(host).min] if dtype.kind == "signed" else [],
            "float": [-0.0, 1 / 3, np.inf, -np.inf, np.nan, 2.0**-14], "complex": [1 - 2j, complex(9.0, -0.0), 1j / 3],
        }[dtype.kind]  # fmt: skip
        array = np.asarray(numbers).astype(host)
        for shaped in (array.reshape(1, -1, 1), array[:0], array[0], array[::-1]):
            content = np.ascontiguousarray(shaped).tobytes()
            there = from_host(np.asarray(shaped), device=device)
            assert there.device == device and there.dtype is dtype and there.shape == np.shape(shaped)
            moved = from_host(np.asarray(shaped)).to(device)
            for tensor in (there, moved):
                assert np.ascontiguousarray(to_host(tensor)).tobytes() == content, dtype.name
                back = tensor.to(host_device())
                assert back.dtype is dtype and np.ascontiguousarray(to_host(back)).tobytes() == content, dtype.name


def test_wide_integers_are_held_or_refused(conformance_device: Device) -> None:
    """Labels and counts are int64: a device without has them narrower, and refuses what does not fit."""
    device = conformance_device
    small = cb.tensor([0, 7, -3]).to(device)
    assert small.tolist() == [0, 7, -3] and cb.tensor([0, 7, -3], device=device).dtype is small.dtype
    if dtypes.int64 in device.native:
        assert cb.tensor([2**40]).to(device).tolist() == [2**40]
    else:
        with pytest.raises(cb.core.errors.OutOfRangeError, match="does not hold all of the numbers"):
            cb.tensor([2**40]).to(device)
