"""Linear algebra under the names that PyTorch has in its main namespace; `candelabra.linalg` holds the newer forms."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from .. import ops
from ..errors import ArgumentError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..tensor import Tensor
from . import decompositions, elimination, linear_systems, norms, reflections, singular_values
from .decompositions import checked_matrices, matrix_power
from .reflections import geqrf, ormqr

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "frobenius_norm", "geqrf", "inverse", "logdet", "lu",
    "lu_solve", "lu_unpack", "matrix_exp", "matrix_power", "norm_except_dim", "nuclear_norm", "orgqr", "ormqr",
    "pinverse", "qr", "slogdet", "svd", "triangular_solve",
]  # fmt: skip


class SVDNamesResult(NamedTuple):
    """What `svd` finds."""

    U: Tensor
    S: Tensor
    V: Tensor


class LUUnpackResult(NamedTuple):
    """What `lu_unpack` finds."""

    P: Tensor
    L: Tensor
    U: Tensor


class TriangularSolveResult(NamedTuple):
    """What `triangular_solve` finds."""

    solution: Tensor
    cloned_coefficient: Tensor


def _row(name: str) -> Any:
    return row_function(TABLE[name])


def _adjoint(x: Tensor) -> Tensor:
    turned = ops.matrix_transpose(x)
    return ops.conj(turned) if x.dtype.is_complex else turned


def det(x: Tensor, /) -> Tensor:
    """Return the determinants of square matrices (..., M, M): `linalg.det`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.det(cb.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor(6.)
    """
    return _row("det")(checked_matrices(x, "det"))


def slogdet(x: Tensor, /) -> Any:
    """Return the signs of determinants and the logarithms of their magnitudes: `linalg.slogdet`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.slogdet(-cb.eye(3)).sign
    tensor(-1.)
    """
    return _row("slogdet")(checked_matrices(x, "slogdet"))


def logdet(x: Tensor, /) -> Tensor:
    """Return the logarithms of determinants: NaN for a negative one, -inf for zero, complex for a complex matrix.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.logdet(cb.eye(3))
    tensor(0.)
    """
    sign, size = _row("slogdet")(checked_matrices(x, "logdet"))
    if x.dtype.is_complex:
        return size + ops.log(sign)
    return ops.where(sign < 0, float("nan"), size)


def matrix_exp(x: Tensor, /) -> Tensor:
    """Return the exponentials of square matrices: `linalg.matrix_exp`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.matrix_exp(cb.zeros((2, 2)))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _row("matrix_exp")(checked_matrices(x, "matrix_exp"))


def inverse(x: Tensor, /) -> Tensor:
    """Return the inverses of square matrices: `linalg.inv`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.inverse(cb.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    return _row("inv")(checked_matrices(x, "inverse"))


def pinverse(x: Tensor, /, rcond: float = 1e-15) -> Tensor:
    """Return pseudo-inverses: `linalg.pinv` with ``rtol=rcond``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.pinverse(cb.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return singular_values.pinv(x, rtol=rcond)


def cholesky(x: Tensor, /, upper: bool = False) -> Tensor:
    """Return Cholesky's factors: `linalg.cholesky`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cholesky(cb.tensor([[4.0]]))
    tensor([[2.]])
    """
    return decompositions.cholesky(x, upper=upper)


def cholesky_solve(x2: Tensor, factors: Tensor, /, upper: bool = False) -> Tensor:
    """Solve systems of linear equations whose matrices have been factored by `linalg.cholesky`.

    Parameters
    ----------
    x2 : Tensor
        The right sides, shape (..., M, K).
    factors : Tensor
        Shape (..., M, M): L with ``x1 = L @ L^H``, of which the lower triangle is read.
    upper : bool
        The factors are U with ``x1 = U^H @ U``, of which the upper triangle is read.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cholesky_solve(cb.tensor([[8.0]]), cb.tensor([[2.0]]))
    tensor([[2.]])
    """
    factors = checked_matrices(factors, "cholesky_solve")
    x2 = checked_matrices(x2, "cholesky_solve", square=False)
    if x2.shape[-2] != factors.shape[-1]:
        raise ShapeError(
            f"cholesky_solve: right sides of shape {x2.shape} do not fit factors of shape {factors.shape}: they have "
            f"{factors.shape[-1]} rows"
        )
    solve = _row("solve_triangular")
    over = _adjoint(factors)
    if upper:
        return solve(factors, solve(over, x2, upper=False), upper=True)
    return solve(over, solve(factors, x2, upper=False), upper=True)


def cholesky_inverse(factors: Tensor, /, upper: bool = False) -> Tensor:
    """Return the inverses of matrices that have been factored by `linalg.cholesky`.

    Parameters
    ----------
    factors : Tensor
        Shape (..., M, M), as for `cholesky_solve`.
    upper : bool
        As for `cholesky_solve`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cholesky_inverse(cb.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    factors = checked_matrices(factors, "cholesky_inverse")
    one = ops.eye(factors.shape[-1], dtype=factors.dtype, device=factors.device.physical)
    half = _row("solve_triangular")(factors, one, upper=bool(upper))
    return ops.matmul(half, _adjoint(half)) if upper else ops.matmul(_adjoint(half), half)


def svd(x: Tensor, /, some: bool = True, compute_uv: bool = True) -> SVDNamesResult:
    """Factor matrices into ``x = U @ diag(S) @ V^H``: `linalg.svd`, but for V in place of its adjoint.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    some : bool
        Whether U and V have min(M, N) columns; else they are square.
    compute_uv : bool
        Whether to find the vectors; else U (..., M, M) and V (..., N, N) hold zeros.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.svd(cb.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    if compute_uv:
        u, s, vh = singular_values.svd(x, full_matrices=not some)
        return SVDNamesResult(u, s, _adjoint(vh))
    s = singular_values.svdvals(x)
    (m, n), kind, device = x.shape[-2:], x.dtype, x.device.physical
    lead = x.shape[:-2]
    u, v = (ops.zeros((*lead, k, k), dtype=kind, device=device) for k in (m, n))
    return SVDNamesResult(u, s, v)


def qr(x: Tensor, /, some: bool = True) -> Any:
    """Factor matrices into Q and R: `linalg.qr`, whose mode is "reduced" for `some` and else "complete".

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.qr(cb.ones((3, 2)), some=False)[0].shape
    (3, 3)
    """
    return reflections.qr(x, "reduced" if some else "complete")


def orgqr(x: Tensor, tau: Tensor, /) -> Tensor:
    """Return products of reflections: `linalg.householder_product`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.orgqr(*cb.geqrf(cb.tensor([[3.0], [4.0]])))
    tensor([[-0.6000],
            [-0.8000]])
    """
    return reflections.householder_product(x, tau)


def lu(x: Tensor, /, pivot: bool = True, get_infos: bool = False) -> Any:
    """Factor matrices as `linalg.lu_factor`; with `get_infos` as `linalg.lu_factor_ex`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.lu(cb.tensor([[1.0, 2.0], [2.0, 2.0]]))[1]
    tensor([2, 2], dtype=candelabra.int32)
    """
    return elimination.lu_factor_ex(x, pivot=pivot) if get_infos else elimination.lu_factor(x, pivot=pivot)


def lu_solve(x2: Tensor, factors: Tensor, pivots: Tensor, /) -> Tensor:
    """Solve systems by the factors of `lu`: `linalg.lu_solve` with the right sides first.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.lu_solve(cb.tensor([[3.0], [4.0]]), *cb.lu(cb.tensor([[1.0, 2.0], [2.0, 2.0]])))
    tensor([[1.],
            [1.]])
    """
    return elimination.lu_solve(factors, pivots, x2)


def lu_unpack(factors: Tensor, pivots: Tensor, /, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """Return the permutation and the triangles of what `lu` packed.

    Parameters
    ----------
    factors : Tensor
        Shape (..., M, N).
    pivots : Tensor
        Shape (..., min(M, N)), integers counted from 1.
    unpack_data : bool
        Whether to return L and U; else they are empty.
    unpack_pivots : bool
        Whether to return P; else it is empty.

    Returns
    -------
    P, L, U : Tensor
        As `linalg.lu` returns them.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.lu_unpack(*cb.lu(cb.tensor([[1.0, 2.0], [2.0, 2.0]]))).P
    tensor([[0., 1.],
            [1., 0.]])
    """
    factors = checked_matrices(factors, "lu_unpack", square=False)
    shape = (*factors.shape[:-2], min(factors.shape[-2:]))
    if pivots.dtype.kind not in ("signed", "unsigned") or pivots.shape != shape:
        raise ShapeError(
            f"lu_unpack: integer pivots (..., min(M, N)) go with factors (..., M, N), got {pivots.dtype.name} "
            f"{pivots.shape} and shape {factors.shape}"
        )
    none = ops.zeros((0,), dtype=factors.dtype, device=factors.device.physical)
    low, up = _row("lu_triangles")(factors) if unpack_data else (none, none)
    return LUUnpackResult(_row("permutation")(pivots, factors.detach()) if unpack_pivots else none, low, up)


def triangular_solve(
    x2: Tensor, x1: Tensor, /, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> TriangularSolveResult:
    """Solve systems with triangular matrices, the right sides first: `linalg.solve_triangular`; and return `x1` again.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.triangular_solve(cb.tensor([[4.0]]), cb.tensor([[2.0]])).solution
    tensor([[2.]])
    """
    matrices = ops.matrix_transpose(x1) if transpose else x1
    found = linear_systems.solve_triangular(
        matrices, x2, upper=bool(upper) is not bool(transpose), unitriangular=bool(unitriangular)
    )
    return TriangularSolveResult(found, ops.positive(x1))


def nuclear_norm(x: Tensor, /, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return the sum of the singular values of a matrix, or of those in a pair of axes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nuclear_norm(cb.eye(3))
    tensor(3.)
    """
    if dim is None and x.ndim != 2:
        raise ShapeError(f"nuclear_norm: a matrix or two axes are needed, got shape {x.shape}")
    return norms.matrix_norm(x, "nuc", (0, 1) if dim is None else dim, keepdim)


def frobenius_norm(x: Tensor, /, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return the root of the sum of squares over axes; no axis means all.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.frobenius_norm(cb.tensor([[3.0, 4.0]]))
    tensor(5.)
    """
    return norms.vector_norm(x, 2, None if isinstance(dim, (tuple, list)) and not dim else dim, keepdim)


def norm_except_dim(x: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """Return the norms over all axes but one, these kept with size one; ``dim=-1`` means over all.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.norm_except_dim(cb.ones((2, 4))).shape
    (2, 1)
    """
    dim = operator.index(dim)
    if dim == -1:
        return norms.vector_norm(x, pow)
    if not 0 <= dim < x.ndim:
        raise ArgumentError(f"norm_except_dim: dim lies between -1 and {x.ndim - 1}, got {dim}")
    rest = tuple(i for i in range(x.ndim) if i != dim)
    return norms.vector_norm(x, pow, rest, True) if rest else ops.abs(x)
