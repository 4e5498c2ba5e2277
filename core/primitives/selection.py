"""Selecting by rank along an axis, and what is best or summed so far."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from .row import discrete, general
from .tools import axis_index

_NAN = ("last", "wins", "skipped")


def _prepare_rank(device: Any, x: Any, rank: Any, axis: Any, nan: Any) -> tuple[Any, ...]:
    at = axis_index(axis, len(x.shape), "rank_index")
    n = x.shape[at]
    if nan not in _NAN:
        raise ArgumentError(f"rank_index: nan is one of {', '.join(map(repr, _NAN))}, not {nan!r}")
    if not n or (rank is not None and not 0 <= rank < n):
        raise ShapeError(f"rank_index: there is no rank {rank} among the {n} elements along axis {at}")
    return rank, at, nan


def _cut(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop), ...)]


def _is_float(xp: Any, x: Any) -> bool:
    dtype = x.dtype
    return bool(xp.device.dtype_of.get(dtype, dtype).kind == "float")


def _rank_body(xp: Any, x: Any, *, rank: Any, axis: int, nan: str) -> Any:
    n = x.shape[axis]
    at = (n - 1) // 2 if rank is None else rank
    whole = xp.device.best_native_dtype(dtypes.int64)
    ordered = xp.sort(x, axis=axis)
    if not _is_float(xp, x):
        same = x == _cut(ordered, axis, at, at + 1)
        return xp.argmax(xp.astype(same, whole), axis=axis, keepdims=True)
    missing = xp.isnan(x)
    if nan == "skipped":
        numbers = n - xp.sum(xp.astype(missing, whole), axis=axis, keepdims=True)
        value = xp.take_along_axis(ordered, xp.maximum((numbers - 1) // 2, xp.zeros_like(numbers)), axis=axis)
    else:
        value = _cut(ordered, axis, at, at + 1)
    lost = xp.any(missing, axis=axis, keepdims=True) if nan == "wins" else xp.isnan(value)
    same = xp.logical_or(xp.logical_and(lost, missing), xp.logical_and(xp.logical_not(lost), x == value))
    return xp.argmax(xp.astype(same, whole), axis=axis, keepdims=True)


def _running_body(xp: Any, x: Any, *, axis: int, maxima: bool) -> Any:
    n = x.shape[axis]
    shape = (n,) + (1,) * (len(x.shape) - axis - 1)
    line = xp.reshape(xp.arange(n, dtype=xp.device.best_native_dtype(dtypes.int64)), shape)
    best, places = x, xp.broadcast_to(line, tuple(x.shape))
    step = 1
    while step < n:
        # Each place looks back twice as far as before.
        before, now = _cut(best, axis, 0, n - step), _cut(best, axis, step, None)
        better = now >= before if maxima else now <= before
        if _is_float(xp, x):
            better = xp.logical_or(xp.isnan(now), xp.logical_and(better, xp.logical_not(xp.isnan(before))))
        place = xp.where(better, _cut(places, axis, step, None), _cut(places, axis, 0, n - step))
        places = xp.concat([_cut(places, axis, 0, step), place], axis=axis)
        best = xp.concat([_cut(best, axis, 0, step), xp.where(better, now, before)], axis=axis)
        step *= 2
    return best, places


def _prepare_running(device: Any, x: Any, axis: Any, maxima: Any) -> tuple[int, bool]:
    return axis_index(axis, len(x.shape), "running_extremum"), bool(maxima)


def _logsumexp_body(xp: Any, x: Any, *, axis: int) -> Any:
    total, n, step = x, x.shape[axis], 1
    while step < n:
        added = xp.logaddexp(_cut(total, axis, step, None), _cut(total, axis, 0, n - step))
        total = xp.concat([_cut(total, axis, 0, step), added], axis=axis)
        step *= 2
    return total


rank_index = discrete(
    "rank_index", "x, /, *, rank=None, axis=-1, nan='last'",
    "Return the index of the first element along an axis that equals the one of a rank in ascending order, or the lower median; NaN "
    "is ranked last, wins, or is skipped.",
    category="real numeric", prepare=_prepare_rank, body=_rank_body, batch="axis",
)  # fmt: skip
running_extremum = general(
    "running_extremum", "x, /, *, axis=-1, maxima=True",
    "Return the largest or smallest value so far along an axis, and the index of its last occurrence so far; NaN stays.",
    outputs=("values", "indices"), differentiable=(True, False), category="real numeric", batch="axis",
    prepare=_prepare_running, body=_running_body,
    vjp=lambda xp, g, indices, x_shape, axis: xp.scatter_add(
        xp.zeros(x_shape, dtype=g[0].dtype), indices, g[0], axis=axis
    ),
    jvp=lambda xp, t, out, axis: (xp.take_along_axis(t, out[1], axis=axis), None),
)  # fmt: skip
running_logsumexp = general(
    "running_logsumexp", "x, /, *, axis=-1", "Return the logarithm of the running sum of exponentials along an axis, without overflow.",
    category="real floating-point", floating=True, batch="axis", body=_logsumexp_body,
    prepare=lambda device, x, axis: (axis_index(axis, len(x.shape), "running_logsumexp"),),
)  # fmt: skip
