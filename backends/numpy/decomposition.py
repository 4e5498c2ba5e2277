"""Decompositions and linear equations, by LAPACK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel


def qr(x: np.ndarray, /, *, mode: str) -> Any:
    """Q and R of Householder's method."""
    if x.dtype.kind not in "fc" or x.dtype.itemsize == 2:
        return NotImplemented
    if 0 in x.shape[:-2]:
        return NotImplemented
    q, r = np.linalg.qr(x, mode=mode)  # type: ignore[call-overload]
    return q, r


def solve(x1: np.ndarray, x2: np.ndarray, /) -> Any:
    """The solution by LU with partial pivoting."""
    if x1.dtype.kind not in "fc" or x1.dtype.itemsize == 2 or x1.dtype != x2.dtype:
        return NotImplemented
    # A vector for all matrices is one column; `numpy.linalg.solve` says so of one axis only.
    return np.linalg.solve(x1, x2)


def _det_vjp(xp: Any, g: np.ndarray, x: np.ndarray, out: np.ndarray) -> Any:
    """By the inverse; where a matrix is singular, the row's own rule looks at singular values."""
    if not np.all(out) or x.dtype.itemsize == 2:
        return NotImplemented
    return (np.asarray(g * out.conj())[..., None, None] * np.linalg.inv(x).swapaxes(-1, -2).conj(),)


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "det": Kernel(lambda x, /: np.asarray(np.linalg.det(x)), vjp=_det_vjp),
    "qr": qr,
    "solve": solve,
}
