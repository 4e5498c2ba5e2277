"""Layers of shape against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CASES: list[tuple[Any, ...]] = [
    ("Flatten", (), {}, [(2, 3, 4, 5)]),
    ("Flatten", (), {"start_dim": 0, "end_dim": -2}, [(2, 3, 4, 5)]),
    ("Unflatten", (1, (2, 3)), {}, [(4, 6, 5)]),
    ("Unflatten", (), {"dim": -1, "unflattened_size": [2, -1]}, [(4, 6)]),
]
REFUSALS: list[tuple[Any, ...]] = [
    ("Unflatten", ("C", (2, 3)), {}, "Unflatten: axes have no names here"),
    ("Unflatten", (1, (("A", 2), ("B", 3))), {}, "Unflatten: axes have no names here"),
    ("Unflatten", (1, 6), {}, "Unflatten: unflattened_size is a tuple of ints, got int"),
    ("Unflatten", (1, (2, 3.0)), {}, "got float at place 1"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
