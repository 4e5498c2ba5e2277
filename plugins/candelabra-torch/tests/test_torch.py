"""PyTorch's arrays as a device: values, gradients, mixed graphs, memory shared with the host, and conformance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import candelabra as cb
import candelabra_torch
import numpy as np
import pytest
import torch
from candelabra import nn, optim
from candelabra.core.errors import DeviceError, DTypeError, IndexOutOfRangeError
from candelabra.plugins.manager import Manager


@pytest.fixture(autouse=True)
def _with_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANDELABRA_DISABLE_PLUGINS", raising=False)


def test_it_is_found_by_its_entry_point_and_loads_when_asked_for() -> None:
    status = next(status for status in Manager().statuses() if status.name == "torch")
    assert (status.distribution, status.device_types, status.state) == ("candelabra-torch", ("torch",), "not loaded")
    assert cb.device("torch:cpu") == cb.device("torch", 0)
    with pytest.raises(DeviceError, match="backend 'torch' has no device named 'tpu'; it has 0: cpu"):
        cb.device("torch:tpu")


def test_arrays_are_pytorchs_and_its_autograd_stays_out() -> None:
    x = cb.asarray([1.0, 2.0, 3.0], device="torch", requires_grad=True)
    (x * x + cb.exp(x)).sum().backward()
    assert isinstance(x.array, torch.Tensor) and not x.array.requires_grad
    assert x.grad is not None and x.grad.device == x.device
    assert cb.allclose(x.grad.to("cpu"), cb.asarray([4.7182817, 11.389056, 26.085537]))


def test_host_memory_is_shared_both_ways() -> None:
    here = cb.asarray(np.arange(6.0).reshape(2, 3))
    there = here.to("torch")
    assert there.array.data_ptr() == here.array.ctypes.data
    assert there.to("cpu").array.ctypes.data == here.array.ctypes.data


def test_16_bit_floats_cross_over() -> None:
    for dtype in (cb.float16, cb.bfloat16):
        x = cb.asarray([1.5, -0.25, 3e4], dtype=dtype)
        there = x.to("torch")
        assert there.dtype is dtype and there.to("cpu").tolist() == x.tolist()
        assert (there * 2).dtype is dtype


def test_what_the_device_lacks_is_told() -> None:
    with pytest.raises(DTypeError, match="device 'torch:0' has no uint32; it supports bool"):
        cb.ones(3, dtype=cb.uint32, device="torch")


def test_indices_out_of_range_are_refused() -> None:
    x, index = cb.ones((2, 3), device="torch"), cb.asarray([[3], [0]], device="torch")
    for wrong in (
        lambda: cb.take_along_axis(x, index, axis=1), lambda: cb.take(x, index[:, 0], axis=1),
        lambda: nn.functional.cross_entropy(x, index[:, 0]),
    ):  # fmt: skip
        with pytest.raises(IndexOutOfRangeError):
            wrong()


def test_remainders_of_far_quotients() -> None:
    x, y = cb.asarray([1e30, -1e30], device="torch"), cb.asarray([1e-30, 1e-30], device="torch")
    wanted = cb.remainder(x.to("cpu"), y.to("cpu"))
    assert cb.allclose(cb.remainder(x, y).to("cpu"), wanted, rtol=1e-6, atol=0.0)


def train(device: str, steps: int = 12) -> list[float]:
    cb.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(64, 10),
    ).to(device)  # fmt: skip
    optimizer = optim.AdamW(model.parameters(), lr=3e-2)
    x = cb.randn(24, 1, 8, 8).to(device)
    labels = cb.randint(0, 10, (24,)).to(device)
    losses = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses


def test_training_is_the_hosts() -> None:
    here, there = train("cpu"), train("torch")
    assert there[-1] < 0.5 * there[0]
    np.testing.assert_allclose(there, here, rtol=1e-3)


def test_one_graph_across_devices() -> None:
    table, body, head = nn.Embedding(7, 4), nn.Linear(4, 5).to("torch"), nn.Linear(5, 2)
    parameters = [*table.parameters(), *body.parameters(), *head.parameters()]
    optimizer = optim.SGD(parameters, lr=0.5)
    words, labels = cb.asarray([1, 2, 3, 4]), cb.asarray([0, 1, 0, 1])
    first = last = 0.0
    for step in range(40):
        loss = nn.functional.cross_entropy(head(body(table(words).to("torch")).to("cpu")), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        first, last = (float(loss), 0.0) if not step else (first, float(loss))
    assert last < 0.2 * first
    assert {str(p.grad.device) for p in parameters if p.grad is not None} == {"cpu", "torch:0"}


def test_draws_are_the_hosts() -> None:
    drawn: list[Any] = []
    for device in ("cpu", "torch"):
        cb.manual_seed(0)
        drawn.append([
            cb.rand(5, device=device).tolist(), cb.randint(0, 9, (5,), device=device).tolist(),
            cb.randperm(6, device=device).tolist(), cb.randn(5, device=device).tolist(),
        ])  # fmt: skip
    assert drawn[0] == drawn[1]


def test_conformance_of_some_rows(tmp_path: Path) -> None:
    rows = ("add", "remainder", "matmul", "sum", "argmax", "take_along_axis", "unique_all", "sort", "softmax", "svd")
    command = [
        sys.executable, "-m", "candelabra", "conformance", "torch", "--max-examples", "2", "-p", "no:cacheprovider",
        "-k", " or ".join(f"torch:0-{row}]" for row in rows),
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "CANDELABRA_DISABLE_PLUGINS"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_it_says_what_it_is() -> None:
    (spec,) = candelabra_torch.candelabra_backends()
    backend = spec.load()
    assert backend.describe() == {"version": torch.__version__}
    assert list(backend.devices())[0] == "cpu" and backend.get_num_threads() == torch.get_num_threads()
