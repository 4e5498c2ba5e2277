"""Batch and layer normalization in blocks that stay in cache, their sums done by BLAS where that is faster."""

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
    if _declines(x, weight, bias) or x.ndim < axes:
        return NotImplemented
    width = int(np.prod(x.shape[x.ndim - axes :]))
    if width == 0 or x.size == 0:
        return NotImplemented
    flat = x.reshape(-1, width)
    rows = flat.shape[0]
    out = np.empty(flat.shape, x.dtype)
    w = None if weight is None else weight.reshape(width)
    b = None if bias is None else bias.reshape(width)
    share = np.full(width, 1.0 / width, x.dtype)
    step = _step(rows, width * x.itemsize)
    means = np.empty((rows, 1), x.dtype) if keep else None
    rstds = np.empty((rows, 1), x.dtype) if keep else None
    for r in range(0, rows, step):
        block, target = flat[r : r + step], out[r : r + step]
        mean = (block @ share)[:, None]
        np.subtract(block, mean, out=target)
        rstd = np.vecdot(target, target)[:, None]
        rstd /= width
        rstd += eps
        np.sqrt(rstd, out=rstd)
        np.reciprocal(rstd, out=rstd)
        target *= rstd
        if w is not None:
            target *= w
        if b is not None:
            target += b
        if means is not None and rstds is not None:
            means[r : r + step] = mean
            rstds[r : r + step] = rstd
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
) -> tuple[Array | None, Array | None, Array | None]:
    """Cotangents of x, weight and bias.

    With ``y = (x - mean) * rstd`` and ``h = g * weight``: ``gx = rstd * (h - mean(h) - y * mean(h * y))``.
    """
    want_x, want_w, want_b = (*wants, False, False)[:3]
    width = int(np.prod(x.shape[x.ndim - axes :]))
    flat, rows_of_g = x.reshape(-1, width), g.reshape(-1, width)
    rows = flat.shape[0]
    w = None if weight is None else weight.reshape(width)
    gx = np.empty(flat.shape, g.dtype) if want_x else None
    gw = np.zeros(width, g.dtype) if want_w else None
    gb = np.zeros(width, g.dtype) if want_b else None
    step = _step(rows, width * x.itemsize)
    ones = np.ones(step, g.dtype)
    share = np.full(width, 1.0 / width, g.dtype)
    normal = np.empty((step, width), g.dtype)
    scratch = np.empty((step, width), g.dtype)
    for r in range(0, rows, step):
        block = rows_of_g[r : r + step]
        m = block.shape[0]
        if gb is not None:
            gb += ones[:m] @ block
        if gw is None and gx is None:
            continue
        y, t = normal[:m], scratch[:m]
        np.subtract(flat[r : r + step], mean[r : r + step], out=y)
        y *= rstd[r : r + step]
        if gw is not None:
            np.multiply(block, y, out=t)
            gw += ones[:m] @ t
        if gx is not None:
            target = gx[r : r + step]
            if w is None:
                h = block
            else:
                h = np.multiply(block, w, out=t)
            slope = np.vecdot(h, y)[:, None]
            slope /= width
            np.subtract(h, (h @ share)[:, None], out=target)
            y *= slope
            target -= y
            target *= rstd[r : r + step]
    return (
        None if gx is None else gx.reshape(x.shape),
        None if gw is None else gw.reshape(x.shape[x.ndim - axes :]),
        None if gb is None else gb.reshape(x.shape[x.ndim - axes :]),
    )


def _planes(x: Array) -> Array:
    """View x (N, C, ...) as (N, C, L)."""
    return x.reshape(x.shape[0], x.shape[1], int(np.prod(x.shape[2:])))


def _channel_sums(x: Array) -> Array:
    """Sum (N, C, L) over all but C."""
    if x.shape[2] == 1:
        return np.ones(x.shape[0], x.dtype) @ x[:, :, 0]
    return np.add.reduce(np.add.reduce(x, axis=2), axis=0)


def _channel_dots(a: Array, b: Array) -> Array:
    """Sum the product of two (N, C, L) arrays over all but C."""
    if a.shape[2] == 1:
        return np.einsum("nc,nc->c", a[:, :, 0], b[:, :, 0])
    return np.add.reduce(np.vecdot(a, b), axis=0)


def _column(v: Array) -> Array:
    return v[:, None]


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
    mean = np.zeros(c, x.dtype)
    for i in range(0, n, step):
        mean += _channel_sums(planes[i : i + step])
    mean /= count
    out = np.empty(planes.shape, x.dtype)
    var = np.zeros(c, x.dtype)
    for i in range(0, n, step):
        target = out[i : i + step]
        np.subtract(planes[i : i + step], _column(mean), out=target)
        var += _channel_dots(target, target)
    var /= count
    rstd = 1.0 / np.sqrt(var + np.asarray(eps, x.dtype))
    scale = rstd if weight is None else rstd * weight
    for i in range(0, n, step):
        target = out[i : i + step]
        target *= _column(scale)
        if bias is not None:
            target += _column(bias)
    return (out.reshape(x.shape), mean, var), (mean.copy(), rstd)


def batch_norm_vjp(
    xp: Any,
    g: tuple[Array, Array | None, Array | None],
    x: Array,
    weight: Array | None,
    batch_mean: Array,
    rstd: Array,
    wants: tuple[bool, ...],
) -> tuple[Array | None, Array | None, Array | None]:
    """Cotangents of x, weight and bias.

    With ``y = (x - mean) * rstd``: ``gx = weight * rstd * (g - mean(g) - y * mean(g * y))``.
    """
    want_x, want_w, want_b = (*wants, False, False)[:3]
    planes, cotangent = _planes(x), _planes(g[0])
    n, c, length = planes.shape
    count = n * length
    step = _step(n, c * length * x.itemsize)
    total = np.zeros(c, x.dtype)
    dot = np.zeros(c, x.dtype)
    centred = np.empty((step, c, length), x.dtype)
    for i in range(0, n, step):
        block = cotangent[i : i + step]
        if want_x or want_b:
            total += _channel_sums(block)
        if want_x or want_w:
            y = centred[: block.shape[0]]
            np.subtract(planes[i : i + step], _column(batch_mean), out=y)
            dot += _channel_dots(block, y)
    gx = None
    if want_x:
        gx = np.empty(planes.shape, x.dtype)
        scale = rstd if weight is None else rstd * weight
        slope = dot * rstd * rstd / count
        level = total / count
        for i in range(0, n, step):
            target = gx[i : i + step]
            y = centred[: target.shape[0]]
            np.subtract(planes[i : i + step], _column(batch_mean), out=y)
            y *= _column(slope)
            np.subtract(cotangent[i : i + step], y, out=target)
            target -= _column(level)
            target *= _column(scale)
        gx = gx.reshape(x.shape)
    return gx, dot * rstd if want_w else None, total if want_b else None


KERNELS: dict[str, Any] = {
    "batch_norm": Kernel(
        batch_norm, train=batch_norm_train, vjp=batch_norm_vjp, residuals=("batch_mean", "rstd")
    ),
    "layer_norm": Kernel(layer_norm, train=layer_norm_train, vjp=layer_norm_vjp, residuals=("mean", "rstd")),
}
