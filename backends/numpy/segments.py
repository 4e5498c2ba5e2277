"""Reductions of consecutive segments of the first axis of NumPy arrays.

`ufunc.reduceat` takes a nanosecond for each element along a first axis. Long segments are reduced one by one, many
short ones side by side: the first rows of all, then the second rows, until few are left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel

_FEW = 1 << 11
_TAIL = 32
_UFUNCS: dict[str, tuple[np.ufunc, Any]] = {
    "sum": (np.add, 0),
    "prod": (np.multiply, 1),
    "max": (np.maximum, None),
    "min": (np.minimum, None),
}


def _neutral(dtype: np.dtype, reduce: str) -> Any:
    value = _UFUNCS[reduce][1]
    if value is not None:
        return value
    if dtype.kind == "f":
        return -np.inf if reduce == "max" else np.inf
    limits = np.iinfo(dtype)
    return limits.min if reduce == "max" else limits.max


def _one_by_one(ufunc: np.ufunc, x: np.ndarray, starts: np.ndarray, ends: np.ndarray, out: np.ndarray) -> None:
    spans = zip(starts.tolist(), ends.tolist(), out, strict=True)
    if ufunc is np.add and x.dtype.kind == "f":
        ones = np.ones(int((ends - starts).max(initial=0)), x.dtype)
        for a, b, into in spans:
            np.dot(ones[: b - a], x[a:b], out=into)
    else:
        for a, b, into in spans:
            ufunc.reduce(x[a:b], axis=0, dtype=x.dtype, out=into)


def _side_by_side(ufunc: np.ufunc, x: np.ndarray, starts: np.ndarray, lengths: np.ndarray, out: np.ndarray) -> None:
    order = np.argsort(-lengths, kind="stable")
    first, longest = starts[order], lengths[order]
    total = x.take(first, axis=0)
    # How many segments have a row of each number.
    having = len(longest) - np.searchsorted(longest[::-1], np.arange(1, longest[0]), side="right")
    step = 1
    for count in having.tolist():
        if count < _TAIL:
            for k in range(count):
                rest = x[first[k] + step : first[k] + longest[k]]
                ufunc(total[k], ufunc.reduce(rest, axis=0, dtype=x.dtype), out=total[k])
            break
        part = total[:count]
        ufunc(part, x.take(first[:count] + step, axis=0), out=part)
        step += 1
    out[order] = total


def reduce_segments(x: np.ndarray, starts: np.ndarray, lengths: np.ndarray, reduce: str) -> np.ndarray:
    """The reductions of segments, of which some may be empty, of the rows of a matrix."""
    ufunc = _UFUNCS[reduce][0]
    out = np.empty((len(starts), x.shape[1]), x.dtype)
    some = lengths > 0
    if not some.all():
        out[~some] = _neutral(x.dtype, reduce)
        if some.any():
            out[some] = reduce_segments(x, starts[some], lengths[some], reduce)
        return out
    if not out.size:
        return out
    if x.size <= _FEW and starts[-1] + lengths[-1] == len(x) and (starts[1:] == starts[:-1] + lengths[:-1]).all():
        return ufunc.reduceat(x, starts, axis=0, dtype=x.dtype)  # type: ignore[no-any-return]
    x = np.ascontiguousarray(x)
    # In microseconds: what a segment costs, and what a step over all segments does.
    count, each = len(starts), 1.0 if reduce == "sum" else 1.6
    steps = int(np.partition(lengths, count - _TAIL)[count - _TAIL]) if count > _TAIL else 0
    if count <= _TAIL or count * each < steps * 2.5 + x.size * 3e-4 + _TAIL * each:
        _one_by_one(ufunc, x, starts, starts + lengths, out)
    else:
        _side_by_side(ufunc, x, starts, lengths, out)
    return out


def segment_reduction(x: np.ndarray, lengths: np.ndarray, /, *, by: str) -> Any:
    """The reduction of each segment; rows behind the last one take no part."""
    if x.dtype.kind not in "iuf" or (x.dtype.itemsize == 2 and x.dtype.kind == "f"):
        return NotImplemented
    sizes = lengths.astype(np.int64, copy=False)
    ends = np.cumsum(sizes)
    if len(ends) and ((sizes < 0).any() or ends[-1] > len(x)):
        return NotImplemented
    width = math.prod(x.shape[1:])
    found = reduce_segments(x.reshape(len(x), width), ends - sizes, sizes, by)
    return found.reshape(len(sizes), *x.shape[1:])


def segment_reduction_vjp(g: np.ndarray, x: np.ndarray, lengths: np.ndarray, out: np.ndarray, by: str) -> Any:
    """Each row gets its segment's cotangent, among those that tie a share of it."""
    total = int(lengths.sum())
    if (lengths < 0).any() or total > len(x) or x.dtype.itemsize == 2 or (by == "prod" and not x.all()):
        return NotImplemented
    wide, used = np.repeat(g, lengths, axis=0), x[:total]
    if by == "prod":
        wide *= np.repeat(out, lengths, axis=0)
        wide /= used
    elif by != "sum":
        won = used == np.repeat(out, lengths, axis=0)
        wide *= won
        number = segment_reduction(won.astype(x.dtype), lengths, by="sum")
        if (number > 1).any():
            wide /= np.repeat(np.maximum(number, 1), lengths, axis=0)
    if total < len(x):
        wide = np.concatenate([wide, np.zeros((len(x) - total, *x.shape[1:]), wide.dtype)])
    return wide, None


def segment_argmax(x: np.ndarray, lengths: np.ndarray, /) -> Any:
    """The number of the first row of each segment with its largest value."""
    sizes = lengths.astype(np.int64, copy=False)
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    if x.dtype.kind not in "iuf" or (x.dtype.itemsize == 2 and x.dtype.kind == "f"):
        return NotImplemented
    if (sizes < 0).any() or total > len(x):
        return NotImplemented
    width = math.prod(x.shape[1:])
    rows = x.reshape(len(x), width)
    best = reduce_segments(rows, ends - sizes, sizes, "max")
    won = rows[:total] == np.repeat(best, sizes, axis=0)
    if x.dtype.kind == "f" and np.isnan(best).any():
        won |= np.isnan(rows[:total])
    places = np.flatnonzero(won)[::-1]
    found = np.full(best.shape, len(x), np.int64)
    if places.size:
        row, column = np.divmod(places, width)
        # Of several the first is written last.
        found[np.repeat(np.arange(len(sizes)), sizes)[row], column] = row
    return found.reshape(len(sizes), *x.shape[1:])


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "segment_argmax": segment_argmax,
    "segment_reduction": Kernel(segment_reduction, vjp=segment_reduction_vjp),
}
