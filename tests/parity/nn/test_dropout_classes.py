"""Layers of dropout against PyTorch's; the format is told in `conftest.py`.

The draws differ from PyTorch's, so that what is compared is where nothing is drawn; `tests/unit/nn/test_dropout.py`
holds what the noise must be.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn

CASES: list[tuple[Any, ...]] = [
    ("Dropout", (0.0,), {}, [(3, 5)]),
    ("Dropout", (1.0,), {}, [(3, 5)]),
    ("Dropout", (0.3,), {"inplace": True}, [(3, 5)], {"modes": ("eval",)}),
    ("Dropout1d", (0.0,), {}, [(2, 3, 5)]),
    ("Dropout1d", (1.0,), {"inplace": True}, [(3, 5)]),
    ("Dropout1d", (0.3,), {}, [(2, 3, 5)], {"modes": ("eval",)}),
    ("Dropout2d", (0.0,), {}, [(2, 3, 5, 4)]),
    ("Dropout2d", (1.0,), {"inplace": True}, [(2, 3, 5)]),
    ("Dropout2d", (0.3,), {}, [(2, 3, 5, 4)], {"modes": ("eval",)}),
    ("Dropout3d", (0.0,), {}, [(2, 3, 5, 4, 2)]),
    ("Dropout3d", (1.0,), {"inplace": True}, [(3, 5, 4, 2)]),
    ("Dropout3d", (0.3,), {}, [(2, 3, 5, 4, 2)], {"modes": ("eval",)}),
    ("AlphaDropout", (0.0,), {}, [(3, 5)]),
    ("AlphaDropout", (1.0,), {"inplace": True}, [(3, 5)]),
    ("AlphaDropout", (0.3,), {}, [(3, 5)], {"modes": ("eval",)}),
    ("FeatureAlphaDropout", (0.0,), {}, [(2, 3, 5)]),
    ("FeatureAlphaDropout", (1.0,), {"inplace": True}, [(2, 3, 5)]),
    ("FeatureAlphaDropout", (0.3,), {}, [(2, 3, 5)], {"modes": ("eval",)}),
]

NAMES = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
REFUSALS: list[tuple[Any, ...]] = [
    (name, (p,), {}, f"{name}: p is a probability between 0 and 1, got {p}") for name in NAMES for p in (-0.1, 1.5)
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)


def outcome(library: Any, name: str, shape: tuple[int, ...], p: float) -> tuple[str, tuple[int, ...] | None]:
    """What a shape leads to: an error, a warning, or a result."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = getattr(library.nn.functional, name)(library.ones(shape), p, True)
        except (ValueError, RuntimeError):
            return "error", None
    kind = "warning" if any(w.category is UserWarning for w in caught) else "result"
    return kind, tuple(result.shape)


@pytest.mark.parametrize("p", [0.4, 0.0, 1.0])
@pytest.mark.parametrize("axes", range(7))
@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout", "alpha_dropout"])
def test_numbers_of_axes_are_taken_warned_of_or_refused_alike(torch: Any, name: str, axes: int, p: float) -> None:
    shape = (2, 3, 2, 3, 2, 3)[:axes]
    ours, theirs = outcome(cb, name, shape, p), outcome(torch, name, shape, p)
    # Without noise to make some shapes pass that are refused with it, here or there.
    if p == 0.4 or "error" not in (ours[0], theirs[0]):
        assert ours == theirs


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_two_values_of_alpha_dropout(torch: Any, p: float) -> None:
    torch.manual_seed(0)
    cb.manual_seed(0)
    for given in (0.0, 1.5):
        for name in ("alpha_dropout", "feature_alpha_dropout"):
            ours = getattr(nn.functional, name)(cb.full((40, 50), given, dtype=cb.float64), p, True)
            theirs = getattr(torch.nn.functional, name)(torch.full((40, 50), given, dtype=torch.float64), p, True)
            np.testing.assert_allclose(np.unique(ours.numpy()), torch.unique(theirs).numpy(), rtol=1e-12)
