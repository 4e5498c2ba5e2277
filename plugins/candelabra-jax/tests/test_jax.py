"""JAX's arrays as a device: values, gradients, 64 bits or not, compiled bodies, shared memory, and conformance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import candelabra as cb
import candelabra_jax
import jax
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.core.device import as_device
from candelabra.core.errors import DeviceError, DTypeError, IndexOutOfRangeError, OutOfRangeError
from candelabra.core.implementation import implementation
from candelabra.core.primitives import TABLE
from candelabra.plugins.manager import Manager

WIDE = jax.config.jax_enable_x64
# Compiled for tests alone: less thought, the same numbers.
QUICK = "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"


@pytest.fixture(autouse=True)
def _with_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANDELABRA_DISABLE_PLUGINS", raising=False)


def run(code: str, wide: bool) -> str:
    """Run a program in a process of its own, with or without 64 bits, and return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k not in ("CANDELABRA_DISABLE_PLUGINS", "JAX_ENABLE_X64")}
    environment |= {"JAX_ENABLE_X64": "1"} if wide else {}
    code = f"import candelabra as cb\nfrom candelabra import nn, optim\n{code}"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def aligned(*shape: int) -> np.ndarray:
    """Return an array of float32 whose memory begins where JAX takes it."""
    size = int(np.prod(shape))
    memory = np.zeros(size + 16, np.float32)
    start = -memory.ctypes.data % 64 // 4
    return memory[start : start + size].reshape(shape)


def test_it_is_found_by_its_entry_point_and_loads_when_asked_for() -> None:
    status = next(status for status in Manager().statuses() if status.name == "jax")
    assert (status.distribution, status.device_types, status.state) == ("candelabra-jax", ("jax",), "not loaded")


def test_devices_are_those_of_jaxs_platform() -> None:
    platform = jax.default_backend()
    assert cb.device(f"jax:{platform}:{jax.local_devices()[0].id}") == cb.device("jax", 0)
    with pytest.raises(DeviceError, match=rf"backend 'jax' has no device named 'tpux'; it has 0: {platform}:"):
        cb.device("jax:tpux")
    with pytest.raises(DeviceError, match="device 'jax:99' is not there: backend 'jax' has"):
        cb.ones(2, device="jax:99")


def test_it_says_what_it_is() -> None:
    (spec,) = candelabra_jax.candelabra_backends()
    backend = spec.load()
    assert backend.describe() == {"version": jax.__version__, "x64": "on" if WIDE else "off"}
    before = backend.memory()["allocated"]
    kept = cb.ones(1 << 20, device="jax")
    backend.synchronize()
    assert kept.array.is_ready() and backend.memory()["allocated"] >= before + 4 * (1 << 20)


def test_arrays_are_jaxs_and_never_change() -> None:
    x = cb.asarray([1.0, 2.0, 3.0], device="jax", requires_grad=True)
    (x * x + cb.exp(x)).sum().backward()
    assert isinstance(x.array, jax.Array) and x.grad is not None and x.grad.device == x.device
    assert cb.allclose(x.grad.to("cpu"), cb.asarray([4.7182817, 11.389056, 26.085537]))
    y = x.detach()
    before = y.array
    y += 1
    y[0] = 7.0
    y.zero_()
    assert before.tolist() == [1.0, 2.0, 3.0] and y.tolist() == [0.0] * 3
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_host_memory_is_shared_where_it_is_aligned() -> None:
    here = cb.from_numpy(aligned(64, 32))
    there = here.to("jax")
    assert there.array.unsafe_buffer_pointer() == here.array.ctypes.data
    assert there.to("cpu").array.ctypes.data == there.array.unsafe_buffer_pointer()
    made = cb.ones((3, 5), device="jax") * 2
    assert made.to("cpu").array.ctypes.data == made.array.unsafe_buffer_pointer()


