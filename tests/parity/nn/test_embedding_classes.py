"""Layers of embedding against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def ints(high: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape)


CASES: list[tuple[Any, ...]] = [
    ("Embedding", (7, 3), {}, [ints(7, 2, 5)]),
    ("Embedding", (7, 3), {"padding_idx": -2}, [ints(7, 2, 5)]),
    ("Embedding", (7, 3), {"scale_grad_by_freq": True}, [ints(7, 9)]),
    ("Embedding", (7, 3), {"max_norm": 1.0}, [ints(7, 9)]),
    ("Embedding", (7, 3), {"max_norm": 0.5, "norm_type": 1.0}, [ints(7, 9)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
