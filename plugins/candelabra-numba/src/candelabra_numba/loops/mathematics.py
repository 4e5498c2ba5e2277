"""Exponentials and their kin for one number, written so that LLVM computes a vector of them at once.

There are no branches and no calls: bounds are selections, powers of two are made of bits, the rest are polynomials
(Chebyshev interpolation in 40 digits where nothing else is said). NaN and infinities come out as the functions have
them, subnormals too. LLVM may contract here but not reassociate: an argument in two parts must stay so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, overload

f4, f8, i4, i8 = np.float32, np.float64, np.int32, np.int64
inlined = numba.njit(error_model="numpy", fastmath={"contract"}, nogil=True, forceinline=True)


def _reinterpreted(given: Any, wanted: Any) -> Any:
    """Return a function that sees the bits of a number as those of another type."""

    @intrinsic
    def bits(context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(wanted))

        return wanted(given), generate

    return bits


_bits32, _of_bits32 = _reinterpreted(types.float32, types.int32), _reinterpreted(types.int32, types.float32)
_bits64, _of_bits64 = _reinterpreted(types.float64, types.int64), _reinterpreted(types.int64, types.float64)


@intrinsic
def _select(context: Any, condition: Any, one: Any, two: Any) -> Any:
    """Choose without a branch: where both sides are long, LLVM makes no vectors of one."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return one(types.boolean, one, one), generate


def polynomial(kind: str, *coefficients: float) -> Callable[..., Any]:
    """Return a compiled polynomial by Horner's scheme, in `f4` or `f8`; coefficients from the constant on."""
    text = f"{kind}({coefficients[-1]!r})"
    for c in reversed(coefficients[:-1]):
        text = f"({text} * x + {kind}({c!r}))"
    scope: dict[str, Any] = {"f4": f4, "f8": f8}
    exec(f"def evaluate(x):\n    return {text}", scope)
    return inlined(scope["evaluate"])


