"""What of CuPy's extensions the backend uses."""

from __future__ import annotations

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
