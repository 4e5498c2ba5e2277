"""Steps of optimizers on a card: one launch for as many parameters as a kernel's argument has room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..launch import Launcher, float64, type_of

# As in optimizer.cu.
MOST, LISTS, CHUNK = 36, 4, 8192
THREADS = 512
PARAMETERS = np.dtype(
    [
        ("from", np.uint64, (LISTS + 1, MOST)), ("to", np.uint64, (LISTS, MOST)), ("sizes", np.int64, MOST),
        ("first", np.float64, MOST), ("second", np.float64, MOST), ("blocks", np.int32, MOST),
        ("count", np.int32), ("pad", np.int32),
    ]
)  # fmt: skip


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def step(
        kernel: str, lists: Sequence[list[Any]], written: Sequence[int], donate: bool, first: Sequence[float],
        second: Sequence[float], told: Sequence[Any],
    ) -> Any:  # fmt: skip
        """Run a step; `written` says which of the lists are, an empty one is None for the kernel."""
        params = lists[0]
        if any(type_of(p) is None or a[i].dtype != p.dtype for i, p in enumerate(params) for a in lists if a):
            return NotImplemented
        read = [[gpu.contiguous(x) for x in arrays] for arrays in lists]
        results = [
            read[which] if donate else [gpu.empty(x.shape, x.dtype) for x in read[which]] for which in written
        ]
        kinds: dict[str, list[int]] = {}
        for i, p in enumerate(params):
            if p.size:
                kinds.setdefault(str(type_of(p)), []).append(i)
        for kind, members in kinds.items():
            for start in range(0, len(members), MOST):
                chosen = members[start : start + MOST]
                table = np.zeros((), PARAMETERS)
                for slots, groups in (("from", read), ("to", results)):
                    for line, arrays in enumerate(groups):
                        if arrays:
                            table[slots][line, : len(chosen)] = [gpu.address(arrays[i]) for i in chosen]
                sizes = [params[i].size for i in chosen]
                table["sizes"][: len(chosen)] = sizes
                table["first"][: len(chosen)] = [first[i] for i in chosen]
                table["second"][: len(chosen)] = [second[i] for i in chosen]
                blocks = np.cumsum([-(-size // CHUNK) for size in sizes])
                table["blocks"][: len(chosen)] = blocks
                table["count"] = len(chosen)
                gpu.run("optimizer", f"{kernel}<{kind}>", int(blocks[-1]), THREADS, table, *told)
        if donate:
            # What had to be made contiguous was overwritten in its copy alone.
            return tuple(read[which] for which in written)
        return tuple(results)

    def adam_step(
        params: list[Any], grads: list[Any], exp_avgs: list[Any], exp_avg_sqs: list[Any], tops: list[Any], /, *,
        steps: Sequence[float], lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, amsgrad: bool,
        maximize: bool, decoupled: bool, donate: bool = False,
    ) -> Any:  # fmt: skip
        told: list[Any] = [float64(x) for x in (lr, beta1, beta2, eps, weight_decay)]
        told += [np.bool_(x) for x in (amsgrad, maximize, decoupled)]
        scales = [lr / (1 - beta1**n) for n in steps]
        roots = [math.sqrt(1 - beta2**n) for n in steps]
        return step("adam", (params, grads, exp_avgs, exp_avg_sqs, tops), (0, 2, 3, 4), donate, scales, roots, told)

    def sgd_step(
        params: list[Any], grads: list[Any], buffers: list[Any], /, *, lr: float, momentum: float, dampening: float,
        weight_decay: float, nesterov: bool, maximize: bool, first: Sequence[bool], donate: bool = False,
    ) -> Any:  # fmt: skip
        told: list[Any] = [float64(x) for x in (lr, momentum, dampening, weight_decay)]
        told += [np.bool_(x) for x in (nesterov, maximize)]
        # A buffer that starts as the gradient may not be there yet.
        buffers = [gpu.empty(p.shape, p.dtype) if b is None else b for p, b in zip(params, buffers, strict=False)]
        starts = [float(bool(x)) for x in first] if momentum else [0.0] * len(params)
        return step("sgd", (params, grads, buffers), (0, 2), donate, starts, starts, told)

    def rmsprop_step(
        params: list[Any], grads: list[Any], squares: list[Any], buffers: list[Any], means: list[Any], /, *, lr: float,
        rho: float, eps: float, weight_decay: float, momentum: float, centered: bool, maximize: bool,
        donate: bool = False,
    ) -> Any:  # fmt: skip
        told: list[Any] = [float64(x) for x in (lr, rho, eps, weight_decay, momentum)]
        told += [np.bool_(x) for x in (centered, maximize)]
        none = [0.0] * len(params)
        return step("rmsprop", (params, grads, squares, buffers, means), (0, 2, 3, 4), donate, none, none, told)

    def average_step(
        averages: list[Any], values: list[Any], /, *, share: float, donate: bool = False
    ) -> Any:
        none = [0.0] * len(averages)
        return step("average", (averages, values), (0,), donate, none, none, [float64(share)])

    return {
        "adam_step": adam_step,
        "sgd_step": sgd_step,
        "rmsprop_step": rmsprop_step,
        "average_step": average_step,
    }
