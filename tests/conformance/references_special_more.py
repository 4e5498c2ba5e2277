"""More special functions once more: integral representations, series and libraries' own loops, element by element."""

from __future__ import annotations

import cmath
import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def _panels(f: Callable[[np.ndarray], Any], low: float, high: float, count: int = 100) -> Any:
    """An integral by Gauss's rule on many panels."""
    edges = np.linspace(low, high, count + 1)
    half = 0.5 * (edges[1:] - edges[:-1])
    t = edges[:-1, None] + half[:, None] * (_NODES + 1.0)
    return np.sum(half[:, None] * _WEIGHTS * f(t))


def _each(function: Callable[..., float], *operands: Any) -> np.ndarray:
    arrays = np.broadcast_arrays(*[np.asarray(x, dtype=np.float64) for x in operands])
    values = [function(*map(float, point)) for point in zip(*[a.ravel() for a in arrays], strict=True)]
    return np.asarray(values, dtype=np.float64).reshape(arrays[0].shape)


def _erfcx(x: float) -> float:
    if math.isnan(x):
        return x
    if x < 0:
        return 2.0 * math.exp(x * x) - _erfcx(-x) if x > -26.5 else math.inf
    if math.isinf(x):
        return 0.0
    scale = 1.0 / (1.0 + x)
    return float(
        2.0
        / math.sqrt(math.pi)
        * scale
        * _panels(lambda u: np.exp(-((scale * u) ** 2) - 2.0 * x * scale * u), 0.0, 50.0)
    )


def erfcx(x: Any) -> np.ndarray:
    return _each(_erfcx, x)


def _log_ndtr(x: float) -> float:
    if x > -4:
        return math.log1p(-0.5 * math.erfc(x / math.sqrt(2.0)))
    return -math.inf if math.isinf(x) else math.log(0.5 * _erfcx(-x / math.sqrt(2.0))) - 0.5 * x * x


def log_ndtr(x: Any) -> np.ndarray:
    return _each(_log_ndtr, x)


def ndtr(x: Any) -> np.ndarray:
    return _each(lambda v: 0.5 * math.erfc(-v / math.sqrt(2.0)), x)


def _ndtri(p: float) -> float:
    if 0 < p < 1:
        return statistics.NormalDist().inv_cdf(p)
    return -math.inf if p == 0 else math.inf if p == 1 else math.nan


def ndtri(x: Any) -> np.ndarray:
    return _each(_ndtri, x)


_ANGLES = 2.0 * math.pi * (np.arange(4000) + 0.5) / 4000


def _ie(order: int) -> Callable[[float], float]:
    def value(x: float) -> float:
        a = abs(x)
        if not a < 1e4:
            # Hankel's expansion.
            mu = 4.0 * order * order
            tail = 1.0 - (mu - 1) / (8 * a) + (mu - 1) * (mu - 9) / (2 * (8 * a) ** 2)
            found = tail / math.sqrt(2.0 * math.pi * a)
        elif order and a < 5:
            found = float(np.mean(np.cos(_ANGLES) * np.sinh(a * np.cos(_ANGLES)))) * math.exp(-a)
        else:
            found = float(np.mean(np.cos(order * _ANGLES) * np.exp(a * (np.cos(_ANGLES) - 1.0))))
        return math.copysign(found, x) if order else found

    return value


def i0e(x: Any) -> np.ndarray:
    return _each(_ie(0), x)


def i1e(x: Any) -> np.ndarray:
    return _each(_ie(1), x)


def _ke(order: int) -> Callable[[float], float]:
    def value(x: float) -> float:
        if not x > 0:
            return math.inf if x == 0 else math.nan
        if math.isinf(x):
            return 0.0
        end = 2.0 * math.asinh(math.sqrt(375.0 / x))
        return float(_panels(lambda t: np.cosh(order * t) * np.exp(-2.0 * x * np.sinh(0.5 * t) ** 2), 0.0, end, 200))

    return value


def scaled_modified_bessel_k0(x: Any) -> np.ndarray:
    return _each(_ke(0), x)


