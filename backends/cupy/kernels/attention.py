"""Attention on a card, without the whole matrix of scores."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....core.backend import Kernel
from ..launch import Launcher, type_of, without_residuals

# As in attention.cuh.
VIEW = np.dtype(
    [("values", np.uint64), ("by_axis", np.int64, 3), *((n, np.int64) for n in ("by_row", "by_column", "aligned"))]
)
PLAN = np.dtype(
    [("scale", np.float64), ("sizes", np.int32, 3), ("shared", np.int32, 3), *((n, np.int32) for n in (
        "queries", "keys", "width", "value_width", "kind", "causal", "tiles", "unused"))]
)  # fmt: skip
AXES = 3
MOST_FEATURES = 128
# The least capability of a card whose tensor cores the kernels know.
TENSOR_CORES = 80
MOST = 2**31 - 1


class Batches(NamedTuple):
    """The axes of batches, as kernels count them: those that lie behind each other in all operands are one."""

    sizes: tuple[int, ...]
    shared: tuple[int, ...]
    # By operand.
    strides: tuple[tuple[int, ...], ...]


class Way(NamedTuple):
    """Which kernels, and how many rows a block of them has."""

    file: str
    forward: str
    backward: str
    rows: int
    grad_rows: int
    threads: int


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def way(q: Any, v: Any) -> Way:
        kind, wide = type_of(q), max(q.shape[-1], v.shape[-1])
        if q.dtype.itemsize == 2 and gpu.capability() >= TENSOR_CORES:
            instance = f"{kind}, {next(w for w in (32, 64, 128) if wide <= w)}"
            return Way("attention_mma", f"attention_mma<{instance}>", f"attention_mma_grad<{instance}, ", 128, 64, 128)
        instance = f"{kind}, {'true' if wide > 64 else 'false'}"
        tile = (64 if wide > 64 else 128) // gpu.computed(q).itemsize
        return Way("attention", f"attention<{instance}>", f"attention_grad<{instance}, ", tile, tile, 4 * tile)

    def by_rows(array: Any) -> Any:
        """An array whose rows' elements lie side by side."""
        side_by_side = array.shape[-1] == 1 or array.strides[-1] == array.itemsize
        return array if side_by_side else gpu.contiguous(array)

    def view(array: Any, by_axis: tuple[int, ...]) -> Any:
        """What kernels are told of an operand."""
        if array is None:
            return np.zeros((), VIEW)
        (*_, rows, columns), size = (1, 1, *array.shape), array.itemsize
        by_row = array.strides[-2] // size if rows > 1 else 0
        by_column = array.strides[-1] // size if columns > 1 else 0
        at = gpu.address(array)
        aligned = not (at % 16 or columns * size % 16 or any(n * size % 16 for n in (*by_axis, by_row)))
        return np.frombuffer(struct.pack("<Q6q", at, *by_axis, by_row, by_column, aligned), VIEW).reshape(())

    def arranged(shape: tuple[int, ...], like: Any) -> Any:
        """A new array whose axes lie in memory in the order of another one's; the last axis is the last."""
        order = sorted(range(len(shape) - 1), key=lambda axis: -abs(like.strides[axis]))
        if order == sorted(order):
            return gpu.empty(shape, like.dtype)
        made = gpu.empty([*(shape[axis] for axis in order), shape[-1]], like.dtype)
        return made.transpose([*(order.index(axis) for axis in range(len(order))), len(order)])

    def plan(
        q: Any, k: Any, v: Any, mask: Any, batches: Batches, causal: bool, scale: float, rows: int, tile: int
    ) -> tuple[Any, int]:
        """What kernels are told of the problem, and how many blocks of `tile` of so many rows a batch has."""
        kind = 0 if mask is None else 1 if mask.dtype.kind == "b" else 2
        tiles = -(-rows // tile)
        packed = struct.pack(
            "<d14i", scale, *batches.sizes, *batches.shared, q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1], kind,
            causal, tiles, 0,
        )  # fmt: skip
        return np.frombuffer(packed, PLAN).reshape(()), tiles

    def train(q: Any, k: Any, v: Any, mask: Any = None, /, *, is_causal: bool, scale: float) -> Any:
        if _declines(q, k, v, mask):
            return NotImplemented
        q, k, v = (by_rows(x) for x in (q, k, v))
        out = arranged((*q.shape[:-1], v.shape[-1]), q)
        batches = batches_of(q, k, v, mask, out)
        if batches is None:
            return NotImplemented
        chosen = way(q, v)
        lse = gpu.empty(q.shape[:-1], gpu.computed(q))
        told, tiles = plan(q, k, v, mask, batches, is_causal, scale, q.shape[-2], chosen.rows)
        views = [view(*pair) for pair in zip((q, k, v, mask, out), batches.strides, strict=True)]
        blocks = tiles * math.prod(batches.sizes)
        gpu.run(chosen.file, chosen.forward, blocks, chosen.threads, *views, lse, told)
        return out, (lse,)

    def vjp(
        xp: Any, g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, lse: Any, is_causal: bool, scale: float,
        wants: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        if g.dtype != q.dtype or (len(wants) > 3 and wants[3]):
            # A mask is data, seldom differentiated: the row does it.
            return NotImplemented
        g, q, k, v, out = (by_rows(x) for x in (g, q, k, v, out))
        by_query = arranged(q.shape, q) if wants[0] else None
        by_key, by_value = (arranged(k.shape, k), arranged(v.shape, v)) if wants[1] or wants[2] else (None, None)
        batches = batches_of(q, k, v, mask, out, g, by_query, by_key, by_value)
        if batches is None:
            return NotImplemented
        chosen = way(q, v)
        views = (q, k, v, mask, out, g, by_query, by_key, by_value)
        at_q, at_k, at_v, at_mask, at_out, at_g, *found = map(view, views, batches.strides)
        shares = gpu.empty(lse.shape, lse.dtype)
        told, tiles = plan(q, k, v, mask, batches, is_causal, scale, q.shape[-2], chosen.grad_rows)
        gpu.run("attention", f"attention_shares<{type_of(q)}>", -(-lse.size // 8), 256, at_g, at_out, shares, told)
        if by_query is not None:
            gpu.run(
                chosen.file, chosen.backward + "false>", tiles * math.prod(batches.sizes), chosen.threads, at_q, at_g,
                at_k, at_v, at_mask, lse, shares, found[0], found[0], told,
            )  # fmt: skip
        if by_key is not None:
            told, tiles = plan(q, k, v, mask, batches, is_causal, scale, k.shape[-2], chosen.grad_rows)
            apart = (n for n, shared in zip(batches.sizes, batches.shared, strict=True) if not shared)
            gpu.run(
                chosen.file, chosen.backward + "true>", tiles * math.prod(apart), chosen.threads, at_k, at_v, at_q,
                at_g, at_mask, lse, shares, found[1], found[2], told,
            )  # fmt: skip
        return by_query, by_key if wants[1] else None, by_value if wants[2] else None, None

    return {"attention": Kernel(without_residuals(train), train, vjp, ("lse",))}


def _declines(q: Any, k: Any, v: Any, mask: Any) -> bool:
    if type_of(q) is None or any(x.dtype != q.dtype for x in (k, v)):
        return True
    if max(q.shape[-1], v.shape[-1]) > MOST_FEATURES or 0 in q.shape + k.shape + v.shape:
        return True
    # What a kernel counts in 32 bits, with room for a tile.
    if max(math.prod(q.shape[:-1]), math.prod(q.shape[:-2]) * k.shape[-2]) > MOST // 2:
        return True
    lead = q.shape[:-2]
    ahead, keys, values = ((1,) * (len(lead) - len(x) + 2) + x[:-2] for x in (_two(mask), k.shape, v.shape))
    if any(len(x) != len(lead) for x in (ahead, keys, values)) or keys != values:
        return True
    return any(n not in (1, m) for x in (ahead, keys) for n, m in zip(x, lead, strict=True))


def _two(mask: Any) -> tuple[int, ...]:
    """The shape of a mask, of two axes at least."""
    shape = () if mask is None else tuple(mask.shape)
    return (1,) * (2 - len(shape)) + shape


def batches_of(q: Any, k: Any, *others: Any) -> Batches | None:
    """Return the axes of batches of the queries, along which keys and a mask may repeat; None where they are too many.

    Parameters
    ----------
    q, k, *others : array or None
        The operands.
    """
    told = tuple(None if x is None else (x.shape, x.strides, x.itemsize) for x in (q, k, *others))
    return _batches(told)


@lru_cache(maxsize=1024)
def _batches(told: Sequence[Any]) -> Batches | None:
    lead = told[0][0][:-2]
    keys = (1,) * (len(lead) - len(told[1][0]) + 2) + told[1][0][:-2]
    strides = [_steps(len(lead), x) for x in told]
    found: list[tuple[int, int, tuple[int, ...]]] = []
    for axis in range(len(lead) - 1, -1, -1):
        size, shared, steps = lead[axis], int(keys[axis] == 1), tuple(x[axis] for x in strides)
        if size == 1:
            continue
        if found:
            inner, inner_shared, inner_steps = found[-1]
            if shared == inner_shared and all(a == b * inner for a, b in zip(steps, inner_steps, strict=True)):
                found[-1] = (size * inner, shared, inner_steps)
                continue
        found.append((size, shared, steps))
    if len(found) > AXES:
        return None
    found += [(1, 0, (0,) * len(told))] * (AXES - len(found))
    sizes, flags, steps = zip(*reversed(found), strict=True)
    return Batches(sizes, flags, tuple(zip(*steps, strict=True)))


def _steps(axes: int, told: Any) -> tuple[int, ...]:
    """How far apart the batches of an operand are along each axis, in elements; 0 where it repeats."""
    if told is None:
        return (0,) * axes
    shape, strides, itemsize = told
    steps = tuple(0 if n == 1 else s // itemsize for n, s in zip(shape[:-2], strides[:-2], strict=True))
    return (0,) * (axes - len(steps)) + steps
