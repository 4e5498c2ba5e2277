"""`vmap`'s level: arrays that hide a batch axis, always the first, and how a row runs on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..device import Device
from ..errors import TransformError
from ..implementation import implementation, namespace
from ..primitives.row import Row
from ..primitives.tools import axis_index, size_of
from ..tensor import Tensor
from ..ways import DATA_DEPENDENT
from .levels import Level, Wrapped, record, run_body


class Batched(Wrapped):
    """An array of the device inside whose first axis is hidden."""

    __slots__ = ("value",)

    def __init__(self, value: Any, level: BatchLevel, device: Device) -> None:
        self.value, self.level, self.device, self.epoch = value, level, device, level.epoch

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return tuple(self.value.shape)[1:]

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    def map(self, function: Callable[[Any], Any], device: Device) -> Batched:
        return Batched(function(self.value), self.level, device)  # type: ignore[arg-type]


class BatchLevel(Level):
    """An entered `vmap`."""

    kind = "vmap"
    size = 0
    randomness = "error"

    def kernel(self, row: Row, device: Device) -> Callable[..., Any]:
        inner = device.parent
        forward = implementation(row, inner).forward
        many = len(row.outputs) > 1 or row.outputs == ("*",)

        def run(*operands: Any, **statics: Any) -> Any:
            if not any(map(self.wraps, operands)):
                return forward(*operands, **statics)
            result = batch(row, self, inner, device, forward, operands, statics)
            if many:
                return tuple(self.wrap(r, device) for r in result)
            return self.wrap(result, device)

        return run

    def wrap(self, value: Any, device: Device) -> Any:
        """Wrap a result, unless it is one already: a body ran on wrapped arrays."""
        if isinstance(value, _Finished):
            return value.value
        if isinstance(value, Batched) and value.level is self:
            return value
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
        target = x.device.physical.at_levels((*x.device.levels, self))

        def back(g: Any) -> tuple[Any]:
            return (self.shown(g, target, at),)

        array = self.hidden(x.array, x.device, at)
        return record("vmap_enter", array, target, (x.node,), back, lambda g: (self.show(g, at),), (self,))

    def show(self, y: Tensor, axis: int) -> Tensor:
        """Leave: return a tensor in which the hidden axis stands at `axis`."""
        at = axis_index(axis, len(y.array.shape) + 1, "vmap: out_axes")
        target = y.device.physical.at_levels(v for v in y.device.levels if v is not self)

        def back(g: Any) -> tuple[Any]:
            return (self.hidden(g, target, at),)

        array = self.shown(y.array, y.device, at)
        return record("vmap_leave", array, target, (y.node,), back, lambda g: (self.hide(g, at),), (self,))

    def hidden(self, array: Any, device: Device, at: int) -> Any:
        """Hide an axis of an array; wrappers of newer levels stay outside."""
        target = device.physical.at_levels((*device.levels, self))
        if isinstance(array, Wrapped) and array.level.serial > self.serial:
            shift = 1 if isinstance(array, Batched) else 0
            return array.map(lambda inner: self.hidden(inner, device.parent, at + shift), target)
        inside = device.physical.at_levels(v for v in device.levels if v.serial < self.serial)
        value = array if at == 0 else namespace(inside).moveaxis(array, (at,), (0,))
        return Batched(value, self, inside.physical.at_levels((*inside.levels, self)))

    def shown(self, array: Any, device: Device, at: int) -> Any:
        """Show the hidden axis of an array, inside the wrappers of newer levels."""
        target = device.physical.at_levels(v for v in device.levels if v is not self)
        if isinstance(array, Wrapped) and array.level.serial > self.serial:
            shift = 1 if isinstance(array, Batched) else 0
            return array.map(lambda inner: self.shown(inner, device.parent, at + shift), target)
        xp = namespace(device.physical.at_levels(v for v in device.levels if v.serial < self.serial))
        if isinstance(array, Batched) and array.level is self:
            value = array.value
        else:
            value = xp.broadcast_to(xp.expand_dims(array, axis=(0,)), (self.size, *tuple(array.shape)))
        return value if at == 0 else xp.moveaxis(value, (0,), (at,))


class _Finished:
    """A result that is not to be wrapped."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _line() -> str:
    from ..autograd.anomaly import user_line

    return user_line()


