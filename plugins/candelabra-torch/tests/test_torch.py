"""PyTorch's arrays as a device: values, gradients, mixed graphs, shared memory, what is refused, and conformance."""

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
from candelabra.core.errors import ArgumentTypeError, DeviceError, DTypeError, IndexOutOfRangeError
from candelabra.core.implementation import implementation
from candelabra.core.primitives import TABLE
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
    with pytest.raises(DeviceError, match="device 'torch:77' is not there: backend 'torch' has"):
        cb.ones(2, device="torch:77")


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_a_missing_accelerator_is_told() -> None:
    for wanted in ("torch:cuda", "torch:cuda:0"):
        with pytest.raises(DeviceError, match=f"no device named '{wanted[6:]}'; it has 0: cpu"):
            cb.ones(2, device=wanted)


def test_accelerators_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    backend = candelabra_torch.TorchBackend()
    assert backend.devices() == ["cpu", "cuda:0", "cuda:1", "mps"]
    assert [backend.index_of(name) for name in ("cpu", "cuda:1", "mps")] == [0, 2, 3]
    assert [str(backend.native_device(i)) for i in range(4)] == backend.devices()
    assert "float64" in backend.dtypes(1) and not {"float64", "complex128"} & set(backend.dtypes(3))
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: asked.append(str(device)))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: asked.append("mps"))
    for index in range(4):
        backend.synchronize(index)
    assert asked == ["cuda:0", "cuda:1", "mps"]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (5, 9))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 10 + device.index)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 20 + device.index)
    assert backend.memory(2) == {"allocated": 11, "reserved": 21, "free": 5, "total": 9}


def test_arrays_are_pytorchs_and_its_autograd_stays_out() -> None:
    x = cb.asarray([1.0, 2.0, 3.0], device="torch", requires_grad=True)
    (x * x + cb.exp(x)).sum().backward()
    assert isinstance(x.array, torch.Tensor) and not x.array.requires_grad
    assert x.grad is not None and x.grad.device == x.device
    assert cb.allclose(x.grad.to("cpu"), cb.asarray([4.7182817, 11.389056, 26.085537]))


def test_nothing_is_recorded_by_pytorch() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.GELU(), nn.Flatten(), nn.Linear(72, 3)).to("torch")
    optimizer = optim.AdamW(model.parameters(), lr=0.1)
    labels = cb.asarray([0, 2], device="torch")
    loss = nn.functional.cross_entropy(model(cb.ones((2, 1, 8, 8), device="torch")), labels)
    loss.backward()
    optimizer.step()
    held = [loss, *model.parameters(), *(p.grad for p in model.parameters()), *model.buffers()]
    held += [v for state in optimizer.state.values() for v in state.values() if isinstance(v, cb.Tensor)]
    there = [t.array for t in held if t.device.type == "torch"]
    assert len(there) > 20
    assert not any(a.requires_grad or a.grad_fn is not None for a in there)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64", "complex64"])
def test_host_memory_is_shared_both_ways(dtype: str) -> None:
    here = cb.asarray(np.arange(6).reshape(2, 3).astype(dtype))
    there = here.to("torch")
    assert there.array.data_ptr() == here.array.ctypes.data
    assert there.to("cpu").array.ctypes.data == here.array.ctypes.data
    columns = there.mT
    assert columns.to("cpu").array.ctypes.data == here.array.ctypes.data
    assert columns.to("cpu").tolist() == here.mT.tolist()


def test_what_is_shared_is_not_written() -> None:
    here = cb.zeros(3)
    there = here.to("torch")
    there += 1
    there[0] = 7
    assert (here.tolist(), there.tolist()) == ([0, 0, 0], [7, 1, 1])


def test_pytorchs_tensors_are_taken_as_they_are() -> None:
    given = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    for made in (cb.asarray(given), cb.from_dlpack(given), cb.as_tensor(given)):
        assert str(made.device) == "cpu" and made.array.ctypes.data == given.data_ptr()
    for made in (cb.asarray(given, device="torch"), cb.from_dlpack(given, device="torch")):
        assert str(made.device) == "torch:0" and made.array.data_ptr() == given.data_ptr()
    copied = cb.tensor(given, device="torch")
    assert copied.array.data_ptr() != given.data_ptr() and copied.tolist() == given.tolist()
    x = cb.ones((2, 3), device="torch")
    assert (x + given).tolist() == (given + x).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert type(cb.asarray(torch.nn.Parameter(given, requires_grad=False), device="torch").array) is torch.Tensor
    assert torch.from_dlpack(x).data_ptr() == x.array.data_ptr() == x.to("cpu").array.ctypes.data
    assert torch.from_dlpack(cb.conj(cb.asarray([1 + 2j], device="torch"))).tolist() == [1 - 2j]


