"""Element by element: PyTorch's own functions, where array-api-compat's would cast what is cast already."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from candelabra.core.backend import Kernel
from torch.nn import functional

aten: Any = torch.ops.aten
special = torch.special
NARROW = frozenset({torch.float16, torch.bfloat16})

# Operators take a Python scalar on either side.
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
    "equal": operator.eq, "not_equal": operator.ne, "less": operator.lt, "less_equal": operator.le,
    "greater": operator.gt, "greater_equal": operator.ge,
}  # fmt: skip


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, /: function(x)


def _wide(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, /: function(x.float()).to(x.dtype) if x.dtype in NARROW else function(x)


def _single(function: Callable[..., Any]) -> Callable[..., Any]:
    # In double precision these are right to nine digits.
    return lambda x1, x2: NotImplemented if x1.dtype is torch.float64 else function(x1, x2)


def _on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    def of_two(x1: Any, x2: Any, /) -> Any:
        if not isinstance(x1, torch.Tensor):
            x1 = torch.asarray(x1, dtype=x2.dtype, device=x2.device)
        elif not isinstance(x2, torch.Tensor):
            x2 = torch.asarray(x2, dtype=x1.dtype, device=x1.device)
        return function(x1, x2)

    return of_two


ACTIVATIONS: dict[str, Any] = {
    "silu": Kernel(_unary(functional.silu), vjp=lambda xp, g, x: (aten.silu_backward(g, x),)),
    "mish": Kernel(_unary(functional.mish), vjp=lambda xp, g, x: (aten.mish_backward(g, x),)),
    "gelu": Kernel(
        lambda x, /, *, approximate: functional.gelu(x, approximate=approximate),
        vjp=lambda xp, g, x, approximate: (aten.gelu_backward(g, x, approximate=approximate),),
    ),
    "softplus": Kernel(
        lambda x, /, *, beta, threshold: functional.softplus(x, beta, threshold),
        vjp=lambda xp, g, x, beta, threshold: (aten.softplus_backward(g, x, beta, threshold),),
    ),
    "leaky_relu": Kernel(
        lambda x, /, *, negative_slope: functional.leaky_relu(x, negative_slope),
        vjp=lambda xp, g, x, negative_slope: (aten.leaky_relu_backward(g, x, negative_slope, False),),
    ),
    "elu": Kernel(
        lambda x, /, *, alpha, scale, input_scale: aten.elu(x, alpha, scale, input_scale),
        vjp=lambda xp, g, x, alpha, scale, input_scale: (aten.elu_backward(g, alpha, scale, input_scale, False, x),),
    ),
    "hardtanh": Kernel(
        lambda x, /, *, min_val, max_val: functional.hardtanh(x, min_val, max_val),
        vjp=lambda xp, g, out, min_val, max_val: (aten.hardtanh_backward(g, out, min_val, max_val),),
    ),
    "relu": Kernel(_unary(torch.relu), vjp=lambda xp, g, out: (aten.threshold_backward(g, out, 0),)),
    "sigmoid": Kernel(_unary(torch.sigmoid), vjp=lambda xp, g, out: (aten.sigmoid_backward(g, out),)),
    "logsigmoid": functional.logsigmoid,
    "hardsigmoid": functional.hardsigmoid,
    "hardswish": functional.hardswish,
}  # fmt: skip

# Not here: those of PyTorch's that lose digits, or are no numbers at the ends. `_wide` ones lack 16-bit floats.
SPECIAL: dict[str, Callable[..., Any]] = {
    "erf": torch.erf, "erfc": torch.erfc, "erfinv": torch.erfinv, "lgamma": torch.lgamma, "digamma": torch.digamma,
    "rsqrt": torch.rsqrt, "exp2": torch.exp2, "entr": special.entr, "xlogy": torch.xlogy, "xlog1py": special.xlog1py,
    "i0e": _wide(special.i0e), "i1e": _wide(special.i1e), "erfcx": _wide(special.erfcx),
    "log_ndtr": _wide(special.log_ndtr), "ndtri": _wide(special.ndtri),
    "scaled_modified_bessel_k0": _wide(special.scaled_modified_bessel_k0),
    "scaled_modified_bessel_k1": _wide(special.scaled_modified_bessel_k1),
    "igamma": _on_arrays(_single(torch.igamma)), "igammac": _on_arrays(_single(torch.igammac)),
    "gcd": _on_arrays(torch.gcd),
}  # fmt: skip

KERNELS: dict[str, Any] = {**OPERATORS, **ACTIVATIONS, **SPECIAL}
