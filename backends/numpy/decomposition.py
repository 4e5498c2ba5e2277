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


def _qr_vjp(xp: Any, g: tuple[np.ndarray, np.ndarray], Q: np.ndarray, R: np.ndarray, mode: str) -> Any:
    """The derivative of M. Seeger et al. (2017), R's diagonal being real; wide matrices by blocks.

    The row's own rule goes through every reflection. It alone knows what a square Q of a tall matrix does, and what to
    do where R is singular.
    """
    by_q, by_r = g
    m, n = Q.shape[-2], R.shape[-1]
    k = min(m, n)
    square = R[..., :k]
    if (mode == "complete" and m > n) or Q.dtype.itemsize == 2 or not Q.size:
        return NotImplemented
    diagonal = np.abs(np.diagonal(square, axis1=-2, axis2=-1))
    # Reflections stay exact where a division by R would not.
    if np.any(diagonal <= diagonal.max(axis=-1, keepdims=True) * (k * np.finfo(Q.dtype).eps)):
        return NotImplemented
    if n > m:
        rest = R[..., k:]
        by_q = by_q + Q @ (rest @ _adjoint(by_r[..., k:]))
    upper = np.triu(by_r[..., :k] @ _adjoint(square) - _adjoint(Q) @ by_q)
    inner = upper + _adjoint(upper)
    places = np.arange(k)
    inner[..., places, places] *= 0.5
    found = _adjoint(np.linalg.solve(square, _adjoint(by_q + Q @ inner)))
    return (np.concatenate([found, Q @ by_r[..., k:]], axis=-1) if n > m else found,)


def _adjoint(x: np.ndarray) -> np.ndarray:
    turned = x.swapaxes(-1, -2)
    return turned.conj() if x.dtype.kind == "c" else turned


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
    "qr": Kernel(qr, vjp=_qr_vjp),
    "solve": solve,
}
