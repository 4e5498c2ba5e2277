"""Relatives of the error function, row by row: the scaled complement, and the normal distribution's logarithm and inverse.

Formulas: NIST Digital Library of Mathematical Functions, chapter 7; the Chebyshev series is of the form of Shepherd and
Laframboise (1981).
"""

from __future__ import annotations

import math
from typing import Any

from . import special_tables as tables
from .row import elementwise
from .special import FLOAT, branch, only_where, polynomial, series

_ROOT_TWO = math.sqrt(2.0)
# (-1)**k (2k + 1)!! / 2**k: minus the derivative of erfcx times sqrt(pi) x**2, in 1 / x**2.
_ERFCX_SLOPE = (1.0, -1.5, 3.75, -13.125, 59.0625, -324.84375, 2111.484375, -15836.1328125)


def _erfcx_body(xp: Any, x: Any) -> Any:
    a = xp.abs(x)
    value = series(xp, tables.ERFCX, 1.0 - 7.5 / (a + 3.75)) / (1.0 + 2.0 * a)
    return only_where(xp, x < 0, lambda a, rest: 2.0 * _exp_of_square(xp, a) - rest, value, x, value)


def _exp_of_square(xp: Any, x: Any, factor: float = 1.0) -> Any:
    """exp(factor x**2) by a square that is exact and what it leaves, since its rounding would be multiplied by it."""
    x = xp.where(xp.abs(x) < 1e3, x, xp.full_like(x, 1e3))
    head = xp.round(x * 64.0) * (1.0 / 64.0)
    return xp.exp(factor * (head * head)) * xp.exp(factor * ((x - head) * (x + head)))


def _erfcx_slope(xp: Any, x: Any, out: Any) -> Any:
    """2 x erfcx(x) - 2 / sqrt(pi), which loses all its digits far out: there by its asymptotic series."""
    far = x > 30
    inverse = 1.0 / xp.where(far, x, xp.ones_like(x))
    square = inverse * inverse
    tail = (-1.0 / math.sqrt(math.pi)) * square * polynomial(_ERFCX_SLOPE, square)
    near = 2.0 * xp.where(far, xp.zeros_like(x), x) * out - 2.0 / math.sqrt(math.pi)
    return xp.where(far, tail, near)


def _hazard(xp: Any, x: Any) -> Any:
    """The normal density over the normal distribution function."""
    return math.sqrt(2.0 / math.pi) / xp.erfcx(x * (-1.0 / _ROOT_TWO))


def _beyond(xp: Any, x: Any) -> Any:
    """The normal distribution's mass beyond x, from 1 on: the rounding of x / sqrt(2) does not matter here."""
    return 0.5 * _exp_of_square(xp, x, -0.5) * xp.erfcx(x * (1.0 / _ROOT_TWO))


def _ndtr_body(xp: Any, x: Any) -> Any:
    if getattr(xp, "single", False):
        # Of roundings in double precision single precision sees nothing.
        return 0.5 * xp.erfc(x * (-1.0 / _ROOT_TWO))
    return branch(
        xp, x < -1, lambda a: _beyond(xp, -a), lambda a: 0.5 * xp.erfc(a * (-1.0 / _ROOT_TWO)), x, (-1.0, 0.0)
    )


def _log_ndtr_body(xp: Any, x: Any) -> Any:
    def tail(a: Any) -> Any:
        value = xp.log(0.5 * xp.erfcx(a * (-1.0 / _ROOT_TWO))) - 0.5 * a * a
        return xp.where(xp.isinf(a), a, value)

    def rest(a: Any) -> Any:
        if getattr(xp, "single", False):
            return xp.log1p(-0.5 * xp.erfc(a / _ROOT_TWO))
        return branch(
            xp,
            a > 1,
            lambda a: xp.log1p(-_beyond(xp, a)),
            lambda a: xp.log1p(-0.5 * xp.erfc(a / _ROOT_TWO)),
            a,
            (1.0, 0.0),
        )

    return branch(xp, x < -1, tail, rest, x, (-1.0, 0.0))


# log(s) between the probabilities 1/10 and the least that a double holds, s = sqrt(-2 log p).
_NEAREST, _FARTHEST = 0.5 * math.log(2.0 * math.log(10.0)), math.log(38.7)


def _quantile(xp: Any, q: Any) -> Any:
    """The quantiles of probabilities up to 1/10."""
    s = xp.sqrt(-2.0 * xp.log(q))
    t = (2.0 * xp.log(s) - (_NEAREST + _FARTHEST)) / (_FARTHEST - _NEAREST)
    return series(xp, tables.NDTRI, t) - s


def _ndtri_body(xp: Any, x: Any) -> Any:
    def tail(p: Any) -> Any:
        high = p > 0.5
        z = _quantile(xp, xp.where(high, 1.0 - p, p))
        return xp.where(high, -z, z)

    inside = xp.logical_and(x > 0, x < 1)
    p = xp.where(inside, x, xp.full_like(x, 0.5))
    far = xp.abs(p - 0.5) > 0.4
    value = branch(xp, far, tail, lambda p: _ROOT_TWO * xp.erfinv(2.0 * p - 1.0), p, (0.05, 0.5))
    ends = xp.where(x == 1, xp.full_like(x, math.inf), xp.full_like(x, math.nan))
    return xp.where(inside, value, xp.where(x == 0, xp.full_like(x, -math.inf), ends))


erfcx = elementwise(
    "erfcx", "x, /", "Return the scaled complementary error function, ``exp(x*x) * erfc(x)``.", body=_erfcx_body,
    d=_erfcx_slope, **FLOAT,
)  # fmt: skip
ndtr = elementwise(
    "ndtr", "x, /", "Return the normal distribution function: the integral of its density up to ``x``.",
    body=_ndtr_body,
    d=lambda xp, x: (1.0 / math.sqrt(2.0 * math.pi)) * xp.exp(-0.5 * x * x), **FLOAT,
)  # fmt: skip
log_ndtr = elementwise(
    "log_ndtr", "x, /", "Return the logarithm of the normal distribution function.", body=_log_ndtr_body,
    d=lambda xp, x: _hazard(xp, x), **FLOAT,
)  # fmt: skip
ndtri = elementwise(
    "ndtri", "x, /", "Return the inverse of the normal distribution function: quantiles of probabilities.",
    body=_ndtri_body, d=lambda xp, out: math.sqrt(2.0 * math.pi) * xp.exp(0.5 * out * out), samples="(0.05, 0.95)",
    **FLOAT,
)  # fmt: skip
