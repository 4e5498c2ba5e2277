"""Blocks of a large array on several threads.

NumPy releases the interpreter lock inside a ufunc, so that blocks of some hundred kilobytes scale well over a few
threads; below about half a million elements the hand-over costs more than it brings, and everything runs on the
caller's thread. Blocks are handed out one by one, since the other core may be busy: a BLAS worker spins on for a while
after its call.

This module does not import NumPy.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

# Elements of one block: with two or three arrays of float32 in play a block stays in a 1 MB second-level cache.
BLOCK = 1 << 16

# Beyond this many threads the interpreter lock is what they wait for.
_MOST = 8

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_threads: int | None = None


def get_num_threads() -> int:
    """Number of threads that share a large elementwise kernel."""
    global _threads
    if _threads is None:
        try:
            cores = len(os.sched_getaffinity(0))
        except AttributeError:  # not on macOS and Windows
            cores = os.cpu_count() or 1
        _threads = min(cores, _MOST)
    return _threads


def set_num_threads(n: int) -> None:
    """Set the number of threads that share a large elementwise kernel; 1 keeps everything on the caller's thread."""
    global _threads, _pool
    with _lock:
        if _pool is not None and n != _threads:
            _pool.shutdown(wait=False)
            _pool = None
        _threads = min(n, _MOST)


def for_blocks(
    work: Callable[[Iterator[tuple[int, int]]], None], n: int, block: int = BLOCK, least: int = 4
) -> None:
    """Cover ``range(n)`` by blocks, on several threads where `n` is large enough.

    Parameters
    ----------
    work : callable
        Takes an iterator over ``(start, stop)`` and handles each. It is called once per thread, so that scratch
        arrays allocated in it belong to one thread.
    n : int
        Number of elements (or rows).
    block : int
        Length of a block, the last one may be shorter.
    least : int
        Blocks for each thread that make it worth while.
    """
    threads = min(get_num_threads(), n // (least * block))
    if threads < 2:
        work((start, min(start + block, n)) for start in range(0, n, block))
        return
    # `next` on a counter is atomic under the interpreter lock, a shared generator is not.
    counter = itertools.count()

    def blocks() -> Iterator[tuple[int, int]]:
        for i in counter:
            start = i * block
            if start >= n:
                return
            yield start, min(start + block, n)

    tasks = [Task(functools.partial(work, blocks())) for _ in range(threads - 1)]
    try:
        work(blocks())
    finally:
        # A worker that never got a core has nothing left to do; the others finish the block they hold.
        failures = [task.forget() for task in tasks]
    for failure in failures:
        if failure is not None:
            raise failure


class Task:
    """A job for another thread, which the caller may take back until it has begun.

    What is taken back stays in the pool's queue for a while, but holds the job's arrays no longer.

    Parameters
    ----------
    job : callable
        Takes nothing.
    """

    __slots__ = ("_future", "_job")

    def __init__(self, job: Callable[[], object]) -> None:
        self._job: Callable[[], object] | None = job
        self._future: Future[None] | None = None
        if get_num_threads() > 1:
            # The pool takes nothing more once the interpreter is shutting down.
            with contextlib.suppress(RuntimeError):
                self._future = _get_pool().submit(self._run)

    def _run(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job()

    def finish(self) -> None:
        """Return when the job is done; one that has not begun is done here."""
        if self._future is None or self._future.cancel():
            self._run()
        else:
            self._future.result()

    def forget(self) -> BaseException | None:
        """Drop a job that has not begun, or wait for it and return what it raised."""
        if self._future is None or self._future.cancel():
            self._job = None
            return None
        return self._future.exception()


def scratch(empty: Callable[..., Any], count: int, size: int, dtype: Any) -> list[Any]:
    """Fresh arrays of one axis, each starting a cache line: NumPy's loops over them then run a quarter faster.

    Parameters
    ----------
    empty : callable
        `numpy.empty`.
    count, size : int
        How many arrays, of how many elements.
    dtype : numpy.dtype
        Their dtype.
    """
    # A line apart from a multiple of the page, since equal offsets in a page delay loads that follow stores.
    line = 64
    step = -(-size * dtype.itemsize // line) * line + 5 * line
    raw = empty(count * step + line, "uint8")
    start = -raw.ctypes.data % line
    return [
        raw[start + i * step : start + i * step + size * dtype.itemsize].view(dtype) for i in range(count)
    ]


def _get_pool() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(get_num_threads() - 1, 1), thread_name_prefix="candelabra")
        return _pool


def _forget_pool() -> None:
    # Threads do not survive a fork.
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
