"""Gathering and scattering along an axis by an index tensor: `gather`, `scatter` and its kin, `index_add`.

An index tensor has as many axes as what it indexes; `index_add` takes whole slices by an index of one axis.
"""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from .indexing import ARRAY
from .row import general, linear
from .tools import axis_index, check_indices, size_of


def _index_add_body(xp: Any, x: Any, index: Any, source: Any, *, axis: Any) -> Any:
    """A product with the 0-1 matrix of who goes where; integers are summed under a mask."""
    n, k = x.shape[axis], index.shape[0]
    if k == 0 or n == 0:
        return xp.alias(x)
    index = xp.where(index < 0, index + n, index)
    named = xp.expand_dims(xp.arange(n, dtype=index.dtype), axis=1) == xp.reshape(index, (1, k))
    moved = xp.moveaxis(source, axis, 0)
    rest = tuple(moved.shape)[1:]
    flat = xp.reshape(moved, (k, size_of(rest)))
    if xp.device.dtype_of.get(x.dtype, x.dtype).rank >= 2:
        total = xp.matmul(xp.astype(named, flat.dtype), flat)
    else:
        masked = xp.where(xp.expand_dims(named, axis=2), xp.expand_dims(flat, axis=0), xp.zeros((), dtype=flat.dtype))
        total = xp.sum(masked, axis=1, dtype=flat.dtype)
    return xp.add(x, xp.moveaxis(xp.reshape(total, (n, *rest)), 0, axis))


def _places(xp: Any, x_shape: tuple[int, ...], index: Any, axis: int) -> Any:
    """The flat position in `x_shape` that each element of an index names along an axis, in one axis."""
    shape = tuple(index.shape)
    strides, step = [0] * len(x_shape), 1
    for i in reversed(range(len(x_shape))):
        strides[i], step = step, step * x_shape[i]
    places = xp.where(index < 0, index + x_shape[axis], index) * strides[axis]
    for i, n in enumerate(shape):
        if i != axis:
            line = xp.reshape(xp.arange(n, dtype=index.dtype), tuple(n if j == i else 1 for j in range(len(shape))))
            places = places + line * strides[i]
    return xp.reshape(places, (-1,))


def _cut(source: Any, index: Any) -> Any:
    """The part of a source that an index of no greater size reaches."""
    if tuple(source.shape) == tuple(index.shape):
        return source
    return source[tuple(slice(0, n) for n in index.shape)]


def _scatter_add_body(xp: Any, x: Any, index: Any, source: Any, *, axis: Any) -> Any:
    """A sum under the mask of who goes where along the axis; every other position has its own."""
    shape, given = tuple(x.shape), tuple(index.shape)
    if size_of(given) == 0 or size_of(shape) == 0:
        return xp.alias(x)
    used = _cut(source, index)
    n = shape[axis]
    index = xp.where(index < 0, index + n, index)
    line = xp.reshape(xp.arange(n, dtype=index.dtype), (n, *(1,) * (len(shape) - axis)))
    here = xp.equal(line, xp.expand_dims(index, axis=axis))
    masked = xp.where(here, xp.expand_dims(used, axis=axis), xp.zeros((), dtype=used.dtype))
    total = xp.sum(masked, axis=axis + 1, dtype=used.dtype)
    if given[:axis] + given[axis + 1 :] != shape[:axis] + shape[axis + 1 :]:
        widths = tuple((0, 0 if i == axis else m - k) for i, (m, k) in enumerate(zip(shape, given, strict=True)))
        total = xp.pad(total, widths=widths, value=0)
    return xp.add(x, total)


def _scatter_body(xp: Any, x: Any, index: Any, source: Any, *, axis: Any) -> Any:
    shape = tuple(x.shape)
    if size_of(tuple(index.shape)) == 0 or size_of(shape) == 0:
        return xp.alias(x)
    used = xp.reshape(_cut(source, index), (-1,))
    places = _places(xp, shape, index, axis)
    return xp.reshape(xp.setitem(xp.reshape(x, (-1,)), used, [places], key=(ARRAY,)), shape)


def _prepare_index_add(device: Any, x: Any, index: Any, source: Any, axis: Any) -> tuple[Any]:
    n = len(x.shape)
    check_indices(device, index, "index_add")
    at = axis_index(axis, n, "index_add")
    if len(index.shape) != 1:
        raise ShapeError(f"index_add: index has one axis, got shape {tuple(index.shape)}")
    expected = (*x.shape[:at], index.shape[0], *x.shape[at + 1 :])
    if tuple(source.shape) != tuple(expected):
        raise ShapeError(f"index_add: source has shape {tuple(source.shape)}, expected {tuple(expected)} from x and index")
    return (at,)


