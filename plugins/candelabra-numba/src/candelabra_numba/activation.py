"""Activations: one pass over the data each way, the backward one from the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .compiled import Array, Loop, in_training, least, over_rows, plain, served

LEAST = least(256)

_GELU = {name: (Loop("activation", loop), Loop("activation", f"{loop}_grad"))
         for name, loop in (("none", "gelu"), ("tanh", "gelu_tanh"))}  # fmt: skip
_SILU, _SILU_GRAD = Loop("activation", "silu"), Loop("activation", "silu_grad")
_MISH, _MISH_GRAD = Loop("activation", "mish"), Loop("activation", "mish_grad")
_ELU, _ELU_GRAD = Loop("activation", "elu"), Loop("activation", "elu_grad")
_SOFTPLUS, _SOFTPLUS_GRAD = Loop("activation", "softplus"), Loop("activation", "softplus_grad")


def forward(loop: Loop, x: Array, *statics: float) -> Array:
    """Return a loop's values for each number of an array."""
    out, size = np.empty(x.shape, x.dtype), x.size
    over_rows(loop[x.dtype.char], size, size, x.reshape(-1), out.reshape(-1), *statics)
    return out


def backward(loop: Loop, g: Array, x: Array, *statics: float) -> Any:
    """Return the cotangent that a loop makes of one and of what was kept; or decline."""
    if x.dtype.char not in "fd" or g.dtype != x.dtype or g.shape != x.shape:
        return NotImplemented
    out, size = np.empty(x.shape, x.dtype), x.size
    g, x = plain(g), plain(x)
    over_rows(loop[x.dtype.char], size, size, g.reshape(-1), x.reshape(-1), out.reshape(-1), *statics)
    return (out,)


def gelu(x: Array, /, *, approximate: str) -> Any:
    """x times the normal distribution function of x, exact or by tanh."""
    return forward(_GELU[approximate][0], x) if served(x, LEAST) else NotImplemented


def gelu_vjp(g: Array, x: Array, approximate: str) -> Any:
    """The cotangent of x."""
    return backward(_GELU[approximate][1], g, x)


def silu(x: Array, /) -> Any:
    """x sigmoid(x)."""
    return forward(_SILU, x) if served(x, LEAST) else NotImplemented


def silu_vjp(g: Array, x: Array) -> Any:
    """The cotangent of x."""
    return backward(_SILU_GRAD, g, x)


def mish(x: Array, /) -> Any:
    """x tanh(log(1 + exp(x)))."""
    return forward(_MISH, x) if served(x, LEAST) else NotImplemented


def mish_vjp(g: Array, x: Array) -> Any:
    """The cotangent of x."""
    return backward(_MISH_GRAD, g, x)


def elu(x: Array, /, *, alpha: float, scale: float, input_scale: float) -> Any:
    """scale x where x > 0, else alpha scale (exp(input_scale x) - 1)."""
    if not served(x, LEAST) or input_scale < 0:
        return NotImplemented
    return forward(_ELU, x, float(alpha), float(scale), float(input_scale))


def elu_vjp(g: Array, x: Array, alpha: float, scale: float, input_scale: float) -> Any:
    """The cotangent of x."""
    return backward(_ELU_GRAD, g, x, float(alpha), float(scale), float(input_scale))


def softplus(x: Array, /, *, beta: float, threshold: float) -> Any:
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""
    if not served(x, LEAST) or beta == 0:
        return NotImplemented
    return forward(_SOFTPLUS, x, float(beta), float(threshold))


def softplus_vjp(g: Array, x: Array, beta: float, threshold: float) -> Any:
    """The cotangent of x."""
    return backward(_SOFTPLUS_GRAD, g, x, float(beta), float(threshold))


def _kernel(function: Callable[..., Any], vjp: Callable[..., Any]) -> Kernel:
    return Kernel(function, in_training(function), vjp)


KERNELS: dict[str, Any] = {
    "elu": _kernel(elu, elu_vjp),
    "gelu": _kernel(gelu, gelu_vjp),
    "mish": _kernel(mish, mish_vjp),
    "silu": _kernel(silu, silu_vjp),
    "softplus": _kernel(softplus, softplus_vjp),
}
