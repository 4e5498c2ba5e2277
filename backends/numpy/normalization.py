"""Batch, layer and root-mean-square normalization in blocks that stay in cache.

NumPy's reductions are slower than its loops: sums are therefore left to BLAS, and so is the spreading of per-row
factors over a short row (a product of inner length 2). The variance is the mean square less the squared mean wherever
that loses no more than two bits; a block with a larger mean is centred first. Threads share the blocks of a large
input; what each adds to a sum over all of them is kept apart and summed in order, so that results do not depend on who
was faster.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import normalization_small as small
from .rows import BLOCK_BYTES, LONG, for_rows, step_of

Array = np.ndarray

# Up to how many elements a line of channels is written out over their planes.
_WIDE = 1 << 14


def declines(*arrays: Array | None) -> bool:
    """Whether some array is of a dtype that these kernels leave to the generic body."""
    for a in arrays:  # noqa: SIM110 - a generator costs twice as much
        if a is not None and a.dtype.char not in "fd":
            return True
    return False


def _lines(rows: int, step: int, width: int, x: Array) -> tuple[int, int]:
    """How many lines hold sums over rows, and how many elements to share among threads.

    One line for each block, so that the sums do not depend on which thread took it; for rows as wide as a block one
    line and one thread.
    """
    if step == 1 and rows > 1 and width * x.itemsize > BLOCK_BYTES // 4:
        return 1, 0
    return -(-rows // step), x.size


def layer_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, axes: int, eps: float
) -> Array:
    """Normalize x over its `axes` trailing axes; weight and bias have their shape."""
    result = _layer_norm(x, weight, bias, axes, eps, keep=False)
    return NotImplemented if result is NotImplemented else result[0]


def layer_norm_train(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, axes: int, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """`layer_norm`, with each row's mean and reciprocal standard deviation as residuals."""
    return _layer_norm(x, weight, bias, axes, eps, keep=True)


def _layer_norm(x: Array, weight: Array | None, bias: Array | None, axes: int, eps: float, keep: bool) -> Any:
    if declines(x, weight, bias) or x.ndim < axes or x.size == 0:
        return NotImplemented
    width = math.prod(x.shape[x.ndim - axes :])
    if x.size <= small.FEW:
        few = small.layer_norm(x, weight, bias, width, eps)
        return few[0], few[1:]
    flat = x.reshape(-1, width)
    rows = flat.shape[0]
    out = np.empty(flat.shape, x.dtype)
    step = step_of(rows, width * x.itemsize)
    affine = np.zeros((2, width), x.dtype)
    affine[0] = 1 if weight is None else weight.reshape(width)
    slope = affine.copy()
    if bias is not None:
        affine[1] = bias.reshape(width)
    share = np.full(width, 1.0 / width, x.dtype)
    means = np.empty((rows, 1), x.dtype) if keep else None
    rstds = np.empty((rows, 1), x.dtype) if keep else None

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        scaled, scratch = (np.empty((step, width), x.dtype) for _ in range(2))
        factors, shifts = np.zeros((step, 2), x.dtype), np.ones((step, 2), x.dtype)
        for start, stop in blocks:
            block, target, m = flat[start:stop], out[start:stop], stop - start
            mean = block @ share
            square = mean * mean
            var = np.vecdot(block, block) / width - square
            offset = mean
            if not np.less_equal(square, 4 * var).all():
                block = np.subtract(block, mean[:, None], out=scratch[:m])
                var = np.vecdot(block, block) / width
                offset = np.zeros_like(mean)
            rstd = 1 / np.sqrt(var + eps)
            if width >= LONG:
                np.multiply(block, rstd[:, None], out=target)
                target -= (offset * rstd)[:, None]
                if weight is not None:
                    target *= slope[0]
                if bias is not None:
                    target += affine[1]
            else:
                factors[:m, 0] = rstd
                np.multiply(offset, -rstd, out=shifts[:m, 0])
                # (x - mean) * rstd * w + b, as x * (rstd w) + (b - mean rstd w).
                spread = np.matmul(factors[:m], slope, out=scaled[:m])
                spread *= block
                np.matmul(shifts[:m], affine, out=target)
                target += spread
            if means is not None and rstds is not None:
                means[start:stop, 0] = mean
                rstds[start:stop, 0] = rstd

    for_rows(work, rows, step, x.size, width)
    return out.reshape(x.shape), (means, rstds)


