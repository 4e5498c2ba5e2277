"""Histograms of points in several dimensions."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..primitives.tools import size_of
from ..tensor import Tensor
from .counting import limits_of

__all__ = ["histogram2d", "histogramdd"]


class HistogramDD(NamedTuple):
    """Counts, and the edges of the bins of each dimension."""

    hist: Tensor
    bin_edges: tuple[Tensor, ...]


class Histogram2D(NamedTuple):
    """Counts, and the edges of the bins of both coordinates."""

    hist: Tensor
    x_edges: Tensor
    y_edges: Tensor


def histogramdd(
    x: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> HistogramDD:
    """Return how many points fall into each bin of a grid, and the bins' edges; the last bins have both edges.

    Parameters
    ----------
    x : Tensor
        The points: floating-point, shape (..., N) for N dimensions.
    bins : int, sequence of int, or sequence of Tensor
        The number of equal bins, one for all dimensions or one for each; or for each dimension the edges, ascending.
    range : sequence of float, optional
        The lowest and highest edge of each dimension, 2 N numbers; by default those of the points.
    weight : Tensor, optional
        What each point counts for, shape (...), of the dtype of `x`.
    density : bool
        Divide by the sum and by the bins' volumes.

    Returns
    -------
    (hist, bin_edges)
        The counts in the dtype of `x`, and a tuple of N vectors.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.histogramdd(cb.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), bins=2).hist
    tensor([[0., 1.],
            [1., 1.]])
    """
    if x.ndim < 2:
        raise ShapeError(f"histogramdd: points (..., N) are needed, got shape {tuple(x.shape)}")
    if x.dtype.kind != "float":
        raise DTypeError(f"histogramdd: takes floating-point numbers, not {x.dtype.name}; convert first")
    n = x.shape[-1]
    lead = tuple(x.shape[:-1])
    points = ops.reshape(x.detach(), (size_of(lead), n))
    if weight is not None and (tuple(weight.shape) != lead or weight.dtype is not x.dtype):
        raise ShapeError(
            f"histogramdd: weight has shape {tuple(weight.shape)} and {weight.dtype.name}, {lead} and {x.dtype.name} "
            "are needed"
        )
    edges = _edges(points, bins, range)
    device, count = x.device.physical, points.shape[0]
    place: Any = ops.zeros((count,), dtype=device.whole, device=device)
    inside: Any = ops.ones((count,), dtype="bool", device=device)
    for i, line in enumerate(edges):
        values = points[:, i]
        within = ops.logical_and(values >= line[0], values <= line[-1])
        inside = ops.logical_and(inside, within)
        at = ops.searchsorted(line, ops.where(within, values, line[0]), side="right") - 1
        place = place * (line.shape[0] - 1) + ops.minimum(at, line.shape[0] - 2)
    ones = ops.ones((count,), dtype=x.dtype, device=device) if weight is None else ops.reshape(weight.detach(), (-1,))
    shape = tuple(line.shape[0] - 1 for line in edges)
    added = ops.where(inside, ones, ops.zeros_like(ones))
    empty = ops.zeros((size_of(shape),), dtype=x.dtype, device=device)
    counts = ops.reshape(ops.index_add(empty, ops.where(inside, place, 0), added, axis=0), shape)
    if density:
        counts = counts / ops.sum(counts)
        for i, line in enumerate(edges):
            counts = counts / ops.reshape(line[1:] - line[:-1], tuple(-1 if j == i else 1 for j in _axes(n)))
    return HistogramDD(counts, edges)


def _axes(n: int) -> tuple[int, ...]:
    # `range` is an argument's name in this file.
    return tuple(i for i, _ in enumerate((None,) * n))


def _edges(points: Tensor, bins: Any, limits: Sequence[float] | None) -> tuple[Tensor, ...]:
    n, device = points.shape[1], points.device.physical
    given = list(bins) if isinstance(bins, (tuple, list)) else [bins] * n
    if len(given) != n:
        raise ArgumentError(f"histogramdd: {len(given)} bins are given for points of {n} dimensions")
    if any(isinstance(b, Tensor) for b in given):
        if limits is not None:
            raise ArgumentError("histogramdd: give the edges as bins or a range, not both")
        for b in given:
            if not isinstance(b, Tensor) or b.ndim != 1 or b.shape[0] < 2 or b.dtype is not points.dtype:
                raise ShapeError(
                    f"histogramdd: the edges of each dimension are a vector of at least two {points.dtype.name} numbers"
                )
        return tuple(given)
    if limits is not None and len(limits) != 2 * n:
        raise ArgumentError(f"histogramdd: a range of {2 * n} numbers is needed, got {len(limits)}")
    found = []
    for i, b in enumerate(given):
        try:
            number = operator.index(b)
        except TypeError:
            raise ArgumentTypeError(f"histogramdd: bins are ints or tensors of edges, not {b!r}") from None
        if number < 1:
            raise ArgumentError(f"histogramdd: at least one bin is needed, got {number}")
        low, high = (0.0, 0.0) if limits is None else (float(limits[2 * i]), float(limits[2 * i + 1]))
        low, high = limits_of("histogramdd", points[:, i], low, high)
        found.append(ops.linspace(low, high, number + 1, dtype=points.dtype, device=device))
    return tuple(found)


def histogram2d(
    x: Tensor,
    y: Tensor,
    bins: int | Tensor | Sequence[Any] = 10,
    range: Sequence[Sequence[float]] | None = None,
    density: bool = False,
    weights: Tensor | None = None,
) -> Histogram2D:
    """Return how many points of two coordinates fall into each bin of a grid, and the bins' edges (NumPy's function).

    Parameters
    ----------
    x, y : Tensor
        The coordinates: floating-point vectors of one length.
    bins : int, (int, int), Tensor or (Tensor, Tensor)
        The numbers of equal bins, or their edges.
    range : ((float, float), (float, float)), optional
        From where to where the equal bins go.
    density : bool
        Divide by the sum and by the bins' areas.
    weights : Tensor, optional
        What each point counts for.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.histogram2d(cb.tensor([0.0, 1.0]), cb.tensor([0.0, 1.0]), bins=2).hist
    tensor([[1., 0.],
            [0., 1.]])
    """
    if x.ndim != 1 or x.shape != y.shape:
        raise ShapeError(
            f"histogram2d: coordinates are vectors of one length, got shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    grid = [bins, bins] if hasattr(bins, "__index__") else list(bins)
    ends = None if range is None else [float(v) for pair in range for v in pair]
    found = histogramdd(ops.stack([x, y], axis=1), grid, range=ends, weight=weights, density=density)
    return Histogram2D(found.hist, found.bin_edges[0], found.bin_edges[1])
