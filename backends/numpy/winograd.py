"""Convolution with kernels of height 3 in half the multiplications, and its transposes (Winograd's F(4, 3) along rows).

Four output rows y take six input rows d: ``y = A.T ((G w) * (B.T d))`` with six products where the definition has
twelve (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016, here in one dimension: its rounding
error is two to three times that of the definition). Only rows are transformed, whole lines at a time: a transform is
one small matrix product per channel and tile, which BLAS does faster than additions over arrays, and in one call. The
kernel's width is part of the large product. One trilinear form gives all three directions::

    sum_k g_k y_k = sum_s (A g)_s (G w)_s (B.T d)_s

Arrays are (N, C, D, H, W); everything is laid out (s, channel, tile of four rows, N, slice, W), so that the kernel's
shifts in depth are offsets of columns. A value that is not finite reaches all rows of its tile.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .movement import fill, place
from .sharing import parts, share

Array = np.ndarray
Pair = tuple[int, int]
Triple = tuple[int, int, int]
# First image, end, first tile, end, first slice, end.
Block = tuple[int, int, int, int, int, int]

_TILE = 4
_POINTS = 6

# The weight's transform, for the points 0, 1, -1, 2, -2 and infinity.
_G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)

# The input's transform.
_BT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)

# The output's.
_AT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])

# Columns of a matrix product; more give BLAS nothing and leave the cache.
_COLUMNS = 512
# Numbers of a line, in the products of the transforms.
_LINE = 128


def applies(kernel: tuple[int, ...], stride: Triple, dilation: Triple, channels: Pair, rows: int) -> bool:
    """Whether the transforms pay: they cost a few passes over the operands, the products are halved."""
    return (
        kernel[1] == 3
        and stride == (1, 1, 1)
        and dilation[1] == 1
        and min(channels) >= 16
        and -(-rows // _TILE) * _TILE <= 1.4 * rows
    )


def _blocks(first: int, stop: int, rows: int, width: int, depth: int = 1, reach: int = 0) -> list[Block]:
    """Cut some images, their rows of tiles and their slices so that a block has about `_COLUMNS` columns."""
    # A block's slices need some more before and behind.
    slices = max(1, min(depth, max(2 * _COLUMNS // max(1, width) - reach, 4 * reach)))
    slices = -(-depth // -(-depth // slices))
    width *= slices + reach
    tiles, n = -(-rows // _TILE), max(1, stop - first)
    # Whole planes, once the lines are long enough, before many images: their rows lie side by side.
    least = max(1, min(n, -(-_LINE // max(1, width))))
    height = max(1, min(tiles, _COLUMNS // max(1, least * width)))
    height = -(-tiles // -(-tiles // height))
    images = max(least, min(n, _COLUMNS // max(1, height * width)))
    images = -(-n // -(-n // images))
    return [
        (n0, min(n0 + images, stop), t0, min(t0 + height, tiles), d0, min(d0 + slices, depth))
        for n0 in range(first, stop, images)
        for d0 in range(0, depth, slices)
        for t0 in range(0, tiles, height)
    ]


class _Scratch:
    """Arrays of one call, made anew only where a block's size differs from the last one's."""

    def __init__(self, dtype: np.dtype) -> None:
        self._dtype = dtype
        self._arrays: dict[str, Array] = {}

    def __call__(self, name: str, *shape: int) -> Array:
        array = self._arrays.get(name)
        if array is None or array.shape != shape:
            array = self._arrays[name] = np.empty(shape, self._dtype)
        return array


def _weights(weight: Array) -> Array:
    """``G w`` as (s, O, kw * C)."""
    o, c, kh, kw = weight.shape
    taps = np.ascontiguousarray(weight.transpose(2, 0, 3, 1)).reshape(kh, -1)
    return (_G.astype(weight.dtype) @ taps).reshape(_POINTS, o, kw * c)


def _inputs(
    rows_of_x: Array, block: Block, width: int, taps: int, before: Triple, dw: int, reach: int, scratch: _Scratch
) -> Array:
    """``B.T d`` of one block for every horizontal shift, as (s, kw * C, columns)."""
    n0, n1, t0, t1, d0, d1 = block
    c, w = rows_of_x.shape[1], rows_of_x.shape[4]
    slots = d1 - d0 + reach
    m, tiles = (n1 - n0) * slots, t1 - t0
    front, top, left = before
    source = rows_of_x[:, :, n0:n1]
    # Rows 4 and 5 of a tile are rows 0 and 1 of the next.
    rows = scratch("rows", c, _TILE * tiles + 2, n1 - n0, slots, w)
    place(rows.swapaxes(0, 1), source, (0, 3), (_TILE * t0 - top, d0 - front), (1, 1))
    _, line, *_, item = rows.strides
    windows = np.lib.stride_tricks.as_strided(
        rows, (c, tiles, _POINTS, m * w), (rows.strides[0], _TILE * line, line, item)
    )
    result = scratch("inputs", _POINTS, taps, c, tiles, m, width)
    same = width == w and 0 <= left <= (taps - 1) * dw and left % dw == 0
    plain = result[:, left // dw] if same else scratch("plain", _POINTS, c, tiles, m, w)
    np.matmul(_BT.astype(rows.dtype), windows, out=_lines(plain))
    for j in range(taps):
        shift = j * dw - left
        if not same:
            for s in range(_POINTS):
                fill(result[s, j], plain[s], 0, 1, shift, 1)
        elif shift:
            # Of equal width the shift is an offset into the flat array; what wraps around is cleared. One point
            # at a time, since NumPy copies interleaved views of one array twice.
            for s in range(_POINTS):
                to, of = result[s, j].reshape(-1), plain[s].reshape(-1)
                to, of = (to[:-shift], of[shift:]) if shift > 0 else (to[-shift:], of[:shift])
                # Not a copy: memmove takes nine times as long where the two addresses nearly agree modulo 4096.
                np.multiply(of, 1, out=to)
            result[:, j, ..., slice(-shift, None) if shift > 0 else slice(-shift)] = 0
    return result.reshape(_POINTS, taps * c, tiles * m * width)


def _lines(a: Array) -> Array:
    """View (s, channel, tile, N, W) as one matrix (s, N * W) for each channel and tile."""
    return a.reshape(*a.shape[:3], -1).transpose(1, 2, 0, 3)


def convolve(
    x: Array, weight: Array, bias: Array | None, out: Array, before: Triple, dilation: Triple
) -> None:
    """Write the convolution of x (N, C, D, H, W) with weight (O, C, kd, 3, kw), not dilated in height, to out."""
    o, c, kd, _, kw = weight.shape
    n, _, depth, ho, wo = out.shape
    matrices = [_weights(weight[:, :, i]) for i in range(kd)]
    rows_of_x = x.transpose(3, 1, 0, 2, 4)
    reach = (kd - 1) * dilation[0]

    def work(blocks: Iterator[Block]) -> None:
        scratch = _Scratch(x.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for block in blocks:
                n0, n1, t0, t1, d0, d1 = block
                m, tiles = n1 - n0, t1 - t0
                slots = d1 - d0 + reach
                inputs = _inputs(rows_of_x, block, wo, kw, before, dilation[2], reach, scratch)
                columns = inputs.shape[2]
                # What the last slices would see behind is of no use.
                width = columns - reach * wo
                product = scratch("product", _POINTS, o, columns)
                for i, matrix in enumerate(matrices):
                    target = scratch("partial", _POINTS, o, width) if i else product[..., :width]
                    start = i * dilation[0] * wo
                    np.matmul(matrix, inputs[..., start : start + width], out=target)
                    if i:
                        np.add(product[..., :width], target, out=product[..., :width])
                result = scratch("result", o, tiles, _TILE, m * slots * wo)
                np.matmul(_AT.astype(x.dtype), _lines(product.reshape(_POINTS, o, tiles, -1, wo)), out=result)
                seen = out[n0:n1, :, d0:d1, _TILE * t0 : min(ho, _TILE * t1)].transpose(1, 3, 0, 2, 4)
                result = result.reshape(o, _TILE * tiles, m, slots, wo)[:, : seen.shape[1], :, : d1 - d0]
                if bias is None:
                    np.copyto(seen, result)
                else:
                    np.add(result, bias[:, None, None, None, None], out=seen)

    share(work, _blocks(0, n, ho, wo, depth, reach), out.size * c * kd * kw)


def _outputs(rows_of_g: Array, block: Block, reach: int, scratch: _Scratch) -> Array:
    """``A g`` of one block, as (s, O, tiles, N * slices, W); the slices behind the block's own are zero."""
    n0, n1, t0, t1, d0, d1 = block
    o, width = rows_of_g.shape[1], rows_of_g.shape[4]
    slots = d1 - d0 + reach
    m, tiles = (n1 - n0) * slots, t1 - t0
    source = rows_of_g[:, :, n0:n1, d0:d1]
    rows = scratch("rows of g", o, _TILE * tiles, n1 - n0, slots, width)
    place(rows.swapaxes(0, 1), source, (0, 3), (_TILE * t0, 0), (1, 1))
    result = scratch("outputs", _POINTS, o, tiles, m, width)
    np.matmul(_AT.T.astype(rows.dtype), rows.reshape(o, tiles, _TILE, m * width), out=_lines(result))
    return result


