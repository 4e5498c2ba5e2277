"""Counting and summing by place: bins, segments, and sums that leave NaN out."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..tensor import Tensor
from .torch_names import either

__all__ = ["bincount", "bucketize", "histc", "histogram", "nanmean", "nansum"]


class Histogram(NamedTuple):
    """Counts, and the edges of their bins."""

    hist: Tensor
    bin_edges: Tensor


def nansum(
    x: Tensor, axis: Any = None, keepdims: bool = False, *, dtype: Any = None, dim: Any = None, keepdim: bool = False
) -> Tensor:
    """Return the sum over axes of what is no NaN.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nansum(cb.tensor([1.0, float("nan")]))
    tensor(1.)
    """
    over = either(axis, dim, "nansum")
    if x.dtype.kind == "complex":
        raise DTypeError(f"nansum: takes real numbers, not {x.dtype.name}; take x.real or x.imag first")
    kept = ops.where(ops.isnan(x), 0.0, x) if x.dtype.kind == "float" else x
    return ops.sum(kept, axis=over, dtype=dtype, keepdims=keepdims or keepdim)


def nanmean(
    x: Tensor,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the mean over axes of what is no NaN, computed in another dtype if one is given.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanmean(cb.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5000)
    """
    over, keep = either(axis, dim, "nanmean"), keepdims or keepdim
    x = x if dtype is None else ops.astype(x, dtype, copy=False)
    if x.dtype.kind != "float":
        raise DTypeError(f"nanmean: takes floating-point numbers, not {x.dtype.name}; convert first, as in x.float()")
    numbers = ops.sum(ops.astype(ops.logical_not(ops.isnan(x)), x.dtype), axis=over, keepdims=keep)
    return nansum(x, over, keep) / numbers


