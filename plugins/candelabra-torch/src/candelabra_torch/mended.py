"""Functions of the array API standard that PyTorch answers otherwise, mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.torch as compat
import torch


def _extreme(name: str) -> Callable[..., Any]:
    function = getattr(compat, name)
    return lambda x, **options: function(x.to(torch.uint8) if x.dtype is torch.bool else x, **options)


def _in_double(name: str) -> Callable[..., Any]:
    # PyTorch's own give NaN where the quotient overflows.
    function, single, double = getattr(torch, name), torch.float32, torch.float64

    def remainder(x1: Any, x2: Any) -> Any:
        if any(getattr(x, "dtype", single) is not single for x in (x1, x2)):
            return function(x1, x2)
        return function(*(x.to(double) if hasattr(x, "to") else x for x in (x1, x2))).to(single)

    return remainder


KERNELS: dict[str, Any] = {
    "argmax": _extreme("argmax"), "argmin": _extreme("argmin"), "remainder": _in_double("remainder"),
    "fmod": _in_double("fmod"),
}  # fmt: skip
