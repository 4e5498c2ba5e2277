"""Special functions made of the rows of `primitives.special_*`, and PyTorch's forms of some of them."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..tensor import Tensor
from .narrow_floats import in_single, is_narrow

__all__ = [
    "beta", "expit", "gammainc", "gammaincc", "gammaln", "logit", "modified_bessel_i0", "modified_bessel_i1",
    "modified_bessel_k0", "modified_bessel_k1", "multigammaln", "mvlgamma", "polygamma", "psi",
    "spherical_bessel_j0", "zeta",
]  # fmt: skip


def expit(x: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))`` (another name for `sigmoid`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.expit(cb.tensor([0.0]))
    tensor([0.5000])
    """
    return ops.sigmoid(x)


def polygamma(n: int, x: Tensor) -> Tensor:
    """Return the n-th derivative of the digamma function (DLMF 5.15).

    Parameters
    ----------
    n : int
        The order, from 0 (digamma itself) to 100.
    x : Tensor
        Any shape; integers become the default float dtype.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If the order is no int or lies outside.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.polygamma(1, cb.tensor([1.0]))
    tensor([1.6449])
    """
    return row_function(TABLE["polygamma"])(x, n=n)


def logit(x: Any, eps: float | None = None) -> Tensor:
    """Return ``log(x / (1 - x))``, the inverse of `sigmoid`.

    Parameters
    ----------
    x : Tensor
        Probabilities, any shape.
    eps : float, optional
        Limit `x` to the interval from `eps` to ``1 - eps`` first; beyond it the gradient is zero.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.logit(cb.tensor([0.5, 1.0]), eps=0.25)
    tensor([0.0000, 1.0986])
    """
    if eps is not None:
        if not 0 <= eps <= 0.5:
            raise ArgumentError(f"logit: eps lies between 0 and 0.5, got {eps}")
        x = ops.clip(x, eps, 1 - eps)
    if is_narrow(x):
        return in_single(logit, x)
    return ops.log(x / (1 - x))


def psi(x: Tensor, /) -> Tensor:
    """Return the logarithmic derivative of the gamma function (another name for `digamma`)."""
    return ops.digamma(x)


def gammaln(x: Tensor, /) -> Tensor:
    """Return the logarithm of the absolute value of the gamma function (another name for `lgamma`)."""
    return ops.lgamma(x)


def gammainc(a: Any, x: Any, /) -> Tensor:
    """Return the regularized lower incomplete gamma function P(a, x) (another name for `igamma`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.gammainc(cb.tensor([1.0]), cb.tensor([2.0]))
    tensor([0.8647])
    """
    return ops.igamma(a, x)


def gammaincc(a: Any, x: Any, /) -> Tensor:
    """Return the regularized upper incomplete gamma function Q(a, x) (another name for `igammac`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.gammaincc(cb.tensor([1.0]), cb.tensor([2.0]))
    tensor([0.1353])
    """
    return ops.igammac(a, x)


def mvlgamma(x: Tensor, p: int) -> Tensor:
    """Return the logarithm of the multivariate gamma function of dimension `p` (DLMF 35.3.4).

    Parameters
    ----------
    x : Tensor
        Any shape, above ``(p - 1) / 2``; integers become the default float dtype.
    p : int
        The dimension, from 1 on.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If the dimension is no int or below 1.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.mvlgamma(cb.tensor([2.0]), 2)
    tensor([0.4516])
    """
    if isinstance(p, bool) or not isinstance(p, int):
        raise ArgumentTypeError(f"mvlgamma: the dimension p is an int, not {p!r}")
    if p < 1:
        raise ArgumentError(f"mvlgamma: the dimension p is at least 1, got {p}")
    if is_narrow(x):
        return in_single(mvlgamma, x, p)
    total = ops.lgamma(x)
    for i in range(1, p):
        total = total + ops.lgamma(x - 0.5 * i)
    return total + 0.25 * p * (p - 1) * math.log(math.pi)


def multigammaln(x: Tensor, p: int) -> Tensor:
    """Return the logarithm of the multivariate gamma function (another name for `mvlgamma`)."""
    return mvlgamma(x, p)


def beta(x1: Any, x2: Any, /) -> Tensor:
    """Return the beta function of positive arguments, ``gamma(a) gamma(b) / gamma(a + b)`` (DLMF 5.12).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.beta(cb.tensor([2.0]), cb.tensor([3.0]))
    tensor([0.0833])
    """
    return in_single(beta, x1, x2) if is_narrow(x1, x2) else ops.exp(ops.betaln(x1, x2))


def zeta(x: Any, other: Any, /) -> Tensor:
    """Return Hurwitz's zeta function, the sum of ``(k + other)**-x`` over k from 0 on (DLMF 25.11).

    It has derivatives in both arguments.

    Parameters
    ----------
    x, other : Tensor or float
        They broadcast with each other. Below ``x = 1`` it is NaN; at its poles, infinite.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.zeta(cb.tensor([2.0]), 1.0)
    tensor([1.6449])
    """
    return row_function(TABLE["zeta"])(x, other)


def modified_bessel_i0(x: Tensor, /) -> Tensor:
    """Return the modified Bessel function of the first kind, of order 0 (another name for `i0`)."""
    return ops.i0(x)


def modified_bessel_i1(x: Tensor, /) -> Tensor:
    """Return the modified Bessel function of the first kind, of order 1 (another name for `i1`)."""
    return ops.i1(x)


def modified_bessel_k0(x: Tensor, /) -> Tensor:
    """Return the modified Bessel function of the second kind, of order 0 (DLMF 10.25).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.modified_bessel_k0(cb.tensor([1.0]))
    tensor([0.4210])
    """
    if is_narrow(x):
        return in_single(modified_bessel_k0, x)
    return ops.exp(-x) * ops.scaled_modified_bessel_k0(x)


def modified_bessel_k1(x: Tensor, /) -> Tensor:
    """Return the modified Bessel function of the second kind, of order 1 (DLMF 10.25).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.modified_bessel_k1(cb.tensor([1.0]))
    tensor([0.6019])
    """
    if is_narrow(x):
        return in_single(modified_bessel_k1, x)
    return ops.exp(-x) * ops.scaled_modified_bessel_k1(x)


# (-1)**k / (2k + 1)!
_SPHERICAL = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(9))


def spherical_bessel_j0(x: Tensor, /) -> Tensor:
    """Return the spherical Bessel function of the first kind, of order 0: ``sin(x) / x`` (DLMF 10.49.3).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.spherical_bessel_j0(cb.tensor([0.0, 1.0]))
    tensor([1.0000, 0.8415])
    """
    if is_narrow(x):
        return in_single(spherical_bessel_j0, x)
    # Near zero by its Taylor series, whose derivatives lose nothing.
    near = ops.abs(x) < 1
    square = ops.where(near, x * x, 0.0)
    series = _SPHERICAL[-1] * square + _SPHERICAL[-2]
    for c in _SPHERICAL[-3::-1]:
        series = series * square + c
    away = ops.where(near | ops.isinf(x), math.pi, x)
    value = ops.where(ops.isinf(x), 0.0, ops.sin(away) / away)
    return ops.where(near, series, value)
