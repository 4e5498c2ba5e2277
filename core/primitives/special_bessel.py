"""Bessel functions and Airy's, row by row: Chebyshev series near zero, amplitudes and phases far out.

Formulas: NIST Digital Library of Mathematical Functions, chapters 9 (Airy) and 10 (Bessel). The scaled functions carry
``exp(abs(x))`` (first kind) and ``exp(x)`` (second kind), which the plain ones lose.
"""

from __future__ import annotations

import math
from typing import Any

from . import special_tables as tables
from .row import elementwise
from .special import _I0_NEAR, _I1_NEAR, FLOAT, branch, scaled_bessel, series

_TWO_OVER_PI = 2.0 / math.pi


def _i0e_body(xp: Any, x: Any) -> Any:
    return scaled_bessel(xp, xp.abs(x), 0)


def _i1e_body(xp: Any, x: Any) -> Any:
    return xp.copysign(scaled_bessel(xp, xp.abs(x), 1), x)


def _i1e_slope(xp: Any, x: Any, out: Any) -> Any:
    zero = x == 0
    rest = xp.i0e(x) - out * (xp.sign(x) + 1.0 / xp.where(zero, xp.ones_like(x), x))
    return xp.where(zero, xp.full_like(x, 0.5), rest)


def _scaled_k(near: tuple[float, ...], far: tuple[float, ...], order: int) -> Any:
    def body(xp: Any, x: Any) -> Any:
        def low(a: Any) -> Any:
            growth = xp.exp(a)
            t, log = 0.5 * a * a - 1.0, xp.log(0.5 * a)
            if order:
                return growth * (series(xp, near, t) / a + log * (a * growth * series(xp, _I1_NEAR, 0.25 * a - 1.0)))
            return growth * (series(xp, near, t) - log * (growth * series(xp, _I0_NEAR, 0.25 * a - 1.0)))

        def high(a: Any) -> Any:
            return series(xp, far, 4.0 / a - 1.0) / xp.sqrt(a)

        value = branch(xp, x <= 2, low, high, x, (1.0, 2.0))
        return xp.where(x == 0, xp.full_like(x, math.inf), value)

    return body


def _far(xp: Any, a: Any, order: int, second: bool) -> Any:
    """J or Y from 8 on (DLMF 10.17.3), 0 at infinity."""
    endless = xp.isinf(a)
    a = xp.where(endless, xp.full_like(a, 8.0), a)
    u = 8.0 / a
    u = 2.0 * u * u - 1.0
    p = series(xp, (tables.P0, tables.P1)[order], u)
    q = series(xp, (tables.Q0, tables.Q1)[order], u) / a
    sine, cosine = xp.sin(a), xp.cos(a)
    scale = xp.where(endless, xp.zeros_like(a), 1.0 / (math.sqrt(math.pi) * xp.sqrt(a)))
    plus, minus = sine + cosine, sine - cosine
    if second:
        return scale * ((q * minus - p * plus) if order else (p * minus + q * plus))
    return scale * ((p * minus + q * plus) if order else (p * plus - q * minus))


def _j0_body(xp: Any, x: Any) -> Any:
    def low(a: Any) -> Any:
        return series(xp, tables.J0_NEAR, a * a / 32.0 - 1.0)

    a = xp.abs(x)
    return branch(xp, a <= 8, low, lambda a: _far(xp, a, 0, False), a, (0.0, 8.0))


def _j1_body(xp: Any, x: Any) -> Any:
    def low(a: Any) -> Any:
        return a * series(xp, tables.J1_NEAR, a * a / 32.0 - 1.0)

    a = xp.abs(x)
    value = branch(xp, a <= 8, low, lambda a: _far(xp, a, 1, False), a, (0.0, 8.0))
    return xp.where(x < 0, -value, value)


def _j1_slope(xp: Any, x: Any, out: Any) -> Any:
    zero = x == 0
    return xp.where(zero, xp.full_like(x, 0.5), xp.bessel_j0(x) - out / xp.where(zero, xp.ones_like(x), x))


def _y(order: int) -> Any:
    def body(xp: Any, x: Any) -> Any:
        def low(a: Any) -> Any:
            t = a * a / 32.0 - 1.0
            log = _TWO_OVER_PI * xp.log(a)
            if order:
                return a * (log * series(xp, tables.J1_NEAR, t) + series(xp, tables.Y1_NEAR, t)) - _TWO_OVER_PI / a
            return log * series(xp, tables.J0_NEAR, t) + series(xp, tables.Y0_NEAR, t)

        value = branch(xp, x <= 8, low, lambda a: _far(xp, a, order, True), x, (1.0, 8.0))
        return xp.where(x == 0, xp.full_like(x, -math.inf), xp.where(x < 0, xp.full_like(x, math.nan), value))

    return body


