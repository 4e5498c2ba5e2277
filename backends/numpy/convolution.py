"""Linear maps and 2-D convolution: matrix multiplication plus data movement, with little of the latter.

A stride-1 kernel of height `kh` needs no full patch matrix. Its *rows buffer* has the layout (row, kw, C, N, W'), where
only the horizontal shifts are copied out: the patch matrix of output row `h` is then the contiguous slice of rows
``h .. h + kh``, and `np.matmul` reads these overlapping slices as one strided batch. The gradient of the weight needs
no patches at all: each tap is one product of the padded input, shifted, with the padded cotangent. Kernels of height 3
take half the multiplications (`winograd.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import winograd
from .movement import fill, span

Array = np.ndarray
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

# A working set of this many bytes stays in the last-level cache next to what BLAS packs.
_BLOCK_BYTES = 4 << 20
# Columns per product at which BLAS reaches its full rate.
_COLUMNS = 448
# With so few patch rows (a first layer's) the products are cheap and what counts is to write the output but once.
_SMALL_K = 32


def _is_real(*arrays: Array | None) -> bool:
    return all(a is None or a.dtype.char in "fd" for a in arrays)


def _column_sums(g: Array) -> Array:
    """Sum a matrix over its rows; a product with ones is faster than a reduction over a strided axis."""
    return np.ones(g.shape[0], g.dtype) @ g


def linear(x: Array, weight: Array, bias: Array | None = None, /) -> Array:
    """``x @ weight.T + bias`` for x (..., in), weight (out, in) and bias (out,)."""
    if weight.ndim != 2 or not _is_real(x, weight, bias):
        return NotImplemented
    if x.ndim <= 2:
        out = np.asarray(x @ weight.T)
    else:
        out = (x.reshape(-1, x.shape[-1]) @ weight.T).reshape(*x.shape[:-1], weight.shape[0])
    if bias is not None:
        np.add(out, bias, out=out)
    return out


def linear_vjp(
    xp: Any, g: Array, x: Array, weight: Array, wants: tuple[bool, ...]
) -> Any:
    """Cotangents of x, weight and bias."""
    if not _is_real(g, x, weight):
        return NotImplemented
    rows = g.reshape(-1, g.shape[-1])
    gx = gw = gb = None
    if wants[0]:
        gx = (rows @ weight).reshape(x.shape)
    if wants[1]:
        gw = rows.T @ x.reshape(-1, x.shape[-1])
    if len(wants) > 2 and wants[2]:
        gb = _column_sums(rows)
    return gx, gw, gb


def _blocks(n: int, rows: int, width: int, bytes_per_position: int, halo: int) -> tuple[int, int]:
    """Images and output rows per block, so that a block's rows buffer stays in cache."""
    images = max(1, min(n, -(-_COLUMNS // max(1, width))))
    per_row = max(1, images * width * bytes_per_position)
    band = max(1, min(rows, max(_BLOCK_BYTES // per_row - halo, 4 * halo)))
    # Equal parts: a last block of one row or one image would waste a product on it.
    images = -(-n // max(1, -(-n // images)))
    band = -(-rows // max(1, -(-rows // band)))
    return max(1, images), max(1, band)


def _correlate(
    x: Array, taps: Array, bias: Array | None, out: Array, stride: Pair, pad: Pair, dilation: Pair
) -> None:
    """Write the cross-correlation of x (N, C, H, W) with taps (O, kh, kw, C) to out (N, O, Ho, Wo).

    `pad` is what precedes the first row and column and may be negative; what follows is implied by out's shape.
    """
    n, c, _, _ = x.shape
    o, kh, kw, _ = taps.shape
    _, _, ho, wo = out.shape
    sh, sw = stride
    dh, dw = dilation
    matrix = taps.reshape(o, kh * kw * c)
    rows_of_x = x.transpose(2, 1, 0, 3)
    shares_rows = dh == 1 and sh < kh
    height = kw * c if shares_rows else kh * kw * c
    halo = kh - sh if shares_rows else 0
    images, band = _blocks(n, ho, wo, height * (sh if shares_rows else 1) * x.itemsize, halo)
    buffer: Any = None
    product: Any = None
    for n0 in range(0, n, images):
        n1 = min(n0 + images, n)
        source = rows_of_x[:, :, n0:n1]
        for h0 in range(0, ho, band):
            h1 = min(h0 + band, ho)
            m = n1 - n0
            columns = m * wo
            shape: tuple[int, ...]
            if shares_rows:
                shape = ((h1 - h0 - 1) * sh + kh, kw, c, m, wo)
            else:
                shape = (h1 - h0, kh, kw, c, m, wo)
            if buffer is None or buffer.shape != shape:
                buffer = np.empty(shape, x.dtype)
                product = np.empty((h1 - h0, o, columns), x.dtype)
            top = h0 * sh - pad[0]
            if shares_rows:
                for j in range(kw):
                    fill(buffer[:, j], source, top, 1, j * dw - pad[1], sw)
                row = buffer.strides[0]
                strides = (sh * row, columns * x.itemsize, x.itemsize)
                patches = np.lib.stride_tricks.as_strided(buffer, (h1 - h0, kh * kw * c, columns), strides)
            else:
                for i in range(kh):
                    for j in range(kw):
                        fill(buffer[:, i, j], source, top + i * dh, sh, j * dw - pad[1], sw)
                patches = buffer.reshape(h1 - h0, kh * kw * c, columns)
            np.matmul(matrix, patches, out=product)
            result = product.reshape(h1 - h0, o, m, wo).transpose(2, 1, 0, 3)
            target = out[n0:n1, :, h0:h1]
            if bias is None:
                np.copyto(target, result)
            else:
                np.add(result, bias[:, None, None], out=target)


def _patches(x: Array, out_shape: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """The patch matrix of x (N, C, H, W) as (C, kh, kw, N, Ho, Wo)."""
    n, c = x.shape[:2]
    cols = np.empty((c, *kernel, n, *out_shape), x.dtype)
    source = x.transpose(2, 1, 0, 3)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            fill(
                cols[:, i, j].transpose(2, 0, 1, 3),
                source,
                i * dilation[0] - padding[0][0],
                stride[0],
                j * dilation[1] - padding[1][0],
                stride[1],
            )
    return cols


def _few_patches(
    x: Array, out_shape: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The patch matrices of x (N, C, H, W) as (N, C * kh * kw + 1, Ho * Wo), ending in a row of ones for the bias."""
    n, c = x.shape[:2]
    kh, kw = kernel
    full = np.empty((n, c * kh * kw + 1, *out_shape), x.dtype)
    full[:, -1] = 1
    taps = full[:, :-1].reshape(n, c, kh, kw, *out_shape)
    source = x.transpose(2, 0, 1, 3)
    for i in range(kh):
        for j in range(kw):
            top, left = i * dilation[0] - padding[0][0], j * dilation[1] - padding[1][0]
            fill(taps[:, :, i, j].transpose(2, 0, 1, 3), source, top, stride[0], left, stride[1])
    return full.reshape(n, c * kh * kw + 1, -1)


def _images_per_block(n: int, bytes_per_image: int) -> int:
    return max(1, min(n, _BLOCK_BYTES // max(1, bytes_per_image)))


def _out_size(size: int, kernel: int, stride: int, padding: Pair, dilation: int) -> int:
    return (size + padding[0] + padding[1] - dilation * (kernel - 1) - 1) // stride + 1


def _is_pointwise(kernel: tuple[int, ...], stride: Pair, padding: Padding) -> bool:
    return tuple(kernel) == (1, 1) and tuple(stride) == (1, 1) and all(p == 0 for side in padding for p in side)


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    /,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """Cross-correlate x (N, C, H, W) with weight (O, C / groups, kh, kw)."""
    if x.ndim != 4 or not _is_real(x, weight, bias):
        return NotImplemented
    n, c, h, w = x.shape
    o, cg, kh, kw = weight.shape
    ho = _out_size(h, kh, stride[0], padding[0], dilation[0])
    wo = _out_size(w, kw, stride[1], padding[1], dilation[1])
    out = np.empty((n, o, ho, wo), x.dtype)
    if out.size == 0:
        return out
    if groups == 1 and _is_pointwise((kh, kw), stride, padding):
        np.matmul(weight.reshape(o, c), x.reshape(n, c, h * w), out=out.reshape(n, o, h * w))
        if bias is not None:
            np.add(out, bias[:, None, None], out=out)
        return out
    if groups == 1 and c * kh * kw <= _SMALL_K:
        matrix = np.zeros((o, c * kh * kw + 1), x.dtype)
        matrix[:, :-1] = weight.reshape(o, -1)
        if bias is not None:
            matrix[:, -1] = bias
        planes = out.reshape(n, o, ho * wo)
        step = _images_per_block(n, (c * kh * kw + 1) * ho * wo * x.itemsize)
        for n0 in range(0, n, step):
            block = x[n0 : n0 + step]
            patches = _few_patches(block, (ho, wo), (kh, kw), stride, padding, dilation)
            np.matmul(matrix, patches, out=planes[n0 : n0 + step])
        return out
    if groups == 1 and winograd.applies((kh, kw), stride, dilation, (o, c), ho):
        winograd.convolve(x, weight, bias, out, padding, dilation[1])
        return out
    if groups == 1:
        taps = np.ascontiguousarray(weight.transpose(0, 2, 3, 1))
        _correlate(x, taps, bias, out, stride, (padding[0][0], padding[1][0]), dilation)
        return out
    og = o // groups
    matrix = weight.reshape(groups, og, cg * kh * kw)
    step = _images_per_block(n, c * kh * kw * ho * wo * x.itemsize)
    for n0 in range(0, n, step):
        block = x[n0 : n0 + step]
        m = block.shape[0]
        cols = _patches(block, (ho, wo), (kh, kw), stride, padding, dilation)
        product = np.matmul(matrix, cols.reshape(groups, cg * kh * kw, m * ho * wo))
        result = product.reshape(o, m, ho, wo).transpose(1, 0, 2, 3)
        if bias is None:
            np.copyto(out[n0 : n0 + m], result)
        else:
            np.add(result, bias[:, None, None], out=out[n0 : n0 + m])
    return out


def conv_input(
    g: Array,
    weight: Array,
    /,
    *,
    x_shape: tuple[int, ...],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """The cotangent of a convolution's input, from the cotangent of its output (N, O, Ho, Wo)."""
    if g.ndim != 4 or not _is_real(g, weight):
        return NotImplemented
    n, c, h, w = x_shape
    o, cg, kh, kw = weight.shape
    ho, wo = g.shape[2:]
    if g.size == 0 or weight.size == 0:
        return np.zeros(x_shape, g.dtype)
    if groups == 1 and _is_pointwise((kh, kw), stride, padding):
        return np.matmul(weight.reshape(o, c).T, g.reshape(n, o, h * w)).reshape(x_shape)
    if groups == 1 and winograd.applies((kh, kw), stride, dilation, (o, c), ho):
        return winograd.cotangents(None, g, weight, x_shape, weight.shape, padding, dilation[1], False)[0]  # type: ignore[return-value]
    if groups == 1 and tuple(stride) == (1, 1) and c * kh * kw > _SMALL_K:
        # The transpose of a stride-1 correlation is a correlation with the kernel turned around.
        out = np.empty(x_shape, g.dtype)
        taps = np.ascontiguousarray(weight[:, :, ::-1, ::-1].transpose(1, 2, 3, 0))
        before = (dilation[0] * (kh - 1) - padding[0][0], dilation[1] * (kw - 1) - padding[1][0])
        _correlate(g, taps, None, out, (1, 1), before, dilation)
        return out
    og = o // groups
    matrix = weight.reshape(groups, og, cg * kh * kw).transpose(0, 2, 1)
    out = np.zeros(x_shape, g.dtype)
    step = _images_per_block(n, c * kh * kw * ho * wo * g.itemsize)
    for n0 in range(0, n, step):
        block = g[n0 : n0 + step]
        m = block.shape[0]
        columns = np.matmul(matrix, block.reshape(m, groups, og, ho * wo)).reshape(m, c, kh, kw, ho, wo)
        for i in range(kh):
            r0, r1, h0 = span(h, ho, i * dilation[0] - padding[0][0], stride[0])
            for j in range(kw):
                w0, w1, v0 = span(w, wo, j * dilation[1] - padding[1][0], stride[1])
                if r0 < r1 and w0 < w1:
                    target = out[
                        n0 : n0 + m,
                        :,
                        h0 : h0 + (r1 - r0 - 1) * stride[0] + 1 : stride[0],
                        v0 : v0 + (w1 - w0 - 1) * stride[1] + 1 : stride[1],
                    ]
                    np.add(target, columns[:, :, i, j, r0:r1, w0:w1], out=target)
    return out


def conv_weight(
    x: Array,
    g: Array,
    /,
    *,
    weight_shape: tuple[int, ...],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """The cotangent of a convolution's weight, from its input and the cotangent of its output."""
    if x.ndim != 4 or not _is_real(x, g):
        return NotImplemented
    n, c, h, w = x.shape
    o, cg, kh, kw = weight_shape
    ho, wo = g.shape[2:]
    if x.size == 0 or g.size == 0:
        return np.zeros(weight_shape, g.dtype)
    if groups == 1 and _is_pointwise((kh, kw), stride, padding):
        return _sum_of_products(g.reshape(n, o, ho * wo), x.reshape(n, c, h * w)).reshape(weight_shape)
    if groups == 1 and winograd.applies((kh, kw), stride, dilation, (o, c), ho):
        return winograd.cotangents(x, g, None, x.shape, weight_shape, padding, dilation[1], False)[1]  # type: ignore[return-value]
    if groups == 1 and c * kh * kw <= _SMALL_K:
        return _few_weights(x, g, weight_shape, stride, padding, dilation)[0]
    if groups == 1 and tuple(stride) == (1, 1):
        return _weight_by_taps(x, g, (kh, kw), padding, dilation)
    og = o // groups
    out = np.zeros((groups, og, cg * kh * kw), g.dtype)
    step = _images_per_block(n, c * kh * kw * ho * wo * g.itemsize)
    for n0 in range(0, n, step):
        block = x[n0 : n0 + step]
        m = block.shape[0]
        cols = _patches(block, (ho, wo), (kh, kw), stride, padding, dilation).reshape(groups, cg * kh * kw, -1)
        rows = np.ascontiguousarray(g[n0 : n0 + m].transpose(1, 0, 2, 3)).reshape(groups, og, -1)
        out += np.matmul(rows, cols.transpose(0, 2, 1))
    return out.reshape(weight_shape)


def _few_weights(
    x: Array, g: Array, weight_shape: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair
) -> tuple[Array, Array]:
    """Cotangents of weight and bias where patches are few."""
    n, o, ho, wo = g.shape
    k = x.shape[1] * weight_shape[2] * weight_shape[3]
    total = np.zeros((o, k + 1), g.dtype)
    planes = g.reshape(n, o, ho * wo)
    kernel = (weight_shape[2], weight_shape[3])
    step = _images_per_block(n, (k + 1) * ho * wo * g.itemsize)
    for n0 in range(0, n, step):
        patches = _few_patches(x[n0 : n0 + step], (ho, wo), kernel, stride, padding, dilation)
        total += np.add.reduce(np.matmul(planes[n0 : n0 + step], patches.transpose(0, 2, 1)), axis=0)
    return np.ascontiguousarray(total[:, :-1]).reshape(weight_shape), np.ascontiguousarray(total[:, -1])


def _sum_of_products(a: Array, b: Array) -> Array:
    """Sum over n of ``a[n] @ b[n].T``."""
    total = a[0] @ b[0].T
    part = np.empty_like(total)
    for n in range(1, a.shape[0]):
        np.matmul(a[n], b[n].T, out=part)
        total += part
    return total


def _weight_by_taps(x: Array, g: Array, kernel: Pair, padding: Padding, dilation: Pair) -> Array:
    """The stride-1 weight cotangent: one product per tap of the flattened cotangent with the shifted input.

    Both are laid out channels first with rows of one width, the zeros between two rows (or images) serving as the right
    (lower) padding of one and the left (upper) padding of the next. A shift by a tap is then an offset into the flat
    input, and the columns that run over a row's end meet a zero of the cotangent.
    """
    n, c, h, w = x.shape
    o, ho, wo = g.shape[1:]
    kh, kw = kernel
    dh, dw = dilation
    (top, bottom), (left, right) = padding
    width = max(w + max(left, right), wo)
    height = max(h + max(top, bottom), ho)
    reach = (kh - 1) * dh * width + (kw - 1) * dw
    plane = height * width
    total = np.zeros((kh, kw, o, c), g.dtype)
    part = np.empty((o, c), g.dtype)
    step = max(1, min(n, 2 * _BLOCK_BYTES // max(1, (c + o) * plane * x.itemsize)))
    for n0 in range(0, n, step):
        m = min(step, n - n0)
        length = m * plane
        flat = np.zeros((c, length + reach), x.dtype)
        flat[:, : m * plane].reshape(c, m, height, width)[:, :, top : top + h, left : left + w] = x[
            n0 : n0 + m
        ].transpose(1, 0, 2, 3)
        rows = np.zeros((o, m, height, width), g.dtype)
        rows[:, :, :ho, :wo] = g[n0 : n0 + m].transpose(1, 0, 2, 3)
        rows = rows.reshape(o, length)
        for i in range(kh):
            for j in range(kw):
                offset = i * dh * width + j * dw
                np.matmul(rows, flat[:, offset : offset + length].T, out=part)
                total[i, j] += part
    return np.ascontiguousarray(total.transpose(2, 3, 0, 1))


def conv_vjp(
    xp: Any,
    g: Array,
    x: Array,
    weight: Array,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    wants: tuple[bool, ...],
) -> Any:
    """Cotangents of x, weight and bias."""
    if x.ndim != 4 or not _is_real(g, x, weight):
        return NotImplemented
    want_x, want_w, want_b = (*wants, False)[:3]
    if (
        groups == 1
        and x.size
        and g.size
        and (want_x or want_w)
        and winograd.applies(weight.shape[2:], stride, dilation, weight.shape[:2], g.shape[2])
    ):
        return winograd.cotangents(
            x if want_w else None, g, weight if want_x else None, x.shape, weight.shape, padding, dilation[1], want_b
        )
    statics: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    gx = conv_input(g, weight, x_shape=x.shape, **statics) if want_x else None
    gw = gb = None
    if want_w and want_b and groups == 1 and int(np.prod(weight.shape[1:])) <= _SMALL_K and x.size and g.size:
        gw, gb = _few_weights(x, g, weight.shape, stride, padding, dilation)
    elif want_w:
        gw = conv_weight(x, g, weight_shape=weight.shape, **statics)
    if want_b and gb is None:
        gb = np.add.reduce(np.add.reduce(g, axis=(2, 3)), axis=0)
    return gx, gw, gb


KERNELS: dict[str, Any] = {
    "linear": Kernel(linear, vjp=linear_vjp),
    "conv": Kernel(conv, vjp=conv_vjp),
    "conv_input": conv_input,
    "conv_weight": conv_weight,
}
