"""More special functions: accuracy against SciPy's and mpmath's, limits, float32, refusals, devices without kernels."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

RNG = np.random.default_rng(5)
REAL = np.concatenate([RNG.uniform(-25, 25, 200), 1e-6 * RNG.normal(size=20), RNG.uniform(-4, 4, 100)])
POSITIVE = np.concatenate([np.exp(RNG.uniform(-20, 6, 200)), RNG.uniform(0, 12, 200)])
SHAPES = np.exp(RNG.uniform(-6, 7, 400))
BESIDE = SHAPES * np.exp(2 * RNG.normal(size=400) / np.sqrt(1 + SHAPES))
SHARE = np.concatenate(
    [np.exp(RNG.uniform(-600, -1, 100)), RNG.uniform(0, 1, 200), 1 - np.exp(RNG.uniform(-34, -1, 50))]
)

# By SciPy's names: what it is called on, and how far apart the two may be in relation to the value, and absolutely.
SCIPY = {
    "airy_ai": ("airy", REAL, 4e-13, 1e-14), "bessel_j0": ("j0", 3 * REAL, 1e-13, 2e-15),
    "bessel_j1": ("j1", 3 * REAL, 1e-13, 2e-15), "bessel_y0": ("y0", POSITIVE, 1e-13, 4e-15),
    "bessel_y1": ("y1", POSITIVE, 1e-13, 4e-15), "erfcx": ("erfcx", REAL, 2e-13, 0.0), "i0e": ("i0e", REAL, 2e-15, 0.0),
    "i1e": ("i1e", REAL, 4e-15, 0.0), "log_ndtr": ("log_ndtr", REAL, 3e-13, 0.0),
    "modified_bessel_k0": ("k0", POSITIVE, 1e-13, 0.0), "modified_bessel_k1": ("k1", POSITIVE, 1e-13, 0.0),
    "ndtr": ("ndtr", REAL, 2e-13, 0.0), "ndtri": ("ndtri", SHARE, 4e-15, 4e-15),
    "scaled_modified_bessel_k0": ("k0e", POSITIVE, 4e-15, 0.0), "scaled_modified_bessel_k1": ("k1e", POSITIVE, 4e-15,
    0.0),
    "spherical_bessel_j0": ("spherical_jn", REAL, 1e-14, 1e-16),
}  # fmt: skip


def theirs(scipy: ModuleType, name: str, x: np.ndarray) -> Any:
    if name == "spherical_jn":
        return scipy.special.spherical_jn(0, x)
    found = getattr(scipy.special, name)(x)
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize("name", SCIPY)
def test_against_scipy(scipy: ModuleType, name: str) -> None:
    import scipy.special

    other, x, relative, absolute = SCIPY[name]
    ours = getattr(cb, name)(cb.tensor(x)).numpy()
    np.testing.assert_allclose(ours, theirs(scipy, other, x), rtol=relative, atol=absolute)
    # Single precision is computed in double, and rounded.
    narrow = x.astype(np.float32)
    ours = getattr(cb, name)(cb.tensor(narrow))
    assert ours.dtype is cb.float32
    with np.errstate(over="ignore"):
        wanted = np.asarray(theirs(scipy, other, narrow.astype(np.float64))).astype(np.float32)
    np.testing.assert_allclose(ours.numpy(), wanted, rtol=3e-7, atol=1e-13)


def test_lgamma_and_erfinv_in_single_precision(scipy: ModuleType) -> None:
    import scipy.special as special

    for x in (POSITIVE, -RNG.uniform(0, 20, 300), 1 + 1e-3 * RNG.normal(size=50), 2 + 1e-3 * RNG.normal(size=50)):
        narrow = x.astype(np.float32)
        wanted = special.gammaln(narrow.astype(np.float64))
        np.testing.assert_allclose(cb.lgamma(cb.tensor(narrow)).numpy(), wanted, rtol=1.3e-7, atol=1e-30)
    share = np.concatenate([RNG.uniform(-1, 1, 2000), 1 - np.exp(RNG.uniform(-15, 0, 500))]).astype(np.float32)
    share = share[np.abs(share) < 1]
    wanted = special.erfinv(share.astype(np.float64))
    np.testing.assert_allclose(cb.erfinv(cb.tensor(share)).numpy(), wanted, rtol=2.5e-7)
    assert cb.erfinv(cb.tensor([1.0, -1.0])).tolist() == [math.inf, -math.inf]
    assert bool(cb.isnan(cb.erfinv(cb.tensor([1.5, -2.0, cb.nan]))).all())


def test_incomplete_gamma_functions(scipy: ModuleType) -> None:
    """The relative condition of either is up to abs(a - x), and a digit or two are the algorithm's."""
    import scipy.special as special

    a, x = cb.tensor(SHAPES), cb.tensor(BESIDE)
    for ours, other in ((cb.igamma, special.gammainc), (cb.igammac, special.gammaincc)):
        wanted = other(SHAPES, BESIDE)
        kept = wanted > 1e-290
        gap = np.abs(ours(a, x).numpy() - wanted)[kept] / wanted[kept]
        allowed = 4e-15 * (1 + np.abs(SHAPES - BESIDE)[kept] + np.sqrt(SHAPES[kept]))
        assert (gap <= 5 * allowed).all(), (gap / allowed).max()
        small = ours(cb.tensor(SHAPES.astype(np.float32)), cb.tensor(BESIDE.astype(np.float32))).numpy()
        wanted = other(SHAPES.astype(np.float32).astype(np.float64), BESIDE.astype(np.float32).astype(np.float64))
        np.testing.assert_allclose(small, wanted.astype(np.float32), rtol=3e-7, atol=1e-37)
    both = cb.igamma(a, x) + cb.igammac(a, x)
    np.testing.assert_allclose(both.numpy(), 1.0, rtol=4e-16 * 10)
    tiny = cb.tensor([1e-10, 1e-3, 1e-10], dtype="float64")
    at = cb.tensor([0.3, 1e-5, 3.0], dtype="float64")
    np.testing.assert_allclose(cb.igammac(tiny, at).numpy(), special.gammaincc(tiny.numpy(), at.numpy()), rtol=1e-13)


