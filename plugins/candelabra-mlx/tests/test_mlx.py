"""MLX's arrays as a device: values, laziness, memory, what it lacks and says, training, and conformance."""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import candelabra as cb
import candelabra_mlx
import mlx.core as mx
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.core.errors import (
    DeviceError,
    DTypeError,
    HostFallbackWarning,
    IndexOutOfRangeError,
    LinAlgError,
    ShapeError,
    TransformError,
)
from candelabra.core.implementation import Implementation
from candelabra.core.primitives.row import TABLE
from candelabra.plugins.manager import Manager

on_cpu = pytest.mark.skipif(mx.default_device() != mx.Device(mx.cpu, 0), reason="MLX computes on a GPU here")


@pytest.fixture(autouse=True)
def _with_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANDELABRA_DISABLE_PLUGINS", raising=False)


def test_it_is_found_by_its_entry_point_and_loads_when_asked_for() -> None:
    status = next(status for status in Manager().statuses() if status.name == "mlx")
    assert (status.distribution, status.device_types, status.state) == ("candelabra-mlx", ("mlx",), "not loaded")
    assert cb.device(f"mlx:{mx.default_device().type.name}") == cb.device("mlx", 0)
    with pytest.raises(DeviceError, match="backend 'mlx' has no device named 'tpu'; it has 0: "):
        cb.device("mlx:tpu")


def test_the_device_is_under_eighty_lines() -> None:
    assert len(inspect.getsource(candelabra_mlx).splitlines()) < 80


def test_arrays_are_mlxs_and_its_autograd_stays_out() -> None:
    x = cb.asarray([1.0, 2.0, 3.0], device="mlx", requires_grad=True)
    (x * x + cb.exp(x)).sum().backward()
    assert isinstance(x.array, mx.array)
    assert x.grad is not None and x.grad.device == x.device
    assert cb.allclose(x.grad.to("cpu"), cb.asarray([4.7182817, 11.389056, 26.085537]))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "bfloat16", "float32", "complex64"])
def test_every_dtype_crosses_over_and_back(dtype: str) -> None:
    kind = getattr(cb, dtype)
    x = cb.asarray([[1, 0, 2], [3, 1, 0]]).to(kind)
    there = x.to("mlx")
    assert there.dtype is kind and there.T.to("cpu").tolist() == x.T.tolist()
    assert cb.asarray(there, device="cpu").tolist() == x.tolist()


def test_numbers_of_64_bits_keep_their_digits() -> None:
    for value, dtype in ((2**63 + 1, cb.uint64), (2**62 + 1, cb.int64)):
        assert cb.full((1,), value, dtype=dtype, device="mlx").tolist() == [value]
        assert cb.asarray([value], dtype=dtype, device="mlx").tolist() == [value]
    assert cb.arange(2**53, 2**53 + 3, dtype=cb.int64, device="mlx").tolist() == [2**53, 2**53 + 1, 2**53 + 2]


@on_cpu
def test_the_host_reads_mlxs_memory() -> None:
    there = cb.asarray([1.0, 2.0, 3.0], device="mlx") * 2
    here = there.to("cpu")
    assert here.array.ctypes.data == np.asarray(there.array).ctypes.data
    here += 1
    assert there.tolist() == [2.0, 4.0, 6.0]


@on_cpu
def test_double_precision_is_double() -> None:
    x = cb.linspace(-30.0, 30.0, 401, dtype=cb.float64, device="mlx")
    for name in ("exp", "sin", "cos", "tanh", "sigmoid", "erf", "expm1", "softplus"):
        function = getattr(cb if hasattr(cb, name) else nn.functional, name)
        found, wanted = np.asarray(function(x).to("cpu")), np.asarray(function(x.to("cpu")))
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14, err_msg=name)


def test_a_gpu_has_no_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    (spec,) = candelabra_mlx.candelabra_backends()
    backend = spec.load()
    monkeypatch.setattr(backend, "names", ["gpu", "cpu"])
    assert "float64" not in backend.dtypes(0) and "float64" in backend.dtypes(1)
    assert "complex128" not in backend.dtypes(1) and backend.dtypes(0)["bool"] == mx.bool_


