"""References of selecting by rank, running extrema and reductions of segments: loops over plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _each_line(function: Callable[[list[Any]], list[Any]], x: Any, axis: int) -> np.ndarray:
    lines = np.moveaxis(np.asarray(x), axis, -1)
    flat = [function(line) for line in lines.reshape(-1, lines.shape[-1]).tolist()]
    return np.moveaxis(np.asarray(flat).reshape(*lines.shape[:-1], -1), -1, axis)


def rank_index(x: Any, *, rank: Any, axis: int, nan: str) -> np.ndarray:
    def place(line: list[Any]) -> list[int]:
        lost = [i for i, v in enumerate(line) if v != v]
        real = sorted(v for v in line if v == v)
        if nan == "skipped":
            return [line.index(real[(len(real) - 1) // 2]) if real else lost[0]]
        at = (len(line) - 1) // 2 if rank is None else rank
        if lost and (nan == "wins" or at >= len(real)):
            return [lost[0]]
        return [line.index(real[at])]

    return _each_line(place, x, axis)


def running_extremum(x: Any, *, axis: int, maxima: bool) -> tuple[np.ndarray, np.ndarray]:
    def places(line: list[Any]) -> list[int]:
        found, best = [], 0
        for i, value in enumerate(line):
            held = line[best]
            if value != value or (held == held and (value >= held if maxima else value <= held)):
                best = i
            found.append(best)
        return found

    indices = _each_line(places, x, axis)
    return np.take_along_axis(np.asarray(x), indices, axis), indices


def running_logsumexp(x: Any, *, axis: int) -> np.ndarray:
    def sums(line: list[float]) -> list[float]:
        best = [max(line[: i + 1]) for i in range(len(line))]
        return [m + math.log(math.fsum(math.exp(v - m) for v in line[: i + 1])) for i, m in enumerate(best)]

    return _each_line(sums, np.asarray(x, dtype=np.float64), axis)


def segment_reduction(x: Any, lengths: Any, *, by: str) -> np.ndarray:
    x = np.asarray(x)
    if x.dtype.kind == "f":
        low, high = -math.inf, math.inf
    else:
        low, high = np.iinfo(x.dtype).min, np.iinfo(x.dtype).max
    function, start = {
        "sum": (np.add, 0), "prod": (np.multiply, 1), "max": (np.maximum, low), "min": (np.minimum, high),
    }[by]  # fmt: skip
    found = np.full((len(lengths), *x.shape[1:]), start, dtype=x.dtype)
    row = 0
    for segment, length in enumerate(lengths):
        for _ in range(length):
            found[segment] = function(found[segment], x[row])
            row += 1
    return found


def segment_argmax(x: Any, lengths: Any) -> np.ndarray:
    x = np.asarray(x)
    columns = x.reshape(len(x), -1).T.tolist()
    found = np.full((len(lengths), len(columns)), len(x), dtype=np.int64)
    begin = 0
    for segment, length in enumerate(lengths):
        for i, column in enumerate(columns):
            if length:
                found[segment, i] = begin + max(range(length), key=column[begin : begin + length].__getitem__)
        begin += length
    return found.reshape(len(lengths), *x.shape[1:])
