"""Layers of pooling against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

LINE, LONE, SQUARE, CUBE = (2, 3, 9), (3, 10), (2, 3, 6, 7), (2, 2, 5, 6, 4)
BOTH = {"order": 2}


def _positive(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(0.5, 2.0, shape)


def _uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(6).uniform(0.0, 1.0, shape)


def _unpool(axes: int, *size: int) -> list[np.ndarray]:
    """Values and places as a pooling of windows of two would give them."""
    values = np.random.default_rng(7).standard_normal((2, 3, *size))
    whole = tuple(2 * n for n in size)
    places = np.zeros(values.shape, dtype=np.int64)
    for window in np.ndindex(*size):
        corner = tuple(2 * w + (sum(window) + i) % 2 for i, w in enumerate(window))
        places[(slice(None), slice(None), *window)] = np.ravel_multi_index(corner, whole)
    return [values, places]


CASES: list[tuple[Any, ...]] = [
    ("MaxPool1d", (2,), {}, [LINE]),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}, [(2, 3, 10)]),
    ("MaxPool1d", (3,), {"return_indices": True}, [LONE]),
    ("MaxPool2d", (2,), {}, [SQUARE], BOTH),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}, [(2, 3, 9, 8)]),
    ("MaxPool2d", ((3, 2),), {"stride": (1, 2), "return_indices": True}, [(3, 6, 7)]),
    ("MaxPool2d", (3,), {"stride": 1, "padding": 1}, [SQUARE]),
    ("MaxPool3d", (2,), {}, [CUBE]),
    ("MaxPool3d", (3,), {"stride": (2, 1, 2), "padding": 1, "ceil_mode": True}, [CUBE]),
    ("MaxPool3d", ((2, 1, 2),), {"dilation": (2, 1, 1), "return_indices": True}, [(2, 5, 6, 4)]),
    ("AvgPool1d", (2,), {}, [LINE], BOTH),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 8)], BOTH),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, [LONE]),
    ("AvgPool2d", (2,), {}, [SQUARE], BOTH),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 8, 8)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, [(3, 8, 7)]),
    ("AvgPool2d", ((2, 3),), {"divisor_override": 4}, [(2, 3, 8, 7)], BOTH),
    ("AvgPool3d", (2,), {}, [CUBE], BOTH),
    ("AvgPool3d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}, [CUBE]),
    ("AvgPool3d", ((2, 3, 1),), {"stride": 1, "divisor_override": -3}, [(2, 5, 6, 4)]),
    ("LPPool1d", (2, 3), {}, [LINE]),
    ("LPPool1d", (3.5, 2), {"stride": 3, "ceil_mode": True}, [_positive(3, 10)]),
    ("LPPool2d", (2, 2), {}, [SQUARE]),
    ("LPPool2d", (1.5, (3, 2)), {"stride": (1, 2), "ceil_mode": True}, [_positive(2, 3, 6, 7)], BOTH),
    ("LPPool3d", (2, 2), {}, [CUBE]),
    ("LPPool3d", (3, (2, 1, 2)), {"stride": 1, "ceil_mode": True}, [_positive(2, 5, 6, 4)]),
    ("AdaptiveAvgPool1d", (4,), {}, [LINE], BOTH),
    ("AdaptiveAvgPool1d", ((12,),), {}, [LONE], BOTH),
    ("AdaptiveAvgPool2d", (1,), {}, [SQUARE], BOTH),
    ("AdaptiveAvgPool2d", ((3, None),), {}, [SQUARE]),
    ("AdaptiveAvgPool2d", ((4, 5),), {}, [(3, 6, 7)], BOTH),
    ("AdaptiveAvgPool2d", ((3, 2),), {}, [(1, 3, 6, 8)]),
    ("AdaptiveAvgPool3d", (1,), {}, [CUBE]),
    ("AdaptiveAvgPool3d", ((2, None, 7),), {}, [CUBE], BOTH),
    ("AdaptiveMaxPool1d", (4,), {}, [LINE]),
    ("AdaptiveMaxPool1d", (12,), {"return_indices": True}, [LONE]),
    ("AdaptiveMaxPool2d", (3,), {}, [SQUARE], BOTH),
    ("AdaptiveMaxPool2d", ((4, None),), {"return_indices": True}, [SQUARE]),
    ("AdaptiveMaxPool2d", ((5, 4),), {"return_indices": True}, [(3, 6, 7)]),
    ("AdaptiveMaxPool3d", ((1, 3, 2),), {}, [CUBE]),
    ("AdaptiveMaxPool3d", ((None, 4, 3),), {"return_indices": True}, [(2, 5, 6, 4)]),
    ("MaxUnpool1d", (2,), {}, _unpool(1, 4), BOTH),
    ("MaxUnpool1d", (3, 2, 1), {}, _unpool(1, 4), {"call": {"output_size": (8,)}}),
    ("MaxUnpool2d", (2,), {}, _unpool(2, 3, 2), BOTH),
    ("MaxUnpool2d", ((3, 2),), {"stride": 2, "padding": (1, 0)}, _unpool(2, 3, 2),
     {"call": {"output_size": (2, 3, 6, 5)}}),
    ("MaxUnpool3d", (2,), {}, _unpool(3, 2, 3, 2)),
    ("MaxUnpool3d", (3,), {"stride": 2, "padding": 1}, _unpool(3, 2, 3, 2), {"call": {"output_size": (4, 6, 4)}}),
    ("FractionalMaxPool2d", (2,), {"output_size": (3, 4), "_random_samples": _uniform(2, 3, 2)}, [SQUARE], BOTH),
    ("FractionalMaxPool2d", ((3, 2),), {"output_ratio": (0.5, 0.7), "_random_samples": _uniform(2, 3, 2),
                                        "return_indices": True}, [SQUARE]),
    ("FractionalMaxPool2d", (2,), {"output_size": 1, "_random_samples": _uniform(1, 3, 2)}, [(3, 6, 7)]),
    ("FractionalMaxPool3d", (2,), {"output_size": (3, 4, 2), "_random_samples": _uniform(2, 2, 3)}, [CUBE]),
    ("FractionalMaxPool3d", ((1, 3, 2),), {"output_ratio": 0.5, "_random_samples": _uniform(2, 2, 3),
                                           "return_indices": True}, [CUBE]),
]  # fmt: skip

REFUSALS: list[tuple[Any, ...]] = [
    ("FractionalMaxPool2d", (2,), {}, "FractionalMaxPool2d: give either output_size or output_ratio"),
    ("FractionalMaxPool2d", (2, 3, 0.5), {}, "FractionalMaxPool2d: give either output_size or output_ratio"),
    ("FractionalMaxPool3d", (2,), {"output_ratio": 1.5}, "FractionalMaxPool3d: output_ratio .* between 0 and 1"),
    ("MaxUnpool2d", ((2, 2, 2),), {}, r"MaxUnpool2d: kernel_size is an int or a pair of ints, got \(2, 2, 2\)"),
    ("AvgPool1d", ("two",), {}, "AvgPool1d: kernel_size is an int or one int, got 'two'"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
