"""Products of matrices by cuBLAS, on arrays of any layout that it can read without a copy.

cuBLAS stores matrices by columns. An array in C order is, to it, the transpose; so a product is asked for as
``out.T = b.T @ a.T``, and an operand that is a transposed view is named as such instead of being copied.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...core.precision import get_float32_matmul_precision
from .launch import Launcher

# cuBLAS's numbers of how a matrix is read, of dtypes, of what products are computed in, and of a way of its own choice.
KEPT, TURNED = 0, 1
DTYPES = {"float16": 2, "bfloat16": 14, "float32": 0, "float64": 1, "complex64": 4, "complex128": 5}
IN_FLOAT32, IN_FLOAT64 = 68, 70
FASTER = {"highest": IN_FLOAT32, "high": 77, "medium": 75}
DEFAULT = 99

# Sizes are 32-bit integers.
LIMIT = 2**31 - 1
# So many products one after the other rather than a copy of an operand whose matrices lie apart irregularly, and rather
# than a copy of one that is broadcast.
_FEW, _MANY = 4, 64

# What cuBLAS reads while it is called: factors are of what is computed in.
_COMPUTED = ("float32", "float64", "complex64", "complex128")
_FACTORS = {name: tuple(np.asarray(factor, name) for factor in (0, 1)) for name in _COMPUTED}


class Kind(NamedTuple):
    """What cuBLAS is told of a dtype: its number, what it is computed in, where 0 and 1 lie in that."""

    number: int
    compute: int
    factors: tuple[int, int]


@cache
def kind_of(dtype: Any) -> Kind | None:
    """Return what cuBLAS is told of a dtype, None for one that it does not multiply."""
    name = dtype.name
    if name not in DTYPES:
        return None
    compute = IN_FLOAT64 if name in ("float64", "complex128") else IN_FLOAT32
    zero, one = _FACTORS.get(name, _FACTORS["float32"])
    return Kind(DTYPES[name], compute, (zero.ctypes.data, one.ctypes.data))


def serves(*arrays: Any) -> bool:
    """Say whether cuBLAS multiplies these arrays as they are."""
    dtype = arrays[0].dtype
    return kind_of(dtype) is not None and all(a.dtype == dtype for a in arrays[1:])


def computing(gpu: Launcher, kind: Kind) -> int:
    """Return what products of a dtype are computed in."""
    if kind.number == DTYPES["float32"] and (precision := get_float32_matmul_precision()) != "highest":
        return FASTER[precision] if gpu.capability() >= 80 else kind.compute
    return kind.compute


def layout(rows: int, columns: int, row_step: int, column_step: int) -> tuple[int, int] | None:
    """Return how cuBLAS reads a matrix's transpose and how far apart its lines are; None for what it cannot read.

    Steps are in elements.
    """
    if (column_step == 1 or columns == 1) and (row_step >= columns or rows == 1):
        found = KEPT, (row_step if rows > 1 else columns)
    elif (row_step == 1 or rows == 1) and (column_step >= rows or columns == 1):
        found = TURNED, (column_step if columns > 1 else rows)
    else:
        return None
    return found if found[1] <= LIMIT else None


def _copied(gpu: Launcher, x: Any) -> Any:
    """Return a copy whose matrices lie one after the other, transposed if they are so nearer to how they lay."""
    if abs(x.strides[-2]) < abs(x.strides[-1]):
        return gpu.copied(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    return gpu.copied(x)


def readable(gpu: Launcher, x: Any) -> tuple[Any, int, int]:
    """Return an array of matrices, copied if need be, and the `layout` of each."""
    shape, steps, size = x.shape, x.strides, x.itemsize
    found = layout(shape[-2], shape[-1], steps[-2] // size, steps[-1] // size)
    if found is None:
        x = _copied(gpu, x)
        found = layout(x.shape[-2], x.shape[-1], x.strides[-2] // size, x.strides[-1] // size)
        assert found is not None, "a copy has a layout that cuBLAS reads"
    return x, *found


def multiply(gpu: Launcher, a: Any, b: Any, out: Any, add: bool = False) -> None:
    """Write the product of two matrices, or add it to what is there.

    Parameters
    ----------
    gpu : Launcher
        Runs it.
    a, b : array
        (M, K) and (K, N), of one dtype.
    out : array
        (M, N), its rows without gaps inside; of the factors' dtype, or float32 for 16-bit factors.
    add : bool
        Whether to add.
    """
    (m, k), n = a.shape, b.shape[1]
    if m == 0 or n == 0:
        return
    if k == 0:
        if not add:
            out.fill(0)
        return
    if max(m, n, k) > LIMIT:
        _multiply_parts(gpu, a, b, out, add)
        return
    a, turned_a, step_a = readable(gpu, a)
    b, turned_b, step_b = readable(gpu, b)
    kind: Any = kind_of(a.dtype)
    number = kind.number
    out_number = number if out.dtype == a.dtype else DTYPES[out.dtype.name]
    cublas, handle = gpu.blas()
    cublas.gemmEx(
        handle, turned_b, turned_a, n, m, k, kind.factors[1], gpu.address(b), number, step_b, gpu.address(a), number,
        step_a, kind.factors[add], gpu.address(out), out_number, out.strides[0] // out.itemsize if m > 1 else n,
        computing(gpu, kind), DEFAULT,
    )  # fmt: skip


def _multiply_parts(gpu: Launcher, a: Any, b: Any, out: Any, add: bool) -> None:
    """`multiply`, where a size is no 32-bit integer."""
    (m, k), n = a.shape, b.shape[1]
    if k > LIMIT:
        for start in range(0, k, LIMIT):
            multiply(gpu, a[:, start : start + LIMIT], b[start : start + LIMIT], out, add or start > 0)
    elif m > LIMIT:
        for start in range(0, m, LIMIT):
            multiply(gpu, a[start : start + LIMIT], b, out[start : start + LIMIT], add)
    else:
        # The rows of the result are too far apart, so that each is a product of its own.
        for row in range(m):
            for start in range(0, n, LIMIT):
                part = slice(start, start + LIMIT)
                multiply(gpu, a[row : row + 1], b[:, part], out[row : row + 1, part], add)


def product(gpu: Launcher, a: Any, b: Any) -> Any:
    """Return the products of matrices (..., M, K) and (..., K, N), whose leading axes broadcast."""
    if a.ndim == 2 and b.ndim == 2:
        out = gpu.empty((a.shape[0], b.shape[1]), a.dtype)
        multiply(gpu, a, b, out)
        return out
    lead, other = a.shape[:-2], b.shape[:-2]
    if lead != other and other:
        # Slow, and seldom needed.
        lead = np.broadcast_shapes(lead, other) if lead else other
    out = gpu.empty((*lead, a.shape[-2], b.shape[-1]), a.dtype)
    if not out.size:
        return out
    if not a.shape[-1]:
        out.fill(0)
        return out
    if math.prod(b.shape[:-2]) == 1 and a.shape[:-2] == lead and (rows := _as_rows(a)) is not None:
        # One matrix for all: one product.
        multiply(gpu, rows, b.reshape(b.shape[-2:]), out.reshape(-1, b.shape[-1]))
        return out
    _multiply_stacks(gpu, a, b, out, lead)
    return out


def _as_rows(a: Any) -> Any | None:
    """Return matrices (..., M, K) as one of their rows, None where that takes a copy."""
    if not a.flags.c_contiguous:
        steps = [(n, s) for n, s in zip(a.shape[:-1], a.strides[:-1], strict=True) if n > 1]
        if any(outer != inner * n for (_, outer), (n, inner) in itertools.pairwise(steps)):
            return None
    return a.reshape(-1, a.shape[-1])


def _once(x: Any) -> Any:
    """Return matrices without those that an axis of step zero repeats."""
    if 0 not in x.strides[:-2]:
        return x
    return x[tuple(slice(0, 1) if step == 0 else slice(None) for step in x.strides[:-2])]


def _steps(x: Any, lead: Sequence[int]) -> tuple[int, ...]:
    """Return how far apart the matrices of an array are along the leading axes that it is broadcast to, in elements."""
    own = [0 if n == 1 else s // x.itemsize for n, s in zip(x.shape[:-2], x.strides[:-2], strict=True)]
    return (0,) * (len(lead) - len(own)) + tuple(own)


def _merged(lead: Sequence[int], *steps: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the leading axes as few as they can be: how long each is and each array's step along it."""
    found: list[tuple[int, ...]] = []
    for count, *each in zip(lead, *steps, strict=True):
        if count == 1:
            continue
        if found and all(outer == inner * count for outer, inner in zip(found[-1][1:], each, strict=True)):
            found[-1] = (found[-1][0] * count, *each)
        else:
            found.append((count, *each))
    return found or [(1,) + (0,) * len(steps)]


