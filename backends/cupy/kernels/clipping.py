"""Clipping on a card: the norm of many arrays in a launch or two, which nothing waits for, and cutting down by it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.dtypes import as_dtype
from ....core.primitives.clipping import SMALL, norm_dtype
from ..launch import TYPES, Launcher, float64, int64, name_of
from .parameters import KINDS, THREADS, Steps, alike, parts

# As in clipping.cu.
COUNTED, ADDED, SQUARED, RAISED, GREATEST, LEAST = range(6)
WAYS = {0.0: COUNTED, 1.0: ADDED, 2.0: SQUARED, math.inf: GREATEST, -math.inf: LEAST}
TOTALS = ("float32", "float64", "float16", "bfloat16")


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""
    step = Steps(gpu, "clipping")

    def total_norm(tensors: list[Any], /, *, norm_type: float) -> Any:
        if any(name_of(x.dtype) not in KINDS for x in tensors):
            return NotImplemented
        dense = [x if alike([x]) else gpu.contiguous(x) for x in tensors]
        kind = norm_dtype([as_dtype(name_of(x.dtype)) for x in tensors]).name
        # All dtypes are of some tensor, or of float32, which is CuPy's.
        out = gpu.empty((), next((x.dtype for x in tensors if name_of(x.dtype) == kind), np.dtype(kind)))
        how = np.int32(WAYS.get(norm_type, RAISED)), float64(norm_type)
        launches = list(parts(gpu, (dense,), ()))
        count = sum(part.blocks for part in launches)
        found = gpu.empty((count,), np.float64)
        address = gpu.address(found)
        for part in launches:
            expression = f"norm_parts<{part.kind}, {'true' if part.each == 2 else 'false'}>"
            gpu.run("clipping", expression, part.blocks, THREADS, part.table, np.uint64(address), *how)
            address += part.blocks * found.itemsize
        gpu.run("clipping", f"norm_joined<{TYPES[kind]}>", 1, 1024, found, int64(count), out, *how)
        return out

    def clip_norm_step(grads: list[Any], total: Any, /, *, max_norm: float, donate: bool = False) -> Any:
        if name_of(total.dtype) not in TOTALS:
            return NotImplemented
        told = total, np.int32(TOTALS.index(name_of(total.dtype))), max_norm, SMALL
        return step("clip_norm", (grads,), donate, told)

    def clip_value_step(grads: list[Any], /, *, bound: float, donate: bool = False) -> Any:
        return step("clip_value", (grads,), donate, (bound,))

    return {"total_norm": total_norm, "clip_norm_step": clip_norm_step, "clip_value_step": clip_value_step}
