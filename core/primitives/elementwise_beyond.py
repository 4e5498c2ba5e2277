"""Elementwise rows that the standard does not name: remainders, divisors, bits, exponents, and complex numbers from parts."""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import float32, int32
from .row import discrete, elementwise, linear
from .special import as_array

_REAL: dict[str, Any] = {"category": "real numeric"}
_FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _dtype_of(xp: Any, x: Any) -> Any:
    """Return the dtype of an array, by candelabra's name."""
    return xp.device.dtype_of.get(x.dtype, x.dtype)


def _only(xp: Any, x: Any, *kinds: str) -> None:
    """Refuse other dtypes as a library would; dispatch tells what is taken."""
    if _dtype_of(xp, x).kind not in kinds:
        raise TypeError("this dtype is not taken")


def _fmod_body(xp: Any, x1: Any, x2: Any) -> Any:
    like = x1 if hasattr(x1, "dtype") else x2
    x1, x2 = as_array(xp, x1, like), as_array(xp, x2, like)
    if _dtype_of(xp, like).kind == "unsigned":
        return xp.remainder(x1, x2)
    if _dtype_of(xp, like).kind == "signed":
        # The least number has no absolute value.
        rest = xp.remainder(x1, x2)
        return xp.where(xp.logical_and(rest != 0, (rest < 0) != (x1 < 0)), rest - x2, rest)
    return xp.copysign(xp.remainder(xp.abs(x1), xp.abs(x2)), x1)


fmod = elementwise(
    "fmod", "x1, x2, /", "Return the remainder of the quotient rounded towards zero, with the dividend's sign.",
    d=(None, lambda xp, x1, x2: -xp.trunc(x1 / x2)), body=_fmod_body, **_REAL,
)  # fmt: skip


def _gcd_body(xp: Any, x1: Any, x2: Any) -> Any:
    """Euclid's steps, as many as Fibonacci's numbers ask of the dtype."""
    like = x1 if hasattr(x1, "dtype") else x2
    _only(xp, like, "signed", "unsigned")
    a, b = xp.abs(as_array(xp, x1, like)), xp.abs(as_array(xp, x2, like))
    a, b = a + xp.zeros_like(b), b + xp.zeros_like(a)
    zero, one = xp.zeros_like(a), xp.ones_like(a)
    for _ in range(math.ceil(1.45 * _dtype_of(xp, like).bits) + 1):
        done = b == 0
        a, b = xp.where(done, a, b), xp.where(done, zero, xp.remainder(a, xp.where(done, one, b)))
    return a


gcd = elementwise(
    "gcd", "x1, x2, /", "Return the greatest common divisor, not negative; that of zeros is zero.", body=_gcd_body,
    category="integer",
)  # fmt: skip


def _count_body(xp: Any, x: Any) -> Any:
    _only(xp, x, "signed", "unsigned")
    kind = _dtype_of(xp, x)
    # Of the least number the absolute value is itself: its one bit is the sign.
    rest = xp.abs(x) if kind.kind == "signed" else x
    total = xp.astype(rest < 0, x.dtype)
    one = xp.ones_like(x)
    for _ in range(kind.bits - (kind.kind == "signed")):
        total = total + xp.bitwise_and(rest, one)
        rest = xp.bitwise_right_shift(rest, one)
    return total


bitwise_count = elementwise(
    "bitwise_count", "x, /", "Return how many bits of the absolute value are ones.", body=_count_body, category="integer",
)  # fmt: skip


def _exponent_body(xp: Any, x: Any) -> Any:
    _only(xp, x, "float")
    a = xp.abs(x)
    usual = xp.logical_and(a > 0, xp.isfinite(a))
    a = xp.where(usual, a, xp.ones_like(a))
    found = xp.floor(xp.log2(a)) + 1.0
    # The logarithm may be off by one; the scale is taken in two parts, each of which the dtype holds.
    half = xp.floor(0.5 * found)
    mantissa = a * 2.0 ** (-half) * 2.0 ** (half - found)
    found = found + xp.astype(mantissa >= 1, x.dtype) - xp.astype(mantissa < 0.5, x.dtype)
    return xp.astype(xp.where(usual, found, xp.zeros_like(found)), xp.device.native_dtype(int32))


frexp_exponent = discrete(
    "frexp_exponent", "x, /", "Return the power of two that scales each value's mantissa into [1/2, 1), as int32.",
    body=_exponent_body, batch="elementwise", category="real floating-point",
)  # fmt: skip


def _complex_body(xp: Any, real: Any, imag: Any) -> Any:
    like = real if hasattr(real, "dtype") else imag
    real, imag = as_array(xp, real, like), as_array(xp, imag, like)
    dtype = xp.device.native_dtype((_dtype_of(xp, like) if _dtype_of(xp, like).bits > 16 else float32).to_complex())
    finite = xp.isfinite(imag)
    part = 1j * xp.astype(xp.where(finite, imag, xp.zeros_like(imag)), dtype)
    for value in (math.inf, -math.inf):
        part = xp.where(imag == value, xp.full((), complex(0.0, value), dtype=dtype), part)
    part = xp.where(xp.isnan(imag), xp.full((), complex(0.0, math.nan), dtype=dtype), part)
    return xp.astype(real, dtype) + part


complex_ = linear(
    "complex", "real, imag, /", "Return complex numbers of given real and imaginary parts.", body=_complex_body,
    batch="elementwise", transpose=(lambda xp, g: xp.real(g), lambda xp, g: xp.imag(g)), reference="references.complex_values", **_FLOAT,
)  # fmt: skip
