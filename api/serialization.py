"""`save` and `load`, with the parameters and buffers of `nn` known to them."""

from __future__ import annotations

from .core.serialization import load, register_tensor_class, save
from .nn.parameter import Buffer, Parameter

__all__ = ["load", "register_tensor_class", "save"]

register_tensor_class("Parameter", Parameter, Parameter)
register_tensor_class("Buffer", Buffer, lambda data, requires_grad: Buffer(data), lambda value: value.persistent)
register_tensor_class(
    "Buffer, not persistent",
    Buffer,
    lambda data, requires_grad: Buffer(data, persistent=False),
    lambda value: not value.persistent,
)
