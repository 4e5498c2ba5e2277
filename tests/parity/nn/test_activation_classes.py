"""Layers of activation against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


CASES: list[tuple[Any, ...]] = [
    ("ReLU", (), {}, [(3, 5)]),
    ("ReLU", (), {"inplace": True}, [(3, 5)]),
    ("ReLU6", (), {}, [8 * draw(3, 5)]),
    ("LeakyReLU", (0.2,), {}, [(3, 5)]),
    ("PReLU", (), {}, [(3, 5)]),
    ("PReLU", (4,), {"init": 0.1}, [(3, 4, 5)]),
    ("ELU", (1.5,), {}, [(3, 5)]),
    ("CELU", (1.5,), {}, [(3, 5)]),
    ("SELU", (), {}, [(3, 5)]),
    ("GELU", (), {}, [(3, 5)]),
    ("GELU", (), {"approximate": "tanh"}, [(3, 5)]),
    ("SiLU", (), {}, [(3, 5)]),
    ("Mish", (), {}, [(3, 5)]),
    ("Sigmoid", (), {}, [(3, 5)]),
    ("Tanh", (), {}, [(3, 5)]),
    ("Softplus", (), {}, [10 * draw(3, 5)]),
    ("Softplus", (2.0, 5.0), {}, [10 * draw(3, 5)]),
    ("Softsign", (), {}, [(3, 5)]),
    ("LogSigmoid", (), {}, [30 * draw(3, 5)]),
    ("Hardtanh", (-0.5, 1.0), {}, [(3, 5)]),
    # PyTorch's hard sigmoid holds its sixth in single precision.
    ("Hardsigmoid", (), {}, [4 * draw(3, 5)], {"tolerance": 1e-7}),
    ("Hardswish", (), {}, [4 * draw(3, 5)]),
    ("Softmax", (1,), {}, [(3, 5)]),
    ("Softmax", (), {}, [(3, 5, 2)]),
    ("LogSoftmax", (), {"dim": -2}, [(3, 5, 2)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