def test_memory_that_is_not_aligned_or_strided_is_copied() -> None:
    memory = aligned(64, 32)
    memory[:] = np.arange(32)
    for view in (memory.reshape(-1)[1:], memory[:, ::2], memory[::-1]):
        there = cb.from_numpy(view).to("jax")
        assert there.to("cpu").tolist() == view.tolist()
        assert there.array.unsafe_buffer_pointer() != view.ctypes.data


def test_a_write_on_one_side_is_not_seen_on_the_other() -> None:
    here = cb.from_numpy(aligned(16))
    there = here.to("jax")
    here += 1
    assert there.tolist() == [0.0] * 16
    back = there.to("cpu")
    back[0] = 5.0
    assert there.tolist() == [0.0] * 16 and here.tolist() == [1.0] * 16


def test_16_bit_floats_cross_over() -> None:
    for dtype in (cb.float16, cb.bfloat16):
        x = cb.asarray([1.5, -0.25, 3e4], dtype=dtype)
        there = x.to("jax")
        assert there.dtype is dtype and there.to("cpu").tolist() == x.tolist()
        assert (there * 2).dtype is dtype and (there @ there).dtype is dtype


NARROW = """
x = cb.tensor([1, 2], device="jax")
found = [x.dtype, cb.argmax(x).dtype, cb.tensor([1, 2]).to("jax").dtype, cb.randperm(3, device="jax").dtype,
         cb.bincount(x).dtype, nn.functional.one_hot(x, 3).dtype, cb.asarray(1.5, device="jax").dtype,
         nn.BatchNorm1d(2).to("jax").num_batches_tracked.dtype, cb.nonzero(x)[0].dtype]
print(*[d.name for d in found])
"""


def test_integers_are_as_wide_as_the_device_has_them() -> None:
    assert run(NARROW, wide=False).split() == ["int32"] * 6 + ["float32"] + ["int32"] * 2
    assert run(NARROW, wide=True).split() == ["int64"] * 6 + ["float32"] + ["int64"] * 2


REFUSED = """
from candelabra.core.errors import DTypeError, OutOfRangeError
def refused(call):
    try:
        print(call().dtype.name)
    except (DTypeError, OutOfRangeError) as error:
        print(f"{type(error).__name__} {error}")
refused(lambda: cb.ones(2, dtype=cb.float64, device="jax"))
refused(lambda: cb.ones(2, dtype=cb.float64).to("jax"))
refused(lambda: cb.ones(2, device="jax").double())
refused(lambda: cb.ones(2, device="jax").long())
refused(lambda: cb.tensor([2**40]).to("jax"))
refused(lambda: cb.tensor([2**40], device="jax"))
"""


def test_what_needs_64_bits_names_the_switch() -> None:
    narrow = run(REFUSED, wide=False).splitlines()
    for line, dtype in zip(narrow, ["float64"] * 3 + ["int64"], strict=False):
        assert line.startswith("DTypeError ") and f"device 'jax:0' has no {dtype}; it supports bool, " in line
        assert line.endswith("; with JAX_ENABLE_X64=1 in the environment JAX has it")
    assert all(line.startswith("OutOfRangeError ") and "device 'jax:0' has no int64" in line for line in narrow[4:])
    assert run(REFUSED, wide=True).split() == ["float64"] * 3 + ["int64"] * 3


def test_double_precision_is_exact_with_64_bits() -> None:
    code = 'print(repr(cb.exp(cb.tensor(1.0, dtype=cb.float64, device="jax")).item()))'
    assert abs(float(run(code, wide=True)) - 2.718281828459045) < 1e-15


def test_what_the_device_has_it_announces() -> None:
    names = {dtype.name for dtype in as_device("jax").native}
    assert {"bfloat16", "float16", "int32", "uint32", "complex64"} <= names
    assert ({"float64", "int64", "uint64", "complex128"} <= names) == WIDE