def batch(
    row: Row, level: BatchLevel, inner: Device, device: Device, forward: Callable[..., Any], operands: Any, statics: Any
) -> Any:
    """Run a row on operands of which at least one is batched; return values with the batch axis first."""
    xp = namespace(inner)
    rule = row.batch
    if rule == "elementwise":
        return forward(*_aligned(xp, operands), **statics)
    if rule == "axis":
        return _along_axis(row, level, xp, forward, operands, statics)
    if rule == "leading":
        return forward(*[o.value if isinstance(o, Batched) and o.level is level else o for o in operands], **statics)
    if callable(rule):
        return _by_rule(rule, row, level, xp, forward, operands, statics, device)
    if rule == "merge" and not any(map(level.wraps, operands[1:])):
        return _merged(row, level, xp, forward, operands, statics)
    from . import batching_rules

    own = batching_rules.RULES.get(row.name)
    if own is not None:
        found = own(level, xp, forward, operands, statics)
        if found is not NotImplemented:
            return found
    if row.body is not None and row.name not in batching_rules.NO_BODY:
        result = run_body(row, device, operands, statics)
        if len(row.outputs) > 1:
            return tuple(_finished(level, r) for r in result)
        return _finished(level, result)
    return loop(row, level, xp, forward, operands, statics)


def _finished(level: BatchLevel, result: Any) -> Any:
    return result if isinstance(result, Batched) and result.level is level else _Finished(result)


def _aligned(xp: Any, operands: Any) -> list[Any]:
    """Give batched operands of lower rank ones behind the hidden axis."""
    level = max((o.level for o in operands if isinstance(o, Batched)), key=lambda v: v.serial)
    rank = max(len(o.shape) for o in operands if hasattr(o, "shape"))
    found = []
    for o in operands:
        if isinstance(o, Batched) and o.level is level:
            shape = tuple(o.value.shape)
            missing = rank - (len(shape) - 1)
            found.append(o.value if not missing else xp.reshape(o.value, (shape[0], *(1,) * missing, *shape[1:])))
        else:
            found.append(o)
    return found


def batched(xp: Any, level: BatchLevel, operand: Any) -> Any:
    """Return an operand's value with the batch axis, broadcast if it has none."""
    if isinstance(operand, Batched) and operand.level is level:
        return operand.value
    shape = tuple(operand.shape)
    return xp.broadcast_to(xp.reshape(operand, (1, *shape)), (level.size, *shape))


