"""Elementwise rows of the table: one line says what an operation is and how it differentiates.

Partials are those of holomorphic functions; the kind conjugates, broadcasts and batches. Ties and subgradients follow
PyTorch: `maximum` splits a tie, `clip` passes the gradient at its bounds, `sign`, `floor` and `round` have zeros.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

from .row import elementwise, general, linear
from .tools import for_booleans

_LN2, _LN10 = math.log(2.0), math.log(10.0)


def _pow_base(xp: Any, x1: Any, x2: Any) -> Any:
    # A library's own scalars may be Python's by class: only what has no dtype is a Python scalar.
    if not hasattr(x2, "dtype"):
        return 2 * x1 if x2 == 2 else xp.zeros_like(x1) if x2 == 0 else x2 * x1 ** (x2 - 1)
    safe = xp.where(x2 == 0, xp.ones_like(x2), x2)
    return xp.where(x2 == 0, xp.zeros_like(x2), x2 * x1 ** (safe - 1))


def _pow_exponent(xp: Any, x1: Any, x2: Any, out: Any) -> Any:
    if not hasattr(x1, "dtype"):
        if isinstance(x1, complex):
            return out * (cmath.log(x1) if x1 else 0.0)
        return out * (math.log(x1) if x1 > 0 else 0.0 if x1 == 0 else math.nan)
    at_zero = x1 == 0
    return xp.where(at_zero, xp.zeros_like(out), out * xp.log(xp.where(at_zero, xp.ones_like(x1), x1)))


def _share(xp: Any, wins: Any, ties: Any, like: Any) -> Any:
    """One where `wins`, a half where `ties`, as `like`'s dtype."""
    return xp.astype(wins, like.dtype) + 0.5 * xp.astype(ties, like.dtype)


def _as(xp: Any, value: Any, like: Any) -> Any:
    """A scalar operand as an array, so that rules may compare it."""
    return value if hasattr(value, "dtype") else xp.full((), value, dtype=like.dtype)


def _one_over(x2: Any) -> Any:
    try:
        return 1 / x2
    except ZeroDivisionError:
        # A number of Python's.
        return complex(math.nan, math.nan) if isinstance(x2, complex) else math.copysign(math.inf, x2)


FLOAT: dict[str, Any] = {"category": "floating-point", "floating": True}
REAL_FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}
REAL: dict[str, Any] = {"category": "real numeric"}
BITS: dict[str, Any] = {"category": "integer or boolean"}
ANY: dict[str, Any] = {"category": "all"}

add = elementwise(
    "add", "x1, x2, /", "Return the sum ``x1 + x2``; of booleans, the logical or.", d=(None, None), category="all",
    beyond=for_booleans(lambda xp, x1, x2: xp.bitwise_or(x1, x2)),
)  # fmt: skip
subtract = elementwise("subtract", "x1, x2, /", "Return the difference ``x1 - x2``.", d=(None, -1))
multiply = elementwise(
    "multiply", "x1, x2, /", "Return the product ``x1 * x2``; of booleans, the logical and.",
    d=(lambda x2: x2, lambda x1: x1), category="all", beyond=for_booleans(lambda xp, x1, x2: xp.bitwise_and(x1, x2)),
)  # fmt: skip
divide = elementwise(
    "divide", "x1, x2, /", "Return the quotient ``x1 / x2``; integers become the default float dtype.",
    d=(_one_over, lambda x2, out: -out / x2), samples="real, nonzero", **FLOAT,
)  # fmt: skip
pow = elementwise("pow", "x1, x2, /", "Return ``x1`` to the power ``x2``.", d=(_pow_base, _pow_exponent), samples="positive, (-0.9, 3)")
negative = elementwise("negative", "x, /", "Return ``-x``.", d=-1)
positive = elementwise("positive", "x, /", "Return ``+x``, a new tensor of the same values.", d=None)
square = elementwise("square", "x, /", "Return ``x * x``.", d=lambda x: 2 * x)
reciprocal = elementwise("reciprocal", "x, /", "Return ``1 / x``.", d=lambda out: -out * out, samples="nonzero", **FLOAT)
sqrt = elementwise("sqrt", "x, /", "Return the square root.", d=lambda out: 0.5 / out, samples="positive", **FLOAT)
rsqrt = elementwise(
    "rsqrt", "x, /", "Return ``1 / sqrt(x)``.", d=lambda out: -0.5 * out * out * out,
    body=lambda xp, x: 1 / xp.sqrt(x), samples="positive", **FLOAT
)  # fmt: skip

