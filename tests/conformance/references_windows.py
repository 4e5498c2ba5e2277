"""The rows of pooling, folding, padding and resampling as loops over every window."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np


def _window_starts(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> list[int]:
    """Where windows begin; one may run over the end if it starts before it (in the input or the padding in front)."""
    starts: list[int] = []
    start = -padding
    while True:
        fits = start + dilation * (kernel - 1) < n + padding
        if not fits and not (ceil_mode and start < n and start - stride + dilation * (kernel - 1) + 1 < n + padding):
            return starts
        starts.append(start)
        start += stride


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)


def _starts(
    x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Any, Any, list[list[int]]]:
    axes = x.ndim - 2
    kernel, dilation = _each(kernel_size, axes), _each(dilation, axes)
    stride, padding = kernel if stride is None else _each(stride, axes), _each(padding, axes)
    how = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    return kernel, dilation, [_window_starts(*h, ceil_mode) for h in how]


def _best(plane: Any, places: Any) -> tuple[Any, int]:
    """The first largest value of some places of a plane, and its index in the flattened plane."""
    best: Any = None
    for place in places:
        inside = all(0 <= i < n for i, n in zip(place, plane.shape, strict=True))
        if inside and (best is None or plane[place] > best[0]):
            best = plane[place], int(np.ravel_multi_index(place, plane.shape))
    return best


def max_pool_with_indices(
    x: Any, *, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, dilation: Any = 1
) -> Any:
    kernel, dilation, starts = _starts(x, kernel_size, stride, padding, dilation, ceil_mode)
    found = np.zeros((*x.shape[:2], *map(len, starts)), dtype=x.dtype)
    places = np.zeros(found.shape, dtype=np.int64)
    for b, c, *window in np.ndindex(*found.shape):
        lines = [
            [line[w] + t * d for t in range(k)] for line, w, k, d in zip(starts, window, kernel, dilation, strict=True)
        ]
        at = (b, c, *window)
        found[at], places[at] = _best(x[b, c], itertools.product(*lines))
    return found, places


def max_pool(x: Any, **statics: Any) -> Any:
    return max_pool_with_indices(x, **statics)[0]


def avg_pool(
    x: Any,
    *,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> Any:
    kernel, _, starts = _starts(x, kernel_size, stride, padding, 1, ceil_mode)
    padding = _each(padding, x.ndim - 2)
    found = np.zeros((*x.shape[:2], *map(len, starts)), dtype=x.dtype)
    for b, c, *window in np.ndindex(*found.shape):
        lines = [range(line[w], line[w] + k) for line, w, k in zip(starts, window, kernel, strict=True)]
        values, padded = [], 0
        for place in itertools.product(*lines):
            if all(0 <= i < n for i, n in zip(place, x.shape[2:], strict=True)):
                values.append(x[(b, c, *place)])
            elif all(i < n + p for i, n, p in zip(place, x.shape[2:], padding, strict=True)):
                padded += 1
        count = len(values) + (padded if count_include_pad else 0)
        found[(b, c, *window)] = math.fsum(values) / (divisor_override or count)
    return found


def _adaptive_lines(x: Any, output_size: Any) -> list[list[range]]:
    axes = x.ndim - 2
    given = (output_size,) * axes if not isinstance(output_size, tuple) else output_size
    sizes = [n if m is None else m for m, n in zip(given, x.shape[2:], strict=True)]
    return [
        [range(math.floor(j * n / m), math.ceil((j + 1) * n / m)) for j in range(m)]
        for n, m in zip(x.shape[2:], sizes, strict=True)
    ]


def adaptive_max_pool_with_indices(x: Any, *, output_size: Any) -> Any:
    lines = _adaptive_lines(x, output_size)
    found = np.zeros((*x.shape[:2], *map(len, lines)), dtype=x.dtype)
    places = np.zeros(found.shape, dtype=np.int64)
    for b, c, *window in np.ndindex(*found.shape):
        at = (b, c, *window)
        ranges = [line[w] for line, w in zip(lines, window, strict=True)]
        found[at], places[at] = _best(x[b, c], itertools.product(*ranges))
    return found, places


def adaptive_max_pool(x: Any, **statics: Any) -> Any:
    return adaptive_max_pool_with_indices(x, **statics)[0]


def max_unpool(x: Any, indices: Any, *, output_size: Any) -> Any:
    found = np.zeros((*x.shape[:2], int(np.prod(output_size))), dtype=x.dtype)
    for place in np.ndindex(*x.shape):
        found[(*place[:2], int(indices[place]))] = x[place]
    return found.reshape(*x.shape[:2], *output_size)
