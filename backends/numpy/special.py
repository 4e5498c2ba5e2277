"""Special functions on NumPy arrays, in blocks that stay in cache; single precision is computed in double.

The inverse error function is two polynomials; the others run their rows' bodies, a branch where it is needed only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly

from ...core.primitives import special
from .blockwise import FLOAT32, FLOAT64, blockwise, constants, horner

# erfinv(x) / x in w = -log(1 - x**2): Chebyshev coefficients in w / 3.125 - 1 on [0, 6.25], from 40 digits.
_ERFINV_NEAR = (
    1.6304220989459326, 0.7315674456742257, -0.021235032142504585, -0.0065808875424494635,
    0.0019488711426908524, -0.00014158343386374536, -4.9292864636180004e-05, 1.4752887929042498e-05,
    -6.111918603258194e-07, -5.106997335480761e-07, 1.159027723297735e-07, 1.4907998843194937e-09,
    -5.244776785530681e-09, 8.51790549109762e-10, 7.917020592973908e-11, -5.0994281737154326e-11,
    5.436227530231317e-12, 1.292282189751795e-12, -4.656064719044143e-13, 2.4256976317675218e-14,
    1.6403697972051414e-14, -3.94956069090147e-15, -3.9036001761416307e-17, 1.83129083527959e-16,
)  # fmt: skip
# And in sqrt(w) from 2.5 to 6.25, moved to [-1, 1].
_ERFINV_FAR = (
    4.220655033683528, 1.8900835884232285, 0.0027182744131301357, -0.0016287518508837262, 0.0006290939778884931,
    -0.00024276189806299143, 9.81564849607247e-05, -3.889406708564888e-05, 1.3770605213688246e-05,
    -3.8862816534993266e-06, 6.411943268244611e-07, 1.0464659053996748e-07, -1.3449662433141715e-07,
    5.916405363297392e-08, -1.4985247175259548e-08, 8.911359823091382e-10, 1.165796365279354e-09,
    -6.298120788451846e-10, 1.676191502208654e-10, -1.3545085700757728e-11, -9.427817496506566e-12,
    5.085658566118794e-12, -1.289654018573292e-12, 1.1681711140978236e-13, 4.957374993205384e-14,
    -2.7696667569364876e-14, 7.697966731729487e-15, -1.3637804068399863e-15,
)  # fmt: skip


def _powers(coefficients: tuple[float, ...], accuracy: float) -> tuple[np.ndarray, ...]:
    """A Chebyshev sum as a polynomial, without the terms below an accuracy."""
    kept = [c for c in coefficients if abs(c) > accuracy]
    return constants(FLOAT64, *map(float, cheb2poly(kept)))


_NEAR = {FLOAT64: _powers(_ERFINV_NEAR, 0.0), FLOAT32: _powers(_ERFINV_NEAR, 1e-10)}
_FAR = {FLOAT64: _powers(_ERFINV_FAR, 0.0), FLOAT32: _powers(_ERFINV_FAR, 1e-10)}
_STEP = 1 << 13


def _erfinv_block(given: np.ndarray, out: np.ndarray) -> None:
    near, far = _NEAR[given.dtype], _FAR[given.dtype]
    for start in range(0, given.size, _STEP):
        x = given[start : start + _STEP].astype(np.float64)
        w = 1.0 + x
        w *= 1.0 - x
        np.log(w, out=w)
        t, value = w * (-1.0 / 3.125), np.empty_like(x)
        t -= 1.0
        # Beyond its interval the polynomial is replaced below.
        np.minimum(t, 1.0, out=t)
        horner(near, t, value)
        tail = np.flatnonzero(w < -6.25)
        if tail.size:
            s = (np.sqrt(-w[tail]) - 4.375) / 1.875
            found = np.empty_like(s)
            horner(far, s, found)
            value[tail] = np.where(np.isinf(s), np.inf, found)
        value *= x
        out[start : start + _STEP] = value


def erfinv(x: np.ndarray, /) -> Any:
    """The inverse error function, within a few ulp."""
    if x.dtype not in (FLOAT32, FLOAT64):
        return NotImplemented
    return blockwise(_erfinv_block, (x,), 1)[0]


def _by_body(body: Callable[..., Any]) -> Callable[[np.ndarray], Any]:
    def block(given: np.ndarray, out: np.ndarray) -> None:
        for start in range(0, given.size, _STEP):
            part = slice(start, start + _STEP)
            out[part] = body(given[part].astype(np.float64))

    def kernel(x: np.ndarray, /) -> Any:
        return blockwise(block, (x,), 1)[0] if x.dtype in (FLOAT32, FLOAT64) else NotImplemented

    return kernel


def _bessel(near: tuple[float, ...], far: tuple[float, ...], odd: bool) -> Callable[[np.ndarray], np.ndarray]:
    def body(x: np.ndarray) -> np.ndarray:
        a = np.abs(x)
        value = special.chebyshev(near, 0.25 * np.minimum(a, 8.0) - 1.0)
        if odd:
            value *= a
        away = np.flatnonzero(a > 8.0)
        if away.size:
            big = a[away]
            value[away] = special.chebyshev(far, 16.0 / big - 1.0) / np.sqrt(big)
        value *= np.exp(a)
        value[np.isinf(a)] = math.inf
        return np.copysign(value, x) if odd else value

    return body


def _lgamma(x: np.ndarray) -> np.ndarray:
    negative = np.flatnonzero(x < 0)
    y = x.copy()
    y[negative] = 1.0 - x[negative]
    close = y < 2.5
    if close.all():
        value = special.lgamma_near(np, y)
    else:
        value = np.empty_like(y)
        value[close] = special.lgamma_near(np, y[close])
        value[~close] = special.lgamma_far(np, y[~close])
    if negative.size:
        left = x[negative]
        sine = np.abs(np.sin(math.pi * (left - np.round(left))))
        value[negative] = math.log(math.pi) - np.log(sine) - value[negative]
    value[np.isinf(x)] = math.inf
    return value


def _digamma(x: np.ndarray) -> np.ndarray:
    if (x > 0).all():
        return np.asarray(special.digamma_positive(np, x))
    return np.asarray(special.digamma.body(np, x))  # type: ignore[misc]


KERNELS = {
    "erfinv": erfinv,
    "digamma": _by_body(_digamma),
    "i0": _by_body(_bessel(special._I0_NEAR, special._I0_FAR, odd=False)),
    "i1": _by_body(_bessel(special._I1_NEAR, special._I1_FAR, odd=True)),
    "lgamma": _by_body(_lgamma),
}