def test_indices_out_of_range_are_refused() -> None:
    x, index = cb.ones((2, 3), device="jax"), cb.asarray([[3], [0]], device="jax")
    weight = cb.ones((3, 2), device="jax")
    for wrong in (
        lambda: cb.take_along_axis(x, index, axis=1), lambda: cb.take(x, index[:, 0], axis=1), lambda: x[5],
        lambda: x[index], lambda: cb.scatter_add(x, index, x, axis=1), lambda: x[:, -4], lambda: weight[index[:, 0]],
        lambda: nn.functional.cross_entropy(x, index[:, 0]), lambda: nn.functional.embedding(index, weight),
    ):  # fmt: skip
        with pytest.raises(IndexOutOfRangeError, match=r"3|5|-4"):
            wrong()
    for row in (cb.gather, cb.take_along_axis):
        with pytest.raises(IndexOutOfRangeError):
            row(x, index - 7, axis=1)
    below = cb.asarray([[-1], [0]], device="jax")
    for negative in (
        lambda: nn.functional.cross_entropy(x, below[:, 0]), lambda: cb.scatter(x, below, x, axis=1),
        lambda: cb.index_add(x, below[:, 0], x, axis=0), lambda: cb.gather(x, below, axis=1),
        lambda: cb.scatter_reduce(x, below, x, axis=1, reduce="sum"),
    ):  # fmt: skip
        with pytest.raises(IndexOutOfRangeError, match="-1"):
            negative()
    for key in (index[:, 0], 4):
        with pytest.raises(IndexOutOfRangeError):
            weight[key] = 0.0


@pytest.mark.parametrize("kind", ["float32", "complex64", "bfloat16"])
def test_decompositions_read_the_lower_triangle(kind: str) -> None:
    values = np.array([[4.0, 9.0], [1.0, 3.0]]) + (np.array([[0, 5j], [1j, 0]]) if kind == "complex64" else 0)
    x = cb.astype(cb.asarray(values, device="jax"), getattr(cb, kind))
    whole = np.tril(values) + np.tril(values, -1).conj().T
    (first, vectors), second, factor = (
        implementation(TABLE[name], x.device).forward(x.array) for name in ("eigh", "eigvalsh", "cholesky")
    )
    assert factor.dtype == vectors.dtype == x.array.dtype and first.dtype == second.dtype
    factor, vectors, *both = (np.asarray(x).astype(whole.dtype) for x in (factor, vectors, first, second))
    for part in both:
        np.testing.assert_allclose(part, np.linalg.eigvalsh(whole), rtol=1e-2 if kind == "bfloat16" else 1e-5)
    np.testing.assert_allclose(factor @ factor.conj().T, whole, rtol=2e-2 if kind == "bfloat16" else 1e-5)
    if kind == "complex64":
        assert (vectors[np.argmax(np.abs(vectors), axis=0), [0, 1]].imag == 0).all()


def test_an_order_is_handed_over_by_name() -> None:
    x = cb.asarray([3.0, 1.0, 2.0], device="jax")
    assert cb.searchsorted(x, cb.asarray([2.0, 4.0, 0.0], device="jax"), sorter=cb.argsort(x)).tolist() == [1, 3, 0]
    rows = cb.stack([x, -x])
    found = cb.searchsorted(rows, cb.asarray([[2.0], [-1.0]], device="jax"), sorter=cb.argsort(rows), side="right")
    assert found.tolist() == [[2], [3]] and cb.searchsorted(cb.sort(x), 2.0).dtype is cb.argsort(x).dtype


def test_digamma_has_its_pole_at_zero() -> None:
    x = cb.asarray([0.0, -0.0, 1.0], device="jax")
    for found in (cb.digamma(x), cb.polygamma(0, x)):
        assert found.tolist()[:2] == [-np.inf, np.inf]


def test_what_is_subnormal_on_the_way_is_not_zero_at_the_end() -> None:
    x = cb.asarray([-88.0, 0.5], device="jax")
    for function in (nn.functional.silu, nn.functional.mish):
        np.testing.assert_allclose(np.asarray(function(x).to("cpu")), np.asarray(function(x.to("cpu"))), rtol=1e-5)


