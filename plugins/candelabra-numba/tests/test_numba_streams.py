"""Results that are stored past the caches are those that are stored as usual, wherever lines begin and rows end."""

from __future__ import annotations

import re
from importlib import import_module

import candelabra as cb
import numpy as np
import pytest
from candelabra_numba import compiled
from candelabra_numba import normalization as norms
from candelabra_numba import softmax as softmaxes

numba = pytest.importorskip("numba")

ROWS = 3
WIDTHS = (1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 100, 1000)


def placed(shape: tuple[int, ...], dtype: str, offset: int) -> np.ndarray:
    """Return an array of zeros so many bytes behind the begin of a line, between sevens."""
    size, item = int(np.prod(shape)), np.dtype(dtype).itemsize
    room = np.full(size + 2 * 64 // item + 32, 7, dtype)
    first = (-room.ctypes.data % 64 + offset) // item + 64 // item
    array = room[first : first + size].reshape(shape)
    array[...] = 0
    return array


def around(array: np.ndarray) -> np.ndarray:
    """Return what lies beside an array that was placed."""
    room = array
    while room.base is not None:
        room = room.base
    begin = (array.ctypes.data - room.ctypes.data) // room.itemsize
    return np.concatenate([room[:begin], room[begin + array.size :]])


def softmax_back(rng, dtype, width, out, past):
    g, y = (rng.standard_normal((ROWS, width)).astype(dtype) for _ in range(2))
    softmaxes._SOFTMAX_GRAD[np.dtype(dtype).char](0, ROWS, g, y, past, out)
    return []


def layer(rng, dtype, width, out, past):
    x, (w, b) = rng.standard_normal((ROWS, width)).astype(dtype), rng.standard_normal((2, width)).astype(dtype)
    rest = [np.zeros(ROWS, dtype) for _ in range(2)]
    norms._LAYER[np.dtype(dtype).char](0, ROWS, x, w, b, 1e-3, past, out, *rest)
    return rest


def layer_back(rng, dtype, width, out, past):
    g, x = (rng.standard_normal((ROWS, width)).astype(dtype) for _ in range(2))
    w, m, r = (rng.standard_normal(n).astype(dtype) for n in (width, ROWS, ROWS))
    sums = [np.zeros((1, width), dtype) for _ in range(2)]
    norms._LAYER_GRAD[np.dtype(dtype).char](0, ROWS, ROWS, g, x, w, m, r, past, True, out, True, *sums)
    return sums


def rms(rng, dtype, width, out, past):
    x, w = rng.standard_normal((ROWS, width)).astype(dtype), rng.standard_normal(width).astype(dtype)
    rest = [np.zeros(ROWS, dtype)]
    norms._RMS[np.dtype(dtype).char](0, ROWS, x, w, 1e-3, past, out, *rest)
    return rest


def rms_back(rng, dtype, width, out, past):
    g, x = (rng.standard_normal((ROWS, width)).astype(dtype) for _ in range(2))
    w, r = (rng.standard_normal(n).astype(dtype) for n in (width, ROWS))
    sums = [np.zeros((1, width), dtype)]
    norms._RMS_GRAD[np.dtype(dtype).char](0, ROWS, ROWS, g, x, w, r, past, True, out, True, *sums)
    return sums


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loop", [softmax_back, layer, layer_back, rms, rms_back], ids=lambda f: f.__name__)
def test_lines_wherever_they_begin(loop, dtype):
    for width in WIDTHS:
        for offset in (0, 8, 16, 48):
            found = []
            for past in (False, True):
                out = placed((ROWS, width), dtype, offset)
                rest = loop(np.random.default_rng(width), dtype, width, out, past)
                assert (around(out) == 7).all(), (width, offset, past)
                found.append([out.copy(), *rest])
            assert np.abs(found[0][0]).max() > 0
            for plain, streamed in zip(*found, strict=True):
                near = 32 * np.finfo(dtype).eps
                np.testing.assert_allclose(streamed, plain, rtol=near, atol=near, err_msg=str(width))


@pytest.mark.parametrize(
    "loop", [softmaxes._SOFTMAX_GRAD, norms._LAYER, norms._LAYER_GRAD, norms._RMS, norms._RMS_GRAD],
    ids=lambda loop: loop.name,
)  # fmt: skip
def test_no_row_waits_for_its_stores(loop):
    # Counting an array's owners takes a locked instruction, which waits until all stores are done: once for a row, it
    # takes half as long again as layer norm's whole backward.
    source = getattr(import_module(f"candelabra_numba.loops.{loop.module}"), loop.name)
    dispatcher = numba.njit(nogil=True, error_model="numpy", **source.flags)(source)
    dispatcher.compile(re.sub(r"\bT\b", "float32", source.signature))
    [text] = dispatcher.inspect_asm().values()
    functions = {part.split("\n", 1)[0]: part for part in text.split("\n\t.globl\t")[1:]}
    [own] = [part for name, part in functions.items() if name.startswith("_ZN16candelabra_numba")]
    assert "ret" in own
    assert "NRT_incref" not in own
    assert "NRT_decref" not in own


def test_large_results_are_those_of_torch(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(compiled, "LARGE", 0)
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 40, 333), dtype="float32")
    w, b = rng.standard_normal((2, 333), dtype="float32")
    cases = {
        "layer_norm": (lambda f, x, w, b: f.layer_norm(x, (333,), w, b)),
        "layer_norm alone": (lambda f, x, w, b: f.layer_norm(x, (333,))),
        "rms_norm": (lambda f, x, w, b: f.rms_norm(x, (333,), w)),
        "softmax": (lambda f, x, w, b: f.softmax(x, -1)),
    }
    for name, case in cases.items():
        mine = [cb.tensor(a, requires_grad=True) for a in (x, w, b)]
        theirs = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
        case(cb.nn.functional, *mine).backward(cb.tensor(g))
        case(torch.nn.functional, *theirs).backward(torch.tensor(g))
        for one, two in zip(mine, theirs, strict=True):
            assert (one.grad is None) == (two.grad is None), name
            if two.grad is not None:
                np.testing.assert_allclose(one.grad.numpy(), two.grad.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
