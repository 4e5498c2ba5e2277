"""Linear maps on a card: one product over all leading axes, which is added to the bias and activated as it is written.

What cuBLASLt has no way for takes one pass more: the bias with the activation, and the cotangents of both.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ....core.backend import Kernel
from ..biased import Finished
from ..launch import Launcher, type_of
from ..products import multiply, serves
from .epilogue import activate_rows, activation_columns, column_sums, fill_rows

# What activation.cuh calls the row's activations.
FUNCTIONS = {"relu": "Relu", "gelu": "Gelu", "gelu_tanh": "GeluTanh", "silu": "Silu"}


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    @cache
    def finished() -> Finished | None:
        library = gpu.blas_lt()
        return None if library is None else Finished(gpu, library)

    def refuses(x: Any, weight: Any, bias: Any) -> bool:
        if not serves(x, weight) or type_of(x) is None or weight.ndim != 2 or x.shape[-1:] != weight.shape[1:]:
            return True
        return bias is not None and (bias.dtype != x.dtype or bias.shape != weight.shape[:1])

    def factors(x: Any, weight: Any) -> tuple[Any, Any, Any]:
        """Return the factors of the product, and where it goes."""
        flat, turned = x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weight.swapaxes(0, 1)
        return flat, turned, gpu.empty((flat.shape[0], weight.shape[0]), x.dtype)

    def linear(x: Any, weight: Any, bias: Any = None, /) -> Any:
        if refuses(x, weight, bias):
            return NotImplemented
        flat, turned, out = factors(x, weight)
        mapped(flat, turned, bias, out)
        return out.reshape(*x.shape[:-1], weight.shape[0])

    def mapped(flat: Any, turned: Any, bias: Any, out: Any) -> None:
        """Write a product, added to a bias if there is one."""
        if bias is None:
            multiply(gpu, flat, turned, out)
        elif (library := finished()) is None or not library.biased(flat, turned, bias, out):
            fill_rows(gpu, bias, out)
            multiply(gpu, flat, turned, out, add=True)

    def linear_vjp(xp: Any, g: Any, x: Any, weight: Any, wants: tuple[bool, ...]) -> Any:
        if not serves(g, x, weight) or type_of(g) is None:
            return NotImplemented
        return cotangents(g.reshape(math.prod(g.shape[:-1]), g.shape[-1]), None, x, weight, wants)

    def cotangents(g: Any, sums: Any, x: Any, weight: Any, wants: tuple[bool, ...]) -> tuple[Any, Any, Any]:
        """Return the operands' cotangents, the sums of the columns of `g` perhaps found before."""
        flat = x.reshape(g.shape[0], x.shape[-1])
        summed = sums is None and len(wants) > 2 and wants[2]
        by_x = by_weight = None
        if wants[0]:
            by_x = gpu.empty(flat.shape, g.dtype)
            multiply(gpu, g, weight, by_x)
            by_x = by_x.reshape(x.shape)
        if wants[1]:
            by_weight = gpu.empty(weight.shape, g.dtype)
            if summed and (library := finished()) is not None:
                sums = gpu.empty(g.shape[1:], g.dtype)
                if library.summing(g.swapaxes(0, 1), flat, sums, by_weight):
                    return by_x, by_weight, sums
            multiply(gpu, g.swapaxes(0, 1), flat, by_weight)
        return by_x, by_weight, column_sums(gpu, g) if summed else sums

    def train(x: Any, weight: Any, bias: Any = None, /, *, activation: str, keep: bool = True) -> Any:
        if refuses(x, weight, bias):
            return NotImplemented
        flat, turned, out = factors(x, weight)
        # ReLU's cotangent follows from what it gives.
        keep = keep and activation != "relu"
        inner = gpu.empty(out.shape, out.dtype) if keep else out
        library = finished()
        if (
            activation != "gelu_tanh" or library is None
            or not library.gelu(flat, turned, bias, out, inner if keep else None)
        ):  # fmt: skip
            if library is None and out.dtype == gpu.computed(out):
                multiply(gpu, flat, turned, inner)
            else:
                # What has 16 bits is rounded once before the activation.
                mapped(flat, turned, bias, inner)
                bias = None
            activate_rows(gpu, FUNCTIONS[activation], inner, bias, out, keep and bias is not None)
        shaped = out.reshape(*x.shape[:-1], weight.shape[0])
        # A matrix beneath the result that somebody else holds would look like a tensor that the result is a view of.
        return shaped, (inner if keep else shaped,)

    def forward(x: Any, weight: Any, bias: Any = None, /, *, activation: str) -> Any:
        found = train(x, weight, bias, activation=activation, keep=False)
        return found if found is NotImplemented else found[0]

    def vjp(xp: Any, g: Any, x: Any, weight: Any, inner: Any, activation: str, wants: tuple[bool, ...]) -> Any:
        if g.dtype != inner.dtype:
            return NotImplemented
        outputs = weight.shape[0]
        g, inner = (gpu.contiguous(array).reshape(math.prod(g.shape[:-1]), outputs) for array in (g, inner))
        found, sums = activation_columns(gpu, FUNCTIONS[activation], inner, g, len(wants) > 2 and wants[2])
        return cotangents(found, sums, x, weight, wants)

    return {
        "linear": Kernel(linear, vjp=linear_vjp),
        "linear_activation": Kernel(forward, train=train, vjp=vjp, residuals=("inner",)),
    }
