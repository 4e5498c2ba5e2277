"""Depthwise convolution on arrays (N, C, D, H, W): each channel has kernels of its own, no sum runs over channels.

Padded planes lie one behind the other in a flat buffer, where a tap is an offset: each is one multiplication by the
channel's weight and one addition over long contiguous stretches, in blocks that stay in a core's second-level cache.
In images all taps of a kernel's column are one product with a banded matrix, which makes a few rows from a few more; a
value that is not finite then reaches these rows. A strided convolution is a sum over its phases
(`convolution_phases`), its transposes are one plain convolution for each phase.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .convolution_phases import Phase, Triple, phases, places
from .movement import place
from .sharing import share

Array = np.ndarray

# Elements of one of the three buffers of a block.
_BLOCK = 1 << 16
# Elements of one channel in it: loops that are long against what it costs to begin one.
_STRETCH = 1 << 13
# Rows that one product makes, of high images and of low ones.
_ROWS, _LOW_ROWS = 4, 8
# Numbers of a line in it, and of the buffer.
_LINE = 256
_LINES = 1 << 17


class _Tap(NamedTuple):
    """An offset in the flat buffer, and the weights (C,)."""

    offset: int
    weights: Array


class _Source(NamedTuple):
    """An array (N, C, D, H, W), which of its places are put into the buffer, and the taps over it."""

    array: Array
    starts: tuple[int, ...]
    steps: tuple[int, ...]
    taps: list[_Tap]


def _layout(out: tuple[int, ...], low: tuple[int, ...], high: tuple[int, ...]) -> tuple[tuple[int, ...], Triple, int]:
    """Return a padded plane's sizes and strides, and how far a window from `low` to `high` reaches in it."""
    full = tuple(n + b - a for n, a, b in zip(out, low, high))
    strides = (full[1] * full[2], full[2], 1)
    return full, strides, sum((b - a) * s for a, b, s in zip(low, high, strides))


