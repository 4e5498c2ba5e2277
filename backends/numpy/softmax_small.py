"""Softmax and cross entropy of few elements, where each call of NumPy costs more than the work.

Numbers of moderate size need no shift by their maximum, and so no maximum for each row: that they are moderate is seen
in the largest and the smallest of all. Rows are summed by BLAS, and repeated rather than broadcast, which takes NumPy
half the time.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

Array = np.ndarray

FEW = 2048
# exp(40) and its inverse are far from what float32 does not hold, also summed.
_MODERATE = 40.0
_ONES = {np.dtype(kind): np.ones(FEW, kind) for kind in (np.float32, np.float64)}
_F64, _I64, _U64 = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.uint64)
# So many logarithms are faster one by one.
_DIRECT = 32


def rows_of(x: Array, axis: Any) -> Array | None:
    """Return few numbers of moderate size as rows along the last axis; None for others."""
    if not 0 < x.size <= FEW or x.dtype not in _ONES:
        return None
    last = x.ndim - 1
    if (axis != last and axis != -1) or last < 0:
        return None
    # Not so for NaN, too.
    if not (x.item(x.argmax()) <= _MODERATE and x.item(x.argmin()) >= -_MODERATE):
        return None
    return x if last == 1 else x.reshape(-1, x.shape[-1])


def softmax(x: Array, axis: Any) -> Array | None:
    """Return the softmax along the last axis, or None."""
    rows = rows_of(x, axis)
    if rows is None:
        return None
    n = rows.shape[1]
    out = np.exp(rows)
    np.divide(out, out.dot(_ONES[out.dtype][:n]).repeat(n).reshape(out.shape), out)
    return out if x.ndim == 2 else out.reshape(x.shape).copy()


def log_softmax(x: Array, axis: Any) -> Array | None:
    """Return the logarithm of the softmax along the last axis, or None."""
    rows = rows_of(x, axis)
    if rows is None:
        return None
    n = rows.shape[1]
    # The difference of two numbers of some size is rounded once.
    logs = np.log(np.exp(rows).dot(_ONES[rows.dtype][:n]).astype(_F64))
    out = np.subtract(rows, logs.repeat(n).reshape(rows.shape)).astype(x.dtype)
    return out if x.ndim == 2 else out.reshape(x.shape).copy()


def softmax_grad(y: Array, g: Array) -> Array | None:
    """Return y (g - sum(g y)) for rows of few elements, or None."""
    if y.size > FEW or y.ndim != 2 or g.shape != y.shape:
        return None
    n = y.shape[1]
    out = np.multiply(g, y)
    inner = out.dot(_ONES[out.dtype][:n]).repeat(n).reshape(y.shape)
    np.multiply(inner, y, inner)
    np.subtract(out, inner, out)
    return out


def log_softmax_grad(y: Array, g: Array) -> Array | None:
    """Return g - exp(y) sum(g) for rows of few elements, or None."""
    if y.size > FEW or y.ndim != 2 or g.shape != y.shape:
        return None
    n = y.shape[1]
    out = np.exp(y)
    np.multiply(out, g.dot(_ONES[g.dtype][:n]).repeat(n).reshape(y.shape), out)
    np.subtract(g, out, out)
    return out


@functools.lru_cache(maxsize=64)
def _firsts(n: int, width: int) -> Array:
    """Return the places of the first elements of rows."""
    return np.arange(0, n * width, width)


def cross_entropy(x: Array, target: Array, ignore_index: int, reduction: str) -> Any:
    """Return the loss of rows of few scores without weights, and what its rule needs; or None.

    The residuals are exp(x), its sums, the targets' flat places, and how much each row counts.
    """
    if x.ndim != 2 or target.ndim != 1 or len(target) != len(x) or target.dtype != _I64:
        return None
    rows = rows_of(x, 1)
    if rows is None:
        return None
    n, classes = rows.shape
    if 0 <= ignore_index < classes:
        return None
    # Seen without a sign, a negative number is the largest.
    unsigned = target.view(_U64)
    if unsigned.item(unsigned.argmax()) >= classes:
        # Ignored, or an error.
        return None
    powers = np.exp(rows)
    sums = powers.dot(_ONES[rows.dtype][:classes])
    places = np.add(target, _firsts(n, classes))
    picked = rows.reshape(-1).take(places)
    scale = 1.0 / n if reduction == "mean" else 1.0
    if reduction == "none":
        result = np.subtract(np.log(sums.astype(_F64)), picked).astype(x.dtype)
    elif n <= _DIRECT:
        total = math.fsum(map(math.log, sums.tolist())) - math.fsum(picked.tolist())
        result = np.array(total * scale, x.dtype)
    else:
        total = np.add.reduce(np.subtract(np.log(sums.astype(_F64)), picked))
        result = np.array(total * scale, x.dtype)
    scale = np.array(scale, x.dtype)
    return result, (powers, sums, places, None, None, scale)


def cross_entropy_grad(g: Array, powers: Array, sums: Array, places: Array, scale: Array) -> Array:
    """Return (softmax(x) - one_hot(target)) times a cotangent, for what `cross_entropy` kept."""
    n = powers.shape[1]
    each = np.multiply(g, scale)
    ratio = np.divide(each, sums).repeat(n).reshape(powers.shape)
    np.multiply(powers, ratio, ratio)
    ratio.reshape(-1)[places] -= each
    return ratio
