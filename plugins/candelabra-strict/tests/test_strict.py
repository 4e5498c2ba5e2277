"""The installed plugin: found by its entry point, honest about its devices, small enough to be an example."""

from __future__ import annotations

import inspect

import candelabra as cb
import candelabra_strict
import pytest
from candelabra.core.errors import DeviceError, DeviceMismatchError, DTypeError
from candelabra.plugins.manager import Manager

NAMES = ["CPU_DEVICE", "device1", "device2", "no_float64", "no_x64"]


@pytest.fixture(autouse=True)
def _with_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANDELABRA_DISABLE_PLUGINS", raising=False)


def test_it_is_found_by_its_entry_point() -> None:
    status = next(status for status in Manager().statuses() if status.name == "strict")
    assert (status.distribution, status.device_types, status.state) == ("candelabra-strict", ("strict",), "not loaded")


def test_it_is_under_forty_lines() -> None:
    assert len(inspect.getsource(candelabra_strict).splitlines()) < 40


@pytest.mark.parametrize("name", NAMES)
def test_gradients_stay_on_the_device(name: str) -> None:
    device = cb.device(f"strict:{name}")
    x = cb.asarray([1.0, 2.0, 3.0], device=device, requires_grad=True)
    (x * x + cb.exp(x)).sum().backward()
    assert x.grad is not None
    assert x.grad.device == device
    expected = cb.asarray([4.7182817, 11.389056, 26.085537])
    assert float(cb.max(cb.abs(x.grad.to("cpu") - expected))) < 1e-5


def test_names_and_indices_are_the_same_devices() -> None:
    for index, name in enumerate(NAMES):
        assert cb.device(f"strict:{name}") == cb.device("strict", index)


@pytest.mark.parametrize(("name", "lacks"), [("no_float64", "float64"), ("no_x64", "float64"), ("no_x64", "int64")])
def test_a_device_says_what_it_lacks(name: str, lacks: str) -> None:
    with pytest.raises(DTypeError, match=rf"^ones: device 'strict:\d' has no {lacks}; it supports int8, "):
        cb.ones(3, device=f"strict:{name}", dtype=getattr(cb, lacks))
    if lacks == "int64":
        # Integers move into narrower ones where they fit: labels and counts are int64 elsewhere.
        assert cb.ones(3, dtype=cb.int64).to(f"strict:{name}").dtype is cb.int32
        return
    with pytest.raises(DTypeError, match=rf"^to_device: device 'strict:\d' has no {lacks}"):
        cb.ones(3, dtype=getattr(cb, lacks)).to(f"strict:{name}")


def test_defaults_shrink_where_a_device_lacks_them() -> None:
    assert cb.asarray([1, 2], device="strict:no_x64").dtype == cb.int32
    assert cb.asarray([1, 2], device="strict:no_float64").dtype == cb.int64
    assert cb.asarray([1.0], device="strict:no_x64").dtype == cb.float32


def test_its_devices_do_not_mix() -> None:
    with pytest.raises(DeviceMismatchError, match=r"^add: operands are on different devices, strict:1 and strict:2"):
        cb.ones(3, device="strict:device1") + cb.ones(3, device="strict:device2")


def test_a_device_that_it_does_not_have() -> None:
    with pytest.raises(DeviceError, match=r"^backend 'strict' has no device named 'warp'; it has 0: CPU_DEVICE"):
        cb.device("strict:warp")
    with pytest.raises(DeviceError, match=r"^device 'strict:9' is not there: backend 'strict' has 5 devices"):
        cb.ones(1, device="strict:9")


def test_what_the_standard_lacks_runs_by_its_generic_body() -> None:
    x = cb.asarray([[0.5, -1.0, 2.0]], device="strict", requires_grad=True)
    there = cb.softmax(x, axis=1)
    (there * there).sum().backward()
    y = cb.asarray([[0.5, -1.0, 2.0]], requires_grad=True)
    here = cb.softmax(y, axis=1)
    (here * here).sum().backward()
    assert x.grad is not None and y.grad is not None
    for strict, cpu in ((there, here), (x.grad, y.grad)):
        assert float(cb.max(cb.abs(strict.detach().to("cpu") - cpu.detach()))) < 1e-6


def test_moving_between_backends_is_differentiable() -> None:
    x = cb.asarray([1.0, 2.0], requires_grad=True)
    (x.to("strict:device2") * 3).to("cpu").sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]