def test_derivatives_of_the_incomplete_gamma_function_far_out() -> None:
    """Against mpmath's, in the shape as well."""
    mpmath = pytest.importorskip("mpmath")
    a = np.array([0.05, 0.7, 3.0, 40.0, 40.0, 500.0])
    x = np.array([0.3, 5.0, 0.2, 20.0, 90.0, 520.0])
    for order in (1, 2, 3):
        ours = cb.core.ops.gammainc_slope(cb.tensor(a), cb.tensor(x), order=order).numpy()
        with mpmath.workdps(60):
            wanted = [
                float(mpmath.diff(lambda s, v=v: mpmath.gammainc(s, 0, v, regularized=True), s, order))
                for s, v in zip(a, x, strict=True)
            ]
        np.testing.assert_allclose(ours, wanted, rtol=1e-10)


def test_beta(scipy: ModuleType) -> None:
    import scipy.special as special

    a, b = np.exp(RNG.uniform(-8, 12, 400)), np.exp(RNG.uniform(-8, 12, 400))
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        wanted = [
            float(sum(map(mpmath.loggamma, (u, v))) - mpmath.loggamma(u + v))
            for u, v in zip(map(mpmath.mpf, a), map(mpmath.mpf, b), strict=True)
        ]
    np.testing.assert_allclose(cb.betaln(cb.tensor(a), cb.tensor(b)).numpy(), wanted, rtol=1e-14, atol=1e-14)
    small = a < 20
    a, b = a[small], np.minimum(b[small], 20)
    np.testing.assert_allclose(cb.beta(cb.tensor(a), cb.tensor(b)).numpy(), special.beta(a, b), rtol=2e-13)
    np.testing.assert_allclose(
        cb.betaln(cb.tensor([-1.5, 2.5], dtype="float64"), 3.25).numpy(), special.betaln([-1.5, 2.5], 3.25), rtol=1e-13
    )  # fmt: skip


def test_zeta(scipy: ModuleType) -> None:
    import scipy.special as special

    s, q = 1 + np.exp(RNG.uniform(-6, 4, 300)), np.exp(RNG.uniform(-5, 6, 300))
    np.testing.assert_allclose(cb.zeta(cb.tensor(s), cb.tensor(q)).numpy(), special.zeta(s, q), rtol=4e-15)
    assert cb.zeta(2, cb.tensor([math.inf])).tolist() == [0.0] and cb.zeta(cb.tensor([math.inf]), 1.0).tolist() == [1.0]
    # Left of zero, where whole powers have a meaning, by as many terms.
    for power in (2.0, 3.0):
        head = sum((-2.75 + k) ** -power for k in range(3))
        wanted = head + special.zeta(power, 0.25)
        np.testing.assert_allclose(cb.zeta(cb.tensor([power], dtype="float64"), -2.75).numpy(), [wanted], rtol=1e-14)


