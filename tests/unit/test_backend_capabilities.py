"""What a backend may say of itself, and what the core makes of it: laziness, places, shapes that depend on values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.core.device import Device
from candelabra.core.errors import DTypeError, HostFallbackWarning
from candelabra.core.implementation import Implementation
from candelabra.core.primitives.row import TABLE


@pytest.fixture
def device() -> Device:
    pytest.importorskip("candelabra_strict")
    return cb.device("strict").resolved()


def test_a_lazy_library_settles_what_takes_anothers_place(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[Any] = []
    monkeypatch.setattr(device.backend, "settle", settled.extend)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loss = model(cb.ones((4, 2), device=device)).square().sum()
    loss.backward()
    assert any(a is model[1].running_mean.array for a in settled)
    optimizer.step()
    total = cb.zeros((), device=device)
    total += loss.detach()
    for t in (*model.parameters(), total):
        assert any(a is t.array for a in settled)


def test_functions_run_within_their_device(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[int] = []

    @contextlib.contextmanager
    def within(index: int) -> Iterator[None]:
        entered.append(index)
        yield

    monkeypatch.setattr(device.backend, "within", within)
    made = Implementation(TABLE["tanh"], device)
    x = device.backend.asarray(np.ones(2, np.float32), device.native[cb.float32])
    assert made.forward(x).dtype == x.dtype and entered == [0]
    assert made.backward is not None
    assert Implementation(TABLE["softmax"], device).forward(x, axis=0).shape == (2,) and 0 in entered[1:]


def test_shapes_that_depend_on_values_are_the_hosts(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    x = device.backend.asarray(np.asarray([1, 0, 2]), device.native[cb.int64])
    assert Implementation(TABLE["nonzero"], device).source == "library"
    monkeypatch.setattr(device.backend, "data_dependent_shapes", False)
    monkeypatch.setattr(TABLE["nonzero"], "fallback", {})
    made = Implementation(TABLE["nonzero"], device)
    with pytest.warns(HostFallbackWarning, match="nonzero: backend 'strict' has no data-dependent shapes"):
        (found,) = made.forward(x)
    assert made.source == "host" and np.asarray(device.backend.to_host(found)).tolist() == [0, 2]


def test_a_transform_keeps_its_precision_or_is_refused(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    x = cb.ones(4, dtype=cb.float64, device=device)
    monkeypatch.setattr(device, "_native", {k: v for k, v in device.native.items() if k is not cb.complex128})
    with pytest.raises(DTypeError, match=r"has no complex128; it supports"):
        cb.fft.rfft(x)
