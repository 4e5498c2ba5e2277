"""What the recurrent kernels share: living rows, the products before the time loop, and those after it.

A kernel works on packed rows (R, F): the living rows of step 0, then those of step 1, and so on. Without batch sizes
these are the operand's own rows.

The time loop is a chain of small calls, which keeps one core busy. Meanwhile another thread multiplies the inputs of
the steps ahead, or the gradients of those behind, in a few large products, for which it hardly needs the interpreter.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import memory, parallel

Array = np.ndarray
Sizes = tuple[int, ...] | None

# Elements of gates per block of the backward pass's preparation, which stay in a second-level cache.
BLOCK = 1 << 16
# BLAS is fastest where the length of a row is a multiple of this.
_ALIGN = 8
# From this many steps on copies of the weights, made for the time loop, are worth while.
MANY_STEPS = 4
# Below this many multiplications OpenBLAS neither packs its operands nor wakes threads: both cost more than they save.
_SMALL = 1_000_000
# Products up to this size are cut into such small ones, of columns no narrower than this.
_SPLIT = 4_000_000
_NARROWEST = 32
# A second thread is worth its hand-over for this many multiplications in all, while those of one step are few enough
# that they do not want the second core themselves.
_WORTH = 30_000_000
_STEP = 20_000_000
_PARTS = 8


def declines(x: Array, *others: Array | None) -> bool:
    """Say whether the operands are not what the kernels are made for."""
    return x.ndim != 3 or any(a is not None and a.dtype.char not in "fd" for a in (x, *others))


def spans(x: Array, sizes: Sizes, reverse: bool) -> list[tuple[int, int]]:
    """Return the packed rows (start, stop) of each step, in the order of the run."""
    steps, n, _ = x.shape
    found: list[tuple[int, int]] = []
    start = 0
    for size in (n,) * steps if sizes is None else sizes:
        found.append((start, start + size))
        start += size
    return found[::-1] if reverse else found


def _living(sizes: tuple[int, ...], n: int) -> Array:
    return np.flatnonzero(np.arange(n) < np.asarray(sizes)[:, None])


def pack(x: Array, sizes: Sizes) -> Array:
    """Return the living rows (R, F) of (T, N, F)."""
    rows = x.reshape(x.shape[0] * x.shape[1], x.shape[2])
    return rows if sizes is None else rows[_living(sizes, x.shape[1])]


def empty_rows(steps: int, n: int, width: int, dtype: Any, sizes: Sizes) -> tuple[Array, Array]:
    """Return an array (T, N, F) to be filled, and its packed rows; `unpack` brings the second into the first."""
    if sizes is None:
        full = np.empty((steps, n, width), dtype)
        return full, full.reshape(steps * n, width)
    return np.zeros((steps, n, width), dtype), np.empty((sum(sizes), width), dtype)


def unpack(full: Array, rows: Array, sizes: Sizes) -> Array:
    """Put packed rows in their places among zeros."""
    if sizes is not None:
        full.reshape(-1, full.shape[2])[_living(sizes, full.shape[1])] = rows
    return full


def reordered(weight: Array, hidden: int, order: tuple[int, ...]) -> Array:
    """Return a copy of (gates * H, ...) with the gates in another order."""
    return np.concatenate([weight[gate * hidden : (gate + 1) * hidden] for gate in order])


def restored(weight: Array, hidden: int, order: tuple[int, ...]) -> Array:
    """Return a copy with the gates in PyTorch's order again."""
    found = np.empty_like(weight)
    for place, gate in enumerate(order):
        found[gate * hidden : (gate + 1) * hidden] = weight[place * hidden : (place + 1) * hidden]
    return found


def added(one: Array | None, other: Array | None) -> Array | None:
    """Return the sum of two biases that may be missing."""
    return other if one is None else one if other is None else one + other


@contextlib.contextmanager
def _another_thread() -> Iterator[Callable[[Callable[[], object]], parallel.Task]]:
    """Give a function that starts jobs beside the caller, each of whose products stays on one thread."""
    tasks: list[parallel.Task] = []

    def start(job: Callable[[], object]) -> parallel.Task:
        tasks.append(parallel.Task(job))
        return tasks[-1]

    with memory.single_threaded_blas():
        try:
            yield start
        finally:
            for task in tasks:
                task.forget()


