"""Layers of distances against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

TWICE = {"order": 2}
CASES: list[tuple[Any, ...]] = [
    ("CosineSimilarity", (), {}, [(4, 3), (4, 3)], TWICE),
    ("CosineSimilarity", (0, 1e-3), {}, [(4, 3), (4, 1)], TWICE),
    ("CosineSimilarity", (-1, 2.0), {}, [(2, 1, 3), (5, 3)]),
    ("CosineSimilarity", (), {}, [np.zeros((2, 3)), (2, 3)]),
    ("PairwiseDistance", (), {}, [(4, 3), (4, 3)], TWICE),
    ("PairwiseDistance", (), {}, [(3,), (3,)], TWICE),
    ("PairwiseDistance", (1.0, 0.1), {"keepdim": True}, [(4, 3), (1, 3)]),
    ("PairwiseDistance", (3.0,), {}, [(2, 4, 3), (4, 3)]),
    ("PairwiseDistance", (0.0,), {}, [(4, 3), (4, 3)]),
    ("PairwiseDistance", (float("inf"),), {}, [(4, 3), (4, 3)]),
    ("PairwiseDistance", (2.5,), {"eps": 0.0}, [(4, 3), (4, 3)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
