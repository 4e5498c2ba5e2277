"""Reductions of consecutive segments of the first axis, and where their extrema stand."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..errors import ArgumentError, DTypeError, ShapeError
from .row import discrete, general
from .tools import check_indices

_REDUCTIONS = {"sum": "sum", "prod": "prod", "max": "amax", "min": "amin"}


def _check(name: str, device: Any, x: Any, lengths: Any) -> None:
    check_indices(device, lengths, name)
    if (kind := device.dtype_of[x.dtype]).kind in ("bool", "complex"):
        raise DTypeError(f"{name}: takes real numeric dtypes, not {kind.name}; convert first")
    if not len(x.shape) or len(lengths.shape) != 1:
        raise ShapeError(
            f"{name}: rows and a vector of lengths are needed, got shapes {tuple(x.shape)} and {tuple(lengths.shape)}"
        )


def _prepare(device: Any, x: Any, lengths: Any, by: Any) -> tuple[str]:
    _check("segment_reduction", device, x, lengths)
    if by not in _REDUCTIONS:
        raise ArgumentError(f"segment_reduction: `by` is one of {', '.join(map(repr, _REDUCTIONS))}, not {by!r}")
    return (by,)


def _prepare_argmax(device: Any, x: Any, lengths: Any) -> tuple[()]:
    _check("segment_argmax", device, x, lengths)
    return ()


def _argmax_body(xp: Any, x: Any, lengths: Any) -> Any:
    n, count, rest = x.shape[0], lengths.shape[0], tuple(x.shape)[1:]
    whole = xp.device.best_native_dtype(dtypes.int64)
    if n == 0 or count == 0:
        return xp.full((count, *rest), n, dtype=whole)
    best = xp.segment_reduction(x, lengths, by="max")
    places = xp.arange(n, dtype=whole)
    ends = xp.cumulative_sum(xp.astype(lengths, whole), axis=0)
    index = xp.astype(xp.searchsorted(ends, places, None, side="right"), whole)
    # Rows behind the last segment are compared with it, and counted nowhere.
    won = x == xp.take(best, xp.minimum(index, xp.full((), count - 1, dtype=whole)), axis=0)
    if xp.device.dtype_of.get(x.dtype, x.dtype).kind == "float":
        won = xp.logical_or(won, xp.isnan(x))
    none = xp.full((), n, dtype=whole)
    first = xp.where(won, xp.reshape(places, (n,) + (1,) * len(rest)), none)
    return xp.minimum(xp.segment_reduction(first, lengths, by="min"), none)


def _body(xp: Any, x: Any, lengths: Any, *, by: str) -> Any:
    n, count, rest = x.shape[0], lengths.shape[0], tuple(x.shape)[1:]
    kind = xp.device.dtype_of.get(x.dtype, x.dtype)
    whole = xp.device.best_native_dtype(dtypes.int64)
    if by in ("sum", "prod"):
        start: Any = 0 if by == "sum" else 1
    elif kind.kind == "float":
        start = -float("inf") if by == "max" else float("inf")
    else:
        low = -(1 << (kind.bits - 1)) if kind.kind == "signed" else 0
        start = low if by == "max" else low + (1 << kind.bits) - 1
    # Rows behind the last segment go to one that is cut off.
    empty = xp.full((count + 1, *rest), start, dtype=x.dtype)
    if n == 0 or count == 0:
        return empty[:count, ...]
    ends = xp.cumulative_sum(xp.astype(lengths, whole), axis=0)
    index = xp.astype(xp.searchsorted(ends, xp.arange(n, dtype=whole), None, side="right"), whole)
    if by == "sum":
        return xp.index_add(empty, index, x, axis=0)[:count, ...]
    wide = xp.broadcast_to(xp.reshape(index, (n,) + (1,) * len(rest)), tuple(x.shape))
    # A segment that has elements is what they give; others are as they began.
    found = xp.scatter_reduce(empty, wide, x, axis=0, reduce=_REDUCTIONS[by], include_self=by == "prod")
    return found[:count, ...]


def _batch(xp: Any, size: int, x: Any, lengths: Any, *, by: str, batched: tuple[bool, bool]) -> Any:
    if not batched[1]:
        return xp.moveaxis(xp.segment_reduction(xp.moveaxis(x, (1,), (0,)), lengths, by=by), (1,), (0,))
    wide = x if batched[0] else xp.broadcast_to(xp.expand_dims(x, axis=(0,)), (size, *tuple(x.shape)))
    n, rest, count = wide.shape[1], tuple(wide.shape)[2:], lengths.shape[1]
    # One long axis of all samples' segments; what is left of a sample's rows makes one more.
    left = n - xp.sum(lengths, axis=1, keepdims=True, dtype=lengths.dtype)
    line = xp.reshape(xp.concat([lengths, left], axis=1), (size * (count + 1),))
    found = xp.segment_reduction(xp.reshape(wide, (size * n, *rest)), line, by=by)
    return xp.reshape(found, (size, count + 1, *rest))[:, :count, ...]


segment_reduction = general(
    "segment_reduction", "x, lengths, /, *, by='sum'",
    "Return the sum, product, maximum or minimum of each of consecutive segments of the first axis; what ties shares the gradient, "
    "and rows behind the last segment take no part.",
    promote=("x",), category="real numeric", prepare=_prepare, body=_body, batch=_batch,
)  # fmt: skip
segment_argmax = discrete(
    "segment_argmax", "x, lengths, /",
    "Return for each of consecutive segments of the first axis the number of the first row with its largest value, and of an empty "
    "one the number of rows; NaN is the largest.",
    promote=(), category="real numeric", prepare=_prepare_argmax, body=_argmax_body,
)  # fmt: skip
