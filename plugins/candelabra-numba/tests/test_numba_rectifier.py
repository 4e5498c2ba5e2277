"""What goes back through activations in straight pieces, compiled, against the backend's own."""

from __future__ import annotations

import candelabra as cb
import numpy as np
import pytest
from candelabra.backends.numpy import rectifier as numpy_rectifier
from candelabra_numba import compiled, rectifier

pytest.importorskip("numba")
rng = np.random.default_rng(0)
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45]


@pytest.fixture(autouse=True, params=["on one thread", "on several"])
def _everything_is_large_enough(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(rectifier, "LEAST", 0)
    if request.param == "on several":
        monkeypatch.setattr(compiled, "SHARED", 1)
        monkeypatch.setattr(rectifier, "_SHARED", 1)


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_cotangents_are_the_backends(dtype: str) -> None:
    for shape in ((0,), (7,), (40, 33)):
        x, g = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        y = np.maximum(x, 0)
        found, wanted = (m.relu_vjp(None, g, y, (True,))[0] for m in (rectifier, numpy_rectifier))
        np.testing.assert_array_equal(found, wanted)
        found, wanted = (m.leaky_relu_vjp(None, g, x, 0.01, (True,))[0] for m in (rectifier, numpy_rectifier))
        np.testing.assert_allclose(found, wanted, 1e-6)


def test_numbers_that_are_not_finite() -> None:
    x = np.array(SPECIAL * 5, np.float32)
    y, g = np.maximum(x, 0), np.ones_like(x)
    found = rectifier.relu_vjp(None, g, y, (True,))[0]
    np.testing.assert_array_equal(found, np.array([1, 1, 0, 0, 0, 1, 0] * 5, np.float32))
    # What is cut off stays so whatever comes back, as in PyTorch.
    found = rectifier.relu_vjp(None, np.full_like(x, np.nan), y, (True,))[0]
    np.testing.assert_array_equal(np.isnan(found), found != 0)
    assert np.flatnonzero(found[:7] == 0).tolist() == [2, 3, 4, 6]


def test_layouts_and_dtypes_that_go_to_the_backend() -> None:
    x = np.asfortranarray(rng.standard_normal((30, 20)))
    g = rng.standard_normal((30, 20))
    found = rectifier.relu_vjp(None, g, np.maximum(x, 0), (True,))[0]
    np.testing.assert_array_equal(found, g * (x > 0))
    half = np.ones(9, np.float16)
    assert rectifier.relu_vjp(None, half, half, (True,))[0].dtype == np.float16
    assert rectifier.relu_vjp(None, g, x, (False,)) == (None,)


def test_a_layer_uses_them() -> None:
    x = cb.asarray(rng.standard_normal((20, 30)), dtype=cb.float32, requires_grad=True)
    (cb.relu(x) * 3).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(np.asarray(x.grad), 3 * (np.asarray(x.detach()) > 0))
