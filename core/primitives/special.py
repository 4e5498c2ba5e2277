"""Special functions, row by row. None is in the standard: beside each stands its body, its meaning.

Formulas: NIST Digital Library of Mathematical Functions, chapters 5 (gamma), 7 (error function), 10 (Bessel functions)
and 25 (Hurwitz's zeta function). Values at poles and outside the domains are PyTorch's.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError
from .row import elementwise, general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}

# Chebyshev coefficients of exp(-x) I0(x) in x / 4 - 1 on [0, 8], in 40 digits.
_I0_NEAR = (
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764, 0.04930528423967071,
    -0.02373741480589947, 0.010546460394594998, -0.004324309995050576, 0.0016394756169413357,
    -0.0005763755745385824, 0.00018850288509584165, -5.754195010082104e-05, 1.6448448070728896e-05,
    -4.4167383584587505e-06, 1.1173875391201037e-06, -2.670793853940612e-07, 6.046995022541919e-08,
    -1.300025009986248e-08, 2.6598237246823866e-09, -5.189795601635263e-10, 9.675809035373237e-11,
    -1.726826291441556e-11, 2.95505266312964e-12, -4.856446783111929e-13, 7.676185498604936e-14,
    -1.1685332877993451e-14, 1.715391285555133e-15, -2.431279846547955e-16, 3.3307945188222384e-17,
    -4.4153416464793395e-18, 5.669178006921496e-19,
)  # fmt: skip
# Of sqrt(x) exp(-x) I0(x) in 16 / x - 1 from 8 on.
_I0_FAR = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.8913705208347567e-06,
    2.0489185894690638e-07, 2.266668990498178e-08, 3.3962320257083865e-09, 4.94060238822497e-10,
    1.1889147107846439e-11, -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
    7.180124451383666e-13, 3.8527783827421426e-13, 1.54008621752141e-14, -4.150569347287222e-14,
    -9.554846698828307e-15, 3.8116806693526224e-15, 1.7725601330565263e-15, -3.425485619677219e-16,
    -2.8276239805165836e-16, 3.461222867697461e-17, 4.46562142029676e-17, -4.830504485944182e-18,
    -7.233180487874754e-18, 9.921475412173699e-19, 1.193650890845982e-18,
)  # fmt: skip
# Of exp(-x) I1(x) / x, and of sqrt(x) exp(-x) I1(x), likewise.
_I1_NEAR = (
    0.12629359322181682, -0.17641651835783406, 0.1026436586898471, -0.05294598120809499, 0.024726449030626516,
    -0.010564084894626197, 0.004156422944312888, -0.0015135724506312532, 0.0005122859561685758,
    -0.00016176081582589674, 4.781565107550054e-05, -1.3273163656039436e-05, 3.4702513081376785e-06,
    -8.568720264695455e-07, 2.0032947535521353e-07, -4.445059128796328e-08, 9.381537386495773e-09,
    -1.8872497517228294e-09, 3.625590281552117e-10, -6.663489723502027e-11, 1.1736186298890901e-11,
    -1.9839743977649436e-12, 3.223793365945575e-13, -5.042185504727912e-14, 7.600684294735408e-15,
    -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17, 2.7779141127610464e-18,
    -3.541581772542136e-19,
)  # fmt: skip
_I1_FAR = (
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371, -3.882564808877691e-06,
    -2.512236237870209e-07, -2.6314688468895196e-08, -3.835380385964237e-09, -5.589743462196584e-10,
    -1.8974958123505413e-11, 3.2526035830154884e-11, 1.4125807436613782e-11, 2.0356285441470896e-12,
    -7.198551776245908e-13, -4.0835511110921974e-13, -2.1015418427726643e-14, 4.272440016711951e-14,
    1.0420276984128802e-14, -3.8144030724370075e-15, -1.8803547755107825e-15, 3.3082023109209285e-16,
    2.96262899764595e-16, -3.209525921993424e-17, -4.6503053684893586e-17, 4.414348323071708e-18,
    7.517296310842105e-18, -9.314178867326884e-19, -1.242193275194891e-18,
)  # fmt: skip
# (-1)**k (zeta(k) - 1) / k from k = 2 on: the Taylor coefficients of lgamma about 2.
_LGAMMA_AT_2 = (
    0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
    -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357936, 9.945751278180853e-05,
    -4.492623673813314e-05, 2.0507212775670694e-05, -9.439488275268395e-06, 4.374866789907487e-06,
    -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07, 2.1207184805554667e-07,
    -1.00432248239681e-07, 4.769810169363981e-08, -2.2711094608943164e-08, 1.0838659214896955e-08,
    -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09, 5.731367241678862e-10,
    -2.7595228851242334e-10,
)  # fmt: skip
_LGAMMA_SLOPE = 0.42278433509846713  # 1 - Euler's constant: the derivative of lgamma at 2
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330, 854513 / 138,
    -236364091 / 2730,
)  # fmt: skip
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
# Asymptotic series serve from here on; below, recurrences lead there.
_FAR = 8


def as_array(xp: Any, value: Any, like: Any) -> Any:
    """Return a scalar operand as an array."""
    return value if hasattr(value, "dtype") else xp.full((), value, dtype=like.dtype)


def polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """Return a polynomial, the constant coefficient first (Horner's scheme)."""
    total = coefficients[-1] * x + coefficients[-2]
    for c in coefficients[-3::-1]:
        total = total * x + c
    return total


def chebyshev(coefficients: tuple[float, ...], x: Any) -> Any:
    """Return a sum of Chebyshev polynomials (Clenshaw's scheme)."""
    twice = x + x
    later, last = coefficients[-1], coefficients[-1] * twice + coefficients[-2]
    for c in coefficients[-3:0:-1]:
        later, last = last, twice * last - later + c
    return x * last - later + coefficients[0]


@functools.lru_cache(maxsize=64)
def _trimmed(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """The terms that single precision sees."""
    bound = 2e-10 * max(map(abs, coefficients))
    last = max(i for i, c in enumerate(coefficients) if abs(c) > bound)
    return coefficients[: max(last + 1, 3)]


def series(xp: Any, coefficients: tuple[float, ...], x: Any) -> Any:
    """Return a sum of Chebyshev polynomials; a kernel's namespace may say that the result is `single`, or bring its own."""
    if getattr(xp, "single", False):
        coefficients = _trimmed(coefficients)
    return getattr(xp, "chebyshev", chebyshev)(coefficients, x)


def branch(
    xp: Any, mask: Any, near: Callable[[Any], Any], far: Callable[[Any], Any], x: Any, fill: tuple[float, float]
) -> Any:
    """Return ``near(x)`` where the mask holds and ``far(x)`` elsewhere; each sees its own elements, else its fill.

    A kernel's namespace may bring a way of its own that computes nothing twice.
    """
    own = getattr(xp, "branch", None)
    if own is not None:
        return own(mask, near, far, x)
    low = near(xp.where(mask, x, xp.full_like(x, fill[0])))
    return xp.where(mask, low, far(xp.where(mask, xp.full_like(x, fill[1]), x)))


def only_where(xp: Any, mask: Any, function: Callable[..., Any], otherwise: Any, *operands: Any) -> Any:
    """Return ``function(*operands)`` where the mask holds, and `otherwise` elsewhere; the function sees ones there.

    A kernel's namespace may bring a way of its own that computes only what is asked for.
    """
    own = getattr(xp, "only_where", None)
    if own is not None:
        return own(mask, function, otherwise, *operands)
    return xp.where(mask, function(*[xp.where(mask, x, xp.ones_like(x)) for x in operands]), otherwise)


def lgamma_near(xp: Any, y: Any) -> Any:
    """log(gamma(y)) from 0 to 2.5: a Taylor series about 2, and its shifts to 0 and 1."""
    shift = xp.where(y < 0.5, 0.0 * y, xp.where(y < 1.5, 0.0 * y + 1.0, 0.0 * y + 2.0))
    w = y - shift
    taylor = w * (_LGAMMA_SLOPE + w * polynomial(_LGAMMA_AT_2, w))
    # log(y) where both shifts are made, else log(1): one logarithm for two.
    one = xp.ones_like(y)
    return taylor - xp.where(shift < 1.5, xp.log1p(w), 0.0 * y) - xp.log(xp.where(shift < 0.5, y, one))


def lgamma_far(xp: Any, y: Any) -> Any:
    """log(gamma(y)) from 2.5 on: Stirling's series, below 8 by the recurrence."""
    below = y < _FAR
    product = xp.ones_like(y)
    for i in range(6):
        product = product * (y + i)
    product = xp.where(below, product, xp.ones_like(y))
    s = xp.where(below, y + 6.0, y)
    inverse = 1.0 / s
    tail = inverse * polynomial(
        tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI[:8], 1)), inverse * inverse
    )
    # (s - 1/2) (log s - 1) keeps its size where s log s would overflow.
    return (s - 0.5) * (xp.log(s) - 1.0) + (_HALF_LOG_2PI - 0.5) + tail - xp.log(product)


