"""Special functions that SciPy has and PyTorch has not; `scipy.special` finds them in `cb.special`."""

from __future__ import annotations

import math

from .. import ops
from ..tensor import Tensor

__all__ = [
    "boxcox", "boxcox1p", "cbrt", "cosm1", "exp10", "exprel", "gdtr", "gdtrc", "huber", "inv_boxcox", "inv_boxcox1p",
    "kl_div", "pdtr", "pdtrc", "polygamma", "pseudo_huber",
]  # fmt: skip


def _floating(*operands: Tensor) -> tuple[Tensor, ...]:
    """Return operands in the floating dtype in which they are computed with."""
    found = ops.result_type(*operands)
    if not (found.is_floating_point or found.is_complex):
        found = ops.result_type(found, 1.0)
    return tuple(x if x.dtype is found else ops.astype(x, found) for x in operands)


def boxcox(x: Tensor, lmbda: Tensor) -> Tensor:
    """Return the Box-Cox transform ``(x**lmbda - 1) / lmbda``, the logarithm where `lmbda` is 0.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.boxcox(cb.tensor([1.0, 4.0]), cb.tensor([0.0, 0.5]))
    tensor([0., 2.])
    """
    x, lmbda = _floating(x, lmbda)
    return _power_transform(ops.log(x), lmbda)


def boxcox1p(x: Tensor, lmbda: Tensor) -> Tensor:
    """Return the Box-Cox transform of ``1 + x``, exact for small `x`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.boxcox1p(cb.tensor([0.0, 3.0]), cb.tensor([0.0, 0.5]))
    tensor([0., 2.])
    """
    x, lmbda = _floating(x, lmbda)
    return _power_transform(ops.log1p(x), lmbda)


def _power_transform(logarithm: Tensor, lmbda: Tensor) -> Tensor:
    """Return ``expm1(lmbda * logarithm) / lmbda``, by its series where the exponent is tiny."""
    exponent = lmbda * logarithm
    # Below this the next terms of the series are lost to rounding.
    tiny = ops.abs(exponent) < 1e-8
    safe = ops.where(tiny, 1.0, lmbda)
    return ops.where(tiny, logarithm * (1 + 0.5 * exponent), ops.expm1(ops.where(tiny, 0.0, exponent)) / safe)


def inv_boxcox(y: Tensor, lmbda: Tensor) -> Tensor:
    """Return what `boxcox` makes into `y`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.inv_boxcox(cb.tensor([0.0, 2.0]), cb.tensor([0.0, 0.5]))
    tensor([1., 4.])
    """
    y, lmbda = _floating(y, lmbda)
    return ops.exp(_inverse_transform(y, lmbda))


def inv_boxcox1p(y: Tensor, lmbda: Tensor) -> Tensor:
    """Return what `boxcox1p` makes into `y`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.inv_boxcox1p(cb.tensor([0.0, 2.0]), cb.tensor([0.0, 0.5]))
    tensor([0., 3.])
    """
    y, lmbda = _floating(y, lmbda)
    return ops.expm1(_inverse_transform(y, lmbda))


def _inverse_transform(y: Tensor, lmbda: Tensor) -> Tensor:
    """Return ``log1p(lmbda * y) / lmbda``, by its series where the product is tiny."""
    product = lmbda * y
    tiny = ops.abs(product) < 1e-8
    safe = ops.where(tiny, 1.0, lmbda)
    return ops.where(tiny, y * (1 - 0.5 * product), ops.log1p(ops.where(tiny, 0.0, product)) / safe)


def cbrt(x: Tensor) -> Tensor:
    """Return the real cube root.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.cbrt(cb.tensor([-8.0, 1.0]))
    tensor([-2.,  1.])
    """
    (x,) = _floating(x)
    return ops.sign(x) * ops.abs(x) ** (1 / 3)


def cosm1(x: Tensor) -> Tensor:
    """Return ``cos(x) - 1``, exact for small `x`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.cosm1(cb.tensor([0.0, 1.0]))
    tensor([ 0.0000, -0.4597])
    """
    (x,) = _floating(x)
    half = ops.sin(0.5 * x)
    return 0.0 - 2 * half * half


def exp10(x: Tensor) -> Tensor:
    """Return ``10**x``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.exp10(cb.tensor([0.0, 2.0]))
    tensor([  1., 100.])
    """
    (x,) = _floating(x)
    return 10.0**x