def _along_axis(
    row: Row, level: BatchLevel, xp: Any, forward: Callable[..., Any], operands: Any, statics: dict[str, Any]
) -> Any:
    if row.has_list:
        arrays = list(operands[0])
        if statics.get("axis", 0) is None:
            values = [xp.reshape(batched(xp, level, a), (level.size, size_of(tuple(a.shape)))) for a in arrays]
            return forward(values, **{**statics, "axis": 1})
        rank = len(arrays[0].shape) + (row.name == "stack")
        axis = axis_index(statics["axis"], rank, row.name) + 1
        return forward([batched(xp, level, a) for a in arrays], **{**statics, "axis": axis})
    rank = len(operands[0].shape)
    values = [o if o is None else batched(xp, level, o) if hasattr(o, "shape") else o for o in operands]
    axis = statics["axis"]
    if axis is None and row.name in ("argmax", "argmin"):
        shape = tuple(values[0].shape)
        flat = xp.reshape(values[0], (shape[0], size_of(shape[1:])))
        found = forward(flat, **{**statics, "axis": 1, "keepdims": False})
        return xp.reshape(found, (shape[0], *(1,) * rank)) if statics.get("keepdims") else found
    if axis is None:
        shifted: Any = tuple(range(1, rank + 1))
        if row.name in ("cumulative_sum", "cumulative_prod", "take"):
            shifted = 1
    elif isinstance(axis, (tuple, list)):
        full = rank + (len(axis) if row.name == "expand_dims" else 0)
        shifted = tuple(axis_index(a, full, row.name) + 1 for a in axis)
    else:
        full = rank + (1 if row.name == "expand_dims" else 0)
        # Along the one axis of a scalar: softmax and its kin take a 0-d operand.
        shifted = axis_index(axis, max(full, 1), row.name) + 1
        if not full:
            value = forward(xp.reshape(values[0], (level.size, 1)), **{**statics, "axis": 1})
            return xp.reshape(value, (level.size,))
    if row.name == "squeeze" or row.name == "expand_dims":
        return forward(*values, axis=shifted)
    if shifted == ():
        # Over no axes at all: over one more axis of size one.
        shape = tuple(values[0].shape)
        kept = {"keepdims": False} if "keepdims" in statics else {}
        value = forward(xp.reshape(values[0], (*shape, 1)), **{**statics, "axis": (len(shape),), **kept})
        return xp.reshape(value, shape)
    return forward(*values, **{**statics, "axis": shifted})


def _by_rule(
    rule: Callable[..., Any],
    row: Row,
    level: BatchLevel,
    xp: Any,
    forward: Any,
    operands: Any,
    statics: Any,
    device: Any,
) -> Any:
    extra: dict[str, Any] = {}
    before = [s.name for s in row.statics if s.where == "before"]
    arrays = operands[: len(row.operands)]
    extra.update(zip(before, operands[len(row.operands) :], strict=True))
    if "batched" in rule.__code__.co_varnames:
        extra["batched"] = tuple(map(level.wraps, arrays))
    if "ranks" in rule.__code__.co_varnames:
        extra["ranks"] = tuple(len(a.shape) for a in arrays)
    return rule(xp, level.size, *map(value_of_level(level), arrays), **extra, **statics)


def value_of_level(level: BatchLevel) -> Callable[[Any], Any]:
    """Return a function that takes off this level's wrapping."""
    return lambda o: o.value if isinstance(o, Batched) and o.level is level else o


def _merged(row: Row, level: BatchLevel, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Take the hidden axis into the operation's own batch axis."""
    value = operands[0].value
    shape = tuple(value.shape)
    result = forward(xp.reshape(value, (shape[0] * shape[1], *shape[2:])), *operands[1:], **statics)

    def split(r: Any) -> Any:
        return xp.reshape(r, (shape[0], shape[1], *tuple(r.shape)[1:]))

    return tuple(map(split, result)) if len(row.outputs) > 1 else split(result)


def loop(row: Row, level: BatchLevel, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Run a row once per element of the batch: the last resort, which conformance counts."""
    if row.outputs == ("*",) or row.name in DATA_DEPENDENT:
        raise TransformError(f"{row.name} inside vmap: the result's shape would depend on the data")

    row.fallback["vmap"] = "loop"

    def element(o: Any, i: int) -> Any:
        if isinstance(o, (list, tuple)) and any(map(level.wraps, o)):
            return [element(v, i) for v in o]
        return o.value[i, ...] if isinstance(o, Batched) and o.level is level else o

    if level.size == 0:
        raise TransformError(f"{row.name} inside vmap: a batch of no elements has no result to take the shape from")
    results = [forward(*[element(o, i) for o in operands], **statics) for i in range(level.size)]
    if len(row.outputs) > 1:
        return tuple(xp.stack(list(r), axis=0) for r in zip(*results, strict=True))
    return xp.stack(results, axis=0)
