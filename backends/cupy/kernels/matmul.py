"""Products of matrices and vectors on a card."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.backend import Kernel
from ....core.primitives.linalg import left, right
from ..launch import Launcher, type_of
from ..products import multiply, product, serves
from .epilogue import dots


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def matmul(x1: Any, x2: Any, /) -> Any:
        if not (x1.ndim and x2.ndim) or x1.shape[-1] != x2.shape[-2 if x2.ndim > 1 else 0] or not serves(x1, x2):
            # Products of integers are CuPy's own, and so is what it refuses.
            return gpu.xp.matmul(x1, x2)
        if x1.ndim == 1:
            if x2.ndim == 1:
                return _inner(gpu, x1, x2)
            out = product(gpu, x1.reshape(1, x1.size), x2)
            return out.reshape(*out.shape[:-2], out.shape[-1])
        if x2.ndim == 1:
            out = product(gpu, x1, x2.reshape(x2.size, 1))
            return out.reshape(out.shape[:-1])
        return product(gpu, x1, x2)

    def left_vjp(xp: Any, g: Any, x2: Any, x1_shape: Any) -> Any:
        if not serves(g, x2) or g.dtype.kind == "c" or not g.ndim:
            return left(xp, g, x2, x1_shape)
        if x2.ndim == 1:
            return product(gpu, g.reshape(*g.shape, 1), x2.reshape(1, -1))
        if len(x1_shape) == 1:
            out = product(gpu, g.reshape(*g.shape[:-1], 1, g.shape[-1]), x2.swapaxes(-1, -2))
            return out.reshape(*g.shape[:-1], x1_shape[0])
        if len(x1_shape) == 2 and x2.ndim > 2 and x2.shape[-1] * sum(x1_shape) < math.prod(x1_shape):
            # One matrix for a whole stack: the copies that make one product of it are less than what would be summed.
            rows, others = (gpu.xp.moveaxis(x, -2, 0).reshape(x.shape[-2], -1) for x in (g, x2))
            return product(gpu, rows, others.swapaxes(0, 1))
        return product(gpu, g, x2.swapaxes(-1, -2))

    def right_vjp(xp: Any, g: Any, x1: Any, x2_shape: Any) -> Any:
        if not serves(g, x1) or g.dtype.kind == "c" or not g.ndim:
            return right(xp, g, x1, x2_shape)
        if x1.ndim == 1:
            return product(gpu, x1.reshape(-1, 1), g.reshape(*g.shape[:-1], 1, g.shape[-1]))
        if len(x2_shape) == 1:
            return product(gpu, g.reshape(1, g.size), _rows(x1)).reshape(x2_shape)
        if len(x2_shape) == 2 and x1.ndim > 2:
            # One matrix for a whole stack: one product instead of a stack of them and a sum.
            return product(gpu, _rows(x1).swapaxes(0, 1), _rows(g))
        return product(gpu, x1.swapaxes(-1, -2), g)

    def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
        if not (x1.ndim and x2.ndim) or not serves(x1, x2) or type_of(x1) is None:
            return NotImplemented
        if axis != -1:
            x1, x2 = (gpu.xp.moveaxis(x, axis, -1) for x in (x1, x2))
        if x1.shape[-1] != x2.shape[-1]:
            return NotImplemented
        shape = np.broadcast_shapes(x1.shape, x2.shape)
        rows = [x if x.size == x.shape[-1] else gpu.xp.broadcast_to(x, shape) for x in (x1, x2)]
        return dots(gpu, gpu.contiguous(rows[0]), gpu.contiguous(rows[1]), shape[:-1])

    return {"matmul": Kernel(matmul, vjp=(left_vjp, right_vjp)), "vecdot": vecdot}


def _rows(x: Any) -> Any:
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _inner(gpu: Launcher, x1: Any, x2: Any) -> Any:
    """Return the product of two vectors."""
    if type_of(x1) is not None:
        return dots(gpu, gpu.contiguous(x1), gpu.contiguous(x2), ())
    out = gpu.empty((), x1.dtype)
    multiply(gpu, x1.reshape(1, -1), x2.reshape(-1, 1), out.reshape(1, 1))
    return out