exp = elementwise("exp", "x, /", "Return e to the power ``x``.", d=lambda out: out, **FLOAT)
expm1 = elementwise("expm1", "x, /", "Return ``exp(x) - 1``, exact near zero.", d=lambda out: out + 1, **FLOAT)
exp2 = elementwise(
    "exp2", "x, /", "Return 2 to the power ``x``.", d=lambda out: _LN2 * out, body=lambda xp, x: xp.exp(_LN2 * x), reference="numpy.exp2", **FLOAT
)  # fmt: skip
log = elementwise("log", "x, /", "Return the natural logarithm.", d=lambda x: 1 / x, samples="positive", **FLOAT)
log1p = elementwise("log1p", "x, /", "Return ``log(1 + x)``, exact near zero.", d=lambda x: 1 / (1 + x), samples="(-0.7, 3)", **FLOAT)
log2 = elementwise("log2", "x, /", "Return the logarithm to base 2.", d=lambda x: 1 / (_LN2 * x), samples="positive", **FLOAT)
log10 = elementwise("log10", "x, /", "Return the logarithm to base 10.", d=lambda x: 1 / (_LN10 * x), samples="positive", **FLOAT)
logaddexp = elementwise(
    "logaddexp", "x1, x2, /", "Return ``log(exp(x1) + exp(x2))`` without overflow.",
    d=(
        lambda xp, x1, x2, out: xp.sigmoid(_difference(xp, x1, x2, out)),
        lambda xp, x1, x2, out: xp.sigmoid(_difference(xp, x2, x1, out)),
    ), **REAL_FLOAT,
)  # fmt: skip


def _difference(xp: Any, x1: Any, x2: Any, out: Any) -> Any:
    """Zero between equal infinities, which share the gradient."""
    return xp.where(xp.isinf(out) & (x1 == x2), xp.zeros_like(out), x1 - x2)


sin = elementwise("sin", "x, /", "Return the sine of ``x`` in radians.", d=lambda xp, x: xp.cos(x), **FLOAT)
cos = elementwise("cos", "x, /", "Return the cosine of ``x`` in radians.", d=lambda xp, x: -xp.sin(x), **FLOAT)
tan = elementwise("tan", "x, /", "Return the tangent of ``x`` in radians.", d=lambda out: 1 + out * out, samples="(-1.2, 1.2)", **FLOAT)
asin = elementwise("asin", "x, /", "Return the inverse sine, in radians.", d=lambda xp, x: 1 / xp.sqrt(1 - x * x), samples="(-0.9, 0.9)", **FLOAT)
acos = elementwise("acos", "x, /", "Return the inverse cosine, in radians.", d=lambda xp, x: -1 / xp.sqrt(1 - x * x), samples="(-0.9, 0.9)", **FLOAT)
atan = elementwise("atan", "x, /", "Return the inverse tangent, in radians.", d=lambda x: 1 / (1 + x * x), samples="(-0.9, 0.9)", **FLOAT)
sinh = elementwise("sinh", "x, /", "Return the hyperbolic sine.", d=lambda xp, x: xp.cosh(x), **FLOAT)
cosh = elementwise("cosh", "x, /", "Return the hyperbolic cosine.", d=lambda xp, x: xp.sinh(x), **FLOAT)
tanh = elementwise("tanh", "x, /", "Return the hyperbolic tangent.", d=lambda out: 1 - out * out, **FLOAT)
asinh = elementwise("asinh", "x, /", "Return the inverse hyperbolic sine.", d=lambda xp, x: 1 / xp.sqrt(1 + x * x), samples="(-0.9, 0.9)", **FLOAT)
acosh = elementwise(
    "acosh", "x, /", "Return the inverse hyperbolic cosine.", d=lambda xp, x: 1 / (xp.sqrt(x - 1) * xp.sqrt(x + 1)), samples="(1.1, 4)", **FLOAT
)  # fmt: skip
atanh = elementwise("atanh", "x, /", "Return the inverse hyperbolic tangent.", d=lambda x: 1 / (1 - x * x), samples="(-0.9, 0.9)", **FLOAT)
atan2 = elementwise(
    "atan2", "x1, x2, /", "Return the angle of the point ``(x2, x1)``, in radians.",
    d=(
        lambda xp, x1, x2, out: x2 / _squared_radius(xp, x1, x2, out),
        lambda xp, x1, x2, out: -x1 / _squared_radius(xp, x1, x2, out),
    ), samples="nonzero", **REAL_FLOAT,
)  # fmt: skip


