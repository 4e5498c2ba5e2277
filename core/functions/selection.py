"""Selecting by order: the largest values, medians, quantiles, and running extrema.

What is selected is gathered by its index, so that gradients go to the selected elements alone, as PyTorch's do.
NaN counts as larger than every number.
"""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

from .. import dtypes, ops
from ..device import checks_values
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..primitives.tools import axis_index
from ..tensor import Tensor
from .torch_names import either

__all__ = [
    "cummax", "cummin", "kthvalue", "logcumsumexp", "median", "msort", "nanmedian", "nanquantile", "quantile", "topk",
]  # fmt: skip


class ValuesAndIndices(NamedTuple):
    """Selected values, and where along the axis they stood."""

    values: Tensor
    indices: Tensor


def _one_axis(operation: str, x: Tensor, axis: Any, dim: Any) -> tuple[Tensor, int, bool]:
    """Return a tensor of at least one axis, the axis, and whether the tensor had none."""
    if x.dtype.kind in ("bool", "complex"):
        raise DTypeError(f"{operation}: takes real numbers, not {x.dtype.name}; convert first")
    given = either(axis, dim, operation)
    if x.ndim:
        return x, axis_index(-1 if given is None else given, x.ndim, operation), False
    axis_index(0 if given is None else given, 1, operation)
    return ops.reshape(x, (1,)), 0, True


def _count(operation: str, k: Any, low: int, n: int) -> int:
    try:
        number = operator.index(k)
    except TypeError:
        raise ArgumentTypeError(f"{operation}: k is an int, not {k!r}") from None
    if not low <= number <= n:
        raise ArgumentError(f"{operation}: k lies between {low} and the {n} elements of the axis, got {number}")
    return number


def _gathered(x: Tensor, indices: Tensor, axis: int, keepdims: bool, flat: bool) -> ValuesAndIndices:
    values = ops.take_along_axis(x, indices, axis=axis)
    if flat or not keepdims:
        shape = (*x.shape[:axis], *x.shape[axis + 1 :])
        values, indices = ops.reshape(values, shape), ops.reshape(indices, shape)
    return ValuesAndIndices(values, indices)


def topk(
    x: Tensor, k: int, axis: int | None = None, largest: bool = True, sorted: bool = True, *, dim: int | None = None
) -> ValuesAndIndices:
    """Return the `k` largest (or smallest) values along an axis, and their indices.

    Parameters
    ----------
    x : Tensor
        Real numbers, any shape.
    k : int
        How many.
    axis : int, optional
        The axis, by default the last; `dim` is a synonym.
    largest : bool
        The largest, else the smallest.
    sorted : bool
        Accepted: the values always come in order, the best one first.

    Returns
    -------
    (values, indices)
        With `k` elements along the axis. Of equal values the first ones are taken.

    Examples
    --------
    >>> import candelabra as cb
    >>> values, indices = cb.topk(cb.tensor([1.0, 4.0, 2.0]), 2)
    >>> values, indices
    (tensor([4., 2.]), tensor([1, 2]))
    """
    x, at, flat = _one_axis("topk", x, axis, dim)
    number = _count("topk", k, 0, x.shape[at])
    indices = ops.top_indices(x, count=number, axis=at, descending=bool(largest))
    return _gathered(x, indices, at, not (flat and number == 1), flat and number == 1)


def kthvalue(
    x: Tensor, k: int, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False
) -> ValuesAndIndices:
    """Return the `k`-th smallest value along an axis (from 1 on), and its index.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.kthvalue(cb.tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    """
    x, at, flat = _one_axis("kthvalue", x, axis, dim)
    number = _count("kthvalue", k, 1, x.shape[at])
    indices = ops.rank_index(x, rank=number - 1, axis=at)
    return _gathered(x, indices, at, keepdims or keepdim, flat)


def msort(x: Tensor) -> Tensor:
    """Return the values in order along the first axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.msort(cb.tensor([[3, 1], [2, 5]]))
    tensor([[2, 1],
            [3, 5]])
    """
    return ops.sort(x, axis=0) if x.ndim else x


def median(
    x: Tensor, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False
) -> Any:
    """Return the median, the lower of two; along an axis also its index. NaN wins.

    Parameters
    ----------
    x : Tensor
        Real numbers, any shape.
    axis : int, optional
        Without one the median of all elements is returned; equal elements share its gradient. `dim` is a synonym.
    keepdims : bool
        Keep the axis with size one.

    Returns
    -------
    Tensor, or (values, indices) along an axis

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.median(cb.tensor([1.0, 4.0, 2.0, 3.0]))
    tensor(2.)
    """
    return _median("median", x, either(axis, dim, "median"), keepdims or keepdim)