def test_nothing_is_compiled_to_hold_or_copy_an_array(caplog: pytest.LogCaptureFixture) -> None:
    room = np.zeros(4 * 61 + 64, np.uint8)
    start = -room.ctypes.data % 64
    given = room[start : start + 4 * 61].view(np.float32)
    with jax.log_compiles():
        held, copied = cb.tensor(given, device="jax"), cb.asarray(given, device="jax", copy=True)
    assert not caplog.records
    given += 1
    assert not cb.any(held) and not cb.any(copied)
    host = cb.zeros(61)
    there = host.to("jax")
    host += 1
    assert not cb.any(there)


def test_compile_makes_one_function_of_many() -> None:
    backend = as_device("jax").backend
    assert backend.compile is not None
    x = jax.numpy.linspace(-3, 3, 31)
    xp = implementation(TABLE["exp"], as_device("jax")).xp

    def raw(x: Any) -> Any:
        return xp.softmax(xp.matmul(xp.reshape(x, (31, 1)), xp.reshape(xp.gelu(x), (1, 31))), axis=1)

    np.testing.assert_allclose(backend.compile(raw)(x), raw(x), rtol=1e-6)
    with_tensors = backend.compile(lambda x: cb.tanh(cb.Tensor(x, as_device("jax")) * 2).array)
    np.testing.assert_allclose(with_tensors(x), np.tanh(2 * np.asarray(x)), rtol=1e-5)


def programs(function: Any) -> Any:
    """What has been compiled by a function, or by one that it wraps."""
    waiting, seen = [function], []
    while waiting:
        function = waiting.pop(0)
        if hasattr(function, "made"):
            return function.made
        seen.append(function)
        cells = getattr(function, "__closure__", None) or ()
        waiting += [c.cell_contents for c in cells if callable(c.cell_contents) and c.cell_contents not in seen]
    return None


def test_bodies_and_backwards_are_compiled_once_for_their_statics() -> None:
    x = cb.randn(4, 5, device="jax", requires_grad=True)
    F = nn.functional
    made = programs(implementation(TABLE["softmax"], x.device).forward)
    made.clear()
    sizes = []
    for _ in range(3):
        (F.softmax(x, axis=1) * F.softmax(x, axis=0)).sum().backward()
        sizes.append([function._cache_size() for function in made.values()])
    assert len(made) == 2 and sizes[0] == sizes[2]


def test_a_body_that_looks_at_values_runs_as_it_is() -> None:
    x = cb.asarray([3.0, 1.0, 2.0, 1.0], device="jax")
    assert cb.unique_values(x).tolist() == [1.0, 2.0, 3.0]
    assert x[x > 1.5].tolist() == [3.0, 2.0]


def network() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(64, 10),
    )  # fmt: skip


