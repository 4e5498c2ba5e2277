"""Decompositions and linear equations, by LAPACK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import lapack
from .elimination import batch_element
from .reflection import multiplied_out, reflected
from .spectral import is_large


def qr(x: np.ndarray, /, *, mode: str) -> Any:
    """Q and R of Householder's method."""
    if x.dtype.kind not in "fc" or x.dtype.itemsize == 2:
        return NotImplemented
    if 0 in x.shape[:-2]:
        return NotImplemented
    if is_large(x):
        return _large_qr(x, mode)
    q, r = np.linalg.qr(x, mode=mode)  # type: ignore[call-overload]
    return q, r


def _large_qr(x: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    (m, n), lead = x.shape[-2:], x.shape[:-2]
    k = min(m, n)
    packed, tau = reflected(x)
    upper = np.triu(lapack.matrices(packed, lead)[..., : m if mode == "complete" else k, :])
    width = m if mode == "complete" else k
    if width <= n:
        q = packed[:, :width] if width < n else packed
        q = np.ascontiguousarray(q)
    else:
        q = np.zeros((len(packed), width, m), x.dtype)
        q[:, :n] = packed
    return lapack.matrices(multiplied_out(q, tau), lead), upper


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


def _named(function: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """Call a function of NumPy's; where it refuses one matrix of a stack, say which."""
    try:
        return function(*arrays)
    except np.linalg.LinAlgError as error:
        lead = np.broadcast_shapes(*[a.shape[:-2] for a in arrays if a.ndim > 1])
        for place in np.ndindex(lead) if lead else ():
            try:
                function(*[np.broadcast_to(a, (*lead, *a.shape[-2:]))[place] if a.ndim > 1 else a for a in arrays])
            except np.linalg.LinAlgError:
                raise np.linalg.LinAlgError(f"{batch_element(place)}{error}") from None
        raise


def solve(x1: np.ndarray, x2: np.ndarray, /) -> Any:
    """The solution by LU with partial pivoting."""
    if x1.dtype.kind not in "fc" or x1.dtype.itemsize == 2 or x1.dtype != x2.dtype:
        return NotImplemented
    # A vector for all matrices is one column; `numpy.linalg.solve` says so of one axis only.
    return _named(np.linalg.solve, x1, x2)


def inv(x: np.ndarray, /) -> np.ndarray:
    """The inverse by LU with partial pivoting."""
    return _named(np.linalg.inv, x)


def cholesky(x: np.ndarray, /) -> np.ndarray:
    """Cholesky's lower factor."""
    if not is_large(x):
        return _named(np.linalg.cholesky, x)
    # Fortran sees transposes: of their upper triangles comes the transpose of the lower factor.
    work, info, n = np.tril(x), lapack.Info(), lapack.number(x.shape[-1])
    function = lapack.subroutine("potrf", x.dtype)
    for i, (a,) in enumerate(lapack.each(work.reshape(-1, *x.shape[-2:]))):
        function(b"U", n, a, n, info.reference, 1)
        if int(info):
            place = tuple(map(int, np.unravel_index(i, x.shape[:-2]))) if x.ndim > 2 else ()
            raise np.linalg.LinAlgError(f"{batch_element(place)}Matrix is not positive definite")
    return work


def definite_order(x: np.ndarray, /) -> Any:
    """Where Cholesky's method ends: 0 at its end."""
    if not lapack.serves(x):
        return NotImplemented
    work, info, n = np.tril(x), lapack.Info(), lapack.number(x.shape[-1])
    function, found = lapack.subroutine("potrf", x.dtype), []
    for (a,) in lapack.each(work.reshape(-1, *x.shape[-2:])):
        function(b"U", n, a, n, info.reference, 1)
        found.append(int(info))
    return np.array(found, dtype=np.int64).reshape(x.shape[:-2])


def hermitian_part(x: np.ndarray, /) -> np.ndarray:
    """The mean of matrices and their adjoints."""
    found = np.asarray(x + _adjoint(x))
    found *= 0.5
    return found


def _det_vjp(xp: Any, g: np.ndarray, x: np.ndarray, out: np.ndarray) -> Any:
    """By the inverse; where a matrix is singular, the row's own rule looks at singular values."""
    if not np.all(out) or x.dtype.itemsize == 2:
        return NotImplemented
    return (np.asarray(g * out.conj())[..., None, None] * np.linalg.inv(x).swapaxes(-1, -2).conj(),)


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "cholesky": cholesky,
    "definite_order": definite_order,
    "det": Kernel(lambda x, /: np.asarray(np.linalg.det(x)), vjp=_det_vjp),
    "hermitian_part": hermitian_part,
    "inv": inv,
    "qr": Kernel(qr, vjp=_qr_vjp),
    "solve": solve,
}
