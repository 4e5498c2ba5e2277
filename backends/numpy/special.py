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

# erfinv(x) / x in w / 1.25 - 1 on [0, 2.5], relative error 3e-17.
_ERFINV_NEAREST = (
    1.1895615771387744, 0.3118995416568841, 0.003924508156289777, -0.004401911358262872, 0.0003505631903829386,
    9.508025213982209e-05, -1.924593217448683e-05, -1.4905890581583148e-06, 7.603747501707908e-07,
    -9.266659621840492e-09, -2.5343023724900247e-08, 2.260944792361691e-09, 7.113736230199849e-10,
    -1.3199349253970697e-10, -1.4597700953729482e-11, 5.022403741768256e-12,
)  # fmt: skip
# erfinv(x) / x in w = -log(1 - x**2) on [0, 4], relative error 6e-9.
_ERFINV32_NEAR = (
    0.8862269268359133, 0.23201359214673872, 0.011550008079423626, -0.0023374391236817018, -0.00012382638264052707,
    4.2181284685323006e-05, 4.894262767385377e-06, -2.1788058417700746e-06, 2.4519758772883456e-07,
    -9.99032580452843e-09,
)  # fmt: skip
# And in sqrt(w) from 2 to 4.1, moved to [-1, 1], relative error 4e-9.
_ERFINV32_FAR = (
    2.8830832440279472, 1.0526935047443788, 0.00923968592673471, -0.007631401279444761, 0.005885816569508165,
    -0.003983906150297596, 0.0019378271967182847, -0.00035312096260175195, -0.000376577705312872,
    0.00029786738760509044, -8.008571043743054e-06, -4.005800612808133e-05,
)  # fmt: skip
# lgamma(2 + w) / w on [-1/2, 1/2], by Chebyshev interpolation in 40 digits: relative error 3e-17.
_LGAMMA64 = (
    0.42278433509846713, 0.32246703342411326, -0.0673523010531956, 0.020580808427780335, -0.007385551028937974,
    0.002890510331036772, -0.0011927539009204018, 0.0005096695153484373, -0.00022315497868931946,
    9.945767440096764e-05, -4.492371708374659e-05, 2.0505584372896933e-05, -9.456338120610123e-06,
    4.3847319318293745e-06, -1.9741884532905586e-06, 9.199898075671394e-07, -5.812501250599261e-07,
    2.7880013392491846e-07,
)  # fmt: skip
# On [-1/2, 1], relative error 1e-9.
_LGAMMA32 = (
    0.42278433523975, 0.32246702871865834, -0.06735231593955993, 0.020581008008922853, -0.007385412010954917,
    0.002888134695372893, -0.0011916671533524106, 0.0005197659399336035, -0.0002360300057282068,
    9.078143897567261e-05, -1.844864648392923e-05,
)  # fmt: skip


def _powers(coefficients: tuple[float, ...], accuracy: float) -> tuple[np.ndarray, ...]:
    """A Chebyshev sum as a polynomial, without the terms below an accuracy."""
    kept = [c for c in coefficients if abs(c) > accuracy]
    return constants(FLOAT64, *map(float, cheb2poly(kept)))


_NEAR, _FAR = _powers(_ERFINV_NEAR, 0.0), _powers(_ERFINV_FAR, 0.0)
_STEP = 1 << 15
# The least float32 value of (1 - x) (1 + x) that the near polynomial serves.
_NEAR32 = np.float32(math.exp(-4.0))


def _erfinv_block_float32(given: np.ndarray, out: np.ndarray) -> None:
    """In single precision near zero; the few arguments near one in double."""
    one = constants(FLOAT32, 1.0)[0]
    near = constants(FLOAT32, *_ERFINV32_NEAR)
    for start in range(0, given.size, _STEP):
        x, value = given[start : start + _STEP], out[start : start + _STEP]
        w, t = np.add(x, one), np.subtract(one, x)
        w *= t
        tail = np.flatnonzero(w < _NEAR32)
        np.log(w, out=t)
        np.negative(t, out=t)
        horner(near, t, value)
        value *= x
        if tail.size:
            y = x[tail].astype(np.float64)
            root = np.sqrt(-np.log((1.0 - y) * (1.0 + y)))
            found = np.empty_like(y)
            horner(constants(FLOAT64, *_ERFINV32_FAR), (root - 3.05) / 1.05, found)
            value[tail] = np.where(np.isinf(root), np.inf, found) * y


