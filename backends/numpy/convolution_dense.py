"""Correlation as matrix products on arrays (N, C, D, H, W), with little data movement.

A kernel of height `kh` needs no full patch matrix. Its *rows buffer* has the layout (row, kw, C, N, D, W'), where only
the horizontal shifts are copied out: the patch matrix of output row `h` is then the contiguous slice of rows
``h .. h + kh``, and `np.matmul` reads these overlapping slices as one strided batch. A shift in depth is an offset of
its columns. The gradient of the weight needs no patches at all: each tap is one product of the padded input, shifted,
with the padded cotangent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from operator import mul
from typing import Any

import numpy as np

from .movement import place
from .sharing import parts, share

Array = np.ndarray
Triple = tuple[int, int, int]

# A working set of this many bytes stays in the caches next to what BLAS packs.
_BLOCK_BYTES = 2 << 20
# Columns per product at which BLAS reaches its full rate.
_COLUMNS = 448
# First image, end, first row, end.
Block = tuple[int, int, int, int]


def _blocks(n: int, rows: int, width: int, bytes_per_position: int, halo: int) -> list[Block]:
    """Cut images and output rows so that a block's rows buffer stays in cache."""
    images = max(1, min(n, -(-_COLUMNS // max(1, width))))
    per_row = max(1, images * width * bytes_per_position)
    band = max(1, min(rows, max(_BLOCK_BYTES // per_row - halo, 4 * halo)))
    # Equal parts: a last block of one row or one image would waste a product on it.
    images = max(1, -(-n // max(1, -(-n // images))))
    band = max(1, -(-rows // max(1, -(-rows // band))))
    return [
        (n0, min(n0 + images, n), h0, min(h0 + band, rows)) for n0 in range(0, n, images) for h0 in range(0, rows, band)
    ]


def correlate(
    x: Array, weight: Array, bias: Array | None, out: Array, stride: Triple, before: Triple, dilation: Triple,
    groups: int,
) -> None:  # fmt: skip
    """Write the cross-correlation of x (N, C, D, H, W) with weight (O, C / groups, kd, kh, kw) to out.

    `before` is what precedes the first place of each axis and may be negative; what follows is implied by out's shape.
    """
    n = x.shape[0]
    o, c, kd, kh, kw = weight.shape
    do, ho, wo = out.shape[2:]
    og = o // groups
    (sd, sh, sw), (dd, dh, dw) = stride, dilation
    k = kh * kw * c
    matrix = np.ascontiguousarray(weight.reshape(groups, og, c, kd, kh, kw).transpose(3, 0, 1, 4, 5, 2))
    matrix = matrix.reshape(kd, groups, 1, og, k)
    # The slices in depth, those first that some tap sees in steps of the stride, then those of the next tap.
    seen = sorted({i * dd % sd for i in range(kd)})
    per = -(-((do - 1) * sd + (kd - 1) * dd + 1) // sd)
    slots = per * len(seen)
    offsets = [(seen.index(i * dd % sd) * per + i * dd // sd) * wo for i in range(kd)]
    source = x.reshape(n, groups, c, *x.shape[2:]).transpose(1, 4, 2, 0, 3, 5)
    shares_rows = dh == 1 and sh < kh
    height = groups * c * kw * (sh if shares_rows else kh)
    halo = kh - sh if shares_rows else 0
    item = x.itemsize

    def work(blocks: Iterator[Block]) -> None:
        buffer = np.empty(0, x.dtype)
        product = partial = buffer
        for n0, n1, h0, h1 in blocks:
            m, band = n1 - n0, h1 - h0
            columns = m * slots * wo
            width = ((m - 1) * slots + do) * wo
            rows = (band - 1) * sh + kh if shares_rows else band
            shape = (groups, rows, 1 if shares_rows else kh, kw, c, m, slots, wo)
            if buffer.shape != shape:
                buffer = np.empty(shape, x.dtype)
                product = np.empty((groups, band, og, columns), x.dtype)
                partial = np.empty((groups, band, og, width if kd > 1 else 0), x.dtype)
            for i, j in itertools.product(range(shape[2]), range(kw)):
                for f, phase in enumerate(seen):
                    place(
                        buffer[:, :, i, j, :, :, f * per : (f + 1) * per], source[:, :, :, n0:n1], (1, 4, 5),
                        (h0 * sh - before[1] + i * dh, phase - before[0], j * dw - before[2]),
                        (1 if shares_rows else sh, sd, sw),
                    )  # fmt: skip
            flat = buffer.reshape(groups, rows, -1, columns)
            strides = (flat.strides[0], flat.strides[1] * (sh if shares_rows else 1), columns * item, item)
            for i in range(kd):
                patches = np.lib.stride_tricks.as_strided(flat[..., offsets[i] :], (groups, band, k, width), strides)
                target = partial if i else product[..., :width]
                np.matmul(matrix[i], patches, out=target)
                if i:
                    np.add(product[..., :width], partial, out=product[..., :width])
            result = product.reshape(groups, band, og, m, slots, wo)[:, :, :, :, :do].transpose(3, 0, 2, 4, 1, 5)
            place_of = out[n0:n1, :, :, h0:h1].reshape(m, groups, og, do, band, wo)
            if bias is None:
                np.copyto(place_of, result)
            else:
                np.add(result, bias.reshape(groups, og, 1, 1, 1), out=place_of)

    share(work, _blocks(n, ho, wo * slots, height * item, halo), out.size * c * kd * kh * kw)


def pointwise(x: Array, matrix: Array, bias: Array | None, out: Array) -> None:
    """Write ``matrix @ x`` over the channels of x (N, C, D, H, W), which may be a strided view."""
    n, c = x.shape[:2]
    o = len(matrix)
    size = math.prod(x.shape[2:])
    dense = out.flags.c_contiguous
    step = max(1, min(-(-n // 4), _COLUMNS // max(1, size)))

    def work(blocks: Iterator[int]) -> None:
        for n0 in blocks:
            part = x[n0 : n0 + step]
            m = part.shape[0]
            target = out[n0 : n0 + step].reshape(m, o, size) if dense else np.empty((m, o, size), out.dtype)
            np.matmul(matrix, part.reshape(m, c, size), out=target)
            if bias is not None:
                np.add(target, bias[:, None], out=target)
            if not dense:
                out[n0 : n0 + step] = target.reshape(m, *out.shape[1:])

    share(work, list(range(0, n, step)), out.size * c)


def patches(x: Array, kernel: Triple, out: Triple, stride: Triple, before: Triple, dilation: Triple) -> Array:
    """Return the patch matrices of x (N, C, D, H, W) as (N, C * taps + 1, places), ending in a row of ones."""
    n, c = x.shape[:2]
    sizes = [(m - 1) * s + (k - 1) * d + 1 for m, s, k, d in zip(out, stride, kernel, dilation)]
    starts = [max(-b, 0) for b in before]
    stops = [max(0, min(size, m - b)) for size, m, b in zip(x.shape[2:], sizes, before)]
    seen: Any = (..., *map(slice, starts, stops))
    if max(before) > 0 or stops != [m - b for m, b in zip(sizes, before)]:
        padded = np.zeros((n, c, *sizes), x.dtype)
        lengths = [max(0, stop - start) for start, stop in zip(starts, stops)]
        inside: Any = (..., *(slice(max(b, 0), max(b, 0) + length) for b, length in zip(before, lengths)))
        padded[inside] = x[seen]
        x = padded
    else:
        x = x[seen]
    apart = x.strides
    strides = (*apart[:2], *map(mul, apart[2:], dilation), *map(mul, apart[2:], stride))
    count = math.prod(kernel)
    full = np.empty((n, c * count + 1, *out), x.dtype)
    full[:, -1] = 1
    each = full[:, :-1].reshape(n, c, *kernel, *out)
    each[...] = np.lib.stride_tricks.as_strided(x, each.shape, strides)
    return full.reshape(n, c * count + 1, math.prod(out))


def _few_blocks(
    first: int, stop: int, size: tuple[int, ...], k: int, item: int, before: Triple, stride: Triple
) -> list[tuple[slice, slice, Triple, Triple]]:
    """Cut images, or each image along its first axis, so that the patches stay in cache.

    Returns for each block its images, its places of the flattened output, the output's sizes and what precedes.
    """
    axis = next((a for a in range(3) if size[a] > 1), 2)
    rest = math.prod(size[axis + 1 :])
    per_image = max(1, k * math.prod(size) * item)
    # Some blocks for each thread.
    images = max(1, min(-(-(stop - first) // 4), _BLOCK_BYTES // per_image))
    count = min(size[axis], -(-per_image // (2 * _BLOCK_BYTES))) if images == 1 else 1
    found = []
    for n0 in range(first, stop, images):
        for i in range(count):
            i0, i1 = size[axis] * i // count, size[axis] * (i + 1) // count
            part, shifted = list(size), list(before)
            part[axis], shifted[axis] = i1 - i0, before[axis] - i0 * stride[axis]
            of, to = slice(n0, min(n0 + images, stop)), slice(i0 * rest, i1 * rest)
            found.append((of, to, tuple(part), tuple(shifted)))
    return found  # type: ignore[return-value]


def correlate_few(
    x: Array, weight: Array, bias: Array | None, out: Array, stride: Triple, before: Triple, dilation: Triple
) -> None:
    """Correlate where patches are few (a first layer's) and what counts is to write the dense output but once."""
    o, c, *kernel = weight.shape
    k = c * math.prod(kernel) + 1
    n, _, *size = out.shape
    matrix = np.zeros((o, k), x.dtype)
    matrix[:, :-1] = weight.reshape(o, -1)
    if bias is not None:
        matrix[:, -1] = bias
    planes = out.reshape(n, o, -1)

    def work(blocks: Iterator[tuple[slice, slice, Triple, Triple]]) -> None:
        for images, places, sizes, shifted in blocks:
            columns = patches(x[images], tuple(kernel), sizes, stride, shifted, dilation)  # type: ignore[arg-type]
            np.matmul(matrix, columns, out=planes[images, :, places])

    share(work, _few_blocks(0, n, tuple(size), k, x.itemsize, before, stride), out.size * k)


def few_weights(
    x: Array, g: Array, weight_shape: tuple[int, ...], stride: Triple, before: Triple, dilation: Triple
) -> tuple[Array, Array]:
    """Return the cotangents of weight and bias where patches are few."""
    n, o, *size = g.shape
    kernel = weight_shape[2:]
    k = x.shape[1] * math.prod(kernel) + 1
    planes = g.reshape(n, o, -1)
    count = parts(n, o * k)
    total = np.zeros((count, o, k), g.dtype)

    def work(jobs: Iterator[int]) -> None:
        for job in jobs:
            cut = n * job // count, n * (job + 1) // count
            for images, places, sizes, shifted in _few_blocks(*cut, tuple(size), k, g.itemsize, before, stride):
                columns = patches(x[images], kernel, sizes, stride, shifted, dilation)  # type: ignore[arg-type]
                each = np.matmul(planes[images, :, places], columns.transpose(0, 2, 1))
                total[job] += np.add.reduce(each, axis=0)

    # Products with a few rows are so short that threads wait for BLAS's lock.
    share(work, list(range(count)), g.size * k if k > 64 else 0)
    both = np.add.reduce(total, axis=0)
    return np.ascontiguousarray(both[:, :-1]).reshape(weight_shape), np.ascontiguousarray(both[:, -1])


def weight_by_taps(x: Array, g: Array, kernel: Triple, before: Triple, dilation: Triple, groups: int) -> Array:
    """Return the stride-1 weight cotangent (O, C / groups, *kernel): one product per tap.

    Cotangent and input are laid out channels first with rows of one width, the zeros between two rows (planes, images)
    serving as what follows one and what precedes the next. A shift by a tap is then an offset into the flat input, and
    the columns that run over a row's end meet a zero of the cotangent.
    """
    n, o = g.shape[:2]
    c, og = x.shape[1] // groups, o // groups
    count = parts(n, o * c * math.prod(kernel))
    total = np.zeros((count, *kernel, groups, og, c), g.dtype)

    def work(jobs: Iterator[int]) -> None:
        for job in jobs:
            first, stop = n * job // count, n * (job + 1) // count
            for n0, n1, h0, h1 in _weight_blocks(x, g, first, stop):
                shifted = (before[0], before[1] - h0, before[2])
                _add_taps(x[n0:n1], g[n0:n1, :, :, h0:h1], total[job], shifted, dilation, groups)

    share(work, list(range(count)), g.size * c * math.prod(kernel))
    found = np.add.reduce(total, axis=0)
    return np.ascontiguousarray(found.transpose(3, 4, 5, 0, 1, 2)).reshape(o, c, *kernel)


def _weight_blocks(x: Array, g: Array, first: int, stop: int) -> list[Block]:
    per_row = (x.shape[1] * x.shape[2] * x.shape[4] + g.shape[1] * g.shape[2] * g.shape[4]) * g.itemsize
    rows = g.shape[3]
    band = max(1, min(rows, max(8, _BLOCK_BYTES // per_row)))
    band = -(-rows // -(-rows // band))
    images = max(1, min(stop - first, _BLOCK_BYTES // (per_row * rows)))
    return [
        (n0, min(n0 + images, stop), h0, min(h0 + band, rows))
        for n0 in range(first, stop, images)
        for h0 in range(0, rows, band)
    ]


def _add_taps(x: Array, g: Array, total: Array, before: Triple, dilation: Triple, groups: int) -> None:
    m, kernel = len(x), total.shape[:3]
    full, inside, cut = [], [], []
    for n, out, k, d, b in zip(x.shape[2:], g.shape[2:], kernel, dilation, before):
        reach = out + (k - 1) * d
        b, skip = max(b, 0), max(-b, 0)
        n = max(0, min(n - skip, reach - b))
        cut.append(slice(skip, skip + n))
        inside.append(slice(b, b + n))
        full.append(max(n + b, reach - b, out))
    strides = (full[1] * full[2], full[2], 1)
    length = m * math.prod(full)
    reach = sum((k - 1) * d * s for k, d, s in zip(kernel, dilation, strides))
    x = x[(slice(None), slice(None), *cut)]
    flat = np.zeros((x.shape[1], length + reach), x.dtype)
    view = flat[:, :length].reshape(-1, m, *full)
    view[(slice(None), slice(None), *inside)] = x.transpose(1, 0, 2, 3, 4)
    rows = np.zeros((g.shape[1], m, *full), g.dtype)
    rows[:, :, : g.shape[2], : g.shape[3], : g.shape[4]] = g.transpose(1, 0, 2, 3, 4)
    rows = rows.reshape(groups, -1, length)
    flat = flat.reshape(groups, -1, length + reach)
    # The longer side first: BLAS is faster.
    og, c = total.shape[4:]
    swapped = c > og
    part = np.empty((groups, c, og) if swapped else (groups, og, c), g.dtype)
    for tap in itertools.product(*map(range, kernel)):
        offset = sum(i * d * s for i, d, s in zip(tap, dilation, strides))
        seen = flat[:, :, offset : offset + length]
        if swapped:
            total[tap] += np.matmul(seen, rows.transpose(0, 2, 1), out=part).transpose(0, 2, 1)
        else:
            total[tap] += np.matmul(rows, seen.transpose(0, 2, 1), out=part)
