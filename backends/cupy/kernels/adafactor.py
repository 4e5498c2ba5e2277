"""Adafactor's steps on a card: a few launches for as many parameters as a kernel's argument has room for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..launch import TYPES, Launcher, float64, type_of
from .parameters import arguments

# As in adafactor.cu.
MOST, TILE = 30, 4096
THREADS = 256
_ADDRESSES = ("params", "grads", "rows", "columns", "to_params", "to_rows", "to_columns", "room")
_SIZES, _NUMBERS = ("count", "height", "width"), ("keep", "least", "size")
_CUTS = ("whole", "tall", "wide", "tiles", "blocks")
MATRICES = np.dtype([
    *((name, np.uint64, MOST) for name in _ADDRESSES), *((name, np.int64, MOST) for name in _SIZES),
    *((name, np.float64, MOST) for name in _NUMBERS), *((name, np.int32, MOST) for name in _CUTS),
    ("members", np.int32), ("pad", np.int32),
])  # fmt: skip


def cut(count: int, height: int, width: int) -> tuple[int, int, int]:
    """Return of how many matrices, rows and columns the tiles of so many matrices of a size are."""
    if height * width <= TILE:
        return min(count, TILE // (height * width)), height, width
    # Wide enough for whole lines of memory, and as wide as it may be where there are few rows.
    wide = min(width, TILE // min(height, 32))
    return 1, min(height, TILE // wide), wide


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def run(kernel: str, table: Any, blocks: Sequence[int], *told: Any) -> None:
        """Run a kernel, whose blocks are told for each parameter."""
        ends = np.cumsum(blocks)
        table["blocks"][: len(ends)] = ends
        gpu.run("adafactor", kernel, int(ends[-1]), THREADS, table, *arguments(told))

    def adafactor_step(
        params: list[Any], grads: list[Any], row_vars: list[Any], col_vars: list[Any], variances: list[Any], /, *,
        steps: Sequence[float], lr: float, beta2_decay: float, eps1: Sequence[float], eps2: float, d: float,
        weight_decay: float, maximize: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        lists = [params, grads, row_vars, col_vars] if row_vars else [params, grads, variances]
        if any(type_of(p) is None or any(x[i].dtype != p.dtype for x in lists) for i, p in enumerate(params)):
            return NotImplemented
        read = [[gpu.contiguous(x) for x in arrays] for arrays in lists]
        to = [x if donate else [gpu.empty_like(y) for y in x] for k, x in enumerate(read) if k != 1]
        kinds: dict[str, list[int]] = {}
        for i, p in enumerate(params):
            if p.size:
                kinds.setdefault(TYPES[p.dtype.name], []).append(i)
        work = matrices if row_vars else vectors
        for kind, members in kinds.items():
            for start in range(0, len(members), MOST):
                chosen = members[start : start + MOST]
                table = np.zeros((), MATRICES)
                given = [[arrays[i] for i in chosen] for arrays in (*read, *to)]
                names = [n for n in _ADDRESSES[:-1] if row_vars or not n.endswith("columns")]
                for name, arrays in zip(names, given, strict=True):
                    table[name][: len(chosen)] = [gpu.address(x) for x in arrays]
                table["keep"][: len(chosen)] = [1 - steps[i] ** beta2_decay for i in chosen]
                table["least"][: len(chosen)] = [eps1[i] for i in chosen]
                table["size"][: len(chosen)] = [min(lr, 1 / math.sqrt(steps[i])) for i in chosen]
                table["members"] = len(chosen)
                how = 1 - lr * weight_decay, bool(maximize)
                work(kind, table, given[0], partial(run_sizes, table, eps2, d), how)
        new = iter(to)
        return next(new), *([next(new), next(new), []] if row_vars else [[], [], next(new)])

    def run_sizes(table: Any, least: float, clip: float) -> None:
        gpu.run("adafactor", "adafactor_sizes", int(table["members"]), THREADS, table, float64(least), float64(clip))

    def room(table: Any, sizes: Sequence[int]) -> Any:
        """Return room of so many numbers for each parameter, written into the table."""
        found = gpu.empty((sum(sizes),), np.float64)
        starts = np.cumsum([0, *sizes[:-1]])
        table["room"][: len(sizes)] = gpu.address(found) + starts * found.itemsize
        return found

    def matrices(kind: str, table: Any, params: list[Any], sizes: Callable[[], None], how: Any) -> None:
        shapes = [(math.prod(p.shape[:-2]), *p.shape[-2:]) for p in params]
        cuts = [cut(*shape) for shape in shapes]
        places = [
            tuple(-(-n // k) for n, k in zip(shape, tile, strict=True))
            for shape, tile in zip(shapes, cuts, strict=True)
        ]
        tiles = [math.prod(place) for place in places]
        for names, values in ((_SIZES, shapes), (_CUTS, cuts)):
            for k, name in enumerate(names[:3]):
                table[name][: len(params)] = [value[k] for value in values]
        table["tiles"][: len(params)] = tiles
        large = [down * across > 1 for _, down, across in places]
        held = room(table, [
            2 * n + 1 + count + (count * (across * height + down * width) if several else 0)
            for n, several, (count, height, width), (_, down, across) in zip(tiles, large, shapes, places, strict=True)
        ])  # fmt: skip
        run(f"adafactor_squares<{kind}>", table, tiles)
        if any(large):
            run(f"adafactor_factors<{kind}>", table, [
                -(-count * (height + width) // THREADS) if several else 0
                for several, (count, height, width) in zip(large, shapes, strict=True)
            ])  # fmt: skip
        run(f"adafactor_means<{kind}>", table, [n if h > 64 else -(-n // THREADS) for n, h, _ in shapes])
        run(f"adafactor_steps<{kind}>", table, tiles)
        sizes()
        run(f"adafactor_taken<{kind}>", table, tiles, *how)
        del held

    def vectors(kind: str, table: Any, params: list[Any], sizes: Callable[[], None], how: Any) -> None:
        tiles = [-(-p.size // TILE) for p in params]
        for name, values in (("width", [p.size for p in params]), ("tiles", tiles)):
            table[name][: len(params)] = values
        for name in ("count", "height", "whole", "tall", "wide"):
            table[name] = 1
        held = room(table, [2 * n + 1 for n in tiles])
        run(f"adafactor_variances<{kind}>", table, tiles)
        sizes()
        run(f"adafactor_vectors<{kind}>", table, tiles, *how)
        del held

    return {"adafactor_step": adafactor_step}
