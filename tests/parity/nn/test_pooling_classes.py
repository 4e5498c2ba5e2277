"""Layers of pooling against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CASES: list[tuple[Any, ...]] = [
    ("MaxPool2d", (2,), {}, [(2, 3, 6, 7)]),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}, [(2, 3, 9, 8)]),
    ("MaxPool2d", ((3, 2),), {"stride": (1, 2)}, [(3, 6, 7)]),
    ("AvgPool2d", (2,), {}, [(2, 3, 6, 7)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 8, 8)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, [(3, 8, 7)]),
    ("AvgPool2d", ((2, 3),), {"divisor_override": 4}, [(2, 3, 8, 7)]),
    ("AdaptiveAvgPool2d", (1,), {}, [(2, 3, 6, 7)]),
    ("AdaptiveAvgPool2d", ((3, None),), {}, [(2, 3, 6, 7)]),
    ("AdaptiveAvgPool2d", ((4, 5),), {}, [(3, 6, 7)]),
    ("AdaptiveAvgPool2d", ((3, 2),), {}, [(1, 3, 6, 8)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
