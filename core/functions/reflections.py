"""Householder's reflections: QR, its factors packed, and products of reflections."""

from __future__ import annotations

from typing import NamedTuple

from .. import ops
from ..errors import ArgumentError, DTypeError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..tensor import Tensor
from .decompositions import checked_matrices

__all__ = ["geqrf", "householder_product", "ormqr", "qr"]


class QRResult(NamedTuple):
    """What `qr` finds."""

    Q: Tensor
    R: Tensor


class GeqrfResult(NamedTuple):
    """What `geqrf` finds."""

    a: Tensor
    tau: Tensor


def qr(x: Tensor, /, mode: str = "reduced") -> QRResult:
    """Factor matrices into Q with orthonormal columns and R, which is upper triangular: ``x = Q @ R``.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    mode : {"reduced", "complete", "r"}
        ``"reduced"``: shapes (..., M, K) and (..., K, N), K = min(M, N); ``"complete"``: (..., M, M) and (..., M, N);
        ``"r"``: no Q, an empty tensor in its place.

    Raises
    ------
    ArgumentError, ShapeError, DTypeError
        If the mode is none of these, or `x` holds no matrices, or integers.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.qr(cb.tensor([[0.0, 2.0], [-1.0, 0.0]])).R
    tensor([[-1.,  0.],
            [ 0.,  2.]])
    """
    x = checked_matrices(x, "qr", square=False)
    row = row_function(TABLE["qr"])
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr: mode is 'reduced', 'complete' or 'r', not {mode!r}")
    if mode == "r":
        return QRResult(ops.zeros((0,), dtype=x.dtype, device=x.device.physical), row(x, mode="reduced")[1])
    return QRResult(*row(x, mode=mode))


def geqrf(x: Tensor, /) -> GeqrfResult:
    """Factor matrices as `qr`, by reflections packed as LAPACK packs them.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.

    Returns
    -------
    a : Tensor
        Shape (..., M, N): R, and below its diagonal the reflections' vectors, whose first elements are ones.
    tau : Tensor
        Shape (..., min(M, N)): the factors of the reflections.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.geqrf(cb.tensor([[3.0], [4.0]])).a
    tensor([[-5.0000],
            [ 0.5000]])
    """
    return GeqrfResult(*row_function(TABLE["reflections"])(checked_matrices(x, "geqrf", square=False)))


def _adjoint(x: Tensor) -> Tensor:
    turned = ops.matrix_transpose(x)
    return ops.conj(turned) if x.dtype.is_complex else turned


def _compact(name: str, x: Tensor, tau: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return V, a triangle S and the factors t with ``H_1 ... H_k = 1 - V (1 + diag(t) S)^-1 diag(t) V^H``.

    Source: R. Schreiber and C. Van Loan, "A storage-efficient WY representation" (1989).
    """
    x = checked_matrices(x, name, square=False)
    k = tau.shape[-1] if tau.ndim else 0
    if tau.ndim != x.ndim - 1 or tau.shape[:-1] != x.shape[:-2] or k > x.shape[-1] or x.shape[-1] > x.shape[-2]:
        raise ShapeError(
            f"{name}: vectors (..., M, N) with N up to M and factors (..., K) with K up to N are needed, got shapes "
            f"{x.shape} and {tau.shape}"
        )
    if tau.dtype is not x.dtype:
        raise DTypeError(f"{name}: vectors and factors are of one dtype, not {x.dtype.name} and {tau.dtype.name}")
    one = ops.eye(x.shape[-2], k, dtype=x.dtype, device=x.device.physical)
    vectors = ops.tril(x[..., :, :k], k=-1) + one
    return vectors, ops.triu(ops.matmul(_adjoint(vectors), vectors), k=1), ops.expand_dims(tau, axis=-1)


def _applied(parts: tuple[Tensor, Tensor, Tensor], other: Tensor, adjoint: bool) -> Tensor:
    """Return the product of reflections, or of its adjoint, with matrices."""
    vectors, triangle, factors = parts
    solve = row_function(TABLE["solve_triangular"])
    inner = ops.matmul(_adjoint(vectors), other)
    if adjoint:
        low = _adjoint(factors * triangle)
        turned = ops.conj(factors) if factors.dtype.is_complex else factors
        inner = turned * solve(low, inner, upper=False, unitriangular=True)
    else:
        inner = solve(factors * triangle, factors * inner, upper=True, unitriangular=True)
    return other - ops.matmul(vectors, inner)


def householder_product(x: Tensor, tau: Tensor, /) -> Tensor:
    """Return the first N columns of products of reflections, ``H_1 @ ... @ H_K`` with ``H_i = 1 - tau_i v_i v_i^H``.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), N up to M, floating-point: below the diagonal the vectors, whose first elements are ones, as
        `geqrf` packs them.
    tau : Tensor
        Shape (..., K), K up to N: the factors.

    Returns
    -------
    Tensor
        Shape (..., M, N).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.householder_product(*cb.geqrf(cb.tensor([[3.0], [4.0]])))
    tensor([[-0.6000],
            [-0.8000]])
    """
    parts = _compact("householder_product", x, tau)
    one = ops.eye(*x.shape[-2:], dtype=x.dtype, device=x.device.physical)
    return _applied(parts, one, False)


def ormqr(
    x: Tensor, tau: Tensor, other: Tensor, /, left: bool = True, transpose: bool = False
) -> Tensor:
    """Return the product of matrices with the whole product Q of reflections.

    Parameters
    ----------
    x, tau : Tensor
        As for `householder_product`.
    other : Tensor
        Shape (..., M, L); (..., L, M) where not `left`.
    left : bool
        Return ``Q @ other``; else ``other @ Q``.
    transpose : bool
        Take the conjugate transpose of Q.

    Examples
    --------
    >>> import candelabra as cb
    >>> packed, tau = cb.geqrf(cb.tensor([[3.0], [4.0]]))
    >>> cb.ormqr(packed, tau, cb.tensor([[1.0], [0.0]]))
    tensor([[-0.6000],
            [-0.8000]])
    """
    parts = _compact("ormqr", x, tau)
    if other.dtype is not x.dtype:
        raise DTypeError(f"ormqr: matrices and vectors are of one dtype, not {other.dtype.name} and {x.dtype.name}")
    if other.ndim != x.ndim or other.shape[-2 if left else -1] != x.shape[-2]:
        raise ShapeError(f"ormqr: matrices of shape {other.shape} do not fit vectors of shape {x.shape}")
    if not isinstance(left, bool) or not isinstance(transpose, bool):
        raise ArgumentError(f"ormqr: left and transpose are bools, not {left!r} and {transpose!r}")
    if left:
        return _applied(parts, other, transpose)
    return _adjoint(_applied(parts, _adjoint(other), not transpose))
