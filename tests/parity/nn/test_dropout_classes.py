"""Layers of dropout against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CASES: list[tuple[Any, ...]] = [
    ("Dropout", (0.0,), {}, [(3, 5)]),
    ("Dropout", (1.0,), {}, [(3, 5)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
