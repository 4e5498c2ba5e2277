"""Special and elementwise functions against PyTorch: values, gradients, dtypes, edges; every name of torch.special."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest

RNG = np.random.default_rng(11)
REAL = RNG.uniform(-6, 6, (3, 7))
POSITIVE = RNG.uniform(0.2, 12, (3, 7))
LINE = RNG.uniform(0.3, 5, 7)
SHARE = RNG.uniform(0.02, 0.98, (3, 7))
DEGREE = np.array([0, 1, 2, 3, 5, 8, 4])
WHOLE = RNG.integers(-30, 30, (3, 7))
COMPLEX = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))

# Functions of one argument that PyTorch differentiates, with what they are called on.
SMOOTH = {
    "digamma": POSITIVE, "entr": POSITIVE, "erf": REAL, "erfc": REAL, "erfcx": REAL, "erfinv": SHARE, "exp2": REAL,
    "expit": REAL, "expm1": REAL, "gammaln": POSITIVE, "i0": REAL, "i0e": REAL, "i1": REAL, "i1e": REAL, "log1p": SHARE,
    "log_ndtr": REAL, "logit": SHARE, "ndtr": REAL, "ndtri": SHARE, "psi": POSITIVE, "sinc": REAL,
}  # fmt: skip
# Those whose derivative only candelabra has.
PLAIN = {
    "airy_ai": REAL, "bessel_j0": 4 * REAL, "bessel_j1": 4 * REAL, "bessel_y0": 2 * POSITIVE, "bessel_y1": 2 * POSITIVE,
    "modified_bessel_i0": REAL, "modified_bessel_i1": REAL, "modified_bessel_k0": POSITIVE,
    "modified_bessel_k1": POSITIVE, "scaled_modified_bessel_k0": POSITIVE, "scaled_modified_bessel_k1": POSITIVE,
    "spherical_bessel_j0": REAL,
}  # fmt: skip
POLYNOMIALS = {
    "chebyshev_polynomial_t": REAL / 4, "chebyshev_polynomial_u": REAL / 4, "chebyshev_polynomial_v": REAL / 4,
    "chebyshev_polynomial_w": REAL / 4, "hermite_polynomial_h": REAL / 4, "hermite_polynomial_he": REAL / 4,
    "laguerre_polynomial_l": POSITIVE, "legendre_polynomial_p": REAL / 4, "shifted_chebyshev_polynomial_t": SHARE,
    "shifted_chebyshev_polynomial_u": SHARE, "shifted_chebyshev_polynomial_v": SHARE,
    "shifted_chebyshev_polynomial_w": SHARE,
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_with_gradients(compare: Any, name: str) -> None:
    # Second derivatives of sinc at its zeros, and of some others, PyTorch does not have to the last digits.
    compare(
        getattr(cb.special, name), lambda t, x: getattr(t.special, name)(x), SMOOTH[name], order=2, tolerance=50,
    )  # fmt: skip
    compare(
        getattr(cb.special, name), lambda t, x: getattr(t.special, name)(x), SMOOTH[name], order=1, dtype="float32",
        tolerance=5,
    )  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_values(compare: Any, name: str) -> None:
    x = PLAIN[name]
    # PyTorch's J, Y and Ai are off by 1e-7 here and there; the unit tests compare with SciPy's.
    loose = 1e4 if name.startswith(("bessel", "airy")) else 5
    compare(getattr(cb.special, name), lambda t, x: getattr(t.special, name)(x.detach()), x, order=0, tolerance=loose)
    slope(getattr(cb, name), x)


def slope(f: Any, x: np.ndarray) -> None:
    """The derivative is that of the values: symmetric differences of two steps, extrapolated."""
    t = cb.tensor(x, requires_grad=True)
    (found,) = cb.grad(f(t).sum(), t)

    def difference(h: float) -> np.ndarray:
        return np.asarray((f(cb.tensor(x + h)) - f(cb.tensor(x - h))).numpy()) / (2 * h)

    wanted = (4 * difference(5e-4) - difference(1e-3)) / 3
    np.testing.assert_allclose(found.numpy(), wanted, rtol=2e-8, atol=2e-8 * max(1.0, float(np.abs(wanted).max())))


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(compare: Any, torch: ModuleType, name: str) -> None:
    x = POLYNOMIALS[name]
    ours, theirs = getattr(cb.special, name), getattr(torch.special, name)
    compare(lambda x: ours(x, cb.tensor(DEGREE)), lambda t, x: theirs(x.detach(), t.tensor(DEGREE)), x, order=0)
    compare(lambda x: ours(x, 3), lambda t, x: theirs(x.detach(), 3), x, order=0)
    slope(lambda x: ours(x, cb.tensor(DEGREE)), x)
    assert ours(2.0, cb.tensor([1, 2])).tolist() == theirs(2.0, torch.tensor([1, 2])).tolist()
    assert ours(cb.tensor([0.25]), -1).tolist() == theirs(torch.tensor([0.25]), -1).tolist() == [0.0]


TWO = [
    ("gammainc", POSITIVE, LINE, 1), ("gammaincc", POSITIVE, LINE, 1), ("xlogy", REAL, LINE, 2), ("xlog1py", REAL,
        LINE, 2),
    ("zeta", POSITIVE + 1, LINE, 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "first", "second", "order"), TWO)
def test_two_arguments(compare: Any, torch: ModuleType, name: str, first: Any, second: Any, order: int) -> None:
    """PyTorch has no derivative in the first argument of three of them: ours is held fixed there, and checked below."""
    ours, theirs = getattr(cb.special, name), getattr(torch.special, name)
    compare(lambda y: ours(cb.tensor(first), y), lambda t, y: theirs(t.tensor(first), y), second, order=order)
    slope(lambda x: ours(x, cb.tensor(second)), first)
    slope(lambda y: ours(cb.tensor(first), y), np.broadcast_to(second, first.shape))


def test_higher_derivatives_of_the_incomplete_gamma_functions() -> None:
    """The derivative in the first argument is differentiated in both again."""
    a, x = cb.tensor(POSITIVE, requires_grad=True), cb.tensor(POSITIVE[::-1].copy(), requires_grad=True)
    for f in (cb.igamma, cb.igammac):
        (first,) = cb.grad(f(a, x).sum(), a, create_graph=True)
        twice, mixed = cb.grad(first.sum(), (a, x), create_graph=True)
        (other,) = cb.grad(cb.grad(f(a, x).sum(), x, create_graph=True)[0].sum(), a)
        np.testing.assert_allclose(mixed.numpy(force=True), other.numpy(), rtol=1e-10, atol=1e-14)

        def at(h: float, f: Any = f) -> np.ndarray:
            b = cb.tensor(POSITIVE + h, requires_grad=True)
            return np.asarray(cb.grad(f(b, x.detach()).sum(), b)[0].numpy())

        wanted = (4 * (at(5e-4) - at(-5e-4)) / 1e-3 - (at(1e-3) - at(-1e-3)) / 2e-3) / 3
        np.testing.assert_allclose(twice.numpy(force=True), wanted, rtol=1e-7, atol=1e-9)


EDGES = np.array([-math.inf, -1.5, -1.0, -0.0, 0.0, 1.0, 2.5, math.inf, math.nan])
# Beyond these the two differ, which docs/differences.md tells.
AT_INFINITY = {
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "i0", "i1", "modified_bessel_i0",
    "modified_bessel_i1",
}  # fmt: skip


@pytest.mark.parametrize("name", [*SMOOTH, *PLAIN])
def test_edges(torch: ModuleType, name: str) -> None:
    x = EDGES[np.isfinite(EDGES)] if name in AT_INFINITY else EDGES
    ours = getattr(cb.special, name)(cb.tensor(x)).numpy()
    theirs = getattr(torch.special, name)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-16)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
def test_edges_of_the_incomplete_gamma_functions(torch: ModuleType, name: str) -> None:
    x = EDGES[~np.isnan(EDGES)]
    a, b = np.meshgrid(x, x)
    ours = getattr(cb.special, name)(cb.tensor(a), cb.tensor(b)).numpy()
    theirs = getattr(torch.special, name)(torch.tensor(a), torch.tensor(b)).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert (
        cb.isnan(getattr(cb.special, name)(cb.tensor([cb.nan, 1.0]), cb.tensor([1.0, cb.nan]))).tolist() == [True] * 2
    )


def test_edges_of_zeta(torch: ModuleType) -> None:
    x, q = np.meshgrid([-1.0, 0.5, 1.0, 2.0, 3.0, 2.5], [-2.5, -1.5, -1.0, 0.0, 0.5, 1.0, 2.0])
    ours, theirs = cb.special.zeta(cb.tensor(x), cb.tensor(q)), torch.special.zeta(torch.tensor(x), torch.tensor(q))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


ELEMENTWISE: dict[str, tuple[Any, Any, tuple[Any, ...]]] = {
    name: (getattr(cb, name), name, inputs)
    for name, inputs in {
        "absolute": (REAL,), "angle": (REAL,), "arccos": (SHARE,), "arccosh": (1 + POSITIVE,), "arcsin": (SHARE,),
        "arcsinh": (REAL,), "arctan": (REAL,), "arctan2": (REAL, LINE), "arctanh": (SHARE,), "clamp_min": (REAL, 0.5),
        "clamp_max": (REAL, LINE), "deg2rad": (REAL,), "fix": (REAL,), "float_power": (POSITIVE, LINE),
        "fmax": (REAL, LINE), "fmin": (REAL, LINE), "fmod": (REAL, LINE), "frac": (REAL,), "ldexp": (REAL, WHOLE),
        "logaddexp2": (REAL, LINE), "nan_to_num": (REAL,), "polar": (POSITIVE, LINE), "rad2deg": (REAL,),
        "rsub": (REAL, LINE), "sgn": (REAL,), "frexp": (REAL,), "complex": (REAL, REAL[::-1].copy()), "gcd": (WHOLE,
            WHOLE[::-1].copy()),
        "lcm": (WHOLE, WHOLE[::-1].copy()), "isreal": (COMPLEX,), "isposinf": (REAL,), "isneginf": (REAL,),
        "lerp": (REAL, POSITIVE, 0.3), "addcmul": (REAL, LINE, POSITIVE), "addcdiv": (REAL, LINE, POSITIVE),
        "conj_physical": (COMPLEX,), "view_as_real": (COMPLEX,), "heaviside": (REAL, REAL), "bitwise_not": (WHOLE,),
        "mvlgamma": (2 + POSITIVE, 3), "igammac": (4 + WHOLE[0] % 3, LINE[:7]),
    }.items()
}  # fmt: skip
ELEMENTWISE |= {
    "sgn of complex": (cb.sgn, "sgn", (COMPLEX,)),
    "angle of complex": (cb.angle, "angle", (COMPLEX,)),
    "absolute of complex": (cb.absolute, "absolute", (COMPLEX,)),
    "lerp with a tensor": (cb.lerp, "lerp", (REAL, POSITIVE, SHARE)),
    "lerp to the end": (cb.lerp, "lerp", (REAL, POSITIVE, 1.0)),
    "addcmul with a factor": (lambda *a: cb.addcmul(*a, value=-0.5), lambda t, *a: t.addcmul(*a, value=-0.5), (REAL,
        LINE, POSITIVE)),
    "addcdiv with a factor": (lambda *a: cb.addcdiv(*a, value=2), lambda t, *a: t.addcdiv(*a, value=2), (REAL, LINE,
        POSITIVE)),
    "rsub with a factor": (lambda *a: cb.rsub(*a, alpha=3), lambda t, *a: t.rsub(*a, alpha=3), (REAL, LINE)),
    "fmod by a number": (lambda x: cb.fmod(x, -2.5), lambda t, x: t.fmod(x, -2.5), (REAL,)),
    "fmod of integers": (cb.fmod, "fmod", (WHOLE, np.array([3, -4, 5, 7, -1, 2, 9]))),
    "float_power of integers": (cb.float_power, "float_power", (WHOLE, 3)),
    "nan_to_num with numbers": (lambda x: cb.nan_to_num(x, 1.0, 2.0, -3.0), lambda t, x: t.nan_to_num(x, 1.0, 2.0,
        -3.0), (EDGES,)),
    "nan_to_num of edges": (cb.nan_to_num, "nan_to_num", (EDGES,)),
    "nan_to_num of integers": (cb.nan_to_num, "nan_to_num", (WHOLE,)),
    "frexp of edges": (cb.frexp, "frexp", (np.array([0.0, -0.0, 5e-324, 1e-310, 1.5e308, 0.5, 1.0, -1.0]),)),
    "ldexp to the edges": (cb.ldexp, "ldexp", (np.array([1.0, 1.5, 3.0]), np.array([1023, -1074, -1070]))),
    "angle of integers": (cb.angle, "angle", (WHOLE,)),
    "deg2rad of integers": (cb.deg2rad, "deg2rad", (WHOLE,)),
    "view_as_complex": (lambda x: cb.view_as_complex(x), lambda t, x: t.view_as_complex(x), (RNG.normal(size=(3, 2)),)),
    "heaviside at zero": (cb.heaviside, "heaviside", (np.array([-1.0, 0.0, -0.0, 2.0, math.nan]), np.full(5, 0.5))),
    "logaddexp2 of infinities": (cb.logaddexp2, "logaddexp2", (np.array([-math.inf, math.inf, 1.0]),
    np.array([-math.inf, 2.0, -math.inf]))),
    "fmax with NaN": (cb.fmax, "fmax", (EDGES, EDGES[::-1].copy())),
    "fmin with NaN": (cb.fmin, "fmin", (EDGES, EDGES[::-1].copy())),
    "complex of edges": (cb.complex, "complex", (EDGES, EDGES[::-1].copy())),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(compare: Any, torch: ModuleType, name: str) -> None:
    ours, theirs, inputs = ELEMENTWISE[name]
    called = (lambda t, *a: getattr(t, theirs)(*a)) if isinstance(theirs, str) else theirs
    edged = any(isinstance(v, np.ndarray) and v.dtype.kind == "f" and not np.isfinite(v).all() for v in inputs)
    undifferentiated = name.startswith(("complex of", "heaviside", "igammac", "ldexp", "logaddexp2 of"))
    # PyTorch takes integer powers of two where it differentiates ldexp, and none of negative exponents.
    if name.startswith(("heaviside", "igammac")):
        called = (lambda inner: lambda t, *a: inner(t, *[v.detach() if hasattr(v, "detach") else v for v in a]))(called)
    compare(ours, called, *inputs, order=0 if undifferentiated else 1 if edged else 2)


@pytest.mark.parametrize("name", ["fmax", "fmin", "maximum", "minimum"])
def test_ties(torch: ModuleType, name: str) -> None:
    found = []
    for t in (cb, torch):
        x, y = t.tensor([1.0, 2.0, math.nan], requires_grad=True), t.tensor([1.0, 2.0, 1.0], requires_grad=True)
        getattr(t, name)(x, y)[:2].sum().backward()
        found.append((x.grad[:2].tolist(), y.grad[:2].tolist()))
    assert found[0] == found[1]


def test_every_name_of_torch_special(torch: ModuleType) -> None:
    assert sorted(set(torch.special.__all__) - set(cb.special.__all__)) == []
    assert [name for name in cb.special.__all__ if not callable(getattr(cb.special, name))] == []


def test_round_has_decimals(torch: ModuleType) -> None:
    x = np.array([1.256, -2.345, 1234.5])
    for places in (0, 2, -2):
        ours = cb.special.round(cb.tensor(x), decimals=places).numpy()
        np.testing.assert_allclose(ours, torch.special.round(torch.tensor(x), decimals=places).numpy(), rtol=1e-15)


SUBGRADIENTS = {
    "abs of complex zero": (lambda t, z: t.abs(z), [0j, 1 + 1j]),
    "sgn of complex zero": (lambda t, z: t.sgn(z).real, [0j, 1 + 1j]),
    "angle of complex zero": (lambda t, z: t.angle(z), [0j, 1 + 1j]),
    "sgn of zero": (lambda t, x: t.sgn(x), [0.0, -2.0]),
    "angle of real numbers": (lambda t, x: t.angle(x), [-1.0, 0.0, 2.0]),
    "i0e at zero": (lambda t, x: t.special.i0e(x), [0.0]),
    "i1 at zero": (lambda t, x: t.special.i1(x), [0.0]),
    "i1e at zero": (lambda t, x: t.special.i1e(x), [0.0]),
    "entr at zero": (lambda t, x: t.special.entr(x), [0.0, 0.5]),
    "xlogy at zero": (lambda t, x: t.special.xlogy(x, t.zeros(2)), [0.0, 1.0]),
    "logit beyond eps": (lambda t, x: t.logit(x, eps=1e-3), [0.0, 0.5, 1.0]),
    "nan_to_num": (lambda t, x: t.nan_to_num(x), [math.nan, math.inf, -math.inf, 1.0]),
    "clamp_min at its bound": (lambda t, x: t.clamp_min(x, 0.5), [0.5, 0.0, 1.0]),
    "clamp_max at its bound": (lambda t, x: t.clamp_max(x, 0.5), [0.5, 0.0, 1.0]),
    "frac at an integer": (lambda t, x: t.frac(x), [2.0, -1.5]),
    "fmod at a multiple": (lambda t, x: t.fmod(x, 2.0), [4.0, -3.0]),
    "frexp": (lambda t, x: t.frexp(x)[0], [4.0, -3.0, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", SUBGRADIENTS)
def test_subgradients(torch: ModuleType, name: str) -> None:
    function, values = SUBGRADIENTS[name]
    found = []
    for t in (cb, torch):
        x = t.tensor(values, requires_grad=True)
        function(t, x).sum().backward()
        found.append(np.asarray((x.grad + 0).tolist()))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
