"""Decompositions and linear equations, by LAPACK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def qr(x: np.ndarray, /, *, mode: str) -> Any:
    """Q and R of Householder's method."""
    if x.dtype.kind not in "fc" or x.dtype.itemsize == 2:
        return NotImplemented
    if 0 in x.shape[:-2]:
        return NotImplemented
    q, r = np.linalg.qr(x, mode=mode)  # type: ignore[call-overload]
    return q, r


def solve(x1: np.ndarray, x2: np.ndarray, /) -> Any:
    """The solution by LU with partial pivoting; a singular matrix gives infinities or NaN."""
    if x1.dtype.kind not in "fc" or x1.dtype.itemsize == 2 or x1.dtype != x2.dtype:
        return NotImplemented
    try:
        # A vector for all matrices is one column; `numpy.linalg.solve` says so of one axis only.
        return np.linalg.solve(x1, x2)
    except np.linalg.LinAlgError:
        return NotImplemented


KERNELS: dict[str, Callable[..., Any]] = {"qr": qr, "solve": solve}
