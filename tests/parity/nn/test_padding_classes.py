"""Layers of padding and folding against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

LINE, SQUARE, CUBE = (2, 3, 5), (2, 3, 4, 5), (1, 2, 3, 4, 5)
BOTH = {"order": 2}

CASES: list[tuple[Any, ...]] = [
    ("ConstantPad1d", (2, 1.5), {}, [LINE], BOTH),
    ("ConstantPad1d", ((1, -2),), {"value": -3.0}, [(3, 5)]),
    ("ConstantPad2d", (1, 7.0), {}, [SQUARE]),
    ("ConstantPad2d", ((1, 0, -1, 2),), {"value": 0.5}, [(3, 4, 5)], BOTH),
    ("ConstantPad3d", (1, 7.0), {}, [CUBE]),
    ("ConstantPad3d", ((1, 0, -1, 2, 3, 0), 0.5), {}, [(2, 3, 4, 5)]),
    ("ZeroPad1d", (2,), {}, [LINE]),
    ("ZeroPad1d", ((0, 3),), {}, [(2, 3, 4, 5)]),
    ("ZeroPad2d", (1,), {}, [SQUARE], BOTH),
    ("ZeroPad2d", ((1, 0, 2, -1),), {}, [(3, 4, 5)]),
    ("ZeroPad3d", (1,), {}, [CUBE]),
    ("ZeroPad3d", ((1, 0, 2, -1, 0, 1),), {}, [(2, 3, 4, 5)]),
    ("ReflectionPad1d", (2,), {}, [LINE], BOTH),
    ("ReflectionPad1d", ((4, 0),), {}, [(3, 5)]),
    ("ReflectionPad1d", ((-1, 3),), {}, [(3, 5)]),
    ("ReflectionPad2d", (2,), {}, [SQUARE], BOTH),
    ("ReflectionPad2d", ((1, 4, 3, 0),), {}, [(3, 4, 5)]),
    ("ReflectionPad3d", (1,), {}, [CUBE], BOTH),
    ("ReflectionPad3d", ((4, 0, 0, 3, 1, 2),), {}, [(2, 3, 4, 5)]),
    ("ReplicationPad1d", (2,), {}, [LINE], BOTH),
    ("ReplicationPad1d", ((7, 0),), {}, [(3, 5)]),
    ("ReplicationPad1d", ((-2, 1),), {}, [(3, 5)]),
    ("ReplicationPad2d", (2,), {}, [SQUARE], BOTH),
    ("ReplicationPad2d", ((1, 6, 5, 0),), {}, [(3, 4, 5)]),
    ("ReplicationPad3d", (1,), {}, [CUBE], BOTH),
    ("ReplicationPad3d", ((6, 0, 0, 5, 1, 2),), {}, [(2, 3, 4, 5)]),
    ("CircularPad1d", (2,), {}, [LINE], BOTH),
    ("CircularPad1d", ((5, 5),), {}, [(3, 5)]),
    ("CircularPad1d", ((-1, 2),), {}, [(3, 5)]),
    ("CircularPad2d", (2,), {}, [SQUARE], BOTH),
    ("CircularPad2d", ((1, 5, 4, 0),), {}, [(3, 4, 5)]),
    ("CircularPad3d", (1,), {}, [CUBE], BOTH),
    ("CircularPad3d", ((5, 0, 0, 4, 1, 3),), {}, [(2, 3, 4, 5)]),
    ("Unfold", (2,), {}, [SQUARE], BOTH),
    ("Unfold", ((3, 2),), {"dilation": (1, 2), "padding": (2, 1), "stride": (2, 1)}, [(3, 5, 6)], BOTH),
    ("Fold", ((4, 5), 2), {}, [(2, 12, 12)], BOTH),
    ("Fold", ((5, 6), (3, 2)), {"dilation": (1, 2), "padding": (2, 1), "stride": (2, 1)}, [(12, 24)], BOTH),
]

REFUSALS: list[tuple[Any, ...]] = [
    ("ZeroPad2d", ((1, 2),), {}, r"ZeroPad2d: padding is an int or 4 ints, the widths of both sides, got \(1, 2\)"),
    ("ReflectionPad1d", (1.5,), {}, r"ReflectionPad1d: padding is an int or 2 ints, .*, got 1.5"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
