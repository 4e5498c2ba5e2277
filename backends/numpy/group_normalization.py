"""Group normalization (and with one channel a group instance normalization) in blocks that stay in cache.

An input (N, C, ...) falls into samples, groups and planes. Long planes are rows of a matrix, each with a factor and a
term of its own; short ones are not worth a loop each: then groups are the rows, and the weight, written out over the
planes, is one long row for all samples. The variance is the mean square less the squared mean wherever that loses no
more than two bits; a block with a larger mean is centred first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from .normalization import declines
from .rows import LONG, dots, for_rows, plus, step_of, sums, times

Array = np.ndarray


class _Layout:
    """How (N, C, ...) falls into rows and blocks of samples."""

    def __init__(self, x: Array, num_groups: int) -> None:
        self.samples, self.channels = x.shape[:2]
        self.groups = num_groups
        self.length = x.size // (self.samples * self.channels)
        self.size = x.size // (self.samples * num_groups)
        self.whole = self.channels * self.length
        self.by_planes = self.length >= LONG
        # Rows of one group each; a block holds whole samples where planes are short.
        rows = self.samples * num_groups
        step = step_of(rows, self.size * x.itemsize)
        self.step = step if self.by_planes else max(step // num_groups, 1) * num_groups
        self.row = self.length if self.by_planes else self.whole

    def for_blocks(self, work: Callable[[Iterator[tuple[int, int]]], None], size: int) -> None:
        for_rows(work, self.samples * self.groups, self.step, size, self.row)

    def table(self, values: Array | None) -> Array | None:
        """One value for each channel as (G, C/G), or where planes are short written out over all that a sample has."""
        if values is None:
            return None
        if self.by_planes:
            return values.reshape(self.groups, -1)
        return np.repeat(values, self.length)

    def lines(self, table: Array, start: int, stop: int) -> Array:
        """The lines of a table (G, C/G) that groups start to stop need."""
        return table[np.arange(start, stop) % self.groups]

    def planes(self, block: Array) -> Array:
        return block.reshape(-1, self.length)

    def per_group(self, values: Array) -> Array:
        """Sum one value for each plane over the planes of a group."""
        return np.add.reduce(values.reshape(-1, self.channels // self.groups), axis=1, dtype=np.float64)


def _group_norm(
    x: Array, weight: Array | None, bias: Array | None, num_groups: int, eps: float
) -> tuple[Array, Array, Array]:
    layout = _Layout(x, num_groups)
    size = layout.size
    rows = x.reshape(-1, size)
    out = np.empty(rows.shape, x.dtype)
    means, rstds = (np.empty(rows.shape[0], x.dtype) for _ in range(2))
    slopes, shifts = layout.table(weight), layout.table(bias)

    def statistics(block: Array, scratch: Array, of: Callable[..., Array], *more: Array) -> Array:
        if layout.by_planes:
            planes = layout.planes(block)
            return layout.per_group(of(planes, *(planes for _ in more), *((scratch,) if more else ()))) / size
        return of(block, *more, *((scratch,) if more else ())).astype(np.float64) / size

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        scratch = np.empty((layout.step, size), x.dtype)
        for start, stop in blocks:
            block, target, m = rows[start:stop], out[start:stop], stop - start
            mean = statistics(block, scratch, sums)
            square = mean * mean
            variance = statistics(block, scratch, dots, block) - square
            offset = mean
            if not np.less_equal(square, 4 * variance).all():
                block = np.subtract(block, mean.astype(x.dtype)[:, None], out=target)
                variance = statistics(block, scratch, dots, block)
                offset = np.zeros_like(mean)
            rstd = 1 / np.sqrt(variance + eps)
            means[start:stop], rstds[start:stop] = mean, rstd
            if layout.by_planes:
                scale = np.broadcast_to(rstd[:, None], (m, layout.channels // num_groups))
                if slopes is not None:
                    scale = scale * layout.lines(slopes, start, stop)
                shift = -offset[:, None] * scale
                if shifts is not None:
                    shift = shift + layout.lines(shifts, start, stop)
                planes = layout.planes(target)
                np.multiply(layout.planes(block), scale.astype(x.dtype).reshape(-1, 1), out=planes)
                planes += shift.astype(x.dtype).reshape(-1, 1)
                continue
            times(block, rstd, target, scratch)
            plus(target, -offset * rstd, scratch)
            whole = target.reshape(-1, layout.whole)
            if slopes is not None:
                whole *= slopes
            if shifts is not None:
                whole += shifts

    layout.for_blocks(work, x.size)
    return out.reshape(x.shape), means, rstds


def group_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, num_groups: int, eps: float
) -> Array:
    """Normalize each group of channels of each sample of x (N, C, ...)."""
    if declines(x, weight, bias) or x.size == 0:
        return NotImplemented
    return _group_norm(x, weight, bias, num_groups, eps)[0]


def group_norm_train(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, num_groups: int, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """`group_norm`, with each group's mean and reciprocal standard deviation as residuals."""
    if declines(x, weight, bias) or x.size == 0:
        return NotImplemented
    out, *residuals = _group_norm(x, weight, bias, num_groups, eps)
    return out, tuple(residuals)  # type: ignore[return-value]


