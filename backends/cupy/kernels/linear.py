"""Linear maps on a card: one product over all leading axes, added to the bias."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ....core.backend import Kernel
from ..biased import Biased
from ..launch import Launcher, type_of
from ..products import multiply, serves
from .epilogue import column_sums, fill_rows


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    @cache
    def with_bias() -> Biased | None:
        library = gpu.blas_lt()
        return None if library is None else Biased(gpu, library)

    def linear(x: Any, weight: Any, bias: Any = None, /) -> Any:
        if not serves(x, weight) or type_of(x) is None or weight.ndim != 2 or x.shape[-1:] != weight.shape[1:]:
            return NotImplemented
        if bias is not None and (bias.dtype != x.dtype or bias.shape != weight.shape[:1]):
            return NotImplemented
        rows, outputs = math.prod(x.shape[:-1]), weight.shape[0]
        out = gpu.empty((rows, outputs), x.dtype)
        flat, turned = x.reshape(rows, x.shape[-1]), weight.swapaxes(0, 1)
        if bias is None:
            multiply(gpu, flat, turned, out)
        elif (biased := with_bias()) is None or not biased(flat, turned, bias, out):
            fill_rows(gpu, bias, out)
            multiply(gpu, flat, turned, out, add=True)
        return out.reshape(*x.shape[:-1], outputs)

    def linear_vjp(xp: Any, g: Any, x: Any, weight: Any, wants: tuple[bool, ...]) -> Any:
        if not serves(g, x, weight) or type_of(g) is None:
            return NotImplemented
        rows = math.prod(g.shape[:-1])
        g, flat = g.reshape(rows, g.shape[-1]), x.reshape(rows, x.shape[-1])
        by_x = by_weight = None
        if wants[0]:
            by_x = gpu.empty(flat.shape, g.dtype)
            multiply(gpu, g, weight, by_x)
            by_x = by_x.reshape(x.shape)
        if wants[1]:
            by_weight = gpu.empty(weight.shape, g.dtype)
            multiply(gpu, g.swapaxes(0, 1), flat, by_weight)
        return by_x, by_weight, column_sums(gpu, g) if len(wants) > 2 and wants[2] else None

    return {"linear": Kernel(linear, vjp=linear_vjp)}
