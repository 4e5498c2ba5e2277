"""The namespace of tensors bound to a device: the `xp` of the rules when what they do is itself recorded."""

from __future__ import annotations

import functools
from typing import Any

from . import device as devices
from .primitives.row import TABLE


class TensorNamespace:
    """candelabra's own functions, creation bound to one device."""

    def __init__(self, device: devices.Device) -> None:
        self.device = device

    def __getattr__(self, name: str) -> Any:
        from . import ops

        row = TABLE.get(name)
        if row is None:
            function = getattr(ops, name)
        else:
            function = ops.row_function(row)
            if row.kind == "creation":
                function = functools.partial(function, device=self.device.physical)
        setattr(self, name, function)
        return function


def tensor_namespace(device: devices.Device) -> Any:
    """Return candelabra's functions bound to a device."""
    found = device._space
    if found is None:
        found = device._space = TensorNamespace(device)
    return found
