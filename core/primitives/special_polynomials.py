"""Orthogonal polynomials in one row: a family, a degree for each element, and how often it is differentiated.

All are three-term recurrences, and so are their derivatives (DLMF 18.9): Gegenbauer's for Chebyshev's and Legendre's,
the generalized Laguerre polynomials, and Hermite's own again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError
from .row import general
from .special import FLOAT

# The most that a loop over degrees does.
MAX_DEGREE = 100_000


def _gegenbauer(parameter: float) -> Callable[[int], tuple[float, float, float]]:
    """p[m + 1] = (a x + b) p[m] - c p[m - 1] of Gegenbauer's polynomials (DLMF 18.9.1)."""
    return lambda m: (2.0 * (m + parameter) / (m + 1), 0.0, (m + 2.0 * parameter - 1.0) / (m + 1))


def _laguerre(parameter: int) -> Callable[[int], tuple[float, float, float]]:
    return lambda m: (-1.0 / (m + 1), (2.0 * m + 1.0 + parameter) / (m + 1), (m + parameter) / (m + 1.0))


def _values(xp: Any, x: Any, n: Any, last: int, step: Any, first: Any = None) -> Any:
    """The polynomials of each element's degree, up to the last; zero below degree zero."""
    before, here = xp.zeros_like(x), xp.ones_like(x)
    found = xp.where(n == 0, here, before)
    for m in range(last):
        a, b, c = step(m)
        after = first(x) if m == 0 and first is not None else (a * x + b) * here - c * before
        before, here = here, after
        found = xp.where(n == m + 1, here, found)
    return found


def _chebyshev_first(order: int) -> Any:
    def value(xp: Any, x: Any, n: Any, last: int) -> Any:
        if order == 0:
            return _values(xp, x, n, last, lambda m: (2.0, 0.0, 1.0), lambda x: x)
        factor = 2.0 ** (order - 1) * math.factorial(order - 1)
        return factor * xp.astype(n, x.dtype) * _values(xp, x, n - order, last - order, _gegenbauer(float(order)))

    return value


def _chebyshev_second(order: int) -> Any:
    def value(xp: Any, x: Any, n: Any, last: int) -> Any:
        factor = 2.0**order * math.factorial(order)
        return factor * _values(xp, x, n - order, last - order, _gegenbauer(order + 1.0))

    return value


def _chebyshev_halves(order: int, sign: float) -> Any:
    """The third and fourth kinds: U[n] less, or and, U[n - 1]; plain, by their own recurrence."""

    def value(xp: Any, x: Any, n: Any, last: int) -> Any:
        if order == 0:
            return _values(xp, x, n, last, lambda m: (2.0, 0.0, 1.0), lambda x: 2.0 * x + sign)
        second = _chebyshev_second(order)
        return second(xp, x, n, last) + sign * second(xp, x, n - 1, last - 1)

    return value


def _legendre(order: int) -> Any:
    def value(xp: Any, x: Any, n: Any, last: int) -> Any:
        factor = float(math.prod(range(1, 2 * order, 2)))
        return factor * _values(xp, x, n - order, last - order, _gegenbauer(order + 0.5))

    return value


def _laguerre_sum(order: int) -> Any:
    def value(xp: Any, x: Any, n: Any, last: int) -> Any:
        return (-1.0) ** order * _values(xp, x, n - order, last - order, _laguerre(order))

    return value


def _hermite(order: int, scale: float) -> Any:
    def value(xp: Any, x: Any, n: Any, last: int) -> Any:
        plain = _values(xp, x, n - order, last - order, lambda m: (scale, 0.0, scale * m))
        degree = xp.astype(n, x.dtype)
        for k in range(order):
            plain = plain * (scale * (degree - k))
        return plain

    return value


FAMILIES: dict[str, Callable[[int], Any]] = {
    "chebyshev_t": _chebyshev_first,
    "chebyshev_u": _chebyshev_second,
    "chebyshev_v": lambda order: _chebyshev_halves(order, -1.0),
    "chebyshev_w": lambda order: _chebyshev_halves(order, 1.0),
    "hermite_h": lambda order: _hermite(order, 2.0),
    "hermite_he": lambda order: _hermite(order, 1.0),
    "laguerre": _laguerre_sum,
    "legendre": _legendre,
}


def _body(xp: Any, x: Any, n: Any, *, family: str, order: int) -> Any:
    last = int(xp.max(n)) if math.prod(n.shape) else 0
    if last > MAX_DEGREE:
        raise ArgumentError(f"{family}: degrees go up to {MAX_DEGREE}, got {last}")
    # The degrees' shape takes part in the result's.
    x = x + xp.astype(xp.zeros_like(n), x.dtype)
    return FAMILIES[family](order)(xp, x, n, max(last, 0))


def _prepare(device: Any, x: Any, n: Any, family: Any, order: Any) -> tuple[str, int]:
    if family not in FAMILIES:
        raise ArgumentError(f"orthogonal_polynomial: the family is one of {', '.join(FAMILIES)}, not {family!r}")
    if isinstance(order, bool) or not isinstance(order, int):
        raise ArgumentTypeError(f"orthogonal_polynomial: the order of the derivative is an int, not {order!r}")
    if order < 0:
        raise ArgumentError(f"orthogonal_polynomial: the order of the derivative is not negative, got {order}")
    return family, order


orthogonal_polynomial = general(
    "orthogonal_polynomial", "x, n, /, *, family='legendre', order=0",
    "Return a polynomial of each element's degree, or its derivative of an order; ``n`` holds integers.", body=_body,
    vjp=(lambda xp, g, x, n, family, order: g * xp.orthogonal_polynomial(x, n, family=family, order=order + 1), None),
    promote=("x",), prepare=_prepare, batch="elementwise", tolerance=8.0, **FLOAT,
)  # fmt: skip
