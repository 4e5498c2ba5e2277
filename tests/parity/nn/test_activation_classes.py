"""Layers of activation against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


# Bends of every function here, beside what is drawn.
BENDS = np.asarray([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, 1e-9, -1e-9, 40.0, -40.0])


def write(library: Any, layer: Any, x: Any) -> Any:
    """Apply a layer that writes its input, and hand out the input."""
    kept = x * 1.0
    out = layer(kept)
    return [out, kept]


IN_PLACE = ("ReLU", "ReLU6", "Hardtanh", "Hardsigmoid", "Hardswish", "ELU", "CELU", "SELU", "SiLU", "Mish", "LeakyReLU")

CASES: list[tuple[Any, ...]] = [
    ("ReLU", (), {}, [BENDS]),
    ("ReLU6", (), {}, [BENDS]),
    ("ReLU6", (), {}, [8 * draw(3, 5)], {"order": 2}),
    ("Threshold", (0.5, 20), {}, [BENDS]),
    ("Threshold", (-0.1, -1.5), {"inplace": True}, [(3, 5)], {"run": write}),
    ("RReLU", (), {}, [BENDS], {"modes": ("eval",)}),
    ("RReLU", (0.25, 0.25), {}, [(3, 5)]),
    ("RReLU", (), {"lower": 0.2, "upper": 0.2, "inplace": True}, [(3, 5)], {"run": write}),
    ("LeakyReLU", (0.2,), {}, [(3, 5)]),
    ("LeakyReLU", (-0.2,), {}, [BENDS]),
    ("PReLU", (), {}, [(3, 5)]),
    ("PReLU", (), {}, [BENDS]),
    ("PReLU", (4,), {"init": 0.1}, [(3, 4, 5)], {"order": 2}),
    ("PReLU", (4,), {}, [(3, 4)]),
    ("PReLU", (1,), {}, [(2, 3, 4, 5)]),
    ("ELU", (1.5,), {}, [BENDS], {"order": 2}),
    ("ELU", (-0.5,), {}, [(3, 5)]),
    ("CELU", (1.5,), {}, [BENDS], {"order": 2}),
    ("CELU", (-0.5,), {}, [(3, 5)]),
    ("SELU", (), {}, [BENDS], {"order": 2}),
    ("GELU", (), {}, [BENDS], {"order": 2}),
    ("GELU", (), {"approximate": "tanh"}, [BENDS], {"order": 2}),
    ("SiLU", (), {}, [BENDS], {"order": 2}),
    ("Mish", (), {}, [BENDS], {"order": 2}),
    ("Sigmoid", (), {}, [BENDS], {"order": 2}),
    ("Tanh", (), {}, [BENDS], {"order": 2}),
    ("Tanhshrink", (), {}, [BENDS], {"order": 2}),
    ("Softplus", (), {}, [10 * draw(3, 5)], {"order": 2}),
    ("Softplus", (2.0, 5.0), {}, [10 * draw(3, 5)]),
    ("Softplus", (), {"beta": 0.5, "threshold": 0.0}, [BENDS]),
    ("Softsign", (), {}, [BENDS], {"order": 2}),
    ("LogSigmoid", (), {}, [30 * draw(3, 5)], {"order": 2}),
    ("LogSigmoid", (), {}, [BENDS]),
    ("Hardtanh", (-0.5, 1.0), {}, [BENDS], {"order": 2}),
    ("Hardtanh", (), {"min_value": -0.5, "max_value": 0.5}, [BENDS]),
    # PyTorch's hard sigmoid holds its sixth in single precision.
    ("Hardsigmoid", (), {}, [BENDS], {"tolerance": 1e-7}),
    ("Hardswish", (), {}, [BENDS], {"order": 2}),
    ("Hardswish", (), {}, [4 * draw(3, 5)], {"order": 2}),
    ("Hardshrink", (), {}, [BENDS]),
    ("Hardshrink", (1.0,), {}, [(3, 5)]),
    ("Hardshrink", (-1.0,), {}, [(3, 5)]),
    ("Softshrink", (), {}, [BENDS]),
    ("Softshrink", (1.0,), {}, [(3, 5)], {"order": 2}),
    ("GLU", (), {}, [(3, 6)], {"order": 2}),
    ("GLU", (1,), {}, [(3, 4, 5)]),
    ("GLU", (-3,), {}, [(2, 3, 4)]),
    ("Softmax", (1,), {}, [(3, 5)]),
    ("Softmax", (), {}, [(3, 5, 2)]),
    ("Softmin", (0,), {}, [(3, 5)], {"order": 2}),
    ("Softmin", (), {}, [(3, 5)]),
    ("Softmax2d", (), {}, [(2, 3, 4, 5)]),
    ("Softmax2d", (), {}, [(3, 4, 5)]),
    ("LogSoftmax", (), {"dim": -2}, [(3, 5, 2)]),
    *((name, (), {"inplace": True}, [4 * draw(3, 5)], {"run": write, "tolerance": 1e-7}) for name in IN_PLACE),
]

REFUSALS: list[tuple[Any, ...]] = [
    ("Hardtanh", (1.0, -1.0), {}, "max_val"),
    ("GELU", ("linear",), {}, "approximate"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
