"""Activations by their textbook formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def elu(x: Any, *, alpha: float, scale: float, input_scale: float) -> Any:
    return scale * np.where(x > 0, x, alpha * (np.exp(input_scale * x) - 1))


def logsigmoid(x: Any) -> Any:
    return -np.log1p(np.exp(-x))


def hardtanh(x: Any, *, min_val: float, max_val: float) -> Any:
    if x.dtype.kind in "iu":
        min_val, max_val = math.trunc(min_val), math.trunc(max_val)
    return np.asarray([max(min_val, min(max_val, v)) for v in x.flat], x.dtype).reshape(x.shape)


def hardsigmoid(x: Any) -> Any:
    return np.where(x <= -3, 0, np.where(x >= 3, 1, x / 6 + 0.5))


def hardswish(x: Any) -> Any:
    return np.where(x <= -3, 0, np.where(x >= 3, x, x * (x + 3) / 6))


def prelu(x: Any, weight: Any) -> Any:
    return np.where(x > 0, x, x * weight)
