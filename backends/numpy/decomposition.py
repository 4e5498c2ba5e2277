"""Decompositions of matrices, by LAPACK."""

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


KERNELS: dict[str, Callable[..., Any]] = {"qr": qr}
