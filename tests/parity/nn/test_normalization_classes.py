"""Layers of normalization against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CASES: list[tuple[Any, ...]] = [
    ("BatchNorm1d", (4,), {}, [(6, 4)]),
    ("BatchNorm1d", (4,), {"momentum": None, "eps": 1e-3}, [(3, 4, 5)]),
    ("BatchNorm1d", (4,), {"affine": False}, [(6, 4)]),
    ("BatchNorm1d", (4,), {"track_running_stats": False, "bias": False}, [(6, 4)]),
    ("BatchNorm2d", (3,), {"momentum": 0.3}, [(2, 3, 4, 5)]),
    ("LayerNorm", (5,), {}, [(3, 4, 5)]),
    ("LayerNorm", ((4, 5),), {"eps": 1e-3, "bias": False}, [(3, 4, 5)]),
    ("LayerNorm", ([5],), {"elementwise_affine": False}, [(3, 5)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
