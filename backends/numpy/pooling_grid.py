"""The geometry that the pooling kernels share: every tap of every window is one contiguous run.

The padded input is parted by strides into phases, arrays of one common grid; the elements that one tap sees then lie
in one phase, at one distance from the outputs. What is computed between two rows or two planes belongs to no window
and is cut off in the end. So each tap costs one pass over contiguous memory, whatever the stride, padding or dilation.
Blocks of planes stay in a core's second-level cache and are shared among threads.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .parallel import for_blocks, get_num_threads

Array = np.ndarray
Sizes = tuple[int, ...]

# Input bytes per block: input, phases, output and scratch together stay in the cache.
_BLOCK_BYTES = 768 << 10
# Below this the hand-over to another thread costs more than it brings.
_SMALL_BYTES = 256 << 10


class Grid(NamedTuple):
    """Where the windows of one pooling lie."""

    sizes: Sizes
    out: Sizes
    grid: Sizes
    # For each tap, in rising order: its phase and its distance from the outputs.
    taps: tuple[tuple[Sizes, int], ...]
    # For each phase: which places of its grid the input fills, and from where.
    phases: dict[Sizes, tuple[tuple[slice, ...], tuple[slice, ...]]]
    padded: bool
    # Whether the phases hold every element of the input.
    covers: bool

    @property
    def places(self) -> int:
        """The number of places of a grid."""
        return math.prod(self.grid)


def out_size(size: int, kernel: int, stride: int, pad: int, dilation: int, ceil_mode: bool) -> int:
    """PyTorch's rule; in ceil mode the last window must start inside the input or its left padding."""
    span = size + 2 * pad - dilation * (kernel - 1) - 1
    out = (span + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (out - 1) * stride >= size + pad:
        out -= 1
    return out


@functools.lru_cache(maxsize=256)
def make_grid(sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool) -> Grid:
    """Lay out the windows."""
    how = list(zip(sizes, kernel, stride, padding, dilation, strict=True))
    out = tuple(out_size(*h, ceil_mode) for h in how)
    grid = tuple(m - 1 + d * (k - 1) // s + 1 for m, (_, k, s, _, d) in zip(out, how, strict=True))
    steps = tuple(math.prod(grid[i + 1 :]) for i in range(len(grid)))
    taps = []
    for tap in itertools.product(*map(range, kernel)):
        shifts = [t * d for t, d in zip(tap, dilation, strict=True)]
        phase = tuple(a % s for a, s in zip(shifts, stride, strict=True))
        taps.append((phase, sum(a // s * step for a, s, step in zip(shifts, stride, steps, strict=True))))
    used = [{p[i] for p, _ in taps} for i in range(len(sizes))]
    lines = [
        {r: _filled(n, m, s, p, r) for r in met} for (n, _, s, p, _), m, met in zip(how, grid, used, strict=True)
    ]
    phases = {}
    for phase in dict.fromkeys(p for p, _ in taps):
        pairs = [lines[i][r] for i, r in enumerate(phase)]
        phases[phase] = tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
    padded = any(a != slice(0, m) for to, _ in phases.values() for a, m in zip(to, grid, strict=True))
    covers = all(
        sum(lines[i][r][0].stop - lines[i][r][0].start for r in used[i]) == n for i, n in enumerate(sizes)
    )
    return Grid(sizes, out, grid, tuple(taps), phases, padded, covers)


def _filled(size: int, count: int, stride: int, pad: int, phase: int) -> tuple[slice, slice]:
    """Along one axis: which of a phase's places lie in the input, and which elements stand there."""
    low = max(0, -((phase - pad) // stride))
    high = max(low, min(count, (size - 1 - phase + pad) // stride + 1))
    first = low * stride + phase - pad
    return slice(low, high), slice(first, first + (high - low - 1) * stride + 1 if high > low else first, stride)


def planes_of(x: Array, axes: int) -> Array:
    """x as (planes, *spatial)."""
    sizes = x.shape[x.ndim - axes :]
    # Not -1, which an axis without elements leaves open.
    return x.reshape(math.prod(x.shape[: x.ndim - axes]), *sizes)


def block_of(planes: int, plane_bytes: int) -> int:
    """How many planes one block has at most: fewer where the threads would not all get some."""
    share = planes * plane_bytes // (2 * get_num_threads())
    size = min(_BLOCK_BYTES, max(share, _SMALL_BYTES))
    return max(1, min(planes, size // max(1, plane_bytes)))


def for_planes(work: Callable[[Iterator[tuple[int, int]]], None], planes: int, block: int) -> None:
    """Cover the planes by blocks, on several threads where there are many."""
    for_blocks(work, planes, block, least=2)


class Phases:
    """One thread's phases of a block, flat."""

    def __init__(self, grid: Grid, count: int, dtype: Any, fill: float) -> None:
        self.grid, self.places = grid, grid.places
        # A phase of stride one without padding is the input itself.
        self.direct = not grid.padded and len(grid.phases) == 1 and grid.grid == grid.sizes
        self.arrays: dict[Sizes, Array] = {}
        if not self.direct:
            for phase in grid.phases:
                # The edges stay as they are filled here, from block to block.
                self.arrays[phase] = np.full((count, *grid.grid), fill, dtype)

    def load(self, block: Array) -> dict[Sizes, Array]:
        """Part a block into its phases."""
        count = len(block)
        if self.direct:
            return dict.fromkeys(self.grid.phases, np.ascontiguousarray(block).reshape(-1))
        for phase, (to, of) in self.grid.phases.items():
            self.arrays[phase][(slice(0, count), *to)] = block[(slice(None), *of)]
        return {phase: a[:count].reshape(-1) for phase, a in self.arrays.items()}


def crop(flat: Array, grid: Grid, count: int) -> Array:
    """The outputs among a grid's places."""
    return flat[: count * grid.places].reshape(count, *grid.grid)[(slice(None), *(slice(0, m) for m in grid.out))]


class Spreading:
    """One thread's way back: cotangents on the grid are added to the phases, and these put together."""

    def __init__(self, grid: Grid, count: int, dtype: Any) -> None:
        self.grid = grid
        self.whole = grid.out == grid.grid
        self.on_grid = None if self.whole else np.zeros((count, *grid.grid), dtype)
        self.sums = {phase: np.empty(count * grid.places, dtype) for phase in grid.phases}

    def flat(self, g: Array) -> Array:
        """Cotangents (count, *out) at their places of the grid, zero elsewhere."""
        if self.on_grid is None:
            return np.ascontiguousarray(g).reshape(-1)
        own = self.on_grid[: len(g)]
        own[(slice(None), *(slice(0, m) for m in self.grid.out))] = g
        return own.reshape(-1)

    def store(self, target: Array, sums: dict[Sizes, Array]) -> None:
        """Write the phases' sums into a block of the input's cotangent."""
        count = len(target)
        for phase, (to, of) in self.grid.phases.items():
            grid = sums[phase][: count * self.grid.places].reshape(count, *self.grid.grid)
            target[(slice(None), *of)] = grid[(slice(None), *to)]


def lines_of(grid: Grid, kernel_size: Sizes, stride: Sizes, dilation: Sizes) -> list[tuple[tuple[Sizes, int], ...]]:
    """The taps to combine, pass by pass: windows one step apart are combined along one axis after the other."""
    if max(stride) > 1:
        return [grid.taps]
    (phase,) = grid.phases
    steps = [math.prod(grid.grid[i + 1 :]) for i in range(len(grid.grid))]
    found = [
        tuple((phase, t * d * step) for t in range(k)) for k, d, step in zip(kernel_size, dilation, steps, strict=True)
    ]
    return [taps for taps in found if len(taps) > 1] or found[:1]


def combine(
    ufunc: np.ufunc, sources: dict[Sizes, Array], lines: list[Any], buffers: list[Array], length: int
) -> Array:
    """Combine what the taps see; return the buffer that holds the result."""
    target = buffers[0]
    for number, taps in enumerate(lines):
        length -= taps[-1][1]
        # Never the buffer that is read.
        target = buffers[number % len(buffers)]
        views = [sources[phase][at : at + length] for phase, at in taps]
        if len(views) == 1:
            np.copyto(target[:length], views[0])
        else:
            ufunc(views[0], views[1], out=target[:length])
            for view in views[2:]:
                ufunc(target[:length], view, out=target[:length])
        sources = dict.fromkeys(sources, target)
    return target


def tiles(grid: Grid, kernel_size: Sizes, stride: Sizes) -> bool:
    """Whether windows lie side by side, within the input and without holes."""
    dense = len(grid.phases) == len(grid.taps) and not any(at for _, at in grid.taps)
    return tuple(kernel_size) == tuple(stride) and dense and not grid.padded


def combine_tiles(ufunc: np.ufunc, x: Array, kernel_size: Sizes, out: Sizes) -> Array:
    """Combine windows that lie side by side along one axis after the other; whole rows come first."""
    axes = len(kernel_size)
    planes = planes_of(x, axes)
    result = np.empty((len(planes), *out), x.dtype)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        for start, stop in blocks:
            block = planes[start:stop]
            for i, (k, m) in enumerate(zip(kernel_size, out, strict=True), start=1):
                views = [block[(*(slice(None),) * i, slice(t, t + (m - 1) * k + 1, k))] for t in range(k)]
                last = i == axes
                if last and ufunc is np.maximum:
                    # NumPy takes the maximum of strided elements one by one, and many at once of contiguous ones.
                    views = [view.copy() for view in views]
                if k == 1:
                    block = views[0]
                    if last:
                        result[start:stop] = block
                    continue
                block = ufunc(views[0], views[1], out=result[start:stop] if last else None)
                for view in views[2:]:
                    ufunc(block, view, out=block)

    for_planes(work, len(planes), block_of(len(planes), math.prod(planes.shape[1:]) * x.itemsize))
    return result.reshape(*x.shape[: x.ndim - axes], *out)
