"""Cross entropy on a card; a class that is none is told at the next synchronisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.backend import Kernel
from ..launch import TYPES, Launcher, float64, int64, nothing, threads_for, type_of, without_residuals


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def train(
        x: Any, target: Any, weight: Any = None, /, *, ignore_index: int, reduction: str, label_smoothing: float
    ) -> Any:
        kind = type_of(x)
        if kind is None or x.size == 0 or (weight is not None and weight.dtype != x.dtype):
            return NotImplemented
        if target.dtype.name not in ("int32", "int64"):
            target = target.astype(np.int64)
        x, target = gpu.contiguous(x), gpu.contiguous(target)
        weight = weight if weight is None else gpu.contiguous(weight)
        classes, inner = (x.shape[1], math.prod(x.shape[2:])) if x.ndim > 1 else (x.shape[0], 1)
        losses, factors = (gpu.empty(target.shape, x.dtype) for _ in range(2))
        lse = gpu.empty(target.shape, gpu.computed(x))
        gpu.run(
            "loss", f"cross_entropy<{kind}, {TYPES[target.dtype.name]}>", target.size, threads_for(classes), x, target,
            nothing(weight), losses, lse, factors, int64(classes), int64(inner), int64(ignore_index),
            float64(label_smoothing), gpu.fault("cross_entropy"),
        )  # fmt: skip
        count = gpu.xp.sum(factors, dtype=lse.dtype).astype(x.dtype) if reduction == "mean" else None
        if reduction == "none":
            return losses, (target, lse, count)
        total = gpu.xp.sum(losses, dtype=lse.dtype)
        result = total.astype(x.dtype) if count is None else (total / count).astype(x.dtype)
        return result, (target, lse, count)

    def vjp(
        xp: Any, g: Any, x: Any, weight: Any, labels: Any, lse: Any, count: Any, ignore_index: int,
        label_smoothing: float, wants: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        if wants[2] or g.dtype != x.dtype:
            # Class weights are data, seldom differentiated: the row does it.
            return NotImplemented
        if not wants[0]:
            return None, None, None
        x, g = gpu.contiguous(x), gpu.contiguous(g)
        weight = weight if weight is None else gpu.contiguous(weight)
        classes, inner = (x.shape[1], math.prod(x.shape[2:])) if x.ndim > 1 else (x.shape[0], 1)
        out = gpu.empty(x.shape, x.dtype)
        gpu.run(
            "loss", f"cross_entropy_grad<{type_of(x)}, {TYPES[labels.dtype.name]}>", labels.size,
            threads_for(classes), x, labels, nothing(weight), lse, g, nothing(count), out, int64(classes),
            int64(inner), int64(ignore_index), float64(label_smoothing), np.bool_(g.size > 1 or labels.size == 1),
            np.bool_(count is not None), gpu.fault("cross_entropy"),
        )  # fmt: skip
        return out, None, None

    return {"cross_entropy": Kernel(without_residuals(train), train, vjp, ("labels", "lse", "count"))}
