"""One call of each special and elementwise composite, in the form of `composites`."""

from __future__ import annotations

import candelabra as cb
from candelabra.conformance.composites import Case, M, V, case, discrete

_DEGREES = [0, 1, 3, 6]


CASES: dict[str, Case] = {
    "absolute": case(lambda x: cb.absolute(x), M, complex=True, domain="nonzero"),
    "addcdiv": case(lambda x, a, b: cb.addcdiv(x, a, b, value=0.5), M, V, M, complex=True, domain="nonzero"),
    "addcmul": case(lambda x, a, b: cb.addcmul(x, a, b, value=0.5), M, V, M, complex=True),
    "angle": case(lambda x: cb.angle(x), M, complex=True, domain="nonzero"),
    "arccos": case(lambda x: cb.arccos(0.2 * x), M),
    "arccosh": case(lambda x: cb.arccosh(1 + x), M, domain="positive"),
    "arcsin": case(lambda x: cb.arcsin(0.2 * x), M),
    "arcsinh": case(lambda x: cb.arcsinh(x), M),
    "arctan": case(lambda x: cb.arctan(x), M),
    "arctan2": case(lambda x, y: cb.arctan2(x, y), M, V, domain="nonzero"),
    "arctanh": case(lambda x: cb.arctanh(0.2 * x), M),
    "beta": case(lambda x, y: cb.beta(x, y), M, V, domain="positive", tolerance=8),
    "bitwise_not": discrete(lambda x: cb.bitwise_not(x), [[1, -7], [0, 3]]),
    "clamp_max": case(lambda x: cb.clamp_max(x, 0.7), M),
    "clamp_min": case(lambda x, low: cb.clamp_min(x, low), M, V),
    "conj_physical": case(lambda x: cb.conj_physical(x), M, complex=True),
    "deg2rad": case(lambda x: cb.deg2rad(x), M),
    "fix": case(lambda x: cb.fix(x), M),
    "float_power": case(lambda x, y: cb.astype(cb.float_power(x, y), x.dtype), M, V, domain="positive"),
    "fmax": case(lambda x, y: cb.fmax(x, y), M, V),
    "fmin": case(lambda x, y: cb.fmin(x, y), M, V),
    "frac": case(lambda x: cb.frac(x), M),
    "frexp": case(lambda x: cb.frexp(x).mantissa, M, domain="nonzero"),
    "gammainc": case(lambda a, x: cb.gammainc(a, x), M, V, domain="positive", tolerance=100),
    "gammaincc": case(lambda a, x: cb.gammaincc(a, x), M, V, domain="positive", tolerance=100),
    "gammaln": case(lambda x: cb.gammaln(x), M, domain="positive", tolerance=8),
    "heaviside": case(lambda x, v: cb.heaviside(x, v), M, V, domain="nonzero"),
    "isneginf": discrete(lambda x: cb.isneginf(x), M),
    "isposinf": discrete(lambda x: cb.isposinf(x), M),
    "isreal": discrete(lambda x: cb.isreal(x), M, complex=True),
    "lcm": discrete(lambda x, y: cb.lcm(x, y), [[4, -6], [0, 9]], [6, 12]),
    "ldexp": case(lambda x, e: cb.ldexp(x, e), M, V),
    "lerp": case(lambda x, y, w: cb.lerp(x, y, w), M, V, M),
    "logaddexp2": case(lambda x, y: cb.logaddexp2(x, y), M, V),
    "modified_bessel_i0": case(lambda x: cb.modified_bessel_i0(x), M),
    "modified_bessel_i1": case(lambda x: cb.modified_bessel_i1(x), M),
    "modified_bessel_k0": case(lambda x: cb.modified_bessel_k0(x), M, domain="positive", tolerance=8),
    "modified_bessel_k1": case(lambda x: cb.modified_bessel_k1(x), M, domain="positive", tolerance=40),
    "multigammaln": case(lambda x: cb.multigammaln(x + 2, 3), M, domain="positive", tolerance=8),
    "mvlgamma": case(lambda x: cb.mvlgamma(x + 1, 2), M, domain="positive", tolerance=8),
    "nan_to_num": case(lambda x: cb.nan_to_num(x, 1.0, 2.0), M, complex=True),
    "polar": case(lambda x, y: cb.polar(x, y), M, V),
    "psi": case(lambda x: cb.psi(x), M, domain="positive", tolerance=40),
    "rad2deg": case(lambda x: cb.rad2deg(x), M),
    "round": case(lambda x: cb.round(x, decimals=1), M),
    "rsub": case(lambda x, y: cb.rsub(x, y, alpha=0.5), M, V, complex=True),
    "sgn": case(lambda x: cb.sgn(x), M, complex=True, domain="nonzero"),
    "spherical_bessel_j0": case(lambda x: cb.spherical_bessel_j0(x), M),
    "view_as_complex": case(lambda x: cb.view_as_complex(x), (3, 2)),
    "view_as_real": case(lambda x: cb.view_as_real(x), M, complex=True, real=False),
    "zeta": case(lambda x, q: cb.zeta(x + 1.5, q), M, V, domain="positive", tolerance=100),
    "chebyshev_polynomial_t": case(lambda x, n: cb.chebyshev_polynomial_t(x, n), (3, 4), _DEGREES, tolerance=100),
    "chebyshev_polynomial_u": case(lambda x, n: cb.chebyshev_polynomial_u(x, n), (3, 4), _DEGREES, tolerance=100),
    "chebyshev_polynomial_v": case(lambda x, n: cb.chebyshev_polynomial_v(x, n), (3, 4), _DEGREES, tolerance=100),
    "chebyshev_polynomial_w": case(lambda x, n: cb.chebyshev_polynomial_w(x, n), (3, 4), _DEGREES, tolerance=100),
    "hermite_polynomial_h": case(lambda x, n: cb.hermite_polynomial_h(x, n), (3, 4), _DEGREES, tolerance=100),
    "hermite_polynomial_he": case(lambda x, n: cb.hermite_polynomial_he(x, n), (3, 4), _DEGREES, tolerance=100),
    "laguerre_polynomial_l": case(lambda x, n: cb.laguerre_polynomial_l(x, n), (3, 4), _DEGREES),
    "legendre_polynomial_p": case(lambda x, n: cb.legendre_polynomial_p(x, n), (3, 4), _DEGREES, tolerance=100),
    "shifted_chebyshev_polynomial_t": case(
        lambda x, n: cb.shifted_chebyshev_polynomial_t(0.3 * x, n), (3, 4), _DEGREES, tolerance=100
    ),
    "shifted_chebyshev_polynomial_u": case(
        lambda x, n: cb.shifted_chebyshev_polynomial_u(0.3 * x, n), (3, 4), _DEGREES, tolerance=100
    ),
    "shifted_chebyshev_polynomial_v": case(
        lambda x, n: cb.shifted_chebyshev_polynomial_v(0.3 * x, n), (3, 4), _DEGREES, tolerance=100
    ),
    "shifted_chebyshev_polynomial_w": case(
        lambda x, n: cb.shifted_chebyshev_polynomial_w(0.3 * x, n), (3, 4), _DEGREES, tolerance=100
    ),
}  # fmt: skip
