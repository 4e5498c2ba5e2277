"""Sampling at the points of a grid, and grids of affine maps, as functions."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDING = ("zeros", "border", "reflection")


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Sample images or volumes at points, as a spatial transformer does (M. Jaderberg et al., arXiv:1506.02025).

    Parameters
    ----------
    input : Tensor
        Shape (N, C, H, W) or (N, C, D, H, W), of floats.
    grid : Tensor
        Points in [-1, 1], shape (N, H', W', 2) as (x, y), or (N, D', H', W', 3) as (x, y, z).
    mode : {"bilinear", "nearest", "bicubic"}
        How to weigh neighbours; "bilinear" is trilinear in a volume, "bicubic" takes images only.
    padding_mode : {"zeros", "border", "reflection"}
        What stands outside.
    align_corners : bool, optional
        Whether -1 and 1 are the centres of the corner elements, rather than the corners themselves.

    Returns
    -------
    Tensor
        Shape (N, C, H', W') or (N, C, D', H', W').

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.grid_sample(cb.tensor([[[[1., 3.]]]]), cb.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[2.]]]])
    """
    axes = _checked(input, grid, mode, padding_mode)
    sizes = tuple(input.shape)[2:]
    align = bool(align_corners)
    # The grid's coordinates begin with the last axis.
    places = [_unnormalized(grid[..., axes - 1 - i], n, align) for i, n in enumerate(sizes)]
    points = _Points(input)
    if mode == "bicubic":
        taps, weights = _bicubic(places, sizes, padding_mode, align)
        return points.weighted(taps, weights)
    places = [_bounded(p, n, padding_mode, align) for p, n in zip(places, sizes)]
    if mode == "nearest":
        return points.weighted([[ops.round(p) for p in places]], None)
    low = [ops.floor(p.detach()) for p in places]
    shares = [((start + 1) - p, p - start) for p, start in zip(places, low)]
    corners = list(itertools.product((0, 1), repeat=axes))
    taps = [[start + side for start, side in zip(low, corner)] for corner in corners]
    weights = [functools.reduce(ops.multiply, [s[side] for s, side in zip(shares, corner)]) for corner in corners]
    return points.weighted(taps, weights)


class _Points:
    """An input whose elements are taken point by point, all channels at once."""

    def __init__(self, input: Tensor) -> None:
        self.n, self.c, *self.sizes = tuple(input.shape)
        self.count = self.n * math.prod(self.sizes)
        last = ops.reshape(ops.moveaxis(input, (1,), (input.ndim - 1,)), (self.count, self.c))
        # What lies outside is one more row, of zeros.
        self.rows = ops.pad(last, widths=((0, 1), (0, 0)))

    def index(self, places: list[Tensor]) -> Tensor:
        """The rows (N, *points) of the elements at whole places (N, *points)."""
        index: Any = ops.arange(self.n, device=self.rows.device)
        index = ops.reshape(index, (self.n, *(1,) * (places[0].ndim - 1)))
        inside: Any = None
        for p, size in zip(places, self.sizes):
            within = ops.logical_and(p > -1, p < size)
            inside = within if inside is None else ops.logical_and(inside, within)
            index = index * size + ops.astype(ops.where(within, p, ops.zeros_like(p)), p.device.whole)
        return ops.where(inside, index, ops.full_like(index, self.count))

    def weighted(self, taps: list[list[Tensor]], weights: list[Tensor] | None) -> Tensor:
        """The weighted sum (N, C, *points) of the elements at each tap's whole places."""
        index = ops.stack([self.index(places) for places in taps], axis=0)
        shape = tuple(index.shape)
        found = ops.take(self.rows, ops.reshape(index, (math.prod(shape),)), axis=0)
        found = ops.reshape(found, (*shape, self.c))
        if weights is not None:
            found = ops.sum(found * ops.expand_dims(ops.stack(weights, axis=0), axis=-1), axis=0)
        else:
            found = ops.squeeze(found, 0)
        return ops.moveaxis(found, (found.ndim - 1,), (1,))