def group_norm_vjp(
    xp: Any,
    g: Array,
    x: Array,
    weight: Array | None,
    num_groups: int,
    mean: Array,
    rstd: Array,
    wants: tuple[bool, ...],
) -> Any:
    """Cotangents of x, weight and bias.

    With ``y = (x - mean) * rstd`` and ``h = g * weight``: ``gx = rstd * (h - mean(h) - y * mean(h * y))``.
    """
    if declines(g, x, weight):
        return NotImplemented
    wants = (*wants, False, False)[:3]
    layout = _Layout(x, num_groups)
    backward = _backward_by_planes if layout.by_planes else _backward_by_groups
    gx, gw, gb = backward(layout, g, x, weight, mean, rstd, wants)
    return (
        None if gx is None else gx.reshape(x.shape),
        gw.astype(x.dtype) if wants[1] else None,
        gb.astype(x.dtype) if wants[2] else None,
    )


def _centred(xs: Array, mean: Array, rstd: Array, scratch: Array) -> tuple[Array, Array]:
    """Rows, and what is still to be taken off them: nothing where the mean was so large that it is gone already."""
    if np.less_equal(np.abs(mean) * rstd, 2).all():
        return xs, mean
    return np.subtract(xs, mean[:, None], out=scratch[: xs.shape[0]]), np.zeros_like(mean)


def _backward_by_planes(
    layout: _Layout, g: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, wants: tuple[bool, ...]
) -> tuple[Array | None, Array, Array]:
    size, per_group = layout.size, layout.channels // layout.groups
    rows, cotangents = x.reshape(-1, size), g.reshape(-1, size)
    gx = np.empty(rows.shape, x.dtype) if wants[0] else None
    by_weight, by_bias = (np.empty((rows.shape[0], per_group)) for _ in range(2))
    slopes = layout.table(weight)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        scratch, centred = (np.empty((layout.step, size), x.dtype) for _ in range(2))
        for start, stop in blocks:
            block, held = cotangents[start:stop], scratch[: stop - start]
            xs, offset = _centred(rows[start:stop], mean[start:stop], rstd[start:stop], centred)
            scale = rstd[start:stop].astype(np.float64)
            planes = layout.planes(block)
            total = sums(planes).astype(np.float64).reshape(-1, per_group)
            products = dots(planes, layout.planes(xs), scratch).reshape(-1, per_group)
            products = (products - offset[:, None] * total) * scale[:, None]
            by_weight[start:stop], by_bias[start:stop] = products, total
            if gx is None:
                continue
            slope = np.broadcast_to(scale[:, None], total.shape)
            if slopes is not None:
                lines = layout.lines(slopes, start, stop)
                slope, products, total = slope * lines, products * lines, total * lines
            pull = np.add.reduce(products, axis=1) * scale * scale / size
            shift = offset * pull - np.add.reduce(total, axis=1) * scale / size
            target = np.multiply(xs, -pull.astype(x.dtype)[:, None], out=gx[start:stop])
            target += shift.astype(x.dtype)[:, None]
            np.multiply(planes, slope.astype(x.dtype).reshape(-1, 1), out=layout.planes(held))
            target += held

    layout.for_blocks(work, x.size)
    gw, gb = (np.add.reduce(v.reshape(-1, layout.channels), axis=0) for v in (by_weight, by_bias))
    return gx, gw, gb


def _backward_by_groups(
    layout: _Layout, g: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, wants: tuple[bool, ...]
) -> tuple[Array | None, Array, Array]:
    size, whole = layout.size, layout.whole
    rows, cotangents = x.reshape(-1, size), g.reshape(-1, size)
    gx = np.empty(rows.shape, x.dtype) if wants[0] else None
    # One line for each block: the sums must not depend on which thread took it.
    by_weight, by_bias = (np.zeros((-(-rows.shape[0] // layout.step), layout.channels)) for _ in range(2))
    slopes = layout.table(weight)

    def per_channel(block: Array) -> Array:
        return sums(layout.planes(np.add.reduce(block.reshape(-1, whole), axis=0)))

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        scratch, centred, normal = (np.empty((layout.step, size), x.dtype) for _ in range(3))
        for start, stop in blocks:
            block, place, m = cotangents[start:stop], start // layout.step, stop - start
            xs, offset = _centred(rows[start:stop], mean[start:stop], rstd[start:stop], centred)
            scale = rstd[start:stop]
            y = times(xs, scale, normal[:m], normal)
            plus(y, -offset * scale, scratch)
            if wants[2]:
                by_bias[place] = per_channel(block)
            if wants[1]:
                by_weight[place] = per_channel(np.multiply(block, y, out=scratch[:m]))
            if gx is None:
                continue
            target = gx[start:stop]
            if slopes is None:
                np.copyto(target, block)
            else:
                np.multiply(block.reshape(-1, whole), slopes, out=target.reshape(-1, whole))
            total, dot = sums(target) / size, dots(target, y, scratch) / size
            # rstd (h - mean(h) - y mean(h y))
            plus(target, -total, scratch)
            times(y, -dot, y, scratch)
            target += y
            times(target, scale, target, scratch)

    layout.for_blocks(work, x.size)
    return gx, np.add.reduce(by_weight, axis=0), np.add.reduce(by_bias, axis=0)


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "group_norm": Kernel(group_norm, train=group_norm_train, vjp=group_norm_vjp, residuals=("mean", "rstd")),
}
