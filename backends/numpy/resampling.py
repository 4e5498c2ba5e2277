"""Resampling one axis after the other: weighted sums of inputs, planned once for each pair of sizes.

Outputs that repeat one pattern (twice the size: every second output sees its inputs with the same weights) are
computed together by strided views; others by taking each tap's inputs for all outputs at once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...core.primitives.resampling import is_identity, sources
from .pooling_grid import block_of, for_planes, planes_of

Array = np.ndarray


class Run(NamedTuple):
    """Outputs in equal steps that sum inputs in equal steps with the same weights."""

    out: slice
    inputs: tuple[slice, ...]
    weights: tuple[float, ...]


class Pattern(NamedTuple):
    """An axis of whole periods: output ``period * q + r`` sums inputs ``step * q + offset`` for each q but at the ends.

    Along the last axis the periods of all rows follow one another, so that all rows are computed as one.
    """

    period: int
    step: int
    # For each r: offsets and weights.
    phases: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]
    # The outputs near the ends, one by one.
    ends: tuple[Run, ...]


class Taken(NamedTuple):
    """Outputs of as many inputs each: sources and weights of (outputs, taps)."""

    out: Any
    places: Array
    weights: Array


class Plan(NamedTuple):
    """How the outputs of one axis are computed."""

    size: int
    runs: tuple[Run, ...]
    pattern: Pattern | None
    taken: tuple[Taken, ...]
    empty: tuple[int, ...]


Rows = list[list[tuple[int, float]]]

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
        np, n, m, np.dtype(dtype), np.float32, np.float64, mode=mode, scale_factor=scale_factor,
        align_corners=align_corners, antialias=antialias,
    )  # fmt: skip
    if weights is None:
        weights = np.ones(places.shape, dtype)
    # What only fills up the table has no weight; taps of interpolation keep theirs, and their NaN.
    drop = mode == "area" or antialias
    rows: Rows = [
        [(int(p), float(w)) for p, w in zip(ps, ws, strict=True) if w or not drop]
        for ps, ws in zip(places, weights, strict=True)
    ]
    if transposed:
        columns: Rows = [[] for _ in range(n)]
        for i, row in enumerate(rows):
            for place, weight in row:
                columns[place].append((i, weight))
        rows = columns
    empty = tuple(i for i, row in enumerate(rows) if not row)
    period, runs = min(((p, _runs(rows, p)) for p in _PERIODS), key=lambda found: len(found[1]))
    # Many views of long periods, each of several taps, are slower than taking.
    short = period <= 2 or max(map(len, rows)) == 1
    if short and len(runs) <= max(8, _RUNS_PER_OUTPUT * len(rows)):
        pattern = None if empty else _pattern(rows, m if transposed else n, period)
        return Plan(len(rows), tuple(runs), pattern, (), empty)
    return Plan(len(rows), (), None, tuple(_taken(rows, np.dtype(dtype))), empty)


def _run(rows: Rows, first: int, count: int, period: int, step: int) -> Run:
    inputs = tuple(slice(p, p + (count - 1) * step + 1, step) for p, _ in rows[first])
    return Run(slice(first, first + (count - 1) * period + 1, period), inputs, tuple(w for _, w in rows[first]))


def _moved(row: list[tuple[int, float]], other: list[tuple[int, float]], by: int) -> bool:
    """Whether a row is another one, moved along the inputs."""
    return len(row) == len(other) and all(p == q + by and w == v for (p, w), (q, v) in zip(row, other, strict=True))


def _runs(rows: Rows, period: int) -> list[Run]:
    found: list[Run] = []
    for phase in range(min(period, len(rows))):
        line = [i for i in range(phase, len(rows), period) if rows[i]]
        at = 0
        while at < len(line):
            first, end, step = rows[line[at]], at + 1, 0
            while end < len(line) and line[end] - line[end - 1] == period:
                ahead = rows[line[end]][0][0] - rows[line[end - 1]][0][0]
                if ahead < 1 or (step and ahead != step) or not _moved(rows[line[end]], first, ahead * (end - at)):
                    break
                step, end = ahead, end + 1
            found.append(_run(rows, line[at], end - at, period, max(step, 1)))
            at = end
    return found


def _pattern(rows: Rows, inputs: int, period: int) -> Pattern | None:
    """The pattern of an axis of whole periods, as the periods in its middle show it."""
    whole = len(rows) // period
    if len(rows) % period or whole < 4 or inputs % whole:
        return None
    step, middle = inputs // whole, whole // 2
    base = [rows[middle * period + r] for r in range(period)]
    ends = [
        _run(rows, q * period + r, 1, 1, 1)
        for q in range(whole)
        for r in range(period)
        if not _moved(rows[q * period + r], base[r], step * (q - middle))
    ]
    if len(ends) > len(rows) // 4 + 4:
        return None
    phases = tuple((tuple(p - middle * step for p, _ in row), tuple(w for _, w in row)) for row in base)
    return Pattern(period, step, phases, tuple(ends))


def _taken(rows: Rows, dtype: np.dtype) -> Iterator[Taken]:
    for taps in sorted({len(row) for row in rows} - {0}):
        own = [i for i, row in enumerate(rows) if len(row) == taps]
        whole = own == list(range(own[0], own[-1] + 1))
        places = np.asarray([[p for p, _ in rows[i]] for i in own])
        weights = np.asarray([[w for _, w in rows[i]] for i in own], dtype)
        yield Taken(slice(own[0], own[-1] + 1) if whole else np.asarray(own), places, weights)


def _along(x: Array, how: Plan) -> Array:
    """Resample the middle axis of x (planes, n, inner)."""
    out = np.empty((x.shape[0], how.size, x.shape[2]), x.dtype)
    if how.pattern is not None and x.shape[2] == 1:
        _all_rows(x, how.pattern, out)
        return out
    for run in how.runs:
        _weighted(out[:, run.out], [x[:, cut] for cut in run.inputs], run.weights)
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


def _all_rows(x: Array, how: Pattern, out: Array) -> None:
    """Resample the last axis of all rows as if they were one; what reaches over a row's end is written again."""
    source, target = np.ascontiguousarray(x).reshape(-1), out.reshape(-1)
    periods = source.size // how.step
    for r, (offsets, weights) in enumerate(how.phases):
        low = max(0, -(min(offsets) // how.step))
        high = min(periods, (source.size - 1 - max(offsets)) // how.step + 1)
        if high <= low:
            continue
        views = [source[low * how.step + o : (high - 1) * how.step + o + 1 : how.step] for o in offsets]
        place = target[low * how.period + r : (high - 1) * how.period + r + 1 : how.period]
        if len(views) == 1 or how.period == 1:
            _weighted(place, views, weights)
        else:
            total = np.empty(high - low, x.dtype)
            _weighted(total, views, weights)
            np.copyto(place, total)
    for run in how.ends:
        _weighted(out[:, run.out], [x[:, cut] for cut in run.inputs], run.weights)


def _weighted(target: Array, views: list[Array], weights: tuple[float, ...]) -> None:
    """Write a weighted sum; what has one weight is added up first."""
    first, filled = np.empty(0), False
    for weight in dict.fromkeys(weights):
        own = [view for view, w in zip(views, weights, strict=True) if w == weight]
        if not filled:
            total = target
        elif first.shape != target.shape:
            total = first = np.empty(target.shape, target.dtype)
        else:
            total = first
        if len(own) > 1:
            np.add(own[0], own[1], out=total)
            for view in own[2:]:
                total += view
            if weight != 1:
                total *= total.dtype.type(weight)
        elif weight == 1:
            np.copyto(total, own[0])
        else:
            np.multiply(own[0], total.dtype.type(weight), out=total)
        if filled:
            target += total
        filled = True


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
    largest = max(math.prod(sizes), math.prod(final), 1)

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        for start, stop in blocks:
            block = planes[start:stop]
            for _, _, i, how in sorted(steps, key=lambda s: s[:2]):
                shape = block.shape
                lead, inner = math.prod(shape[: 1 + i]), math.prod(shape[2 + i :])
                block = _along(block.reshape(lead, shape[1 + i], inner), how)
                block = block.reshape(*shape[: 1 + i], how.size, *shape[2 + i :])
            out[start:stop] = block

    for_planes(work, len(planes), block_of(len(planes), largest * x.itemsize))
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
        share = wide * wide.dtype.type(1 / math.prod(size))
        return np.ascontiguousarray(np.broadcast_to(_narrow(share, x.dtype), (*x.shape[:2], *size)))
    return _interpolate(x, size, mode, scale_factor, align_corners, antialias, True)


def adaptive_avg_pool(x: Array, /, *, output_size: Any) -> Array:
    """The means of windows that are laid out to give a size."""
    if all(m == 1 for m in output_size):
        wide = _wide(x)
        if wide is None:
            return NotImplemented
        whole = math.prod(x.shape[2:])
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
