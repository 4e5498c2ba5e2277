"""Losses as explicit loops."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np


def smooth_l1_loss(x: Any, target: Any, *, reduction: str, width: float) -> Any:
    def one(a: float, b: float) -> float:
        d = abs(a - b)
        return d * d / (2 * width) if d < width else d - width / 2

    losses = [one(a, b) for a, b in zip(x.flat, target.flat, strict=True)]
    if reduction == "none":
        return np.asarray(losses).reshape(x.shape)
    return np.asarray(math.fsum(losses) / (len(losses) if reduction == "mean" else 1))


def ctc_loss(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int) -> Any:
    """Every path of classes, its repetitions and blanks taken out, is compared with the target."""
    found = []
    for n in range(log_probs.shape[1]):
        steps = int(input_lengths[n])
        wanted = [int(label) for label in targets[n, : target_lengths[n]]]
        total = 0.0
        for path in itertools.product(range(log_probs.shape[2]), repeat=steps):
            merged = [c for c, _ in itertools.groupby(path) if c != blank]
            if merged == wanted:
                total += math.exp(math.fsum(log_probs[t, n, c] for t, c in enumerate(path)))
        found.append(-math.log(total) if total else math.inf)
    return np.asarray(found)
