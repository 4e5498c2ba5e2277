"""What of CuPy's extensions the backend uses."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import cupy
import numpy as np


def empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    return cupy.cuda.pinned_memory.empty(shape, dtype, order)


def zeros_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    found = empty_pinned(shape, dtype, order)
    found[...] = 0
    return found


def scatter_add(a: Any, slices: Any, value: Any) -> None:
    cupy.add.at(a, slices, value)


class _Config(threading.local):
    linalg = "ignore"


config = _Config()


@contextlib.contextmanager
def errstate(*, linalg: str) -> Iterator[None]:
    before = config.linalg
    config.linalg = linalg
    try:
        yield
    finally:
        config.linalg = before
