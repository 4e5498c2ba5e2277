"""Layers of resampling and shuffling against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

LINE, SQUARE, CUBE = (2, 3, 5), (2, 3, 4, 5), (1, 2, 3, 4, 5)
BOTH = {"order": 2}

CASES: list[tuple[Any, ...]] = [
    ("Upsample", (7,), {}, [LINE], BOTH),
    ("Upsample", (None, 2), {}, [SQUARE], BOTH),
    ("Upsample", (), {"size": (7, 3), "mode": "bilinear"}, [SQUARE], BOTH),
    ("Upsample", (), {"scale_factor": (1.7, 0.6), "mode": "bilinear", "align_corners": True}, [SQUARE], BOTH),
    ("Upsample", (), {"scale_factor": 1.3, "mode": "bicubic", "recompute_scale_factor": True}, [SQUARE], BOTH),
    ("Upsample", (), {"scale_factor": 1.3, "mode": "trilinear"}, [CUBE], BOTH),
    ("Upsample", (), {"size": 8, "mode": "area"}, [LINE], BOTH),
    ("UpsamplingNearest2d", (3,), {}, [SQUARE]),
    ("UpsamplingNearest2d", (), {"scale_factor": (2, 1.5)}, [SQUARE], BOTH),
    ("UpsamplingBilinear2d", ((6, 3),), {}, [SQUARE]),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2}, [SQUARE], BOTH),
    ("PixelShuffle", (2,), {}, [(2, 8, 3, 4)], BOTH),
    ("PixelShuffle", (3,), {}, [(9, 3, 4)]),
    ("PixelUnshuffle", (2,), {}, [(2, 3, 4, 6)], BOTH),
    ("PixelUnshuffle", (3,), {}, [(2, 2, 1, 3, 6)]),
    ("ChannelShuffle", (2,), {}, [(2, 6, 3, 4)], BOTH),
    ("ChannelShuffle", (3,), {}, [(2, 6, 3)]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)