def _lgamma_body(xp: Any, x: Any) -> Any:
    negative = x < 0
    y = xp.where(negative, 1.0 - x, x)
    close = y < 2.5
    value = xp.where(
        close, lgamma_near(xp, xp.where(close, y, xp.ones_like(y))),
        lgamma_far(xp, xp.where(close, xp.full_like(y, 3.0), y)),
    )  # fmt: skip
    sine = xp.abs(xp.sin(math.pi * (x - xp.round(x))))
    value = xp.where(negative, math.log(math.pi) - xp.log(xp.where(negative, sine, xp.ones_like(x))) - value, value)
    return xp.where(xp.isinf(x), xp.abs(x), value)


def digamma_positive(xp: Any, y: Any) -> Any:
    """The derivative of log(gamma(y)) for y > 0: its asymptotic series, below 8 by the recurrence."""
    below = y < _FAR
    s = xp.where(below, y + _FAR, y)
    inverse = 1.0 / s
    square = inverse * inverse
    tail = square * polynomial(tuple(b / (2 * k) for k, b in enumerate(_BERNOULLI[:8], 1)), square)
    value = xp.log(s) - 0.5 * inverse - tail
    start = xp.where(below, y, xp.ones_like(y))
    steps = xp.zeros_like(y)
    for i in range(_FAR - 1, -1, -1):
        steps = steps + 1.0 / (start + i)
    return xp.where(below, value - steps, value)


