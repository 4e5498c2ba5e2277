"""The NumPy kernel of selecting by order against the generic body: long lines, ties, integers, NaN."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest

RNG = np.random.default_rng(9)
LINES = {
    "distinct": RNG.standard_normal((2, 1000, 2)),
    "ties": RNG.integers(0, 5, (2, 1000, 2)).astype(np.float64),
    "integers": RNG.integers(0, 50, (2, 1000, 2)),
    "unsigned": RNG.integers(0, 9, (2, 1000, 2)).astype(np.uint8),
    "nan": np.where(RNG.random((2, 1000, 2)) < 0.01, np.nan, 1.0),
}


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("count", [1, 7, 250])
@pytest.mark.parametrize("name", LINES)
def test_long_lines(name: str, count: int, largest: bool) -> None:
    x = cb.tensor(LINES[name])
    order = cb.argsort(x, axis=1, descending=largest, stable=True)[:, :count]
    np.testing.assert_array_equal(cb.topk(x, count, axis=1, largest=largest).indices.numpy(), order.numpy())


def test_half_precision() -> None:
    x = cb.tensor(RNG.standard_normal(500)).to(cb.bfloat16)
    values = cb.topk(x, 3).values
    np.testing.assert_array_equal(values.float().numpy(), np.sort(x.float().numpy())[:-4:-1])