# 2/3 x**(3/2) at 2 and at 4: where Airy's function leaves its middle series.
_AIRY_RIGHT, _AIRY_LEFT = 4.0 * math.sqrt(2.0) / 3.0, 16.0 / 3.0


def _airy(slope: bool) -> Any:
    name = "AIP" if slope else "AI"
    middle, right, even, odd = (
        getattr(tables, name + part) for part in ("_MIDDLE", "_RIGHT", "_LEFT_F", "_LEFT_G")
    )  # fmt: skip

    def body(xp: Any, x: Any) -> Any:
        def near(a: Any) -> Any:
            return series(xp, middle, (a + 1.0) / 3.0)

        def decay(a: Any) -> Any:
            z = (2.0 / 3.0) * a * xp.sqrt(a)
            quarter = xp.sqrt(xp.sqrt(a))
            value = xp.exp(-z) * series(xp, right, 2.0 * _AIRY_RIGHT / z - 1.0) * (0.5 / math.sqrt(math.pi))
            return -quarter * value if slope else value / quarter

        def wave(x: Any) -> Any:
            a = xp.abs(x)
            z = (2.0 / 3.0) * a * xp.sqrt(a)
            quarter = xp.sqrt(xp.sqrt(a))
            u = _AIRY_LEFT / z
            u = 2.0 * u * u - 1.0
            f, g = series(xp, even, u), series(xp, odd, u) / z
            # The phase z + pi / 4 by its parts.
            sine, cosine = xp.sin(z), xp.cos(z)
            high, low = (sine + cosine) * math.sqrt(0.5), (cosine - sine) * math.sqrt(0.5)
            if slope:
                return (low * f + high * g) * quarter * (-1.0 / math.sqrt(math.pi))
            return (high * f - low * g) / (quarter * math.sqrt(math.pi))

        endless = xp.isinf(x)
        x = xp.where(endless, xp.ones_like(x), x)
        value = branch(
            xp, xp.abs(x + 1.0) <= 3, near, lambda x: branch(xp, x < 0, wave, decay, x, (-4.0, 2.0)), x, (0.0, 2.0)
        )
        return xp.where(endless, xp.zeros_like(x), value)

    return body


i0e = elementwise(
    "i0e", "x, /", "Return ``exp(-abs(x)) * i0(x)``.", body=_i0e_body,
    d=lambda xp, x, out: xp.i1e(x) - xp.sign(x) * out, **FLOAT,
)  # fmt: skip
i1e = elementwise("i1e", "x, /", "Return ``exp(-abs(x)) * i1(x)``.", body=_i1e_body, d=_i1e_slope, **FLOAT)
scaled_modified_bessel_k0 = elementwise(
    "scaled_modified_bessel_k0", "x, /",
    "Return ``exp(x)`` times the modified Bessel function of the second kind, of order 0.",
    body=_scaled_k(tables.K0_NEAR, tables.K0_FAR, 0),
    d=lambda xp, x, out: out - xp.scaled_modified_bessel_k1(x), samples="positive", **FLOAT,
)  # fmt: skip
scaled_modified_bessel_k1 = elementwise(
    "scaled_modified_bessel_k1", "x, /",
    "Return ``exp(x)`` times the modified Bessel function of the second kind, of order 1.",
    body=_scaled_k(tables.K1_NEAR, tables.K1_FAR, 1),
    d=lambda xp, x, out: out * (1.0 - 1.0 / x) - xp.scaled_modified_bessel_k0(x), samples="positive", **FLOAT,
)  # fmt: skip
bessel_j0 = elementwise(
    "bessel_j0", "x, /", "Return the Bessel function of the first kind, of order 0.", body=_j0_body,
    d=lambda xp, x: -xp.bessel_j1(x), **FLOAT,
)  # fmt: skip
bessel_j1 = elementwise(
    "bessel_j1", "x, /", "Return the Bessel function of the first kind, of order 1.", body=_j1_body, d=_j1_slope, **FLOAT,
)  # fmt: skip
bessel_y0 = elementwise(
    "bessel_y0", "x, /", "Return the Bessel function of the second kind, of order 0.", body=_y(0),
    d=lambda xp, x: -xp.bessel_y1(x), samples="positive", **FLOAT,
)  # fmt: skip
bessel_y1 = elementwise(
    "bessel_y1", "x, /", "Return the Bessel function of the second kind, of order 1.", body=_y(1),
    d=lambda xp, x, out: xp.bessel_y0(x) - out / x, samples="positive", **FLOAT,
)  # fmt: skip
airy_ai = elementwise(
    "airy_ai", "x, /", "Return Airy's function Ai.", body=_airy(False), d=lambda xp, x: xp.airy_ai_slope(x), **FLOAT,
)  # fmt: skip
airy_ai_slope = elementwise(
    "airy_ai_slope", "x, /", "Return the derivative of Airy's function Ai.", body=_airy(True),
    d=lambda xp, x: x * xp.airy_ai(x), **FLOAT,
)  # fmt: skip