def nanmedian(
    x: Tensor, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False
) -> Any:
    """Return the median of what is no NaN (see `median`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanmedian(cb.tensor([1.0, float("nan"), 3.0]))
    tensor(1.)
    """
    return _median("nanmedian", x, either(axis, dim, "nanmedian"), keepdims or keepdim)


def _median(operation: str, x: Tensor, axis: Any, keepdims: bool) -> Any:
    source = ops.reshape(x, (-1,)) if axis is None else x
    source, at, flat = _one_axis(operation, source, 0 if axis is None else axis, None)
    n = source.shape[at]
    floating = source.dtype.kind == "float"
    if n == 0:
        if axis is None and floating:
            return ops.full((), math.nan, dtype=x.dtype, device=x.device.physical)
        raise ShapeError(f"{operation}: at least one element is needed along the axis, got shape {tuple(x.shape)}")
    indices = ops.rank_index(source, axis=at, nan="wins" if operation == "median" else "skipped")
    found = _gathered(source, indices, at, keepdims, flat)
    if axis is not None:
        return found
    value = ops.reshape(found.values, ())
    if not floating or not _differentiated(source):
        return value
    value = value.detach()
    # The row max shares the gradient among equal elements.
    best = ops.max(ops.where(source == value, source, -math.inf))
    return ops.where(ops.isnan(value), value, best)


def _differentiated(x: Tensor) -> bool:
    return x.node is not None or bool(x.device.levels)


def quantile(
    x: Tensor,
    q: Any,
    axis: int | None = None,
    keepdims: bool = False,
    *,
    interpolation: str = "linear",
    dim: int | None = None,
    keepdim: bool = False,
) -> Tensor:
    """Return quantiles along an axis, or of all elements; NaN where one is a NaN.

    Parameters
    ----------
    x : Tensor
        Floating-point, any shape with elements.
    q : float or Tensor
        Numbers from 0 to 1; a vector of them adds a first axis to the result.
    axis : int, optional
        Without one, all elements; `dim` is a synonym.
    keepdims : bool
        Keep the axis with size one.
    interpolation : {"linear", "lower", "higher", "midpoint", "nearest"}
        What lies between two elements.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.quantile(cb.tensor([1.0, 2.0, 4.0]), 0.75)
    tensor(3.)
    """
    return _quantile("quantile", x, q, either(axis, dim, "quantile"), keepdims or keepdim, interpolation)


