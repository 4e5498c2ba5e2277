"""Convolution on a card: candelabra's own kernels on the host, cuDNN's frontend by a stand-in and by its own checks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from candelabra.backends.cupy import cudnn
from candelabra.backends.cupy.kernels import convolution
from candelabra.backends.cupy.launch import OPTIONS, source

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from cards import python  # noqa: E402
from test_compilation import cuda_headers  # noqa: E402

FRONTEND = os.pathsep.join(str(HERE / folder) for folder in ("fake", "frontend", "."))
ROWS = ("conv", "conv_input", "conv_weight")

# Compares with PyTorch in float64: y, and the gradients of x, weight and bias.
AGAINST_PYTORCH = """
import warnings
import candelabra as cb
import numpy as np
import torch
from candelabra.backends.cupy.kernels import convolution
TOLERANCES = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5, "float64": 1e-12}

def compare(dtype, x, w, how, last=False, seed=0):
    rng = np.random.default_rng(seed)
    axes = len(w) - 2
    dtype_ = getattr(cb, dtype)
    x, w, b = (cb.tensor(rng.standard_normal(s)).astype(dtype_) for s in (x, w, w[:1]))
    given = [torch.tensor(a.astype(cb.float64).numpy(), requires_grad=True) for a in (x, w, b)]
    sides = [n for pair in reversed(how["padding"]) for n in pair]
    function = (torch.conv1d, torch.conv2d, torch.conv3d)[axes - 1]
    y = function(torch.nn.functional.pad(given[0], sides), given[1], given[2], how["stride"], 0, how["dilation"],
                 how["groups"])
    g = cb.tensor(rng.standard_normal(tuple(y.shape))).astype(dtype_)
    y.backward(torch.tensor(g.astype(cb.float64).numpy()))
    def laid(a):
        a = a.to("cuda")
        if not last:
            return a
        moved = cb.moveaxis(a, 1, -1)
        return cb.moveaxis(cb.reshape(cb.reshape(moved, (-1,)), moved.shape), -1, 1)
    leaves = [a.requires_grad_() for a in (laid(x), w.to("cuda"), b.to("cuda"))]
    found = cb.conv(*leaves, **how)
    found.backward(laid(g))
    expected = [y.detach(), *(t.grad for t in given)]
    for name, a, e in zip(("y", "x", "weight", "bias"), [found.detach(), *(t.grad for t in leaves)], expected):
        a, e = a.cpu().astype(cb.float64).numpy(), e.numpy()
        off = np.abs(a - e).max() / max(1, np.abs(e).max())
        assert a.shape == e.shape and off < TOLERANCES[dtype], (name, dtype, x.shape, w.shape, how, last, off)
    if last and min(found.shape[1:]) > 1:
        assert found.array.strides[1] == found.array.itemsize, "channels are last no more"

def how(axes, stride=1, padding=0, dilation=1, groups=1):
    def each(value):
        return value if isinstance(value, tuple) else (value,) * axes
    padding = tuple(p if isinstance(p, tuple) else (p, p) for p in each(padding))
    return {"stride": each(stride), "padding": padding, "dilation": each(dilation), "groups": groups}
"""


def run(code: str, folder: Path, **environment: str) -> str:
    pytest.importorskip("torch", reason="compares with PyTorch")
    done = python(["-c", AGAINST_PYTORCH + code], folder, **{"CANDELABRA_CUDNN": "0", **environment})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_own_kernels_convolve_as_pytorch(tmp_path: Path) -> None:
    run(
        """