def layer_norm_vjp(
    xp: Any,
    g: Array,
    x: Array,
    weight: Array | None,
    axes: int,
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
    trailing = x.shape[x.ndim - axes :]
    width = math.prod(trailing)
    if 0 < x.size <= small.FEW:
        gx, by_weight, by_bias = small.layer_norm_grad(g, x, weight, width, mean, rstd, (want_x, want_w, want_b))
        return (
            None if gx is None else gx.reshape(x.shape),
            None if by_weight is None else by_weight.reshape(trailing),
            None if by_bias is None else by_bias.reshape(trailing),
        )
    flat, rows_of_g = x.reshape(-1, width), g.reshape(-1, width)
    rows = flat.shape[0]
    slope = np.zeros((2, width), g.dtype)
    slope[0] = 1 if weight is None else weight.reshape(width)
    w = slope[0]
    gx = np.empty(flat.shape, g.dtype) if want_x else None
    step = step_of(rows, width * x.itemsize)
    blocks_of_rows, shared = _lines(rows, step, width, x)
    by_weight, by_bias = (np.zeros((blocks_of_rows, width), g.dtype) for _ in range(2))

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        centred, products, scaled = (np.empty((step, width), g.dtype) for _ in range(3))
        factors, shifts = np.zeros((step, 2), g.dtype), np.ones((2, step), g.dtype)
        for start, stop in blocks:
            block, xs, m = rows_of_g[start:stop], flat[start:stop], stop - start
            scale, offset = rstd[start:stop, 0], mean[start:stop, 0]
            if not np.less_equal(np.abs(offset) * scale, 2).all():
                xs = np.subtract(xs, offset[:, None], out=centred[:m])
                offset = np.zeros_like(offset)
            gxs = np.multiply(block, xs, out=products[:m])
            if want_w or want_b:
                np.multiply(offset, -scale, out=shifts[0, :m])
                both = shifts[:, :m] @ block
                by_bias[start // step % blocks_of_rows] += both[1]
                both[0] += scale @ gxs
                by_weight[start // step % blocks_of_rows] += both[0]
            if gx is not None:
                total = block @ w
                dot = (gxs @ w - offset * total) * scale
                pull = dot * scale * scale / width
                target = gx[start:stop]
                if width >= LONG:
                    np.multiply(block, w, out=target)
                    target *= scale[:, None]
                    target += np.multiply(xs, -pull[:, None], out=gxs)
                else:
                    factors[:m, 0] = scale
                    spread = np.matmul(factors[:m], slope, out=scaled[:m])
                    spread *= block
                    np.multiply(xs, -pull[:, None], out=target)
                    target += spread
                target += (offset * pull - scale * total / width)[:, None]

    for_rows(work, rows, step, shared, width)
    return (
        None if gx is None else gx.reshape(x.shape),
        np.add.reduce(by_weight, axis=0).reshape(trailing) if want_w else None,
        np.add.reduce(by_bias, axis=0).reshape(trailing) if want_b else None,
    )


def rms_norm(x: Array, weight: Array | None = None, /, *, axes: int, eps: float) -> Array:
    """Divide x by its root mean square over its `axes` trailing axes; the weight has their shape."""
    result = rms_norm_train(x, weight, axes=axes, eps=eps)
    return NotImplemented if result is NotImplemented else result[0]


def rms_norm_train(x: Array, weight: Array | None = None, /, *, axes: int, eps: float) -> tuple[Array, tuple[Array]]:
    """`rms_norm`, with each row's reciprocal root mean square as residual."""
    if declines(x, weight) or x.ndim < axes or x.size == 0:
        return NotImplemented
    width = int(np.prod(x.shape[x.ndim - axes :]))
    flat = x.reshape(-1, width)
    rows = flat.shape[0]
    out = np.empty(flat.shape, x.dtype)
    roots = np.empty((rows, 1), x.dtype)
    step = step_of(rows, width * x.itemsize)
    slope = np.zeros((2, width), x.dtype)
    slope[0] = 1 if weight is None else weight.reshape(width)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        factors = np.zeros((step, 2), x.dtype)
        for start, stop in blocks:
            block, target, m = flat[start:stop], out[start:stop], stop - start
            root = 1 / np.sqrt(np.vecdot(block, block) / width + eps)
            factors[:m, 0] = roots[start:stop, 0] = root
            np.matmul(factors[:m], slope, out=target)
            target *= block

    for_rows(work, rows, step, x.size, width)
    return out.reshape(x.shape), (roots,)


def rms_norm_vjp(
    xp: Any, g: Array, x: Array, weight: Array | None, axes: int, rstd: Array, wants: tuple[bool, ...]
) -> Any:
    """Cotangents of x and weight.

    With ``y = x * rstd`` and ``h = g * weight``: ``gx = rstd * (h - y * mean(h * y))``.
    """
    if declines(g, x, weight):
        return NotImplemented
    want_x, want_w = (*wants, False)[:2]
    trailing = x.shape[x.ndim - axes :]
    width = int(np.prod(trailing))
    flat, rows_of_g = x.reshape(-1, width), g.reshape(-1, width)
    rows = flat.shape[0]
    slope = np.zeros((2, width), g.dtype)
    slope[0] = 1 if weight is None else weight.reshape(width)
    w = slope[0]
    gx = np.empty(flat.shape, g.dtype) if want_x else None
    step = step_of(rows, width * x.itemsize)
    blocks_of_rows, shared = _lines(rows, step, width, x)
    by_weight = np.zeros((blocks_of_rows, width), g.dtype)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        products = np.empty((step, width), g.dtype)
        factors = np.zeros((step, 2), g.dtype)
        for start, stop in blocks:
            block, xs, m = rows_of_g[start:stop], flat[start:stop], stop - start
            scale = rstd[start:stop, 0]
            gxs = np.multiply(block, xs, out=products[:m])
            if want_w:
                by_weight[start // step % blocks_of_rows] += scale @ gxs
            if gx is not None:
                pull = (gxs @ w) * (scale * scale * scale / -width)
                factors[:m, 0] = scale
                target = np.matmul(factors[:m], slope, out=gx[start:stop])
                target *= block
                target += np.multiply(xs, pull[:, None], out=gxs)

    for_rows(work, rows, step, shared, width)
    return (
        None if gx is None else gx.reshape(x.shape),
        np.add.reduce(by_weight, axis=0).reshape(trailing) if want_w else None,
    )


def _planes(x: Array) -> Array:
    """View x (N, C, ...) as (N, C, L)."""
    return x.reshape(x.shape[0], x.shape[1], int(np.prod(x.shape[2:])))


def _channel_sums(x: Array) -> Array:
    """Sum (N, C, L) over all but C, in float64 across images."""
    if x.shape[2] == 1:
        return np.ones(x.shape[0], x.dtype) @ x[:, :, 0]
    return np.add.reduce(x @ np.ones(x.shape[2], x.dtype), axis=0, dtype=np.float64)


def _channel_dots(a: Array, b: Array) -> Array:
    """Sum the product of two (N, C, L) arrays over all but C, in float64 across images."""
    if a.shape[2] == 1:
        return np.einsum("nc,nc->c", a[:, :, 0], b[:, :, 0])
    return np.add.reduce(np.vecdot(a, b), axis=0, dtype=np.float64)


def _spread(values: Array, length: int) -> Array:
    """One value for each channel, as (C, 1) or, where planes are short, repeated along them: loops then run on."""
    return np.repeat(values[:, None], length, axis=1) if values.size * length <= _WIDE else values[:, None]


def batch_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, eps: float
) -> tuple[Array, Array, Array]:
    """Normalize x (N, C, ...) by its own statistics; also returns the mean and the biased variance of each channel."""
    result = batch_norm_train(x, weight, bias, eps=eps)
    return NotImplemented if result is NotImplemented else result[0]


def batch_norm_train(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, eps: float
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array]]:
    """`batch_norm`, with mean and reciprocal standard deviation as residuals."""
    if declines(x, weight, bias) or x.ndim < 2 or x.size == 0:
        return NotImplemented
    planes = _planes(x)
    n, c, length = planes.shape
    count = n * length
    step = step_of(n, c * length * x.itemsize)
    out = np.empty(planes.shape, x.dtype)
    sums, squares = (np.empty((-(-n // step), c)) for _ in range(2))

    def gather(blocks: Iterator[tuple[int, int]]) -> None:
        for start, stop in blocks:
            block = planes[start:stop]
            sums[start // step] = _channel_sums(block)
            squares[start // step] = _channel_dots(block, block)

    for_rows(gather, n, step, x.size, length)
    with np.errstate(over="ignore", invalid="ignore"):
        exact = np.add.reduce(sums, axis=0) / count
        mean = exact.astype(x.dtype)
        variance = np.add.reduce(squares, axis=0) / count - exact * exact
        centre = not np.less_equal(exact * exact, 4 * variance).all()
    if centre:

        def move(blocks: Iterator[tuple[int, int]]) -> None:
            for start, stop in blocks:
                target = np.subtract(planes[start:stop], mean[:, None], out=out[start:stop])
                squares[start // step] = _channel_dots(target, target)

        for_rows(move, n, step, x.size, length)
        variance = np.add.reduce(squares, axis=0) / count
    rstd = (1 / np.sqrt(variance + eps)).astype(x.dtype)
    scale = rstd if weight is None else rstd * weight
    shift = None if centre else -mean * scale
    if bias is not None:
        shift = bias if shift is None else shift + bias
    source = out if centre else planes
    factors, terms = _spread(scale, length), None if shift is None else _spread(shift, length)

    def apply(blocks: Iterator[tuple[int, int]]) -> None:
        for start, stop in blocks:
            target = np.multiply(source[start:stop], factors, out=out[start:stop])
            if terms is not None:
                target += terms

    for_rows(apply, n, step, x.size, length)
    return (out.reshape(x.shape), mean, variance.astype(x.dtype)), (mean.copy(), rstd)


def batch_norm_vjp(
    xp: Any,
    g: tuple[Array, Array | None, Array | None],
    x: Array,
    weight: Array | None,
    batch_mean: Array,
    rstd: Array,
    wants: tuple[bool, ...],
) -> Any:
    """Cotangents of x, weight and bias.

    With ``y = (x - mean) * rstd``: ``gx = weight * rstd * (g - mean(g) - y * mean(g * y))``.
    """
    if declines(g[0], x, weight):
        return NotImplemented
    want_x, want_w, want_b = (*wants, False, False)[:3]
    planes, cotangent = _planes(x), _planes(g[0])
    n, c, length = planes.shape
    count = n * length
    step = step_of(n, c * length * x.itemsize)
    centre = not np.less_equal(np.abs(batch_mean) * rstd, 2).all()
    offset = np.zeros(c) if centre else batch_mean.astype(np.float64)
    totals, dots = (np.zeros((-(-n // step), c)) for _ in range(2))

    def gather(blocks: Iterator[tuple[int, int]]) -> None:
        scratch = np.empty((step, c, length), x.dtype) if centre else None
        for start, stop in blocks:
            block, xs = cotangent[start:stop], planes[start:stop]
            totals[start // step] = _channel_sums(block)
            if want_x or want_w:
                if scratch is not None:
                    xs = np.subtract(xs, batch_mean[:, None], out=scratch[: stop - start])
                dots[start // step] = _channel_dots(block, xs)

    for_rows(gather, n, step, x.size, length)
    total = np.add.reduce(totals, axis=0)
    dot = (np.add.reduce(dots, axis=0) - offset * total) * rstd
    gx = None
    if want_x:
        result = np.empty(planes.shape, x.dtype)
        scale = rstd if weight is None else rstd * weight
        pull = dot * rstd * scale / count
        shift = (offset * pull - scale * total / count).astype(x.dtype)
        factors, pulls, shifts = (_spread(v, length) for v in (scale, -pull.astype(x.dtype), shift))

        def apply(blocks: Iterator[tuple[int, int]]) -> None:
            scratch = np.empty((step, c, length), x.dtype)
            for start, stop in blocks:
                xs, target = planes[start:stop], result[start:stop]
                if centre:
                    xs = np.subtract(xs, batch_mean[:, None], out=target)
                np.multiply(xs, pulls, out=target)
                target += np.multiply(cotangent[start:stop], factors, out=scratch[: stop - start])
                target += shifts

        for_rows(apply, n, step, x.size, length)
        gx = result.reshape(x.shape)
    return gx, dot.astype(x.dtype) if want_w else None, total.astype(x.dtype) if want_b else None


KERNELS: dict[str, Any] = {
    "batch_norm": Kernel(
        batch_norm, train=batch_norm_train, vjp=batch_norm_vjp, residuals=("batch_mean", "rstd")
    ),
    "layer_norm": Kernel(layer_norm, train=layer_norm_train, vjp=layer_norm_vjp, residuals=("mean", "rstd")),
    "rms_norm": Kernel(rms_norm, train=rms_norm_train, vjp=rms_norm_vjp, residuals=("rstd",)),
}
