"""Group normalization (and with one channel a group instance normalization) in blocks that stay in cache.

An input (N, C, ...) falls into samples, groups and planes. Long planes are rows of a matrix, each with a factor and a
term of its own, which follow from one pass of sums. Short ones are not worth a loop each: then groups are the rows, and
the weight, written out over the planes, is one long row for all samples. The variance is the mean square less the
squared mean wherever that loses no more than two bits; what has a larger mean is centred first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from .normalization import declines
from .rows import dots, for_rows, plus, step_of, sums, times

Array = np.ndarray

# Planes from this length on are worth a loop each.
_PLANE = 64


class _Layout:
    """How (N, C, ...) falls into samples, groups and planes."""

    def __init__(self, x: Array, num_groups: int) -> None:
        self.samples, self.channels = x.shape[:2]
        self.groups, self.per_group = num_groups, self.channels // num_groups
        self.length = x.size // (self.samples * self.channels)
        self.size = self.per_group * self.length
        self.whole = self.channels * self.length
        self.by_planes = self.length >= _PLANE

    def over_groups(self, values: Array) -> Array:
        """Sum one value for each plane over the planes of its group."""
        return np.add.reduce(values.reshape(-1, self.per_group), axis=1, dtype=np.float64)

    def to_planes(self, values: Array, table: Array | None = None) -> Array:
        """One value for each group as one for each plane, times that of its channel."""
        wide = np.repeat(values, self.per_group)
        if table is not None:
            wide = (wide.reshape(self.samples, self.channels) * table).reshape(-1)
        return wide


def _group_norm(
    x: Array, weight: Array | None, bias: Array | None, num_groups: int, eps: float
) -> tuple[Array, Array, Array]:
    layout = _Layout(x, num_groups)
    return (_forward_by_planes if layout.by_planes else _forward_by_groups)(layout, x, weight, bias, eps)


def _forward_by_planes(
    layout: _Layout, x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    planes = x.reshape(-1, layout.length)
    count = planes.shape[0]
    step = step_of(count, layout.length * x.itemsize)
    out = np.empty(planes.shape, x.dtype)
    totals, squares = (np.empty(count, x.dtype) for _ in range(2))

    def gather(blocks: Iterator[tuple[int, int]]) -> None:
        for start, stop in blocks:
            totals[start:stop] = sums(planes[start:stop])
            np.vecdot(planes[start:stop], planes[start:stop], out=squares[start:stop])

    for_rows(gather, count, step, x.size, layout.length)
    with np.errstate(all="ignore"):
        mean = layout.over_groups(totals) / layout.size
        variance = layout.over_groups(squares) / layout.size - mean * mean
        centre = not np.less_equal(mean * mean, 4 * variance).all()
    offset = layout.to_planes(mean).astype(x.dtype)
    if centre:

        def move(blocks: Iterator[tuple[int, int]]) -> None:
            for start, stop in blocks:
                target = np.subtract(planes[start:stop], offset[start:stop, None], out=out[start:stop])
                np.vecdot(target, target, out=squares[start:stop])

        for_rows(move, count, step, x.size, layout.length)
        variance = layout.over_groups(squares) / layout.size
    with np.errstate(all="ignore"):
        rstd = 1 / np.sqrt(variance + eps)
    scale = layout.to_planes(rstd, weight)
    shift = np.zeros(count) if centre else -layout.to_planes(mean) * scale
    if bias is not None:
        shift = (shift.reshape(-1, layout.channels) + bias).reshape(-1)
    source, scale, shift = out if centre else planes, scale.astype(x.dtype), shift.astype(x.dtype)

    def apply(blocks: Iterator[tuple[int, int]]) -> None:
        for start, stop in blocks:
            target = np.multiply(source[start:stop], scale[start:stop, None], out=out[start:stop])
            target += shift[start:stop, None]

    for_rows(apply, count, step, x.size, layout.length)
    return out.reshape(x.shape), mean.astype(x.dtype), rstd.astype(x.dtype)


def _forward_by_groups(
    layout: _Layout, x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    rows = x.reshape(-1, layout.size)
    out = np.empty(rows.shape, x.dtype)
    means, rstds = (np.empty(rows.shape[0], x.dtype) for _ in range(2))
    slopes, shifts = (None if p is None else np.repeat(p, layout.length) for p in (weight, bias))
    step = _whole_samples(layout, x)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        scratch = np.empty((step, layout.size), x.dtype)
        for start, stop in blocks:
            block, target = rows[start:stop], out[start:stop]
            mean = sums(block).astype(np.float64) / layout.size
            square = mean * mean
            variance = dots(block, block, scratch).astype(np.float64) / layout.size - square
            offset = mean
            if not np.less_equal(square, 4 * variance).all():
                block = np.subtract(block, mean.astype(x.dtype)[:, None], out=target)
                variance = dots(block, block, scratch).astype(np.float64) / layout.size
                offset = np.zeros_like(mean)
            rstd = 1 / np.sqrt(variance + eps)
            means[start:stop], rstds[start:stop] = mean, rstd
            times(block, rstd, target, scratch)
            plus(target, -offset * rstd, scratch)
            whole = target.reshape(-1, layout.whole)
            if slopes is not None:
                whole *= slopes
            if shifts is not None:
                whole += shifts

    for_rows(work, rows.shape[0], step, x.size, layout.whole)
    return out.reshape(x.shape), means, rstds


def _whole_samples(layout: _Layout, x: Array) -> int:
    """How many groups make a block of whole samples."""
    step = step_of(layout.samples * layout.groups, layout.size * x.itemsize)
    return max(step // layout.groups, 1) * layout.groups


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


def _backward_by_planes(
    layout: _Layout, g: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, wants: tuple[bool, ...]
) -> tuple[Array | None, Array, Array]:
    planes, cotangents = x.reshape(-1, layout.length), g.reshape(-1, layout.length)
    count = planes.shape[0]
    step = step_of(count, layout.length * x.itemsize)
    totals, products = (np.empty(count, x.dtype) for _ in range(2))
    centre = not np.less_equal(np.abs(mean) * rstd, 2).all()
    offset = layout.to_planes(mean)

    def gather(blocks: Iterator[tuple[int, int]]) -> None:
        scratch = np.empty((step, layout.length), x.dtype) if centre else None
        for start, stop in blocks:
            block, xs = cotangents[start:stop], planes[start:stop]
            if scratch is not None:
                xs = np.subtract(xs, offset[start:stop, None], out=scratch[: stop - start])
            totals[start:stop] = sums(block)
            np.vecdot(block, xs, out=products[start:stop])

    for_rows(gather, count, step, x.size, layout.length)
    wide, scale = mean.astype(np.float64) * (not centre), rstd.astype(np.float64)
    by_bias = totals.astype(np.float64)
    by_weight = (products - layout.to_planes(wide) * by_bias) * layout.to_planes(scale)
    gw, gb = (np.add.reduce(v.reshape(-1, layout.channels), axis=0) for v in (by_weight, by_bias))
    if not wants[0]:
        return None, gw, gb
    if weight is not None:
        by_weight, by_bias = (
            (v.reshape(-1, layout.channels) * weight).reshape(-1) for v in (by_weight, by_bias)
        )
    pull = layout.over_groups(by_weight) * scale * scale / layout.size
    shift = wide * pull - layout.over_groups(by_bias) * scale / layout.size
    slopes = layout.to_planes(scale, weight).astype(x.dtype)
    pulls, shifts = (layout.to_planes(v).astype(x.dtype) for v in (-pull, shift))
    gx = np.empty(planes.shape, x.dtype)

    def apply(blocks: Iterator[tuple[int, int]]) -> None:
        scratch = np.empty((step, layout.length), x.dtype)
        for start, stop in blocks:
            xs, target, held = planes[start:stop], gx[start:stop], scratch[: stop - start]
            if centre:
                xs = np.subtract(xs, offset[start:stop, None], out=target)
            np.multiply(xs, pulls[start:stop, None], out=target)
            target += shifts[start:stop, None]
            target += np.multiply(cotangents[start:stop], slopes[start:stop, None], out=held)

    for_rows(apply, count, step, x.size, layout.length)
    return gx, gw, gb


def _centred(xs: Array, mean: Array, rstd: Array, scratch: Array) -> tuple[Array, Array]:
    """Rows, and what is still to be taken off them: nothing where the mean was so large that it is gone already."""
    if np.less_equal(np.abs(mean) * rstd, 2).all():
        return xs, mean
    return np.subtract(xs, mean[:, None], out=scratch[: xs.shape[0]]), np.zeros_like(mean)


def _backward_by_groups(
    layout: _Layout, g: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, wants: tuple[bool, ...]
) -> tuple[Array | None, Array, Array]:
    size, whole = layout.size, layout.whole
    rows, cotangents = x.reshape(-1, size), g.reshape(-1, size)
    gx = np.empty(rows.shape, x.dtype) if wants[0] else None
    # One line for each block: the sums must not depend on which thread took it.
    step = _whole_samples(layout, x)
    by_weight, by_bias = (np.zeros((-(-rows.shape[0] // step), layout.channels)) for _ in range(2))
    slopes = None if weight is None else np.repeat(weight, layout.length)

    def per_channel(block: Array) -> Array:
        return sums(np.add.reduce(block.reshape(-1, whole), axis=0).reshape(-1, layout.length))

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        scratch, centred, normal = (np.empty((step, size), x.dtype) for _ in range(3))
        for start, stop in blocks:
            block, place, m = cotangents[start:stop], start // step, stop - start
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

    for_rows(work, rows.shape[0], step, x.size, whole)
    return gx, np.add.reduce(by_weight, axis=0), np.add.reduce(by_bias, axis=0)


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "group_norm": Kernel(group_norm, train=group_norm_train, vjp=group_norm_vjp, residuals=("mean", "rstd")),
}