for dtype in TOLERANCES:
    for last in (False, True):
        compare(dtype, (2, 3, 7, 6), (10, 3, 3, 2), how(2, 1, ((1, 1), (0, 2))), last)
        compare(dtype, (2, 6, 7, 9), (20, 3, 3, 3), how(2, (2, 3), ((1, 2), (1, 1)), (2, 1), 2), last)
        compare(dtype, (2, 3, 7, 9), (6, 1, 3, 3), how(2, (2, 1), ((1, 2), (1, 1)), (1, 2), 3), last)
        uneven = ((1, 0), (1, 1), (0, 2))
        compare(dtype, (1, 12, 5, 3, 4), (70, 12, 2, 3, 1), how(3, (1, 2, 3), uneven, (1, 1, 2)), last)
        compare(dtype, (3, 9, 33), (11, 9, 4), how(1, 3, ((2, 1),), 2), last)
        compare(dtype, (2, 5, 4, 4), (12, 5, 1, 1), how(2, 3), last)
        compare(dtype, (2, 5, 4, 3), (12, 5, 1, 1), how(2), last)
        compare(dtype, (3, 5, 7), (4, 5, 1), how(1), last)
""",
        tmp_path,
    )


def test_large_tiles_and_shared_sums(tmp_path: Path) -> None:
    """What large arrays run by, on small ones: a card of one multiprocessor is soon full."""
    run(
        """
many = convolution.MULTIPROCESSORS
for dtype in TOLERANCES:
    for last in (False, True):
        convolution.MULTIPROCESSORS = 1
        compare(dtype, (2, 70, 7, 7), (90, 70, 3, 2), how(2, (2, 1), ((1, 1), (0, 2))), last)
        convolution.MULTIPROCESSORS = many
compare("float32", (5, 5, 17, 16), (12, 5, 3, 2), how(2, 1, ((1, 1), (0, 2))))
for dtype, last in (("float32", False), ("float64", True), ("float16", False), ("bfloat16", True)):
    compare(dtype, (1, 100, 3, 4), (40, 100, 3, 2), how(2, (1, 2), ((1, 1), (0, 1))), last)
compare("float16", (9, 5, 17, 16), (12, 5, 3, 2), how(2, 1, 1), True)
compare("float64", (9, 3, 17, 16), (3, 1, 3, 4), how(2, 1, 1, 1, 3), True)
""",
        tmp_path,
    )


def test_odd_shapes(tmp_path: Path) -> None:
    run(
        """
from hypothesis import given, settings, strategies as st

@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.data())
def some(data):
    def draw(low, high):
        return data.draw(st.integers(low, high))
    axes, groups = draw(1, 3), data.draw(st.sampled_from((1, 1, 2, 3)))
    cg, og = draw(1, 4), draw(1, 11)
    kernel = tuple(draw(1, 4) for _ in range(axes))
    dilation = tuple(draw(1, 3) for _ in range(axes))
    stride = tuple(draw(1, 4) for _ in range(axes))
    padding = tuple((draw(0, 3), draw(0, 3)) for _ in range(axes))
    sizes = tuple(draw(max(1, (k - 1) * d + 1 - sum(p)), (k - 1) * d + 4) for k, d, p in zip(kernel, dilation, padding))
    dtype = data.draw(st.sampled_from(("float64", "float32")))
    compare(dtype, (draw(1, 3), cg * groups, *sizes), (og * groups, cg, *kernel),
            how(axes, stride, padding, dilation, groups), data.draw(st.booleans()))

some()
""",
        tmp_path,
    )


def test_views_are_read_where_they_stand(tmp_path: Path) -> None:
    """Flipped, strided and broadcast operands, and one from the middle of an array."""
    run(
        """
x, w = cb.randn(2, 8, 12, 6, dtype=cb.float64), cb.randn(9, 4, 3, 3, dtype=cb.float64)
for view in (lambda a: cb.flip(a, axis=(1, 3)), lambda a: a[:, ::2, 1:, ::-1],
             lambda a: cb.broadcast_to(a[:1], a.shape), lambda a: cb.permute_dims(a, (0, 1, 3, 2))):
    on = view(x.to("cuda"))
    if on.shape[1] == 8:
        on = on[:, 2:6]
    off = view(x)[:, 2:6] if view(x).shape[1] == 8 else view(x)
    found, expected = (cb.conv(a, b, padding=1) for a, b in ((on, w.to("cuda")), (off, w)))
    assert np.abs(found.cpu().numpy() - expected.numpy()).max() < 1e-12
    leaf = w.to("cuda").requires_grad_()
    cb.conv(on, leaf).sum().backward()
    same = w.clone().requires_grad_()
    cb.conv(off, same).sum().backward()
    assert np.abs(leaf.grad.cpu().numpy() - same.grad.numpy()).max() < 1e-10
