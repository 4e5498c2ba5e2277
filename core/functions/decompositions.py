"""The standard's linear algebra extension: decompositions, inverses, determinants and what is made of them."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from .. import dtypes, ops
from ..autograd.mode import grad_mode
from ..errors import ArgumentError, ArgumentTypeError
from ..operands import coerce
from ..ops import row_function
from ..primitives.decompositions_tools import check_floating, check_matrices
from ..primitives.row import TABLE
from ..tensor import Tensor

__all__ = ["cholesky", "cholesky_ex", "eig", "eigh", "eigvals", "eigvalsh", "matrix_power"]


class CholeskyResult(NamedTuple):
    """Cholesky's factor, and where it was not found."""

    L: Tensor
    info: Tensor


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


def is_mapped(x: Tensor) -> bool:
    """Whether a tensor hides a batch axis: then there is no one value to look at."""
    return any(level.kind == "vmap" for level in x.device.levels)


def _hermitian(x: Tensor) -> Tensor:
    """Return the mean of matrices and their adjoints: so a gradient says the same of either triangle."""
    return _row("hermitian_part")(x)


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


def cholesky_ex(x: Tensor, /, *, upper: bool = False, check_errors: bool = False) -> CholeskyResult:
    """Return Cholesky's factors as `cholesky`, and say which of them there are, without an error.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point.
    upper : bool
        Return ``U = L^H``.
    check_errors : bool
        Raise the error of `cholesky` after all.

    Returns
    -------
    L : Tensor
        Shape (..., M, M); NaN in place of a factor that does not exist.
    info : Tensor
        Shape (...), int32: 0, or the order of the first leading minor that is not positive.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.cholesky_ex(cb.tensor([[1.0, 2.0], [2.0, 1.0]])).info
    tensor(2, dtype=candelabra.int32)
    """
    x = checked_matrices(x, "cholesky_ex")
    if check_errors:
        found = cholesky(x, upper=upper)
        return CholeskyResult(found, ops.zeros(found.shape[:-2], dtype=dtypes.int32, device=x.device.physical))
    whole = _hermitian(x)
    info = _row("definite_order")(whole.detach())
    good = ops.expand_dims(ops.expand_dims(info == 0, axis=-1), axis=-1)
    one = ops.eye(x.shape[-1], dtype=x.dtype, device=x.device.physical)
    found = cholesky(ops.where(good, whole, one), upper=upper)
    return CholeskyResult(ops.where(good, found, float("nan")), ops.astype(info, dtypes.int32))


def of_triangle(x: Tensor, UPLO: Any, name: str) -> Tensor:
    """Return the Hermitian part of matrices, or with its derivative the values of the Hermitian ones of a triangle."""
    whole = _hermitian(x)
    if UPLO is None:
        return whole
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"{name}: UPLO is 'L', 'U' or None, not {UPLO!r}")
    given = x.detach()
    triangle = ops.tril(given, k=-1) if UPLO in ("L", "l") else ops.triu(given, k=1)
    other = ops.matrix_transpose(triangle)
    mirrored = triangle + (ops.conj(other) if x.dtype.is_complex else other)
    one = ops.eye(x.shape[-1], dtype="bool", device=x.device.physical)
    # On the diagonal the two agree; off it the difference is a constant.
    return whole + ops.where(one, 0.0, mirrored - whole.detach())


def eigh(x: Tensor, /, UPLO: str | None = None) -> EigResult:
    """Return the eigenvalues and orthonormal eigenvectors of Hermitian matrices.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point. Its Hermitian part is decomposed.
    UPLO : {None, "L", "U"}
        Read the lower or the upper triangle alone. The gradient is Hermitian all the same, as PyTorch's.

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
    return EigResult(*_row("eigh")(of_triangle(checked_matrices(x, "eigh"), UPLO, "eigh")))


def eigvalsh(x: Tensor, /, UPLO: str | None = None) -> Tensor:
    """Return the eigenvalues of Hermitian matrices, real and ascending; shape (..., M, M) to (..., M).

    The arguments are those of `eigh`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.eigvalsh(cb.tensor([[0.0, 1.0], [1.0, 0.0]]))
    tensor([-1.,  1.])
    """
    return _row("eigvalsh")(of_triangle(checked_matrices(x, "eigvalsh"), UPLO, "eigvalsh"))


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
