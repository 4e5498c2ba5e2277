"""Poisson, binomial, geometric, Cauchy and log-normal draws follow their distributions, and repeat."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, AutogradError, DTypeError


def at(seed: int) -> cb.Generator:
    return cb.Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", [0.0, 0.3, 5.0, 40.0, 63.9])
def test_poisson_is_the_quantile(scipy: ModuleType, rate: float) -> None:
    from scipy import stats

    u = cb.uniform(size=(20_000,), dtype=cb.float64, generator=at(3)).numpy()
    found = cb.poisson(cb.full((20_000,), rate, dtype=cb.float64), at(3)).numpy()
    np.testing.assert_array_equal(found, stats.poisson.ppf(u, rate) if rate else np.zeros(20_000))


@pytest.mark.parametrize("rate", [64.5, 300.0, 1e4, 1e8])
def test_poisson_of_a_large_rate(scipy: ModuleType, rate: float) -> None:
    from scipy import stats

    u = cb.uniform(size=(20_000,), dtype=cb.float64, generator=at(3)).numpy()
    found = cb.poisson(cb.full((20_000,), rate, dtype=cb.float64), at(3)).numpy()
    wrong = np.abs(found - stats.poisson.ppf(u, rate))
    assert wrong.max() <= 1 and wrong.mean() < 2e-4


@pytest.mark.parametrize(
    ("n", "p"), [(10, 0.3), (1, 0.5), (100, 0.02), (1000, 0.7), (10**6, 0.5), (5, 0.0), (5, 1.0), (0, 0.5)]
)
def test_binomial_is_the_quantile(scipy: ModuleType, n: int, p: float) -> None:
    from scipy import stats

    u = cb.uniform(size=(5_000,), dtype=cb.float64, generator=at(3)).numpy()
    count, prob = cb.full((5_000,), float(n), dtype=cb.float64), cb.full((5_000,), p, dtype=cb.float64)
    expected = np.maximum(stats.binom.ppf(u, n, min(p, 1 - p)), 0)
    found = cb.binomial(count, prob, at(3)).numpy()
    np.testing.assert_array_equal(found, n - expected if p > 0.5 else expected)


DRAWS = {
    "geometric_": (lambda x: x.geometric_(0.3), lambda stats: stats.geom(0.3)),
    "cauchy_": (lambda x: x.cauchy_(1.0, 2.0), lambda stats: stats.cauchy(1.0, 2.0)),
    "log_normal_": (lambda x: x.log_normal_(0.5, 0.25), lambda stats: stats.lognorm(0.25, scale=np.exp(0.5))),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DRAWS)
def test_in_place_draws_follow_their_distribution(scipy: ModuleType, name: str, dtype: str) -> None:
    from scipy import stats

    draw, expected = DRAWS[name]
    found = np.sort(draw(cb.zeros(20_000, dtype=getattr(cb, dtype))).numpy().astype(float))
    place = np.arange(1, 20_001) / 20_000
    # What Kolmogorov's statistic exceeds once in 10^5 draws; for whole numbers it is smaller.
    points = np.unique(found)
    empirical = place[np.searchsorted(found, points, side="right") - 1]
    assert np.abs(empirical - expected(stats).cdf(points)).max() < 2.5 / np.sqrt(20_000)


def test_draws_repeat_and_broadcast(any_device: str) -> None:
    rates = cb.tensor([[0.5, 100.0], [3.0, 0.0]], device=any_device)
    first = cb.poisson(rates, at(1))
    assert first.dtype is cb.float32 and first.device is rates.device
    assert first.tolist() == cb.poisson(cb.tensor(rates.tolist()), at(1)).tolist()
    count, prob = cb.full((3, 1), 9.0, device=any_device), cb.tensor([0.1, 0.9], device=any_device)
    assert cb.binomial(count, prob, at(2)).shape == (3, 2)
    there = cb.binomial(count, prob, at(2)).tolist()
    assert there == cb.binomial(cb.full((3, 1), 9.0), cb.tensor([0.1, 0.9]), at(2)).tolist()
    for name, (draw, _) in DRAWS.items():
        cb.manual_seed(5)
        one = draw(cb.zeros(4, device=any_device)).tolist()
        cb.manual_seed(5)
        assert draw(cb.zeros(4)).tolist() == pytest.approx(one, rel=1e-5), name


def test_a_device_without_double_precision() -> None:
    rates = cb.tensor([0.5, 100.0], device="strict:no_float64")
    assert cb.poisson(rates, at(1)).tolist() == cb.poisson(cb.tensor([0.5, 100.0]), at(1)).tolist()
    count = cb.tensor([9.0, 3.0], device="strict:no_float64")
    assert cb.binomial(count, count / 10, at(1)).device == rates.device


def test_each_sample_draws_for_itself() -> None:
    rates = cb.full((3, 50), 100.0)
    found = cb.func.vmap(cb.poisson, randomness="different")(rates)
    assert len({tuple(row) for row in found.tolist()}) == 3
    found = cb.func.vmap(cb.poisson, randomness="same")(rates)
    assert len({tuple(row) for row in found.tolist()}) == 1


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cb.poisson(cb.tensor([-1.0])), ArgumentError, "poisson: every rate must be finite and not negative"),
        (lambda: cb.poisson(cb.tensor([cb.inf])), ArgumentError, "poisson: every rate must be finite"),
        (lambda: cb.poisson(cb.tensor([1])), DTypeError, "poisson: takes real floating-point tensors, not int64"),
        (lambda: cb.poisson(1.0), ArgumentTypeError, "poisson: a Tensor is needed, got float"),
        (lambda: cb.binomial(cb.ones(1), cb.tensor([1.5])), ArgumentError, r"every probability must lie in \[0, 1\]"),
        (lambda: cb.binomial(cb.tensor([0.5]), cb.ones(1)), ArgumentError, "every count must be whole"),
        (lambda: cb.binomial(cb.ones(1), cb.ones(1).double()), DTypeError, "count is float32 and prob float64"),
        (lambda: cb.zeros(1).cauchy_(0.0, 0.0), ArgumentError, "cauchy_: sigma must be positive and finite, got 0.0"),
        (lambda: cb.zeros(1).geometric_(1.0), ArgumentError, "geometric_: p must lie between 0 and 1, got 1.0"),
        (lambda: cb.zeros(1).log_normal_(0.0, -1.0), ArgumentError, "log_normal_: std must be positive and finite"),
        (lambda: cb.zeros(1, dtype=cb.int64).cauchy_(), DTypeError, "cauchy_: fills real floating-point tensors"),
        (lambda: cb.zeros(1, requires_grad=True).cauchy_(), AutogradError, "cauchy_: a leaf that requires a gradient"),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
