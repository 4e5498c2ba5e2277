"""Maximum pooling over one to three axes, one pass over contiguous memory for each tap (see `pooling_grid`).

Maximum pooling remembers which tap won, one small integer per output; its cotangent goes back through these alone.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from ...core.errors import IndexOutOfRangeError
from .pooling_grid import (
    Grid,
    Phases,
    Spreading,
    block_of,
    combine,
    combine_tiles,
    crop,
    for_planes,
    lines_of,
    make_grid,
    planes_of,
    tiles,
)

Array = np.ndarray
Sizes = tuple[int, ...]
Blocks = Iterator[tuple[int, int]]


def _declines(x: Array) -> bool:
    return x.dtype.char not in "fd"


def _is_two_by_two(grid: Grid, kernel_size: Sizes, stride: Sizes) -> bool:
    return tuple(kernel_size) == (2, 2) and tiles(grid, kernel_size, stride)


def max_pool(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Array:
    """The maximum of each window of x (..., *spatial)."""
    if _declines(x):
        return NotImplemented
    axes = len(kernel_size)
    planes = planes_of(x, axes)
    grid = make_grid(planes.shape[1:], kernel_size, stride, padding, dilation, ceil_mode)
    if tiles(grid, kernel_size, stride):
        return combine_tiles(np.maximum, x, kernel_size, grid.out)
    out = np.empty((len(planes), *grid.out), x.dtype)
    plane = math.prod(grid.sizes) * x.itemsize
    count = block_of(len(planes), plane)
    lines = lines_of(grid, kernel_size, stride, dilation)

    def work(blocks: Blocks) -> None:
        phases = Phases(grid, count, x.dtype, -np.inf)
        buffers = [np.empty(count * grid.places, x.dtype) for _ in lines[:2]]
        for start, stop in blocks:
            best = combine(np.maximum, phases.load(planes[start:stop]), lines, buffers, (stop - start) * grid.places)
            out[start:stop] = crop(best, grid, stop - start)

    for_planes(work, len(planes), count)
    return out.reshape(*x.shape[: x.ndim - axes], *grid.out)


def max_pool_train(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Array, tuple[Array]]:
    """The maxima and, as the residual, the number of the tap that won each."""
    if _declines(x):
        return NotImplemented
    axes = len(kernel_size)
    planes = planes_of(x, axes)
    grid = make_grid(planes.shape[1:], kernel_size, stride, padding, dilation, ceil_mode)
    out = np.empty((len(planes), *grid.out), x.dtype)
    taps = np.empty(out.shape, np.min_scalar_type(len(grid.taps) - 1))
    plane = math.prod(grid.sizes) * x.itemsize
    count = block_of(len(planes), plane)
    two_by_two = _is_two_by_two(grid, kernel_size, stride)
    first = _first_taps(grid, kernel_size, stride, padding, dilation, taps.dtype)

    def work(blocks: Blocks) -> None:
        phases = Phases(grid, count, x.dtype, -np.inf)
        scratch = _Scratch(count * grid.places, x.dtype, taps.dtype)
        for start, stop in blocks:
            block, target, codes = planes[start:stop], out[start:stop], taps[start:stop]
            sources = phases.load(block)
            if two_by_two:
                _two_by_two(sources, target, codes)
            else:
                _windows(sources, grid, scratch, first, target, codes)
            if np.isnan(target).any():
                _windows(phases.load(block), grid, scratch, first, target, codes, nan=True)

    for_planes(work, len(planes), count)
    lead = x.shape[: x.ndim - axes]
    return out.reshape(*lead, *grid.out), (taps.reshape(*lead, *grid.out),)


class _Scratch:
    def __init__(self, length: int, dtype: Any, code: Any) -> None:
        self.best = np.empty(length, dtype)
        self.better = np.empty(length, bool)
        self.codes, self.number = np.empty(length, code), np.empty(length, code)


def _first_taps(
    grid: Grid, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, dtype: Any
) -> Array | None:
    """For each place of the grid the first tap inside the input, which wins where all are -inf; None if it is 0."""
    if not any(padding):
        return None
    total: Any = 0
    for i, (n, k, s, p, d) in enumerate(zip(grid.grid, kernel_size, stride, padding, dilation, strict=True)):
        line = np.clip(-((np.arange(n) * s - p) // d), 0, k - 1)
        total = total * k + line.reshape(-1, *(1,) * (len(kernel_size) - 1 - i))
    return np.asarray(total).astype(dtype).reshape(-1)


def _two_by_two(sources: dict[Sizes, Array], out: Array, codes: Array) -> None:
    """Maxima and winners of disjoint 2 × 2 windows, as a tournament of the four corners."""
    a, b, c, d = (sources[i, j] for i in (0, 1) for j in (0, 1))
    upper, lower = np.greater(b, a).view(np.uint8), np.greater(d, c).view(np.uint8)
    top, bottom = np.maximum(a, b), np.maximum(c, d)
    below = np.greater(bottom, top).view(np.uint8)
    np.maximum(top, bottom, out=out.reshape(-1))
    lower += np.uint8(2)
    lower -= upper
    lower *= below
    np.add(upper, lower, out=codes.reshape(-1))


def _windows(
    sources: dict[Sizes, Array], grid: Grid, scratch: _Scratch, first: Array | None, out: Array, codes: Array,
    nan: bool = False,
) -> None:  # fmt: skip
    """The first maximum of each window; with `nan`, PyTorch's rule that the last NaN wins."""
    count = len(out)
    length = count * grid.places - grid.taps[-1][1]
    best, better = scratch.best[:length], scratch.better[:length]
    winner, number = scratch.codes[:length], scratch.number[:length]
    if first is None:
        scratch.codes.fill(0)
    else:
        scratch.codes[: count * grid.places].reshape(count, -1)[...] = first
    for k, (phase, at) in enumerate(grid.taps):
        view = sources[phase][at : at + length]
        if k == 0:
            np.copyto(best, view)
            continue
        np.greater(view, best, out=better)
        if nan:
            better |= np.isnan(view)
        np.maximum(best, view, out=best)
        # The taps come in rising order, so that the last improvement is the largest number.
        np.multiply(better.view(np.uint8), winner.dtype.type(k), out=number)
        np.maximum(winner, number, out=winner)
    np.copyto(out, crop(scratch.best, grid, count))
    np.copyto(codes, crop(scratch.codes, grid, count))


