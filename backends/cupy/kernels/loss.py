"""Cross entropy and likelihood on a card; a class that is none is told at the next synchronisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.backend import Kernel
from ..launch import TYPES, Launcher, float64, int64, name_of, nothing, threads_for, type_of, without_residuals


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def taken(x: Any, target: Any, weight: Any) -> tuple[Any, ...]:
        """Operands in C order, and how many classes there are, and how far apart."""
        if name_of(target.dtype) not in ("int32", "int64"):
            target = target.astype(np.int64)
        classes, inner = (x.shape[1], math.prod(x.shape[2:])) if x.ndim > 1 else (x.shape[0], 1)
        weight = weight if weight is None else gpu.contiguous(weight)
        return gpu.contiguous(x), gpu.contiguous(target), weight, classes, inner

    def refused(x: Any, weight: Any) -> bool:
        return type_of(x) is None or x.size == 0 or (weight is not None and weight.dtype != x.dtype)

    def reduced(x: Any, losses: Any, factors: Any, reduction: str) -> tuple[Any, Any]:
        """Return the result, and what a mean was divided by, in the dtype that kernels compute in."""
        if reduction == "none":
            return losses.astype(x.dtype, copy=False), None
        total = gpu.xp.sum(losses, dtype=losses.dtype)
        count = gpu.xp.sum(factors, dtype=losses.dtype) if reduction == "mean" else None
        return (total if count is None else total / count).astype(x.dtype, copy=False), count

    def train(
        x: Any, target: Any, weight: Any = None, /, *, ignore_index: int, reduction: str, label_smoothing: float
    ) -> Any:
        if refused(x, weight):
            return NotImplemented
        x, target, weight, classes, inner = taken(x, target, weight)
        losses, lse, factors = (gpu.empty(target.shape, gpu.computed(x)) for _ in range(3))
        kinds = f"<{type_of(x)}, {TYPES[name_of(target.dtype)]}>"
        arrays = (x, target, nothing(weight), losses, lse, factors)
        told = (int64(ignore_index), float64(label_smoothing), gpu.fault("cross_entropy"))
        if inner == 1:
            threads = threads_for(classes)
            gpu.run("loss", f"cross_entropy_rows{kinds}", target.size, threads, *arrays, int64(classes), *told)
        else:
            sizes = (int64(target.size), int64(classes), int64(inner))
            gpu.run_each("loss", f"cross_entropy_columns{kinds}", target.size, *arrays, *sizes, *told)
        result, count = reduced(x, losses, factors, reduction)
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
        x, labels, weight, classes, inner = taken(x, labels, weight)
        g, out = gpu.contiguous(g), gpu.empty(x.shape, x.dtype)
        kinds = f"<{type_of(x)}, {TYPES[name_of(labels.dtype)]}>"
        arrays = (x, labels, nothing(weight), lse, g, nothing(count), out)
        told = (int64(ignore_index), float64(label_smoothing), np.bool_(g.size > 1), gpu.fault("cross_entropy"))
        if inner == 1:
            threads = threads_for(classes)
            gpu.run("loss", f"cross_entropy_rows_back{kinds}", labels.size, threads, *arrays, int64(classes), *told)
        else:
            sizes = (int64(labels.size), int64(classes), int64(inner))
            gpu.run_each("loss", f"cross_entropy_columns_back{kinds}", labels.size, *arrays, *sizes, *told)
        return out, None, None

    def train_nll(x: Any, target: Any, weight: Any = None, /, *, ignore_index: int, reduction: str) -> Any:
        if refused(x, weight):
            return NotImplemented
        x, target, weight, classes, inner = taken(x, target, weight)
        losses, factors = (gpu.empty(target.shape, gpu.computed(x)) for _ in range(2))
        gpu.run_each(
            "loss", f"nll<{type_of(x)}, {TYPES[name_of(target.dtype)]}>", target.size, x, target, nothing(weight),
            losses, factors, int64(target.size), int64(classes), int64(inner), int64(ignore_index),
            gpu.fault("nll_loss"),
        )  # fmt: skip
        result, count = reduced(x, losses, factors, reduction)
        return result, (target, count)

    def vjp_nll(
        xp: Any, g: Any, x: Any, weight: Any, labels: Any, count: Any, ignore_index: int, wants: tuple[bool, ...]
    ) -> Any:
        if wants[2] or g.dtype != x.dtype:
            return NotImplemented
        if not wants[0]:
            return None, None, None
        x, labels, weight, classes, inner = taken(x, labels, weight)
        g, out = gpu.contiguous(g), gpu.zeros(x.shape, x.dtype)
        gpu.run_each(
            "loss", f"nll_back<{type_of(x)}, {TYPES[name_of(labels.dtype)]}>", labels.size, labels, nothing(weight), g,
            nothing(count), out, int64(labels.size), int64(classes), int64(inner), int64(ignore_index),
            np.bool_(g.size > 1), gpu.fault("nll_loss"),
        )  # fmt: skip
        return out, None, None

    return {
        "cross_entropy": Kernel(without_residuals(train), train, vjp, ("labels", "lse", "count")),
        "nll_loss": Kernel(without_residuals(train_nll), train_nll, vjp_nll, ("labels", "count")),
    }
