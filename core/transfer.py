"""Moving tensors between devices, as a differentiable operation whose two ends are on different devices."""

from __future__ import annotations

from typing import Any

from . import device as devices
from .autograd.mode import grad_mode
from .autograd.node import Node, next_sequence
from .errors import TransformError
from .implementation import namespace
from .primitives.row import Row, linear
from .tensor import Tensor

ROW: Row = linear(
    "transfer", "x, /", "Return the tensor on another device.", body=lambda xp, x: x, transpose=lambda g: g,
    samples="real", reference="references.identity",
)  # fmt: skip


class _Transfer:
    """What a transfer's node records: both devices, and the way back."""

    __slots__ = ("device", "row", "saves", "source", "xp")

    def __init__(self, source: devices.Device, target: devices.Device) -> None:
        self.row, self.source, self.device = ROW, source, target
        self.xp = namespace(target)
        self.saves = ()

    def backward(self, xp: Any, g: Any, node: Any, saved: Any) -> tuple[Any]:
        return (devices.transfer(g, self.device, self.source),)

    def backward_graph(self, xp: Any, g: Any, node: Any, saved: Any) -> tuple[Any]:
        return (transfer(g, self.source),)


def transfer(x: Tensor, target: devices.Device) -> Tensor:
    """Return a tensor on another device."""
    source = x.device
    if source is target:
        return x
    if source.levels:
        raise TransformError(f"to_device: a tensor inside {source.levels[-1]} cannot change its device; move it before")
    array = devices.transfer(x.array, source, target)
    out = Tensor(array, target)
    if x.node is not None and (mode := grad_mode.get()):
        node = Node()
        node.impl = _Transfer(source, target)
        node.sequence = next_sequence()
        node.parents = (x.node,)
        node.saved, node.statics, node.hooks = (), (), None
        node.shape, node.dtype = array.shape, array.dtype
        out.node = node
        if mode is not True:
            mode.note(node, (array,), (x.array,))
    return out
