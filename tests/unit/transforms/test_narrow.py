"""16-bit floats inside transformations: results are as narrow as outside, and as exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import func
from candelabra.nn import functional as F

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "smooth_l1_loss": lambda a, b: F.smooth_l1_loss(a, b),
    "binary cross entropy": lambda a, b: F.binary_cross_entropy_with_logits(a, cb.sigmoid(b)),
    "layer_norm": lambda a, b: F.layer_norm(a, (6,), b[0], b[1]),
    "rms_norm": lambda a, b: F.rms_norm(a, (6,), b[0]),
    "group_norm": lambda a, b: F.group_norm(a, 3),
    "attention": lambda a, b: F.scaled_dot_product_attention(a, b, b),
    "cross_entropy": lambda a, b: F.cross_entropy(a, cb.asarray([1, 2, 3])),
    "linear": lambda a, b: F.linear(a, b),
    "batch_norm": lambda a, b: F.batch_norm(a, None, None, training=True),
    "gelu": lambda a, b: F.gelu(a * b),
}


@pytest.mark.parametrize("dtype", [cb.float16, cb.bfloat16])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_narrow_floats(name: str, dtype: Any) -> None:
    rng, f = np.random.default_rng(3), FUNCTIONS[name]
    x, y = (cb.tensor(rng.standard_normal((4, 3, 6))).to(dtype) for _ in range(2))
    expected = cb.stack([f(a, b) for a, b in zip(x, y, strict=True)])
    found = func.vmap(f)(x, y)
    assert found.dtype is expected.dtype is dtype
    np.testing.assert_allclose(found.to(cb.float64).numpy(), expected.to(cb.float64).numpy(), atol=0.03, rtol=0.02)
    gradients = func.vmap(func.grad(lambda a, b: f(a, b).sum()))(x, y)
    assert gradients.dtype is dtype
    wide = func.vmap(func.grad(lambda a, b: f(a, b).sum()))(x.to(cb.float64), y.to(cb.float64))
    np.testing.assert_allclose(gradients.to(cb.float64).numpy(), wide.numpy(), atol=0.1, rtol=0.05)
    assert func.jvp(lambda a: f(a, y[0]), (x[0],), (y[0],))[1].dtype is dtype