@on_cpu
def test_a_result_in_a_dtype_that_is_missing_is_refused() -> None:
    with pytest.raises(DTypeError, match="device 'mlx:0' has no complex128; it supports bool"):
        cb.fft.fft(cb.ones(4, dtype=cb.float64, device="mlx"))
    with pytest.raises(DTypeError, match="device 'mlx:0' has no complex128"):
        cb.fft.rfft(cb.ones(4, dtype=cb.float64, device="mlx"))
    assert cb.fft.rfft(cb.ones(4, device="mlx")).dtype is cb.complex64


def test_shapes_that_depend_on_values_are_the_hosts() -> None:
    info = cb.__array_namespace_info__()
    with cb.device("mlx"):
        assert info.capabilities()["data-dependent shapes"] is False
    x = cb.asarray([3.0, -1.0, 3.0, 0.0], device="mlx", requires_grad=True)
    backend = x.device.backend
    for row in ("nonzero", "unique_values"):
        run = Implementation(TABLE[row], cb.device("mlx").resolved()).forward
        with pytest.warns(HostFallbackWarning, match=f"{row}: backend 'mlx' has no data-dependent shapes"):
            run(x.array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HostFallbackWarning)
        chosen = x[x > 0]
        assert isinstance(chosen.array, backend.array_type) and chosen.tolist() == [3.0, 3.0]
        assert cb.unique_counts(x).counts.tolist() == [1, 1, 2]
    (chosen * chosen).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [6.0, 0.0, 6.0, 0.0]
    with pytest.raises(TransformError, match="the result's shape would depend"):
        cb.func.vmap(cb.unique_values)(cb.ones((2, 3), device="mlx"))


def test_indices_out_of_range_are_refused() -> None:
    x = cb.ones((2, 3), device="mlx")
    index = cb.asarray([[3], [0]], device="mlx")
    for wrong in (
        lambda: x[5], lambda: x[:, -4], lambda: x[index[:, 0]], lambda: cb.take_along_axis(x, index, axis=1),
        lambda: cb.take(x, index[:, 0], axis=1), lambda: nn.functional.cross_entropy(x, index[:, 0]),
        lambda: cb.index_add(x, 1, index[:, 0], x.T[:2].T), lambda: x.__setitem__((0, 3), 1.0),
    ):  # fmt: skip
        with pytest.raises(IndexOutOfRangeError):
            wrong()
    assert x.tolist() == [[1.0] * 3] * 2


def test_what_has_no_inverse_is_told_where_it_is_given() -> None:
    with pytest.raises(LinAlgError, match=r"^inv\(x: float32 \(2, 2\)\) on mlx:0"):
        cb.linalg.inv(cb.zeros((2, 2), device="mlx"))
    with pytest.raises(LinAlgError, match=r"^cholesky.* not positive definite"):
        cb.linalg.cholesky(cb.asarray([[[4.0, 5.0], [5.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]]], device="mlx"))
    for function in (cb.linalg.eig, cb.linalg.eigvals):
        with pytest.raises(LinAlgError, match="infs or NaNs"):
            function(cb.full((2, 2), math.nan, device="mlx"))


def test_order_with_nan_and_backwards() -> None:
    values = [2.0, math.nan, -math.inf, 0.0, -0.0, 2.0, math.inf]
    for dtype in (cb.float32, cb.float16):
        x = cb.asarray(values, dtype=dtype, device="mlx")
        for descending in (False, True):
            wanted = cb.argsort(x.to("cpu"), descending=descending)
            assert cb.argsort(x, descending=descending).tolist() == wanted.tolist()
    assert cb.argsort(cb.asarray([1, 3, 1, 2], device="mlx"), descending=True).tolist() == [1, 3, 0, 2]


def test_whole_numbers_multiply_as_matrices() -> None:
    x = cb.asarray(np.arange(-6, 6, dtype=np.int64).reshape(2, 2, 3) * 2**40, device="mlx")
    y = cb.asarray(np.arange(6, dtype=np.int64).reshape(3, 2), device="mlx")
    assert cb.matmul(x, y).tolist() == cb.matmul(x.to("cpu"), y.to("cpu")).tolist()
    assert cb.matmul(x, y[:, 0]).tolist() == cb.matmul(x.to("cpu"), y[:, 0].to("cpu")).tolist()

    with pytest.raises(ShapeError, match=r"^matmul: shapes \(2, 2, 3\) and \(1,\) do not fit"):
        cb.matmul(x, y[0, :1])