def test_what_pytorch_differentiates_is_refused() -> None:
    given, x = torch.ones(3, requires_grad=True), cb.ones(3, device="torch")
    for name, wrong in {
        "asarray": lambda: cb.asarray(given, device="torch"), "add": lambda: x + given,
        "from_dlpack": lambda: cb.from_dlpack(given * 2, device="torch"),
    }.items():  # fmt: skip
        with pytest.raises(ArgumentTypeError, match=rf"{name}: .* requires grad: .*x\.detach\(\)"):
            wrong()
    with pytest.raises(ArgumentTypeError, match="detach"):
        cb.asarray(given)
    assert cb.asarray(given.detach(), device="torch").tolist() == [1, 1, 1]


def test_what_holds_no_numbers_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match=r"asarray: this torch.Tensor is torch.sparse_coo; .*to_dense"):
        cb.asarray(torch.eye(2).to_sparse(), device="torch")
    with pytest.raises(ArgumentTypeError, match="on the meta device has no data"):
        cb.asarray(torch.ones(2, device="meta"), device="torch")
    with pytest.raises(DTypeError, match=r"asarray: device 'torch:0' has no torch.uint16; it supports bool"):
        cb.asarray(torch.ones(2, dtype=torch.uint16), device="torch")
    with pytest.raises(ArgumentTypeError, match=r"at least one operand must be a Tensor, got torch.Tensor"):
        cb.sum(torch.ones(2))


def test_16_bit_floats_cross_over() -> None:
    for dtype in (cb.float16, cb.bfloat16):
        x = cb.asarray([1.5, -0.25, 3e4], dtype=dtype)
        there = x.to("torch")
        assert there.dtype is dtype and there.to("cpu").tolist() == x.tolist()
        assert (there * 2).dtype is dtype


def test_what_the_device_lacks_is_told() -> None:
    for dtype in (cb.uint16, cb.uint32, cb.uint64):
        with pytest.raises(DTypeError, match=f"device 'torch:0' has no {dtype.name}; it supports bool"):
            cb.ones(3, dtype=dtype, device="torch")
        assert cb.asarray(torch.ones(2).to(getattr(torch, dtype.name))).dtype is dtype


def test_promotion_is_the_cores() -> None:
    single, double = cb.ones(2, device="torch"), cb.ones((), dtype=cb.float64, device="torch")
    whole = cb.ones(2, dtype=cb.int8, device="torch")
    # In PyTorch a tensor without axes does not widen one that has some.
    assert (single + double).dtype is cb.float64 and (single.array + double.array).dtype is torch.float32
    assert (whole / whole).dtype is cb.float32 and (whole + 2.5).dtype is cb.float32
    assert (whole + cb.ones((), dtype=cb.int64, device="torch")).dtype is cb.int64
    assert cb.where(whole > 0, single, double).dtype is cb.float64
    assert cb.sum(whole).dtype is cb.int64


def test_indices_out_of_range_are_refused() -> None:
    x, index = cb.ones((2, 3), device="torch"), cb.asarray([[3], [0]], device="torch")
    for wrong in (
        lambda: cb.take_along_axis(x, index, axis=1), lambda: cb.take(x, index[:, 0], axis=1),
        lambda: nn.functional.cross_entropy(x, index[:, 0]),
    ):  # fmt: skip
        with pytest.raises(IndexOutOfRangeError):
            wrong()


KEYS = ("x[::-1]", "x[:, ::-2]", "x[-1, ..., 1:]", "x[i]", "x[:, i]", "x[i, i]", "x[None, i, 0]", "x[i, ::-1]")


@pytest.mark.parametrize("key", KEYS)
def test_keys_as_the_host_reads_them(key: str) -> None:
    found = []
    for device in ("cpu", "torch"):
        x = cb.arange(24.0, device=device).reshape(4, 3, 2).requires_grad_()
        i = cb.asarray([0, -1, 0], device=device)
        y = eval(key, {"x": x, "i": i})
        (y * y).sum().backward()
        z = x.detach().clone()
        exec(f"{key} = 5", {"x": z, "i": i})
        assert x.grad is not None
        found.append((y.tolist(), x.grad.tolist(), z.tolist()))
    assert found[0] == found[1]


def test_of_equal_places_the_last_is_written() -> None:
    n = 50_000
    index, values = cb.arange(n) % 7, cb.arange(float(n))
    x = cb.zeros(7, device="torch")
    x[index.to("torch")] = values.to("torch")
    assert x.tolist() == [float(n - 1 - (n - 1 - i) % 7) for i in range(7)]


