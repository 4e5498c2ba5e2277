"""Activations on a card, each in one pass, forward and back."""

from __future__ import annotations

from typing import Any

from ....core.backend import Kernel
from ..launch import Launcher, float64, int64, type_of


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def forward(function: str, x: Any, a: float = 0, b: float = 0) -> Any:
        kind = type_of(x)
        if kind is None:
            return NotImplemented
        x = gpu.contiguous(x)
        out = gpu.empty(x.shape, x.dtype)
        told = (int64(x.size), float64(a), float64(b))
        gpu.run_each("activation", f"activation<{function}, {kind}>", x.size, x, out, *told)
        return out

    def back(function: str, x: Any, g: Any, a: float = 0, b: float = 0) -> Any:
        if g.dtype != x.dtype:
            return NotImplemented
        x, g = gpu.contiguous(x), gpu.contiguous(g)
        out = gpu.empty(x.shape, x.dtype)
        told = (int64(x.size), float64(a), float64(b))
        gpu.run_each("activation", f"activation_grad<{function}, {type_of(x)}>", x.size, x, g, out, *told)
        return (out,)

    def plain(function: str) -> Any:
        return lambda x: forward(function, x)

    def with_slope(function: str) -> Kernel:
        def vjp(xp: Any, g: Any, x: Any) -> Any:
            return back(function, x, g)

        return Kernel(plain(function), vjp=vjp)

    def gelu(x: Any, /, *, approximate: str) -> Any:
        return forward("GeluTanh" if approximate == "tanh" else "Gelu", x)

    def gelu_vjp(xp: Any, g: Any, x: Any, approximate: str) -> Any:
        return back("GeluTanh" if approximate == "tanh" else "Gelu", x, g)

    def softplus(x: Any, /, *, beta: float, threshold: float) -> Any:
        return forward("Softplus", x, beta, threshold)

    def softplus_vjp(xp: Any, g: Any, x: Any, beta: float, threshold: float) -> Any:
        return back("Softplus", x, g, beta, threshold)

    return {
        "gelu": Kernel(gelu, vjp=gelu_vjp),
        "silu": with_slope("Silu"),
        "mish": with_slope("Mish"),
        "softplus": Kernel(softplus, vjp=softplus_vjp),
        "erf": plain("Erf"),
        "erfc": plain("Erfc"),
        "sigmoid": plain("Sigmoid"),
        "lgamma": plain("LogGamma"),
    }