""",
        tmp_path,
    )


def test_rows_conform_by_cudnn(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    code = ["-m", "candelabra", "conformance", "cuda", "-q", "--max-examples", "2", "--json", str(report)]
    chosen = " or ".join(f"cuda:0-{row}]" for row in ROWS)
    done = python([*code, "-k", chosen], tmp_path, PYTHONPATH=FRONTEND, CANDELABRA_CUDNN="1")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    found = json.loads(report.read_text())["devices"]["cuda:0"]["rows"]
    assert {found[row]["source"] for row in ROWS} == {"kernel"}


def test_graphs_of_cudnn_are_kept_and_run_on_the_card_and_its_stream(tmp_path: Path) -> None:
    code = """
import cudnn
from candelabra.backends.cupy import cudnn as ours
for last in (False, True):
    for dtype in TOLERANCES:
        compare(dtype, (2, 6, 7, 9), (8, 3, 3, 3), how(2, (2, 3), 1, (2, 1), 2), last)
        compare(dtype, (2, 6, 9), (8, 6, 3), how(1, 2, 1), last)
    compare("float32", (2, 4, 5, 5, 4), (6, 4, 2, 3, 1), how(3, 1, (0, 1, 0)), last)
assert {e["last"] for e in cudnn.executed} == {False, True}
before = len(cudnn.built), len(cudnn.executed)
compare("float32", (2, 6, 9), (8, 6, 3), how(1, 2, 1), seed=1)
assert len(cudnn.built) == before[0] and len(cudnn.executed) == before[1] + 3, "a graph is built once"

biased = {
    dtype: cb.conv(*(cb.randn(*s, device="cuda").astype(getattr(cb, dtype)) for s in ((1, 4, 5), (8, 4, 3), (8,))))
    is not None and cudnn.executed[-1]["biased"] for dtype in TOLERANCES
}
assert biased == {"float16": True, "bfloat16": True, "float32": True, "float64": False}, biased
assert ours.describe() == "cuDNN 9.28.0, frontend 1.28.0", "what serves without a bias is not told"
# A bias that lies at an odd address, or by steps.
x, w, b = cb.randn(2, 6, 9), cb.randn(8, 6, 3), cb.randn(17)
for cut in (slice(1, 9), slice(1, None, 2)):
    found = cb.conv(x.to("cuda"), w.to("cuda"), b.to("cuda")[cut])
    assert cudnn.executed[-1]["biased"]
    assert np.abs(found.cpu().numpy() - cb.conv(x, w, b[cut]).numpy()).max() < 1e-5

del cudnn.executed[:]
cb.conv(x.to("cuda:1"), w.to("cuda:1"))
import cupy
stream = cupy.cuda.Stream(non_blocking=True)
a, b = x.to("cuda:0"), w.to("cuda:0")
with stream:
    cb.conv(a, b)
assert [(e["card"], e["stream"]) for e in cudnn.executed] == [(1, 0), (0, stream.ptr)], cudnn.executed

exact = cb.conv(a, b).cpu().numpy()
cb.set_float32_matmul_precision("high")
rounded = cb.conv(a, b).cpu().numpy()
cb.set_float32_matmul_precision("highest")
assert 1e-5 < np.abs(exact - rounded).max() < 1e-1
assert cudnn.executed[-1]["deselected"] == {"DOWN_CONVERT_INPUTS"}
cb.use_deterministic_algorithms(True)
cb.conv(a, b)
assert cudnn.executed[-1]["deselected"] == {"NONDETERMINISTIC", "TENSOR_CORE", "DOWN_CONVERT_INPUTS"}
cb.use_deterministic_algorithms(False)