def max_pool_vjp(
    xp: Any,
    g: Any,
    x_shape: tuple[int, ...],
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    taps: Array,
    wants: tuple[bool, ...],
) -> Any:
    """Send each cotangent to the input that won its window."""
    g = g[0] if isinstance(g, tuple) else g
    if g is None or not wants[0]:
        return (None,)
    if _declines(g):
        return NotImplemented
    axes = len(kernel_size)
    sizes = tuple(x_shape[len(x_shape) - axes :])
    grid = make_grid(sizes, kernel_size, stride, padding, dilation, ceil_mode)
    gx = np.empty(x_shape, g.dtype) if grid.covers else np.zeros(x_shape, g.dtype)
    planes, cotangents, winners = planes_of(gx, axes), planes_of(g, axes), planes_of(taps, axes)
    plane = math.prod(sizes) * g.itemsize
    count = block_of(len(planes), plane)
    pairs = _is_two_by_two(grid, kernel_size, stride) and grid.covers and g.dtype == np.float32
    pairs = pairs and sys.byteorder == "little"
    integer = np.dtype(f"i{g.itemsize}")

    def work(blocks: Blocks) -> None:
        spreading = Spreading(grid, count, g.dtype)
        codes_on_grid = np.zeros((count, *grid.grid), taps.dtype)
        won, mask = np.empty(count * grid.places, bool), np.empty(count * grid.places, integer)
        for start, stop in blocks:
            block, codes, target = cotangents[start:stop], winners[start:stop], planes[start:stop]
            if pairs:
                _spread_pairs(block, codes, target)
                continue
            # As integers, so that an infinite or NaN cotangent leaves the other taps at zero.
            bits = spreading.flat(block).view(integer)
            if spreading.whole:
                codes = np.ascontiguousarray(codes).reshape(-1)
            else:
                crop(codes_on_grid.reshape(-1), grid, stop - start)[...] = codes
                codes = codes_on_grid[: stop - start].reshape(-1)
            length = bits.size - grid.taps[-1][1]
            for total in spreading.sums.values():
                total.fill(0)
            one, other = won[:length], mask[:length]
            for k, (phase, at) in enumerate(grid.taps):
                np.equal(codes[:length], codes.dtype.type(k), out=one)
                np.copyto(other, one)
                np.negative(other, out=other)
                np.bitwise_and(bits[:length], other, out=other)
                view = spreading.sums[phase][at : at + length]
                np.add(view, other.view(g.dtype), out=view)
            spreading.store(target, spreading.sums)

    for_planes(work, len(planes), count)
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


