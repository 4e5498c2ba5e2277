"""Decompositions and linear equations, by LAPACK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import lapack
from .elimination import batch_element, by_factors, factored, inverted, refuse_zeros
from .reflection import multiplied_out, reflected
from .spectral import adjoint, is_large


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
        by_q = by_q + Q @ (rest @ adjoint(by_r[..., k:]))
    upper = np.triu(by_r[..., :k] @ adjoint(square) - adjoint(Q) @ by_q)
    inner = upper + adjoint(upper)
    places = np.arange(k)
    inner[..., places, places] *= 0.5
    found = adjoint(np.linalg.solve(square, adjoint(by_q + Q @ inner)))
    return (np.concatenate([found, Q @ by_r[..., k:]], axis=-1) if n > m else found,)


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


def _train_solve(x1: np.ndarray, x2: np.ndarray, /) -> Any:
    """The same, and the factors are kept for the backward."""
    if not is_large(x1) or x1.dtype != x2.dtype or not x2.size:
        found = solve(x1, x2)
        return found if found is NotImplemented else (found, (None, None))
    factors, pivots = factored(x1)
    refuse_zeros(factors)
    sides = x2[:, None] if x2.ndim == 1 else x2
    found = by_factors(factors, pivots, sides, False)
    return (found[..., 0] if x2.ndim == 1 else found), (factors, pivots)


def _solve_vjp(
    xp: Any, g: np.ndarray, out: np.ndarray, x2_shape: Any, factors: Any, pivots: Any, wants: Any
) -> Any:
    if factors is None:
        return NotImplemented
    alone = len(x2_shape) == 1
    share = by_factors(factors, pivots, g[..., None] if alone else g, True)
    outer = -share @ adjoint(out[..., None] if alone else out) if wants[0] else None
    return outer, ((share[..., 0] if alone else share) if wants[1] else None)


def inv(x: np.ndarray, /) -> np.ndarray:
    """The inverse by LU with partial pivoting."""
    if not is_large(x):
        return _named(np.linalg.inv, x)
    factors, pivots = factored(x)
    refuse_zeros(factors)
    return inverted(factors, pivots)


def cholesky(x: np.ndarray, /) -> np.ndarray:
    """Cholesky's lower factor."""
    if not is_large(x):
        return _named(np.linalg.cholesky, x)
    # Fortran sees transposes: of their upper triangles comes the transpose of the lower factor.
    work, info, n = np.ascontiguousarray(np.tril(x)), lapack.Info(), lapack.number(x.shape[-1])
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
    work, info, n = np.ascontiguousarray(np.tril(x)), lapack.Info(), lapack.number(x.shape[-1])
    function, found = lapack.subroutine("potrf", x.dtype), []
    for (a,) in lapack.each(work.reshape(-1, *x.shape[-2:])):
        function(b"U", n, a, n, info.reference, 1)
        found.append(int(info))
    return np.array(found, dtype=np.int64).reshape(x.shape[:-2])


def hermitian_part(x: np.ndarray, /) -> np.ndarray:
    """The mean of matrices and their adjoints."""
    found = np.asarray(x + adjoint(x))
    found *= 0.5
    return found


def det(x: np.ndarray, /) -> np.ndarray:
    """The determinant, by LU with partial pivoting."""
    return np.asarray(np.linalg.det(x))


def _det_of(factors: np.ndarray, pivots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the diagonal of U, and the sign of the exchanges."""
    exchanged = np.count_nonzero(pivots != np.arange(1, pivots.shape[-1] + 1), axis=-1)
    return np.diagonal(factors, axis1=-2, axis2=-1), np.where(exchanged % 2, -1.0, 1.0)


def _train_det(x: np.ndarray, /) -> Any:
    if not is_large(x):
        return det(x), (None, None)
    factors, pivots = factored(x)
    diagonal, sign = _det_of(factors, pivots)
    return np.asarray(diagonal.prod(axis=-1) * sign).astype(x.dtype, copy=False), (factors, pivots)


def _det_vjp(xp: Any, g: np.ndarray, x: np.ndarray, out: np.ndarray, factors: Any, pivots: Any) -> Any:
    """By the inverse; where a matrix is singular, the row's own rule looks at singular values."""
    if not np.all(out) or x.dtype.itemsize == 2:
        return NotImplemented
    return (np.asarray(g * out.conj())[..., None, None] * adjoint(_inverse(x, factors, pivots)),)


def _inverse(x: np.ndarray, factors: Any, pivots: Any) -> np.ndarray:
    # `inverted` takes the factors, which a second backward would need again.
    return np.linalg.inv(x) if factors is None else inverted(factors.copy(order="K"), pivots)


def slogdet(x: np.ndarray, /) -> Any:
    """The sign of the determinant, and the logarithm of its magnitude."""
    sign, size = np.linalg.slogdet(x)
    return np.asarray(sign), np.asarray(size)


def _train_slogdet(x: np.ndarray, /) -> Any:
    if not is_large(x):
        return slogdet(x), (None, None)
    factors, pivots = factored(x)
    diagonal, sign = _det_of(factors, pivots)
    size = np.abs(diagonal)
    unit = np.where(size == 0, 0, diagonal / np.where(size == 0, 1, size)).prod(axis=-1) * sign
    logarithm = np.asarray(np.log(size).sum(axis=-1)).astype(x.real.dtype, copy=False)
    return (np.asarray(unit).astype(x.dtype, copy=False), logarithm), (factors, pivots)


def _slogdet_vjp(xp: Any, g: Any, x: np.ndarray, sign: np.ndarray, factors: Any, pivots: Any) -> Any:
    by_sign, by_log = g
    if not np.all(sign) or x.dtype.itemsize == 2:
        return NotImplemented
    total = by_log
    if x.dtype.kind == "c" and by_sign is not None:
        turned = (sign.conj() * by_sign).imag * 1j
        total = turned if total is None else total + turned
    if total is None:
        return (np.zeros_like(x),)
    return (np.asarray(total)[..., None, None] * adjoint(_inverse(x, factors, pivots)),)


_FACTORS = ("factors", "pivots")

KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "cholesky": cholesky,
    "definite_order": definite_order,
    "det": Kernel(det, train=_train_det, vjp=_det_vjp, residuals=_FACTORS),
    "hermitian_part": hermitian_part,
    "inv": inv,
    "qr": Kernel(qr, vjp=_qr_vjp),
    "slogdet": Kernel(slogdet, train=_train_slogdet, vjp=_slogdet_vjp, residuals=_FACTORS),
    "solve": Kernel(solve, train=_train_solve, vjp=_solve_vjp, residuals=_FACTORS),
}
