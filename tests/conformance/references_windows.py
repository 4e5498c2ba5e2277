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


def adaptive_avg_pool(x: Any, *, output_size: Any) -> Any:
    lines = _adaptive_lines(x, output_size)
    found = np.zeros((*x.shape[:2], *map(len, lines)), dtype=x.dtype)
    for b, c, *window in np.ndindex(*found.shape):
        ranges = [line[w] for line, w in zip(lines, window, strict=True)]
        values = [x[(b, c, *place)] for place in itertools.product(*ranges)]
        found[(b, c, *window)] = math.fsum(values) / len(values)
    return found


def _taps(size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """Every element of every window: (number of the tap, number of the window, place in the input or None)."""
    starts = [
        _window_starts(n, k, s, p, t, False)
        for n, k, s, p, t in zip(size, kernel_size, stride, padding, dilation, strict=True)
    ]
    for w, corner in enumerate(itertools.product(*starts)):
        for t, tap in enumerate(np.ndindex(*kernel_size)):
            place = tuple(a + i * d for a, i, d in zip(corner, tap, dilation, strict=True))
            inside = all(0 <= i < n for i, n in zip(place, size, strict=True))
            yield t, w, place if inside else None


def im2col(x: Any, *, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    taps = list(_taps(x.shape[2:], kernel_size, dilation, padding, stride))
    count = int(np.prod(kernel_size))
    found = np.zeros((x.shape[0], x.shape[1] * count, max(w for _, w, _ in taps) + 1), dtype=x.dtype)
    for b, c in np.ndindex(*x.shape[:2]):
        for t, w, place in taps:
            if place is not None:
                found[b, c * count + t, w] = x[(b, c, *place)]
    return found


def col2im(x: Any, *, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    count = int(np.prod(kernel_size))
    found = np.zeros((x.shape[0], x.shape[1] // count, *output_size), dtype=x.dtype)
    for b, c in np.ndindex(*found.shape[:2]):
        for t, w, place in _taps(output_size, kernel_size, dilation, padding, stride):
            if place is not None:
                found[(b, c, *place)] += x[b, c * count + t, w]
    return found


def pad(x: Any, *, widths: Any, value: float, mode: str) -> Any:
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    for axis, (before, after) in enumerate(widths):
        pairs = [(0, 0)] * x.ndim
        pairs[axis] = (max(before, 0), max(after, 0))
        n = x.shape[axis]
        cut = (slice(None),) * axis + (slice(max(-before, 0), n + before + after + max(-before, 0)),)
        inner = (slice(None),) * axis + (slice(max(-before, 0), n - max(-after, 0)),)
        if mode == "constant":
            x = np.pad(x[inner], pairs, constant_values=value)
        elif mode == "circular":
            x = np.pad(x[inner], pairs, mode="wrap")
        else:
            # What is cut off is still seen in the mirror.
            x = np.pad(x, pairs, mode=names[mode])[cut]  # type: ignore[call-overload]
    return x


def _cubic(t: float, a: float) -> float:
    t = abs(t)
    if t < 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def _filter(kind: str, t: float) -> float:
    if kind == "cubic":
        return _cubic(t, -0.5)
    if kind == "linear":
        return max(1 - abs(t), 0.0)
    return float(np.sinc(t) * np.sinc(t / 3)) if abs(t) < 3 else 0.0


def _matrix(n: int, m: int, mode: str, factor: float | None, align_corners: bool, antialias: bool) -> np.ndarray:
    """The weights (m, n) of one axis."""
    step = (n - 1) / max(m - 1, 1) if align_corners else n / m if factor is None else 1 / factor
    found = np.zeros((m, n))
    for o in range(m):
        if n == m and (antialias or mode == "linear"):
            found[o, o] = 1
        elif antialias:
            width = max(step, 1.0)
            reach = {"linear": 1, "cubic": 2, "lanczos": 3}[mode] * width
            center = (o + 0.5) * step
            covered = range(max(int(center - reach + 0.5), 0), min(int(center + reach + 0.5), n))
            for i in covered:
                found[o, i] = _filter(mode, (i + 0.5 - center) / width)
            found[o] /= found[o].sum()
        elif mode == "area":
            covered = range(math.floor(o * n / m), math.ceil((o + 1) * n / m))
            found[o, covered] = 1 / len(covered)
        elif mode in ("nearest", "nearest-exact"):
            found[o, min(math.floor((o + (mode != "nearest") / 2) * step), n - 1)] = 1
        else:
            place = o * step if align_corners else (o + 0.5) * step - 0.5
            if mode == "linear":
                place = min(max(place, 0.0), n - 1)
            # Beyond the last element by a step that is not the sizes' own, PyTorch stays there.
            low = min(math.floor(place), n - 1)
            t = min(place - low, 1.0)
            for i in range(low - 1, low + 3):
                weight = max(1 - abs(i - low - t), 0.0) if mode == "linear" else _cubic(i - low - t, -0.75)
                found[o, min(max(i, 0), n - 1)] += weight
    return found


def interpolate(
    x: Any,
    *,
    size: Any,
    mode: str,
    scale_factor: Any = None,
    align_corners: bool = False,
    antialias: bool = False,
) -> Any:
    factors = scale_factor or (None,) * len(size)
    for axis, (m, f) in enumerate(zip(size, factors, strict=True), start=2):
        weights = _matrix(x.shape[axis], m, mode, f, align_corners, antialias)
        x = np.moveaxis(np.einsum("oi,i...->o...", weights, np.moveaxis(x, axis, 0)), 0, axis)
    return x


def interpolate_transpose(
    x: Any,
    *,
    size: Any,
    mode: str,
    scale_factor: Any = None,
    align_corners: bool = False,
    antialias: bool = False,
) -> Any:
    factors = scale_factor or (None,) * len(size)
    for axis, (n, f) in enumerate(zip(size, factors, strict=True), start=2):
        weights = _matrix(n, x.shape[axis], mode, f, align_corners, antialias)
        x = np.moveaxis(np.einsum("oi,o...->i...", weights, np.moveaxis(x, axis, 0)), 0, axis)
    return x