def _squared_radius(xp: Any, x1: Any, x2: Any, out: Any) -> Any:
    """One at the origin, where the gradient is then zero, as PyTorch's."""
    square = x1 * x1 + x2 * x2
    return xp.where(square == 0, xp.ones_like(out), square)


hypot = elementwise(
    "hypot", "x1, x2, /", "Return ``sqrt(x1**2 + x2**2)`` without overflow.",
    d=(lambda x1, out: x1 / out, lambda x2, out: x2 / out), samples="nonzero", **REAL_FLOAT,
)  # fmt: skip

maximum = elementwise(
    "maximum", "x1, x2, /", "Return the larger operand, elementwise; NaN wins.",
    d=(
        lambda xp, x1, x2, out: _share(xp, x1 > x2, x1 == x2, out),
        lambda xp, x1, x2, out: _share(xp, x2 > x1, x1 == x2, out),
    ), **REAL,
)  # fmt: skip
minimum = elementwise(
    "minimum", "x1, x2, /", "Return the smaller operand, elementwise; NaN wins.",
    d=(
        lambda xp, x1, x2, out: _share(xp, x1 < x2, x1 == x2, out),
        lambda xp, x1, x2, out: _share(xp, x2 < x1, x1 == x2, out),
    ), **REAL,
)  # fmt: skip
remainder = elementwise(
    "remainder", "x1, x2, /", "Return the remainder of ``floor_divide``, with the divisor's sign.",
    d=(None, lambda xp, x1, x2: -xp.floor(x1 / x2)), samples="real, nonzero", **REAL,
)  # fmt: skip
copysign = elementwise(
    "copysign", "x1, x2, /", "Return the magnitude of ``x1`` with the sign of ``x2``.",
    d=(lambda xp, x1, out: xp.sign(_as(xp, x1, out)) * xp.sign(out), lambda xp, out: xp.zeros_like(out)), samples="nonzero", **REAL_FLOAT,
)  # fmt: skip
floor_divide = elementwise(
    "floor_divide", "x1, x2, /", "Return ``floor(x1 / x2)``; its gradient is zero.",
    d=(lambda xp, out: xp.zeros_like(out), lambda xp, out: xp.zeros_like(out)), samples="real, nonzero", **REAL,
)  # fmt: skip
floor = elementwise("floor", "x, /", "Round towards minus infinity; the gradient is zero.", d=lambda xp, x: xp.zeros_like(x), **REAL)
ceil = elementwise("ceil", "x, /", "Round towards plus infinity; the gradient is zero.", d=lambda xp, x: xp.zeros_like(x), **REAL)
trunc = elementwise("trunc", "x, /", "Round towards zero; the gradient is zero.", d=lambda xp, x: xp.zeros_like(x), **REAL)
round = elementwise("round", "x, /", "Round to the nearest integer, halves to even; the gradient is zero.", d=lambda xp, x: xp.zeros_like(x))
sign = general(
    "sign", "x, /", "Return the sign: -1, 0 or 1, and ``x / abs(x)`` for complex numbers.",
    vjp=lambda xp, g, x, out: _sign_slope(xp, g, x, out), body=lambda xp, x: xp.sign(x), standard=True,
    batch="elementwise", category="numeric", jvp=lambda xp, t, x, out: _sign_slope(xp, t, x, out),
)  # fmt: skip