def scaled_modified_bessel_k1(x: Any) -> np.ndarray:
    return _each(_ke(1), x)


def _phase(a: float, order: int, second: bool) -> float:
    """The leading term far out, its phase by the sine and cosine of the argument itself."""
    sine, cosine = math.sin(a), math.cos(a)
    plus, minus = sine + cosine, sine - cosine
    return ((-plus if order else minus) if second else (minus if order else plus)) / math.sqrt(math.pi * a)


def _j(order: int) -> Callable[[float], float]:
    def value(x: float) -> float:
        a = abs(x)
        if math.isinf(a):
            found = 0.0
        elif a > 1e15:
            found = _phase(a, order, False)
        elif order:
            found = float(np.mean(np.sin(_ANGLES) * np.sin(a * np.sin(_ANGLES))))
        else:
            found = float(np.mean(np.cos(a * np.sin(_ANGLES))))
        return -found if order and x < 0 else found

    return value


def bessel_j0(x: Any) -> np.ndarray:
    return _each(_j(0), x)


def bessel_j1(x: Any) -> np.ndarray:
    return _each(_j(1), x)


def _y(order: int) -> Callable[[float], float]:
    def value(x: float) -> float:
        if not x > 0:
            return -math.inf if x == 0 else math.nan
        if math.isinf(x):
            return 0.0
        if x > 1e15:
            return _phase(x, order, True)
        end = math.asinh(750.0 / x)
        wave = _panels(lambda t: np.sin(x * np.sin(t) - order * t), 0.0, math.pi, 200)
        sign = -1.0 if order else 1.0
        decay = _panels(
            lambda t: (np.exp(order * t) + sign * np.exp(-order * t)) * np.exp(-x * np.sinh(t)), 0.0, end, 300
        )
        return float(wave - decay) / math.pi

    return value


def bessel_y0(x: Any) -> np.ndarray:
    return _each(_y(0), x)


def bessel_y1(x: Any) -> np.ndarray:
    return _each(_y(1), x)


def _airy(x: float) -> tuple[float, float]:
    """Ai and its derivative by steps of the Taylor series of y'' = x y, from zero."""
    y, slope, at = 0.3550280538878172, -0.2588194037928068, 0.0
    steps = max(1, math.ceil(abs(x) / 0.2))
    h = x / steps
    for _ in range(steps):
        c = [y, slope, 0.5 * at * y]
        for k in range(1, 28):
            c.append((at * c[k] + c[k - 1]) / ((k + 1) * (k + 2)))
        y, slope = sum(v * h**k for k, v in enumerate(c)), sum(k * v * h ** (k - 1) for k, v in enumerate(c) if k)
        at += h
    return y, slope


def airy_ai(x: Any) -> np.ndarray:
    return _each(lambda v: _airy(v)[0], x)


def airy_ai_slope(x: Any) -> np.ndarray:
    return _each(lambda v: _airy(v)[1], x)


def betaln(x1: Any, x2: Any) -> np.ndarray:
    return _each(lambda a, b: math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b), x1, x2)


def _lower(a: complex, x: float) -> complex:
    """P(a, x), also of complex a, for which gamma is shifted into Stirling's range."""
    end = 60.0 / a.real
    integral = complex(_panels(lambda v: np.exp(-a * v - x * np.exp(-v)), 0.0, end, 300))
    z, product = a, 1.0 + 0.0j
    for _ in range(20):
        product *= z
        z += 1
    logarithm = (
        (z - 0.5) * cmath.log(z) - z + 0.5 * math.log(2 * math.pi) + 1 / (12 * z) - 1 / (360 * z**3) + 1 / (1260 * z**5)
    )
    return integral * cmath.exp(a * math.log(x) - logarithm) * product


def igamma(a: Any, x: Any) -> np.ndarray:
    return _each(lambda s, v: _lower(complex(s), v).real, a, x)


def igammac(a: Any, x: Any) -> np.ndarray:
    return _each(lambda s, v: 1.0 - _lower(complex(s), v).real, a, x)


