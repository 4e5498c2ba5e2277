"""Moving tensors between devices, as a differentiable operation whose two ends are on different devices."""

from __future__ import annotations

from typing import Any

from . import device as devices
from .autograd.mode import grad_mode
from .autograd.node import Node, next_sequence
from .errors import CandelabraError
from .failures import absence, failure
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
        return (_moved(g, self.device.physical, self.source.physical),)

    def backward_graph(self, xp: Any, g: Any, node: Any, saved: Any) -> tuple[Any]:
        return (transfer(g, self.source.physical),)


def transfer(x: Tensor, target: devices.Device, non_blocking: bool = False) -> Tensor:
    """Return a tensor on another physical device; inside transformations what they wrap moves and stays wrapped."""
    source = x.device
    if source.physical is target:
        return x
    array = _moved(x.array, source.physical, target, non_blocking)
    place = target.at_levels(source.levels) if source.levels else target
    out = Tensor(array, place)
    if x.node is not None and (mode := grad_mode.get()):
        node = Node()
        node.impl = _Transfer(source, place)
        node.sequence = next_sequence()
        node.parents = (x.node,)
        node.saved, node.statics, node.hooks = (), (), None
        node.shape, node.dtype = array.shape, array.dtype
        out.node = node
        if mode is not True:
            # What is moved was looked at where it was made.
            mode.note(node, (), ())
    return out


def _failure(array: Any, source: devices.Device, target: devices.Device, error: Exception) -> Exception:
    """Return the error for a move that failed: at its end, unless it is the beginning that is no longer there."""
    at = source if absence(source) else target
    return failure(f"to_device(x of shape {tuple(array.shape)}) from {source} to {target}", at, error)


def _moved(array: Any, source: devices.Device, target: devices.Device, non_blocking: bool = False) -> Any:
    """Return a device's array, plain or wrapped by transformations, on another device."""
    wrapping = getattr(array, "level", None)
    if wrapping is None:
        try:
            return devices.transfer(array, source, target, non_blocking)
        except CandelabraError:
            raise
        except Exception as error:
            raise _failure(array, source, target, error) from error
    from .transforms.levels import check_alive

    check_alive(array)
    place = target.at_levels(array.device.levels)
    return array.map(lambda inner: _moved(inner, source, target, non_blocking), place)
