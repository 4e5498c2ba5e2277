"""What a worker's libraries are told: one thread, and seeds; and where their generators stand, for a resumed epoch."""

from __future__ import annotations

import ctypes
import os
import random
import sys
from typing import Any

from ..core import dtypes, ops
from ..core.random_state import get_rng_state, manual_seed, set_rng_state
from ..core.threads import set_num_threads

# What the libraries that a dataset may call ask for the number of their threads.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


MERSENNE_TWISTER = 625 * 4
"""Bytes of its state: 624 words, and the position in them."""


def limit_threads(n: int) -> None:
    """Let BLAS and its like use `n` threads: the workers share the cores already."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(n)))
    set_num_threads(n)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(n)


def seed_all(seed: int) -> None:
    """Seed the generators that a dataset may draw from: ours, Python's, NumPy's, and PyTorch's where it is loaded."""
    manual_seed(seed)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        # One word more, or it would give the numbers of Python's generator, which is the same.
        numpy.random.seed([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF, 1])
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


class RandomWatch:
    """Tells where the global generators stand, ours, Python's and NumPy's, in plain numbers.

    Python's and NumPy's are told only once they have moved since this watch was made, since asking them takes as long
    as making a small batch.
    """

    def __init__(self) -> None:
        self.python: Any = random.getstate()
        self.numpy = sys.modules.get("numpy")
        self.words = None if self.numpy is None else self.numpy_words()

    def numpy_words(self) -> bytes | None:
        """Return NumPy's state as it lies in memory, None where it is another generator than the usual."""
        assert self.numpy is not None
        generator = self.numpy.random.get_bit_generator()
        if type(generator).__name__ != "MT19937":
            return None
        return ctypes.string_at(generator.ctypes.state_address, MERSENNE_TWISTER)

    def now(self) -> tuple[Any, Any, Any]:
        """Return the three states; None stands for one that has not moved."""
        python = None
        if self.python is None or random.getstate() != self.python:
            # From here on it is told each time: it has moved, and may come back.
            self.python, python = None, random.getstate()
        numpy = None
        if self.numpy is not None and (self.words is None or self.numpy_words() != self.words):
            self.words = None
            name, words, *rest = self.numpy.random.get_state()
            numpy = (name, words.tobytes(), *rest)
        return (get_rng_state().tolist(), python, numpy)


def restore_random_states(states: Any) -> None:
    """Let the global generators go on from where `RandomWatch` saw them; None stands for one that has not moved."""
    own, python, other = states
    set_rng_state(ops.asarray(own, dtype=dtypes.uint64))
    if python is not None:
        version, words, gauss = python
        random.setstate((version, tuple(words), gauss))
    numpy = sys.modules.get("numpy")
    if other is not None and numpy is not None:
        name, words, *rest = other
        numpy.random.set_state((name, numpy.frombuffer(words, numpy.uint32), *rest))
