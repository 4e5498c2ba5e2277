"""Layers of linear against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CASES: list[tuple[Any, ...]] = [
    ("Linear", (5, 3), {}, [(4, 5)]),
    ("Linear", (5, 3), {"bias": False}, [(2, 4, 5)]),
    ("Linear", (5, 3), {}, [(5,)]),
    ("Identity", (), {}, [(3,)]),
    ("Identity", (54,), {"unused_argument": True}, [(3, 2)]),
    ("Bilinear", (2, 3, 4), {}, [(5, 2), (5, 3)], {"order": 2}),
    ("Bilinear", (2, 3, 4), {"bias": False}, [(5, 6, 2), (5, 6, 3)]),
    ("Bilinear", (1, 1, 1), {}, [(1,), (1,)]),
]
REFUSALS: list[tuple[Any, ...]] = [
    ("Linear", (-1, 2), {}, "Linear: in_features and out_features are not negative"),
    ("Bilinear", (0, 2, 3), {}, "Bilinear: in1_features is positive, got 0"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
