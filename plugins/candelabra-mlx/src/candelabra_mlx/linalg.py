"""The standard's extension `linalg` by MLX's decompositions of real matrices, which run on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from numpy.linalg import LinAlgError


def _at_once(function: Callable[..., Any], dtypes: tuple[Any, ...] = (mx.float32, mx.float64)) -> Callable[..., Any]:
    """Compute now, that a matrix which has no such decomposition is told where it is given."""

    def run(x: Any, /, *more: Any, **options: Any) -> Any:
        if x.dtype not in dtypes or any(0 in a.shape for a in (x, *more)):
            raise NotImplementedError
        try:
            found = function(x, *more, **options, stream=mx.cpu)
            mx.eval(found)
        except RuntimeError as error:
            raise LinAlgError(str(error)) from error
        return found

    return run


def svd(x: Any, /, *, full_matrices: bool = True) -> Any:
    if x.shape[-1] != x.shape[-2] and not full_matrices:
        k = min(x.shape[-2:])
        u, s, vh = _svd(x)
        return u[..., :k], s, vh[..., :k, :]
    return _svd(x)


def svdvals(x: Any, /) -> Any:
    return _svd(x, compute_uv=False)


def qr(x: Any, /, *, mode: str = "reduced") -> Any:
    if mode != "reduced":
        raise NotImplementedError
    return _qr(x)


def solve(x1: Any, x2: Any, /) -> Any:
    columns = x2.reshape(*x2.shape, 1) if x2.ndim == 1 else x2
    stack = mx.broadcast_shapes(x1.shape[:-2], columns.shape[:-2])
    both = (mx.broadcast_to(x, [*stack, *x.shape[-2:]]) for x in (x1, columns))
    found = _solve(*both)
    return found[..., 0] if x2.ndim == 1 else found


def _finite(x: Any) -> Any:
    # LAPACK ends the process.
    if not mx.isfinite(x).all().item():
        raise LinAlgError("Array must not contain infs or NaNs")
    return x


def eig(x: Any, /) -> Any:
    return _eig(_finite(x))


def eigvals(x: Any, /) -> Any:
    return _eigvals(_finite(x))


def cholesky(x: Any, /) -> Any:
    found = _cholesky(x)
    if not (mx.diagonal(found, 0, -2, -1) > 0).all().item():
        raise LinAlgError("Matrix is not positive definite")
    return found


_svd, _qr = _at_once(mx.linalg.svd), _at_once(mx.linalg.qr)
inv, _cholesky, _solve = _at_once(mx.linalg.inv), _at_once(mx.linalg.cholesky), _at_once(mx.linalg.solve)
eigh = _at_once(mx.linalg.eigh, (mx.float32, mx.float64, mx.complex64))
eigvalsh = _at_once(mx.linalg.eigvalsh, (mx.float32, mx.float64, mx.complex64))
_eig = _at_once(mx.linalg.eig, (mx.float32,))
_eigvals = _at_once(mx.linalg.eigvals, (mx.float32,))