def cotangents(
    x: Array | None,
    g: Array,
    weight: Array | None,
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    before: Triple,
    dilation: Triple,
    want_bias: bool,
) -> tuple[Array | None, Array | None, Array | None]:
    """Cotangents of the input (if weight is given, kd = 1), of the weight (if x is given) and of the bias (if wanted).

    Of several slices the input's one is a convolution with the kernel turned around.
    """
    _, top, left = before
    o, c, kd, _, kw = weight_shape
    n, _, depth, ho, wo = g.shape
    dw, reach = dilation[2], (kd - 1) * dilation[0]
    rows_of_g = g.transpose(3, 1, 0, 2, 4)
    gx = rows_of_gx = matrix = rows_of_x = None
    if weight is not None:
        gx = np.empty(x_shape, g.dtype)
        rows_of_gx = gx[:, :, 0].transpose(2, 1, 0, 3)
        matrix = _weights(weight[:, :, 0]).transpose(0, 2, 1)
    if x is not None:
        rows_of_x = x.transpose(3, 1, 0, 2, 4)
    count = parts(n, kd * _POINTS * o * kw * c)
    gw = np.zeros((count if x is not None else 0, kd, _POINTS, kw * c, o), g.dtype)
    gb = np.zeros((count if want_bias else 0, o), g.dtype)

    def work(jobs: Iterator[int]) -> None:
        scratch = _Scratch(g.dtype)
        part = np.empty(gw.shape[2:], g.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for job in jobs:
                for block in _blocks(n * job // count, n * (job + 1) // count, ho, wo, depth, reach):
                    outputs = _outputs(rows_of_g, block, reach, scratch)
                    flat = outputs.reshape(_POINTS, o, -1)
                    if want_bias:
                        # At the point 1 the transform is the sum of a tile's rows.
                        gb[job] += np.add.reduce(flat[1], axis=1)
                    if rows_of_x is not None:
                        inputs = _inputs(rows_of_x, block, wo, kw, before, dw, reach, scratch)
                        width = flat.shape[2] - reach * wo
                        for i in range(kd):
                            start = i * dilation[0] * wo
                            # The longer side first: BLAS is a fifth faster.
                            rows, columns = inputs[..., start : start + width], flat[..., :width]
                            np.matmul(rows, columns.transpose(0, 2, 1), out=part)
                            gw[job, i] += part
                    if matrix is not None and rows_of_gx is not None:
                        n0, n1, t0, t1, *_ = block
                        product = scratch("product", _POINTS, kw * c, flat.shape[2])
                        np.matmul(matrix, flat, out=product)
                        product = product.reshape(_POINTS, kw, c, t1 - t0, n1 - n0, wo)
                        _scatter(product, rows_of_gx[:, :, n0:n1], t0, t1 * _TILE >= ho, left, top, dw, scratch)

    share(work, list(range(count)), g.size * c * kd * kw)
    found = None
    if x is not None:
        each = np.add.reduce(gw, axis=0).transpose(1, 0, 2, 3).reshape(_POINTS, -1)
        taps = (_G.T.astype(g.dtype) @ each).reshape(3, kd, kw, c, o)
        found = np.ascontiguousarray(taps.transpose(4, 3, 1, 0, 2))
    return gx, found, np.add.reduce(gb, axis=0) if want_bias else None


def _scatter(
    product: Array, rows_of_gx: Array, first: int, is_last: bool, left: int, top: int, dw: int, scratch: _Scratch
) -> None:
    """Add up the shifts of a block's product (s, kw, C, tiles, N, Wo), transform and write rows of gx (H, C, N, W)."""
    _, kw, c, tiles, m, wo = product.shape
    h, w = rows_of_gx.shape[0], rows_of_gx.shape[3]
    same = wo == w and 0 <= left <= (kw - 1) * dw and left % dw == 0
    if same:
        total = product[:, left // dw]
        for j in range(kw):
            shift = left - j * dw
            if not shift:
                continue
            product[:, j, ..., slice(shift) if shift > 0 else slice(shift, None)] = 0
            for s in range(_POINTS):
                to, of = total[s].reshape(-1), product[s, j].reshape(-1)
                to, of = (to[:-shift], of[shift:]) if shift > 0 else (to[-shift:], of[:shift])
                np.add(to, of, out=to)
    else:
        total = scratch("total", _POINTS, c, tiles, m, w)
        total.fill(0)
        for j in range(kw):
            lo, hi = max(0, left - j * dw), min(wo, w + left - j * dw)
            if lo < hi:
                to = total[..., lo + j * dw - left : hi + j * dw - left]
                np.add(to, product[:, j, ..., lo:hi], out=to)
    # Rows 4 and 5 of a tile meet rows 0 and 1 of the next one, also across blocks.
    carried = scratch("carried", c, 2, m * w)
    rows = scratch("rows of gx", c, tiles, _POINTS, m * w)
    np.matmul(_BT.T.astype(rows.dtype), _lines(total), out=rows)
    if first:
        np.add(rows[:, 0, :2], carried, out=rows[:, 0, :2])
    np.add(rows[:, 1:, :2], rows[:, :-1, 4:], out=rows[:, 1:, :2])
    carried[...] = rows[:, -1, 4:]
    rows = rows.reshape(c, tiles, _POINTS, m, w)
    for k in range(4):
        start = _TILE * first + k - top
        skip = max(0, -(start // _TILE))
        stop = max(skip, min(tiles, (h - 1 - start) // _TILE + 1))
        if skip == stop:
            continue
        target = rows_of_gx[start + _TILE * skip : start + _TILE * (stop - 1) + 1 : _TILE].transpose(1, 0, 2, 3)
        np.copyto(target, rows[:, skip:stop, k])
    if is_last:
        end = _TILE * (first + tiles) - top
        for k in range(2):
            if 0 <= end + k < h:
                rows_of_gx[end + k] = rows[:, -1, 4 + k]
