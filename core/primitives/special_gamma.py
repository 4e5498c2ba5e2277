"""Functions of two arguments around gamma, row by row: beta's logarithm, incomplete gamma functions, Hurwitz's zeta.

Formulas: NIST Digital Library of Mathematical Functions, chapters 5, 8 and 25. The incomplete gamma functions are
integrals of one sign, in the variable that begins at the integrand's largest value, by Gauss's rule; their derivatives
in the first argument are the same integrals with Bell polynomials in the logarithm.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError
from .row import elementwise, general
from .special import _BERNOULLI, _HALF_LOG_2PI, _LGAMMA_AT_2, _LGAMMA_SLOPE, FLOAT, as_array, only_where, polynomial

# b_2k / (2k (2k - 1)): Stirling's series, less exact the nearer to zero.
_STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI[:9], 1))

# How far the exponent of an integrand falls before double precision sees no more of it.
_FALL = 37.5


def both(xp: Any, x1: Any, x2: Any) -> tuple[Any, Any]:
    """Return two operands as arrays of one shape."""
    like = x1 if hasattr(x1, "dtype") else x2
    x1, x2 = as_array(xp, x1, like), as_array(xp, x2, like)
    zero = 0.0 * (xp.zeros_like(x1) + xp.zeros_like(x2))
    return x1 + zero, x2 + zero


def stirling(xp: Any, a: Any) -> Any:
    """What Stirling's formula leaves of log(gamma(a)), from 8 on."""
    inverse = 1.0 / a
    return inverse * polynomial(_STIRLING, inverse * inverse)


def _betaln_body(xp: Any, x1: Any, x2: Any) -> Any:
    x1, x2 = both(xp, x1, x2)
    p, q = xp.minimum(x1, x2), xp.maximum(x1, x2)
    large = xp.logical_and(q >= 8, p > 0)
    p, q = xp.where(large, p, xp.ones_like(p)), xp.where(large, q, xp.full_like(q, 8.0))
    total = p + q
    # log(gamma(q) / gamma(p + q)) without what cancels.
    ratio = (q - 0.5) * xp.log1p(-p / total) + stirling(xp, q) - stirling(xp, total)
    near = xp.where(p < 8, p, xp.ones_like(p))
    far = xp.where(p < 8, xp.full_like(p, 8.0), p)
    small = xp.lgamma(near) + near * (1.0 - xp.log(total))
    both_large = stirling(xp, far) + _HALF_LOG_2PI - 0.5 * xp.log(total) + (far - 0.5) * xp.log(far / total)
    value = xp.where(p < 8, small, both_large) + ratio
    return xp.where(large, value, xp.lgamma(x1) + (xp.lgamma(x2) - xp.lgamma(x1 + x2)))


betaln = elementwise(
    "betaln", "x1, x2, /", "Return the logarithm of the absolute value of the beta function.", body=_betaln_body,
    d=(
        lambda xp, x1, x2: xp.digamma(as_array(xp, x1, x2)) - xp.digamma(x1 + x2),
        lambda xp, x1, x2: xp.digamma(as_array(xp, x2, x1)) - xp.digamma(x1 + x2),
    ), samples="(0.3, 12)", tolerance=4.0, **FLOAT,
)  # fmt: skip


@functools.lru_cache(maxsize=8)
def _nodes(count: int) -> tuple[tuple[float, float], ...]:
    """Gauss's rule on (0, 1) in the square root of the variable: nodes squared, and weights with their factor.

    The zeros of Legendre's polynomial by Newton's steps.
    """
    found = []
    for i in range(count):
        x = math.cos(math.pi * (i + 0.75) / (count + 0.5))
        for _ in range(50):
            before, last = 1.0, x
            for k in range(2, count + 1):
                before, last = last, ((2 * k - 1) * x * last - (k - 1) * before) / k
            slope = count * (x * last - before) / (x * x - 1.0)
            step = last / slope
            x -= step
            if abs(step) < 1e-16:
                break
        u = 0.5 * (x + 1.0)
        found.append((u * u, 2.0 * u / ((1.0 - x * x) * slope * slope)))
    return tuple(found)


def _width(xp: Any, a: Any, x: Any, upper: Any, fall: float) -> Any:
    """Where the integrand has fallen so far in its exponent, or a little further."""
    b = 2.0 * (a - x) - fall
    root = xp.sqrt(b * b + 8.0 * fall * a)
    low = xp.where(b > 0, 4.0 * fall / (root + xp.abs(b)), (root + xp.abs(b)) / (2.0 * a))
    c = xp.abs(x - a)
    safe = xp.where(upper, x, xp.ones_like(x))
    step = 2.0 * fall / (c + xp.sqrt(c * c + 2.0 * fall * safe))
    bound = xp.log1p(fall / safe) + 1.0
    for _ in range(3):
        bound = xp.log1p(fall / safe + bound)
    return xp.where(upper, xp.minimum(step, bound), low)