def _cotangent(xp: Any, x: Any) -> Any:
    """cot(pi x), the whole periods taken off first."""
    part = x - xp.round(x)
    a = xp.abs(part)
    steep = a < 0.25
    value = xp.tan(math.pi * xp.where(steep, a, 0.5 - a))
    return xp.copysign(xp.where(steep, 1.0 / value, value), part)


def _digamma_body(xp: Any, x: Any) -> Any:
    negative = x < 0
    value = digamma_positive(xp, xp.where(negative, 1.0 - x, x))
    value = xp.where(negative, value - math.pi * _cotangent(xp, xp.where(negative, x, xp.full_like(x, 0.25))), value)
    pole = xp.logical_and(negative, x == xp.floor(x))
    value = xp.where(pole, xp.full_like(x, math.nan), value)
    return xp.where(x == 0, -xp.copysign(xp.full_like(x, math.inf), x), value)


def zeta_positive(xp: Any, s: int, q: Any) -> Any:
    """Hurwitz's zeta function for q >= 0 by Euler and Maclaurin: as many terms of the sum as of the correction."""
    single = getattr(xp, "single", False)
    terms = 6 if single else 9 if s <= 3 else 12
    # The least parts first.
    total = 1.0 / (q + (terms - 1.0)) ** s
    for i in range(terms - 2, -1, -1):
        total = total + 1.0 / (q + float(i)) ** s
    a = q + float(terms)
    inverse = 1.0 / a
    series, factor = [], 1.0 * s
    for k, b in enumerate(_BERNOULLI[: 6 if single else 12], 1):
        series.append(b * factor / math.factorial(2 * k))
        factor *= (s + 2 * k - 1) * (s + 2 * k)
    power = inverse ** (s - 1)
    last = 1.0 / (s - 1) + inverse * (0.5 + inverse * polynomial(tuple(series), inverse * inverse))
    return total + power * last