def _erfinv_block(given: np.ndarray, out: np.ndarray) -> None:
    """A polynomial for all, replaced by a longer one, and by one of the logarithm's root, for the few near one."""
    nearest = constants(FLOAT64, *_ERFINV_NEAREST)
    for start in range(0, given.size, _STEP):
        x, value = given[start : start + _STEP], out[start : start + _STEP]
        w = 1.0 + x
        t = 1.0 - x
        w *= t
        np.log(w, out=w)
        np.multiply(w, -1.0 / 1.25, out=t)
        t -= 1.0
        horner(nearest, t, value)
        middle = np.flatnonzero(w < -2.5)
        if middle.size:
            part = w[middle]
            found = np.empty_like(part)
            horner(_NEAR, np.minimum(part * (-1.0 / 3.125) - 1.0, 1.0), found)
            tail = np.flatnonzero(part < -6.25)
            if tail.size:
                s = (np.sqrt(-part[tail]) - 4.375) / 1.875
                last = np.empty_like(s)
                horner(_FAR, s, last)
                found[tail] = np.where(np.isinf(s), np.inf, last)
            value[middle] = found
        value *= x


def erfinv(x: np.ndarray, /) -> Any:
    """The inverse error function, within a few ulp."""
    if x.dtype == FLOAT32:
        return blockwise(_erfinv_block_float32, (x,), 1)[0]
    return blockwise(_erfinv_block, (x,), 1)[0] if x.dtype == FLOAT64 else NotImplemented


def _by_body(body: Callable[..., Any]) -> Callable[[np.ndarray], Any]:
    def block(given: np.ndarray, out: np.ndarray) -> None:
        for start in range(0, given.size, _STEP):
            part = slice(start, start + _STEP)
            out[part] = body(given[part].astype(np.float64))

    def kernel(x: np.ndarray, /) -> Any:
        return blockwise(block, (x,), 1)[0] if x.dtype in (FLOAT32, FLOAT64) else NotImplemented

    return kernel


_STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(special._BERNOULLI[:8], 1))
_HALF_LOG = 0.5 * math.log(2.0 * math.pi) - 0.5


def _stirling(y: np.ndarray, terms: int) -> np.ndarray:
    """log(gamma(y)) by Stirling's series; (y - 1/2) (log y - 1) keeps its size where y log y would overflow."""
    inverse = 1.0 / y
    tail = np.empty_like(y)
    horner(constants(FLOAT64, *_STIRLING[:terms]), inverse * inverse, tail)
    tail *= inverse
    value = np.log(y, out=inverse)
    value -= 1.0
    value *= y - 0.5
    value += tail
    value += _HALF_LOG
    return value


def _near_two(y: np.ndarray, coefficients: tuple[float, ...], high: float) -> np.ndarray:
    """log(gamma(y)) about 2, and about 0, 1, 3 and 4 by the recurrence."""
    below, first = np.flatnonzero(y < 1.5), np.flatnonzero(y < 0.5)
    w = y - 2.0
    w[below] = y[below] - 1.0
    w[first] = y[first]
    above = np.flatnonzero(y >= high)
    part = y[above]
    product, more = part - 1.0, part >= high + 1.0
    w[above] = product - 2.0 - more
    product[more] *= part[more] - 2.0
    value = np.empty_like(y)
    horner(constants(FLOAT64, *coefficients), w, value)
    value *= w
    value[below] -= np.log1p(w[below])
    value[first] -= np.log(y[first])
    value[above] += np.log(product)
    return value


def _lgamma_block(given: np.ndarray, out: np.ndarray) -> None:
    single = given.dtype == FLOAT32
    low, high, coefficients, terms = (3.0, 3.0, _LGAMMA32, 5) if single else (4.5, 2.5, _LGAMMA64, 8)
    for start in range(0, given.size, _STEP):
        x = given[start : start + _STEP].astype(np.float64)
        negative = np.flatnonzero(x < 0.0)
        y = x
        if negative.size:
            y = x.copy()
            y[negative] = 1.0 - x[negative]
        value = _stirling(np.maximum(y, 1.0), terms)
        near = np.flatnonzero(y < low)
        if near.size:
            value[near] = _near_two(y[near], coefficients, high)
        between = np.flatnonzero((y >= low) & (y < 8.0)) if not single else negative[:0]
        if between.size:
            part = y[between]
            product = part * (part + 1.0)
            product *= (part + 2.0) * (part + 3.0)
            value[between] = _stirling(part + 4.0, terms) - np.log(product)
        if negative.size:
            left = x[negative]
            sine = np.abs(np.sin(math.pi * (left - np.round(left))))
            value[negative] = math.log(math.pi) - np.log(sine) - value[negative]
        value[np.isinf(x)] = math.inf
        out[start : start + _STEP] = value


def lgamma(x: np.ndarray, /) -> Any:
    """The logarithm of gamma's absolute value, within a few ulp."""
    return blockwise(_lgamma_block, (x,), 1)[0] if x.dtype in (FLOAT32, FLOAT64) else NotImplemented


def _digamma(x: np.ndarray) -> np.ndarray:
    if (x > 0).all():
        return np.asarray(special.digamma_positive(np, x))
    return np.asarray(special.digamma.body(np, x))  # type: ignore[misc]


KERNELS = {
    "erfinv": erfinv,
    "digamma": _by_body(_digamma),
    "lgamma": lgamma,
}
