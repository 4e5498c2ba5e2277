"""Reductions as one call of a ufunc, without NumPy's wrappers around it, and the moments in two passes.

A 0-d array has no axis to reduce, which NumPy lets pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _narrow(x: np.ndarray) -> bool:
    """Whether an array is of 16-bit floats, in which sums stop growing after a few hundred terms."""
    return x.itemsize == 2 and x.dtype.kind not in "iu"


def _accumulate(ufunc: Any) -> Callable[..., Any]:
    """Return a reduction that adds up 16-bit floats in float32, as PyTorch's, and rounds once."""
    reduction = _reduce(ufunc)

    def accumulated(x: np.ndarray, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        if x.itemsize == 2 and _narrow(x):
            kind = x.dtype if dtype is None else dtype
            return reduction(x.astype(np.float32), axis=axis, keepdims=keepdims).astype(kind)
        return reduction(x, axis=axis, dtype=dtype, keepdims=keepdims)

    return accumulated


def _reduce(ufunc: Any) -> Callable[..., Any]:
    # NumPy's annotations know no arguments by position, which are faster.
    reduce: Any = ufunc.reduce

    def reduction(x: np.ndarray, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        if axis is not None and not x.shape and axis != ():
            raise np.exceptions.AxisError(axis, 0)
        return reduce(x, axis, dtype, None, keepdims)

    return reduction


total = _accumulate(np.add)
product = _accumulate(np.multiply)
_largest = _reduce(np.maximum)
_smallest = _reduce(np.minimum)
_every = _reduce(np.logical_and)
_some = _reduce(np.logical_or)

# Up to this many elements the calls cost more than the work.
_FEW = 2048


def largest(x: np.ndarray, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the maximum; of few elements by its place, which NumPy finds in half the time. NaN wins in both."""
    if axis is None and not keepdims and 0 < x.size <= _FEW:
        return x.flat[x.argmax()]
    return _largest(x, axis=axis, keepdims=keepdims)


def smallest(x: np.ndarray, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the minimum; of few elements by its place."""
    if axis is None and not keepdims and 0 < x.size <= _FEW:
        return x.flat[x.argmin()]
    return _smallest(x, axis=axis, keepdims=keepdims)


def every(x: np.ndarray, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Say whether all elements are true; few are counted."""
    if axis is None and not keepdims and x.size <= _FEW:
        return np.count_nonzero(x) == x.size
    return _every(x, axis=axis, keepdims=keepdims)


def some(x: np.ndarray, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Say whether any element is true; few are counted."""
    if axis is None and not keepdims and x.size <= _FEW:
        return np.count_nonzero(x) != 0
    return _some(x, axis=axis, keepdims=keepdims)


def _running(accumulate: Any, function: Any) -> Callable[..., Any]:
    """Return a cumulative function without what NumPy's does before it accumulates."""

    def running(x: np.ndarray, *, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> np.ndarray:
        if x.itemsize == 2 and _narrow(x):
            wide = running(x.astype(np.float32), axis=axis, include_initial=include_initial)
            return wide.astype(x.dtype if dtype is None else dtype)
        if include_initial or axis is None:
            return function(x, axis=axis, dtype=dtype, include_initial=include_initial)
        return accumulate(x, axis, dtype)

    return running


def _index(name: str) -> Callable[..., Any]:
    def index(x: np.ndarray, *, axis: Any = None, keepdims: bool = False) -> Any:
        if not x.shape and axis is not None:
            raise np.exceptions.AxisError(axis, 0)
        return getattr(x, name)(axis, keepdims=keepdims)

    return index


def count_nonzero(x: np.ndarray, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Count the elements that are not zero; NumPy's own is fast over everything."""
    if axis is None and not keepdims:
        return np.count_nonzero(x)
    return total(x != 0, axis=axis, dtype=np.int64, keepdims=keepdims)


def _count(x: np.ndarray, axis: Any) -> int:
    """The number of elements over axes."""
    if axis is None:
        return x.size
    if isinstance(axis, int):
        return x.shape[axis]
    n = 1
    for a in axis:
        n *= x.shape[a]
    return n


def mean(x: np.ndarray, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the mean: one reduction and one division."""
    if x.dtype.itemsize == 2:
        return np.mean(x, axis=axis, dtype=np.float32, keepdims=keepdims).astype(x.dtype)
    summed = total(x, axis=axis, keepdims=keepdims)
    n = _count(x, axis)
    if n == 0:
        return np.full_like(summed, np.nan)
    return summed / x.dtype.type(n) if isinstance(summed, np.generic) else np.divide(summed, n, out=summed)


_ONES = {np.dtype(kind): np.ones(_FEW, kind) for kind in (np.float32, np.float64)}
# Lengths as 0-d arrays, and lines whose product with a row is its sum divided by a number; of the latest lengths.
_LENGTHS: dict[Any, dict[int, np.ndarray]] = {kind: {} for kind in _ONES}
_LINES: dict[Any, dict[tuple[int, float], np.ndarray]] = {kind: {} for kind in _ONES}
_KEPT = 64


def _kept(known: dict[Any, np.ndarray], key: Any, made: np.ndarray) -> np.ndarray:
    if len(known) >= _KEPT:
        known.clear()
    known[key] = made
    return made


def _var_of_few(x: np.ndarray, axis: Any, correction: float, keepdims: bool) -> np.ndarray | None:
    """Return the variance of few elements, summed by BLAS; None where it is not over everything or the last axis.

    Beside 0-d arrays NumPy computes in half the time that it takes beside numbers, and it repeats faster than it
    broadcasts.
    """
    kind, size = x.dtype, x.size
    ones = _ONES.get(kind)
    if ones is None or not 0 < size <= _FEW:
        return None
    shape = x.shape
    if axis is None:
        freedom = size - correction
        if not freedom > 0:
            return None
        centred = np.subtract(x, np.array(np.add.reduce(x, None) / size, kind)).reshape(-1)
        found = np.array(centred.dot(centred) / freedom, kind)
        return found.reshape((1,) * len(shape)) if keepdims else found
    if type(axis) is not int or len(shape) < 2:
        return None
    if axis == 0 and len(shape) == 2:
        x, last = x.T, True
    else:
        last = axis == -1 or axis == len(shape) - 1
    n = x.shape[-1]
    freedom = n - correction
    if not last or not freedom > 0:
        return None
    lengths, lines = _LENGTHS[kind], _LINES[kind]
    rows = x if x.ndim == 2 else x.reshape(-1, n)
    length = lengths.get(n)
    line = lines.get((n, freedom))
    if length is None:
        length = _kept(lengths, n, np.array(n, kind))
    if line is None:
        line = _kept(lines, (n, freedom), np.full(n, 1.0 / freedom, kind))
    # The mean is divided, so that equal numbers do not differ from it.
    means = rows.dot(ones[:n])
    np.divide(means, length, means)
    centred = np.subtract(rows, means.repeat(n).reshape(rows.shape))
    np.multiply(centred, centred, centred)
    found = centred.dot(line)
    if keepdims:
        kept = list(shape)
        kept[axis] = 1
        return found.reshape(kept)
    return found if len(shape) == 2 else found.reshape(shape[:-1])


def var(x: np.ndarray, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Return the variance in two passes; not a number without degrees of freedom, as the standard has it."""
    few = _var_of_few(x, axis, correction, keepdims)
    if few is not None:
        return few
    n = _count(x, axis)
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    centred = wide - (total(wide, axis=axis, keepdims=True) / max(n, 1)).astype(wide.dtype)
    if centred.dtype.kind == "c":
        squares = np.square(centred.real) + np.square(centred.imag)
    else:
        squares = np.square(centred, out=centred if centred.ndim else None)
    summed = total(squares, axis=axis, keepdims=keepdims)
    # A NumPy scalar would decide the dtype.
    freedom = float(n - correction)
    result = summed / (freedom if freedom > 0 else np.nan)
    return result.astype(x.dtype) if wide is not x else result


def std(x: np.ndarray, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Return the square root of the variance."""
    squares = var(x, axis=axis, correction=correction, keepdims=keepdims)
    return np.sqrt(squares, squares) if isinstance(squares, np.ndarray) else np.sqrt(squares)


KERNELS: dict[str, Callable[..., Any]] = {
    "sum": total,
    "prod": product,
    "max": largest,
    "min": smallest,
    "all": every,
    "any": some,
    "argmax": _index("argmax"),
    "argmin": _index("argmin"),
    "count_nonzero": count_nonzero,
    "cumulative_prod": _running(np.multiply.accumulate, np.cumulative_prod),
    "cumulative_sum": _running(np.add.accumulate, np.cumulative_sum),
    "mean": mean,
    "var": var,
    "std": std,
}