def _checked(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> int:
    if mode not in _MODES:
        raise ArgumentError(f"grid_sample: mode is 'bilinear', 'nearest' or 'bicubic', got {mode!r}")
    if padding_mode not in _PADDING:
        raise ArgumentError(f"grid_sample: padding_mode is 'zeros', 'border' or 'reflection', got {padding_mode!r}")
    axes = input.ndim - 2
    if axes not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != axes or grid.shape[0] != input.shape[0]:
        raise ShapeError(
            "grid_sample: input (N, C, H, W) and grid (N, H', W', 2), or (N, C, D, H, W) and (N, D', H', W', 3), are "
            f"needed, got {tuple(input.shape)} and {tuple(grid.shape)}"
        )
    if 0 in tuple(input.shape)[2:]:
        raise ShapeError(f"grid_sample: there is nothing to sample in an input of shape {tuple(input.shape)}")
    if mode == "bicubic" and axes == 3:
        raise ArgumentError("grid_sample: mode 'bicubic' takes images (N, C, H, W) only")
    if input.dtype.kind != "float" or grid.dtype != input.dtype:
        raise DTypeError(
            f"grid_sample: input and grid are of one real floating-point dtype, got {input.dtype.name} and "
            f"{grid.dtype.name}"
        )
    return axes


def _unnormalized(x: Tensor, n: int, align: bool) -> Tensor:
    """Coordinates in [-1, 1] as places along an axis of n elements."""
    return (x + 1) * ((n - 1) / 2) if align else ((x + 1) * n - 1) * 0.5


def _bounded(x: Tensor, n: int, padding_mode: str, align: bool) -> Tensor:
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, 0.0, n - 1.0) if align else _reflected(x, -0.5, n - 0.5)
    return ops.clip(x, 0.0, n - 1.0)


def _reflected(x: Tensor, low: float, high: float) -> Tensor:
    span = high - low
    if span == 0:
        return x * 0.0
    x = ops.abs(x - low)
    flips = ops.floor(x.detach() / span)
    rest = x - flips * span
    return ops.where(ops.remainder(flips, ops.full_like(flips, 2.0)) == 0, rest + low, span - rest + low)


def _bicubic(
    places: list[Tensor], sizes: tuple[int, ...], padding_mode: str, align: bool
) -> tuple[list[list[Tensor]], list[Tensor]]:
    """The sixteen neighbours of each point, and their weights."""
    low = [ops.floor(p.detach()) for p in places]
    rows, columns = (_cubic(p - start) for p, start in zip(places, low))
    lines = [[_bounded(start + (i - 1), n, padding_mode, align) for i in range(4)] for start, n in zip(low, sizes)]
    taps = [list(pair) for pair in itertools.product(*lines)]
    return taps, [one * other for one, other in itertools.product(rows, columns)]


def _cubic(t: Tensor, a: float = -0.75) -> list[Tensor]:
    """The weights of four neighbours, by Keys' cubic convolution with a = -0.75."""

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Map the points of a regular grid by affine maps, for `grid_sample`.

    Parameters
    ----------
    theta : Tensor
        Maps, shape (N, 2, 3) for images or (N, 3, 4) for volumes, of floats.
    size : sequence of int
        The shape (N, C, H, W) or (N, C, D, H, W) of what will be sampled.
    align_corners : bool, optional
        Whether -1 and 1 are the centres of the corner elements, rather than the corners themselves.

    Returns
    -------
    Tensor
        Shape (N, H, W, 2) or (N, D, H, W, 3).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.affine_grid(cb.tensor([[[1., 0., 0.], [0., 1., 0.]]]), (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    n, _, *sizes = tuple(size) if len(size) in (4, 5) else (0, 0)
    axes = len(sizes)
    if theta.dtype.kind != "float":
        raise DTypeError(f"affine_grid: theta is of a floating-point dtype, not {theta.dtype.name}; use theta.float()")
    if not axes or min(size) < 1:
        raise ShapeError(f"affine_grid: size is (N, C, H, W) or (N, C, D, H, W), all positive, got {tuple(size)}")
    if tuple(theta.shape) != (n, axes, axes + 1):
        raise ShapeError(
            f"affine_grid: theta has shape {(n, axes, axes + 1)} for size {tuple(size)}, got {tuple(theta.shape)}"
        )
    total = ops.reshape(theta[:, :, axes], (n, *(1,) * axes, axes))
    for i, m in enumerate(sizes):
        line = _line(m, bool(align_corners), theta)
        line = ops.reshape(line, (1, *(m if j == i else 1 for j in range(axes)), 1))
        # The grid's coordinates begin with the last axis.
        column = ops.reshape(theta[:, :, axes - 1 - i], (n, *(1,) * axes, axes))
        total = total + line * column
    return total


def _line(m: int, align: bool, like: Tensor) -> Tensor:
    """m coordinates from -1 to 1."""
    if m == 1:
        return ops.zeros((1,), dtype=like.dtype, device=like.device)
    line = ops.linspace(-1.0, 1.0, m, dtype=like.dtype, device=like.device)
    return line if align else line * ((m - 1) / m)