def _sign_slope(xp: Any, t: Any, x: Any, out: Any) -> Any:
    """What of `t` lies across `x`, over the modulus: the derivative is its own transpose, and zero on the reals."""
    if not _is_complex(xp, out):
        return xp.zeros_like(t)
    size = xp.abs(x)
    across = t - out * xp.real(xp.conj(out) * t)
    return xp.where(size == 0, xp.zeros_like(across), across / xp.where(size == 0, xp.ones_like(size), size))


abs = general(
    "abs", "x, /", "Return the absolute value; real for complex numbers.", category="numeric", batch="elementwise",
    vjp=lambda xp, g, x: g * xp.sign(x),
    jvp=lambda xp, t, x: _real_product(xp, t, xp.sign(x)),
)  # fmt: skip


def _real_product(xp: Any, t: Any, s: Any) -> Any:
    return xp.real(xp.conj(s) * t) if _is_complex(xp, t) else s * t


def _is_complex(xp: Any, x: Any) -> bool:
    dtype = x.dtype
    return getattr(dtype, "is_complex", None) is True or xp.device.dtype_of.get(dtype, dtype).is_complex


real = linear(
    "real", "x, /", "Return the real part.", category="numeric", batch="elementwise", prepare=None,
    transpose=lambda xp, g, x_dtype: xp.astype(g, x_dtype),
)  # fmt: skip
imag = linear(
    "imag", "x, /", "Return the imaginary part.", category="complex floating-point", batch="elementwise",
    transpose=lambda xp, g, x_dtype: 1j * xp.astype(g, x_dtype),
)  # fmt: skip
conj = linear(
    "conj", "x, /", "Return the complex conjugate.", category="numeric", batch="elementwise",
    transpose=lambda xp, g: xp.conj(g),
)  # fmt: skip
clip = general(
    "clip", "x, min=None, max=None, /", "Limit the values to the interval from ``min`` to ``max``.",
    batch="elementwise", category="real numeric",
    vjp=(
        lambda xp, g, x, min, max: g * xp.astype(_inside(xp, x, min, max), g.dtype),
        lambda xp, g, x, min, max: g * xp.astype((x < min) & _not_above(xp, min, max), g.dtype),
        lambda xp, g, x, min, max: g * xp.astype(x > max if min is None else (x > max) | (min > max), g.dtype),
    ),
    jvp=lambda xp, t, x, min, max: _clip_jvp(xp, t, x, min, max),
)  # fmt: skip


def _not_above(xp: Any, low: Any, high: Any) -> Any:
    return (low <= high) if high is not None else (low == low)


def _inside(xp: Any, x: Any, low: Any, high: Any) -> Any:
    if low is None and high is None:
        return x == x
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


def _clip_jvp(xp: Any, t: Any, x: Any, low: Any, high: Any) -> Any:
    tx, tlow, thigh = t
    total = 0
    if tx is not None:
        total = total + tx * xp.astype(_inside(xp, x, low, high), tx.dtype)
    if tlow is not None:
        total = total + tlow * xp.astype((x < low) & _not_above(xp, low, high), tlow.dtype)
    if thigh is not None:
        total = total + thigh * xp.astype(x > high if low is None else (x > high) | (low > high), thigh.dtype)
    return total


where = linear(
    "where", "condition, x1, x2, /", "Return elements of ``x1`` where the condition holds, of ``x2`` elsewhere.",
    batch="elementwise", promote=("x1", "x2"),
    transpose=(
        None,
        lambda xp, g, condition: xp.where(condition, g, xp.zeros_like(g)),
        lambda xp, g, condition: xp.where(condition, xp.zeros_like(g), g),
    ),
)  # fmt: skip

