"""Orthogonal polynomials by PyTorch's names, each a family of one row; degrees broadcast with the argument."""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..tensor import Tensor
from .narrow_floats import in_single, is_narrow

__all__ = [
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
]  # fmt: skip


def _polynomial(operation: str, family: str, x: Any, n: Any) -> Tensor:
    if not isinstance(x, Tensor) and not isinstance(n, Tensor):
        raise ArgumentTypeError(f"{operation}: x or n is a Tensor, not {type(x).__name__} and {type(n).__name__}")
    device = (x if isinstance(x, Tensor) else n).device.physical
    if not isinstance(x, Tensor):
        x = ops.asarray(float(x), dtype=dtypes.float_for(n.dtype), device=device)
    if not isinstance(n, Tensor):
        if isinstance(n, float) and not math.isfinite(n):
            raise ArgumentError(f"{operation}: the degree n is finite, not {n}")
        n = ops.asarray(int(n), device=device)
    if n.dtype.is_complex or n.dtype.kind == "bool":
        raise DTypeError(f"{operation}: the degree n is of integers, not {n.dtype.name}")
    # PyTorch cuts broken degrees off.
    n = ops.astype(n.detach(), n.device.whole) if n.dtype.rank == 2 else n
    return row_function(TABLE["orthogonal_polynomial"])(x, n, family=family)


def chebyshev_polynomial_t(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Chebyshev's polynomial of the first kind, of degree `n` (DLMF 18.3).

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.chebyshev_polynomial_t(cb.tensor([0.5]), 3)
    tensor([-1.])
    """
    return _polynomial("chebyshev_polynomial_t", "chebyshev_t", x, n)


def chebyshev_polynomial_u(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Chebyshev's polynomial of the second kind, of degree `n` (DLMF 18.3).

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.chebyshev_polynomial_u(cb.tensor([0.5]), 3)
    tensor([-1.])
    """
    return _polynomial("chebyshev_polynomial_u", "chebyshev_u", x, n)


def chebyshev_polynomial_v(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Chebyshev's polynomial of the third kind, of degree `n` (DLMF 18.3).

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.chebyshev_polynomial_v(cb.tensor([0.5]), 3)
    tensor([-1.])
    """
    return _polynomial("chebyshev_polynomial_v", "chebyshev_v", x, n)


def chebyshev_polynomial_w(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Chebyshev's polynomial of the fourth kind, of degree `n` (DLMF 18.3).

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.chebyshev_polynomial_w(cb.tensor([0.5]), 3)
    tensor([-1.])
    """
    return _polynomial("chebyshev_polynomial_w", "chebyshev_w", x, n)


def shifted_chebyshev_polynomial_t(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Chebyshev's polynomial of the first kind in ``2 x - 1``, of degree `n`.

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.shifted_chebyshev_polynomial_t(cb.tensor([0.5]), 3)
    tensor([-0.])
    """
    if is_narrow(x):
        return in_single(shifted_chebyshev_polynomial_t, x, n)
    return _polynomial("shifted_chebyshev_polynomial_t", "chebyshev_t", 2 * x - 1, n)


def shifted_chebyshev_polynomial_u(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Chebyshev's polynomial of the second kind in ``2 x - 1``, of degree `n`.

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.shifted_chebyshev_polynomial_u(cb.tensor([0.5]), 3)
    tensor([-0.])
    """
    if is_narrow(x):
        return in_single(shifted_chebyshev_polynomial_u, x, n)
    return _polynomial("shifted_chebyshev_polynomial_u", "chebyshev_u", 2 * x - 1, n)


def shifted_chebyshev_polynomial_v(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Chebyshev's polynomial of the third kind in ``2 x - 1``, of degree `n`.

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.shifted_chebyshev_polynomial_v(cb.tensor([0.5]), 3)
    tensor([1.])
    """
    if is_narrow(x):
        return in_single(shifted_chebyshev_polynomial_v, x, n)
    return _polynomial("shifted_chebyshev_polynomial_v", "chebyshev_v", 2 * x - 1, n)


def shifted_chebyshev_polynomial_w(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Chebyshev's polynomial of the fourth kind in ``2 x - 1``, of degree `n`.

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.shifted_chebyshev_polynomial_w(cb.tensor([0.5]), 3)
    tensor([-1.])
    """
    if is_narrow(x):
        return in_single(shifted_chebyshev_polynomial_w, x, n)
    return _polynomial("shifted_chebyshev_polynomial_w", "chebyshev_w", 2 * x - 1, n)


def hermite_polynomial_h(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return the physicist's Hermite polynomial of degree `n` (DLMF 18.3).

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.hermite_polynomial_h(cb.tensor([0.5]), 3)
    tensor([-5.])
    """
    return _polynomial("hermite_polynomial_h", "hermite_h", x, n)


def hermite_polynomial_he(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return the probabilist's Hermite polynomial of degree `n` (DLMF 18.3).

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.hermite_polynomial_he(cb.tensor([0.5]), 3)
    tensor([-1.3750])
    """
    return _polynomial("hermite_polynomial_he", "hermite_he", x, n)


def laguerre_polynomial_l(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Laguerre's polynomial of degree `n` (DLMF 18.3).

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.laguerre_polynomial_l(cb.tensor([0.5]), 3)
    tensor([-0.1458])
    """
    return _polynomial("laguerre_polynomial_l", "laguerre", x, n)


def legendre_polynomial_p(x: Tensor | float, n: Tensor | float, /) -> Tensor:
    """Return Legendre's polynomial of degree `n` (DLMF 18.3).

    Zero for negative degrees. Differentiable in `x` to any order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.legendre_polynomial_p(cb.tensor([0.5]), 3)
    tensor([-0.4375])
    """
    return _polynomial("legendre_polynomial_p", "legendre", x, n)
