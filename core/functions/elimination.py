"""Gauss's elimination and what it solves, and its kin for symmetric matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import dtypes, ops
from ..errors import DTypeError, LinAlgError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..tensor import Tensor
from . import linear_algebra
from .decompositions import checked_matrices, is_mapped

__all__ = [
    "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "solve",
    "solve_ex",
]  # fmt: skip


class LUResult(NamedTuple):
    """What `lu` finds."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactorResult(NamedTuple):
    """What `lu_factor` finds."""

    LU: Tensor
    pivots: Tensor


class LUFactorExResult(NamedTuple):
    """What `lu_factor_ex` finds."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


class LDLFactorResult(NamedTuple):
    """What `ldl_factor` finds."""

    LD: Tensor
    pivots: Tensor


class LDLFactorExResult(NamedTuple):
    """What `ldl_factor_ex` finds."""

    LD: Tensor
    pivots: Tensor
    info: Tensor


class InvExResult(NamedTuple):
    """What `inv_ex` finds."""

    inverse: Tensor
    info: Tensor


class SolveExResult(NamedTuple):
    """What `solve_ex` finds."""

    result: Tensor
    info: Tensor


def _row(name: str) -> Any:
    return row_function(TABLE[name])


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
    packed, pivots = _row("lu_packed")(x, pivot=pivot)
    return LUResult(_row("permutation")(pivots, packed.detach()), *_row("lu_triangles")(packed))


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
    return LUFactorResult(*_row("lu_packed")(checked_matrices(x, "lu_factor", square=False), pivot=pivot))


def lu_factor_ex(x: Tensor, /, *, pivot: bool = True, check_errors: bool = False) -> LUFactorExResult:
    """Factor matrices as `lu_factor`, and say which of them are singular.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    pivot : bool
        Exchange rows.
    check_errors : bool
        Raise an error for a singular matrix.

    Returns
    -------
    LU, pivots : Tensor
        As `lu_factor`'s.
    info : Tensor
        Shape (...), int32: 0, or which element of U's diagonal is the first zero, counted from 1.

    Raises
    ------
    LinAlgError
        If `check_errors` is set and a matrix is singular.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.lu_factor_ex(cb.ones((2, 2))).info
    tensor(2, dtype=candelabra.int32)
    """
    found = lu_factor(x, pivot=pivot)
    info = _first_zero(linear_algebra.diagonal(found.LU.detach()))
    if check_errors:
        _refuse_failures("lu_factor_ex", info, "U has a zero on its diagonal: the matrix is singular")
    return LUFactorExResult(found.LU, found.pivots, info)


def _first_zero(diagonal: Tensor) -> Tensor:
    """Return where zeros stand first, counted from 1, and 0 where there are none."""
    n = diagonal.shape[-1]
    zero = diagonal == 0
    places = ops.arange(1, n + 1, dtype=dtypes.int32, device=diagonal.device.physical)
    late = ops.where(zero, places, n + 1)
    first = ops.min(late, axis=-1) if n else ops.zeros(diagonal.shape[:-1], dtype=dtypes.int32, device=diagonal.device)
    return ops.where(first > n, 0, first) if n else first


def _refuse_failures(name: str, info: Tensor, what: str) -> None:
    """Raise for the first matrix that has failed; mapped ones have no answer in common."""
    if is_mapped(info) or not bool(ops.any(info != 0)):
        return
    flat = ops.reshape(info, (-1,)).tolist()
    at = next(i for i, n in enumerate(flat) if n)
    where = f" (batch element {_place(at, info.shape)})" if info.ndim else ""
    raise LinAlgError(f"{name}: {what}{where}: number {flat[at]}; add a multiple of the identity, or use pinv")


def _place(at: int, shape: tuple[int, ...]) -> Any:
    found: list[int] = []
    for n in reversed(shape):
        found.append(at % n)
        at //= n
    return found[0] if len(found) == 1 else tuple(reversed(found))


def inv_ex(x: Tensor, /, *, check_errors: bool = False) -> InvExResult:
    """Return the inverses of square matrices, and say which of them there are, without an error.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point.
    check_errors : bool
        Raise the error of `inv` after all.

    Returns
    -------
    inverse : Tensor
        Shape (..., M, M); NaN in place of the inverse of a singular matrix.
    info : Tensor
        Shape (...), int32: 0, or which pivot of Gauss's elimination is the first zero, counted from 1.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.inv_ex(cb.zeros((2, 2))).info
    tensor(1, dtype=candelabra.int32)
    """
    x = checked_matrices(x, "inv_ex")
    safe, good, info = _regular(x, "inv_ex", check_errors)
    return InvExResult(ops.where(good, _row("inv")(safe), float("nan")), info)


def _regular(x: Tensor, name: str, check_errors: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return matrices with the identity in place of singular ones, where those are not, and the pivots' first zeros."""
    info = lu_factor_ex(x.detach()).info
    if check_errors:
        _refuse_failures(name, info, "a pivot is zero, the matrix is singular")
    good = ops.expand_dims(ops.expand_dims(info == 0, axis=-1), axis=-1)
    return ops.where(good, x, ops.eye(x.shape[-1], dtype=x.dtype, device=x.device.physical)), good, info


