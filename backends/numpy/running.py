"""Running extrema and running log-sum-exp along an axis of NumPy arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel

_BLOCK = 64
_FEW = 1 << 11
_SIDE_BY_SIDE = 256


def _lines(x: np.ndarray, axis: int) -> np.ndarray:
    moved = np.ascontiguousarray(np.moveaxis(x, axis, -1))
    return moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1])


def _shaped(found: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    axis %= len(shape)
    return np.moveaxis(found.reshape(*shape[:axis], *shape[axis + 1 :], shape[axis]), -1, axis)


def _updates(lines: np.ndarray, largest: bool) -> np.ndarray:
    """Flat places that are at least as good as all before them in their line."""
    extremum = np.maximum if largest else np.minimum
    count, n = lines.shape
    if lines.size > 1 << 12 and n >= 2 * _BLOCK:
        places = _candidates(lines, extremum)
        if places is not None:
            return _among(lines, places, extremum)
    if count >= _SIDE_BY_SIDE:
        # Many lines go side by side, the accumulation of one takes three nanoseconds an element.
        steps = np.ascontiguousarray(lines.T)
        better = np.empty(steps.shape, np.bool_)
        better[0], best = True, steps[0].copy()
        for step, flag in zip(steps[1:], better[1:], strict=True):
            extremum(best, step, out=best)
            np.equal(best, step, out=flag)
        better = np.ascontiguousarray(better.T)
    else:
        better = lines == extremum.accumulate(lines, axis=-1)
    if lines.dtype.kind == "f":
        better |= np.isnan(lines)
    return np.flatnonzero(better)


def _candidates(lines: np.ndarray, extremum: np.ufunc) -> np.ndarray | None:
    """Flat places that are not worse than the blocks before theirs, or None where they are many or there is a NaN."""
    count, n = lines.shape
    whole = next((b for b in range(2 * _BLOCK, _BLOCK // 2 - 1, -1) if n % b == 0), 0)
    block = whole or _BLOCK
    full = n // block
    ends = extremum.reduce(lines[:, : full * block].reshape(count, full, block), axis=-1)
    ends = extremum.accumulate(ends, axis=-1)
    rest = lines[:, full * block :]
    if lines.dtype.kind == "f" and (np.isnan(ends[:, -1]).any() or np.isnan(rest).any()):
        return None
    carry = np.concatenate([lines[:, :1], ends[:, : -(-n // block) - 1]], axis=1)
    if whole:
        carry, given = carry[:, :, None], lines.reshape(count, full, block)
    else:
        carry, given = np.repeat(carry, block, axis=1)[:, :n], lines
    places = np.flatnonzero(given >= carry if extremum is np.maximum else given <= carry)
    return places if places.size * 8 < lines.size else None


def _among(lines: np.ndarray, places: np.ndarray, extremum: np.ufunc) -> np.ndarray:
    """Those of the candidates that no earlier one of their line beats; each line has its first element among them."""
    values, rows = lines.reshape(-1)[places], places // lines.shape[1]
    numbers = np.bincount(rows)
    starts, width = np.cumsum(numbers) - numbers, int(numbers.max())
    within = np.arange(places.size) - np.repeat(starts, numbers)
    filled = np.repeat(values[starts][:, None], width, axis=1)
    filled[rows, within] = values
    return places[values == extremum.accumulate(filled, axis=-1)[rows, within]]


def running_extremum(x: np.ndarray, /, *, axis: int, maxima: bool) -> Any:
    """The extremum so far and the place of its last occurrence so far; NaN stays."""
    if x.dtype.kind not in "iuf" or not x.size:
        return NotImplemented
    if x.size < _FEW:
        best = (np.maximum if maxima else np.minimum).accumulate(x, axis=axis)
        better = x == best
        if x.dtype.kind == "f":
            better |= x != x
        axis %= x.ndim
        line = np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - axis - 1))
        return best, np.maximum.accumulate(better * line, axis=axis)
    lines = _lines(x, axis)
    places = _updates(lines, maxima)
    widths = np.empty_like(places)
    np.subtract(places[1:], places[:-1], out=widths[:-1])
    widths[-1] = lines.size - places[-1]
    values = np.repeat(lines.reshape(-1)[places], widths)
    indices = np.repeat(places % lines.shape[1], widths)
    return _shaped(values, x.shape, axis), _shaped(indices, x.shape, axis)


def running_extremum_vjp(g: tuple[np.ndarray, Any], indices: np.ndarray, axis: int) -> np.ndarray:
    """The cotangents of a run belong to the element that it begins with."""
    given, lines = _lines(g[0], axis), _lines(indices, axis)
    places = np.flatnonzero(lines == np.arange(lines.shape[1]))
    found = np.zeros(given.size, given.dtype)
    if places.size:
        found[places] = np.add.reduceat(given.reshape(-1), places)
    return _shaped(found, indices.shape, axis)


def running_logsumexp(x: np.ndarray, /, *, axis: int) -> Any:
    """The logarithm of the running sum of exponentials."""
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        return NotImplemented
    return np.logaddexp.accumulate(x, axis=axis)


def running_logsumexp_vjp(g: np.ndarray, x: np.ndarray, out: np.ndarray, axis: int) -> np.ndarray:
    """``exp(x) * sum of g * exp(-out)`` from each place on, positive and negative parts in logarithms."""

    def part(values: np.ndarray) -> np.ndarray:
        summed = np.logaddexp.accumulate(np.flip(np.log(values) - out, axis), axis=axis)
        return np.exp(np.flip(summed, axis) + x)

    positive = part(np.maximum(g, 0))
    return positive - part(np.maximum(-g, 0)) if (g < 0).any() else positive


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "running_extremum": Kernel(running_extremum, vjp=(running_extremum_vjp,)),
    "running_logsumexp": Kernel(running_logsumexp, vjp=(running_logsumexp_vjp,)),
}
