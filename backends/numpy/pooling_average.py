"""Average pooling over one to three axes, one pass over contiguous memory for each tap (see `pooling_grid`)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from .pooling_grid import (
    Grid,
    Phases,
    Spreading,
    block_of,
    combine,
    combine_tiles,
    crop,
    for_planes,
    lines_of,
    make_grid,
    planes_of,
    tiles,
)

Array = np.ndarray
Sizes = tuple[int, ...]
Blocks = Iterator[tuple[int, int]]


def _divisor(
    grid: Grid, dtype: np.dtype, kernel_size: Sizes, stride: Sizes, padding: Sizes, count_include_pad: bool,
    divisor_override: int | None,
) -> Array:  # fmt: skip
    """What each window is divided by, as (*out) or as a scalar where all are equal."""
    if divisor_override is not None:
        return np.asarray(divisor_override, dtype)
    count: Any = 1
    for i, (n, m, k, s, p) in enumerate(zip(grid.sizes, grid.out, kernel_size, stride, padding, strict=True)):
        start = np.arange(m) * s - p
        end = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        count = count * (end - start).reshape(-1, *(1,) * (len(grid.out) - 1 - i))
    if count.size and (count == count.flat[0]).all():
        return np.asarray(count.flat[0], dtype)
    return np.maximum(count, 1).astype(dtype)


def avg_pool(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> Array:  # fmt: skip
    """The mean of each window of x (..., *spatial)."""
    if x.dtype.char not in "fd":
        return NotImplemented
    axes = len(kernel_size)
    planes = planes_of(x, axes)
    grid = make_grid(planes.shape[1:], kernel_size, stride, padding, (1,) * axes, ceil_mode)
    divisor = _divisor(grid, x.dtype, kernel_size, stride, padding, count_include_pad, divisor_override)
    if tiles(grid, kernel_size, stride):
        total = combine_tiles(np.add, x, kernel_size, grid.out)
        total /= divisor
        return total
    out = np.empty((len(planes), *grid.out), x.dtype)
    plane = math.prod(grid.sizes) * x.itemsize
    count = block_of(len(planes), plane)
    lines = lines_of(grid, kernel_size, stride, (1,) * axes)

    def work(blocks: Blocks) -> None:
        phases = Phases(grid, count, x.dtype, 0)
        buffers = [np.empty(count * grid.places, x.dtype) for _ in lines[:2]]
        for start, stop in blocks:
            sums = combine(np.add, phases.load(planes[start:stop]), lines, buffers, (stop - start) * grid.places)
            np.divide(crop(sums, grid, stop - start), divisor, out=out[start:stop])

    for_planes(work, len(planes), count)
    return out.reshape(*x.shape[: x.ndim - axes], *grid.out)


def avg_pool_vjp(
    xp: Any, g: Array, x_shape: tuple[int, ...], kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Spread each cotangent evenly over its window."""
    if g.dtype.char not in "fd":
        return NotImplemented
    if not wants[0]:
        return (None,)
    axes = len(kernel_size)
    sizes = tuple(x_shape[len(x_shape) - axes :])
    grid = make_grid(sizes, kernel_size, stride, padding, (1,) * axes, ceil_mode)
    divisor = _divisor(grid, g.dtype, kernel_size, stride, padding, count_include_pad, divisor_override)
    gx = np.empty(x_shape, g.dtype) if grid.covers else np.zeros(x_shape, g.dtype)
    planes, cotangents = planes_of(gx, axes), planes_of(g, axes)
    plane = math.prod(sizes) * g.itemsize
    count = block_of(len(planes), plane)
    last = {phase: [at for p, at in grid.taps if p == phase] for phase in grid.phases}

    def work(blocks: Blocks) -> None:
        spreading = Spreading(grid, count, g.dtype)
        for start, stop in blocks:
            flat = spreading.flat(cotangents[start:stop] / divisor)
            length = flat.size - grid.taps[-1][1]
            sums = dict(spreading.sums)
            for phase, distances in last.items():
                if distances == [0]:
                    sums[phase] = flat
                    continue
                total = sums[phase]
                total[: flat.size].fill(0)
                for at in distances:
                    view = total[at : at + length]
                    np.add(view, flat[:length], out=view)
            spreading.store(planes[start:stop], sums)

    for_planes(work, len(planes), count)
    return (gx,)


KERNELS: dict[str, Any] = {"avg_pool": Kernel(avg_pool, vjp=avg_pool_vjp)}
