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

    return _reduced([one(a, b) for a, b in zip(x.flat, target.flat, strict=True)], x.shape, reduction)


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


def _reduced(losses: list[float], shape: Any, reduction: str) -> Any:
    if reduction == "none":
        return np.asarray(losses).reshape(shape)
    return np.asarray(math.fsum(losses) / (len(losses) if reduction == "mean" else 1))


def binary_cross_entropy(x: Any, target: Any, *, reduction: str) -> Any:
    losses = [-(t * math.log(p) + (1 - t) * math.log1p(-p)) for p, t in zip(x.flat, target.flat, strict=True)]
    return _reduced(losses, x.shape, reduction)


def binary_cross_entropy_with_logits(x: Any, target: Any, *, reduction: str) -> Any:
    def one(v: float, t: float) -> float:
        p = 1 / (1 + math.exp(-v))
        return -(t * math.log(p) + (1 - t) * math.log1p(-p))

    return _reduced([one(v, t) for v, t in zip(x.flat, target.flat, strict=True)], x.shape, reduction)


def nll_loss(x: Any, target: Any, weight: Any, *, ignore_index: int, reduction: str) -> Any:
    lines = np.moveaxis(x, 0 if x.ndim == 1 else 1, -1)
    found, counted = np.zeros(target.shape), 0.0
    for place in np.ndindex(*target.shape):
        label = int(target[place])
        if label != ignore_index:
            share = 1.0 if weight is None else float(weight[label])
            found[place] = -share * lines[place][label]
            counted += share
    if reduction == "none":
        return found
    return np.asarray(found.sum() / (counted if reduction == "mean" else 1))
