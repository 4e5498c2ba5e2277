"""Attention as explicit loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def attention(q: Any, k: Any, v: Any, mask: Any, *, is_causal: bool, scale: Any) -> Any:
    lead, rows, columns = q.shape[:-2], q.shape[-2], k.shape[-2]
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (k, v))
    found = np.zeros((*lead, rows, v.shape[-1]))
    wide = None if mask is None else np.broadcast_to(mask, (*lead, rows, columns))
    for place in np.ndindex(*lead, rows):
        weights = []
        for j in range(columns):
            score = factor * float(np.sum(q[place] * k[(*place[:-1], j)]))
            if wide is not None and wide.dtype != bool:
                score += float(wide[(*place, j)])
            hidden = (is_causal and j > place[-1]) or (
                wide is not None and wide.dtype == bool and not wide[(*place, j)]
            )
            weights.append(0.0 if hidden else math.exp(score))
        total = math.fsum(weights)
        for j in range(columns):
            if total:
                found[place] += weights[j] / total * v[(*place[:-1], j)]
    return found