def _max_pool_with_indices_train(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Any:
    """The maxima, their int64 positions in the flattened spatial axes, and the winning taps as the residual."""
    how = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    result = max_pool_train(x, **how, ceil_mode=ceil_mode)  # type: ignore[arg-type]
    if result is NotImplemented:
        return NotImplemented
    out, (taps,) = result
    axes = len(kernel_size)
    sizes, places = x.shape[x.ndim - axes :], out.shape[out.ndim - axes :]
    start: Any = 0
    shift: Any = 0
    for n, m, k, s, p, d in zip(sizes, places, kernel_size, stride, padding, dilation, strict=True):
        start = np.asarray(start)[..., None] * n + (np.arange(m) * s - p)
        shift = np.asarray(shift)[..., None] * n + np.arange(k) * d
    indices = np.asarray(shift, np.int64).reshape(-1).take(taps)
    indices += start.reshape(places)
    return (out, indices), (taps,)


def max_pool_with_indices(x: Array, /, **statics: Any) -> Any:
    """The maxima and their int64 positions in the flattened spatial axes."""
    result = _max_pool_with_indices_train(x, **statics)
    return result if result is NotImplemented else result[0]


def adaptive_ranges(n: int, m: int) -> list[tuple[int, int]]:
    """The windows ⌊i n / m⌋ … ⌈(i + 1) n / m⌉ - 1 of one axis."""
    return [(i * n // m, -((i + 1) * n // -m)) for i in range(m)]


def _equal_windows(line: list[tuple[int, int]]) -> tuple[int, int] | None:
    """The size and the step of windows that are all alike and reach the end, or None."""
    if not line:
        return None
    size = line[0][1]
    step = line[1][0] if len(line) > 1 else size
    return (size, step) if step and all(r == (i * step, i * step + size) for i, r in enumerate(line)) else None


def _adaptive_max_pool_train(x: Array, /, *, output_size: Sizes) -> Any:
    """The maxima and, as output and residual, their int64 positions in the flattened spatial axes."""
    if _declines(x):
        return NotImplemented
    axes = len(output_size)
    sizes = x.shape[x.ndim - axes :]
    ranges = [adaptive_ranges(n, m) for n, m in zip(sizes, output_size, strict=True)]
    equal = [_equal_windows(line) for line in ranges]
    if all(equal):
        kernel, stride = (tuple(pair[i] for pair in equal if pair) for i in range(2))
        result = _max_pool_with_indices_train(
            x, kernel_size=kernel, stride=stride, padding=(0,) * axes, dilation=(1,) * axes, ceil_mode=False
        )
        return result[0], (result[0][1],)
    planes = planes_of(x, axes)
    out = np.empty((len(planes), *output_size), x.dtype)
    indices = np.empty(out.shape, np.int64)
    whole = np.arange(math.prod(sizes)).reshape(sizes)
    rows = np.arange(len(planes))
    for place in np.ndindex(*output_size):
        cuts = tuple(slice(*ranges[i][j]) for i, j in enumerate(place))
        window = planes[(slice(None), *cuts)]
        window = window.reshape(len(planes), math.prod(window.shape[1:]))
        best = window.argmax(axis=1)
        values = window[rows, best]
        lost = np.flatnonzero(np.isnan(values))
        # The last NaN wins, as in PyTorch.
        best[lost] = window.shape[1] - 1 - np.isnan(window[lost, ::-1]).argmax(axis=1)
        out[(slice(None), *place)] = values
        indices[(slice(None), *place)] = whole[cuts].reshape(-1)[best]
    lead = x.shape[: x.ndim - axes]
    out, indices = out.reshape(*lead, *output_size), indices.reshape(*lead, *output_size)
    return (out, indices), (indices,)


def adaptive_max_pool_with_indices(x: Array, /, *, output_size: Sizes) -> Any:
    """The largest values of windows that are laid out to give a size, and their indices."""
    result = _adaptive_max_pool_train(x, output_size=output_size)
    return result if result is NotImplemented else result[0]


def _adaptive_max_pool_values_train(x: Array, /, *, output_size: Sizes) -> Any:
    result = _adaptive_max_pool_train(x, output_size=output_size)
    return result if result is NotImplemented else (result[0][0], result[1])


def adaptive_max_pool(x: Array, /, *, output_size: Sizes) -> Any:
    """The largest values of windows that are laid out to give a size."""
    result = _adaptive_max_pool_train(x, output_size=output_size)
    return result if result is NotImplemented else result[0][0]


def adaptive_max_pool_vjp(
    xp: Any, g: Any, x_shape: tuple[int, ...], output_size: Sizes, places: Array, wants: tuple[bool, ...]
) -> Any:
    """Send each cotangent to the input that won its window."""
    g = g[0] if isinstance(g, tuple) else g
    if g is None or not wants[0]:
        return (None,)
    if _declines(g):
        return NotImplemented
    whole = math.prod(x_shape[len(x_shape) - len(output_size) :])
    windows = math.prod(output_size)
    count = math.prod(x_shape) // max(whole, 1)
    gx = np.zeros(count * whole, g.dtype)
    flat = places.reshape(count, windows) + np.arange(count)[:, None] * whole
    cotangents = g.reshape(count, windows)
    # Windows may overlap, one window of each plane at a time never does.
    for i in range(windows):
        gx[flat[:, i]] += cotangents[:, i]
    return (gx.reshape(x_shape),)


def max_unpool(x: Array, indices: Array, /, *, output_size: Sizes) -> Array:
    """Zeros with the values of x written where the indices say."""
    axes = len(output_size)
    whole = math.prod(output_size)
    given = math.prod(x.shape[x.ndim - axes :])
    count = math.prod(x.shape[: x.ndim - axes])
    places = indices.reshape(count, given)
    if places.size and not (places.min() >= 0 and places.max() < whole):
        wrong = int(places.max()) if places.max() >= whole else int(places.min())
        raise IndexOutOfRangeError(
            f"max_unpool: index {wrong} lies outside an output of size {tuple(output_size)} with {whole} elements; "
            "give the output_size that the pooled input had"
        )
    out = np.zeros(count * whole, x.dtype)
    out[places + np.arange(count)[:, None] * whole] = x.reshape(count, given)
    return out.reshape(*x.shape[: x.ndim - axes], *output_size)


def max_unpool_vjp(
    xp: Any, g: Array, indices: Array, x_shape: tuple[int, ...], wants: tuple[bool, ...]
) -> Any:
    """Take each value's cotangent from where it was written."""
    axes = len(x_shape) - 2
    planes = planes_of(g, axes)
    places = indices.reshape(len(planes), math.prod(x_shape[2:]))
    places = places + np.arange(len(planes))[:, None] * math.prod(planes.shape[1:])
    return (planes.reshape(-1).take(places).reshape(x_shape), None)


KERNELS: dict[str, Any] = {
    "max_pool": Kernel(max_pool, train=max_pool_train, vjp=max_pool_vjp, residuals=("taps",)),
    "max_pool_with_indices": Kernel(
        max_pool_with_indices, train=_max_pool_with_indices_train, vjp=max_pool_vjp, residuals=("taps",)
    ),
    "adaptive_max_pool": Kernel(
        adaptive_max_pool, train=_adaptive_max_pool_values_train, vjp=adaptive_max_pool_vjp, residuals=("places",)
    ),
    "adaptive_max_pool_with_indices": Kernel(
        adaptive_max_pool_with_indices, train=_adaptive_max_pool_train, vjp=adaptive_max_pool_vjp,
        residuals=("places",),
    ),
    "max_unpool": Kernel(max_unpool, vjp=max_unpool_vjp),
}  # fmt: skip
