"""Attention over long sequences, in tiles of scores that stay in cache (Dao et al., FlashAttention, 2022).

A tile is a product of a block of queries and a block of keys; the whole score matrix never exists, neither forward nor
backward. Each row of it leaves the sum of its exponentials behind, from which the weights are computed again. What is
taken off a whole row of a tile rides along in the matrix product as one more feature, whose other factor is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from . import memory, parallel

Array = np.ndarray

# Rows and columns of a tile: a quarter of a megabyte of float32. BLAS is at its best with square ones.
ROWS, COLUMNS = 256, 256

# Scores from which on heads are shared by threads.
_SHARED = 1 << 18

# Elements up to which a boolean mask is written out as numbers, as a whole and not by tiles.
_SMALL_MASK = 1 << 22

_ALL = slice(None)


class Tile(NamedTuple):
    """Queries and keys of a tile, and whether some of its keys lie in some query's future."""

    rows: slice
    keys: slice
    cut: bool


def tiles(length: int, keys: int, causal: bool) -> tuple[list[list[Tile]], int]:
    """The tiles, by blocks of queries, and their width; causal ones with nothing to see are left out."""
    rows = _even(length, ROWS)
    columns = _even(keys, max(COLUMNS, ROWS * COLUMNS // rows))
    blocks = []
    for r in range(0, length, rows):
        stop = min(r + rows, length)
        seen = min(keys, stop) if causal else keys
        blocks.append(
            [
                Tile(slice(r, stop), slice(c, min(c + columns, seen)), causal and min(c + columns, seen) > r + 1)
                for c in range(0, seen, columns)
            ]
        )
    return blocks, columns


def _even(n: int, about: int) -> int:
    """The size of pieces of about one size, none of which is much smaller."""
    return -(-n // max(1, round(n / about)))


class Problem:
    """One call: operands that broadcast to a common batch, the mask, and what all tiles need to know."""

    def __init__(
        self, q: Array, k: Array, v: Array, mask: Array | None, batch: tuple[int, ...], causal: bool, scale: float
    ) -> None:
        self.q, self.k, self.v, self.batch = q, k, v, batch
        self.dtype = q.dtype
        if mask is not None:
            mask = mask.reshape((1,) * (2 - mask.ndim) + mask.shape)
            if mask.dtype.kind == "b" and mask.size <= _SMALL_MASK:
                # To add a number is faster than to choose one.
                mask = np.where(mask, q.dtype.type(0), q.dtype.type(-np.inf))
        self.mask = mask
        self.scale = q.dtype.type(scale)
        self.tiles, self.width = tiles(q.shape[-2], k.shape[-2], causal)
        self.keys = k.shape[-2]
        sizes = [(t.rows.stop - t.rows.start) * (t.keys.stop - t.keys.start) for row in self.tiles for t in row]
        self.largest = max(sizes)
        self.size = math.prod(batch) * q.shape[-2] * k.shape[-2]
        self.threads = parallel.get_num_threads() if self.size >= _SHARED else 1
        self._triangles: dict[tuple[int, int, int], Array] = {}

    def hide(self, scores: Array, tile: Tile, place: tuple[int, ...]) -> None:
        """Add the mask to a tile of scores, in place."""
        if self.mask is not None:
            part = self.mask[at(self.mask, place)]
            part = part[tile.rows if part.shape[0] > 1 else _ALL, tile.keys if part.shape[1] > 1 else _ALL]
            if part.dtype.kind == "b":
                np.copyto(scores, -np.inf, where=np.logical_not(part))
            else:
                scores += part
        if tile.cut:
            scores += self._triangle(tile.rows.start - tile.keys.start, *scores.shape)

    def _triangle(self, offset: int, rows: int, columns: int) -> Array:
        key = (offset, rows, columns)
        found = self._triangles.get(key)
        if found is None:
            future = np.arange(columns) > np.arange(offset, offset + rows)[:, None]
            found = self._triangles[key] = np.where(future, self.dtype.type(-np.inf), self.dtype.type(0))
        return found

    def places(self, shared: tuple[Array, ...] = ()) -> list[list[tuple[int, ...]]]:
        """All places of the batch; those that fall on the same part of an array in `shared` together."""
        if not shared or all(x.shape[:-2] == self.batch for x in shared):
            return [[place] for place in product(*map(range, self.batch))]
        if any(math.prod(x.shape[:-2]) == 1 for x in shared):
            return [list(product(*map(range, self.batch)))]
        # Places that share one array's part may share another's with a third: join what is connected.
        groups: dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]] = {}
        for place in product(*map(range, self.batch)):
            joined = [place]
            for key in [(n, at(x, place)) for n, x in enumerate(shared)]:
                found = groups.get(key)
                if found is not None and found is not joined:
                    found += [other for other in joined if other not in found]
                    joined = found
            for other in joined:
                for key in [(n, at(x, other)) for n, x in enumerate(shared)]:
                    groups[key] = joined
        return list({id(group): group for group in groups.values()}.values())

    def run(self, work: Callable[[int], None], jobs: int) -> None:
        """Do the work of all jobs, on threads where there is much: each product then stays on its thread."""

        def each(parts: Iterator[tuple[int, int]]) -> None:
            with np.errstate(all="ignore"):
                for start, stop in parts:
                    for job in range(start, stop):
                        work(job)

        if self.threads > 1 and jobs > 1:
            with memory.single_threaded_blas():
                parallel.for_blocks(each, jobs, 1, least=1)
        else:
            each(iter([(0, jobs)]))


def at(x: Array, place: tuple[int, ...]) -> tuple[int, ...]:
    """The index of a place of the batch in an array that broadcasts to it."""
    axes = x.ndim - 2
    return tuple([i if n > 1 else 0 for n, i in zip(x.shape[:axes], place[len(place) - axes :], strict=True)])


def _kept(powers: Array | None, batch: tuple[int, ...], place: tuple[int, ...]) -> Array | None:
    """What is kept of a place, of the first ones only."""
    if powers is None:
        return None
    number = 0
    for n, i in zip(batch, place, strict=True):
        number = number * n + i
    return powers[number] if number < powers.shape[0] else None


def _tile_of(kept: Array, tile: Tile, keys: int) -> Array:
    """A tile's part of what is kept of a place, in one piece."""
    count, width = tile.rows.stop - tile.rows.start, tile.keys.stop - tile.keys.start
    start = tile.rows.start * keys + count * tile.keys.start
    return kept[start : start + count * width].reshape(count, width)


def forward(task: Problem, out: Array, sums: Array, tops: Array | None, powers: Array | None) -> None:
    """Write the result to `out` (..., L, Ev), and to `sums` (..., L, 1) the sum of exp(scores - tops) of each row.

    Without `tops` nothing is taken off before exp. `powers` (n, L·S) takes exp(scores) of the first n places, by tiles.
    """
    places = task.places()
    parts = _parts(task, len(places))

    def work(job: int) -> None:
        (place,), part = places[job // parts], job % parts
        buffer = np.empty(task.largest, task.dtype)
        ones = np.ones(task.keys, task.dtype)
        keys, values = _turned(task.k[at(task.k, place)], task.width), task.v[at(task.v, place)]
        queries = task.q[at(task.q, place)]
        for row in task.tiles[part::parts]:
            where = row[0].rows
            top = None if tops is None else tops[place][where]
            block = queries[where] * task.scale
            acc, total = out[place][where], sums[place][where]
            kept = _kept(powers, task.batch, place)
            _forward_rows(task, place, row, block, keys, values, buffer, ones, acc, total, top, kept)

    task.run(work, len(places) * parts)


def _parts(task: Problem, jobs: int) -> int:
    """Into how many parts the rows of each job fall, so that no thread is idle for long."""
    return 1 if task.threads < 2 or jobs >= 4 * task.threads else min(2 * task.threads, len(task.tiles))


def _forward_rows(
    task: Problem, place: tuple[int, ...], row: list[Tile], block: Array, keys: list[Array], values: Array,
    buffer: Array, ones: Array, acc: Array, total: Array, top: Array | None, kept: Array | None,
) -> None:  # fmt: skip
    count = block.shape[0]
    for n, tile in enumerate(row):
        width = tile.keys.stop - tile.keys.start
        scores = np.matmul(block, keys[n][:-1, :width], out=buffer[: count * width].reshape(count, width))
        task.hide(scores, tile, place)
        if top is not None:
            new = np.maximum.reduce(scores, axis=-1, keepdims=True)
            np.maximum(new, top if n else np.finfo(new.dtype).min, out=new)
            scores -= new
            if n:
                shrink = np.exp(top - new)
                total *= shrink
                acc *= shrink
            top[...] = new
        scores = np.exp(scores, out=scores if kept is None else _tile_of(kept, tile, task.keys))
        part = (scores @ ones[:width])[:, None]
        if n:
            total += part
            acc += scores @ values[tile.keys]
        else:
            total[...] = part
            np.matmul(scores, values[tile.keys], out=acc)
    # A row that may look at nothing gives 0, as in PyTorch.
    np.copyto(total, 1, where=total == 0)
    acc /= total


def backward(
    task: Problem, g: Array, out: Array, sums: Array, tops: Array | None, powers: Array | None,
    dq: Array | None, dk: Array | None, dv: Array | None, dmask: Array | None,
) -> None:  # fmt: skip
    """Fill the cotangents that are wanted, each as its operand lies (a broadcast one is added up).

    With P the weights: dV = P^T g, dS = P (g V^T - rowsum(g out)), dQ = scale dS K, dK = scale dS^T Q.
    """
    # Places that add to the same cotangent stay on one thread.
    places = task.places(tuple(x for x in (dq, dk, dv, dmask) if x is not None))
    # Rows of one place on several threads add to sums of their own.
    parts = _parts(task, len(places)) if dmask is None else 1
    for x in (dq, dk, dv, dmask):
        if x is not None and (x is dmask or x.shape[:-2] != task.batch):
            x[...] = 0
    own: list[tuple[list[tuple[Array, Array]], ...]] = [([], []) for _ in range(len(places) * parts)]

    def work(job: int) -> None:
        group, part = places[job // parts], job % parts
        buffers = [np.empty(task.largest, task.dtype) for _ in range(2)]
        for place in group:
            totals: list[_Total | None] = []
            for x, kept in zip((dk, dv), own[job], strict=True):
                target = None if x is None else x[at(x, place)]
                if target is not None and part:
                    kept.append((target, np.empty(target.shape, target.dtype)))
                    target = kept[-1][1]
                fresh = x is not None and (part > 0 or x.shape[:-2] == task.batch)
                totals.append(None if target is None else _Total(target, task.width, fresh))
            _backward_rows(
                task, place, task.tiles[part::parts], g[place], out[place], sums[place],
                _kept(powers, task.batch, place), None if tops is None else tops[place],
                None if dq is None else dq[at(dq, place)],
                dq is not None and dq.shape[:-2] == task.batch, totals[0], totals[1],
                None if dmask is None else dmask[at(dmask, place)], buffers,
            )  # fmt: skip
            for total in totals:
                if total is not None:
                    total.finish()

    task.run(work, len(places) * parts)
    for kept in own:
        for target, value in (*kept[0], *kept[1]):
            target += value


class _Total:
    """A sum over blocks of queries, by tiles of keys; what is first written to a fresh tile is not added."""

    def __init__(self, target: Array, width: int, fresh: bool) -> None:
        self.target, self.width = target, width
        self.fresh = [fresh] * -(-target.shape[0] // width)

    def add(self, n: int, keys: slice, x1: Array, x2: Array) -> None:
        """Add a product to tile n, or to its first keys."""
        part = self.target[keys]
        if self.fresh[n]:
            self.fresh[n] = False
            whole = self.target[n * self.width : (n + 1) * self.width]
            if whole.shape == part.shape:
                np.matmul(x1, x2, out=part)
                return
            whole[...] = 0
        part += x1 @ x2

    def finish(self) -> None:
        """Zero the tiles that nothing was added to."""
        for n, fresh in enumerate(self.fresh):
            if fresh:
                self.target[n * self.width : (n + 1) * self.width] = 0


def _backward_rows(
    task: Problem, place: tuple[int, ...], rows: list[list[Tile]], cotangent: Array, out: Array, sums: Array,
    kept: Array | None, tops: Array | None, dq: Array | None, fresh: bool, dk: _Total | None, dv: _Total | None,
    dmask: Array | None, buffers: list[Array],
) -> None:  # fmt: skip
    queries, keys, values = (x[at(x, place)] for x in (task.q, task.k, task.v))
    want_scores = dq is not None or dk is not None or dmask is not None
    keys_t = _turned(keys, task.width) if kept is None else []
    scaled = keys * task.scale if dq is not None else keys
    values_t = _turned(values, task.width) if want_scores else None
    for row in rows:
        where = row[0].rows
        count = where.stop - where.start
        block = np.empty((count, queries.shape[1] + 1), task.dtype)
        np.multiply(queries[where], task.scale, out=block[:, :-1])
        upper = cotangent[where]
        if tops is None and kept is None:
            # exp(score - log(sum)) is the weight itself.
            np.negative(np.log(sums[where]), out=block[:, -1:])
        else:
            block[:, -1] = 0
            upper = upper / sums[where]
        wide = np.empty((count, upper.shape[1] + 1), task.dtype)
        wide[:, :-1] = upper
        # A broadcast cotangent would be copied again for each product.
        upper = wide[:, :-1]
        np.negative(np.vecdot(upper, out[where]), out=wide[:, -1])
        down = None if dq is None else dq[where]
        for n, tile in enumerate(row):
            width = tile.keys.stop - tile.keys.start
            one, two = (b[: count * width].reshape(count, width) for b in buffers)
            if kept is not None:
                p = _tile_of(kept, tile, task.keys)
            else:
                p = np.matmul(block, keys_t[n][:, :width], out=one)
                task.hide(p, tile, place)
                if tops is not None:
                    p -= tops[where]
                np.exp(p, out=p)
            if dv is not None:
                dv.add(n, tile.keys, p.T, upper)
            if values_t is None:
                continue
            ds = np.matmul(wide, values_t[n][:, :width], out=two)
            ds *= p
            if dmask is not None:
                _add_to_mask(dmask, tile, ds)
            if dk is not None:
                dk.add(n, tile.keys, ds.T, block[:, :-1])
            if down is not None:
                if fresh and n == 0:
                    np.matmul(ds, scaled[tile.keys], out=down)
                else:
                    down += ds @ scaled[tile.keys]


def _turned(x: Array, width: int) -> list[Array]:
    """(S, E) as arrays (E + 1, width) for one tile each, with a last row of ones."""
    found = []
    for start in range(0, x.shape[0], width):
        part = x[start : start + width]
        out = np.empty((x.shape[1] + 1, part.shape[0]), x.dtype)
        out[:-1] = part.T
        out[-1] = 1
        found.append(out)
    return found


def _add_to_mask(dmask: Array, tile: Tile, ds: Array) -> None:
    """Add a tile of cotangents to those of a mask (L or 1, S or 1)."""
    if dmask.shape[0] == 1:
        ds = np.add.reduce(ds, axis=0, keepdims=True)
    if dmask.shape[1] == 1:
        ds = np.add.reduce(ds, axis=1, keepdims=True)
    dmask[tile.rows if dmask.shape[0] > 1 else _ALL, tile.keys if dmask.shape[1] > 1 else _ALL] += ds