def digits() -> tuple[Any, Any]:
    """Return pictures and their labels on the host: scikit-learn's digits, or noise where it is not installed."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        return cb.randn(96, 1, 8, 8), cb.randint(0, 10, (96,))
    found = load_digits()
    return cb.asarray(found.images[:96, None] / 16.0, dtype=cb.float32), cb.asarray(found.target[:96])


def train(device: str, steps: int = 12) -> list[float]:
    cb.manual_seed(3)
    model = network().to(device)
    optimizer = optim.AdamW(model.parameters(), lr=3e-2)
    x, labels = (t.to(device) for t in digits())
    losses = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses


def test_training_is_the_hosts() -> None:
    here, there = train("cpu"), train("jax")
    assert there[-1] < 0.7 * there[0]
    np.testing.assert_allclose(there, here, rtol=1e-3)


@pytest.mark.parametrize("options", [
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, {"momentum": 0.5, "dampening": 0.2, "maximize": True},
    {"amsgrad": True, "weight_decay": 0.1}, {"maximize": True},
], ids=str)  # fmt: skip
def test_optimizers_step_as_on_the_host(options: dict[str, Any]) -> None:
    kind = optim.SGD if "momentum" in options else optim.Adam
    found = []
    for device in ("cpu", "jax"):
        ps = [nn.Parameter(cb.tensor(v, device=device)) for v in ([1.0, -2.0], [0.5], [1 + 2j, 3j])]
        optimizer = kind(ps, lr=0.1, **options)
        for step in range(4):
            for p in ps:
                p.grad = p.detach() * (step + 1) + 0.3
            optimizer.step()
        found.append([np.asarray(p.detach().to("cpu")) for p in ps])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=1e-6)


def test_one_graph_across_devices() -> None:
    table, body, head = nn.Embedding(7, 4), nn.Linear(4, 5).to("jax"), nn.Linear(5, 2)
    parameters = [*table.parameters(), *body.parameters(), *head.parameters()]
    optimizer = optim.SGD(parameters, lr=0.5)
    words, labels = cb.asarray([1, 2, 3, 4]), cb.asarray([0, 1, 0, 1])
    losses = []
    for _ in range(40):
        loss = nn.functional.cross_entropy(head(body(table(words).to("jax")).to("cpu")), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.2 * losses[0]
    assert {str(p.grad.device) for p in parameters if p.grad is not None} == {"cpu", "jax:0"}


def test_draws_are_the_hosts() -> None:
    drawn: list[Any] = []
    for device in ("cpu", "jax"):
        cb.manual_seed(0)
        drawn.append([
            cb.rand(5, device=device).tolist(), cb.randint(0, 9, (5,), device=device).tolist(),
            cb.randperm(6, device=device).tolist(), cb.randn(5, device=device).tolist(),
        ])  # fmt: skip
    assert drawn[0] == drawn[1]


def test_special_cases_are_the_standards() -> None:
    inf, nan = float("inf"), float("nan")

    def f(*values: Any) -> cb.Tensor:
        return cb.asarray(list(values), device="jax")

    found = cb.floor_divide(f(-0.0, inf, -3.0, 3.0), f(2.0, 2.0, -inf, -inf))
    assert [str(v) for v in found.tolist()] == ["-0.0", "inf", "0.0", "-0.0"]
    assert [str(v) for v in cb.remainder(f(-0.0, 0.0), f(2.0, -2.0)).tolist()] == ["0.0", "-0.0"]
    assert str(cb.exp(f(complex(-inf, nan))).tolist()[0]) == "0j"
    assert cb.sqrt(f(complex(inf, nan))).real.tolist() == [inf]


def test_an_error_of_dtype_is_not_a_jax_error() -> None:
    with pytest.raises(DTypeError, match="bitwise_and"):
        cb.bitwise_and(cb.ones(2, device="jax"), cb.ones(2, device="jax"))
    with pytest.raises(OutOfRangeError):
        cb.tensor([300], dtype=cb.uint8, device="jax")


@pytest.mark.parametrize("wide", [False, True], ids=["x64 off", "x64 on"])
def test_conformance_of_some_rows(wide: bool, tmp_path: Path) -> None:
    rows = ("add", "floor_divide", "matmul", "sum", "argmax", "take", "sort", "softmax", "slice", "conv")
    command = [
        sys.executable, "-m", "candelabra", "conformance", "jax", "--max-examples", "1", "-p", "no:cacheprovider",
        "-k", "(values or gradient or bad) and (" + " or ".join(f"jax:0-{row}]" for row in rows) + ")",
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "CANDELABRA_DISABLE_PLUGINS"}
    environment |= {"JAX_ENABLE_X64": str(int(wide)), "XLA_FLAGS": QUICK}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-4000:] + done.stderr[-2000:]


def test_a_consumer_without_a_version_gets_a_capsule() -> None:
    x = cb.ones(3, device="jax")
    for version in (None, (0, 0), (0, 8), (1, 0)):
        assert "dltensor" in repr(x.__dlpack__(max_version=version))