def test_shifts_farther_than_a_number_is_wide() -> None:
    for dtype in (cb.int32, cb.uint8):
        x, by = cb.asarray([1, 100], dtype=dtype, device="mlx"), cb.asarray([40, 33], dtype=dtype, device="mlx")
        assert (x << by).tolist() == (x >> by).tolist() == [0, 0]
    assert (cb.asarray([-8], device="mlx") >> 70).tolist() == [-1]


def test_sums_of_halves_do_not_overflow_on_the_way() -> None:
    x = cb.concat([cb.full((4000,), 30.0, device="mlx"), cb.full((4000,), -30.0, device="mlx")]).to(cb.float16)
    assert float(x.sum()) == 0.0


def unsettled(array: Any) -> int:
    """Return how many operations an array still waits for, from the graph that MLX draws."""
    lines: list[str] = []

    class File:
        def write(self, text: str) -> None:
            lines.append(text)

    mx.export_to_dot(File(), array)
    return "".join(lines).count("label")


def test_no_graph_grows_from_step_to_step() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).to("mlx")
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x = cb.randn(8, 4).to("mlx")
    total = cb.zeros((), device="mlx")
    waiting = []
    for _ in range(6):
        loss = model(x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()
        mx.synchronize()
        waiting.append(sum(unsettled(t.array) for t in (*model.parameters(), *model.buffers(), total)))
    assert waiting[-1] == waiting[1], waiting


def test_functions_run_within_their_device() -> None:
    entered: list[int] = []

    @contextlib.contextmanager
    def within(index: int) -> Iterator[None]:
        entered.append(index)
        yield

    device = cb.device("mlx").resolved()
    backend = device.backend
    x = mx.array([1.0, 2.0])
    try:
        backend.within = within
        made = Implementation(TABLE["tanh"], device)
    finally:
        del backend.within
    assert np.allclose(np.asarray(made.forward(x)), np.tanh([1.0, 2.0])) and entered == [0]
    assert backend.within is None or len(backend.names) > 1


def network() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, stride=2), nn.GELU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 10),
    )  # fmt: skip


def digits() -> tuple[Any, Any]:
    found = pytest.importorskip("sklearn.datasets", exc_type=ImportError).load_digits()
    return cb.asarray(found.images[:256, None] / 16.0, dtype=cb.float32), cb.asarray(found.target[:256])


def train(device: str, steps: int = 40) -> list[float]:
    cb.manual_seed(3)
    model = network().to(device)
    optimizer = optim.AdamW(model.parameters(), lr=2e-2)
    x, labels = (t.to(device) for t in digits())
    losses = []
    for step in range(steps):
        batch = slice(64 * (step % 4), 64 * (step % 4) + 64)
        loss = nn.functional.cross_entropy(model(x[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses


def test_training_is_the_hosts() -> None:
    here, there = train("cpu"), train("mlx")
    assert there[-1] < 0.3 * there[0]
    np.testing.assert_allclose(there, here, rtol=1e-3)


def test_draws_are_the_hosts() -> None:
    drawn: list[Any] = []
    for device in ("cpu", "mlx"):
        cb.manual_seed(0)
        drawn.append([
            cb.rand(5, device=device).tolist(), cb.randint(0, 9, (5,), device=device).tolist(),
            cb.randperm(6, device=device).tolist(),
        ])  # fmt: skip
    assert drawn[0] == drawn[1]


def test_conformance_of_some_rows(tmp_path: Path) -> None:
    rows = ("add", "remainder", "matmul", "sum", "take_along_axis", "argsort", "unique_all", "layer_norm", "svd",
            "index_add", "nextafter", "slice")  # fmt: skip
    command = [
        sys.executable, "-m", "candelabra", "conformance", "mlx", "--max-examples", "2", "-p", "no:cacheprovider",
        "-k", " or ".join(f"mlx:0-{row}]" for row in rows),
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "CANDELABRA_DISABLE_PLUGINS"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_it_says_what_it_is() -> None:
    (spec,) = candelabra_mlx.candelabra_backends()
    backend = spec.load()
    assert backend.describe() == {"version": mx.__version__}
    assert list(backend.devices())[0] == mx.default_device().type.name
    x = cb.ones(1000, device="mlx") + 1
    backend.synchronize()
    memory = backend.memory()
    assert x.tolist()[:1] == [2.0]
    assert memory["reserved"] >= memory["allocated"] > 0