# What lies at an odd address is copied: cuDNN takes arrays to begin at multiples of 16 bytes.
odd = cb.randn(2 * 6 * 9 + 1).to("cuda:0")[1:].reshape(2, 6, 9)
assert np.abs(cb.conv(odd, b).cpu().numpy() - cb.conv(odd.cpu(), w).numpy()).max() < 1e-5

# What it refuses, candelabra's own kernels do; that is told once.
before = len(cudnn.executed)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    compare("float32", (2, 6, 9), (8, 6, 3), how(1, 2, ((2, 1),)))
    compare("float32", (2, 6, 9), (8, 6, 3), how(1, 1, ((2, 1),)))
assert len(cudnn.executed) == before
assert [str(w.message).partition(" No valid")[0] for w in told] == [
    f"cuDNN does not serve {name} of float32 of shapes {shapes}:" for name, shapes in (
        ("conv_fprop", "(2, 6, 9) and (8, 6, 3)"), ("conv_dgrad", "(2, 8, 5) and (8, 6, 3)"),
        ("conv_wgrad", "(2, 6, 9) and (2, 8, 5)"))
], [str(w.message) for w in told]
assert ours.describe().startswith("cuDNN 9.28.0, frontend 1.28.0; own kernels for conv_fprop of float32: No valid "
                                  "execution plans for uneven padding;"), ours.describe()
"""
    run(code, tmp_path, PYTHONPATH=FRONTEND, CANDELABRA_CUDNN="1", CANDELABRA_FAKE_CARDS="2")


def test_where_cudnn_cannot_start_own_kernels_serve(tmp_path: Path) -> None:
    """The frontend without its library, one that finds no card, and none at all."""
    code = """
from candelabra.backends.cupy import cudnn as ours
import cudnn
def fails(*_):
    raise RuntimeError("Unable to find symbol cudnnGetVersion")
cudnn.backend_version = fails
compare("float32", (2, 6, 9), (8, 6, 3), how(1, 2, 1))
assert ours.load()[0] is None and "finds no libcudnn (Unable to find" in ours.describe()
"""
    run(code, tmp_path, PYTHONPATH=FRONTEND, CANDELABRA_CUDNN="1")
    code = """
from candelabra.backends.cupy import cudnn as ours
import cudnn
def fails():
    raise RuntimeError("cudnn_status: CUDNN_STATUS_NOT_INITIALIZED")
cudnn.create_handle = fails
warnings.simplefilter("ignore")
compare("float32", (2, 6, 9), (8, 6, 3), how(1, 2, 1))
assert not cudnn.executed and "own kernels for conv_wgrad of float32: cudnn_status: CUDNN" in ours.describe()
"""
    run(code, tmp_path, PYTHONPATH=FRONTEND, CANDELABRA_CUDNN="1")
    code = """
