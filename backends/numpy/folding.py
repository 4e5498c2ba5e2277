"""Windows as columns and back, one strided copy for each element of the window."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.primitives.windows import output_size as sliding_size
from .pooling_grid import block_of, for_planes

Array = np.ndarray
Sizes = tuple[int, ...]
Blocks = Iterator[tuple[int, int]]


def _each(value: Any, axes: int) -> Sizes:
    return (value,) * axes if isinstance(value, int) else tuple(value)


@functools.lru_cache(maxsize=256)
def _layout(sizes: Sizes, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> tuple[Sizes, list[Any]]:
    """How many windows there are, and for each tap which windows find it in the input, and where."""
    how = zip(sizes, kernel, stride, padding, padding, dilation, strict=True)
    out = tuple(sliding_size(*h) for h in how)
    taps = []
    for tap in itertools.product(*map(range, kernel)):
        pairs = [
            _reach(n, m, t * d - p, s)
            for n, m, t, d, p, s in zip(sizes, out, tap, dilation, padding, stride, strict=True)
        ]
        taps.append((tuple(a for a, _ in pairs), tuple(b for _, b in pairs)))
    return out, taps


def _reach(n: int, m: int, start: int, stride: int) -> tuple[slice, slice]:
    low = min(m, max(0, -(start // stride)))
    high = max(low, min(m, (n - 1 - start) // stride + 1))
    first = start + low * stride
    return slice(low, high), slice(first, first + (high - low - 1) * stride + 1 if high > low else first, stride)


def im2col(
    x: Array, /, *, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Array:
    """The windows of x (N, C, *spatial) as columns."""
    axes = x.ndim - 2
    sizes = x.shape[2:]
    kernel, dilation, padding, stride = (_each(v, axes) for v in (kernel_size, dilation, padding, stride))
    out, taps = _layout(sizes, kernel, dilation, padding, stride)
    n, c = x.shape[:2]
    planes = x.reshape(n * c, *sizes)
    columns = np.empty((n * c, len(taps), *out), x.dtype)

    def work(blocks: Blocks) -> None:
        for start, stop in blocks:
            for t, (to, of) in enumerate(taps):
                target = columns[start:stop, t]
                _clear_around(target, to)
                target[(slice(None), *to)] = planes[(slice(start, stop), *of)]

    for_planes(work, n * c, block_of(n * c, len(taps) * math.prod(out) * x.itemsize))
    return columns.reshape(n, c * len(taps), math.prod(out))


def _clear_around(target: Array, filled: tuple[slice, ...]) -> None:
    """Set to zero what lies around the places that will be filled."""
    for i, cut in enumerate(filled, start=1):
        head = (slice(None),) * i
        if cut.start > 0:
            target[(*head, slice(0, cut.start))] = 0
        if cut.stop < target.shape[i]:
            target[(*head, slice(cut.stop, None))] = 0


def col2im(
    x: Array, /, *, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Array:
    """The sum of windows given as columns x (N, C * taps, windows)."""
    if x.dtype.itemsize == 2 and x.dtype.kind in "fV":
        # Sums of 16-bit floats are made in 32 bits.
        return NotImplemented
    given = next((v for v in (output_size, kernel_size, dilation, padding, stride) if not isinstance(v, int)), (0, 0))
    axes = len(given)
    sizes, kernel, dilation, padding, stride = (
        _each(v, axes) for v in (output_size, kernel_size, dilation, padding, stride)
    )
    out, taps = _layout(sizes, kernel, dilation, padding, stride)
    n, c = x.shape[0], x.shape[1] // len(taps)
    columns = x.reshape(n * c, len(taps), *out)
    planes = np.zeros((n * c, *sizes), x.dtype)

    def work(blocks: Blocks) -> None:
        for start, stop in blocks:
            for t, (to, of) in enumerate(taps):
                target = planes[(slice(start, stop), *of)]
                target += columns[(slice(start, stop), t, *to)]

    for_planes(work, n * c, block_of(n * c, len(taps) * math.prod(out) * x.itemsize))
    return planes.reshape(n, c, *sizes)


KERNELS: dict[str, Any] = {"im2col": im2col, "col2im": col2im}
