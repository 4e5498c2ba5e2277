"""Dropout on a card: one kernel draws, compares and scales, and keeps a bit for each element for the way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....core.backend import Kernel
from ...numpy.random import threshold
from ..launch import Launcher, float64, int64, nothing, type_of, type_of_dtype
from .random import stream


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def dropped(x: Any, key: int, counter: int, keep: float, wide: bool, remember: bool) -> Any:
        kind, bound = type_of(x), threshold(keep, wide)
        if kind is None or bound is None or keep <= 0:
            return NotImplemented
        x = gpu.contiguous(x)
        out = gpu.empty(x.shape, x.dtype)
        blocks = -(-x.size // (4 if wide else 8))
        bits = gpu.empty((blocks,), np.uint8) if remember else None
        gpu.run_each(
            "dropout", f"dropout<{kind}>", blocks, x, out, nothing(bits), int64(x.size), *stream(key, counter),
            np.uint64(bound), float64(1 / keep), np.bool_(wide),
        )  # fmt: skip
        return out, (bits,)

    def forward(x: Any, /, *, key: int, counter: int, keep: float, wide: bool) -> Any:
        found = dropped(x, key, counter, keep, wide, remember=False)
        return found if found is NotImplemented else found[0]

    def train(x: Any, /, *, key: int, counter: int, keep: float, wide: bool) -> Any:
        return dropped(x, key, counter, keep, wide, remember=True)

    def vjp(xp: Any, g: Any, bits: Any, keep: float, wide: bool, wants: tuple[bool, ...]) -> Any:
        kind = type_of_dtype(g.dtype)
        if kind is None:
            return NotImplemented
        g = gpu.contiguous(g)
        out = gpu.empty(g.shape, g.dtype)
        told = (int64(g.size), float64(1 / keep), np.bool_(wide))
        gpu.run_each("dropout", f"dropout_back<{kind}>", bits.size, g, out, bits, *told)
        return (out,)

    return {"random_dropout": Kernel(forward, train, vjp, ("bits",))}