# (exp(r) - 1) / r on +-ln(2)/2, relative errors 1.3e-8 and 2.1e-17.
_slope32 = polynomial(
    "f4", 1.0, 0.500000001353873, 0.1666650461303261, 0.04166646419740569, 0.008369220291803607, 0.0013933730715792083,
)  # fmt: skip
_slope64 = polynomial(
    "f8", 1.0, 0.5000000000000006, 0.1666666666666667, 0.04166666666657239, 0.008333333333326084, 0.0013888888932751,
    0.0001984126987500228, 2.4801504014426906e-05, 2.755725517000089e-06, 2.7626495546432196e-07,
    2.5105312729622103e-08,
)  # fmt: skip
# atanh(s) / s - 1, over s**2, as a polynomial in s**2 on [0, 1/9]: 1e-10 and 4e-20.
_atanh32 = polynomial(
    "f4", 0.33333339513216986, 0.19999355623431167, 0.14310103704218619, 0.10699280253339272, 0.12196954042011512,
)  # fmt: skip
_atanh64 = polynomial(
    "f8", 0.3333333333333334, 0.19999999999996435, 0.14285714286311463, 0.11111111059551837, 0.09090911711247626,
    0.07692223530229984, 0.06668438407871918, 0.05857637334055213, 0.05488308318973747, 0.03490195249166216,
    0.08244142965694784,
)  # fmt: skip
# erf(x) / x in x**2 on [0, 3.95] as a quotient, minimax: 2.1e-8; on [0, 1]: 8e-18.
_erf32_above = polynomial(
    "f8", 1.1283791437353816, 0.19155112968258042, 0.05287552894872042, 0.003808190379010616, 0.00028468732478831673,
    2.0258877512166203e-06,
)  # fmt: skip
_erf32_below = polynomial(
    "f8", 1.0, 0.5030904442356828, 0.11455993911845752, 0.01505514725184038, 0.0011707308361285453,
    3.783156991233719e-05,
)  # fmt: skip
_erf64_near = polynomial(
    "f8", 1.1283791670955126, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777, 0.0052239776071164225,
    -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05, 1.6447424703317362e-06,
    -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip
# exp(x**2) erfc(x) (1 + 2 x) in (x - 3) / (x + 3) on [1, 28]: 8e-17.
_erfc64_far = polynomial(
    "f8", 1.2530080582697298, -0.1356211061245818, -0.04756229435349139, 0.12964515870287935, -0.1192736634123678,
    0.06830802733684652, -0.023770514998550332, 0.0025293920136707938, 0.0018886913888875854, -0.0007798351520815042,
    -0.0001051663711451085, 0.00012512265555826875, 4.966092145137716e-06, -2.0204731045280845e-05,
    -7.084487700755333e-07, 3.706251837901243e-06, 1.4852118129629044e-07, -7.89919744208201e-07,
    1.7934056629984586e-07,
)  # fmt: skip
# atanh(erf(x / sqrt(2))) 2 / x in x**2 on [0, 6.5], minimax in the normal distribution function: absolute error 2.9e-8.
# It grows without bound beyond, where the function is 0 or 1.
_normal32 = polynomial(
    "f4", *(2 * c for c in (
        0.797884941460086, 0.0363330845755071, -3.25949776440907e-05, -5.5306192694920806e-05, 3.964744205369121e-06,
        -1.3226332060799265e-07, 1.756170155083745e-09,
    )),
)  # fmt: skip


@inlined
def _exp32(x):
    x = f4(-105.0) if x < f4(-105.0) else x
    x = f4(89.0) if x > f4(89.0) else x
    # Added to a number of this size, a float32 is rounded to a whole one, which its last bits hold.
    t = x * f4(1.4426950408889634) + f4(12582912.0)
    n = t - f4(12582912.0)
    r = x - n * f4(0.693359375)
    r = r + n * f4(2.12194440e-4)
    # What numba makes of two int32 is an int64.
    k = i4(_bits32(t) - i4(0x4B400000))
    half = i4(k >> i4(1))
    p = _slope32(r) * r + f4(1.0)
    # In two steps, since the power of two may be none of float32's normal numbers.
    p = p * _of_bits32(i4((half + i4(127)) << i4(23)))
    return p * _of_bits32(i4((k - half + i4(127)) << i4(23)))


@inlined
def _exp64(x):
    x = -746.0 if x < -746.0 else x
    x = 710.0 if x > 710.0 else x
    t = x * 1.4426950408889634 + 6755399441055744.0
    n = t - 6755399441055744.0
    r = x - n * 6.93147180369123816490e-01
    r = r - n * 1.90821492927058770002e-10
    k = _bits64(t) - i8(0x4338000000000000)
    half = k >> i8(1)
    p = _slope64(r) * r + 1.0
    p = p * _of_bits64((half + i8(1023)) << i8(52))
    return p * _of_bits64((k - half + i8(1023)) << i8(52))


@inlined
def _exp_scaled32(x):
    x = f4(-105.0) if x < f4(-105.0) else x
    t = x * f4(1.4426950408889634) + f4(12582912.0)
    n = t - f4(12582912.0)
    r = x - n * f4(0.693359375)
    r = r + n * f4(2.12194440e-4)
    # All but the last bits are shifted out.
    return (_slope32(r) * r + f4(1.0)) * _of_bits32((_bits32(t) << i4(23)) + i4((127 + 64) << 23))


@inlined
def _exp_scaled64(x):
    x = -746.0 if x < -746.0 else x
    t = x * 1.4426950408889634 + 6755399441055744.0
    n = t - 6755399441055744.0
    r = x - n * 6.93147180369123816490e-01
    r = r - n * 1.90821492927058770002e-10
    return (_slope64(r) * r + 1.0) * _of_bits64((_bits64(t) << i8(52)) + i8((1023 + 512) << 52))


@inlined
def _exp_negative32(x):
    return _exp_scaled32(x) * f4(2.0**-64)


@inlined
def _exp_negative64(x):
    return _exp_scaled64(x) * 2.0**-512


@inlined
def _one_plus_exp32(x):
    y = f4(-87.0) if x < f4(-87.0) else x
    y = f4(88.0) if y > f4(88.0) else y
    t = y * f4(1.4426950408889634) + f4(12582912.0)
    n = t - f4(12582912.0)
    r = y - n * f4(0.693359375)
    r = r + n * f4(2.12194440e-4)
    value = (_slope32(r) * r + f4(1.0)) * _of_bits32((_bits32(t) << i4(23)) + i4(127 << 23)) + f4(1.0)
    return f4(np.inf) if x > f4(88.0) else value


@inlined
def _one_plus_exp64(x):
    y = -708.0 if x < -708.0 else x
    y = 709.0 if y > 709.0 else y
    t = y * 1.4426950408889634 + 6755399441055744.0
    n = t - 6755399441055744.0
    r = y - n * 6.93147180369123816490e-01
    r = r - n * 1.90821492927058770002e-10
    value = (_slope64(r) * r + 1.0) * _of_bits64((_bits64(t) << i8(52)) + i8(1023 << 52)) + 1.0
    return np.inf if x > 709.0 else value


@inlined
def _expm1_bounded32(x):
    """exp(x) - 1 from -60 to 60."""
    t = x * f4(1.4426950408889634) + f4(12582912.0)
    n = t - f4(12582912.0)
    r = x - n * f4(0.693359375)
    r = r + n * f4(2.12194440e-4)
    power = _of_bits32((_bits32(t) << i4(23)) + i4(127 << 23))
    return (_slope32(r) * r) * power + (power - f4(1.0))


@inlined
def _expm1_bounded64(x):
    """exp(x) - 1 from -600 to 600."""
    t = x * 1.4426950408889634 + 6755399441055744.0
    n = t - 6755399441055744.0
    r = x - n * 6.93147180369123816490e-01
    r = r - n * 1.90821492927058770002e-10
    power = _of_bits64((_bits64(t) << i8(52)) + i8(1023 << 52))
    return (_slope64(r) * r) * power + (power - 1.0)


@inlined
def _expm1_negative32(x):
    x = f4(-20.0) if x < f4(-20.0) else x
    # 0 keeps its sign.
    return x if x == f4(0.0) else _expm1_bounded32(x)


@inlined
def _expm1_negative64(x):
    x = -40.0 if x < -40.0 else x
    return x if x == 0.0 else _expm1_bounded64(x)


@inlined
def _tanh32(x):
    a = abs(x)
    a = f4(20.0) if a > f4(20.0) else f4(2.0) * a
    m = _expm1_bounded32(a)
    m = m / (m + f4(2.0))
    return -m if x < f4(0.0) else (m if x > f4(0.0) else x)


@inlined
def _tanh64(x):
    a = abs(x)
    a = 40.0 if a > 40.0 else 2.0 * a
    m = _expm1_bounded64(a)
    m = m / (m + 2.0)
    return -m if x < 0.0 else (m if x > 0.0 else x)


@inlined
def _log1p_unit32(e):
    s = e / (f4(2.0) + e)
    z = s * s
    s = f4(2.0) * s
    return (_atanh32(z) * z) * s + s


@inlined
def _log1p_unit64(e):
    s = e / (2.0 + e)
    z = s * s
    s = 2.0 * s
    return (_atanh64(z) * z) * s + s


@inlined
def _erf32(x):
    # Through float64, which leaves room for the division.
    y = f8(x)
    y = 3.95 if y > 3.95 else y
    y = -3.95 if y < -3.95 else y
    z = y * y
    return f4(y * _erf32_above(z) / _erf32_below(z))


@inlined
def _erf64(x):
    a = abs(x)
    z = x * x
    z = 1.0 if z > 1.0 else z
    y = 1.0 if a < 1.0 else a
    y = 6.0 if y > 6.0 else y
    # The square in two parts, since its rounding would be multiplied by itself.
    head = f8(f4(y))
    far = _erfc64_far((y - 3.0) / (y + 3.0)) * _exp_negative64(-head * head) * _exp64((head - y) * (head + y))
    far = 1.0 - far / (1.0 + 2.0 * y)
    far = _select(x < 0.0, -far, far)
    return _select(a > 1.0, far, _erf64_near(z) * x)


@inlined
def _normal_cdf32(x):
    return f4(1.0) / _one_plus_exp32(-(_normal32(x * x) * x))


@inlined
def _normal_cdf64(x):
    return 0.5 + 0.5 * _erf64(x * 0.7071067811865476)


def _either(one: Any, two: Any) -> Any:
    """Return a function of float32 or float64: `one` or `two`."""

    def function(x):
        raise TypeError("only compiled functions call this")

    @overload(function, jit_options={"forceinline": True})
    def choose(x):
        if x == types.float32:
            return lambda x: one(x)
        return (lambda x: two(x)) if x == types.float64 else None

    return function


exp = _either(_exp32, _exp64)
# exp(x) of what is not positive; times 2**64 in float32, 2**512 in float64; 1 + exp(x), which is inf a little early.
exp_negative = _either(_exp_negative32, _exp_negative64)
exp_scaled = _either(_exp_scaled32, _exp_scaled64)
one_plus_exp = _either(_one_plus_exp32, _one_plus_exp64)
# exp(x) - 1 of what is not positive.
expm1_negative = _either(_expm1_negative32, _expm1_negative64)
tanh = _either(_tanh32, _tanh64)
# log(1 + x) from 0 to 1.
log1p_unit = _either(_log1p_unit32, _log1p_unit64)
erf = _either(_erf32, _erf64)
# The normal distribution function: in float32 with an absolute error of 3e-8, as 1 + erf has it.
normal_cdf = _either(_normal_cdf32, _normal_cdf64)


@inlined
def times(x, y):
    """Multiply: where it may reassociate, LLVM makes a division of each product with a quotient of one."""
    return x * y


@inlined
def _ordered32(x):
    b = _bits32(x)
    return i4(b ^ i4(i4(b >> i4(31)) & i4(0x7FFFFFFF)))


@inlined
def _ordered64(x):
    b = _bits64(x)
    return b ^ ((b >> i8(63)) & i8(0x7FFFFFFFFFFFFFFF))


@inlined
def _largest32(row):
    best = i4(-0x80000000)
    for j in range(row.size):
        best = i4(max(best, _ordered32(row[j])))
    return _of_bits32(best ^ ((best >> i4(31)) & i4(0x7FFFFFFF)))


@inlined
def _largest64(row):
    best = i8(-0x8000000000000000)
    for j in range(row.size):
        best = max(best, _ordered64(row[j]))
    return _of_bits64(best ^ ((best >> i8(63)) & i8(0x7FFFFFFFFFFFFFFF)))


def largest(row):
    """The largest of a row: by whole numbers of the same order, since LLVM makes vectors of those whatever they are.

    NaN is larger than any other number, or smaller, by its sign.
    """
    raise TypeError("only compiled functions call this")


@overload(largest, jit_options={"forceinline": True})
def _choose_largest(row):
    if row.dtype == types.float32:
        return lambda row: _largest32(row)
    return (lambda row: _largest64(row)) if row.dtype == types.float64 else None
