"""Activations by their textbook formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def elu(x: Any, *, alpha: float, scale: float, input_scale: float) -> Any:
    return scale * np.where(x > 0, x, alpha * np.expm1(input_scale * x))


def logsigmoid(x: Any) -> Any:
    return -np.log1p(np.exp(-x))


def hardtanh(x: Any, *, min_val: float, max_val: float) -> Any:
    if x.dtype.kind in "iu":
        min_val, max_val = math.trunc(min_val), math.trunc(max_val)
    low = np.where(x < min_val, min_val, x)
    return np.where(low > max_val, max_val, low).astype(x.dtype)


def hardsigmoid(x: Any) -> Any:
    return np.where(x <= -3, 0, np.where(x >= 3, 1, x / 6 + 0.5))


def hardswish(x: Any) -> Any:
    # At minus infinity it is no number, as PyTorch's.
    return np.where((x <= -3) & (x > -np.inf), 0, np.where(x >= 3, x, x * (x + 3) / 6)) + 0 * np.where(x > 0, 0, x)


def prelu(x: Any, weight: Any) -> Any:
    return np.where(x > 0, x, x * weight)