def exprel(x: Tensor) -> Tensor:
    """Return ``(exp(x) - 1) / x``, 1 at 0.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.exprel(cb.tensor([0.0, 1.0]))
    tensor([1.0000, 1.7183])
    """
    (x,) = _floating(x)
    tiny = ops.abs(x) < 1e-6
    safe = ops.where(tiny, 1.0, x)
    plain = ops.where(x == math.inf, x, ops.expm1(safe) / safe)
    return ops.where(tiny, 1 + x * (0.5 + x / 6), plain)


def huber(delta: Tensor, r: Tensor) -> Tensor:
    """Return Huber's loss: ``r**2 / 2`` up to `delta`, linear beyond; infinite where `delta` is negative.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.huber(cb.tensor([1.0, 1.0]), cb.tensor([0.5, 3.0]))
    tensor([0.1250, 2.5000])
    """
    delta, r = _floating(delta, r)
    size = ops.abs(r)
    found = ops.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    return ops.where(delta < 0, math.inf, found)


def pseudo_huber(delta: Tensor, r: Tensor) -> Tensor:
    """Return the smooth relative of Huber's loss, ``delta**2 * (sqrt(1 + (r / delta)**2) - 1)``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.pseudo_huber(cb.tensor([1.0]), cb.tensor([3.0]))
    tensor([2.1623])
    """
    delta, r = _floating(delta, r)
    positive = delta > 0
    ratio = r / ops.where(positive, delta, 1.0)
    # sqrt(1 + q) - 1 without cancellation
    found = delta * delta * (ratio * ratio / (1 + ops.hypot(ops.ones_like(ratio), ratio)))
    found = ops.where((delta == 0) | (r == 0), 0.0, found)
    return ops.where(delta < 0, math.inf, found)


def kl_div(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x * log(x / y) - x + y``, elementwise; `y` where `x` is 0, infinite outside of the domain.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.kl_div(cb.tensor([1.0, 0.0]), cb.tensor([1.0, 2.0]))
    tensor([0., 2.])
    """
    x, y = _floating(x, y)
    inside = (x > 0) & (y > 0)
    a, b = ops.where(inside, x, 1.0), ops.where(inside, y, 1.0)
    found = ops.where(inside, a * ops.log(a / b) - a + b, math.inf)
    found = ops.where((x == 0) & (y >= 0), y, found)
    return ops.where(ops.isnan(x) | ops.isnan(y), math.nan, found)


def polygamma(n: Tensor | int, x: Tensor) -> Tensor:
    """Return the n-th derivative of the digamma function, of orders that may differ from element to element.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.polygamma(cb.tensor([0, 1]), cb.tensor([1.0, 1.0]))
    tensor([-0.5772,  1.6449])
    """
    if not isinstance(n, Tensor):
        return ops.polygamma(n, x)
    (x,) = _floating(x)
    order = ops.astype(n, x.dtype)
    sign = 1 - 2 * ops.remainder(order + 1, 2)
    higher = sign * ops.exp(ops.lgamma(order + 1)) * ops.zeta(ops.where(order == 0, 1.0, order) + 1, x)
    return ops.where(order == 0, ops.digamma(x), higher)


def pdtr(k: Tensor, m: Tensor) -> Tensor:
    """Return the probability of at most `k` events of a Poisson distribution with mean `m`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.pdtr(cb.tensor([0.0]), cb.tensor([1.0]))
    tensor([0.3679])
    """
    k, m = _floating(k, m)
    return ops.gammaincc(ops.floor(k) + 1, m)


def pdtrc(k: Tensor, m: Tensor) -> Tensor:
    """Return the probability of more than `k` events of a Poisson distribution with mean `m`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.pdtrc(cb.tensor([0.0]), cb.tensor([1.0]))
    tensor([0.6321])
    """
    k, m = _floating(k, m)
    return ops.gammainc(ops.floor(k) + 1, m)


def gdtr(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """Return the distribution function of a gamma distribution with rate `a` and shape `b`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.gdtr(cb.tensor([2.0]), cb.tensor([1.0]), cb.tensor([0.5]))
    tensor([0.6321])
    """
    a, b, x = _floating(a, b, x)
    return ops.where(x < 0, math.nan, ops.gammainc(b, a * x))


def gdtrc(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """Return the survival function of a gamma distribution with rate `a` and shape `b`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.special.gdtrc(cb.tensor([2.0]), cb.tensor([1.0]), cb.tensor([0.5]))
    tensor([0.3679])
    """
    a, b, x = _floating(a, b, x)
    return ops.where(x < 0, math.nan, ops.gammaincc(b, a * x))
