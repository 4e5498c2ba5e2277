"""The norm of many arrays together, and cutting many arrays down by it or by value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core.dtypes import as_dtype
from ...core.primitives.clipping import SMALL, norm_dtype
from . import parallel
from .layout import is_dense
from .optimizer_blocks import BLOCK, flat_pieces

# Writes what becomes of an array, or of a piece of it, into another.
Body = Callable[[np.ndarray, np.ndarray], Any]

# Arrays up to so many elements are joined before they are looked at, if there are at least so many.
_SMALL, _MANY = 1 << 10, 3
# A ufunc of a number takes so many elements in less time than it takes to find `clip`, which is vectorized.
_FEW = 1 << 8


def total_norm(tensors: Sequence[np.ndarray], /, *, norm_type: float) -> np.ndarray:
    """The norm of all elements of all arrays together."""
    first = tensors[0].dtype
    if first.kind == "f" and all(x.dtype is first for x in tensors):
        made = first
    else:
        made = np.dtype(norm_dtype([as_dtype(x.dtype) for x in tensors]).name)
    with np.errstate(all="ignore"):
        return np.array(global_norm(tensors) if norm_type == 2.0 else _other_norm(tensors, norm_type), made)


def global_norm(arrays: Sequence[np.ndarray]) -> float:
    """The 2-norm of all elements of all arrays together.

    Blocks are summed in their own dtype and added up in double precision; where that overflows or vanishes, all is
    done again in scaled double precision.
    """
    total = 0.0
    with np.errstate(all="ignore"):
        for x in _joined(arrays):
            total += _over_blocks(x, _squares, sum)
        if 1e-30 < total < math.inf:
            return math.sqrt(total)
        flats = [_flat(x).astype(np.float64) for x in arrays if x.size]
        top = max((float(np.max(np.abs(flat))) for flat in flats), default=0.0)
        if any(np.isnan(flat).any() for flat in flats):
            return math.nan
        if top == 0.0 or math.isinf(top):
            return top
        return top * math.sqrt(sum(float(np.dot(flat / top, flat / top)) for flat in flats))


def _joined(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return arrays that hold the elements of all, small ones joined."""
    found: list[np.ndarray] = []
    small: dict[Any, list[np.ndarray]] = {}
    for x in arrays:
        if x.size > _SMALL:
            found.append(x)
        elif x.size:
            small.setdefault(x.dtype, []).append(x)
    for members in small.values():
        found += members if len(members) < _MANY else [np.concatenate(members, axis=None)]
    return found


def _flat(x: np.ndarray) -> np.ndarray:
    """Return an array's real numbers as one axis."""
    return flat_pieces(x if is_dense(x) else x.copy())


def _squares(block: np.ndarray) -> float:
    if block.dtype.itemsize == 2 or block.dtype.kind != "f":
        block = block.astype(np.float64 if block.dtype.kind in "iub" else np.float32)
    return float(np.dot(block, block))


