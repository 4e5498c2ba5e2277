"""Resampling one axis after the other: weighted sums of inputs, planned once for each pair of sizes.

Outputs that repeat one pattern (twice the size: every second output sees its inputs with the same weights) are
computed together by strided views; others by taking each tap's inputs for all outputs at once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...core.primitives.resampling import is_identity, sources
from .pooling_grid import for_planes, planes_of

Array = np.ndarray


class Run(NamedTuple):
    """Outputs in equal steps that sum inputs in equal steps with the same weights."""

    out: slice
    inputs: tuple[slice, ...]
    weights: tuple[float, ...]


class Taken(NamedTuple):
    """Outputs of as many inputs each: sources and weights of (outputs, taps)."""

    out: Any
    places: Array
    weights: Array


class Plan(NamedTuple):
    """How the outputs of one axis are computed."""

    size: int
    runs: tuple[Run, ...]
    taken: tuple[Taken, ...]
    empty: tuple[int, ...]


# Beyond this many runs for each output taking is faster.
_RUNS_PER_OUTPUT = 0.4
_PERIODS = (1, 2, 3, 4, 8)


@functools.lru_cache(maxsize=256)
def plan(
    n: int, m: int, mode: str, scale_factor: float | None, align_corners: bool, antialias: bool, dtype: str,
    transposed: bool,
) -> Plan:  # fmt: skip
    """Plan an axis from n inputs to m outputs, or from m cotangents back to n."""
    places, weights = sources(
        np, n, m, np.dtype(dtype), np.float32, mode=mode, scale_factor=scale_factor, align_corners=align_corners,
        antialias=antialias,
    )  # fmt: skip
    if weights is None:
        weights = np.ones(places.shape, dtype)
    # What only fills up the table has no weight; taps of interpolation keep theirs, and their NaN.
    drop = mode == "area" or antialias
    rows: list[list[tuple[int, float]]] = [
        [(int(p), float(w)) for p, w in zip(ps, ws, strict=True) if w or not drop]
        for ps, ws in zip(places, weights, strict=True)
    ]
    if transposed:
        columns: list[list[tuple[int, float]]] = [[] for _ in range(n)]
        for i, row in enumerate(rows):
            for place, weight in row:
                columns[place].append((i, weight))
        rows = columns
    empty = tuple(i for i, row in enumerate(rows) if not row)
    runs = min((_runs(rows, p) for p in _PERIODS), key=len)
    if len(runs) <= max(8, _RUNS_PER_OUTPUT * len(rows)):
        return Plan(len(rows), tuple(runs), (), empty)
    return Plan(len(rows), (), tuple(_taken(rows, np.dtype(dtype))), empty)


def _runs(rows: list[list[tuple[int, float]]], period: int) -> list[Run]:
    found: list[Run] = []
    for phase in range(min(period, len(rows))):
        line = [i for i in range(phase, len(rows), period) if rows[i]]
        at = 0
        while at < len(line):
            first = rows[line[at]]
            step, end = 0, at + 1
            while end < len(line) and line[end] - line[end - 1] == period and len(rows[line[end]]) == len(first):
                ahead = rows[line[end]][0][0] - rows[line[end - 1]][0][0]
                if ahead < 1 or (end > at + 1 and ahead != step):
                    break
                moved = ahead * (end - at) if end == at + 1 else step * (end - at)
                if any(p != q + moved or w != v for (p, w), (q, v) in zip(rows[line[end]], first, strict=True)):
                    break
                step, end = ahead, end + 1
            count = end - at
            step = max(step, 1)
            found.append(
                Run(
                    slice(line[at], line[at] + (count - 1) * period + 1, period),
                    tuple(slice(p, p + (count - 1) * step + 1, step) for p, _ in first),
                    tuple(w for _, w in first),
                )
            )
            at = end
    return found


def _taken(rows: list[list[tuple[int, float]]], dtype: np.dtype) -> Iterator[Taken]:
    for taps in sorted({len(row) for row in rows} - {0}):
        own = [i for i, row in enumerate(rows) if len(row) == taps]
        whole = own == list(range(own[0], own[-1] + 1))
        places = np.asarray([[p for p, _ in rows[i]] for i in own])
        weights = np.asarray([[w for _, w in rows[i]] for i in own], dtype)
        yield Taken(slice(own[0], own[-1] + 1) if whole else np.asarray(own), places, weights)


def _along(x: Array, how: Plan) -> Array:
    """Resample the middle axis of x (planes, n, inner)."""
    out = np.empty((x.shape[0], how.size, x.shape[2]), x.dtype)
    for run in how.runs:
        target = out[:, run.out]
        _weighted(target, [x[:, cut] for cut in run.inputs], run.weights)
    for group in how.taken:
        shape = (-1, 1)
        total = x.take(group.places[:, 0], axis=1, mode="clip")
        total *= group.weights[:, 0].reshape(shape)
        for t in range(1, group.places.shape[1]):
            tap = x.take(group.places[:, t], axis=1, mode="clip")
            tap *= group.weights[:, t].reshape(shape)
            total += tap
        out[:, group.out] = total
    if how.empty:
        out[:, list(how.empty)] = 0
    return out


def _weighted(target: Array, views: list[Array], weights: tuple[float, ...]) -> None:
    if len(set(weights)) == 1:
        if len(views) == 1:
            np.copyto(target, views[0])
        else:
            np.add(views[0], views[1], out=target)
            for view in views[2:]:
                target += view
        if weights[0] != 1:
            target *= target.dtype.type(weights[0])
        return
    np.multiply(views[0], target.dtype.type(weights[0]), out=target)
    tap = np.empty(target.shape, target.dtype)
    for view, weight in zip(views[1:], weights[1:], strict=True):
        np.multiply(view, tap.dtype.type(weight), out=tap)
        target += tap


def _resampled(x: Array, plans: list[Plan | None]) -> Array:
    """Resample the last axes of x; the one that leaves the fewest elements comes first."""
    axes = len(plans)
    planes = planes_of(x, axes)
    sizes = planes.shape[1:]
    final = tuple(n if p is None else p.size for n, p in zip(sizes, plans, strict=True))
    # Growing, the last axis goes first: it is the slowest, and small yet.
    pairs = enumerate(zip(sizes, plans, strict=True))
    steps = [(p.size / n, i if p.size <= n else -i, i, p) for i, (n, p) in pairs if p]
    out = np.empty((len(planes), *final), x.dtype)
    largest = max(int(np.prod(sizes)), int(np.prod(final)), 1)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        for start, stop in blocks:
            block = planes[start:stop]
            for _, _, i, how in sorted(steps, key=lambda s: s[:2]):
                shape = block.shape
                lead, inner = int(np.prod(shape[: 1 + i])), int(np.prod(shape[2 + i :]))
                block = _along(block.reshape(lead, shape[1 + i], inner), how)
                block = block.reshape(*shape[: 1 + i], how.size, *shape[2 + i :])
            out[start:stop] = block

    for_planes(work, len(planes), largest * x.itemsize)
    return out.reshape(*x.shape[: x.ndim - axes], *final)


def _wide(x: Array) -> Array | None:
    """x in a dtype that NumPy computes well in; None where it is no float."""
    if x.dtype.char in "fd":
        return x
    return x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else None


def _narrow(x: Array, dtype: np.dtype) -> Array:
    return x if x.dtype == dtype else x.astype(dtype)


def _interpolate(
    x: Array, size: Any, mode: str, scale_factor: Any, align_corners: bool, antialias: bool, transposed: bool
) -> Array:
    wide = _wide(x)
    if wide is None:
        return NotImplemented
    axes = len(size)
    scale_factor = scale_factor if isinstance(scale_factor, tuple) else (scale_factor,) * axes
    plans: list[Plan | None] = []
    for given, wanted, s in zip(x.shape[x.ndim - axes :], size, scale_factor, strict=True):
        n, m = (wanted, given) if transposed else (given, wanted)
        identity = is_identity(n, m, mode, antialias)
        plans.append(
            None if identity else plan(n, m, mode, s, align_corners, antialias, wide.dtype.char, transposed)
        )
    return _narrow(_resampled(wide, plans), x.dtype)


def interpolate(
    x: Array, /, *, size: Any, mode: str = "linear", scale_factor: Any = None, align_corners: bool = False,
    antialias: bool = False,
) -> Array:  # fmt: skip
    """Resample the spatial axes of x (N, C, *spatial)."""
    return _interpolate(x, size, mode, scale_factor, align_corners, antialias, False)


def interpolate_transpose(
    x: Array, /, *, size: Any, mode: str = "linear", scale_factor: Any = None, align_corners: bool = False,
    antialias: bool = False,
) -> Array:  # fmt: skip
    """The transpose of `interpolate` from spatial axes of `size`, applied to x."""
    if mode == "area" and all(n == 1 for n in x.shape[2:]):
        wide = _wide(x)
        if wide is None:
            return NotImplemented
        share = wide * wide.dtype.type(1 / np.prod(size))
        return np.ascontiguousarray(np.broadcast_to(_narrow(share, x.dtype), (*x.shape[:2], *size)))
    return _interpolate(x, size, mode, scale_factor, align_corners, antialias, True)


def adaptive_avg_pool(x: Array, /, *, output_size: Any) -> Array:
    """The means of windows that are laid out to give a size."""
    if all(m == 1 for m in output_size):
        wide = _wide(x)
        if wide is None:
            return NotImplemented
        whole = int(np.prod(x.shape[2:]))
        # A product with ones is several times as fast as a sum along short rows.
        mean = wide.reshape(x.shape[0] * x.shape[1], whole) @ np.full(whole, 1 / whole, wide.dtype)
        return _narrow(mean, x.dtype).reshape(*x.shape[:2], *output_size)
    if 0 in output_size:
        return np.zeros((*x.shape[:2], *output_size), x.dtype)
    return _interpolate(x, output_size, "area", None, False, False, False)


KERNELS: dict[str, Any] = {
    "interpolate": interpolate,
    "interpolate_transpose": interpolate_transpose,
    "adaptive_avg_pool": adaptive_avg_pool,
}