def _prepare_gather(name: str) -> Any:
    def prepare(device: Any, x: Any, index: Any, *rest: Any) -> tuple[Any]:
        axis = rest[-1]
        n = len(x.shape)
        check_indices(device, index, name)
        at = axis_index(axis, n, name)
        if len(index.shape) != n:
            raise ShapeError(
                f"{name}: index has {len(index.shape)} axes, x has {n}; both must have the same number of axes"
            )
        bound = x.shape if len(rest) == 1 else rest[0].shape
        if len(bound) != n:
            raise ShapeError(f"{name}: source has {len(bound)} axes, x has {n}; both must have the same number of axes")
        for i in range(n):
            if (i != at or len(rest) == 2) and index.shape[i] > bound[i]:
                raise ShapeError(f"{name}: index has size {index.shape[i]} on axis {i}, more than {bound[i]}")
            if i != at and index.shape[i] > x.shape[i]:
                raise ShapeError(f"{name}: index has size {index.shape[i]} on axis {i}, x has {x.shape[i]}")
        return (at,)

    return prepare


def _gather_body(xp: Any, x: Any, index: Any, *, axis: Any) -> Any:
    cut = tuple(slice(None) if i == axis else slice(0, n) for i, n in enumerate(index.shape))
    return xp.take_along_axis(x[cut], index, axis=axis)


def _gather_transpose(xp: Any, g: Any, index: Any, x_shape: Any, axis: Any) -> Any:
    return xp.scatter_add(xp.zeros(x_shape, dtype=g.dtype), index, g, axis=axis)


def _scatter_source_transpose(xp: Any, g: Any, index: Any, source_shape: Any, axis: Any) -> Any:
    return _extended(xp, xp.gather(g, index, axis=axis), source_shape)


def _extended(xp: Any, found: Any, shape: Any) -> Any:
    """Add zeros for what an index does not reach."""
    widths = tuple((0, n - m) for n, m in zip(shape, found.shape, strict=True))
    return xp.pad(found, widths=widths) if any(b for _, b in widths) else found


def _scatter_transpose(xp: Any, g: Any, index: Any, axis: Any) -> Any:
    return xp.scatter(g, index, xp.zeros(tuple(index.shape), dtype=g.dtype), axis=axis)


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
_check_reduced = _prepare_gather("scatter_reduce")


def _prepare_scatter_reduce(
    device: Any, x: Any, index: Any, source: Any, axis: Any, reduce: Any, include_self: Any
) -> tuple[int, str, bool]:
    if reduce not in REDUCTIONS:
        known = ", ".join(map(repr, REDUCTIONS[:-1]))
        raise ArgumentError(f"scatter_reduce: reduce is {known} or {REDUCTIONS[-1]!r}, not {reduce!r}")
    (at,) = _check_reduced(device, x, index, source, axis)
    return at, reduce, bool(include_self)


def _named(xp: Any, x: Any, index: Any, axis: int) -> Any:
    """Say which elements of `x` an index names."""
    ones = xp.ones(tuple(index.shape), dtype=x.dtype)
    return xp.scatter(xp.zeros(tuple(x.shape), dtype=x.dtype), index, ones, axis=axis) != 0


def _counts(xp: Any, x: Any, index: Any, axis: int, include_self: bool) -> Any:
    """By how much each mean divides, never zero."""
    first = (xp.ones if include_self else xp.zeros)(tuple(x.shape), dtype=x.dtype)
    counts = xp.scatter_add(first, index, xp.ones(tuple(index.shape), dtype=x.dtype), axis=axis)
    return counts if include_self else xp.maximum(counts, xp.ones((), dtype=x.dtype))


def _without_self(xp: Any, x: Any, index: Any, axis: int, value: int) -> Any:
    """Return `x` with a neutral value where an index names it."""
    neutral = xp.full(tuple(index.shape), value, dtype=x.dtype)
    return xp.scatter(x, index, neutral, axis=axis)


def _scatter_reduce_body(
    xp: Any, x: Any, index: Any, source: Any, *, axis: int, reduce: str, include_self: bool
) -> Any:
    shape = tuple(x.shape)
    if size_of(tuple(index.shape)) == 0 or size_of(shape) == 0:
        return xp.alias(x)
    source = _cut(source, index)
    if reduce in ("sum", "mean"):
        start = x if include_self else _without_self(xp, x, index, axis, 0)
        total = xp.scatter_add(start, index, source, axis=axis)
        if reduce == "sum":
            return total
        counts = _counts(xp, x, index, axis, include_self)
        whole = xp.device.dtype_of.get(x.dtype, x.dtype).rank < 2
        return xp.floor_divide(total, counts) if whole else total / counts
    # Each element of the result beside all sources: those that name it count.
    places, flat, values = _places(xp, shape, index, axis), xp.reshape(x, (-1, 1)), xp.reshape(source, (1, -1))
    named = xp.reshape(xp.arange(size_of(shape), dtype=places.dtype), (-1, 1)) == xp.reshape(places, (1, -1))
    some = xp.any(named, axis=1)
    if reduce == "prod":
        start = flat if include_self else xp.where(xp.expand_dims(some, axis=1), xp.ones_like(flat), flat)
        factors = xp.where(named, values, xp.ones((), dtype=x.dtype))
        return xp.reshape(xp.prod(xp.concat([start, factors], axis=1), axis=1, dtype=x.dtype), shape)
    start = flat
    if not include_self:
        first = xp.argmax(xp.astype(named, places.dtype), axis=1)
        start = xp.where(
            xp.expand_dims(some, axis=1),
            xp.reshape(xp.take(xp.reshape(source, (-1,)), first, axis=0), (-1, 1)), flat,
        )  # fmt: skip
    found = xp.where(named, values, start)
    found = xp.concat([start, found], axis=1)
    return xp.reshape((xp.max if reduce == "amax" else xp.min)(found, axis=1), shape)


