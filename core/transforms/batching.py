"""`vmap`'s level: arrays that hide a batch axis, always the first, and the two ways across."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..device import Device
from ..errors import TransformError
from ..implementation import implementation, namespace
from ..primitives.row import Row
from ..primitives.tools import axis_index
from ..tensor import Tensor
from .levels import Level, Wrapped, record


class Batched(Wrapped):
    """An array of the device inside whose first axis is hidden."""

    __slots__ = ("dtype", "shape", "value")

    def __init__(self, value: Any, level: BatchLevel, device: Device) -> None:
        self.value, self.level, self.device, self.epoch = value, level, device, level.epoch
        self.shape = value.shape[1:]
        self.dtype = value.dtype

    def map(self, function: Callable[[Any], Any], device: Device) -> Batched:
        return Batched(function(self.value), self.level, device)  # type: ignore[arg-type]


class BatchLevel(Level):
    """An entered `vmap`."""

    kind = "vmap"
    differs = "a value of each sample's own"
    size = 0
    randomness = "error"

    def kernel(self, row: Row, device: Device) -> Callable[..., Any]:
        from .batching_kinds import batched_kernel

        return batched_kernel(row, self, device, implementation(row, device.parent).forward)

    def wrap(self, value: Any, device: Device) -> Any:
        """Wrap a result."""
        return Batched(value, self, device)

    def concrete(self, array: Any, operation: str) -> Any:
        if isinstance(array, Batched) and array.level is self:
            raise TransformError(
                f"{operation} inside vmap: the tensor stands for {self.size} values at once and has no single one, at "
                f"{_line()}; compute with tensors (cb.where instead of if), or call it outside"
            )
        return array

    def lower(self, wrapped: Any) -> Any:
        return namespace(wrapped.device.parent).sum(wrapped.value, axis=0)

    def lower_constant(self, array: Any, device: Device) -> Any:
        return array * self.size

    def hide(self, x: Tensor, axis: int) -> Tensor:
        """Enter: return a tensor in which an axis is hidden."""
        at = axis_index(axis, len(x.array.shape), "vmap")
        target = x.device.at_levels((*x.device.levels, self))

        def back(g: Any) -> tuple[Any]:
            return (self.shown(g, target, at),)

        array = self.hidden(x.array, x.device, at)
        return record("vmap_enter", array, target, (x.node,), back, lambda g: (self.show(g, at),), (self,))

    def show(self, y: Tensor, axis: int) -> Tensor:
        """Leave: return a tensor in which the hidden axis stands at `axis`."""
        at = axis_index(axis, len(y.array.shape) + 1, "vmap: out_axes")
        target = y.device.without(self)

        def back(g: Any) -> tuple[Any]:
            return (self.hidden(g, target, at),)

        array = self.shown(y.array, y.device, at)
        return record("vmap_leave", array, target, (y.node,), back, lambda g: (self.hide(g, at),), (self,))

    def hidden(self, array: Any, device: Device, at: int) -> Any:
        """Hide an axis of an array; wrappers of newer levels stay outside."""
        if isinstance(array, Wrapped) and array.level.serial > self.serial:
            shift = 1 if isinstance(array, Batched) else 0
            target = device.at_levels((*device.levels, self))
            return array.map(lambda inner: self.hidden(inner, device.parent, at + shift), target)
        levels = device.levels
        if levels and levels[-1].serial > self.serial:
            levels = tuple([v for v in levels if v.serial < self.serial])
            device = device.at_levels(levels)
        value = array if at == 0 else namespace(device).moveaxis(array, (at,), (0,))
        return Batched(value, self, device.at_levels((*levels, self)))

    def shown(self, array: Any, device: Device, at: int) -> Any:
        """Show the hidden axis of an array, inside the wrappers of newer levels."""
        if isinstance(array, Wrapped) and array.level.serial > self.serial:
            shift = 1 if isinstance(array, Batched) else 0
            return array.map(lambda inner: self.shown(inner, device.parent, at + shift), device.without(self))
        if isinstance(array, Batched) and array.level is self:
            value = array.value
            if at == 0:
                return value
            xp = namespace(array.device.parent)
        else:
            xp = namespace(device.at_levels(v for v in device.levels if v.serial < self.serial))
            value = xp.broadcast_to(xp.expand_dims(array, axis=(0,)), (self.size, *tuple(array.shape)))
        return value if at == 0 else xp.moveaxis(value, (0,), (at,))


def _line() -> str:
    from ..autograd.anomaly import user_line

    return user_line()


def batched(xp: Any, level: BatchLevel, operand: Any) -> Any:
    """Return an operand's value with the batch axis, broadcast if it has none."""
    if isinstance(operand, Batched) and operand.level is level:
        return operand.value
    shape = tuple(operand.shape)
    return xp.broadcast_to(xp.reshape(operand, (1, *shape)), (level.size, *shape))


def value_of_level(level: BatchLevel) -> Callable[[Any], Any]:
    """Return a function that takes off this level's wrapping."""
    return lambda o: o.value if isinstance(o, Batched) and o.level is level else o
