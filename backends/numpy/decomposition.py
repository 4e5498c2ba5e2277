"""Decompositions and linear equations, by LAPACK."""

from __future__ import annotations

import math
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


def lu_packed(x: np.ndarray, /, *, pivot: bool) -> Any:
    """Gauss's elimination, in place and on all matrices of a stack at once."""
    if x.dtype.kind not in "fc" or x.dtype.itemsize == 2:
        return NotImplemented
    m, n = x.shape[-2:]
    work = x.reshape(math.prod(x.shape[:-2]), m, n).copy()
    stack = np.arange(len(work))
    order = np.tile(np.arange(m), (len(work), 1))
    pivots = np.tile(np.arange(min(m, n)), (len(work), 1))
    for k in range(min(m, n)):
        if pivot:
            column = work[:, k:, k]
            # LAPACK's size of a complex number.
            size = np.abs(column.real) + np.abs(column.imag) if x.dtype.kind == "c" else np.abs(column)
            at = pivots[:, k] = k + np.argmax(size, axis=1)
            for array in (work, order):
                row = array[stack, at]
                array[stack, at] = array[:, k]
                array[:, k] = row
        head = work[:, k : k + 1, k]
        work[:, k + 1 :, k] /= np.where(head == 0, 1, head)
        work[:, k + 1 :, k + 1 :] -= work[:, k + 1 :, k, None] * work[:, k, None, k + 1 :]
    lead = x.shape[:-2]
    return work.reshape(x.shape), pivots.reshape(*lead, min(m, n)), order.reshape(*lead, m)


def _det_vjp(xp: Any, g: np.ndarray, x: np.ndarray, out: np.ndarray) -> Any:
    """By the inverse; where a matrix is singular, the row's own rule looks at singular values."""
    if not np.all(out) or x.dtype.itemsize == 2:
        return NotImplemented
    return (np.asarray(g * out.conj())[..., None, None] * np.linalg.inv(x).swapaxes(-1, -2).conj(),)


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "det": Kernel(lambda x, /: np.asarray(np.linalg.det(x)), vjp=_det_vjp),
    "lu_packed": lu_packed,
    "qr": qr,
    "solve": solve,
}