def test_derivatives_of_zeta() -> None:
    mpmath = pytest.importorskip("mpmath")
    s, q = np.array([1.01, 1.5, 3.0, 30.0]), np.array([0.1, 1.0, 7.0, 2.0])
    for order in (1, 2):
        ours = cb.core.ops.row_function(cb.core.primitives.TABLE["zeta"])(
            cb.tensor(s), cb.tensor(q), order=order
        ).numpy()
        wanted = [float(mpmath.zeta(u, v, order)) for u, v in zip(s, q, strict=True)]
        np.testing.assert_allclose(ours, wanted, rtol=1e-13)


def test_airy_solves_its_equation() -> None:
    x = cb.tensor(RNG.uniform(-12, 8, 100), requires_grad=True)
    y = cb.airy_ai(x)
    (first,) = cb.grad(y.sum(), x, create_graph=True)
    (second,) = cb.grad(first.sum(), x)
    np.testing.assert_allclose(second.numpy(), (x * y).numpy(force=True), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("second", [False, True])
def test_bessel_functions_solve_their_equation(second: bool) -> None:
    """x y'' + y' + x y = 0, of order zero; and the Wronskian of both kinds is 2 / (pi x)."""
    x = cb.tensor(RNG.uniform(0.3, 30, 100), requires_grad=True)
    y = (cb.bessel_y0 if second else cb.bessel_j0)(x)
    (first,) = cb.grad(y.sum(), x, create_graph=True)
    (curve,) = cb.grad(first.sum(), x)
    np.testing.assert_allclose((x * curve + first + x * y).numpy(force=True), 0.0, atol=4e-13)
    x = x.detach()
    wronskian = cb.bessel_j1(x) * cb.bessel_y0(x) - cb.bessel_j0(x) * cb.bessel_y1(x)
    np.testing.assert_allclose((wronskian * x).numpy(), 2 / math.pi, rtol=1e-12)


def test_values_at_infinity_are_limits() -> None:
    ends = cb.tensor([cb.inf, -cb.inf], dtype="float64")
    for name in ("bessel_j0", "bessel_j1", "airy_ai", "spherical_bessel_j0", "i0e", "i1e"):
        assert getattr(cb, name)(ends).abs().tolist() == [0.0, 0.0], name
    for name in ("bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1"):
        assert getattr(cb, name)(ends[:1]).tolist() == [0.0], name
    assert cb.i0(ends).tolist() == [math.inf] * 2 and cb.i1(ends).tolist() == [math.inf, -math.inf]
    assert cb.ndtr(ends).tolist() == [1.0, 0.0] and cb.log_ndtr(ends).tolist() == [0.0, -math.inf]


def test_kernels_do_as_devices_without_them() -> None:
    """On array-api-strict everything runs by bodies alone."""
    strict = cb.device("strict")
    x, y = cb.tensor(POSITIVE), cb.tensor(POSITIVE[::-1].copy())
    for f in (cb.igamma, cb.igammac, cb.betaln, lambda a, b: cb.zeta(a + 1, b)):
        here, there = f(x, y), f(x.to(strict), y.to(strict))
        assert there.device.type == "strict"
        np.testing.assert_allclose(there.to("cpu").numpy(), here.numpy(), rtol=1e-12, atol=1e-14)


def test_derivatives_of_erfcx_keep_their_digits_far_out() -> None:
    x = cb.tensor([29.0, 31.0, 1e4, 1e8], dtype="float64", requires_grad=True)
    (slope,) = cb.grad(cb.erfcx(x).sum(), x, create_graph=True)
    y = np.array([29.0, 31.0, 1e4, 1e8])
    u = 1 / (2 * y * y)
    series = -2 / math.sqrt(math.pi) * u * (1 - 3 * u + 15 * u**2 - 105 * u**3 + 945 * u**4 - 10395 * u**5)
    np.testing.assert_allclose(slope.numpy(force=True), series, rtol=1e-11)


def test_degrees_of_polynomials() -> None:
    x = cb.tensor([0.5, -0.25])
    assert cb.legendre_polynomial_p(x, 2).tolist() == cb.legendre_polynomial_p(x, cb.tensor([2.0, 2.0])).tolist()
    assert cb.legendre_polynomial_p(cb.zeros((0,)), cb.zeros((0,), dtype="int64")).shape == (0,)
    assert cb.hermite_polynomial_h(x[:, None], cb.arange(4)).shape == (2, 4)
    with pytest.raises(DTypeError, match="laguerre_polynomial_l: the degree n is of integers, not complex64"):
        cb.laguerre_polynomial_l(x, cb.tensor([1j, 2j]))
    with pytest.raises(ArgumentTypeError, match="legendre_polynomial_p: x or n is a Tensor, not float and int"):
        cb.legendre_polynomial_p(0.5, 2)
    with pytest.raises(ArgumentError, match=r"degrees go up to 100000, got 1000000000"):
        cb.legendre_polynomial_p(x, 10**9)


REFUSED = [
    (lambda: cb.mvlgamma(cb.ones(2), 0), ArgumentError, "mvlgamma: the dimension p is at least 1, got 0"),
    (lambda: cb.mvlgamma(cb.ones(2), 1.5), ArgumentTypeError, "mvlgamma: the dimension p is an int, not 1.5"),
    (lambda: cb.gcd(cb.ones(2), cb.ones(2)), DTypeError, "gcd.*takes integer dtypes, not float32"),
    (lambda: cb.addcdiv(cb.ones(1), cb.ones(1, dtype="int64"), cb.ones(1, dtype="int64")), DTypeError,
        "addcdiv: int64 / int64 is ambiguous"),
    (lambda: cb.is_nonzero(cb.ones(2)), ShapeError, r"is_nonzero: one element is needed, got shape \(2,\)"),
    (lambda: cb.isposinf(cb.tensor([1j])), DTypeError, "isposinf: complex numbers have no one infinity"),
    (lambda: cb.view_as_complex(cb.ones(3)), ShapeError, r"view_as_complex: the last axis .* got shape \(3,\)"),
    (lambda: cb.view_as_complex(cb.ones(2, dtype="int64")), DTypeError,
        "view_as_complex: a real floating-point dtype is needed, got int64"),
    (lambda: cb.view_as_real(cb.ones(3)), DTypeError, "view_as_real: a complex dtype is needed, got float32"),
    (lambda: cb.round(cb.ones(2, dtype="int64"), decimals=2), DTypeError,
        "round: decimals are of floating-point numbers, not of int64"),
    (lambda: cb.round(cb.ones(2), decimals=1.0), ArgumentTypeError, "round: decimals is an int, not 1.0"),
    (lambda: cb.igamma(cb.ones(2), cb.ones(3)), ShapeError, r"igamma.*the shapes \(2,\) and \(3,\) do not broadcast"),
    (lambda: cb.bessel_j0(cb.tensor([1j])), DTypeError, "bessel_j0.*takes real floating-point dtypes, not complex64"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_refusals(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_bits_and_divisors() -> None:
    x = cb.tensor([0, 1, -8, 255, -(2**63)])
    assert cb.bitwise_count(x).tolist() == [0, 1, 1, 8, 1] and cb.bitwise_count(x).dtype is cb.int64
    assert cb.bitwise_count(cb.tensor([255], dtype="uint8")).tolist() == [8]
    assert cb.gcd(12, cb.tensor([18, 0, -8])).tolist() == [6, 12, 4]
    assert cb.lcm(cb.tensor([0, 4]), cb.tensor([0, -6])).tolist() == [0, 12]


def test_facts() -> None:
    assert cb.is_nonzero(cb.tensor([[3]])) is True and cb.is_nonzero(cb.tensor(False)) is False
    assert cb.isreal(cb.tensor([1, 2])).tolist() == [True, True]
    assert cb.isposinf(cb.tensor([1])).tolist() == [False]


def test_parts_of_complex_numbers_carry_gradients() -> None:
    a, b = cb.tensor([1.0, 2.0], requires_grad=True), cb.tensor([3.0, -1.0], requires_grad=True)
    z = cb.complex(a, b)
    (z * z).real.sum().backward()
    assert a.grad.tolist() == [2.0, 4.0] and b.grad.tolist() == [-6.0, 2.0]
    parts = cb.view_as_real(cb.complex(cb.tensor([cb.inf, 1.0]), cb.tensor([2.0, -cb.inf])))
    assert parts.tolist() == [[math.inf, 2.0], [1.0, -math.inf]]


@pytest.mark.parametrize("name", ["erfcx", "ndtr", "log_ndtr"])
def test_tails_keep_their_digits(name: str) -> None:
    """Where a square in the exponent is rounded, SciPy's lose two or three of them."""
    mpmath = pytest.importorskip("mpmath")
    x = np.concatenate([RNG.uniform(-25, 25, 150), RNG.uniform(-36, -20, 30)])
    x = x[x > -26] if name == "erfcx" else x

    def exact(v: float) -> float:
        y = mpmath.mpf(v)
        if name == "erfcx":
            return float(mpmath.exp(y * y) * mpmath.erfc(y))
        below = mpmath.erfc(-y / mpmath.sqrt(2)) / 2
        beyond = mpmath.erfc(y / mpmath.sqrt(2)) / 2
        return float(below if name == "ndtr" else mpmath.log1p(-beyond) if v > 0 else mpmath.log(below))

    with mpmath.workdps(350):
        wanted = [exact(float(v)) for v in x]
    np.testing.assert_allclose(getattr(cb, name)(cb.tensor(x)).numpy(), wanted, rtol=1e-15)
