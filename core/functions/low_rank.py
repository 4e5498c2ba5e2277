"""Singular values of matrices that are nearly of low rank, from products with a few random vectors."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..tensor import Tensor
from . import singular_values
from .decompositions import checked_matrices
from .linear_names import SVDNamesResult
from .reflections import qr

__all__ = ["pca_lowrank", "svd_lowrank"]


def _adjoint(x: Tensor) -> Tensor:
    turned = ops.matrix_transpose(x)
    return ops.conj(turned) if x.dtype.is_complex else turned


def _counted(name: str, what: str, value: Any, low: int, high: int | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ArgumentTypeError(f"{name}: {what} is an int, not {value!r}")
    if value < low or (high is not None and value > high):
        limits = f"not be less than {low}" if high is None else f"lie between {low} and {high}"
        raise ArgumentError(f"{name}: {what} must {limits}, got {value}")
    return value


def svd_lowrank(x: Tensor, q: int = 6, niter: int = 2, M: Tensor | None = None) -> SVDNamesResult:
    """Return the first singular values and vectors of a matrix, ``x = U @ diag(S) @ V^H``, by random projections.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    q : int
        How many: a few more than the rank of `x`, and no more than its smaller side.
    niter : int
        How many times the subspace is multiplied by ``x^H x``.
    M : Tensor, optional
        What is subtracted from `x`: its shape, or one that broadcasts to it.

    Returns
    -------
    U : Tensor
        Shape (..., M, q).
    S : Tensor
        Shape (..., q).
    V : Tensor
        Shape (..., N, q).

    Notes
    -----
    N. Halko, P. Martinsson and J. Tropp, "Finding structure with randomness" (2009), algorithms 4.4 and 5.1.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.svd_lowrank(cb.ones((4, 3)), q=1).S
    tensor([3.4641])
    """
    name = "svd_lowrank"
    x = checked_matrices(x, name, square=False)
    if M is not None:
        try:
            x = x - ops.broadcast_to(M, x.shape)
        except ShapeError:
            raise ShapeError(f"{name}: M of shape {M.shape} does not broadcast to {x.shape}") from None
    m, n = x.shape[-2:]
    _counted(name, "q", q, 0, min(m, n))
    _counted(name, "niter", niter, 0, None)
    wide = m < n
    tall = _adjoint(x) if wide else x
    drawn = ops.randn((*x.shape[:-2], tall.shape[-1], q), dtype=x.dtype.to_real(), device=x.device.physical)
    drawn = ops.astype(drawn, x.dtype, copy=False)
    # The subspace is a choice; what is found on it depends on the matrix, and its derivative with it.
    given = tall.detach()
    basis = qr(ops.matmul(given, drawn))[0]
    for _ in range(niter):
        basis = qr(ops.matmul(_adjoint(given), basis))[0]
        basis = qr(ops.matmul(given, basis))[0]
    if tall.requires_grad or tall.device.levels:
        basis = qr(ops.matmul(tall, ops.matmul(_adjoint(given), basis)))[0]
    u, s, vh = singular_values.svd(ops.matmul(_adjoint(basis), tall), full_matrices=False)
    left, right = ops.matmul(basis, u), _adjoint(vh)
    return SVDNamesResult(right, s, left) if wide else SVDNamesResult(left, s, right)


def pca_lowrank(x: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> SVDNamesResult:
    """Return the principal components of the rows of a matrix, by `svd_lowrank`.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N): M samples of N features.
    q : int, optional
        How many. Default: ``min(6, M, N)``.
    center : bool
        Whether to subtract the features' means.
    niter : int
        As for `svd_lowrank`.

    Returns
    -------
    U, S, V : Tensor
        The principal directions are the columns of V; ``S**2 / (M - 1)`` are the variances along them.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.pca_lowrank(cb.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 0.0]]), q=1).S
    tensor([2.8284])
    """
    x = checked_matrices(x, "pca_lowrank", square=False)
    q = _counted("pca_lowrank", "q", min(6, *x.shape[-2:]) if q is None else q, 0, min(x.shape[-2:]))
    _counted("pca_lowrank", "niter", niter, 0, None)
    return svd_lowrank(x - ops.mean(x, axis=-2, keepdims=True) if center else x, q, niter)
