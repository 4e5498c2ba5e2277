"""Convolution with kernels of height 3 in half the multiplications, and its transposes (Winograd's F(4, 3) along rows).

Four output rows y take six input rows d: ``y = A.T ((G w) * (B.T d))`` with six products where the definition has
twelve (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016, here in one dimension: its rounding
error is two to three times that of the definition). Only rows are transformed, so that every sum runs over long
contiguous stretches; the kernel's width is part of the matrix product. One trilinear form gives all three directions::

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

# Columns of a matrix product; more give BLAS nothing and leave the cache.
_COLUMNS = 512
# Elements of one array in a transform: about fifteen of them are in use at once.
_CHUNK = 1 << 16


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
    # Whole planes before many images: their rows lie side by side.
    tiles = -(-rows // _TILE)
    height = max(1, min(tiles, _COLUMNS // max(1, width)))
    height = -(-tiles // -(-tiles // height))
    n = max(1, stop - first)
    images = max(1, min(n, _COLUMNS // max(1, height * width)))
    images = -(-n // -(-n // images))
    return [
        (n0, min(n0 + images, stop), t0, min(t0 + height, tiles), d0, min(d0 + slices, depth))
        for n0 in range(first, stop, images)
        for d0 in range(0, depth, slices)
        for t0 in range(0, tiles, height)
    ]


def _chunks(channels: int, columns: int) -> list[slice]:
    step = max(1, _CHUNK // max(1, columns))
    return [slice(c, min(c + step, channels)) for c in range(0, channels, step)]


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
    # The four phases of the rows, one tile more than needed: rows 4 and 5 of a tile are rows 0 and 1 of the next.
    phases = scratch("phases", 4, c, tiles + 1, m, w)
    for k in range(4):
        count = tiles + (k < 2)
        target = phases[k, :, :count].transpose(1, 0, 2, 3).reshape(count, c, n1 - n0, slots, w)
        place(target, source, (0, 3), (_TILE * t0 + k - top, d0 - front), (_TILE, 1))
    result = scratch("inputs", _POINTS, taps, c, tiles, m, width)
    same = width == w and 0 <= left <= (taps - 1) * dw and left % dw == 0
    middle = left // dw if same else 0
    plain = result[:, middle] if same else scratch("plain", _POINTS, c, tiles, m, w)
    chunks = _chunks(c, tiles * m * w)
    u = scratch("u", chunks[0].stop, tiles, m, w)
    for part in chunks:
        d = [*phases[:, part, :tiles], *phases[:2, part, 1:]]
        _transform_input(d, plain[:, part], u[: part.stop - part.start])
        for j in range(taps):
            shift = j * dw - left
            if not same:
                for s in range(_POINTS):
                    fill(result[s, j, part], plain[s, part], 0, 1, shift, 1)
            elif shift:
                # Of equal width the shift is an offset into the flat array; what wraps around is cleared. One point
                # at a time, since NumPy copies interleaved views of one array twice.
                for s in range(_POINTS):
                    to, of = result[s, j, part].reshape(-1), plain[s, part].reshape(-1)
                    to, of = (to[:-shift], of[shift:]) if shift > 0 else (to[-shift:], of[:shift])
                    # Not a copy: memmove takes nine times as long where the two addresses nearly agree modulo 4096.
                    np.multiply(of, 1, out=to)
                result[:, j, part, ..., slice(-shift, None) if shift > 0 else slice(-shift)] = 0
    return result.reshape(_POINTS, taps * c, tiles * m * width)


def _transform_input(d: list[Array], t: Array, u: Array) -> None:
    """``t = B.T d``; u is scratch."""
    d0, d1, d2, d3, d4, d5 = d
    t0, t1, t2, t3, t4, t5 = t
    np.subtract(d4, d2, out=t3)
    np.subtract(d0, d2, out=t0)
    np.multiply(t0, 4, out=t0)
    np.add(t0, t3, out=t0)
    np.subtract(d3, d1, out=t5)
    np.add(t5, t5, out=u)
    np.subtract(t3, u, out=t4)
    np.add(t3, u, out=t3)
    np.multiply(t5, -4, out=t5)
    np.add(t5, d5, out=t5)
    np.subtract(t5, d3, out=t5)
    np.multiply(d2, -4, out=t1)
    np.add(t1, d4, out=t1)
    np.multiply(d1, -4, out=u)
    np.add(u, d3, out=u)
    np.subtract(t1, u, out=t2)
    np.add(t1, u, out=t1)


def _transform_input_back(s: Array, d: list[Array], u: Array) -> None:
    """``d = B s``, the transpose; s is overwritten, u is scratch."""
    s0, s1, s2, s3, s4, s5 = s
    d0, d1, d2, d3, d4, d5 = d
    np.add(s1, s2, out=u)
    np.subtract(s1, s2, out=s1)
    np.add(s3, s4, out=d4)
    np.subtract(s3, s4, out=s3)
    np.add(s3, s3, out=s3)
    np.multiply(u, -4, out=d2)
    np.subtract(d2, d4, out=d2)
    np.add(d4, u, out=d4)
    np.add(d4, s0, out=d4)
    np.multiply(s0, 4, out=d0)
    np.subtract(d2, d0, out=d2)
    np.subtract(d2, s0, out=d2)
    np.subtract(s5, s1, out=d1)
    np.multiply(d1, 4, out=d1)
    np.subtract(d1, s3, out=d1)
    np.multiply(s5, -5, out=d3)
    np.add(d3, s1, out=d3)
    np.add(d3, s3, out=d3)
    np.copyto(d5, s5)


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
                if bias is not None:
                    # What is added to the product at the point 1 reaches every row.
                    np.add(product[1], bias[:, None], out=product[1])
                product = product.reshape(_POINTS, o, tiles, m, slots, wo)[:, :, :, :, : d1 - d0]
                chunks = _chunks(o, tiles * m * (d1 - d0) * wo)
                u = scratch("v", chunks[0].stop, tiles, m, d1 - d0, wo)
                for part in chunks:
                    rows = out[n0:n1, part, d0:d1, _TILE * t0 : min(ho, _TILE * t1)].transpose(1, 3, 0, 2, 4)
                    each = [rows[:, k::_TILE] for k in range(4)]
                    _transform_output(product[:, part], each, u[: part.stop - part.start])

    share(work, _blocks(0, n, ho, wo, depth, reach), out.size * c * kd * kw)


def _transform_output(p: Array, y: list[Array], u: Array) -> None:
    """``y = A.T p``; the last tile may lack its last rows. p is overwritten, u is scratch."""
    p0, p1, p2, p3, p4, p5 = p
    np.add(p1, p2, out=u)
    np.subtract(p1, p2, out=p1)
    np.add(p3, p4, out=p2)
    np.subtract(p3, p4, out=p3)
    np.add(p0, u, out=p0)
    np.add(p0[:, : y[0].shape[1]], p2[:, : y[0].shape[1]], out=y[0])
    np.add(p3, p3, out=p3)
    np.add(p1[:, : y[1].shape[1]], p3[:, : y[1].shape[1]], out=y[1])
    np.multiply(p2, 4, out=p2)
    np.add(u[:, : y[2].shape[1]], p2[:, : y[2].shape[1]], out=y[2])
    np.multiply(p3, 4, out=p3)
    np.add(p1, p3, out=p1)
    np.add(p1[:, : y[3].shape[1]], p5[:, : y[3].shape[1]], out=y[3])


def _outputs(rows_of_g: Array, block: Block, reach: int, scratch: _Scratch) -> Array:
    """``A g`` of one block, as (s, O, tiles, N * slices, W); the slices behind the block's own are zero."""
    n0, n1, t0, t1, d0, d1 = block
    o, width = rows_of_g.shape[1], rows_of_g.shape[4]
    slots = d1 - d0 + reach
    m, tiles = (n1 - n0) * slots, t1 - t0
    result = scratch("outputs", _POINTS, o, tiles, m, width)
    inner = scratch("inner", 2, o, tiles, m, width)
    source = rows_of_g[:, :, n0:n1, d0:d1]
    for k, target in enumerate((result[0], inner[0], inner[1], result[5])):
        rows = target.transpose(1, 0, 2, 3).reshape(tiles, o, n1 - n0, slots, width)
        place(rows, source, (0, 3), (_TILE * t0 + k, 0), (_TILE, 1))
    chunks = _chunks(o, tiles * m * width)
    scrap = scratch("w", chunks[0].stop, tiles, m, width)
    for part in chunks:
        g0, t1_, t2, t3, t4, g3 = result[:, part]
        g1, g2 = inner[:, part]
        u = scrap[: part.stop - part.start]
        np.add(g0, g2, out=t1_)
        np.add(g1, g3, out=u)
        np.subtract(t1_, u, out=t2)
        np.add(t1_, u, out=t1_)
        np.multiply(g2, 4, out=t3)
        np.add(t3, g0, out=t3)
        np.multiply(g3, 4, out=u)
        np.add(u, g1, out=u)
        np.add(u, u, out=u)
        np.subtract(t3, u, out=t4)
        np.add(t3, u, out=t3)
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
    carried = scratch("carried", 2, c, m, w)
    rows = scratch("rows", 4, c, tiles, m, w)
    over = scratch("over", 2, c, tiles + 1, m, w)
    over[:, :, 0] = carried if first else 0
    chunks = _chunks(c, tiles * m * w)
    u = scratch("u2", chunks[0].stop, tiles, m, w)
    for part in chunks:
        sums = total[:, part]
        _transform_input_back(sums, [*rows[:, part], *over[:, part, 1:]], u[: part.stop - part.start])
    carried[...] = over[:, :, -1]
    for k in range(4):
        start = _TILE * first + k - top
        skip = max(0, -(start // _TILE))
        stop = max(skip, min(tiles, (h - 1 - start) // _TILE + 1))
        if skip == stop:
            continue
        target = rows_of_gx[start + _TILE * skip : start + _TILE * (stop - 1) + 1 : _TILE].transpose(1, 0, 2, 3)
        if k < 2:
            np.add(rows[k, :, skip:stop], over[k, :, skip:stop], out=target)
        else:
            np.copyto(target, rows[k, :, skip:stop])
    if is_last:
        end = _TILE * (first + tiles) - top
        for k in range(2):
            if 0 <= end + k < h:
                rows_of_gx[end + k] = over[k, :, -1]