def bucketize(x: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Return for each value the number of boundaries before it.

    Parameters
    ----------
    x : Tensor or scalar
        Real numbers, any shape.
    boundaries : Tensor
        One-dimensional, in ascending order.
    out_int32 : bool
        Give int32 instead of int64.
    right : bool
        Count boundaries that equal the value, too.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.bucketize(cb.tensor([1, 5, 3]), cb.tensor([1, 3]))
    tensor([0, 2, 1])
    """
    if boundaries.ndim != 1:
        raise ShapeError(f"bucketize: the boundaries have one axis, got shape {tuple(boundaries.shape)}")
    found = ops.searchsorted(boundaries, x, side="right" if right else "left")
    return ops.astype(found, dtypes.int32) if out_int32 else found


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often each of the numbers 0, 1, 2, … stands in a vector, or the sums of their weights.

    Parameters
    ----------
    x : Tensor
        Non-negative integers, one axis.
    weights : Tensor, optional
        The shape of `x`; float32 ones are added as they are, others in float64.
    minlength : int
        The least length of the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.bincount(cb.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    if x.ndim != 1 or x.dtype.kind not in ("signed", "unsigned"):
        raise ArgumentError(f"bincount: a vector of integers is needed, got shape {tuple(x.shape)} of {x.dtype.name}")
    if weights is not None and weights.shape != x.shape:
        raise ShapeError(f"bincount: weights have shape {tuple(weights.shape)}, x has {tuple(x.shape)}")
    if minlength < 0:
        raise ArgumentError(f"bincount: minlength is not negative, got {minlength}")
    # The length of the result depends on the values, as PyTorch's does.
    if x.shape[0] and int(ops.min(x).item()) < 0:
        raise ArgumentError(f"bincount: the numbers are not negative, got {ops.min(x).item()}")
    n = max(int(ops.max(x).item()) + 1 if x.shape[0] else 0, minlength)
    place = x.device.physical
    if weights is None:
        added = ops.ones(x.shape, dtype=place.whole, device=place)
    else:
        best = place.dtype_of[place.best_native_dtype(dtypes.float64)]
        precise = weights.dtype if weights.dtype is dtypes.float32 else best
        added = ops.astype(weights, precise, copy=False)
    return ops.index_add(ops.zeros((n,), dtype=added.dtype, device=place), ops.astype(x, place.whole), added, axis=0)


def limits_of(operation: str, x: Tensor, low: float, high: float) -> tuple[float, float]:
    """Return from where to where equal bins go: as given, or over all values."""
    if low == high and x.shape[0]:
        low, high = float(ops.min(x).item()), float(ops.max(x).item())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ArgumentError(f"{operation}: the range from {low} to {high} is not finite and ascending; give another")
    return low, high


def _floats(operation: str, x: Tensor, bins: Any) -> Tensor:
    if x.dtype.kind != "float":
        raise DTypeError(f"{operation}: takes floating-point numbers, not {x.dtype.name}; convert first")
    if isinstance(bins, int) and bins < 1:
        raise ArgumentError(f"{operation}: at least one bin is needed, got {bins}")
    return ops.reshape(x.detach(), (-1,))


def histc(x: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Return how many values fall into each of equal bins from `min` to `max`; both equal means those of the data.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.histc(cb.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    flat = _floats("histc", x, bins)
    low, high = limits_of("histc", flat, float(min), float(max))
    inside = ops.logical_and(flat >= low, flat <= high)
    place = ops.floor((ops.where(inside, flat, low) - low) * bins / (high - low))
    place = ops.astype(ops.minimum(place, bins - 1), place.device.whole)
    empty = ops.zeros((bins,), dtype=x.dtype, device=x.device.physical)
    return ops.index_add(empty, place, ops.astype(inside, x.dtype), axis=0)


def histogram(
    x: Tensor,
    bins: int | Tensor,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """Return how many values fall into each bin, and the bins' edges; the last bin has both of its edges.

    Parameters
    ----------
    x : Tensor
        Floating-point, any shape.
    bins : int or Tensor
        The number of equal bins, or their edges in ascending order.
    range : (float, float), optional
        From where to where the equal bins go; by default over all values.
    weight : Tensor, optional
        What each value counts for, of the shape and dtype of `x`.
    density : bool
        Divide by the sum and by the bins' widths.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.histogram(cb.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 3.0)).hist
    tensor([2., 1.])
    """
    flat = _floats("histogram", x, bins)
    device = x.device.physical
    if weight is not None and (weight.shape != x.shape or weight.dtype is not x.dtype):
        raise ShapeError(
            f"histogram: weight has shape {tuple(weight.shape)} and {weight.dtype.name}, x {tuple(x.shape)} and "
            f"{x.dtype.name}; they must agree"
        )
    if isinstance(bins, Tensor):
        if range is not None:
            raise ArgumentError("histogram: give the edges as bins or a range, not both")
        if bins.ndim != 1 or bins.shape[0] < 2 or bins.dtype is not x.dtype:
            raise ShapeError(
                f"histogram: the edges are a vector of at least two {x.dtype.name} numbers, got shape "
                f"{tuple(bins.shape)} of {bins.dtype.name}"
            )
        edges = bins
    elif hasattr(bins, "__index__"):
        bins = operator.index(bins)
        if range is not None and len(range) != 2:
            raise ArgumentError(f"histogram: a range is two numbers, got {range!r}")
        low, high = limits_of("histogram", flat, *(map(float, range) if range is not None else (0.0, 0.0)))
        edges = ops.linspace(low, high, bins + 1, dtype=x.dtype, device=device)
    else:
        raise ArgumentTypeError(f"histogram: bins is an int or a tensor of edges, not {bins!r}")
    n = edges.shape[0] - 1
    inside = ops.logical_and(flat >= edges[0], flat <= edges[-1])
    place = ops.searchsorted(edges, ops.where(inside, flat, edges[0]), side="right") - 1
    ones = ops.ones_like(flat) if weight is None else ops.reshape(weight.detach(), (-1,))
    added = ops.where(inside, ones, ops.zeros_like(ones))
    counts = ops.index_add(ops.zeros((n,), dtype=x.dtype, device=device), ops.minimum(place, n - 1), added, axis=0)
    if density:
        counts = counts / (ops.sum(counts) * (edges[1:] - edges[:-1]))
    return Histogram(counts, edges)