def _front(xp: Any, a: Any, x: Any) -> Any:
    """x**a exp(-x) / gamma(a + 1), by Stirling's formula where its parts would be large."""

    def plain(a: Any, x: Any) -> Any:
        return a * xp.log(x) - x - xp.lgamma(a + 1.0)

    far = xp.where(a < 8, xp.full_like(a, 8.0), a)
    off = (x - far) / far
    big = far * (xp.log1p(off) - off) - stirling(xp, far) - _HALF_LOG_2PI - 0.5 * xp.log(far)
    return xp.exp(only_where(xp, a < 8, plain, big, a, x))


def _regions(xp: Any, a: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """Where both arguments are positive and finite, with ones elsewhere; and where the upper integral serves."""
    valid = xp.logical_and(xp.logical_and(a > 0, x > 0), xp.logical_and(xp.isfinite(a), xp.isfinite(x)))
    a, x = xp.where(valid, a, xp.ones_like(a)), xp.where(valid, x, xp.ones_like(x))
    return valid, a, x, xp.logical_and(x > a, x > 1)


def _integral(xp: Any, a: Any, x: Any, upper: Any) -> Any:
    """The integral of exp(a v - x (e**v - 1)), or below of exp(-(a + 1) v + x (1 - e**-v)), from 0 on."""
    a = xp.where(upper, a, a + 1.0)
    # As many nodes as the results need, and no further than they can see.
    count, fall = (18, 18.0) if getattr(xp, "single", False) else (36, _FALL)
    width = _width(xp, a, x, upper, fall)
    sign = xp.where(upper, xp.ones_like(a), -xp.ones_like(a))
    slope, reach = sign * a * width, sign * width
    nodes = _nodes(count)
    own = getattr(xp, "exponential_sum", None)
    if own is not None:
        return width * own(nodes, slope, reach, x)
    total = xp.zeros_like(a)
    for node, weight in nodes:
        total = total + weight * xp.exp(node * slope - x * xp.expm1(node * reach))
    return width * total


def _small(xp: Any, a: Any, x: Any) -> Any:
    """The upper function of arguments up to one (DLMF 8.7.1), where 1 less the lower one would cancel."""
    # lgamma(a + 1) by its series where the sum would lose a's digits.
    near = xp.where(a < 0.5, a, xp.zeros_like(a))
    series = near * (_LGAMMA_SLOPE + near * polynomial(_LGAMMA_AT_2, near)) - xp.log1p(near)
    power = a * xp.log(x) - xp.where(a < 0.5, series, xp.lgamma(a + 1.0))
    term, total = xp.ones_like(x), xp.zeros_like(x)
    for n in range(1, 20):
        term = term * (-x / n)
        total = total + term / (a + n)
    return -xp.expm1(power) - a * xp.exp(power) * total


def incomplete(xp: Any, a: Any, x: Any, upper: bool) -> Any:
    """The regularized incomplete gamma functions, of arrays of one shape."""
    valid, s, y, above = _regions(xp, a, x)
    front = _front(xp, s, y)
    found = _integral(xp, s, y, above)
    found = xp.where(above, front * s * found, front * (1.0 + y * found))
    value = xp.where(above, found, 1.0 - found) if upper else xp.where(above, 1.0 - found, found)
    if upper:
        little = xp.logical_and(s < 1, xp.logical_not(above))
        value = only_where(xp, little, lambda a, x: _small(xp, a, x), value, s, y)
    return only_where(xp, xp.logical_not(valid), lambda a, x: _edges(xp, a, x, upper), value, a, x)


def _edges(xp: Any, a: Any, x: Any, upper: bool) -> Any:
    """On the edges of the quadrant all of the integral, or nothing; NaN outside."""
    nothing = xp.logical_and(x == 0, a > 0) | (xp.logical_and(xp.isinf(a), xp.isfinite(x)) & (a > 0) & (x >= 0))
    everything = xp.logical_and(a == 0, x > 0) | (xp.isinf(x) & (x > 0) & xp.isfinite(a) & (a >= 0))
    low, high = (1.0, 0.0) if upper else (0.0, 1.0)
    otherwise = xp.where(everything, xp.full_like(x, high), xp.full_like(x, math.nan))
    return xp.where(nothing, xp.full_like(x, low), otherwise)


def _density(xp: Any, a: Any, x: Any) -> Any:
    """The gamma density x**(a - 1) exp(-x) / gamma(a), for the rules."""
    return xp.exp(xp.xlogy(a - 1.0, x) - x - xp.lgamma(a))


def _front_rule(sign: int) -> Any:
    def rule(xp: Any, x1: Any, x2: Any) -> Any:
        a, x = both(xp, x1, x2)
        return sign * _density(xp, a, x)

    return rule


def _shape_rule(sign: int) -> Any:
    def rule(xp: Any, x1: Any, x2: Any) -> Any:
        a, x = both(xp, x1, x2)
        return sign * xp.gammainc_slope(a, x, order=1)

    return rule


igamma = elementwise(
    "igamma", "x1, x2, /", "Return the regularized lower incomplete gamma function P(x1, x2).",
    body=lambda xp, x1, x2: incomplete(xp, *both(xp, x1, x2), upper=False), d=(_shape_rule(1), _front_rule(1)),
    samples="(0.3, 8)", tolerance=4.0, **FLOAT,
)  # fmt: skip
igammac = elementwise(
    "igammac", "x1, x2, /", "Return the regularized upper incomplete gamma function, Q(x1, x2) = 1 - P(x1, x2).",
    body=lambda xp, x1, x2: incomplete(xp, *both(xp, x1, x2), upper=True), d=(_shape_rule(-1), _front_rule(-1)),
    samples="(0.3, 8)", tolerance=4.0, **FLOAT,
)  # fmt: skip


def _bell(xp: Any, a: Any, logarithm: Any, n: int) -> list[Any]:
    """What the first n derivatives in a of x**a / gamma(a) are multiples of x**a / gamma(a) by: Bell's polynomials."""
    cumulants = [logarithm - xp.digamma(a)] + [-xp.polygamma(a, n=k) for k in range(1, n)]
    found = [xp.ones_like(logarithm)]
    for m in range(n):
        total = 0.0
        for k in range(m + 1):
            total = total + math.comb(m, k) * found[m - k] * cumulants[k]
        found.append(total)
    return found


def _slope_body(xp: Any, a: Any, x: Any, *, order: int) -> Any:
    """The n-th derivative of P(a, x) in a: below the same integral of one a more, and the term between them."""
    n = order
    a, x = both(xp, a, x)
    valid, s, y, above = _regions(xp, a, x)
    shape = xp.where(above, s, s + 1.0)
    width = _width(xp, shape, y, above, _FALL)
    sign = xp.where(above, xp.ones_like(s), -xp.ones_like(s))
    slope, reach = sign * shape * width, sign * width
    log = xp.log(y)
    cumulants = [xp.digamma(shape)] + [xp.polygamma(shape, n=k) for k in range(1, n)]
    total = xp.zeros_like(s)
    for node, weight in _nodes(40):
        step = node * reach
        found = [xp.ones_like(s)]
        for m in range(n):
            value = (log + step - cumulants[0]) * found[m]
            for k in range(1, m + 1):
                value = value - math.comb(m, k) * found[m - k] * cumulants[k]
            found.append(value)
        total = total + weight * found[n] * xp.exp(node * slope - y * xp.expm1(step))
    front = _front(xp, s, y)
    # x**a exp(-x) / gamma(a) above; of a + 1 below.
    total = width * total * front * xp.where(above, -s, y)
    between = front * _bell(xp, s + 1.0, log, n)[n]
    value = xp.where(above, total, total + between)
    return xp.where(
        valid, value, xp.where(xp.isnan(a + x) | (a < 0) | (x < 0), xp.full_like(a, math.nan), xp.zeros_like(a))
    )


def _slope_in_x(xp: Any, a: Any, x: Any, order: int) -> Any:
    return _density(xp, a, x) * _bell(xp, a, xp.log(x), order)[order]


def _prepare_slope(device: Any, a: Any, x: Any, order: Any) -> tuple[int]:
    return (_checked("gammainc_slope", order, 1, 20),)


def _checked(operation: str, order: Any, low: int, high: int) -> int:
    if isinstance(order, bool) or not isinstance(order, int):
        raise ArgumentTypeError(f"{operation}: the order of the derivative is an int, not {order!r}")
    if not low <= order <= high:
        raise ArgumentError(f"{operation}: the order of the derivative lies between {low} and {high}, got {order}")
    return order


gammainc_slope = general(
    "gammainc_slope", "a, x, /, *, order=1", "Return a derivative of P(a, x) in ``a``.", body=_slope_body,
    vjp=(
        lambda xp, g, a, x, order: g * xp.gammainc_slope(a, x, order=order + 1),
        lambda xp, g, a, x, order: g * _slope_in_x(xp, a, x, order),
    ),
    prepare=_prepare_slope, batch="elementwise", tolerance=40.0, **FLOAT,
)  # fmt: skip


def _times(left: list[Any], right: list[Any]) -> list[Any]:
    """The product of two polynomials, as long as the first."""
    return [sum((left[i] * right[k - i] for i in range(1, k + 1)), left[0] * right[k]) for k in range(len(left))]


def _positive_zeta(xp: Any, s: Any, q: Any, n: int) -> Any:
    """The n-th derivative in s of Hurwitz's zeta function for q > 0 by Euler and Maclaurin (DLMF 25.11.9).

    Twelve terms of the sum, and the tail as a polynomial in what is added to s.
    """
    total = xp.zeros_like(q)
    for i in range(11, -1, -1):
        power = (q + i) ** (-s)
        total = total + (power * (-xp.log(q + i)) ** n if n else power)
    a = q + 12.0
    zero = xp.zeros_like(a)
    moving = [s, xp.ones_like(a), *[zero] * n][: n + 1]
    pole = [a / (s - 1.0)]
    for _ in range(n):
        pole.append(-pole[-1] / (s - 1.0))
    tail = [part + 0.5 if k == 0 else part for k, part in enumerate(pole)]
    factor = [part / a for part in moving]
    for k, b in enumerate(_BERNOULLI, 1):
        tail = [t + (b / math.factorial(2 * k)) * f for t, f in zip(tail, factor, strict=True)]
        for more in (2 * k - 1, 2 * k):
            factor = _times(factor, [(moving[0] + more) / a, *[part / a for part in moving[1:]]])
    log = -xp.log(a)
    growth = [a ** (-s)]
    for k in range(1, n + 1):
        growth.append(growth[-1] * log / k)
    return total + math.factorial(n) * _times(growth, tail)[n]


def _zeta_body(xp: Any, x: Any, q: Any, *, order: int) -> Any:
    n = order
    x, q = both(xp, x, q)
    below = xp.logical_and(q < 0, x == xp.round(x))
    valid = xp.logical_and(x > 1, xp.logical_or(q > 0, below)) & xp.isfinite(x) & xp.isfinite(q)
    s = xp.where(valid, x, xp.full_like(x, 2.0))
    y = xp.where(valid, q, xp.ones_like(q))
    left = y < 0
    # Left of zero: the terms below it, mirrored, and the rest.
    part = y - xp.floor(y)
    start = xp.where(left, xp.where(part == 0, xp.ones_like(y), part), y)
    value = _positive_zeta(xp, s, start, n)
    mirror = xp.where(left, 1.0 - start + xp.astype(part == 0, y.dtype), xp.ones_like(y))
    past = xp.where(left, 1.0 - y, xp.ones_like(y))
    sign = 1.0 - 2.0 * (s - 2.0 * xp.floor(0.5 * s))
    value = xp.where(left, value + sign * (_positive_zeta(xp, s, mirror, n) - _positive_zeta(xp, s, past, n)), value)
    pole = xp.logical_or(xp.logical_and(q <= 0, q == xp.floor(q)), x == 1)
    limit = xp.where(
        xp.isinf(x) & (x > 0),
        xp.where(q > 1, xp.zeros_like(q), xp.where(q == 1, xp.ones_like(q), xp.full_like(q, math.inf))),
        xp.zeros_like(q),
    )
    beyond = (xp.isinf(x) & (x > 1) & (q > 0)) | (xp.isinf(q) & (q > 0) & (x > 1))
    outside = xp.where(beyond, limit, xp.full_like(q, math.nan))
    infinite = xp.full_like(q, math.inf) if n % 2 == 0 else xp.full_like(q, -math.inf)
    outside = xp.where(xp.logical_and(pole, x >= 1), infinite, outside)
    outside = xp.where(xp.isnan(x) | xp.isnan(q), xp.full_like(q, math.nan), outside)
    return xp.where(xp.logical_and(valid, xp.logical_not(pole)), value, outside)


def _zeta_in_q(xp: Any, x: Any, q: Any, order: int) -> Any:
    """d/dq of zeta is -x zeta(x + 1, q); and so many derivatives in x of that product."""
    slope = -x * xp.zeta(x + 1.0, q, order=order)
    return slope - order * xp.zeta(x + 1.0, q, order=order - 1) if order else slope


def _prepare_zeta(device: Any, x: Any, q: Any, order: Any) -> tuple[int]:
    return (_checked("zeta", order, 0, 20),)


zeta = general(
    "zeta", "x, q, /, *, order=0",
    "Return Hurwitz's zeta function, the sum of ``(k + q)**-x`` over k from 0 on; or a derivative of it in ``x``.",
    body=_zeta_body,
    vjp=(
        lambda xp, g, x, q, order: g * xp.zeta(x, q, order=order + 1),
        lambda xp, g, x, q, order: g * _zeta_in_q(xp, x, q, order),
    ),
    prepare=_prepare_zeta, batch="elementwise", tolerance=8.0, **FLOAT,
)  # fmt: skip