def solve(x1: Tensor, x2: Tensor, /, *, left: bool = True) -> Tensor:
    """Solve systems of linear equations with square matrices.

    Parameters
    ----------
    x1 : Tensor
        Shape (..., M, M), floating-point.
    x2 : Tensor
        Shape (M,), one vector for all matrices, or (..., M, K); (..., K, M) where not `left`. Leading axes broadcast.
    left : bool
        Solve ``x1 @ out = x2``; else ``out @ x1 = x2``.

    Raises
    ------
    LinAlgError
        If a matrix is singular.
    ShapeError, DTypeError
        If the shapes do not fit, or the dtypes are not floating-point.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.solve(cb.tensor([[2.0, 0.0], [0.0, 4.0]]), cb.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    if left:
        return _row("solve")(x1, x2)
    x1 = checked_matrices(x1, "solve")
    if x2.ndim < 2:
        # A row vector on the left is a column of the transposed system.
        return _row("solve")(ops.matrix_transpose(x1), x2)
    return ops.matrix_transpose(_row("solve")(ops.matrix_transpose(x1), ops.matrix_transpose(x2)))


def solve_ex(x1: Tensor, x2: Tensor, /, *, left: bool = True, check_errors: bool = False) -> SolveExResult:
    """Solve systems of linear equations as `solve`, and say which of them have one solution, without an error.

    Parameters
    ----------
    x1, x2 : Tensor
        As for `solve`.
    left : bool
        Solve ``x1 @ out = x2``; else ``out @ x1 = x2``.
    check_errors : bool
        Raise the error of `solve` after all.

    Returns
    -------
    result : Tensor
        As `solve`; NaN where a matrix is singular.
    info : Tensor
        As `inv_ex`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.solve_ex(cb.zeros((2, 2)), cb.ones(2)).result
    tensor([nan, nan])
    """
    x1 = checked_matrices(x1, "solve_ex")
    safe, good, info = _regular(x1, "solve_ex", check_errors)
    found = solve(safe, x2, left=left)
    good = ops.squeeze(good, axis=-1) if x2.ndim == 1 else good
    return SolveExResult(ops.where(good, found, float("nan")), info)


def ldl_factor(x: Tensor, /, *, hermitian: bool = False) -> LDLFactorResult:
    """Factor symmetric matrices into ``x = L @ D @ L^T``, D of blocks of one or two rows, for `ldl_solve`.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point, of which the lower triangle is read.
    hermitian : bool
        Take complex matrices for Hermitian, ``x = L @ D @ L^H``, and not for symmetric.

    Returns
    -------
    LD : Tensor
        Shape (..., M, M): D, and below it L, as LAPACK packs them. It has no derivative.
    pivots : Tensor
        Shape (..., M), int32: with which row each was exchanged, counted from 1 and negative in blocks of two.

    Raises
    ------
    LinAlgError
        If D is singular.

    Notes
    -----
    The pivots are those of J. Bunch and L. Kaufman (1977).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.ldl_factor(cb.tensor([[2.0, 2.0], [2.0, 3.0]])).LD
    tensor([[2., 0.],
            [1., 1.]])
    """
    found = _ldl(x, hermitian, True, "ldl_factor")
    return LDLFactorResult(found.LD, found.pivots)


def ldl_factor_ex(x: Tensor, /, *, hermitian: bool = False, check_errors: bool = False) -> LDLFactorExResult:
    """Factor matrices as `ldl_factor`, and say where D is singular: `info` is 0, or counts to the first zero block.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.ldl_factor_ex(cb.zeros((2, 2))).info
    tensor(1, dtype=candelabra.int32)
    """
    return _ldl(x, hermitian, check_errors, "ldl_factor_ex")


def _ldl(x: Any, hermitian: bool, check_errors: bool, name: str) -> LDLFactorExResult:
    packed, pivots, info = _row("ldl_packed")(checked_matrices(x, name), hermitian=bool(hermitian))
    if check_errors:
        _refuse_failures(name, info, "D has a zero block, the matrix is singular")
    return LDLFactorExResult(packed, ops.astype(pivots, dtypes.int32), ops.astype(info, dtypes.int32))


def ldl_solve(factors: Tensor, pivots: Tensor, x2: Tensor, /, *, hermitian: bool = False) -> Tensor:
    """Solve systems of linear equations whose matrices have been factored by `ldl_factor`.

    Parameters
    ----------
    factors, pivots : Tensor
        Shapes (..., M, M) and (..., M), as `ldl_factor` returns them.
    x2 : Tensor
        Shape (..., M, K).
    hermitian : bool
        As for `ldl_factor`.

    Examples
    --------
    >>> import candelabra as cb
    >>> found = cb.linalg.ldl_factor(cb.tensor([[2.0, 2.0], [2.0, 3.0]]))
    >>> cb.linalg.ldl_solve(*found, cb.tensor([[4.0], [5.0]]))
    tensor([[1.],
            [1.]])
    """
    factors, x2 = _checked_factors("ldl_solve", factors, pivots, x2, True)
    return _row("ldl_solve")(factors, ops.astype(pivots, pivots.device.whole), x2, hermitian=bool(hermitian))


def _checked_factors(name: str, factors: Any, pivots: Tensor, x2: Any, left: bool) -> tuple[Tensor, Tensor]:
    factors, x2 = checked_matrices(factors, name), checked_matrices(x2, name, square=False)
    if pivots.dtype.kind not in ("signed", "unsigned"):
        raise DTypeError(f"{name}: pivots are integers, not {pivots.dtype.name}")
    if pivots.shape[-1:] != factors.shape[-1:] or x2.shape[-2 if left else -1] != factors.shape[-1]:
        raise ShapeError(
            f"{name}: factors of shape {factors.shape}, pivots of shape {pivots.shape} and right sides of shape "
            f"{x2.shape} do not fit"
        )
    return factors, x2


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
    factors, x2 = _checked_factors("lu_solve", factors, pivots, x2, left)
    row = _row("lu_solve")
    if left:
        return row(factors, pivots, x2, adjoint=adjoint)
    return _adjoint(row(factors, pivots, _adjoint(x2), adjoint=not adjoint))


def _adjoint(x: Tensor) -> Tensor:
    turned = ops.matrix_transpose(x)
    return ops.conj(turned) if x.dtype.is_complex else turned
