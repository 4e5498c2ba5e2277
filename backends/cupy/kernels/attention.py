"""Attention on a card, without the whole matrix of scores."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....core.backend import Kernel
from ....core.precision import get_float32_matmul_precision
from ..launch import Launcher, type_of_dtype, without_residuals

# As in attention.cuh.
VIEW = np.dtype(
    [("values", np.uint64), ("by_axis", np.int64, 3), *((n, np.int64) for n in ("by_row", "by_column", "aligned"))]
)
PLAN = np.dtype(
    [("scale", np.float64), ("sizes", np.int32, 3), ("shared", np.int32, 3), *((n, np.int32) for n in (
        "queries", "keys", "width", "value_width", "kind", "causal", "tiles", "padded"))]
)  # fmt: skip
AXES = 3
# Of tensor cores' kernels of 16-bit floats; others take half as many.
MOST_FEATURES = 256
# The least capability of a card whose tensor cores the kernels know.
TENSOR_CORES = 80
# How many rows a warp of theirs has at once, and how many warps a block.
BAND, WARPS = 16, 4
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
    """Which kernels, how many rows a block of them has, and what shared memory it is given."""

    file: str
    forward: str
    backward: str
    shares: str
    rows: int
    grad_rows: int
    threads: int
    room: int = 0
    # For the gradient of the queries, and for those of keys and values, which so many blocks find for each key.
    grad_rooms: tuple[int, int] = (0, 0)
    parts: int = 1
    # What finds all gradients at once, if anything does.
    fused: str = ""
    fused_rows: int = 1
    fused_room: int = 0


class Problem(NamedTuple):
    """What is worked out once for operands that lie alike."""

    way: Way
    # By operand: what kernels are told of where its elements are, and whether they may lie on 16 bytes.
    views: tuple[tuple[tuple[int, ...], bool] | None, ...]
    # What kernels are told whose blocks have queries, and how many blocks; then, whose blocks have keys.
    by_query: tuple[Any, int]
    by_key: tuple[Any, int]
    # The same for all gradients at once, and how far apart the rows of the queries' are.
    fused: tuple[Any, int]
    padded: int


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
        lies = (*map(laid, (q, k, v, mask)), made.laid)
        problem = problem_of(lies, is_causal, scale, rounds(), gpu.capability(), gpu.room())
        if problem is None:
            return NotImplemented
        out, lse = new(made, q.dtype), gpu.empty(q.shape[:-1], gpu.computed(q))
        told, blocks = problem.by_query
        way = problem.way
        at = views(problem, q, k, v, mask, out)
        gpu.run(way.file, way.forward, blocks, way.threads, *at, lse, told, room=way.room)
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
        problem = problem_of(lies, is_causal, scale, rounds(), gpu.capability(), gpu.room(), True)
        if problem is None:
            return NotImplemented
        wanted = (wants[0], wants[1] or wants[2], wants[1] or wants[2])
        found = [new(m, q.dtype) if want else q for m, want in zip(made, wanted, strict=True)]
        at_q, at_k, at_v, at_mask, at_g, at_out, *at = views(problem, q, k, v, mask, g, out, *found)
        way, shares = problem.way, gpu.empty(lse.shape, lse.dtype)
        told, blocks = problem.by_query
        gpu.run("attention", way.shares, -(-lse.size // 8), 256, at_g, at_out, shares, told)
        if way.fused and all(wanted) and not gpu.deterministic:
            told, blocks = problem.fused
            sums = gpu.zeros((lse.size, problem.padded), np.float32)
            gpu.run(
                "attention_fused", way.fused, blocks, way.threads, at_k, at_v, at_q, at_g, at_mask, lse, shares, sums,
                at[1], at[2], told, room=way.fused_room,
            )  # fmt: skip
            gathered = f"attention_gathered<{type_of_dtype(q.dtype)}>"
            gpu.run("attention", gathered, -(-lse.size // 8), 256, sums, at[0], told)
            return *(x if want else None for x, want in zip(found, wants, strict=False)), None
        if wanted[0]:
            gpu.run(
                way.file, way.backward + "false>", blocks, way.threads, at_q, at_g, at_k, at_v, at_mask, lse, shares,
                at[0], NOWHERE, told, room=way.grad_rooms[0],
            )  # fmt: skip
        if wanted[1]:
            told, blocks = problem.by_key
            gpu.run(
                way.file, way.backward + "true>", (blocks, way.parts), way.threads, at_k, at_v, at_q, at_g, at_mask,
                lse, shares, at[1], at[2], told, room=way.grad_rooms[1],
            )  # fmt: skip
        return *(x if want else None for x, want in zip(found, wants, strict=False)), None

    return {"attention": Kernel(without_residuals(train), train, vjp, ("lse",))}


def rounds() -> bool:
    """Say whether tensor cores may round the factors of products of float32."""
    return get_float32_matmul_precision() != "highest"


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
    lies: tuple[Laid | None, ...], causal: bool, scale: float, rounded: bool, capability: int, room: int,
    backward: bool = False,
) -> Problem | None:
    """Return what is worked out once for operands that lie alike; None for too many axes of batches or features.

    Parameters
    ----------
    lies : tuple of Laid or None
        Queries, keys, values, the mask and what else kernels are told of.
    causal, scale, rounded, capability, room, backward : bool, float, bool, int, int, bool
        The row's statics, whether float32 may be rounded, the card's capability, what shared memory a block may have,
        and whether blocks are the gradients'.
    """
    q, k, v, mask = lies[:4]
    assert q is not None and k is not None and v is not None
    way = _way(q.dtype, max(q.shape[-1], v.shape[-1]), rounded, capability, room)
    found = _batches(lies, q.shape[:-2], _ahead(k.shape, len(q.shape) - 2))
    if way is None or found is None:
        return None
    sizes, shared, strides = found
    kind, padded = 0 if mask is None else 1 if mask.dtype.kind == "b" else 2, -(-q.shape[-1] // 8) * 8

    def plan(rows: int, tile: int, batches: int) -> tuple[Any, int]:
        tiles = -(-rows // tile)
        packed = struct.pack(
            "<d14i", scale, *sizes, *shared, q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1], kind, causal, tiles,
            padded,
        )  # fmt: skip
        return np.frombuffer(packed, PLAN).reshape(()), tiles * batches

    apart = math.prod(n for n, flag in zip(sizes, shared, strict=True) if not flag)
    views = tuple(None if x is None else _view(x, steps) for x, steps in zip(lies, strides, strict=True))
    by_query = plan(q.shape[-2], way.grad_rows if backward else way.rows, math.prod(sizes))
    by_key, fused = (plan(k.shape[-2], rows, apart) for rows in (way.grad_rows, way.fused_rows))
    return Problem(way, views, by_query, by_key, fused, padded)


def _view(x: Laid, by_axis: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
    size = x.dtype.itemsize
    (rows, columns), (by_row, by_column) = ((1, 1, *x.shape)[-2:], (0, 0, *x.strides)[-2:])
    by_row, by_column = by_row // size if rows > 1 else 0, by_column // size if columns > 1 else 0
    even = not any(n * size % 16 for n in (columns, by_row, *by_axis))
    return (*by_axis, by_row, by_column), even


def _way(dtype: Any, wide: int, rounded: bool, capability: int, room: int) -> Way | None:
    """The kernels for heads of `wide` features, None where there are none; tensor cores' where the card has room."""
    size = dtype.itemsize
    if capability >= TENSOR_CORES and wide <= MOST_FEATURES * 2 // size and (size == 2 or (size == 4 and rounded)):
        way = _on_tensor_cores(type_of_dtype(dtype), next(w for w in (32, 64, 128, 256) if wide <= w), size)
        if max(way.room, *way.grad_rooms) <= room:
            return way if way.fused_room <= room else way._replace(fused="")
    if wide > MOST_FEATURES // 2:
        return None
    kind = type_of_dtype(dtype)
    instance, shares = f"{kind}, {'true' if wide > 64 else 'false'}", f"attention_shares<{kind}, false>"
    tile = (64 if wide > 64 else 128) // max(size, 4)
    return Way("attention", f"attention<{instance}>", f"attention_grad<{instance}, ", shares, tile, tile, 4 * tile)