def _over_blocks(x: np.ndarray, of_block: Callable[[np.ndarray], float], join: Callable[..., float]) -> float:
    """Return what the blocks of an array give, joined in their order whoever computes them."""
    flat = _flat(x) if of_block is _squares else (x if is_dense(x) else x.copy()).reshape(-1)
    count = -(-flat.size // BLOCK)
    if count < 2:
        return of_block(flat)
    found = [0.0] * count

    def work(spans: Iterator[tuple[int, int]]) -> None:
        with np.errstate(all="ignore"):
            for first, last in spans:
                for i in range(first, last):
                    found[i] = of_block(flat[i * BLOCK : (i + 1) * BLOCK])

    parallel.for_blocks(work, count, 1)
    return join(found)


def _largest(values: Sequence[float]) -> float:
    return float(np.max(values))


def _smallest(values: Sequence[float]) -> float:
    return float(np.min(values))


def _other_norm(arrays: Sequence[np.ndarray], order: float) -> float:
    """Return the norm of an order other than 2, computed in 32 bits at least."""

    def sizes(block: np.ndarray) -> np.ndarray:
        # ml_dtypes's bfloat16 is of kind V.
        return np.abs(block.astype(np.float32) if block.dtype.itemsize == 2 else block)

    def largest(block: np.ndarray) -> float:
        if block.dtype.kind != "f":
            return float(sizes(block).max())
        # Both are no number, or neither is.
        most, least = float(block.max()), float(block.min())
        return most if most > -least else -least

    by_order: dict[float, tuple[Callable[[np.ndarray], float], Callable[..., float]]] = {
        math.inf: (largest, _largest),
        -math.inf: (lambda block: float(np.min(sizes(block))), _smallest),
        0.0: (lambda block: float(np.count_nonzero(block)), sum),
        1.0: (lambda block: float(np.sum(sizes(block))), sum),
    }
    of_block, join = by_order.get(order, (lambda block: float(np.sum(np.power(sizes(block), order))), sum))
    found = [_over_blocks(x, of_block, join) for x in _joined(arrays)]
    if not found:
        return 0.0
    total = join(found)
    return total if order in by_order else float(np.power(total, 1.0 / order))


def clip_norm_step(
    grads: list[np.ndarray], total: np.ndarray, /, *, max_norm: float, donate: bool = False
) -> tuple[list[np.ndarray]]:
    """Scale gradients by what their norm is too large."""
    with np.errstate(all="ignore"):
        # As the norm's own dtype has it, but for 16 bits.
        wide = total.astype(np.float32) if total.dtype.itemsize == 2 else total
        scale = np.divide(wide.dtype.type(max_norm), wide + wide.dtype.type(SMALL))
    if not scale < 1 and not np.isnan(scale):
        return (grads if donate else [g.copy() for g in grads],)

    def make(dtype: np.dtype) -> Body:
        real = np.dtype(np.float32) if dtype.itemsize == 2 else np.empty(0, dtype).real.dtype
        factor = scale.astype(real)
        return lambda g, out: np.multiply(g, factor, out=out, casting="unsafe")

    return (_each(grads, make, donate),)


def clip_value_step(grads: list[np.ndarray], /, *, bound: float, donate: bool = False) -> tuple[list[np.ndarray]]:
    """Cut gradients off."""

    def make(dtype: np.dtype) -> Body:
        least, most = np.array(-bound, dtype), np.array(bound, dtype)

        def body(g: np.ndarray, out: np.ndarray) -> None:
            if g.size > _FEW and dtype.kind == "f":
                g.clip(least, most, out=out)
            else:
                np.minimum(np.maximum(g, least, out=out), most, out=out)

        return body

    return (_each(grads, make, donate),)


def _each(arrays: list[np.ndarray], make: Callable[[np.dtype], Body], donate: bool) -> list[np.ndarray]:
    """Return what is made of each array by the body of its dtype, large ones shared by threads."""
    found = arrays if donate else [np.empty_like(x) for x in arrays]
    dtype: Any = None
    body: Any = None
    with np.errstate(all="ignore"):
        for x, out in zip(arrays, found, strict=True):
            if x.dtype is not dtype:
                dtype = x.dtype
                body = make(dtype)
            if x.size < 2 * BLOCK or not (x.flags.c_contiguous and out.flags.c_contiguous):
                body(x, out)
            else:
                _shared(x.reshape(-1), out.reshape(-1), body)
    return found


def _shared(flat: np.ndarray, out: np.ndarray, body: Body) -> None:
    """Run a body on blocks of an array."""

    def work(spans: Iterator[tuple[int, int]]) -> None:
        with np.errstate(all="ignore"):
            for start, stop in spans:
                body(flat[start:stop], out[start:stop])

    parallel.for_blocks(work, flat.size)


KERNELS: dict[str, Callable[..., Any]] = {
    "total_norm": total_norm,
    "clip_norm_step": clip_norm_step,
    "clip_value_step": clip_value_step,
}
