"""Activations on a card, each in one pass, forward and back."""

from __future__ import annotations

from typing import Any

from ...core.backend import Kernel
from .launch import Launcher, float64, int64, type_of


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def forward(kernel: str, x: Any, *told: Any) -> Any:
        kind = type_of(x)
        if kind is None:
            return NotImplemented
        x = gpu.contiguous(x)
        out = gpu.empty(x.shape, x.dtype)
        gpu.run_each("activation", f"{kernel}<{kind}>", x.size, x, out, int64(x.size), *map(float64, told))
        return out

    def back(kernel: str, x: Any, g: Any, *told: Any) -> Any:
        if g.dtype != x.dtype:
            return NotImplemented
        x, g = gpu.contiguous(x), gpu.contiguous(g)
        out = gpu.empty(x.shape, x.dtype)
        gpu.run_each(
            "activation", f"{kernel}_grad<{type_of(x)}>", x.size, x, g, out, int64(x.size), *map(float64, told)
        )
        return (out,)

    def with_slope(name: str) -> Kernel:
        def run(x: Any, /) -> Any:
            return forward(name, x, 0, 0)

        def vjp(xp: Any, g: Any, x: Any) -> Any:
            return back(name, x, g, 0, 0)

        return Kernel(run, vjp=vjp)

    def gelu(x: Any, /, *, approximate: str) -> Any:
        return forward("gelu_tanh" if approximate == "tanh" else "gelu", x, 0, 0)

    def gelu_vjp(xp: Any, g: Any, x: Any, approximate: str) -> Any:
        return back("gelu_tanh" if approximate == "tanh" else "gelu", x, g, 0, 0)

    def softplus(x: Any, /, *, beta: float, threshold: float) -> Any:
        return forward("softplus", x, beta, threshold)

    def softplus_vjp(xp: Any, g: Any, x: Any, beta: float, threshold: float) -> Any:
        return back("softplus", x, g, beta, threshold)

    def plain(kernel: str) -> Any:
        return lambda x: forward(kernel, x)

    return {
        "gelu": Kernel(gelu, vjp=gelu_vjp),
        "silu": with_slope("silu"),
        "mish": with_slope("mish"),
        "softplus": Kernel(softplus, vjp=softplus_vjp),
        "erf": plain("error_function"),
        "erfc": plain("complementary_error_function"),
        "sigmoid": plain("sigmoid"),
        "lgamma": plain("log_gamma"),
    }
