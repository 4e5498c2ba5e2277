"""Functions beyond the standard against PyTorch's: values, gradients, gradients of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest

Compare = Callable[..., None]
RNG = np.random.default_rng(58)
LIMITS = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -3.0, np.inf, -np.inf, np.nan])


def uniform(low: float, high: float, *shape: int) -> np.ndarray:
    return np.asarray(RNG.uniform(low, high, shape))


SPECIAL = {
    "lgamma": (-6, 9), "digamma": (-4, 9), "erfinv": (-1, 1), "sinc": (-4, 4), "i0": (-12, 12),
    "special.i1": (-12, 12), "special.entr": (0, 4), "special.expit": (-4, 4),
}  # fmt: skip


def theirs_of(torch: Any, name: str) -> Any:
    return getattr(torch.special, name.removeprefix("special.")) if "." in name else getattr(torch, name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SPECIAL)
def test_special_function(compare: Compare, name: str, dtype: str) -> None:
    mine = getattr(cb, name.removeprefix("special."))
    x = uniform(*SPECIAL[name], 4, 5)
    # PyTorch computes trigamma and its kin in float32 with five digits.
    compare(mine, lambda torch, x: theirs_of(torch, name)(x), x, dtype=dtype, tolerance=10)


@pytest.mark.parametrize("name", SPECIAL)
def test_special_function_at_its_limits(torch: Any, name: str) -> None:
    mine = getattr(cb, name.removeprefix("special."))(cb.tensor(LIMITS)).numpy()
    wanted = theirs_of(torch, name)(torch.tensor(LIMITS)).numpy()
    if name in ("i0", "special.i1"):
        # PyTorch's 0 * inf is NaN there.
        wanted[6:8] = [np.inf, np.inf if name == "i0" else -np.inf]
    np.testing.assert_allclose(mine, wanted, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_polygamma(compare: Compare, n: int) -> None:
    # PyTorch's trigamma has nine digits.
    loose = 100 if n < 2 else 1
    x = uniform(0.3, 8, 3, 4)
    compare(lambda x: cb.polygamma(n, x), lambda torch, x: torch.polygamma(n, x), x, tolerance=loose)


@pytest.mark.parametrize("eps", [None, 0.1])
def test_logit(compare: Compare, eps: float | None) -> None:
    compare(lambda x: cb.logit(x, eps), lambda torch, x: torch.logit(x, eps), uniform(0.01, 0.99, 30))
    compare(lambda x: cb.logit(x, 0.1), lambda torch, x: torch.logit(x, 0.1), np.array([0.05, 0.95, -1.0, 2.0]))


def test_products_with_logarithms(compare: Compare) -> None:
    x, y = uniform(-2, 2, 3, 4), uniform(0.1, 3, 4)
    compare(cb.xlogy, lambda torch, x, y: torch.xlogy(x, y), x, y)
    compare(cb.xlog1py, lambda torch, x, y: torch.special.xlog1py(x, y), x, y - 0.9)
    zero, edge = np.zeros(4), np.array([0.0, 1.0, -2.0, np.nan])
    compare(cb.xlogy, lambda torch, x, y: torch.xlogy(x, y), zero, edge, order=1)
    compare(cb.xlog1py, lambda torch, x, y: torch.special.xlog1py(x, y), zero, edge - 1, order=1)