def _repeats(axes: list[tuple[int, ...]]) -> int:
    """Return how many products of stacks it takes when the longest axis is the stack."""
    counts = [axis[0] for axis in axes]
    return math.prod(counts) // max(counts)


def _multiply_stacks(gpu: Launcher, a: Any, b: Any, out: Any, lead: Sequence[int]) -> None:
    (m, k), n = a.shape[-2:], b.shape[-1]
    if max(m, n, k) > LIMIT:
        for index in np.ndindex(*lead):
            multiply(gpu, _matrix_at(a, lead, index), _matrix_at(b, lead, index), out[index])
        return
    a, b = _once(a), _once(b)
    left, right = readable(gpu, a), readable(gpu, b)
    if len(lead) == 1:
        along = [0 if x.ndim == 2 or len(x) == 1 else x.strides[0] // x.itemsize for x in (left[0], right[0], out)]
        axes = [(lead[0], *along)]
    else:
        axes = _merged(lead, _steps(left[0], lead), _steps(right[0], lead), _steps(out, lead))
        if _repeats(axes) > _FEW:
            # What is no broadcast is cheap to have in order.
            left, right = (_in_order(gpu, found) for found in (left, right))
            axes = _merged(lead, _steps(left[0], lead), _steps(right[0], lead), _steps(out, lead))
        if _repeats(axes) > _MANY:
            left = readable(gpu, _copied(gpu, gpu.xp.broadcast_to(left[0], (*lead, m, k))))
            right = readable(gpu, _copied(gpu, gpu.xp.broadcast_to(right[0], (*lead, k, n))))
            axes = _merged(lead, _steps(left[0], lead), _steps(right[0], lead), _steps(out, lead))
    _run_stacks(gpu, left, right, out, (m, k, n), axes)


def _run_stacks(gpu: Launcher, left: Any, right: Any, out: Any, sizes: Any, axes: list[tuple[int, ...]]) -> None:
    """Multiply stacks that lie as `axes` tells, the longest at once."""
    (a, turned_a, step_a), (b, turned_b, step_b), (m, k, n) = left, right, sizes
    kind: Any = kind_of(a.dtype)
    number, compute, (zero, one), size = kind.number, computing(gpu, kind), kind.factors, a.itemsize
    cublas, handle = gpu.blas()
    places = gpu.address(a), gpu.address(b), gpu.address(out)

    def multiply_at(at_a: int, at_b: int, at_out: int, count: int, by_a: int, by_b: int, by_out: int) -> None:
        cublas.gemmStridedBatchedEx(
            handle, turned_b, turned_a, n, m, k, one, at_b, number, step_b, by_b, at_a, number, step_a, by_a, zero,
            at_out, number, n, by_out, count, compute, DEFAULT,
        )  # fmt: skip

    if len(axes) == 1 and axes[0][0] <= LIMIT:
        multiply_at(*places, *axes[0])
        return
    count, *along = axes.pop(max(range(len(axes)), key=lambda i: axes[i][0]))
    for start in range(0, count, LIMIT):
        for index in itertools.product(*[range(axis[0]) for axis in axes]):
            steps = [(start, along), *((i, axis[1:]) for i, axis in zip(index, axes, strict=True))]
            at_a, at_b, at_out = [place + size * sum([i * s[x] for i, s in steps]) for x, place in enumerate(places)]
            by_a, by_b, by_out = along
            multiply_at(at_a, at_b, at_out, min(count - start, LIMIT), by_a, by_b, by_out)


def _in_order(gpu: Launcher, found: tuple[Any, int, int]) -> tuple[Any, int, int]:
    """Return a `readable` array whose matrices lie one after the other."""
    x = found[0]
    lead = x.shape[:-2]
    return found if len(_merged(lead, _steps(x, lead))) == 1 else readable(gpu, _copied(gpu, x))


def _matrix_at(x: Any, lead: Sequence[int], index: tuple[int, ...]) -> Any:
    own = index[len(lead) - (x.ndim - 2) :]
    return x[tuple(0 if n == 1 else i for i, n in zip(own, x.shape[:-2], strict=True))]


def combine(gpu: Launcher, a: Any, b: Any, out: Any, factor: float = 1.0, share: float = 0.0) -> None:
    """Write ``factor * a @ b + share * out`` over a stack of matrices, in C order, where it adds to what it holds.

    Parameters
    ----------
    gpu : Launcher
        Runs it.
    a, b : array
        (S, M, K) and (S, K, N), of one real dtype, without a size of zero.
    out : array
        (S, M, N), of the same dtype.
    factor, share : float
        Of the products, and of what is there.
    """
    (count, m, k), n = a.shape, b.shape[2]
    assert out.flags.c_contiguous and max(m, n, k, count) <= LIMIT
    (a, turned_a, step_a), (b, turned_b, step_b) = readable(gpu, a), readable(gpu, b)
    kind: Any = kind_of(a.dtype)
    factors = np.asarray((factor, share), np.float64 if kind.compute == IN_FLOAT64 else np.float32)
    at, size, number = factors.ctypes.data, a.itemsize, kind.number
    cublas, handle = gpu.blas()
    cublas.gemmStridedBatchedEx(
        handle, turned_b, turned_a, n, m, k, at, gpu.address(b), number, step_b, b.strides[0] // size, gpu.address(a),
        number, step_a, a.strides[0] // size, at + factors.itemsize, gpu.address(out), number, n, m * n, count,
        computing(gpu, kind), DEFAULT,
    )  # fmt: skip


class Repeated:
    """Many products of rows of an array with one matrix, into rows of another, each as cheap to ask for as can be.

    Parameters
    ----------
    gpu : Launcher
        Runs them.
    a, out : array
        (R, K) and (S, N), in C order. They and `b` are not to be gone before the last product is asked for.
    b : array
        (K, N), of a's dtype.
    add : bool
        Whether to add to what is there.
    """

    def __init__(self, gpu: Launcher, a: Any, b: Any, out: Any, add: bool = False) -> None:
        (_, k), n = a.shape, b.shape[1]
        assert a.flags.c_contiguous and out.flags.c_contiguous and b.shape[0] == k and out.shape[1] == n
        b, turned, step = readable(gpu, b)
        kind: Any = kind_of(a.dtype)
        self._cublas, self._handle = gpu.blas()
        self._before = self._handle, turned, KEPT, n
        self._matrix = k, kind.factors[1], gpu.address(b), kind.number, step
        self._of_a = kind.number, k, kind.factors[add]
        self._end = DTYPES[out.dtype.name], n, computing(gpu, kind), DEFAULT
        self._a, self._out = (gpu.address(a), a.strides[0]), (gpu.address(out), out.strides[0])
        self._held = a, b, out

    def __call__(self, row: int, rows: int, to: int) -> None:
        """Multiply so many rows of the array from `row` on, into those of the other from `to` on."""
        (a, a_step), (out, out_step) = self._a, self._out
        self._cublas.gemmEx(
            *self._before, rows, *self._matrix, a + row * a_step, *self._of_a, out + to * out_step, *self._end,
        )  # fmt: skip
