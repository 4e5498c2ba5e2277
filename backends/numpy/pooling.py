"""2-D pooling: one pass per window tap over strided views, in blocks of planes that stay in cache.

Maximum pooling remembers which tap won, one small integer per output; its cotangent goes back through these alone.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ...core.backend import Kernel

Array = np.ndarray
Pair = tuple[int, int]

# Input bytes per block: input, output, codes and scratch together stay in a core's second-level cache.
_BLOCK_BYTES = 256 << 10


def _out_size(size: int, kernel: int, stride: int, pad: int, dilation: int, ceil_mode: bool) -> int:
    """PyTorch's rule; in ceil mode the last window must start inside the input or its left padding."""
    span = size + 2 * pad - dilation * (kernel - 1) - 1
    out = (span + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (out - 1) * stride >= size + pad:
        out -= 1
    return out


def _taps(size: int, count: int, kernel: int, stride: int, pad: int, dilation: int) -> list[tuple[slice, slice]]:
    """For each tap along one axis: which outputs it serves, and from which inputs."""
    pairs = []
    for k in range(kernel):
        start = k * dilation - pad
        lo = min(count, max(0, -(start // stride)))
        hi = max(lo, min(count, (size - 1 - start) // stride + 1))
        first = start + stride * lo
        pairs.append((slice(lo, hi), slice(first, first + (hi - lo - 1) * stride + 1 if hi > lo else first, stride)))
    return pairs


def _planes_per_block(planes: int, plane_bytes: int) -> int:
    return max(1, min(planes, _BLOCK_BYTES // max(1, plane_bytes)))


def _declines(x: Array) -> bool:
    return x.ndim not in (3, 4) or x.dtype.char not in "fd"


def _is_two_by_two(
    shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> bool:
    return (
        tuple(kernel_size) == (2, 2)
        and tuple(stride) == (2, 2)
        and tuple(padding) == (0, 0)
        and tuple(dilation) == (1, 1)
        and not (ceil_mode and (shape[-2] % 2 or shape[-1] % 2))
    )


def _geometry(
    shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Pair, list[tuple[slice, slice]], list[tuple[slice, slice]]]:
    h, w = shape[-2:]
    ho = _out_size(h, kernel_size[0], stride[0], padding[0], dilation[0], ceil_mode)
    wo = _out_size(w, kernel_size[1], stride[1], padding[1], dilation[1], ceil_mode)
    rows = _taps(h, ho, kernel_size[0], stride[0], padding[0], dilation[0])
    cols = _taps(w, wo, kernel_size[1], stride[1], padding[1], dilation[1])
    return (ho, wo), rows, cols


def max_pool2d(
    x: Array,
    /,
    *,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
) -> Array:
    """The maximum of each window of x (..., H, W)."""
    if _declines(x):
        return NotImplemented
    (ho, wo), rows, cols = _geometry(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    h, w = x.shape[-2:]
    out = np.empty((*x.shape[:-2], ho, wo), x.dtype)
    flat_x, flat_out = x.reshape(-1, h, w), out.reshape(-1, ho, wo)
    step = _planes_per_block(flat_x.shape[0], h * w * x.itemsize)
    # A maximum over rows and then over columns takes kh + kw passes, not kh * kw.
    tall = np.empty((step, ho, w), x.dtype)
    for p in range(0, flat_x.shape[0], step):
        block, target = flat_x[p : p + step], flat_out[p : p + step]
        high = tall[: block.shape[0]]
        _combine_rows(np.maximum, block, rows, high, -np.inf)
        _combine_rows(np.maximum, high.swapaxes(1, 2), cols, target.swapaxes(1, 2), -np.inf)
    return out


def _combine_rows(
    ufunc: np.ufunc, x: Array, taps: list[tuple[slice, slice]], out: Array, start: float
) -> None:
    """Combine, along axis 1, the inputs of each window into out."""
    if len(taps) > 1 and all(o == slice(0, out.shape[1]) for o, _ in taps):
        ufunc(x[:, taps[0][1]], x[:, taps[1][1]], out=out)
        taps = taps[2:]
    else:
        out.fill(start)
    for o, i in taps:
        ufunc(out[:, o], x[:, i], out=out[:, o])


def max_pool2d_train(
    x: Array,
    /,
    *,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Array, tuple[Array]]:
    """The maxima and, as the residual, the number of the tap that won each."""
    if _declines(x):
        return NotImplemented
    (ho, wo), rows, cols = _geometry(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    h, w = x.shape[-2:]
    out = np.empty((*x.shape[:-2], ho, wo), x.dtype)
    taps = np.empty(out.shape, np.min_scalar_type(max(0, kernel_size[0] * kernel_size[1] - 1)))
    flat_x, flat_out, flat_taps = x.reshape(-1, h, w), out.reshape(-1, ho, wo), taps.reshape(-1, ho, wo)
    step = _planes_per_block(flat_x.shape[0], h * w * x.itemsize)
    two_by_two = _is_two_by_two(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    first = _first_taps(rows, ho)[:, None] * kernel_size[1] + _first_taps(cols, wo)
    steps = (stride, padding, dilation)
    for p in range(0, flat_x.shape[0], step):
        block, target, codes = flat_x[p : p + step], flat_out[p : p + step], flat_taps[p : p + step]
        if two_by_two:
            _two_by_two(block, target, codes)
        else:
            _windows(block, kernel_size, *steps, target, codes, first)
        if np.isnan(target).any():
            _windows(block, kernel_size, *steps, target, codes, first, nan=True)
    return out, (taps,)


def _first_taps(pairs: list[tuple[slice, slice]], count: int) -> Array:
    """The first tap inside the input, per output of one axis; it wins where all are -inf."""
    first = np.zeros(count, np.intp)
    for k in range(len(pairs) - 1, -1, -1):
        first[pairs[k][0]] = k
    return first


def _two_by_two(x: Array, out: Array, codes: Array) -> None:
    """Maxima and winners of disjoint 2 × 2 windows, their corners copied apart: contiguous loops are faster."""
    ho, wo = out.shape[-2:]
    a, b, c, d = (x[:, i : 2 * ho : 2, j : 2 * wo : 2].copy() for i in (0, 1) for j in (0, 1))
    upper, lower = np.greater(b, a).view(np.uint8), np.greater(d, c).view(np.uint8)
    np.maximum(a, b, out=a)
    np.maximum(c, d, out=c)
    below = np.greater(c, a).view(np.uint8)
    np.maximum(a, c, out=out)
    lower += np.uint8(2)
    lower -= upper
    lower *= below
    np.add(upper, lower, out=codes)


def _windows(
    x: Array,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    out: Array,
    codes: Array,
    first: Array,
    nan: bool = False,
) -> None:
    """The first maximum of each window; with `nan`, PyTorch's rule that the last NaN wins."""
    ho, wo = out.shape[-2:]
    source = _padded(x, out.shape, kernel_size, stride, padding, dilation)
    out.fill(-np.inf)
    codes[...] = first
    value = np.empty(out.shape, x.dtype)
    better = np.empty(out.shape, bool)
    for k in range(kernel_size[0] * kernel_size[1]):
        top, left = k // kernel_size[1] * dilation[0], k % kernel_size[1] * dilation[1]
        view = source[
            :, top : top + (ho - 1) * stride[0] + 1 : stride[0], left : left + (wo - 1) * stride[1] + 1 : stride[1]
        ]
        np.copyto(value, view)
        np.greater(value, out, out=better)
        if nan:
            better |= np.isnan(value)
        np.maximum(out, value, out=out)
        # The taps come in rising order, so that the last improvement is the largest number.
        np.maximum(codes, better * codes.dtype.type(k), out=codes)


def _padded(
    x: Array, out_shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """x with as much -inf around as its windows reach."""
    h, w = x.shape[-2:]
    high = (out_shape[-2] - 1) * stride[0] + (kernel_size[0] - 1) * dilation[0] + 1
    wide = (out_shape[-1] - 1) * stride[1] + (kernel_size[1] - 1) * dilation[1] + 1
    top, left = padding
    if not top and not left and high <= h and wide <= w:
        return x
    full = np.full((x.shape[0], high, wide), -np.inf, x.dtype)
    full[:, top : top + h, left : left + w] = x[:, : max(0, high - top), : max(0, wide - left)]
    return full


def max_pool2d_vjp(
    xp: Any,
    g: Array,
    x_shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
    taps: Array,
    wants: tuple[bool, ...],
) -> Any:
    """Send each cotangent to the input that won its window."""
    if _declines(g):
        return NotImplemented
    if not wants[0]:
        return (None,)
    (ho, wo), rows, cols = _geometry(x_shape, kernel_size, stride, padding, dilation, ceil_mode)
    h, w = x_shape[-2:]
    two_by_two = _is_two_by_two(x_shape, kernel_size, stride, padding, dilation, ceil_mode)
    # Windows that tile the input write every element once, so that nothing need be cleared or added.
    tiles = two_by_two and h == 2 * ho and w == 2 * wo
    gx = np.empty(x_shape, g.dtype) if tiles else np.zeros(x_shape, g.dtype)
    flat_gx, flat_g, flat_taps = gx.reshape(-1, h, w), g.reshape(-1, ho, wo), taps.reshape(-1, ho, wo)
    step = _planes_per_block(flat_gx.shape[0], h * w * g.itemsize)
    for p in range(0, flat_gx.shape[0], step):
        target, block, codes = flat_gx[p : p + step], flat_g[p : p + step], flat_taps[p : p + step]
        if tiles and g.dtype == np.float32 and sys.byteorder == "little":
            _spread_pairs(block, codes, target)
            continue
        # As integers, so that an infinite or NaN cotangent leaves the other taps at zero.
        integer = np.dtype(f"i{g.itemsize}")
        bits = np.ascontiguousarray(block).view(integer)
        for i, (ro, ri) in enumerate(rows):
            for j, (co, ci) in enumerate(cols):
                won = np.equal(codes[:, ro, co], i * len(cols) + j).astype(integer)
                np.negative(won, out=won)
                view = target[:, ri, ci]
                if two_by_two:
                    np.bitwise_and(bits, won, out=view.view(integer))
                else:
                    np.bitwise_and(bits[:, ro, co], won, out=won)
                    np.add(view, won.view(g.dtype), out=view)
    return (gx,)


def _spread_pairs(g: Array, codes: Array, gx: Array) -> None:
    """Float32 cotangents of disjoint 2 × 2 windows: two neighbours are one 64-bit word, into which g is shifted.

    A shift by 64 or more gives zero, so that a word gets g in its first half, in its second or not at all.
    """
    words = np.ascontiguousarray(g).view(np.uint32).astype(np.uint64)
    shift = codes.astype(np.uint64)
    shift <<= np.uint64(5)
    pairs = gx.view(np.uint64).reshape(g.shape[0], g.shape[1], 2, g.shape[2])
    np.left_shift(words, shift, out=pairs[:, :, 0])
    shift -= np.uint64(64)
    np.left_shift(words, shift, out=pairs[:, :, 1])


def max_pool2d_with_indices(
    x: Array,
    /,
    *,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Array, Array]:
    """The maxima and their int64 positions in the flattened H × W plane."""
    result = max_pool2d_train(
        x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    if result is NotImplemented:
        return NotImplemented
    out, (taps,) = result
    i, j = np.divmod(taps.astype(np.int64), kernel_size[1])
    rows = np.arange(out.shape[-2])[:, None] * stride[0] - padding[0] + i * dilation[0]
    cols = np.arange(out.shape[-1]) * stride[1] - padding[1] + j * dilation[1]
    return out, rows * x.shape[-1] + cols


def _divisors(size: int, count: int, kernel: int, stride: int, pad: int, include_pad: bool) -> Array:
    """How many positions of one axis each window averages over."""
    start = np.arange(count) * stride - pad
    end = np.minimum(start + kernel, size + pad)
    if not include_pad:
        start, end = np.maximum(start, 0), np.minimum(end, size)
    return end - start


def _average_divisor(
    x_shape: tuple[int, ...],
    dtype: np.dtype,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """What each window is divided by, as (Ho, Wo) or as a scalar where all are equal."""
    (ho, wo), _, _ = _geometry(x_shape, kernel_size, stride, padding, (1, 1), ceil_mode)
    if divisor_override is not None:
        return np.asarray(divisor_override, dtype)
    h, w = x_shape[-2:]
    rows = _divisors(h, ho, kernel_size[0], stride[0], padding[0], count_include_pad)
    cols = _divisors(w, wo, kernel_size[1], stride[1], padding[1], count_include_pad)
    count = rows[:, None] * cols
    if count.size and (count == count.flat[0]).all():
        return np.asarray(count.flat[0], dtype)
    return np.maximum(count, 1).astype(dtype)


def avg_pool2d(
    x: Array,
    /,
    *,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """The mean of each window of x (..., H, W)."""
    if _declines(x):
        return NotImplemented
    (ho, wo), rows, cols = _geometry(x.shape, kernel_size, stride, padding, (1, 1), ceil_mode)
    divisor = _average_divisor(
        x.shape, x.dtype, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    h, w = x.shape[-2:]
    out = np.empty((*x.shape[:-2], ho, wo), x.dtype)
    flat_x, flat_out = x.reshape(-1, h, w), out.reshape(-1, ho, wo)
    step = _planes_per_block(flat_x.shape[0], h * w * x.itemsize)
    tall = np.empty((step, ho, w), x.dtype)
    for p in range(0, flat_x.shape[0], step):
        block, target = flat_x[p : p + step], flat_out[p : p + step]
        high = tall[: block.shape[0]]
        _combine_rows(np.add, block, rows, high, 0)
        _combine_rows(np.add, high.swapaxes(1, 2), cols, target.swapaxes(1, 2), 0)
        target /= divisor
    return out


def avg_pool2d_vjp(
    xp: Any,
    g: Array,
    x_shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    wants: tuple[bool, ...],
) -> Any:
    """Spread each cotangent evenly over its window."""
    if _declines(g):
        return NotImplemented
    if not wants[0]:
        return (None,)
    (ho, wo), rows, cols = _geometry(x_shape, kernel_size, stride, padding, (1, 1), ceil_mode)
    h, w = x_shape[-2:]
    divisor = _average_divisor(
        x_shape, g.dtype, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    # Windows that tile the input write every element once, so that nothing need be cleared or added.
    tiles = tuple(kernel_size) == tuple(stride) and (ho * stride[0], wo * stride[1]) == (h, w) and not any(padding)
    gx = np.empty(x_shape, g.dtype) if tiles else np.zeros(x_shape, g.dtype)
    flat_gx, flat_g = gx.reshape(-1, h, w), g.reshape(-1, ho, wo)
    step = _planes_per_block(flat_gx.shape[0], h * w * g.itemsize)
    tall = np.empty((step, ho, w), g.dtype)
    for p in range(0, flat_gx.shape[0], step):
        target = flat_gx[p : p + step]
        block = flat_g[p : p + step] / divisor
        wide = tall[: target.shape[0]]
        if tiles:
            for _, i in cols:
                wide[..., i] = block
            for _, i in rows:
                target[:, i] = wide
            continue
        wide.fill(0)
        for o, i in cols:
            wide[..., i] += block[..., o]
        for o, i in rows:
            target[:, i] += wide[:, o]
    return (gx,)


KERNELS: dict[str, Any] = {
    "max_pool2d": Kernel(max_pool2d, train=max_pool2d_train, vjp=max_pool2d_vjp, residuals=("taps",)),
    "max_pool2d_with_indices": max_pool2d_with_indices,
    "avg_pool2d": Kernel(avg_pool2d, vjp=avg_pool2d_vjp),
}
