"""Blocks of rows that stay in cache, and one number for each row.

NumPy's iterator works in buffers of 8192 elements and writes out what it repeats along a shorter row, at half the speed
of a plain loop; with smaller buffers it does not. Still shorter rows are served by a product of inner length 2 with
ones, which BLAS spreads faster than NumPy's loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from . import memory, parallel

Array = np.ndarray

# Bytes of input per block: small enough for the caches, large enough that the calls between blocks cost little.
BLOCK_BYTES = 512 << 10

# Elements from which on blocks are shared by threads.
SHARED = 1 << 18

# Elements of the iterator's buffer, and from which length on a row is worked through without one.
LONG = 512


@contextlib.contextmanager
def plain_loops(length: int) -> Iterator[None]:
    """Let NumPy's loops run along rows of a length as they are, and keep quiet about what is not finite."""
    with np.errstate(all="ignore"):
        if length >= LONG:
            np.setbufsize(LONG)  # errstate puts it back
        yield


def step_of(rows: int, row_bytes: int) -> int:
    """How many rows make a block."""
    return max(1, min(rows, BLOCK_BYTES // max(1, row_bytes)))


def for_rows(
    work: Callable[[Iterator[tuple[int, int]]], None], rows: int, step: int, size: int, length: int
) -> None:
    """Give blocks of rows to `work`, on threads where the whole has many elements: BLAS then stays on its thread.

    Parameters
    ----------
    work : callable
        Takes an iterator over ``(start, stop)``; it is called once per thread.
    rows, step : int
        How many rows there are, and in a block.
    size : int
        Elements of the whole.
    length : int
        Of what is one row to NumPy's loops.
    """

    if rows <= step:
        # Small calls are many: no generator, no buffers to think of.
        with np.errstate(all="ignore"):
            work(iter(((0, rows),)))
        return

    def quiet(blocks: Iterator[tuple[int, int]]) -> None:
        with plain_loops(length):
            work(blocks)

    if size >= SHARED and parallel.get_num_threads() > 1:
        with memory.single_threaded_blas():
            parallel.for_blocks(quiet, rows, step, least=2)
    else:
        quiet((start, min(start + step, rows)) for start in range(0, rows, step))


def times(block: Array, factors: Array, out: Array, scratch: Array) -> Array:
    """Write rows (m, n), each times its own factor (m,), to `out`; `scratch` may be `out`."""
    if block.shape[1] >= LONG or block.shape[1] == 1:
        return np.multiply(block, factors[:, None], out=out)
    return np.multiply(block, spread(factors, scratch[: block.shape[0]]), out=out)


def plus(target: Array, terms: Array, scratch: Array) -> None:
    """Add to each row (m, n) its own term (m,), in place."""
    if target.shape[1] >= LONG or target.shape[1] == 1:
        target += terms[:, None]
    else:
        target += spread(terms, scratch[: target.shape[0]])


def spread(values: Array, out: Array) -> Array:
    """Fill each row of `out` (m, n) with its own number (m,)."""
    # A product of inner length 1 would go a slow way in BLAS.
    pair = np.zeros((values.shape[0], 2), out.dtype)
    pair[:, 0] = values
    return np.matmul(pair, np.ones((2, out.shape[1]), out.dtype), out=out)


def sums(block: Array) -> Array:
    """Sum rows (m, n)."""
    return block @ np.ones(block.shape[1], block.dtype) if block.shape[1] > 1 else block[:, 0]


def dots(a: Array, b: Array, scratch: Array) -> Array:
    """Sum the products of two (m, n) along rows."""
    if a.shape[1] >= 64:
        return np.vecdot(a, b)
    return sums(np.multiply(a, b, out=scratch[: a.shape[0]]))