def _scatter_reduce_vjp(
    xp: Any, g: Any, x: Any, index: Any, source: Any, out: Any, axis: int, reduce: str, include_self: bool, wants: Any
) -> tuple[Any, None, Any]:
    used = _cut(source, index)
    if reduce in ("sum", "mean"):
        share = g if reduce == "sum" else g / _counts(xp, x, index, axis, include_self)
        mine, theirs = share, xp.gather(share, index, axis=axis) if wants[2] else None
    elif reduce == "prod":
        mine, theirs = _product_cotangents(xp, g, x, index, used, out, axis, include_self, wants)
    else:
        # What ties with the extremum shares its cotangent evenly.
        won = xp.astype(used == xp.gather(out, index, axis=axis), g.dtype)
        own = xp.astype(x == out, g.dtype)
        if not include_self:
            own = _without_self(xp, own, index, axis, 0)
        share = g / xp.scatter_add(own, index, won, axis=axis)
        mine, theirs = own * share, won * xp.gather(share, index, axis=axis) if wants[2] else None
    if not include_self and wants[0]:
        mine = _without_self(xp, mine, index, axis, 0)
    return mine if wants[0] else None, None, _extended(xp, theirs, source.shape) if wants[2] else None


def _product_cotangents(
    xp: Any, g: Any, x: Any, index: Any, used: Any, out: Any, axis: int, include_self: bool, wants: Any
) -> tuple[Any, Any]:
    """Products of all other factors: a quotient where the factor is not zero, else what the other factors give."""
    mine = theirs = None
    if wants[0]:
        rest = xp.scatter_reduce(xp.ones_like(x), index, used, axis=axis, reduce="prod", include_self=True)
        mine = g * rest if include_self else g
    if wants[2]:
        one, none = xp.ones((), dtype=used.dtype), xp.zeros((), dtype=used.dtype)
        if not include_self:
            x = _without_self(xp, x, index, axis, 1)
        zero, own = used == 0, x == 0
        count = xp.scatter_add(xp.astype(own, g.dtype), index, xp.astype(zero, g.dtype), axis=axis)
        rest = xp.scatter_reduce(
            xp.where(own, one, x), index, xp.where(zero, one, used), axis=axis, reduce="prod", include_self=True
        )
        # Of two zeros each is the other's factor: nothing by itself, but something to the next derivative.
        zeros = xp.scatter_add(xp.where(own, x, none), index, xp.where(zero, used, none), axis=axis)
        count = xp.gather(count, index, axis=axis)
        other = xp.where(count == 2, xp.gather(zeros, index, axis=axis) - used, none)
        product = xp.gather(g * rest, index, axis=axis) * xp.where(count == 1, one, other)
        quotient = xp.gather(g * out, index, axis=axis) / xp.where(zero, one, used)
        theirs = xp.where(zero, product, quotient)
    return mine, theirs


gather = linear(
    "gather", "x, index, /, *, axis", "Return ``x[i][index[i][j]]`` along an axis, as PyTorch's gather.", promote=(),
    transpose=(_gather_transpose, None), prepare=_prepare_gather("gather"), body=_gather_body, batch="axis",
)  # fmt: skip
scatter_add = linear(
    "scatter_add", "x, index, source, /, *, axis", "Return `x` with `source` added where `index` says along an axis.",
    promote=("x", "source"),
    transpose=(lambda g: g, None, _scatter_source_transpose), prepare=_prepare_gather("scatter_add"),
    body=_scatter_add_body, batch="axis",
)  # fmt: skip
index_add = linear(
    "index_add", "x, index, source, /, *, axis",
    "Return `x` with the slices of `source` added at `index` along an axis; repeated indices accumulate.",
    promote=("x", "source"),
    transpose=(lambda g: g, None, lambda xp, g, index, axis: xp.take(g, index, axis=axis)),
    prepare=_prepare_index_add, body=_index_add_body,
)  # fmt: skip
scatter = linear(
    "scatter", "x, index, source, /, *, axis",
    "Return `x` with `source` written where `index` says along an axis. Where a place is named twice the last value stays; the "
    "gradient is that of distinct places.",
    promote=("x", "source"), transpose=(_scatter_transpose, None, _scatter_source_transpose),
    prepare=_prepare_gather("scatter"), body=_scatter_body, batch="axis",
)  # fmt: skip
scatter_reduce = general(
    "scatter_reduce", "x, index, source, /, *, axis, reduce, include_self=True",
    "Return `x` with the sum, product, mean, maximum or minimum of all of `source` that `index` sends to a place along an axis; "
    "what ties shares the gradient.",
    promote=("x", "source"), category="real numeric", prepare=_prepare_scatter_reduce, body=_scatter_reduce_body,
    vjp=_scatter_reduce_vjp, batch="axis",
)  # fmt: skip