import sys
sys.modules["cudnn"] = None
from candelabra.backends.cupy import cudnn as ours
compare("float32", (2, 6, 9), (8, 6, 3), how(1, 2, 1))
assert ours.describe().startswith("own kernels: cuDNN's frontend cannot be imported")
assert "pip install 'candelabra[cudnn]'" in ours.describe()
"""
    run(code, tmp_path, CANDELABRA_CUDNN="1")


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("dtype", list(cudnn.KINDS))
def test_the_real_frontend_takes_the_graphs(dtype: str, last: bool) -> None:
    library = pytest.importorskip("cudnn", reason="the extra `cudnn` is not installed")
    try:
        library.backend_version()
    except RuntimeError:
        pytest.skip("libcudnn is not installed")
    x, w, y = (2, 8, 9, 9), (4, 4, 3, 3), (2, 4, 5, 8)
    how: Any = ((2, 1), ((1, 1), (1, 0)), (1, 1))
    for operation, shapes in (("conv_fprop", (x, w, y)), ("conv_dgrad", (y, w, x)), ("conv_wgrad", (x, y, w))):
        cudnn.described(library, operation, shapes, last, dtype, *how).validate()
    cudnn.described(library, "conv_fprop", (x, w, y), last, dtype, *how, None, True).validate()
    line = ((2, 8, 9), (4, 8, 3), (2, 4, 5)), last, dtype, (2,), ((1, 1),), (1,)
    cudnn.described(library, "conv_fprop", *line).validate()
    cudnn.described(library, "conv_fprop", *line, None, True).validate()
    space = ((2, 8, 9, 9, 4), (4, 8, 3, 3, 3), (2, 4, 9, 9, 4)), last, dtype, (1,) * 3, ((1, 1),) * 3, (1,) * 3
    cudnn.described(library, "conv_fprop", *space).validate()


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_large_tiles_stay_in_registers(architecture: str) -> None:
    """Compiled for a card itself, and not for all of a generation, the compiler tells what it must keep in memory."""
    nvrtc = pytest.importorskip("cupy", reason="the extra `cuda-compile` is not installed").cuda.nvrtc
    program = nvrtc.createProgram(source("convolution"), "convolution.cu", [], [])
    names = [
        f"{name}<{kind}, true, {last}>" for name in ("correlate", "correlate_weight") for kind in ("float", "__half")
        for last in ("true", "false")
    ]  # fmt: skip
    for name in names:
        nvrtc.addNameExpression(program, name)
    options = [f"--gpu-architecture={architecture}", "--ptxas-options=-v", *OPTIONS, *cuda_headers()]
    nvrtc.compileProgram(program, options)
    log = nvrtc.getProgramLog(program)
    assert log.count("0 bytes spill stores, 0 bytes spill loads") == len(names), log


def test_strides_of_packed_arrays() -> None:
    shape = (2, 3, 5, 7)
    assert cudnn.packed(shape, False) == [s // 8 for s in np.empty(shape).strides]
    last = np.moveaxis(np.empty((2, 5, 7, 3)), -1, 1)
    assert last.shape == shape and cudnn.packed(shape, True) == [s // 8 for s in last.strides]


def test_what_32_bits_cannot_count_is_left_to_the_body() -> None:
    def serves(x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...], dilation: int = 1) -> bool:
        told = [(shape, tuple(np.lib.stride_tricks.as_strided(np.zeros(1), shape, cudnn.packed(shape, False)).strides))
                for shape in (x, w, y)]  # fmt: skip
        return convolution.Plan(*told, (1,), ((0, 0),), (dilation,), 1).serves

    assert serves((2, 4, 100), (8, 4, 3), (2, 8, 98))
    assert not serves((2, 4, 1 << 28), (8, 4, 3), (2, 8, (1 << 28) - 2)), "a sample's elements"
    assert not serves((1 << 26, 1, 32), (1, 1, 1), (1 << 26, 1, 32)), "places"
    assert not serves((1, 1, 1 << 20), (1, 1, 3), (1, 1, 1), 1 << 27), "coordinates"
    assert not serves((0, 4, 100), (8, 4, 3), (0, 8, 98)), "nothing to sum"


def test_sums_are_shared_where_there_are_few_blocks() -> None:
    cases = ((200704, 8, 5, 36864), (100, 8, 1, 10), (1 << 29, 16, 1, 1 << 20), (7, 256, 400, 9))
    for count, unit, blocks, size in cases:
        splits, each = convolution.shares(count, unit, blocks, size)
        assert (splits - 1) * each * unit < count <= splits * each * unit
        assert splits == 1 or (each >= convolution.LEAST_TILES and splits * size <= convolution.MOST_PARTS)
    assert convolution.shares(200704, 8, 5, 36864)[0] > 40