@pytest.mark.parametrize(("name", "x", "y"), [("floor_divide", np.inf, 2.0), ("floor_divide", 1.0, -np.inf),
                                               ("remainder", -0.0, 2.0), ("remainder", 6.0, -2.0)])  # fmt: skip
def test_special_values_of_division(name: str, x: float, y: float) -> None:
    found, wanted = (
        getattr(cb, name)(cb.asarray([x], device=device), cb.asarray([y], device=device)).tolist()[0]
        for device in ("torch", "cpu")
    )
    assert (found, np.signbit(found)) == (wanted, np.signbit(wanted))


def test_kernels_are_pytorchs_own() -> None:
    own = {row for row in TABLE if implementation(TABLE[row], cb.device("torch:0")).source == "kernel"}
    assert {"conv", "max_pool", "batch_norm", "attention", "softmax", "gelu", "adam_step", "matmul", "getitem"} <= own
    assert len(own) > 90


def lower_half(device: str) -> Any:
    """A mask that hides the first row whole."""
    return cb.tril(cb.ones((5, 5), device=device), k=-1) > 0


LAYERS: dict[str, Any] = {
    "lstm": lambda d: nn.LSTM(4, 6, num_layers=2, bidirectional=True, bias=False).to(d),
    "lstm, biases": lambda d: nn.LSTM(4, 6, batch_first=True).to(d),
    "gru": lambda d: nn.GRU(4, 6, num_layers=2, bidirectional=True).to(d),
    "rnn": lambda d: nn.RNN(4, 6).to(d),
    "attention": lambda d: lambda x: (nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True),),
    "attention, mask": lambda d: lambda x: (nn.functional.scaled_dot_product_attention(x, x, x, lower_half(d)),),
    "groups": lambda d: lambda x: (nn.functional.group_norm(x.mT, 2, eps=0.1),),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_single_precision_are_the_hosts(name: str) -> None:
    # Conformance differentiates in double precision; some of PyTorch's kernels are for single precision alone.
    found = []
    for device in ("cpu", "torch"):
        cb.manual_seed(1)
        layer = LAYERS[name](device)
        shape = (2, 3, 5, 4) if name.startswith("attention") else (5, 3, 4)
        x = cb.randn(shape, device=device).requires_grad_()
        y = layer(x)[0]
        (y * cb.randn(y.shape, device=device)).sum().backward()
        parameters = [p.grad for p in layer.parameters()] if isinstance(layer, nn.Module) else []
        found.append([y.detach(), x.grad, *parameters])
    for here, there in zip(*found, strict=True):
        assert str(there.device) == "torch:0"
        assert cb.allclose(there.to("cpu"), here, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [cb.float32, cb.bfloat16, cb.complex64])
def test_optimizers_take_every_parameter(dtype: Any) -> None:
    moved = []
    for device in ("cpu", "torch"):
        p = nn.Parameter(cb.asarray([1.0, -2.0, 3.0]).to(dtype).to(device))
        q = nn.Parameter(cb.ones((2, 2), device=device))
        optimizers = [
            optim.SGD([p, q], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
            optim.AdamW([p, q], lr=0.1, amsgrad=True), optim.Adam([p], lr=0.1, weight_decay=0.1, maximize=True),
        ]  # fmt: skip
        for step in range(4):
            loss = cb.abs(p).square().sum() + (q.sum() if step else 0.0)
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
        assert p.dtype is dtype and str(p.device).startswith(device)
        moved.append([p.detach().to("cpu").to(cb.complex64), q.detach().to("cpu")])
    for one, other in zip(*moved, strict=True):
        assert cb.allclose(one, other, rtol=2e-2 if dtype is cb.bfloat16 else 1e-5)


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


def test_the_digits_network_learns_as_on_the_host(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    from candelabra.training_demo import Settings
    from candelabra.training_demo import train as demo

    here, there = (demo(Settings(device=d, epochs=2, output=tmp_path / d)).history for d in ("cpu", "torch"))
    np.testing.assert_allclose(there.losses, here.losses, rtol=2e-3)
    np.testing.assert_allclose(there.test, here.test, atol=0.01)
    assert there.test[-1] > 0.93


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
    rows = (
        "add", "remainder", "expm1", "matmul", "sum", "argmax", "take_along_axis", "getitem", "setitem", "unique_all",
        "sort", "softmax", "conv", "max_pool", "batch_norm", "cross_entropy", "adam_step", "fft_r2c",
    )  # fmt: skip
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
