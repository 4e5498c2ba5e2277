"""Special functions once more: integrals by Gauss's rule, long sums and bisection, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)


def _integral(f: Any, low: float, high: float) -> float:
    half = 0.5 * (high - low)
    return float(half * np.sum(_WEIGHTS * f(low + half * (_NODES + 1.0))))


def _each(function: Any, x: Any) -> np.ndarray:
    x = np.asarray(x, dtype=np.float64)
    return np.asarray([function(float(v)) for v in x.flat], dtype=np.float64).reshape(x.shape)


def _zeta(s: int, q: float, terms: int = 400) -> float:
    """Sum the first terms, and the rest by the trapezoidal rule's leading corrections."""
    if math.isinf(q):
        return 0.0 if q > 0 else math.nan
    if q <= 0 and q == math.floor(q):
        return math.inf
    head = math.fsum((q + i) ** -s for i in range(terms))
    a = q + terms
    return head + a ** (1 - s) / (s - 1) + 0.5 * a**-s + s * a ** (-s - 1) / 12.0


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        # A pole, or a number too large.
        return math.inf


def lgamma(x: Any) -> np.ndarray:
    return _each(_lgamma, x)


def _digamma(x: float) -> float:
    """Far out, where the series needs two terms; the recurrence leads there."""
    if x < 0.5:
        return _left_digamma(x)
    if not x < 1e6:
        return math.log(x) - 0.5 / x
    a = x + 2000.0
    return math.log(a) - 0.5 / a - 1.0 / (12.0 * a * a) - math.fsum(1.0 / (x + i) for i in range(2000))


def _left_digamma(x: float) -> float:
    if x == 0:
        return -math.copysign(math.inf, x)
    if x >= -1e6 and x != math.floor(x):
        return _digamma(1.0 - x) - math.pi / math.tan(math.pi * math.fmod(x, 1.0))
    return math.nan


def digamma(x: Any) -> np.ndarray:
    return _each(_digamma, x)


def polygamma(x: Any, *, n: int) -> np.ndarray:
    if n == 0:
        return digamma(x)
    sign = (-1.0) ** (n + 1)
    return _each(lambda v: sign * math.factorial(n) * _zeta(n + 1, v), x)


def _erfinv(x: float) -> float:
    if not abs(x) < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    if abs(x) < 1e-6:
        return 0.5 * math.sqrt(math.pi) * x
    low, high = -6.0, 6.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if math.erf(middle) < x else (low, middle)
    return 0.5 * (low + high)


def erfinv(x: Any) -> np.ndarray:
    return _each(_erfinv, x)


def i0(x: Any) -> np.ndarray:
    return _each(lambda v: _integral(lambda t: np.cosh(v * np.cos(t)), 0.0, 0.5 * math.pi) * 2.0 / math.pi, x)


def i1(x: Any) -> np.ndarray:
    # The hyperbolic sine: of the exponential's two halves little would be left near zero.
    def first(v: float) -> float:
        return _integral(lambda t: np.sinh(v * np.cos(t)) * np.cos(t), 0.0, 0.5 * math.pi) * 2.0 / math.pi

    return _each(first, x)


def sinc(x: Any) -> np.ndarray:
    return _each(lambda v: 0.0 if v and v == np.round(v) and math.isfinite(v) else float(np.sinc(v)), x)


def entr(x: Any) -> np.ndarray:
    return _each(lambda v: -v * math.log(v) if v > 0 else 0.0 if v == 0 else -math.inf if v < 0 else v, x)


def _product(x1: Any, x2: Any, log: Any) -> np.ndarray:
    x1, x2 = np.broadcast_arrays(np.asarray(x1, dtype=np.float64), np.asarray(x2, dtype=np.float64))
    out = np.array(x1 * log(x2))
    out[(x1 == 0) & ~np.isnan(x2)] = 0.0
    return out


def xlogy(x1: Any, x2: Any) -> np.ndarray:
    return _product(x1, x2, np.log)


def xlog1py(x1: Any, x2: Any) -> np.ndarray:
    return _product(x1, x2, np.log1p)


def top_indices(x: Any, *, count: int, axis: int, descending: bool) -> np.ndarray:
    def best(line: np.ndarray) -> np.ndarray:
        keys = [-float(v) if descending else float(v) for v in line]
        return np.asarray(sorted(range(len(keys)), key=keys.__getitem__)[:count], dtype=np.int64)

    return np.apply_along_axis(best, axis, np.asarray(x))
