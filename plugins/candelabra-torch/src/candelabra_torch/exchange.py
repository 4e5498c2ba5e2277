"""Arrays in and out: what users hand over, and what NumPy knows by another name or not at all."""

from __future__ import annotations

from typing import Any

import torch
from candelabra.core.errors import ArgumentTypeError


def adopted(array: torch.Tensor) -> torch.Tensor:
    """Return a user's tensor as a plain one over the same memory; refuse what is no dense array of numbers."""
    if array.requires_grad:
        raise ArgumentTypeError(
            "this torch.Tensor requires grad: PyTorch's graph does not go on in candelabra's; hand over x.detach()"
        )
    if array.is_meta:
        raise ArgumentTypeError("this torch.Tensor on the meta device has no data")
    if array.layout is not torch.strided:
        raise ArgumentTypeError(f"this torch.Tensor is {array.layout}; hand over x.to_dense()")
    return array.detach()


def readable(data: Any) -> Any:
    """Return host data as `torch.asarray` reads it, which knows no bfloat16 of NumPy's."""
    if getattr(getattr(data, "dtype", None), "name", "") == "bfloat16":
        return torch.asarray(data.view("int16")).view(torch.bfloat16)
    return data


def on_host(array: torch.Tensor) -> Any:
    """Return a `numpy.ndarray`, of host memory the same."""
    if array.dtype != torch.bfloat16:
        return array.numpy(force=True)
    import ml_dtypes

    return array.view(torch.int16).numpy(force=True).view(ml_dtypes.bfloat16)
