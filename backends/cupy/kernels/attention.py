"""Attention on a card, without the whole matrix of scores."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....core.backend import Kernel
from ..launch import Launcher, type_of_dtype, without_residuals

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
NOWHERE = np.zeros((), VIEW)


class Laid(NamedTuple):
    """How an operand lies, its strides in bytes."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any


class Made(NamedTuple):
    """How a result is made: an array of a shape, and the axes that it is then seen with."""

    shape: tuple[int, ...]
    axes: tuple[int, ...] | None
    laid: Laid


class Way(NamedTuple):
    """Which kernels, and how many rows a block of them has."""

    file: str
    forward: str
    backward: str
    rows: int
    grad_rows: int
    threads: int


class Problem(NamedTuple):
    """What is worked out once for operands that lie alike."""

    way: Way
    # By operand: what kernels are told of where its elements are, and whether they may lie on 16 bytes.
    views: tuple[tuple[tuple[int, ...], bool] | None, ...]
    # What kernels are told whose blocks have queries, and how many blocks; then, whose blocks have keys.
    by_query: tuple[Any, int]
    by_key: tuple[Any, int]


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def by_rows(array: Any) -> Any:
        """An array whose rows' elements lie side by side."""
        side_by_side = array.shape[-1] == 1 or array.strides[-1] == array.itemsize
        return array if side_by_side else gpu.contiguous(array)

    def views(problem: Problem, *operands: Any) -> list[Any]:
        """What kernels are told of the operands."""
        return [
            NOWHERE if known is None else view(gpu.address(x), *known)
            for x, known in zip(operands, problem.views, strict=True)
        ]

    def new(made: Made, dtype: Any) -> Any:
        array = gpu.empty(made.shape, dtype)
        return array if made.axes is None else array.transpose(made.axes)

    def train(q: Any, k: Any, v: Any, mask: Any = None, /, *, is_causal: bool, scale: float) -> Any:
        if declines(q.shape, k.shape, v.shape, None if mask is None else mask.shape, q.dtype, k.dtype, v.dtype):
            return NotImplemented
        q, k, v = by_rows(q), by_rows(k), by_rows(v)
        made = arranged((*q.shape[:-1], v.shape[-1]), laid(q))
        problem = problem_of((*map(laid, (q, k, v, mask)), made.laid), is_causal, scale, gpu.capability())
        if problem is None:
            return NotImplemented
        out, lse = new(made, q.dtype), gpu.empty(q.shape[:-1], gpu.computed(q))
        told, blocks = problem.by_query
        way = problem.way
        gpu.run(way.file, way.forward, blocks, way.threads, *views(problem, q, k, v, mask, out), lse, told)
        return out, (lse,)

    def vjp(
        xp: Any, g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, lse: Any, is_causal: bool, scale: float,
        wants: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        if g.dtype != q.dtype or (len(wants) > 3 and wants[3]):
            # A mask is data, seldom differentiated: the row does it.
            return NotImplemented
        g, q, k, v, out = (by_rows(x) for x in (g, q, k, v, out))
        made = tuple(arranged(x.shape, laid(x)) for x in (q, k, v))
        lies = (*map(laid, (q, k, v, mask, g, out)), *(m.laid for m in made))
        problem = problem_of(lies, is_causal, scale, gpu.capability(), True)
        if problem is None:
            return NotImplemented
        wanted = (wants[0], wants[1] or wants[2], wants[1] or wants[2])
        found = [new(m, q.dtype) if want else q for m, want in zip(made, wanted, strict=True)]
        at_q, at_k, at_v, at_mask, at_g, at_out, *at = views(problem, q, k, v, mask, g, out, *found)
        way, shares = problem.way, gpu.empty(lse.shape, lse.dtype)
        told, blocks = problem.by_query
        kind = type_of_dtype(q.dtype)
        gpu.run("attention", f"attention_shares<{kind}>", -(-lse.size // 8), 256, at_g, at_out, shares, told)
        if wanted[0]:
            gpu.run(
                way.file, way.backward + "false>", blocks, way.threads, at_q, at_g, at_k, at_v, at_mask, lse, shares,
                at[0], NOWHERE, told,
            )  # fmt: skip
        if wanted[1]:
            told, blocks = problem.by_key
            gpu.run(
                way.file, way.backward + "true>", blocks, way.threads, at_k, at_v, at_q, at_g, at_mask, lse, shares,
                at[1], at[2], told,
            )  # fmt: skip
        return *(x if want else None for x, want in zip(found, wants, strict=False)), None

    return {"attention": Kernel(without_residuals(train), train, vjp, ("lse",))}


def laid(array: Any) -> Laid | None:
    """Return how an operand lies."""
    return None if array is None else Laid(array.shape, array.strides, array.dtype)


def view(at: int, steps: tuple[int, ...], even: bool) -> Any:
    """Return what kernels are told of an operand at an address."""
    return np.frombuffer(struct.pack("<Q6q", at, *steps, even and at % 16 == 0), VIEW).reshape(())


@lru_cache(maxsize=4096)
def declines(
    q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...], mask: tuple[int, ...] | None, *dtypes: Any
) -> bool:
    """Say whether the kernels do not take operands of these shapes and dtypes."""
    if type_of_dtype(dtypes[0]) is None or any(dtype != dtypes[0] for dtype in dtypes):
        return True
    if max(q[-1], v[-1]) > MOST_FEATURES or 0 in q + k + v:
        return True
    # What a kernel counts in 32 bits, with room for a tile.
    if max(math.prod(q[:-1]), math.prod(q[:-2]) * k[-2]) > MOST // 2:
        return True
    lead = q[:-2]
    ahead, keys, values = (_ahead(x, len(lead)) for x in (mask or (), k, v))
    if any(len(x) != len(lead) for x in (ahead, keys, values)) or keys != values:
        return True
    return any(n not in (1, m) for x in (ahead, keys) for n, m in zip(x, lead, strict=True))


def _ahead(shape: tuple[int, ...], axes: int) -> tuple[int, ...]:
    """The axes of batches of a shape, as many at least."""
    return (1,) * (axes - len(shape[:-2])) + shape[:-2]


@lru_cache(maxsize=4096)
def arranged(shape: tuple[int, ...], like: Laid) -> Made:
    """Return how an array is made whose axes lie in memory in the order of another one's; the last axis is the last."""
    last = len(shape) - 1
    order = sorted(range(last), key=lambda axis: -abs(like.strides[axis]))
    made, step, steps = (*(shape[axis] for axis in order), shape[last]), like.dtype.itemsize, [0] * last
    step *= shape[last]
    for axis in reversed(order):
        steps[axis] = step
        step *= shape[axis]
    strides = (*steps, like.dtype.itemsize)
    axes = None if order == sorted(order) else (*(order.index(axis) for axis in range(last)), last)
    return Made(made, axes, Laid(shape, strides, like.dtype))


@lru_cache(maxsize=4096)
def problem_of(
    lies: tuple[Laid | None, ...], causal: bool, scale: float, capability: int, backward: bool = False
) -> Problem | None:
    """Return what is worked out once for operands that lie alike, None where their batches have too many axes.

    Parameters
    ----------
    lies : tuple of Laid or None
        Queries, keys, values, the mask and what else kernels are told of.
    causal, scale, capability, backward : bool, float, int, bool
        The row's statics, the card's capability, and whether blocks are the gradients'.
    """
    q, k, v, mask = lies[:4]
    assert q is not None and k is not None and v is not None
    found = _batches(lies, q.shape[:-2], _ahead(k.shape, len(q.shape) - 2))
    if found is None:
        return None
    sizes, shared, strides = found
    way = _way(q.dtype, max(q.shape[-1], v.shape[-1]), capability)
    kind = 0 if mask is None else 1 if mask.dtype.kind == "b" else 2

    def plan(rows: int, tile: int, batches: int) -> tuple[Any, int]:
        tiles = -(-rows // tile)
        packed = struct.pack(
            "<d14i", scale, *sizes, *shared, q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1], kind, causal, tiles, 0
        )
        return np.frombuffer(packed, PLAN).reshape(()), tiles * batches

    apart = math.prod(n for n, flag in zip(sizes, shared, strict=True) if not flag)
    views = tuple(None if x is None else _view(x, steps) for x, steps in zip(lies, strides, strict=True))
    by_query = plan(q.shape[-2], way.grad_rows if backward else way.rows, math.prod(sizes))
    return Problem(way, views, by_query, plan(k.shape[-2], way.grad_rows, apart))


def _view(x: Laid, by_axis: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
    size = x.dtype.itemsize
    (rows, columns), (by_row, by_column) = ((1, 1, *x.shape)[-2:], (0, 0, *x.strides)[-2:])
    by_row, by_column = by_row // size if rows > 1 else 0, by_column // size if columns > 1 else 0
    even = not any(n * size % 16 for n in (columns, by_row, *by_axis))
    return (*by_axis, by_row, by_column), even


def _way(dtype: Any, wide: int, capability: int) -> Way:
    kind = type_of_dtype(dtype)
    if dtype.itemsize == 2 and capability >= TENSOR_CORES:
        instance = f"{kind}, {next(w for w in (32, 64, MOST_FEATURES) if wide <= w)}"
        return Way("attention_mma", f"attention_mma<{instance}>", f"attention_mma_grad<{instance}, ", 128, 64, 128)
    instance = f"{kind}, {'true' if wide > 64 else 'false'}"
    tile = (64 if wide > 64 else 128) // max(dtype.itemsize, 4)
    return Way("attention", f"attention<{instance}>", f"attention_grad<{instance}, ", tile, tile, 4 * tile)


def _batches(lies: tuple[Laid | None, ...], lead: tuple[int, ...], keys: tuple[int, ...]) -> Any:
    """The axes of batches as kernels count them, those in one that lie behind each other in all operands.

    Sizes, whether keys are shared along them, and by operand how far apart they are in elements.
    """
    strides = [_steps(len(lead), x) for x in lies]
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
    found += [(1, 0, (0,) * len(lies))] * (AXES - len(found))
    sizes, flags, steps = zip(*reversed(found), strict=True)
    return sizes, flags, tuple(zip(*steps, strict=True))


def _steps(axes: int, x: Laid | None) -> tuple[int, ...]:
    """How far apart the batches of an operand are along each axis, in elements; 0 where it repeats."""
    if x is None:
        return (0,) * axes
    size = x.dtype.itemsize
    steps = tuple(0 if n == 1 else s // size for n, s in zip(x.shape[:-2], x.strides[:-2], strict=True))
    return (0,) * (axes - len(steps)) + steps