def _parts(steps: list[tuple[int, int]], products: int, of_a_step: int) -> list[list[tuple[int, int]]]:
    """Cut the steps into parts: one if a second thread would not be worth while."""
    if products < _WORTH or of_a_step > _STEP or len(steps) < 2 * _PARTS or parallel.get_num_threads() < 2:
        return [steps]
    size = -(-len(steps) // _PARTS)
    return [steps[k : k + size] for k in range(0, len(steps), size)]


def _rows(part: list[tuple[int, int]]) -> slice:
    return slice(min(part)[0], max(part)[1]) if part else slice(0, 0)


def fed(
    rows: Array, weight: Array, bias: Array | None, steps: list[tuple[int, int]], of_a_step: int
) -> Iterator[tuple[Array, list[tuple[int, int]]]]:
    """Go through the steps part by part; each comes with the products (R, C) of all rows, filled as far as the part.

    Parameters
    ----------
    rows : numpy.ndarray
        The packed inputs (R, I).
    weight, bias : numpy.ndarray
        (C, I) and (C,).
    steps : list
        As `spans` gives them.
    of_a_step : int
        How many multiplications a step makes itself.
    """
    few = len(rows) < len(weight)
    if bias is not None and not few:
        # A column of ones carries the biases.
        features = rows.shape[1]
        width = -(-(features + 1) // _ALIGN) * _ALIGN
        extended = np.zeros((rows.shape[0], width), rows.dtype)
        extended[:, :features] = rows
        extended[:, features] = 1
        wide = np.zeros((weight.shape[0], width), rows.dtype)
        wide[:, :features] = weight
        wide[:, features] = bias
        rows, weight = extended, wide
    out = np.empty((len(rows), len(weight)), rows.dtype)
    turned = weight.T

    def multiply(part: list[tuple[int, int]]) -> None:
        place = _rows(part)
        np.matmul(rows[place], turned, out=out[place])
        if bias is not None and few:
            np.add(out[place], bias, out=out[place])

    parts = _parts(steps, len(rows) * weight.size, of_a_step)
    if len(parts) == 1:
        multiply(steps)
        yield out, steps
        return
    with _another_thread() as start:
        tasks = [start(functools.partial(multiply, part)) for part in parts[1:]]
        multiply(parts[0])
        yield out, parts[0]
        for task, part in zip(tasks, parts[1:], strict=True):
            task.finish()
            yield out, part


def _sum(parts: list[Array]) -> Array | None:
    for part in parts[1:]:
        np.add(parts[0], part, out=parts[0])
    return parts[0] if parts else None


class Gradients:
    """The cotangents of inputs, weights and biases, from those of the gates' arguments.

    Parameters
    ----------
    into, within : numpy.ndarray
        Cotangents of the gates' arguments (R, C): what the inputs and what the states add to. `follow` reads them.
    x, sizes : numpy.ndarray, tuple of int or None
        The row's operand and its batch sizes.
    weight : numpy.ndarray
        (C, I), in the gates' order.
    earlier : Before or None
        The states before each row's step, if the cotangent of their weight is wanted.
    wants : sequence of bool
        Whether those of x and of its weight are wanted.

    Attributes
    ----------
    x, w_ih, w_hh : numpy.ndarray or None
        The cotangents, once `follow` is through.
    """

    def __init__(
        self, into: Array, within: Array, x: Array, sizes: Sizes, weight: Array, earlier: Before | None,
        wants: tuple[bool, ...],
    ) -> None:  # fmt: skip
        self._into, self._within, self._weight, self._earlier, self._sizes = into, within, weight, earlier, sizes
        self._full: Array | None = None
        self._x_rows: Array | None = None
        if wants[0]:
            steps, n, features = x.shape
            self._full, self._x_rows = empty_rows(steps, n, features, x.dtype, sizes)
        self._rows = pack(x, sizes) if wants[1] else None
        width = (2 if wants[0] and wants[1] else 1 if wants[0] or wants[1] else 0) * weight.shape[1]
        self._products = into.size * width + (within.size * earlier.width if earlier is not None else 0)
        self.x: Array | None = None
        self.w_ih: Array | None = None
        self.w_hh: Array | None = None

    def _job(self, place: slice, sums: tuple[Array | None, Array | None]) -> None:
        into = self._into[place]
        if self._x_rows is not None:
            np.matmul(into, self._weight, out=self._x_rows[place])
        if self._rows is not None:
            np.matmul(into.T, self._rows[place], out=sums[0])
        if self._earlier is not None:
            np.matmul(self._within[place].T, self._earlier[place], out=sums[1])

    def follow(self, steps: list[tuple[int, int]], of_a_step: int) -> Iterator[list[tuple[int, int]]]:
        """Go through the steps part by part, and take up what each has left in the cotangents of the arguments."""
        parts = _parts(steps, self._products, of_a_step)
        if len(parts) > 1:
            # What the last steps leave is shared in the end.
            last = parts.pop()
            parts += [half for half in (last[: len(last) // 2], last[len(last) // 2 :]) if half]
        dtype, count = self._weight.dtype, len(parts)
        w_ih = [np.empty(self._weight.shape, dtype) for _ in parts if self._rows is not None]
        shape = (self._within.shape[1], 0 if self._earlier is None else self._earlier.width)
        w_hh = [np.empty(shape, dtype) for _ in parts if self._earlier is not None]

        def job(k: int) -> Callable[[], object]:
            sums = (w_ih[k] if w_ih else None, w_hh[k] if w_hh else None)
            return lambda: self._job(_rows(parts[k]), sums)

        if count == 1:
            yield steps
            job(0)()
        else:
            with _another_thread() as start:
                tasks = []
                for k, part in enumerate(parts):
                    yield part
                    tasks.append(start(job(k)))
                # The other thread takes the oldest first.
                for task in reversed(tasks):
                    task.finish()
        # In this order, whoever did them: the same numbers each time.
        self.w_ih, self.w_hh = _sum(w_ih), _sum(w_hh)
        if self._full is not None and self._x_rows is not None:
            self.x = unpack(self._full, self._x_rows, self._sizes)


def columns(weight: Array, n: int) -> Array:
    """Return a weight (K, C) in blocks of columns (B, K, C / B) that are small products with a state (n, K)."""
    inner, width = weight.shape
    count = 1
    if n * weight.size <= _SPLIT:
        while n * inner * (width // count) > _SMALL and width % (2 * count) == 0 and width >= 2 * count * _NARROWEST:
            count *= 2
        if n * inner * (width // count) > _SMALL:
            count = 1
    return weight.reshape(inner, count, width // count).transpose(1, 0, 2)


def alike(result: Array, weight: Array) -> Array:
    """Return a view of a result (n, C) as the blocks (B, n, C / B) that the product with `columns` fills."""
    return result.reshape(result.shape[0], weight.shape[0], weight.shape[2]).transpose(1, 0, 2)


class Before:
    """The states before each packed row's step, without a copy of them where all rows live as long.

    Parameters
    ----------
    first : numpy.ndarray
        The first states (N, P).
    after : numpy.ndarray
        The states after each row's step (R, P).
    steps : list
        As `spans` gives them.
    """

    def __init__(self, first: Array, after: Array, steps: list[tuple[int, int]]) -> None:
        self._first, self._after, self._found = first, after, None
        self.width = first.shape[1]
        self._backwards = len(steps) > 1 and steps[0][0] > steps[1][0]
        if any(stop - start != len(first) for start, stop in steps):
            self._found = np.empty_like(after)
            state = first.copy()
            for start, stop in steps:
                living = state[: stop - start]
                self._found[start:stop] = living
                living[...] = after[start:stop]

    def __getitem__(self, rows: slice) -> Array:
        if self._found is not None:
            return self._found[rows]
        n, count, low, high = len(self._first), len(self._after), rows.start, rows.stop
        if low == high:
            return self._after[:0]
        if self._backwards:
            if high <= count - n:
                return self._after[low + n : high + n]
            return np.concatenate((self._after[low + n :], self._first))
        return self._after[low - n : high - n] if low else np.concatenate((self._first, self._after[: high - n]))


def sum_of_rows(deltas: Array) -> Array:
    """Return the cotangent of a bias (C,)."""
    return np.matmul(np.ones(len(deltas), deltas.dtype), deltas)


def blocks(steps: list[tuple[int, int]], most: int) -> list[list[tuple[int, int]]]:
    """Group neighbouring steps of equal size that have at most so many rows together, or are alone."""
    found: list[list[tuple[int, int]]] = []
    for start, stop in steps:
        size = stop - start
        alike = found and found[-1][0][1] - found[-1][0][0] == size
        if not alike or (len(found[-1]) + 1) * size > most:
            found.append([])
        found[-1].append((start, stop))
    return found
