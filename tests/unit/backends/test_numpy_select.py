"""Choosing by bits gives what `numpy.where` gives."""

from __future__ import annotations

import numpy as np
import pytest
from candelabra.backends.numpy import parallel, select


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint32", "float64", "float16", "complex64", "bool"])
@pytest.mark.parametrize("shape", [(5,), (1 << 14,), (3, 7, 4001), (1 << 19,)])
def test_where(dtype, shape, monkeypatch):
    monkeypatch.setattr(parallel, "_threads", 2)
    monkeypatch.setattr(parallel, "_pool", None)
    rng = np.random.default_rng(0)
    condition = rng.random(shape) < 0.5
    a, b = (rng.integers(0, 100, shape).astype(dtype) for _ in range(2))
    if a.dtype.kind == "f":
        a.flat[:3] = [np.nan, -np.inf, -0.0]
        condition.flat[:3] = True
    alone = a[..., 1].reshape(-1)[0].reshape(())
    for x1, x2 in ((a, b), (a, alone), (alone, b), (a, 2), (a, b[..., :1]), (a.T.copy().T, b)):
        got, wanted = select.where(condition, x1, x2), np.where(condition, x1, x2)
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
        if a.dtype.kind == "f":
            assert np.signbit(got.flat[2]) == np.signbit(wanted.flat[2])
    if shape == (1 << 14,):
        np.testing.assert_array_equal(select.where(condition[::-1], a, b), np.where(condition[::-1], a, b))
        np.testing.assert_array_equal(select.where(condition, 1.5, b), np.where(condition, 1.5, b))