def nanquantile(
    x: Tensor,
    q: Any,
    axis: int | None = None,
    keepdims: bool = False,
    *,
    interpolation: str = "linear",
    dim: int | None = None,
    keepdim: bool = False,
) -> Tensor:
    """Return quantiles of what is no NaN (see `quantile`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanquantile(cb.tensor([1.0, float("nan"), 3.0]), 0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", x, q, either(axis, dim, "nanquantile"), keepdims or keepdim, interpolation)


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(operation: str, x: Tensor, q: Any, axis: Any, keepdims: bool, interpolation: str) -> Tensor:
    if interpolation not in _INTERPOLATIONS:
        raise ArgumentError(f"{operation}: interpolation is one of {', '.join(_INTERPOLATIONS)}, not {interpolation!r}")
    if x.dtype.kind != "float":
        raise DTypeError(f"{operation}: takes floating-point numbers, not {x.dtype.name}; convert first")
    where = _probabilities(operation, x, q)
    source = ops.reshape(x, (-1,)) if axis is None or x.ndim == 0 else x
    at = 0 if axis is None else axis_index(axis, max(x.ndim, 1), operation)
    lines = ops.moveaxis(source, at, -1)
    n = lines.shape[-1]
    if n == 0:
        raise ShapeError(f"{operation}: at least one element is needed along the axis, got shape {tuple(x.shape)}")
    numbers = ops.sum(ops.astype(ops.logical_not(ops.isnan(lines)), x.dtype), axis=-1, keepdims=True)
    line = ops.reshape(where, (-1,))
    if operation == "quantile":
        # NaN is sorted to the end.
        ranks = ops.where(numbers == n, line * (n - 1), float(n - 1))
    else:
        ranks = line * ops.maximum(numbers - 1, 0)
    found = _between(lines, ranks, interpolation)
    result = ops.moveaxis(found, -1, 0)
    if keepdims:
        rest = (1,) * x.ndim if axis is None else tuple(1 if i == at else m for i, m in enumerate(x.shape))
        result = ops.reshape(result, (line.shape[0], *rest))
    return result if where.ndim else ops.squeeze(result, 0)


def _probabilities(operation: str, x: Tensor, q: Any) -> Tensor:
    where = q if isinstance(q, Tensor) else ops.asarray(q, dtype=x.dtype, device=x.device.physical)
    if where.ndim > 1:
        raise ShapeError(f"{operation}: q is a number or a vector, got shape {tuple(where.shape)}")
    if where.dtype is not x.dtype:
        raise DTypeError(f"{operation}: q has dtype {where.dtype.name}, x has {x.dtype.name}; convert one of them")
    if isinstance(q, (int, float)):
        inside = 0 <= q <= 1
    else:
        inside = not checks_values(where.device) or bool(ops.all(ops.logical_and(where >= 0, where <= 1)))
    if not inside:
        raise ArgumentError(f"{operation}: q lies between 0 and 1, got {q}")
    return where


def _between(lines: Tensor, ranks: Tensor, interpolation: str) -> Tensor:
    """Return what stands at fractional places of lines, once they are sorted."""
    if _differentiated(lines):
        # By the elements' own indices: gradients reach those few without a detour through all.
        order: Tensor | None = ops.argsort(lines.detach(), axis=-1)
        ordered = lines
    else:
        order, ordered = None, ops.sort(lines, axis=-1)

    def at(place: Tensor) -> Tensor:
        index = ops.astype(place.detach(), place.device.whole)
        if order is not None:
            index = ops.take_along_axis(order, index, axis=-1)
        return ops.take_along_axis(ordered, index, axis=-1)

    if interpolation == "lower":
        return at(ops.floor(ranks))
    if interpolation == "higher":
        return at(ops.ceil(ranks))
    if interpolation == "nearest":
        return at(ops.round(ranks))
    below = ops.floor(ranks)
    share = ops.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
    low, high = at(below), at(ops.ceil(ranks))
    step = high - low
    return ops.where(share < 0.5, low + share * step, high - step * (1 - share))


def cummax(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> ValuesAndIndices:
    """Return the largest value so far along an axis, and its index (of equal ones the last).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cummax(cb.tensor([1.0, 3.0, 2.0]), axis=0).values
    tensor([1., 3., 3.])
    """
    return _running("cummax", x, axis, dim)


def cummin(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> ValuesAndIndices:
    """Return the smallest value so far along an axis, and its index (of equal ones the last); NaN stays.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cummin(cb.tensor([3.0, 1.0, 2.0]), axis=0).indices
    tensor([0, 1, 1])
    """
    return _running("cummin", x, axis, dim)


def _running(operation: str, x: Tensor, axis: Any, dim: Any) -> ValuesAndIndices:
    if axis is None and dim is None:
        raise ArgumentTypeError(f"{operation}: an axis is needed, such as {operation}(x, axis=-1)")
    truths = x.dtype.kind == "bool"
    x, at, flat = _one_axis(operation, ops.astype(x, dtypes.uint8) if truths else x, axis, dim)
    values, indices = ops.running_extremum(x, axis=at, maxima=operation == "cummax")
    if truths:
        values = ops.astype(values, dtypes.bool_)
    if flat:
        values, indices = ops.reshape(values, ()), ops.reshape(indices, ())
    return ValuesAndIndices(values, indices)


def logcumsumexp(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Return the logarithm of the running sum of exponentials along an axis, without overflow.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.logcumsumexp(cb.zeros(3), axis=0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    if axis is None and dim is None:
        raise ArgumentTypeError("logcumsumexp: an axis is needed, such as logcumsumexp(x, axis=-1)")
    if x.dtype.kind == "complex":
        at = axis_index(either(axis, dim, "logcumsumexp"), max(x.ndim, 1), "logcumsumexp")
        return _complex_sums(x, at) if x.ndim else ops.alias(x)
    if x.dtype.kind != "float":
        raise DTypeError(f"logcumsumexp: takes floating-point numbers, not {x.dtype.name}; convert first")
    line, at, flat = _one_axis("logcumsumexp", x, axis, dim)
    total = ops.running_logsumexp(line, axis=at)
    return ops.reshape(total, ()) if flat else total


def _complex_sums(total: Tensor, at: int) -> Tensor:
    n, step = total.shape[at], 1
    while step < n:
        # Each place takes in what lies twice as far back as before.
        now, before = _cut(total, at, step, None), _cut(total, at, 0, n - step)
        larger = ops.real(now.detach()) >= ops.real(before.detach())
        big, small = ops.where(larger, now, before), ops.where(larger, before, now)
        nothing = ops.equal(ops.real(big.detach()), -math.inf)
        added = big + ops.log1p(ops.exp(ops.where(nothing, 0.0, small - big)))
        total = ops.concat([_cut(total, at, 0, step), added], axis=at)
        step *= 2
    return total


def _cut(x: Tensor, axis: int, start: int | None, stop: int | None) -> Tensor:
    return x[(slice(None),) * axis + (slice(start, stop),)]