bitwise_and = elementwise("bitwise_and", "x1, x2, /", "Return the bitwise and.", **BITS)
bitwise_or = elementwise("bitwise_or", "x1, x2, /", "Return the bitwise or.", **BITS)
bitwise_xor = elementwise("bitwise_xor", "x1, x2, /", "Return the bitwise exclusive or.", **BITS)
bitwise_invert = elementwise("bitwise_invert", "x, /", "Return the bitwise complement.", **BITS)
bitwise_left_shift = elementwise("bitwise_left_shift", "x1, x2, /", "Shift bits to the left.", category="integer", samples="shift")
bitwise_right_shift = elementwise("bitwise_right_shift", "x1, x2, /", "Shift bits to the right.", category="integer", samples="shift")
equal = elementwise("equal", "x1, x2, /", "Say where the operands are equal.", **ANY)
not_equal = elementwise("not_equal", "x1, x2, /", "Say where the operands differ.", **ANY)
less = elementwise(
    "less", "x1, x2, /", "Say where ``x1 < x2``.", category="real",
    beyond=for_booleans(lambda xp, x1, x2: xp.bitwise_and(xp.bitwise_invert(x1), x2)),
)  # fmt: skip
less_equal = elementwise(
    "less_equal", "x1, x2, /", "Say where ``x1 <= x2``.", category="real",
    beyond=for_booleans(lambda xp, x1, x2: xp.bitwise_or(xp.bitwise_invert(x1), x2)),
)  # fmt: skip
greater = elementwise(
    "greater", "x1, x2, /", "Say where ``x1 > x2``.", category="real",
    beyond=for_booleans(lambda xp, x1, x2: xp.bitwise_and(x1, xp.bitwise_invert(x2))),
)  # fmt: skip
greater_equal = elementwise(
    "greater_equal", "x1, x2, /", "Say where ``x1 >= x2``.", category="real",
    beyond=for_booleans(lambda xp, x1, x2: xp.bitwise_or(x1, xp.bitwise_invert(x2))),
)  # fmt: skip
logical_and = elementwise(
    "logical_and", "x1, x2, /", "Return the logical and; a number is true if it is not zero.",
    beyond=lambda xp, x1, x2: xp.logical_and(x1 != 0, x2 != 0), **ANY,
)  # fmt: skip
logical_or = elementwise(
    "logical_or", "x1, x2, /", "Return the logical or; a number is true if it is not zero.",
    beyond=lambda xp, x1, x2: xp.logical_or(x1 != 0, x2 != 0), **ANY,
)  # fmt: skip
logical_xor = elementwise(
    "logical_xor", "x1, x2, /", "Return the logical exclusive or; a number is true if it is not zero.",
    beyond=lambda xp, x1, x2: xp.logical_xor(x1 != 0, x2 != 0), **ANY,
)  # fmt: skip
logical_not = elementwise(
    "logical_not", "x, /", "Return the logical complement; a number is true if it is not zero.",
    beyond=lambda xp, x: xp.logical_not(x != 0), **ANY,
)  # fmt: skip
isfinite = elementwise("isfinite", "x, /", "Say where values are finite.")
isinf = elementwise("isinf", "x, /", "Say where values are infinite.")
isnan = elementwise("isnan", "x, /", "Say where values are NaN.")
signbit = elementwise(
    "signbit", "x, /", "Say where the sign bit is set; of integers, where they are negative.", category="real",
    beyond=lambda xp, x: xp.less(x, xp.zeros_like(x)),
)  # fmt: skip
nextafter = elementwise(
    "nextafter", "x1, x2, /", "Return the next representable value after ``x1`` towards ``x2``; its gradient is that of ``x1``.",
    d=(lambda xp, x1, x2, out: xp.astype(x1 != x2, out.dtype), lambda xp, out: xp.zeros_like(out)), **REAL_FLOAT,
)  # fmt: skip

alias = linear(
    "alias", "x, /", "Return a new tensor of the same values, recorded.", batch="elementwise",
    body=lambda xp, x: x, transpose=lambda g: g, reference="references.identity",
)  # fmt: skip
astype = linear(
    "astype", "x, <dtype>, /, *, copy=True", "Return the values in another dtype.", batch="elementwise", promote=(),
    transpose=lambda g: g,
)  # fmt: skip