@functools.lru_cache(maxsize=64)
def _cotangent_polynomial(n: int) -> tuple[float, ...]:
    """The n-th derivative of cot as a polynomial in cot: ``P' = -(1 + c^2) dP/dc`` from ``P = c`` on."""
    p = [0, 1]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(p)][1:]
        p = [-(a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return tuple(map(float, p))


def _polygamma_body(xp: Any, x: Any, *, n: int) -> Any:
    if n == 0:
        return xp.digamma(x)
    negative = x < 0
    scale = (-1.0) ** (n + 1) * math.factorial(n)
    value = scale * zeta_positive(xp, n + 1, xp.where(negative, 1.0 - x, x))
    c = _cotangent(xp, xp.where(negative, x, xp.full_like(x, 0.25)))
    mirrored = (-1.0) ** n * value - math.pi ** (n + 1) * polynomial(_cotangent_polynomial(n), c)
    return xp.where(negative, mirrored, value)


def _prepare_polygamma(device: Any, x: Any, n: Any) -> tuple[int]:
    if isinstance(n, bool) or not isinstance(n, int):
        raise ArgumentTypeError(f"polygamma: the order n is an int, not {n!r}")
    if not 0 <= n <= 100:
        raise ArgumentError(f"polygamma: the order n lies between 0 and 100, got {n}")
    return (n,)


def _erfinv_body(xp: Any, x: Any) -> Any:
    """A start by Winitzki (2008), relative error 2e-3, and Halley's steps; near 1 on erfc, which loses nothing."""
    a = xp.abs(x)
    inside = a < 1
    a = xp.where(inside, a, xp.full_like(x, 0.5))
    rest = 1.0 - a
    m = -xp.where(a < 0.5, xp.log1p(-a * a), xp.log(rest * (1.0 + a))) / 0.147
    t = 2.0 / (math.pi * 0.147) - 0.0735 * m
    root = xp.sqrt(t * t + m)
    z = xp.sqrt(xp.where(t > 0, m / (root + xp.abs(t)), root + xp.abs(t)))
    for _ in range(3):
        miss = xp.where(a < 0.5, xp.erf(z) - a, rest - xp.erfc(z))
        u = miss * (0.5 * math.sqrt(math.pi)) * xp.exp(z * z)
        z = z - u / (1.0 + z * u)
    ends = xp.where(xp.abs(x) == 1, xp.full_like(x, math.inf), xp.full_like(x, math.nan))
    return xp.copysign(xp.where(inside, z, ends), x)


def scaled_bessel(xp: Any, a: Any, order: int) -> Any:
    """exp(-a) times the modified Bessel function of the first kind, for a >= 0: a series below 8, one in 1 / a beyond."""
    near, far = ((_I0_NEAR, _I0_FAR), (_I1_NEAR, _I1_FAR))[order]

    def low(a: Any) -> Any:
        value = series(xp, near, 0.25 * a - 1.0)
        return value * a if order else value

    return branch(xp, a <= 8, low, lambda a: series(xp, far, 16.0 / a - 1.0) / xp.sqrt(a), a, (0.0, 8.0))


def _i0_body(xp: Any, x: Any) -> Any:
    a = xp.abs(x)
    return xp.where(xp.isinf(a), a, xp.exp(a) * scaled_bessel(xp, a, 0))


def _i1_body(xp: Any, x: Any) -> Any:
    a = xp.abs(x)
    return xp.where(xp.isinf(a), x, xp.copysign(xp.exp(a) * scaled_bessel(xp, a, 1), x))


def _i1_slope(xp: Any, x: Any, out: Any) -> Any:
    zero = x == 0
    return xp.where(zero, xp.full_like(x, 0.5), xp.i0(x) - out / xp.where(zero, xp.ones_like(x), x))


_SINC_SLOPE = tuple((-1.0) ** (k + 1) * (2 * k + 2) / math.factorial(2 * k + 3) for k in range(9))


def _half_turns(xp: Any, x: Any) -> tuple[Any, Any]:
    """pi x less whole multiples of pi, and the sign that sine and cosine take for them."""
    turns = xp.round(x)
    return math.pi * (x - turns), 1.0 - 2.0 * (turns - 2.0 * xp.floor(0.5 * turns))


def _sinc_body(xp: Any, x: Any) -> Any:
    zero = x == 0
    part, sign = _half_turns(xp, x)
    u = math.pi * xp.where(zero, xp.ones_like(x), x)
    return xp.where(zero, xp.ones_like(x), sign * xp.sin(part) / u)


def _sinc_slope(xp: Any, x: Any, out: Any) -> Any:
    """(cos(pi x) - sinc(x)) / x, near zero by its Taylor series, so that every derivative there is exact."""
    near = xp.abs(x) < 0.3
    small = math.pi * xp.where(near, x, xp.zeros_like(x))
    series = math.pi * small * polynomial(_SINC_SLOPE, small * small)
    part, sign = _half_turns(xp, x)
    return xp.where(near, series, (sign * xp.cos(part) - out) / xp.where(near, xp.ones_like(x), x))


def _entr_body(xp: Any, x: Any) -> Any:
    value = -x * xp.log(xp.where(x > 0, x, xp.ones_like(x)))
    value = xp.where(x < 0, xp.full_like(x, -math.inf), xp.where(x == 0, xp.zeros_like(x), value))
    return xp.where(xp.isnan(x), x, value)


def _times_log(logarithm: str) -> Any:
    def body(xp: Any, x1: Any, x2: Any) -> Any:
        like = x1 if hasattr(x1, "dtype") else x2
        x1, x2 = as_array(xp, x1, like), as_array(xp, x2, like)
        nothing = xp.logical_and(x1 == 0, xp.logical_not(xp.isnan(x2)))
        log = getattr(xp, logarithm)
        return xp.where(nothing, xp.zeros((), dtype=like.dtype), x1 * log(xp.where(nothing, xp.ones_like(x2), x2)))

    return body


def _log_slope(logarithm: str, pole: float) -> Any:
    def slope(xp: Any, x1: Any, x2: Any) -> Any:
        like = x1 if hasattr(x1, "dtype") else x2
        x1, x2 = as_array(xp, x1, like), as_array(xp, x2, like)
        nothing = xp.logical_and(x1 == 0, x2 <= pole)
        log = getattr(xp, logarithm)
        return xp.where(nothing, xp.zeros((), dtype=like.dtype), log(xp.where(nothing, xp.ones_like(x2), x2)))

    return slope


lgamma = elementwise(
    "lgamma", "x, /", "Return the logarithm of the absolute value of the gamma function.", body=_lgamma_body,
    d=lambda xp, x: xp.digamma(x), samples="(0.1, 12)", **FLOAT,
)  # fmt: skip
digamma = elementwise(
    "digamma", "x, /", "Return the logarithmic derivative of the gamma function.", body=_digamma_body,
    d=lambda xp, x: xp.polygamma(x, n=1), samples="(0.3, 12)", tolerance=4.0, **FLOAT,
)  # fmt: skip
polygamma = general(
    "polygamma", "x, /, *, n", "Return the n-th derivative of the digamma function.", body=_polygamma_body,
    vjp=lambda xp, g, x, n: g * xp.polygamma(x, n=n + 1), jvp=lambda xp, t, x, n: t * xp.polygamma(x, n=n + 1),
    prepare=_prepare_polygamma, batch="elementwise", tolerance=4.0, **FLOAT,
)  # fmt: skip
erfinv = elementwise(
    "erfinv", "x, /", "Return the inverse of the error function.", body=_erfinv_body,
    d=lambda xp, out: (0.5 * math.sqrt(math.pi)) * xp.exp(out * out), samples="(-0.9, 0.9)", **FLOAT,
)  # fmt: skip
i0 = elementwise(
    "i0", "x, /", "Return the modified Bessel function of the first kind, of order 0.",
    body=_i0_body, d=lambda xp, x: xp.i1(x), **FLOAT,
)  # fmt: skip
i1 = elementwise(
    "i1", "x, /", "Return the modified Bessel function of the first kind, of order 1.", body=_i1_body, d=_i1_slope, **FLOAT,
)  # fmt: skip
sinc = elementwise(
    "sinc", "x, /", "Return ``sin(pi x) / (pi x)``, 1 at zero.", body=_sinc_body, d=_sinc_slope, **FLOAT,
)  # fmt: skip
entr = elementwise(
    "entr", "x, /", "Return ``-x log(x)``: 0 at zero, minus infinity below.", body=_entr_body,
    d=lambda xp, x: -xp.log(x) - 1.0, samples="positive", **FLOAT,
)  # fmt: skip
xlogy = elementwise(
    "xlogy", "x1, x2, /", "Return ``x1 * log(x2)``, 0 where ``x1`` is 0.", body=_times_log("log"),
    d=(_log_slope("log", 0.0), lambda x1, x2: x1 / x2), samples="real, positive", **FLOAT,
)  # fmt: skip
xlog1py = elementwise(
    "xlog1py", "x1, x2, /", "Return ``x1 * log(1 + x2)``, 0 where ``x1`` is 0.", body=_times_log("log1p"),
    d=(_log_slope("log1p", -1.0), lambda x1, x2: x1 / (1 + x2)), samples="real, (-0.7, 3)", **FLOAT,
)  # fmt: skip
