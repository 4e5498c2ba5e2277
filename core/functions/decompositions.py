"""The standard's linear algebra extension: decompositions, inverses, determinants and what is made of them."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from .. import ops
from ..autograd.mode import grad_mode
from ..dispatch import coerce
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..ops import row_function
from ..primitives.decompositions_tools import check_floating, check_matrices
from ..primitives.row import TABLE
from ..primitives.tools import size_of
from ..tensor import Tensor

__all__ = [
    "cholesky", "eig", "eigh", "eigvals", "eigvalsh", "matrix_norm", "matrix_power", "matrix_rank", "pinv",
]  # fmt: skip


class EigResult(NamedTuple):
    """Eigenvalues and eigenvectors."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _row(name: str) -> Any:
    return row_function(TABLE[name])


def checked_matrices(x: Any, name: str, *, square: bool = True) -> Tensor:
    """Return the operand as a tensor of floating-point matrices, or refuse it."""
    if not isinstance(x, Tensor):
        (x,) = coerce(TABLE.get(name) or TABLE["svd"], (x,))
    check_floating(name, x.dtype)
    check_matrices(name, x.shape, square=square)
    return x


def _hermitian(x: Tensor) -> Tensor:
    """Return the mean of matrices and their adjoints: so a gradient says the same of either triangle."""
    other = ops.matrix_transpose(x)
    return (x + (ops.conj(other) if x.dtype.is_complex else other)) * 0.5


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """Return Cholesky's factor of Hermitian positive definite matrices: L with ``x = L @ L^H``.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point. Its Hermitian part is factored, so that the gradient is Hermitian, as
        PyTorch's.
    upper : bool
        Return the upper triangular ``U = L^H``, ``x = U^H @ U``.

    Returns
    -------
    Tensor
        Shape (..., M, M), with a positive diagonal.

    Raises
    ------
    LinAlgError
        If a matrix is not positive definite.
    ShapeError, DTypeError
        If `x` holds no square matrices, or integers.

    Notes
    -----
    The derivative is that of I. Murray, "Differentiation of the Cholesky decomposition" (2016).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.cholesky(cb.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    found = _row("cholesky")(_hermitian(checked_matrices(x, "cholesky")))
    if not upper:
        return found
    turned = ops.matrix_transpose(found)
    return ops.conj(turned) if turned.dtype.is_complex else turned


def eigh(x: Tensor, /) -> EigResult:
    """Return the eigenvalues and orthonormal eigenvectors of Hermitian matrices.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point. Its Hermitian part is decomposed.

    Returns
    -------
    eigenvalues : Tensor
        Shape (..., M), real and ascending.
    eigenvectors : Tensor
        Shape (..., M, M), in columns. Complex ones have their largest elements real and positive.

    Raises
    ------
    LinAlgError
        If the decomposition does not converge: `x` holds NaN or infinities.
    ShapeError, DTypeError
        If `x` holds no square matrices, or integers.

    Notes
    -----
    Of eigenvectors to equal eigenvalues there is no derivative: it is NaN or infinite. Take `eigvalsh` where the
    eigenvalues are all that is needed.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.eigh(cb.tensor([[3.0, 0.0], [0.0, 2.0]])).eigenvalues
    tensor([2., 3.])
    """
    return EigResult(*_row("eigh")(_hermitian(checked_matrices(x, "eigh"))))


def eigvalsh(x: Tensor, /) -> Tensor:
    """Return the eigenvalues of Hermitian matrices, real and ascending; shape (..., M, M) to (..., M).

    The Hermitian part of `x` is decomposed.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.eigvalsh(cb.tensor([[0.0, 1.0], [1.0, 0.0]]))
    tensor([-1.,  1.])
    """
    return _row("eigvalsh")(_hermitian(checked_matrices(x, "eigvalsh")))


def eig(x: Tensor, /) -> EigResult:
    """Return the eigenvalues and eigenvectors of square matrices.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point.

    Returns
    -------
    eigenvalues : Tensor
        Shape (..., M), complex, in no order.
    eigenvectors : Tensor
        Shape (..., M, M), complex, in columns of length one with their largest elements real and positive.

    Raises
    ------
    LinAlgError
        If the decomposition does not converge: `x` holds NaN or infinities.
    ShapeError, DTypeError
        If `x` holds no square matrices, or integers.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.eig(cb.tensor([[0.0, 1.0], [-4.0, 0.0]])).eigenvalues
    tensor([0.+2.j, 0.-2.j])
    """
    return EigResult(*_row("eig")(checked_matrices(x, "eig")))


def eigvals(x: Tensor, /) -> Tensor:
    """Return the eigenvalues of square matrices, complex and in no order; shape (..., M, M) to (..., M).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.eigvals(cb.tensor([[2.0, 1.0], [0.0, 3.0]]))
    tensor([2.+0.j, 3.+0.j])
    """
    x = checked_matrices(x, "eigvals")
    # The derivative needs the vectors, and the values in their order.
    if x.device.levels or (x.requires_grad and grad_mode.get()):
        return _row("eig")(x)[0]
    return _row("eigvals")(x)


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """Return the pseudo-inverses of matrices (Moore and Penrose), by their singular values.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    rtol : float or Tensor, optional
        Singular values up to ``rtol`` times the largest count as zero; a tensor has one for each matrix. Default:
        ``max(M, N)`` times the dtype's machine epsilon.

    Returns
    -------
    Tensor
        Shape (..., N, M).

    Notes
    -----
    The derivative is that of G. Golub and V. Pereyra (1973), for matrices that keep their rank.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.pinv(cb.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    x = checked_matrices(x, "pinv", square=False)
    if size_of(x.shape) == 0:
        turned = ops.matrix_transpose(x)
        return ops.conj(turned) if x.dtype.is_complex else turned
    return _row("pinv")(x, relative_tolerance(x, rtol, "pinv"))


def relative_tolerance(x: Tensor, rtol: Any, name: str) -> Tensor:
    """Return the tolerance as a tensor of the singular values' dtype."""
    kind = x.dtype.to_real()
    if isinstance(rtol, Tensor):
        if rtol.dtype.is_complex or rtol.dtype.kind == "bool":
            raise DTypeError(f"{name}: rtol is real, not {rtol.dtype.name}")
        return ops.astype(rtol.detach(), kind, copy=False)
    if rtol is None:
        rtol = max(x.shape[-2:]) * ops.finfo(kind).eps
    elif isinstance(rtol, bool) or not isinstance(rtol, (int, float)):
        raise ArgumentTypeError(f"{name}: rtol is a number, a tensor or None, not {rtol!r}")
    return ops.full((), float(rtol), dtype=kind, device=x.device.physical)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """Return the number of singular values that are greater than a tolerance.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    rtol : float or Tensor, optional
        The tolerance over the largest singular value. Default: ``max(M, N)`` times the dtype's machine epsilon.

    Returns
    -------
    Tensor
        Shape (...), integers. It has no derivative.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.matrix_rank(cb.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    x = checked_matrices(x, "matrix_rank", square=False)
    s = _row("svdvals")(x.detach())
    if s.shape[-1] == 0:
        return ops.count_nonzero(s, axis=-1)
    least = ops.max(s, axis=-1) * relative_tolerance(x, rtol, "matrix_rank")
    return ops.count_nonzero(s > ops.expand_dims(least, axis=-1), axis=-1)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Return square matrices to an integral power, by repeated squaring; negative powers are those of the inverse.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point.
    n : int
        The exponent; 0 gives identities.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.matrix_power(cb.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    try:
        n = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"matrix_power: the exponent is an int, not {n!r}") from None
    x = checked_matrices(x, "matrix_power")
    if n == 0:
        # Not a constant: it belongs to the same graph and the same level.
        one = ops.eye(x.shape[-1], dtype=x.dtype, device=x.device.physical)
        return ops.zeros_like(x) + one
    base = _row("inv")(x) if n < 0 else x
    n = abs(n)
    found: Tensor | None = None
    while n:
        if n & 1:
            found = base if found is None else ops.matmul(found, base)
        n >>= 1
        if n:
            base = ops.matmul(base, base)
    assert found is not None
    return found * 1 if found is x else found


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Return the norm of the matrices in the last two axes.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    keepdims : bool
        Keep the two axes with size one.
    ord : int, float or str
        ``"fro"``: the root of the sum of squares; ``"nuc"``: the sum of the singular values; 2 and -2: the largest and
        the smallest one; 1 and -1: the largest and the smallest sum of magnitudes of a column; inf and -inf: of a row.

    Returns
    -------
    Tensor
        Shape (...), real.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.matrix_norm(cb.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    x = checked_matrices(x, "matrix_norm", square=False)
    infinity = float("inf")
    if ord not in ("fro", "nuc", 1, -1, 2, -2, infinity, -infinity) or isinstance(ord, bool):
        raise ArgumentError(f"matrix_norm: ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not {ord!r}")
    if ord == "fro":
        return ops.norm(x, 2, axis=(-2, -1), keepdims=keepdims)
    if ord == "nuc" or abs(ord) == 2:
        values = _row("svdvals")(x)
        if ord == "nuc":
            found = ops.sum(values, axis=-1)
        else:
            found = _extreme(values, -1, ord > 0)
    else:
        along, across = (-2, -1) if abs(ord) == 1 else (-1, -1)
        found = _extreme(ops.sum(ops.abs(x), axis=along), across, ord > 0)
    return ops.reshape(found, (*found.shape, 1, 1)) if keepdims else found


def _extreme(values: Tensor, axis: int, largest: bool) -> Tensor:
    """Return the largest or smallest of magnitudes; of none the largest is zero."""
    if values.shape[axis] == 0:
        if not largest:
            raise ArgumentError("matrix_norm: matrices without elements have no smallest sum or singular value")
        return ops.sum(values, axis=axis)
    return ops.max(values, axis=axis) if largest else ops.min(values, axis=axis)