def gammainc_slope(a: Any, x: Any, *, order: int) -> np.ndarray:
    """Cauchy's integral round a."""

    def value(s: float, v: float) -> float:
        radius, count = 0.7 * min(s, 1.0), 48
        total = 0.0 + 0.0j
        for k in range(count):
            turn = cmath.exp(2j * math.pi * k / count)
            total += _lower(s + radius * turn, v) / turn**order
        return (total / count).real * math.factorial(order) / radius**order

    return _each(value, a, x)


def _zeta(s: float, q: float, order: int) -> float:
    terms = 3000
    t = q + np.arange(terms)
    head = math.fsum((-np.log(t)) ** order * t**-s)
    a = q + terms
    log = math.log(a)
    tail = sum(math.perm(order, k) * log ** (order - k) / (s - 1) ** (k + 1) for k in range(order + 1)) * a ** (1 - s)
    tail *= (-1.0) ** order
    f = (-log) ** order * a**-s
    slope = -s * f / a + (order * (-log) ** (order - 1) * -1.0 / a * a**-s if order else 0.0)
    return head + tail + 0.5 * f - slope / 12.0


def zeta(x: Any, q: Any, *, order: int) -> np.ndarray:
    return _each(lambda s, v: _zeta(s, v, order), x, q)


def _series(family: str, n: int) -> np.ndarray:
    """A polynomial's coefficients in its own family's basis; Chebyshev's other kinds in the first."""
    unit = np.zeros(n + 1)
    unit[n] = 1.0
    if family in ("chebyshev_u", "chebyshev_v", "chebyshev_w"):
        second = chebyshev.chebder(np.append(np.zeros(n + 1), 1.0)) / (n + 1)
        if family == "chebyshev_u" or n == 0:
            return second
        before = chebyshev.chebder(np.append(np.zeros(n), 1.0)) / n
        return chebyshev.chebadd(second, -before if family == "chebyshev_v" else before)
    return unit


def orthogonal_polynomial(x: Any, n: Any, *, family: str, order: int) -> np.ndarray:
    value, slope = {
        "hermite_h": (hermite.hermval, hermite.hermder), "hermite_he": (hermite_e.hermeval, hermite_e.hermeder),
        "laguerre": (laguerre.lagval, laguerre.lagder), "legendre": (legendre.legval, legendre.legder),
    }.get(family, (chebyshev.chebval, chebyshev.chebder))  # fmt: skip

    def at(v: float, degree: float) -> float:
        if degree < 0:
            return 0.0
        found = _series(family, int(degree))
        return float(value(v, slope(found, order) if order else found))

    return _each(at, x, n)


def fmod(x1: Any, x2: Any) -> Any:
    if np.result_type(x1, x2).kind == "f":
        return np.fmod(x1, x2)
    quotient = np.sign(x1) * np.sign(x2) * (np.abs(x1) // np.abs(x2))
    return (x1 - quotient * x2).astype(np.result_type(x1, x2))


def gcd(x1: Any, x2: Any) -> np.ndarray:
    # A Python number has no dtype of its own, and would have one once it is broadcast.
    dtype = np.result_type(x1, x2)
    x1, x2 = np.broadcast_arrays(x1, x2)
    found = [math.gcd(int(a), int(b)) for a, b in zip(x1.ravel(), x2.ravel(), strict=True)]
    return np.asarray(found, dtype=dtype).reshape(x1.shape)


def bitwise_count(x: np.ndarray) -> np.ndarray:
    return np.asarray([abs(int(v)).bit_count() for v in x.ravel()], dtype=x.dtype).reshape(x.shape)


def frexp_exponent(x: np.ndarray) -> np.ndarray:
    values = [math.frexp(float(v))[1] if math.isfinite(v) else 0 for v in x.ravel()]
    return np.asarray(values, dtype=np.int32).reshape(x.shape)


def complex_values(real: Any, imag: Any) -> np.ndarray:
    real, imag = np.broadcast_arrays(np.asarray(real, dtype=np.float64), np.asarray(imag, dtype=np.float64))
    out = np.empty(real.shape, dtype=np.complex128)
    out.real, out.imag = real, imag
    return out
