"""Layers of convolution against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CASES: list[tuple[Any, ...]] = [
    ("Conv2d", (4, 6, 3), {}, [(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 2), "bias": False}, [(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, 3), {"padding": "same", "dilation": (2, 1), "groups": 2}, [(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, (2, 4)), {"padding": "same"}, [(4, 7, 8)]),
    ("Conv2d", (4, 8, 3), {"groups": 4, "padding": "valid", "stride": 2}, [(2, 4, 7, 8)]),
    ("Conv2d", (2, 3, 3), {"padding": (1, 2), "padding_mode": "reflect"}, [(2, 2, 5, 6)]),
    ("Conv2d", (2, 3, 3), {"padding": 2, "padding_mode": "replicate"}, [(2, 2, 5, 6)]),
    ("Conv2d", (2, 3, (2, 3)), {"padding": "same", "padding_mode": "circular"}, [(2, 2, 5, 6)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
