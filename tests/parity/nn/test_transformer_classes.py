"""Layers of transformer against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CASES: list[tuple[Any, ...]] = [
    ("TransformerEncoderLayer", (8, 2, 16), {"dropout": 0.0}, [(5, 2, 8)]),
    (
        "TransformerEncoderLayer",
        (8, 2, 16),
        {"dropout": 0.0, "activation": "gelu", "norm_first": True, "batch_first": True, "layer_norm_eps": 1e-3},
        [(2, 5, 8)],
    ),
    ("TransformerEncoderLayer", (8, 2, 16), {"dropout": 0.0, "bias": False}, [(5, 8)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
