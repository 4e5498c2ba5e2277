"""Chains that are one generated kernel: against the same done call by call, and the kernels' texts for cards."""

from __future__ import annotations

import ctypes
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import cards  # noqa: E402
from candelabra.backends.cupy.fusion_text import WIDTH, functions, prepare  # noqa: E402
from candelabra.backends.cupy.launch import OPTIONS  # noqa: E402
from stand_in import together  # noqa: E402
from test_compilation import cuda_headers  # noqa: E402

# Rows that are one kernel and nothing else.
ONE = """
    hardswish hardsigmoid hardtanh elu leaky_relu prelu relu logsigmoid ndtr log_ndtr xlogy xlog1py entr erfinv sinc
    frexp_exponent i0 i1 i0e i1e digamma
    tanh divide sqrt rsqrt log atan2 hypot acosh maximum minimum logaddexp clip where
""".split()
# Losses: one kernel, and the reduction.
LOSSES = ("smooth_l1_loss", "mse_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")


def python(code: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with a pretended card where chains are fused."""
    return cards.python(code, folder, CANDELABRA_FUSION="1")


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("fused")
    done = python([str(HERE / "fused_rows.py"), str(folder / "found.json")], folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads((folder / "found.json").read_text())


def test_what_is_fused_is_what_its_calls_give(walked: dict[str, Any]) -> None:
    assert walked["wrong"] == []
    assert walked["cases"] > 500 and len(walked["texts"]) > 400
    # What looks at values, or loops for too long to be a chain.
    assert set(walked["refused"]) <= {"det", "matrix_exp", "gammainc_slope", "zeta", "orthogonal_polynomial"}


def test_rows_that_are_one_kernel(walked: dict[str, Any]) -> None:
    assert {row: walked["steps"].get(row) for row in ONE} == {row: [1, 0] for row in ONE}
    assert {row: walked["steps"].get(row) for row in LOSSES} == {row: [1, 1] for row in LOSSES}


@pytest.mark.parametrize("architecture", ["compute_80", "compute_90"])
def test_generated_texts_compile_for_a_card(walked: dict[str, Any], architecture: str) -> None:
    nvrtc = pytest.importorskip("cupy", reason="the extra `cuda-compile` is not installed").cuda.nvrtc
    # Each for one of them.
    texts = walked["texts"][architecture == "compute_90" :: 2]
    for first in range(0, len(texts), 50):
        some = texts[first : first + 50]
        program = nvrtc.createProgram(together(some, functions()), "fused.cu", [], [])
        options = [f"--gpu-architecture={architecture}", *OPTIONS, "--fmad=false", *cuda_headers()]
        try:
            nvrtc.compileProgram(program, options)
        except nvrtc.NVRTCError:
            pytest.fail(nvrtc.getProgramLog(program))
        assert "warning" not in nvrtc.getProgramLog(program)
        assert nvrtc.getPTX(program).count(b".entry") == len(some)


def test_drawn_expressions_are_what_numpy_gives(tmp_path: Path) -> None:
    done = python([str(HERE / "fused_expressions.py")], tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "expressions agree" in done.stdout


def laid(x: np.ndarray, *more: np.ndarray, shape: tuple[int, ...] | None = None, aligned: bool = True) -> Any:
    arrays = (x, *more)
    given = [(a.shape, a.strides, a.itemsize) for a in arrays]
    return prepare(shape or np.broadcast_shapes(*(a.shape for a in arrays)), given, [x.itemsize], aligned)


def test_axes_that_lie_behind_each_other_are_one() -> None:
    x = np.zeros((4, 6, 8), np.float32)
    found = laid(x, x)
    assert (found.layout.rank, found.layout.width, found.layout.modes, found.order) == (1, 4, "pp", None)
    assert laid(x.astype(np.float16)).layout.width == 8 and laid(x.astype(np.float64)).layout.width == 2
    assert laid(x, aligned=False).layout.width == 1
    one = laid(x, np.zeros((), np.float32), np.zeros((1, 1, 1), np.float32))
    assert (one.layout.rank, one.layout.modes) == (1, "pss")
    bias = laid(x, np.zeros(8, np.float32))
    assert (bias.layout.rank, bias.dims, bias.layout.modes, bias.layout.width) == (2, (24, 8), "pp", 4)
    channel = laid(x, np.zeros((6, 1), np.float32))
    assert (channel.dims, channel.layout.modes, channel.strides[1]) == ((4, 6, 8), "ps", (0, 1, 0))
    assert laid(np.zeros((4, 7), np.float32), np.zeros(7, np.float32)).layout.width == 1
    assert laid(np.zeros((), np.float32)).dims == (1,)


def test_results_lie_as_the_operands_do() -> None:
    x = np.zeros((4, 6, 8), np.float32).transpose(0, 2, 1)
    found = laid(x, x)
    assert found.order == (0, 2, 1) and found.layout.rank == 1 and found.layout.modes == "pp"
    # An operand in C order decides.
    mixed = laid(x, np.zeros((4, 8, 6), np.float32))
    assert mixed.order is None and mixed.layout.modes == "gp" and mixed.layout.rank == 3
    back = laid(np.zeros(10, np.float32)[::-1])
    assert back.layout.modes == "g" and back.strides == ((-1,),)


@pytest.mark.parametrize("seed", range(20))
def test_every_element_is_read_where_it_lies(seed: int) -> None:
    chosen = random.Random(seed)
    shape = tuple(chosen.choice([1, 2, 3, 4, 8]) for _ in range(chosen.randint(0, 4)))
    arrays = []
    for _ in range(3):
        own = tuple(1 if chosen.random() < 0.3 else n for n in shape)
        order = chosen.sample(range(len(own)), len(own))
        base = np.arange(math.prod(own) * 2, dtype=np.float32)[:: chosen.choice([1, 2])][: math.prod(own)]
        x = base.reshape([own[a] for a in order]).transpose(np.argsort(order)) if own else base.reshape(own)
        arrays.append(x[..., ::-1] if own and chosen.random() < 0.3 else x)
    found = laid(*arrays, shape=shape)
    order = found.order or tuple(range(len(shape)))
    assert math.prod(found.dims) == math.prod(shape)
    for x, strides in zip(arrays, found.strides, strict=True):
        places = np.zeros(found.dims, np.int64)
        for axis, (n, step) in enumerate(zip(found.dims, strides, strict=True)):
            places += (np.arange(n) * step).reshape([-1 if a == axis else 1 for a in range(len(found.dims))])
        wanted = np.broadcast_to(x, shape).transpose(order).ravel()
        got = [_element(x, int(p)) for p in places.ravel()]
        assert got == wanted.tolist()
    assert found.layout.width in (1, 2, 4, 8, WIDTH)


def _element(x: np.ndarray, place: int) -> float:
    """Return the element that lies so many elements behind an array's first one."""
    return ctypes.c_float.from_address(x.ctypes.data + place * x.itemsize).value


def test_more_elements_than_32_bits_count(tmp_path: Path) -> None:
    code = """
import functools
import candelabra as cb, numpy as np
from candelabra.backends.cupy import fusion_plan
from candelabra.core.device import Device
texts = []
device = Device("cuda", 0)
device.backend.compile.__self__.after = 0
alone = device.backend.gpu.function_of_text
device.backend.gpu.function_of_text = lambda code, name: texts.append(code) or alone(code, name)
fusion_plan.prepare = functools.partial(fusion_plan.prepare, most=0)
x = cb.randn(5, 7, device="cuda")
weight = cb.randn(7, device="cuda")
wanted = cb.prelu(x, weight).numpy()
found = cb.prelu(x, weight).numpy()
print((found == wanted).all(), "uint64 rest = i" in texts[0], len(texts))
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True", "1"]


def test_cupys_backend_runs_chains_as_one_kernel(tmp_path: Path) -> None:
    code = """
import candelabra as cb, numpy as np
import candelabra.nn.functional as F
from candelabra.backends.cupy.launch import Launcher
launches = []
compile = Launcher.function_of_text
def counted(self, code, name):
    kernel = compile(self, code, name)
    return lambda grid, block, arguments: launches.append(name) or kernel(grid, block, arguments)
Launcher.function_of_text = counted
def run(x):
    x.grad = None
    y = F.hardswish(x)
    y.backward(cb.ones_like(y))
    return y.detach().numpy(), x.grad.numpy()
for values in (cb.randn(3, 5), cb.randn(5, 3).T, cb.randn(3, 10)[:, ::2]):
    x = values.to("cuda").requires_grad_()
    wanted = run(values.requires_grad_())
    run(x)
    counts = []
    for _ in range(3):
        before = len(launches)
        again = run(x)
        counts.append(len(launches) - before)
        assert all(np.allclose(a, b, rtol=1e-6) for a, b in zip(wanted, again))
    print(counts)
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    # Called once as they are, then traced, then fused: forward and back are a kernel each, however operands lie.
    assert done.stdout.splitlines() == ["[0, 2, 2]", "[2, 2, 2]", "[2, 2, 2]"]


def test_what_looks_at_values_runs_as_it_is(tmp_path: Path) -> None:
    code = """
import cupy, numpy as np
from candelabra.backends.cupy.fusion_trace import CannotTraceError
from candelabra.core.device import Device
from candelabra.core.implementation import namespace
home = Device("cuda", 0)
home.backend.compile.__self__.after = 0
def made(body):
    def function(*arrays, device=home):
        return body(namespace(device), *arrays)
    return home.backend.compile(function)
x = cupy.asarray([1.0, -2.0, 3.0], dtype=np.float32)
for body in (
    lambda xp, x: x * 2 + 1 if x[0] > 0 else x,
    lambda xp, x: (x * 2)[x > 0] + 1,
    lambda xp, x: x * int(x[0]) + 1,
    lambda xp, x: [v * 2 + 1 for v in x],
    lambda xp, x: xp.nonzero(x > 0),
    lambda xp, x: np.asarray(x) * 2,
):
    try:
        made(body)(x)
        print("traced")
    except (CannotTraceError, TypeError) as error:
        print(type(error).__name__)
"""
    done = python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["CannotTraceError"] * 6
