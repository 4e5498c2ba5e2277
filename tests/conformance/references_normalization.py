"""The rows of normalization as explicit loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def rms_norm(x: Any, weight: Any, *, axes: int, eps: float | None) -> Any:
    found = np.zeros(x.shape)
    added = float(np.finfo(x.dtype).eps) if eps is None else eps
    for place in np.ndindex(*x.shape[:-axes]):
        square = math.fsum(float(v) ** 2 for v in x[place].flat) / x[place].size
        found[place] = x[place] / math.sqrt(square + added)
    return found if weight is None else found * weight


def group_norm(x: Any, weight: Any, bias: Any, *, num_groups: int, eps: float) -> Any:
    found = np.zeros(x.shape)
    per_group = x.shape[1] // num_groups
    for sample, group in np.ndindex(x.shape[0], num_groups):
        channels = slice(group * per_group, (group + 1) * per_group)
        values = [float(v) for v in x[sample, channels].flat]
        mean = math.fsum(values) / len(values)
        variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
        found[sample, channels] = (x[sample, channels] - mean) / math.sqrt(variance + eps)
    for c in range(x.shape[1]):
        found[:, c] = found[:, c] * (1 if weight is None else weight[c]) + (0 if bias is None else bias[c])
    return found
