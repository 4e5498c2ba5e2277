"""Pooling on a card. A gradient gathers from the windows that an input is in, so it is the same in every run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.backend import Kernel
from ....core.primitives.pooling import pooled_size
from ..launch import TYPES, Launcher, float64, name_of, nothing, type_of

Sizes = tuple[int, ...]
# As in pooling.cu.
NAMES = ("sizes", "out", "kernel", "stride", "padding", "dilation")
WINDOWS = np.dtype([("planes", np.int64), *((name, np.int64, 3) for name in NAMES)])


def windows(
    shape: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Any, Sizes]:
    """Return what kernels are told of the windows, and the result's shape."""
    axes = len(kernel)
    sizes = shape[len(shape) - axes :]
    how = zip(sizes, kernel, stride, padding, dilation, strict=True)
    out = tuple(pooled_size(n, k, s, p, d, ceil_mode) for n, k, s, p, d in how)
    told = np.zeros((), WINDOWS)
    told["planes"] = math.prod(shape[: len(shape) - axes])
    for name, values, fill in zip(NAMES, (sizes, out, kernel, stride, padding, dilation), (1, 1, 1, 1, 0, 1)):
        told[name] = (fill,) * (3 - axes) + tuple(values)
    return told, (*shape[: len(shape) - axes], *out)


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def largest(x: Any, keep: bool, how: dict[str, Any]) -> Any:
        kind = TYPES.get(name_of(x.dtype))
        if kind is None:
            return NotImplemented
        told, shape = windows(
            x.shape, how["kernel_size"], how["stride"], how["padding"], how["dilation"], how["ceil_mode"]
        )
        x = gpu.contiguous(x)
        out = gpu.empty(shape, x.dtype)
        places = gpu.empty(shape, np.int64) if keep else None
        gpu.run_each(
            "pooling", f"max_pool<{kind}>", out.size, told, x, out, nothing(places), np.bool_(type_of(x) is not None)
        )
        return out, places

    def max_pool(x: Any, /, **how: Any) -> Any:
        found = largest(x, False, how)
        return found if found is NotImplemented else found[0]

    def max_pool_train(x: Any, /, **how: Any) -> Any:
        found = largest(x, True, how)
        return found if found is NotImplemented else (found[0], (found[1],))

    def with_indices(x: Any, /, **how: Any) -> Any:
        return largest(x, True, how)

    def with_indices_train(x: Any, /, **how: Any) -> Any:
        found = largest(x, True, how)
        return found if found is NotImplemented else (found, (found[1],))

    def max_pool_vjp(
        xp: Any, g: Any, x_shape: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
        ceil_mode: bool, places: Any,
    ) -> Any:  # fmt: skip
        g = g[0] if isinstance(g, (tuple, list)) else g
        kind = type_of(g)
        if kind is None:
            return NotImplemented
        told, _ = windows(x_shape, kernel_size, stride, padding, dilation, ceil_mode)
        out = gpu.empty(x_shape, g.dtype)
        gpu.run_each("pooling", f"max_pool_grad<{kind}>", out.size, told, gpu.contiguous(g), places, out)
        return (out,)

    def avg_pool(
        x: Any, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool, count_include_pad: bool,
        divisor_override: float | None,
    ) -> Any:  # fmt: skip
        kind = type_of(x)
        if kind is None:
            return NotImplemented
        told, shape = windows(x.shape, kernel_size, stride, padding, (1,) * len(kernel_size), ceil_mode)
        out = gpu.empty(shape, x.dtype)
        divisor = (np.bool_(count_include_pad), float64(divisor_override or 0))
        gpu.run_each("pooling", f"avg_pool<{kind}>", out.size, told, gpu.contiguous(x), out, *divisor)
        return out

    def avg_pool_vjp(
        xp: Any, g: Any, x_shape: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool,
        count_include_pad: bool, divisor_override: float | None,
    ) -> Any:  # fmt: skip
        kind = type_of(g)
        if kind is None:
            return NotImplemented
        told, _ = windows(x_shape, kernel_size, stride, padding, (1,) * len(kernel_size), ceil_mode)
        out = gpu.empty(x_shape, g.dtype)
        divisor = (np.bool_(count_include_pad), float64(divisor_override or 0))
        gpu.run_each("pooling", f"avg_pool_grad<{kind}>", out.size, told, gpu.contiguous(g), out, *divisor)
        return (out,)

    return {
        "max_pool": Kernel(max_pool, max_pool_train, max_pool_vjp, ("places",)),
        "max_pool_with_indices": Kernel(with_indices, with_indices_train, max_pool_vjp, ("places",)),
        "avg_pool": Kernel(avg_pool, vjp=avg_pool_vjp),
    }
