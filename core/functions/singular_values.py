"""Singular values, and what is made of them: pseudo-inverses and ranks."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from .. import ops
from ..device import Device
from ..dtypes import DType
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import size_of
from ..tensor import Tensor
from .decompositions import checked_matrices, of_triangle

__all__ = ["matrix_rank", "pinv", "svd", "svdvals"]


class SVDResult(NamedTuple):
    """Singular values and vectors."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _row(name: str) -> Any:
    return row_function(TABLE[name])


def _refuse_driver(driver: Any, name: str) -> None:
    if driver is not None:
        raise ArgumentError(f"{name}: driver chooses among routines of cuSOLVER, which are not called; leave it out")


def svd(x: Tensor, /, full_matrices: bool = True, *, driver: str | None = None) -> SVDResult:
    """Factor matrices into ``x = U @ diag(S) @ Vh``, U and Vh unitary, the singular values S descending.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    full_matrices : bool
        Whether U and Vh are square; else they have min(M, N) columns and rows.
    driver : None
        PyTorch's choice among CUDA's routines; refused.

    Returns
    -------
    U : Tensor
        Shape (..., M, M) or (..., M, K), K = min(M, N). Of complex columns the largest elements are real and positive.
    S : Tensor
        Shape (..., K), real.
    Vh : Tensor
        Shape (..., N, N) or (..., K, N).

    Raises
    ------
    LinAlgError
        If the decomposition does not converge: `x` holds NaN or infinities.
    ShapeError, DTypeError
        If `x` holds no matrices, or integers.

    Notes
    -----
    The derivative is that of J. Townsend, "Differentiating the singular value decomposition" (2016). Of vectors to
    equal singular values there is none: it is NaN or infinite. Take `svdvals` where the values are all that is needed.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.svd(cb.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    _refuse_driver(driver, "svd")
    if not isinstance(full_matrices, bool):
        raise ArgumentTypeError(f"svd: full_matrices is a bool, not {full_matrices!r}")
    return SVDResult(*_row("svd")(checked_matrices(x, "svd", square=False), full_matrices=full_matrices))


def svdvals(x: Tensor, /, *, driver: str | None = None) -> Tensor:
    """Return the singular values of matrices (..., M, N), descending: shape (..., min(M, N)).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.svdvals(cb.tensor([[0.0, 2.0], [1.0, 0.0]]))
    tensor([2., 1.])
    """
    _refuse_driver(driver, "svdvals")
    found: Tensor = _row("svdvals")(checked_matrices(x, "svdvals", square=False))
    return found


def pinv(x: Tensor, /, *, rtol: Any = None, atol: Any = None, hermitian: bool = False) -> Tensor:
    """Return the pseudo-inverses of matrices (Moore and Penrose), by their singular values.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    rtol : float or Tensor, optional
        Singular values up to ``rtol`` times the largest count as zero; a tensor has one for each matrix. Default:
        ``max(M, N)`` times the dtype's machine epsilon, or zero where `atol` is given and positive.
    atol : float or Tensor, optional
        Singular values up to this count as zero, too. Default: 0.
    hermitian : bool
        Read the lower triangle alone, and take the matrices for Hermitian.

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
    x = _given(x, hermitian, "pinv")
    if size_of(x.shape) == 0:
        turned = ops.matrix_transpose(x)
        return ops.conj(turned) if x.dtype.is_complex else turned
    least = relative_tolerance(x, rtol, "pinv", atol)
    if atol is not None:
        largest = ops.max(_row("svdvals")(x.detach()), axis=-1)
        safe = ops.where(largest > 0, largest, 1.0)
        least = ops.maximum(least, _tolerance(x, atol, "pinv", "atol") / safe)
    found: Tensor = _row("pinv")(x, least)
    return found


def _given(x: Any, hermitian: bool, name: str) -> Tensor:
    x = checked_matrices(x, name, square=bool(hermitian))
    return of_triangle(x, "L", name) if hermitian else x


def relative_tolerance(x: Tensor, rtol: Any, name: str, atol: Any = None) -> Tensor:
    """Return the relative tolerance as a tensor of the singular values' dtype."""
    if rtol is not None:
        return _tolerance(x, rtol, name, "rtol")
    usual = _usual(max(x.shape[-2:]), x.dtype.to_real(), x.device.physical)
    if atol is None:
        return usual
    return ops.where(_tolerance(x, atol, name, "atol") > 0, 0.0, usual)


@functools.lru_cache(maxsize=256)
def _usual(size: int, kind: DType, device: Device) -> Tensor:
    """Return the size times the dtype's machine epsilon, a constant."""
    return ops.full((), size * ops.finfo(kind).eps, dtype=kind, device=device)


def _tolerance(x: Tensor, value: Any, name: str, what: str) -> Tensor:
    kind = x.dtype.to_real()
    if isinstance(value, Tensor):
        if value.dtype.is_complex or value.dtype.kind == "bool":
            raise DTypeError(f"{name}: {what} is real, not {value.dtype.name}")
        return ops.astype(value.detach(), kind, copy=False)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ArgumentTypeError(f"{name}: {what} is a number, a tensor or None, not {value!r}")
    return ops.full((), float(value), dtype=kind, device=x.device.physical)


def matrix_rank(x: Tensor, /, *, rtol: Any = None, atol: Any = None, hermitian: bool = False) -> Tensor:
    """Return the number of singular values that are greater than a tolerance.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    rtol : float or Tensor, optional
        The tolerance over the largest singular value. Default: ``max(M, N)`` times the dtype's machine epsilon, or zero
        where `atol` is given and positive.
    atol : float or Tensor, optional
        The least tolerance. Default: 0.
    hermitian : bool
        Read the lower triangle alone, and take the matrices for Hermitian.

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
    x = _given(x, hermitian, "matrix_rank").detach()
    s = ops.abs(_row("eigvalsh")(x)) if hermitian else _row("svdvals")(x)
    if s.shape[-1] == 0:
        return ops.count_nonzero(s, axis=-1)
    least = ops.max(s, axis=-1) * relative_tolerance(x, rtol, "matrix_rank", atol)
    if atol is not None:
        least = ops.maximum(least, _tolerance(x, atol, "matrix_rank", "atol"))
    return ops.count_nonzero(s > ops.expand_dims(least, axis=-1), axis=-1)