def _on_tensor_cores(kind: str | None, wide: int, size: int) -> Way:
    """The kernels of attention_mma.cu and attention_fused.cu; their tiles are said here again, for their room."""
    row, own = wide * size, BAND * WARPS
    rows, forward_step = own if wide > 128 else 2 * own, 2048 // wide if size == 4 else 32 if wide > 64 else 64

    def grad_room(by_key: bool) -> int:
        held = 0 if row > 256 else 1 if by_key and wide > 64 else 2
        step = 16 if held == 1 else 8192 // row if row > 128 else 64
        return (4 * step + (2 - held) * own) * row + 16 * step

    fused_rows, fused_step = own if row > 128 else 2 * own, (32 if size == 4 else 64) >> (wide > 64)
    fused_room = (2 * fused_rows + 4 * fused_step) * row + fused_rows * fused_step * size + 16 * fused_step
    heads = f"Heads<{kind}, {wide}>"
    return Way(
        file="attention_mma", forward=f"attention_mma<{heads}>", backward=f"attention_mma_grad<{heads}, ",
        shares=f"attention_shares<{kind}, {'true' if size == 4 else 'false'}>", rows=rows, grad_rows=own,
        threads=32 * WARPS, room=(rows + 2 * forward_step) * row, grad_rooms=(grad_room(False), grad_room(True)),
        parts=2 if wide > 128 else 1, fused=f"attention_fused_grad<{heads}>" if wide <= 128 else "",
        fused_rows=fused_rows, fused_room=fused_room if wide <= 128 else 0,
    )  # fmt: skip


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
