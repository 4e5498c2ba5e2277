"""Batch and layer normalization in blocks that stay in cache.

NumPy's loops that repeat one number along a row or one row along a column run at half the speed of plain ones, and its
reductions slower still: sums are therefore left to BLAS, and so is the spreading of per-row factors over a row (a
product of inner length 2). The variance is the mean square less the squared mean wherever that loses no more than two
bits; a block with a larger mean is centred first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel

Array = np.ndarray

# Bytes of input per block; a block, its result and one scratch array stay in a core's second-level cache.
_BLOCK_BYTES = 256 << 10


def _declines(*arrays: Array | None) -> bool:
    return any(a is not None and a.dtype.char not in "fd" for a in arrays)


def _step(rows: int, row_bytes: int) -> int:
    return max(1, min(rows, _BLOCK_BYTES // max(1, row_bytes)))


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
    if _declines(x, weight, bias) or x.ndim < axes or x.size == 0:
        return NotImplemented
    width = int(np.prod(x.shape[x.ndim - axes :]))
    flat = x.reshape(-1, width)
    rows = flat.shape[0]
    out = np.empty(flat.shape, x.dtype)
    step = _step(rows, width * x.itemsize)
    scaled, scratch = (np.empty((step, width), x.dtype) for _ in range(2))
    affine = np.zeros((2, width), x.dtype)
    affine[0] = 1 if weight is None else weight.reshape(width)
    slope = affine.copy()
    if bias is not None:
        affine[1] = bias.reshape(width)
    share = np.full(width, 1.0 / width, x.dtype)
    factors, shifts = np.zeros((step, 2), x.dtype), np.ones((step, 2), x.dtype)
    means = np.empty((rows, 1), x.dtype) if keep else None
    rstds = np.empty((rows, 1), x.dtype) if keep else None
    with np.errstate(over="ignore", invalid="ignore"):
        for r in range(0, rows, step):
            block, target = flat[r : r + step], out[r : r + step]
            m = block.shape[0]
            mean = block @ share
            square = mean * mean
            var = np.vecdot(block, block) / width - square
            offset = mean
            if not np.less_equal(square, 4 * var).all():
                block = np.subtract(block, mean[:, None], out=scratch[:m])
                var = np.vecdot(block, block) / width
                offset = np.zeros_like(mean)
            rstd = 1 / np.sqrt(var + eps)
            factors[:m, 0] = rstd
            np.multiply(offset, -rstd, out=shifts[:m, 0])
            # (x - mean) * rstd * w + b, as x * (rstd w) + (b - mean rstd w).
            spread = np.matmul(factors[:m], slope, out=scaled[:m])
            spread *= block
            np.matmul(shifts[:m], affine, out=target)
            target += spread
            if means is not None and rstds is not None:
                means[r : r + m, 0] = mean
                rstds[r : r + m, 0] = rstd
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
    if _declines(g, x, weight):
        return NotImplemented
    want_x, want_w, want_b = (*wants, False, False)[:3]
    trailing = x.shape[x.ndim - axes :]
    width = int(np.prod(trailing))
    flat, rows_of_g = x.reshape(-1, width), g.reshape(-1, width)
    rows = flat.shape[0]
    slope = np.zeros((2, width), g.dtype)
    slope[0] = 1 if weight is None else weight.reshape(width)
    w = slope[0]
    gx = np.empty(flat.shape, g.dtype) if want_x else None
    gw, gb = np.zeros(width, g.dtype), np.zeros(width, g.dtype)
    step = _step(rows, width * x.itemsize)
    centred, products, scaled = (np.empty((step, width), g.dtype) for _ in range(3))
    factors, shifts = np.zeros((step, 2), g.dtype), np.ones((2, step), g.dtype)
    for r in range(0, rows, step):
        block, xs = rows_of_g[r : r + step], flat[r : r + step]
        m = block.shape[0]
        scale, offset = rstd[r : r + m, 0], mean[r : r + m, 0]
        if not np.less_equal(np.abs(offset) * scale, 2).all():
            xs = np.subtract(xs, offset[:, None], out=centred[:m])
            offset = np.zeros_like(offset)
        gxs = np.multiply(block, xs, out=products[:m])
        if want_w or want_b:
            np.multiply(offset, -scale, out=shifts[0, :m])
            both = shifts[:, :m] @ block
            gb += both[1]
            gw += both[0]
            gw += scale @ gxs
        if gx is not None:
            total = block @ w
            dot = (gxs @ w - offset * total) * scale
            pull = dot * scale * scale / width
            factors[:m, 0] = scale
            spread = np.matmul(factors[:m], slope, out=scaled[:m])
            spread *= block
            target = np.multiply(xs, -pull[:, None], out=gx[r : r + m])
            target += spread
            target += (offset * pull - scale * total / width)[:, None]
    return (
        None if gx is None else gx.reshape(x.shape),
        gw.reshape(trailing) if want_w else None,
        gb.reshape(trailing) if want_b else None,
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
    if _declines(x, weight, bias) or x.ndim < 2 or x.size == 0:
        return NotImplemented
    planes = _planes(x)
    n, c, length = planes.shape
    count = n * length
    step = _step(n, c * length * x.itemsize)
    out = np.empty(planes.shape, x.dtype)
    sums, squares = np.zeros(c), np.zeros(c)
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(0, n, step):
            block = planes[i : i + step]
            sums += _channel_sums(block)
            squares += _channel_dots(block, block)
        exact = sums / count
        mean = exact.astype(x.dtype)
        variance = squares / count - exact * exact
        centre = not np.less_equal(exact * exact, 4 * variance).all()
    if centre:
        variance[:] = 0
        for i in range(0, n, step):
            target = np.subtract(planes[i : i + step], mean[:, None], out=out[i : i + step])
            variance += _channel_dots(target, target)
        variance /= count
    rstd = (1 / np.sqrt(variance + eps)).astype(x.dtype)
    scale = rstd if weight is None else rstd * weight
    shift = None if centre else -mean * scale
    if bias is not None:
        shift = bias if shift is None else shift + bias
    source = out if centre else planes
    for i in range(0, n, step):
        target = np.multiply(source[i : i + step], scale[:, None], out=out[i : i + step])
        if shift is not None:
            target += shift[:, None]
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
    if _declines(g[0], x, weight):
        return NotImplemented
    want_x, want_w, want_b = (*wants, False, False)[:3]
    planes, cotangent = _planes(x), _planes(g[0])
    n, c, length = planes.shape
    count = n * length
    step = _step(n, c * length * x.itemsize)
    total, dot = np.zeros(c), np.zeros(c)
    scratch = np.empty((step, c, length), x.dtype)
    centre = not np.less_equal(np.abs(batch_mean) * rstd, 2).all()
    offset = np.zeros(c) if centre else batch_mean.astype(np.float64)
    for i in range(0, n, step):
        block, xs = cotangent[i : i + step], planes[i : i + step]
        total += _channel_sums(block)
        if want_x or want_w:
            if centre:
                xs = np.subtract(xs, batch_mean[:, None], out=scratch[: xs.shape[0]])
            dot += _channel_dots(block, xs)
    dot = (dot - offset * total) * rstd
    gx = None
    if want_x:
        gx = np.empty(planes.shape, x.dtype)
        scale = rstd if weight is None else rstd * weight
        pull = dot * rstd * scale / count
        shift = (offset * pull - scale * total / count).astype(x.dtype)[:, None]
        pull = -pull.astype(x.dtype)[:, None]
        for i in range(0, n, step):
            xs, target = planes[i : i + step], gx[i : i + step]
            if centre:
                xs = np.subtract(xs, batch_mean[:, None], out=target)
            np.multiply(xs, pull, out=target)
            target += np.multiply(cotangent[i : i + step], scale[:, None], out=scratch[: target.shape[0]])
            target += shift
        gx = gx.reshape(x.shape)
    return gx, dot.astype(x.dtype) if want_w else None, total.astype(x.dtype) if want_b else None


KERNELS: dict[str, Any] = {
    "batch_norm": Kernel(
        batch_norm, train=batch_norm_train, vjp=batch_norm_vjp, residuals=("batch_mean", "rstd")
    ),
    "layer_norm": Kernel(layer_norm, train=layer_norm_train, vjp=layer_norm_vjp, residuals=("mean", "rstd")),
}
