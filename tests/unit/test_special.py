"""Special functions: accuracy in float64 where they are hard, poles, limits, refusals."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError

RNG = np.random.default_rng(3)
POSITIVE = np.concatenate([np.exp(RNG.uniform(-30, 30, 200)), RNG.uniform(0, 20, 400), 1 + 1e-6 * RNG.normal(size=20)])
NEGATIVE = -RNG.uniform(0, 20, 300)
INSIDE = np.concatenate([RNG.uniform(-1, 1, 300), 1 - np.exp(RNG.uniform(-36, -1, 100)), 1e-8 * RNG.normal(size=20)])
REAL = np.concatenate([RNG.uniform(-30, 30, 300), 1e-5 * RNG.normal(size=20), [0.0, 500.0]])


def close(ours: Any, wanted: Any, absolute: float = 0.0) -> None:
    np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-12, atol=absolute)


@pytest.mark.parametrize("name", ["i0", "i1", "erfinv"])
def test_against_scipy(scipy: ModuleType, name: str) -> None:
    import scipy.special as special

    x = INSIDE if name == "erfinv" else REAL
    close(getattr(cb, name)(cb.tensor(x)), getattr(special, name)(x))


def test_gamma_family(scipy: ModuleType) -> None:
    import scipy.special as special

    close(cb.lgamma(cb.tensor(POSITIVE)), special.gammaln(POSITIVE), 1e-15)
    close(cb.lgamma(cb.tensor(NEGATIVE)), special.gammaln(NEGATIVE), 1e-13)
    close(cb.digamma(cb.tensor(POSITIVE)), special.digamma(POSITIVE), 1e-13)
    close(cb.digamma(cb.tensor(NEGATIVE)), special.digamma(NEGATIVE), 1e-12)
    for n in (1, 2, 5, 12):
        x = RNG.uniform(0.01, 40, 100)
        close(cb.polygamma(n, cb.tensor(x)), special.polygamma(n, x))


def test_lgamma_at_its_zeros_keeps_relative_accuracy() -> None:
    tiny = np.array([2.0**-20, -(2.0**-20)])
    slope, curve = -0.5772156649015329, 1.6449340668482264
    close(cb.lgamma(cb.tensor(1 + tiny)), tiny * (slope + tiny * (curve / 2 - tiny * 2.4041138063191886 / 6)))


def test_polygamma_is_mirrored_below_zero() -> None:
    """The recurrence from the right of zero to the left."""
    x = RNG.uniform(-0.9, -0.1, 50)
    for n in range(5):
        step = (-1.0) ** n * float(np.prod(np.arange(1, n + 1))) * x ** (-n - 1.0)
        close(cb.polygamma(n, cb.tensor(x)), cb.polygamma(n, cb.tensor(x + 1)).numpy() - step, 1e-11)


@pytest.mark.parametrize("n, error", [(1.5, ArgumentTypeError), (True, ArgumentTypeError), (-1, ArgumentError)])
def test_orders_are_refused(n: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="polygamma: the order n"):
        cb.polygamma(n, cb.ones(2))


def test_logit_refuses_eps() -> None:
    with pytest.raises(ArgumentError, match=r"logit: eps lies between 0 and 0\.5, got 0\.7"):
        cb.logit(cb.ones(2), eps=0.7)


def test_sinc_is_smooth_at_zero() -> None:
    x = cb.tensor([0.0], dtype="float64", requires_grad=True)
    (first,) = cb.grad(cb.sinc(x), [x], create_graph=True)
    (second,) = cb.grad(first, [x])
    close(first.detach(), [0.0])
    close(second, [-(np.pi**2) / 3])


def test_products_with_logarithms_vanish_with_their_factor() -> None:
    zero, other = cb.zeros(4), cb.tensor([0.0, -1.0, float("inf"), float("nan")])
    np.testing.assert_array_equal(cb.xlogy(zero, other).numpy(), [0, 0, 0, np.nan])
    np.testing.assert_array_equal(cb.xlog1py(zero, other).numpy(), [0, 0, 0, np.nan])
    assert cb.xlogy(2, cb.tensor([1.0])).item() == 0.0
