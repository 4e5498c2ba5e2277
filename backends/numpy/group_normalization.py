"""Group normalization (and with one channel a group instance normalization) in blocks that stay in cache.

An input (N, C, ...) is a matrix with one row for each group of each sample. Sums along it are left to BLAS and gathered
in float64; blocks of rows are shared by threads. The variance is the mean square less the squared mean wherever that
loses no more than two bits; a block with a larger mean is centred first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from .normalization import declines, for_rows, step_of

Array = np.ndarray

# Planes shorter than this are spread by a product with ones: NumPy's loop starts anew for each of them.
_SHORT = 16


class _Layout:
    """How (N, C, ...) falls into rows (N·G, C/G, L), and the weight into one line for each group."""

    def __init__(self, x: Array, weight: Array | None, num_groups: int) -> None:
        self.shape = x.shape
        n, channels = x.shape[:2]
        self.groups, self.channels = num_groups, channels // num_groups
        self.rows = n * num_groups
        self.length = x.size // (n * channels)
        self.size = self.channels * self.length
        self.step = step_of(self.rows, self.size * x.itemsize)
        self.weight = None if weight is None else weight.reshape(num_groups, self.channels)

    def of(self, x: Array) -> Array:
        return x.reshape(self.rows, self.channels, self.length)

    def lines(self, table: Array, start: int, stop: int) -> Array:
        """The lines of a table (G, C/G) that rows start to stop need."""
        return table[np.arange(start, stop) % self.groups]


def _sums(block: Array) -> Array:
    """Sum (m, C, L) along L."""
    if block.shape[2] == 1:
        return block[:, :, 0]
    return block @ np.ones(block.shape[2], block.dtype)


def _dots(a: Array, b: Array, scratch: Array) -> Array:
    """Sum the product of two (m, C, L) along L."""
    if a.shape[2] >= 2 * _SHORT:
        return np.vecdot(a, b)
    return _sums(np.multiply(a, b, out=scratch[: a.shape[0]]))


def _times(block: Array, factors: Array, out: Array, scratch: Array) -> Array:
    """Write (m, C, L) times (m, C) to `out`."""
    length = block.shape[2]
    if length >= _SHORT or length == 1:
        return np.multiply(block, factors[:, :, None], out=out)
    spread = _spread(factors, length, scratch[: block.shape[0]])
    return np.multiply(block, spread, out=out)


def _plus(target: Array, terms: Array, scratch: Array) -> None:
    """Add (m, C) to (m, C, L) in place."""
    length = target.shape[2]
    if length >= _SHORT or length == 1:
        target += terms[:, :, None]
    else:
        target += _spread(terms, length, scratch[: target.shape[0]])


def _spread(values: Array, length: int, out: Array) -> Array:
    # A product of inner length 2 goes the fast way in BLAS, one of length 1 does not.
    pair = np.zeros((values.size, 2), values.dtype)
    pair[:, 0] = values.reshape(-1)
    np.matmul(pair, np.ones((2, length), values.dtype), out=out.reshape(-1, length))
    return out


def _total(values: Array) -> Array:
    return np.add.reduce(values, axis=1, dtype=np.float64)


def _group_norm(
    x: Array, weight: Array | None, bias: Array | None, num_groups: int, eps: float
) -> tuple[Array, Array, Array]:
    layout = _Layout(x, weight, num_groups)
    planes = layout.of(x)
    out = np.empty(planes.shape, x.dtype)
    means, rstds = (np.empty(layout.rows, x.dtype) for _ in range(2))
    shifts = None if bias is None else bias.reshape(num_groups, layout.channels)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        scratch = np.empty((layout.step, *planes.shape[1:]), x.dtype)
        for start, stop in blocks:
            block, target = planes[start:stop], out[start:stop]
            mean = _total(_sums(block)) / layout.size
            square = mean * mean
            variance = _total(_dots(block, block, scratch)) / layout.size - square
            offset = mean
            if not np.less_equal(square, 4 * variance).all():
                block = np.subtract(block, mean.astype(x.dtype)[:, None, None], out=target)
                variance = _total(_dots(block, block, scratch)) / layout.size
                offset = np.zeros_like(mean)
            rstd = 1 / np.sqrt(variance + eps)
            means[start:stop], rstds[start:stop] = mean, rstd
            scale = np.broadcast_to(rstd[:, None], block.shape[:2])
            if layout.weight is not None:
                scale = scale * layout.lines(layout.weight, start, stop)
            shift = -offset[:, None] * scale
            if shifts is not None:
                shift = shift + layout.lines(shifts, start, stop)
            _times(block, scale.astype(x.dtype), target, scratch)
            _plus(target, shift.astype(x.dtype), scratch)

    for_rows(work, layout.rows, layout.step, x.size)
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
    want_x, want_w, want_b = (*wants, False, False)[:3]
    layout = _Layout(x, weight, num_groups)
    planes, cotangent = layout.of(x), layout.of(g)
    gx = np.empty(planes.shape, x.dtype) if want_x else None
    by_weight, by_bias = (np.empty((layout.rows, layout.channels)) for _ in range(2))

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        scratch, centred = (np.empty((layout.step, *planes.shape[1:]), x.dtype) for _ in range(2))
        for start, stop in blocks:
            block, xs = cotangent[start:stop], planes[start:stop]
            offset, scale = mean[start:stop].astype(np.float64), rstd[start:stop].astype(np.float64)
            if not np.less_equal(np.abs(offset) * scale, 2).all():
                xs = np.subtract(xs, mean[start:stop, None, None], out=centred[: stop - start])
                offset = np.zeros_like(offset)
            sums = _sums(block).astype(np.float64)
            products = (_dots(block, xs, scratch) - offset[:, None] * sums) * scale[:, None]
            by_weight[start:stop], by_bias[start:stop] = products, sums
            if gx is None:
                continue
            slope = np.broadcast_to(scale[:, None], sums.shape)
            if layout.weight is not None:
                lines = layout.lines(layout.weight, start, stop)
                slope, products, sums = slope * lines, products * lines, sums * lines
            pull = _total(products) * scale * scale / layout.size
            shift = offset * pull - _total(sums) * scale / layout.size
            target = np.multiply(xs, -pull.astype(x.dtype)[:, None, None], out=gx[start:stop])
            target += shift.astype(x.dtype)[:, None, None]
            held = scratch[: stop - start]
            target += _times(block, slope.astype(x.dtype), held, held)

    for_rows(work, layout.rows, layout.step, x.size)

    def over_samples(values: Array) -> Array:
        return np.add.reduce(values.reshape(-1, x.shape[1]), axis=0).astype(x.dtype)

    return (
        None if gx is None else gx.reshape(x.shape),
        over_samples(by_weight) if want_w else None,
        over_samples(by_bias) if want_b else None,
    )


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "group_norm": Kernel(group_norm, train=group_norm_train, vjp=group_norm_vjp, residuals=("mean", "rstd")),
}
