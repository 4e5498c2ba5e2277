"""Gauss's elimination by PyTorch's names: `lu`, `lu_factor` and `lu_solve`."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import dtypes, ops
from ..errors import DTypeError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..tensor import Tensor
from .decompositions import checked_matrices
from .linear_systems import solve_triangular

__all__ = ["lu", "lu_factor", "lu_solve"]


class LUResult(NamedTuple):
    """What `lu` finds."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactorResult(NamedTuple):
    """What `lu_factor` finds."""

    LU: Tensor
    pivots: Tensor


def _turned(order: Tensor, dtype: Any) -> Tensor:
    """Return the permutation matrices that put rows in an order."""
    rows = ops.arange(order.shape[-1], device=order.device.physical)
    return ops.astype(ops.expand_dims(order, axis=-1) == rows, dtype)


def lu(x: Tensor, /, *, pivot: bool = True) -> LUResult:
    """Factor matrices into ``x = P @ L @ U`` by Gauss's elimination with partial pivoting.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    pivot : bool
        Exchange rows; without, P is the identity, and a zero on the diagonal spoils the factors.

    Returns
    -------
    P : Tensor
        Shape (..., M, M), a permutation. It has no derivative.
    L : Tensor
        Shape (..., M, K) with K = min(M, N): lower triangular with ones on the diagonal.
    U : Tensor
        Shape (..., K, N), upper triangular.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.lu(cb.tensor([[1.0, 2.0], [2.0, 2.0]])).U
    tensor([[2., 2.],
            [0., 1.]])
    """
    x = checked_matrices(x, "lu", square=False)
    packed, _, order = row_function(TABLE["lu_packed"])(x, pivot=pivot)
    k = min(x.shape[-2:])
    one = ops.eye(x.shape[-2], k, dtype=x.dtype, device=x.device.physical)
    low = ops.tril(packed[..., :, :k], k=-1) + one
    return LUResult(ops.matrix_transpose(_turned(order, x.dtype)), low, ops.triu(packed[..., :k, :]))


def lu_factor(x: Tensor, /, *, pivot: bool = True) -> LUFactorResult:
    """Factor matrices as `lu`, for `lu_solve`.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    pivot : bool
        Exchange rows.

    Returns
    -------
    LU : Tensor
        Shape (..., M, N): U, and below the diagonal L without its ones.
    pivots : Tensor
        Shape (..., min(M, N)), int32: with which row each was exchanged, counted from 1, as LAPACK and PyTorch do.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.lu_factor(cb.tensor([[1.0, 2.0], [2.0, 2.0]])).pivots
    tensor([2, 2], dtype=candelabra.int32)
    """
    packed, pivots, _ = row_function(TABLE["lu_packed"])(checked_matrices(x, "lu_factor", square=False), pivot=pivot)
    return LUFactorResult(packed, ops.astype(pivots + 1, dtypes.int32))


def lu_solve(
    factors: Tensor, pivots: Tensor, x2: Tensor, /, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """Solve systems of linear equations whose matrices have been factored by `lu_factor`.

    Parameters
    ----------
    factors, pivots : Tensor
        Shapes (..., M, M) and (..., M), as `lu_factor` returns them.
    x2 : Tensor
        Shape (..., M, K); (..., K, M) where not `left`.
    left : bool
        Solve ``x1 @ out = x2``; else ``out @ x1 = x2``.
    adjoint : bool
        Take the conjugate transpose of the matrices.

    Examples
    --------
    >>> import candelabra as cb
    >>> found = cb.linalg.lu_factor(cb.tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> cb.linalg.lu_solve(*found, cb.tensor([[3.0], [4.0]]))
    tensor([[1.],
            [1.]])
    """
    factors = checked_matrices(factors, "lu_solve")
    x2 = checked_matrices(x2, "lu_solve", square=False)
    if pivots.dtype.kind not in ("signed", "unsigned"):
        raise DTypeError(f"lu_solve: pivots are integers, not {pivots.dtype.name}")
    if pivots.shape[-1:] != factors.shape[-1:] or x2.shape[-2 if left else -1] != factors.shape[-1]:
        raise ShapeError(
            f"lu_solve: factors of shape {factors.shape}, pivots of shape {pivots.shape} and right sides of shape "
            f"{x2.shape} do not fit"
        )
    if not left:
        return _adjoint(lu_solve(factors, pivots, _adjoint(x2), adjoint=not adjoint))
    turned = _turned(_order(pivots), factors.dtype)
    if not adjoint:
        inner = solve_triangular(factors, ops.matmul(turned, x2), upper=False, unitriangular=True)
        return solve_triangular(factors, inner, upper=True)
    over = _adjoint(factors)
    inner = solve_triangular(over, x2, upper=False)
    inner = solve_triangular(over, inner, upper=True, unitriangular=True)
    return ops.matmul(ops.matrix_transpose(turned), inner)


def _adjoint(x: Tensor) -> Tensor:
    turned = ops.matrix_transpose(x)
    return ops.conj(turned) if x.dtype.is_complex else turned


def _order(pivots: Tensor) -> Tensor:
    """Return the order of rows that exchanging them one by one makes."""
    n = pivots.shape[-1]
    rows = ops.arange(n, device=pivots.device.physical)
    order = ops.broadcast_to(rows, pivots.shape)
    for k in range(n):
        here, there = rows == k, rows == ops.astype(pivots[..., k : k + 1], rows.dtype) - 1
        one = ops.sum(ops.where(here, order, 0), axis=-1, keepdims=True)
        two = ops.sum(ops.where(there, order, 0), axis=-1, keepdims=True)
        order = ops.where(here, two, ops.where(there, one, order))
    return order
