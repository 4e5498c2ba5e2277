"""Reductions as one call of a ufunc, without NumPy's wrappers around it, and the moments in two passes.

A 0-d array has no axis to reduce, which NumPy lets pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _reduce(ufunc: Any) -> Callable[..., Any]:
    # NumPy's annotations know no arguments by position, which are faster.
    reduce: Any = ufunc.reduce

    def reduction(x: np.ndarray, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        if not x.shape and axis not in (None, ()):
            raise np.exceptions.AxisError(axis, 0)
        return reduce(x, axis, dtype, None, keepdims)

    return reduction


total = _reduce(np.add)
product = _reduce(np.multiply)
largest = _reduce(np.maximum)
smallest = _reduce(np.minimum)
every = _reduce(np.logical_and)
some = _reduce(np.logical_or)


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


def var(x: np.ndarray, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Return the variance in two passes; not a number without degrees of freedom, as the standard has it."""
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
    return np.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


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
    "mean": mean,
    "var": var,
    "std": std,
}
