"""What elementwise kernels share: blocks that stay in cache, on several threads, and constants for fast ufuncs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from . import parallel
from .layout import laid_out_as

_FEW = 2048
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)


def _dense(x: np.ndarray) -> np.ndarray:
    """`x`, or a copy of it, without gaps between its elements (in any order of axes)."""
    if x.flags.c_contiguous:
        return x
    dense = np.empty_like(x)
    if dense.strides == x.strides:
        return x
    dense[...] = x
    return dense


def blockwise(
    body: Callable[..., None], inputs: tuple[np.ndarray, ...], outputs: int, scratch: int = 0, quiet: bool = True
) -> list[np.ndarray]:
    """Fresh arrays like the first input, filled by ``body(*inputs, *outputs, *scratch)`` on flat blocks."""
    first = inputs[0]
    n, dtype = first.size, first.dtype
    if n <= _FEW and outputs == 1 and not scratch and len(inputs) == 1 and first.flags.c_contiguous:
        # The lists below cost more than the work.
        result = np.empty(first.shape, dtype)
        with np.errstate(all="ignore"):
            body(first.reshape(-1), result.reshape(-1))
        return [result]
    block = parallel.BLOCK * 4 // dtype.itemsize
    if n <= block and all(array.flags.c_contiguous for array in inputs):
        shape = first.shape
        results = [np.empty(shape, dtype) for _ in range(outputs)]
        flat = [array.reshape(-1) for array in inputs]
        flat += [array.reshape(-1) for array in results]
        flat += [np.empty(n, dtype) for _ in range(scratch)]
        if quiet:
            with np.errstate(all="ignore"):
                body(*flat)
        else:
            body(*flat)
        return results
    first = _dense(first)
    arrays = [first, *(laid_out_as(other, first) for other in inputs[1:])]
    results = [np.empty_like(first) for _ in range(outputs)]
    flat = [array.ravel(order="K") for array in arrays + results]
    if n > 16 * block:
        # Fewer, larger blocks: the interpreter lock changes hands less often.
        block *= 2

    def work(spans: Iterator[tuple[int, int]]) -> None:
        buffers = parallel.scratch(np.empty, scratch, min(n, block), dtype)
        with np.errstate(all="ignore"):
            for start, stop in spans:
                body(*[array[start:stop] for array in flat], *[buffer[: stop - start] for buffer in buffers])

    # A kernel with scratch does enough to each block that two of them are worth a thread.
    parallel.for_blocks(work, n, block, least=2 if scratch else 4)
    return results


@lru_cache(maxsize=256)
def constants(dtype: np.dtype, *values: float) -> tuple[np.ndarray, ...]:
    # 0-d arrays: a ufunc takes 0.3 µs less with them than with Python floats.
    return tuple(np.array(value, dtype) for value in values)


@lru_cache(maxsize=16)
def _filled(dtype: np.dtype, value: float) -> np.ndarray:
    array = np.full(parallel.BLOCK * 8 // dtype.itemsize, value, dtype)
    array.flags.writeable = False
    return array


def level(x: np.ndarray, value: float) -> np.ndarray:
    """`value` as the second operand of a maximum or minimum: they run three times slower with a scalar."""
    n = x.size
    return constants(x.dtype, value)[0] if n < 1024 else _filled(x.dtype, value)[:n]


def horner(coefficients: tuple[np.ndarray, ...], t: np.ndarray, out: np.ndarray) -> None:
    *rest, before, last = coefficients
    np.multiply(t, last, out=out)
    np.add(out, before, out=out)
    for coefficient in reversed(rest):
        np.multiply(out, t, out=out)
        np.add(out, coefficient, out=out)


def served(x: np.ndarray) -> bool:
    return x.dtype == FLOAT32 or x.dtype == FLOAT64


def _scale(g: np.ndarray, d: np.ndarray) -> np.ndarray:
    if d.size <= parallel.BLOCK or g.strides != d.strides:
        return np.multiply(g, d, out=np.empty_like(d))
    return blockwise(lambda d, g, out: np.multiply(g, d, out=out), (d, g), 1, quiet=False)[0]


def scale_vjp(xp: Any, g: np.ndarray, derivative: np.ndarray, wants: tuple[bool, ...]) -> tuple[np.ndarray | None]:
    return (_scale(g, derivative) if wants[0] else None,)


def exp_of_negative(x: np.ndarray, out: np.ndarray) -> None:
    """e to the power -x."""
    np.negative(x, out=out)
    np.exp(out, out=out)
