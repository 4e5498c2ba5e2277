"""Functions of the array API standard that PyTorch answers otherwise, mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.torch as compat
import torch
from candelabra.core.backend import Kernel


def _extreme(name: str) -> Callable[..., Any]:
    function = getattr(compat, name)
    return lambda x, **options: function(x.to(torch.uint8) if x.dtype is torch.bool else x, **options)


def _of_arrays(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Return both operands as arrays: one may be a Python scalar."""
    if not isinstance(x1, torch.Tensor):
        return torch.asarray(x1, dtype=x2.dtype, device=x2.device), x2
    return (x1, x2) if isinstance(x2, torch.Tensor) else (x1, torch.asarray(x2, dtype=x1.dtype, device=x1.device))


def _in_double(name: str) -> Callable[..., Any]:
    # PyTorch's own give NaN where the quotient overflows.
    function, single, double = getattr(torch, name), torch.float32, torch.float64

    def computed(x1: Any, x2: Any) -> Any:
        if any(getattr(x, "dtype", single) is not single for x in (x1, x2)):
            return function(x1, x2)
        return function(*(x.to(double) if hasattr(x, "to") else x for x in (x1, x2))).to(single)

    return computed


_remainder = _in_double("remainder")


def remainder(x1: Any, x2: Any, /) -> Any:
    """A remainder of zero has the divisor's sign."""
    x1, x2 = _of_arrays(x1, x2)
    out = _remainder(x1, x2)
    return torch.where(out == 0, torch.zeros_like(out).copysign_(x2), out) if out.is_floating_point() else out


def floor_divide(x1: Any, x2: Any, /) -> Any:
    """For infinities PyTorch answers NaN, or -1 for -0, where the standard has the quotient."""
    out = torch.floor_divide(x1, x2)
    if not out.is_floating_point():
        return out
    quotient = torch.div(x1, x2)
    x1, x2 = _of_arrays(x1, x2)
    return torch.where(torch.isinf(x1) | torch.isinf(x2), torch.floor_(quotient), out)


def expm1(x: Any, /) -> Any:
    out = torch.expm1(x)
    return torch.where((x == 0) | ~torch.isfinite(x), torch.exp(x) - 1, out) if x.is_complex() else out


def log1p(x: Any, /) -> Any:
    out = torch.log1p(x)
    return torch.where(torch.isfinite(x), out, torch.log(x + 1)) if x.is_complex() else out


def acos(x: Any, /) -> Any:
    """The imaginary part has the other sign than that of `x`."""
    out = torch.acos(x)
    return torch.complex(out.real, torch.copysign(out.imag, -x.imag)) if x.is_complex() else out


def tanh(x: Any, /) -> Any:
    """Where a complex number is infinite the result is real, with a zero of the sign of ``imag(x)``."""
    out = torch.tanh(x)
    if not x.is_complex():
        return out
    limit = torch.isinf(x.real) & torch.isfinite(x.imag)
    return torch.where(limit, torch.complex(out.real, torch.zeros_like(out.imag).copysign_(x.imag)), out)


def tan(x: Any, /) -> Any:
    out = torch.tan(x)
    if not x.is_complex():
        return out
    limit = torch.isinf(x.imag) & torch.isfinite(x.real)
    return torch.where(limit, torch.complex(torch.zeros_like(out.real).copysign_(x.real), out.imag), out)


KERNELS: dict[str, Any] = {
    "argmax": _extreme("argmax"), "argmin": _extreme("argmin"), "remainder": remainder, "fmod": _in_double("fmod"),
    "floor_divide": floor_divide, "expm1": expm1, "log1p": log1p, "acos": acos, "tan": tan,
    "tanh": Kernel(tanh, vjp=lambda xp, g, out: (torch.ops.aten.tanh_backward(g, out),)),
}  # fmt: skip
