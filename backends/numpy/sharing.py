"""Jobs that hold matrix products, on several threads.

OpenBLAS shares one product among its threads, and leaves the other cores idle while the array before and after it is
moved about. Where there are several jobs it is better that each thread does a whole one, products included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import memory, parallel


def parts(count: int, size: int) -> int:
    """Into how many parts to cut `count` things, when each part sums into an array of `size` elements of its own."""
    # The sums of the parts are added in order: the same number of threads gives the same bits.
    threads = parallel.get_num_threads()
    if threads < 2 or size > 1 << 24:
        return 1
    # Two for each thread, where that is cheap, since another process may take a core away.
    return max(1, min(count, 2 * threads if size < 1 << 18 else threads))


def share(work: Callable[[Iterator[Any]], None], jobs: list[Any], products: int) -> None:
    """Do all jobs; `work` takes an iterator over some of them and is called once per thread.

    Parameters
    ----------
    work : callable
        What it allocates belongs to one thread.
    jobs : list
        In any order, and none depends on another.
    products : int
        How many multiplications there are in all; below some millions the hand-over costs more than it brings.
    """
    if len(jobs) < 2 or products < 4_000_000 or parallel.get_num_threads() < 2:
        work(iter(jobs))
        return

    def some(blocks: Iterator[tuple[int, int]]) -> None:
        work(jobs[i] for i, _ in blocks)

    with memory.single_threaded_blas():
        parallel.for_blocks(some, len(jobs), 1, 1)