def _seen(combined: list[tuple[Phase, Phase, Phase]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the least and the greatest place, over all phases, that the first window sees."""
    low = tuple(min(c[a].shift for c in combined) for a in range(3))
    high = tuple(max(c[a].shift + (c[a].number - 1) * c[a].dilation for c in combined) for a in range(3))
    return low, high


def _offset(phase: tuple[Phase, ...], numbers: tuple[int, ...], low: tuple[int, ...], strides: Triple) -> int:
    return sum((p.shift + m * p.dilation - a) * s for p, m, a, s in zip(phase, numbers, low, strides))


def _tap(phase: tuple[Phase, ...], numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(p.tap + m * p.step for p, m in zip(phase, numbers))


def _by_tap(weight: Array, c: int) -> Array:
    """Return the weight (C * M, 1, kd, kh, kw) as (kd, kh, kw, M, C)."""
    return weight.reshape(c, -1, *weight.shape[2:]).transpose(2, 3, 4, 1, 0)


def _counts(phase: tuple[Phase, ...]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(p.number) for p in phase))


def correlate(
    x: Array, weight: Array, bias: Array | None, out: Array, stride: Triple, before: Triple, dilation: Triple
) -> None:
    """Write the cross-correlation of x (N, C, D, H, W) with weight (C * M, 1, kd, kh, kw) to out."""
    c = x.shape[1]
    combined = phases(weight.shape[2:], stride, dilation, before)  # type: ignore[arg-type]
    low, high = _seen(combined)
    full, strides, reach = _layout(out.shape[2:], low, high)
    each = _by_tap(weight, c)
    for k in range(each.shape[3]):
        sources = []
        for phase in combined:
            taps = [_Tap(_offset(phase, m, low, strides), each[(*_tap(phase, m), k)]) for m in _counts(phase)]
            starts = tuple(p.start + p.stride * a for p, a in zip(phase, low))
            sources.append(_Source(x, starts, stride, taps))
        target = out.reshape(out.shape[0], c, -1, *out.shape[2:])[:, :, k]
        _add_up(sources, None if bias is None else bias.reshape(c, -1)[:, k], target, full, reach)


def inputs(g: Array, weight: Array, gx: Array, stride: Triple, before: Triple, dilation: Triple) -> None:
    """Write the cotangent of the input to gx (N, C, D, H, W)."""
    c = gx.shape[1]
    combined = phases(weight.shape[2:], stride, dilation, before)  # type: ignore[arg-type]
    if len(combined) < stride[0] * stride[1] * stride[2]:
        gx[...] = 0
    each = _by_tap(weight, c)
    many = g.reshape(g.shape[0], c, -1, *g.shape[2:])
    for phase in combined:
        target = places(gx, phase)
        if not target.size:
            continue
        # The place j of a phase gets from each tap what stands at j less the tap's own shift.
        high = tuple(-p.shift for p in phase)
        low = tuple(-p.shift - (p.number - 1) * p.dilation for p in phase)
        full, strides, reach = _layout(target.shape[2:], low, high)
        sources = []
        for k in range(each.shape[3]):
            taps = []
            for m in _counts(phase):
                offset = sum((p.number - 1 - i) * p.dilation * s for p, i, s in zip(phase, m, strides))
                taps.append(_Tap(offset, each[(*_tap(phase, m), k)]))
            sources.append(_Source(many[:, :, k], low, (1, 1, 1), taps))
        _add_up(sources, None, target, full, reach)


def weights(
    x: Array, g: Array, weight_shape: tuple[int, ...], stride: Triple, before: Triple, dilation: Triple
) -> Array:
    """Return the cotangent of the weight."""
    n, c = x.shape[:2]
    combined = phases(weight_shape[2:], stride, dilation, before)  # type: ignore[arg-type]
    low, high = _seen(combined)
    full, strides, reach = _layout(g.shape[2:], low, high)
    plane = full[0] * full[1] * full[2]
    many = g.reshape(n, c, -1, *g.shape[2:])
    found = np.zeros((*weight_shape[2:], many.shape[2], c), g.dtype)
    channels, images = _sizes(n, c, plane)

    def work(jobs: Iterator[int]) -> None:
        buffers = np.empty((2, 0), g.dtype)
        for c0 in jobs:
            c1 = min(c0 + channels, c)
            for n0 in range(0, n, images):
                n1 = min(n0 + images, n)
                shape = (2, c1 - c0, n1 - n0, *full)
                if buffers.shape != shape:
                    buffers = np.empty(shape, g.dtype)
                flat, line = buffers.reshape(2, c1 - c0, -1)
                line = line[:, : line.shape[1] - reach]
                for k in range(many.shape[2]):
                    place(buffers[1], many[n0:n1, c0:c1, k].swapaxes(0, 1), (2, 3, 4), (0, 0, 0), (1, 1, 1))
                    for phase in combined:
                        starts = tuple(p.start + p.stride * a for p, a in zip(phase, low))
                        place(buffers[0], x[n0:n1, c0:c1].swapaxes(0, 1), (2, 3, 4), starts, stride)
                        for m in _counts(phase):
                            offset = _offset(phase, m, low, strides)
                            dots = np.vecdot(line, flat[:, offset : offset + line.shape[1]])
                            found[(*_tap(phase, m), k)][c0:c1] += dots

    share(work, list(range(0, c, channels)), g.size * math.prod(weight_shape[2:]))
    return np.ascontiguousarray(found.transpose(4, 3, 0, 1, 2)).reshape(weight_shape)


def _sizes(n: int, c: int, plane: int) -> tuple[int, int]:
    """Return how many channels and images make a block."""
    images = max(1, min(n, _STRETCH // plane))
    return max(1, min(c, _BLOCK // (images * plane))), images


def _add_up(sources: list[_Source], bias: Array | None, out: Array, full: tuple[int, ...], reach: int) -> None:
    """Write the sum of all sources' taps to out (N, C, D, H, W)."""
    # A phase of a strided convolution has few taps in a column, and is copied in small pieces.
    if out.shape[3] < _ROWS or full[1] == out.shape[3] or sources[0].steps[1] > 1:
        _add_up_taps(sources, bias, out, full, reach)
    else:
        _add_up_columns(sources, bias, out, full)


def _add_up_taps(sources: list[_Source], bias: Array | None, out: Array, full: tuple[int, ...], reach: int) -> None:
    n, c, *size = out.shape
    channels, images = _sizes(n, c, full[0] * full[1] * full[2])
    jobs = [(n0, c0) for n0 in range(0, n, images) for c0 in range(0, c, channels)]

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        buffers = np.empty((3, 0), out.dtype)
        for n0, c0 in blocks:
            n1, c1 = min(n0 + images, n), min(c0 + channels, c)
            shape = (3, c1 - c0, n1 - n0, *full)
            if buffers.shape != shape:
                buffers = np.empty(shape, out.dtype)
            flat, total, scratch = buffers.reshape(3, c1 - c0, -1)
            length = flat.shape[1] - reach
            total, scratch = total[:, :length], scratch[:, :length]
            first = True
            for source in sources:
                block = source.array[n0:n1, c0:c1].swapaxes(0, 1)
                place(buffers[0], block, (2, 3, 4), source.starts, source.steps)
                for offset, factors in source.taps:
                    part = total if first else scratch
                    np.multiply(flat[:, offset : offset + length], factors[c0:c1, None], out=part)
                    if not first:
                        np.add(total, part, out=total)
                    first = False
            _finish(buffers[1][:, :, : size[0], : size[1], : size[2]].swapaxes(0, 1), bias, out, n0, c0)

    share(work, jobs, out.size * sum(len(s.taps) for s in sources))


def _finish(result: Array, bias: Array | None, out: Array, n0: int, c0: int) -> None:
    n, c = result.shape[:2]
    target = out[n0 : n0 + n, c0 : c0 + c]
    if bias is None:
        np.copyto(target, result)
    else:
        np.add(result, bias[c0 : c0 + c, None, None, None], out=target)


def _add_up_columns(sources: list[_Source], bias: Array | None, out: Array, full: tuple[int, ...]) -> None:
    """Take the taps of a column of the kernel together, as a banded matrix that makes some rows from some more.

    The images stand side by side in a row, so that the products are over long lines.
    """
    n, c, *size = out.shape
    count = -(-size[1] // (_ROWS if size[1] > 2 * _LOW_ROWS else _LOW_ROWS))
    rows = -(-size[1] // count)
    seen = rows + full[1] - size[1]
    padded = (full[0], rows * (count - 1) + seen)
    products = [_bands(s.taps, full, rows, seen) for s in sources]
    images = max(1, min(n, -(-_LINE // full[2])))
    channels = max(1, min(c, _LINES // (padded[0] * padded[1] * images * full[2])))
    jobs = [(n0, c0) for n0 in range(0, n, images) for c0 in range(0, c, channels)]

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        block = sums = np.empty(0, out.dtype)
        for n0, c0 in blocks:
            n1, c1 = min(n0 + images, n), min(c0 + channels, c)
            shape = (c1 - c0, *padded, n1 - n0, full[2])
            if block.shape != shape:
                block = np.empty(shape, out.dtype)
                sums = np.empty((2, c1 - c0, size[0], count, rows, (n1 - n0) * full[2]), out.dtype)
            plane, depth, line, _, item = block.strides
            length = (n1 - n0) * full[2] - (full[2] - size[2])
            form = (c1 - c0, size[0], count, seen, length)
            strides = (plane, depth, rows * line, line, item)
            total, scratch = sums[..., :length]
            first = True
            for source, taps in zip(sources, products):
                images_last = source.array[n0:n1, c0:c1].transpose(1, 2, 3, 0, 4)
                place(block, images_last, (1, 2, 4), source.starts, source.steps)
                for (z, x), matrices in taps.items():
                    windows: Array = np.ndarray(form, block.dtype, block, z * depth + x * item, strides)
                    part = total if first else scratch
                    np.matmul(matrices[c0:c1], windows, out=part)
                    if not first:
                        np.add(total, part, out=total)
                    first = False
            result = sums[0].reshape(c1 - c0, size[0], count * rows, n1 - n0, full[2])
            _finish(result[:, :, : size[1], :, : size[2]].transpose(3, 0, 1, 2, 4), bias, out, n0, c0)

    share(work, jobs, out.size * sum(len(s.taps) for s in sources))


def _bands(taps: list[_Tap], full: tuple[int, ...], rows: int, seen: int) -> dict[tuple[int, int], Array]:
    """Return the taps of each column of the kernel as matrices (C, 1, 1, rows, seen), by (depth, width)."""
    found: dict[tuple[int, int], Array] = {}
    for offset, factors in taps:
        y, x = divmod(offset, full[2])
        z, y = divmod(y, full[1])
        if (z, x) not in found:
            found[z, x] = np.zeros((len(factors), 1, 1, rows, seen), factors.dtype)
        for row in range(rows):
            found[z, x][:, 0, 0, row, row + y] = factors
    return found
