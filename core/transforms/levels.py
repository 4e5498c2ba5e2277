"""Levels: what makes transformations nest.

Each transformation entered gets a level. An operation runs at the newest level among its operands, with what belongs to
older levels as constants, and runs again on what is inside. Wrappers nest in the order of levels, oldest innermost.

Entering, leaving and lifting to a level are recorded operations, each the transpose of another: reverse mode has one
tape and no level of its own.
"""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from operator import add, lt, mul, sub, truediv
from typing import Any, ClassVar

from .. import dtypes
from ..autograd.mode import grad_mode, no_grad, walking_back
from ..autograd.node import Node, next_sequence
from ..device import Device
from ..errors import TransformError
from ..implementation import namespace
from ..namespace import tensor_namespace
from ..primitives.row import Row
from ..tensor import Tensor

_serials = itertools.count(1)
active_stack: ContextVar[tuple[Level, ...]] = ContextVar("candelabra_levels", default=())


def active_levels() -> tuple[Level, ...]:
    """Return the levels that are entered now, oldest first."""
    return active_stack.get()


class Level:
    """One entered transformation.

    Levels are used again after they end, unless the tape still names them; `epoch` tells one use from the next, and
    `serial` grows with each, so that newer levels wrap older ones.
    """

    kind = "a transformation"
    differs = "a value of this transformation"
    _free: ClassVar[dict[tuple[type, int], list[Any]]] = {}

    def __init__(self) -> None:
        self.serial = self.epoch = self.depth = 0
        self.alive = self.on_tape = False
        # The devices that have this level, kept while all of their levels may be used again.
        self.devices: dict[Any, Device] = {}
        # The tensors that were written in place with what is wrapped at this level, with what they were before.
        self.written: list[tuple[Any, Any, Device, Any, str]] = []

    def __repr__(self) -> str:
        return self.kind

    @classmethod
    def acquire(cls) -> Any:
        """Return a level that nobody uses, newer than all active ones."""
        depth = len(active_stack.get())
        pool = Level._free.setdefault((cls, depth), [])
        level = pool.pop() if pool else cls()
        level.depth, level.serial, level.alive, level.written = depth, next(_serials), True, []
        return level

    def __enter__(self) -> Level:
        active_stack.set((*active_stack.get(), self))
        return self

    def __exit__(self, *details: Any) -> None:
        active_stack.set(active_stack.get()[:-1])
        self.alive = False
        if details[0] is not None:
            for reference, *before, _ in self.written:
                _restore(reference(), *before)
        if not self.on_tape:
            self.epoch += 1
            Level._free[type(self), self.depth].append(self)
            return
        for key in list(self.devices):
            for level in key[1:]:
                level.devices.pop(key, None)

    def settle(self, written: list[tuple[Any, Any, Device, Any, str]]) -> None:
        """Refuse writes to tensors that live on after the level has ended; they are as they were before."""
        if not written:
            return
        if any(reference() is not None for reference, *_ in written):
            # What only a cycle keeps alive is not seen by anybody.
            gc.collect()
        refused = None
        for reference, array, device, node, line in reversed(written):
            tensor = reference()
            if tensor is None:
                continue
            if not isinstance(tensor.array, Wrapped):
                # The value was one for all.
                tensor.device = tensor.device.without(self)
                continue
            _restore(tensor, array, device, node)
            refused = (tuple(tensor.shape), line)
        if refused:
            raise TransformError(
                f"{self}: a tensor of shape {refused[0]} from outside was written in place at {refused[1]}, with "
                f"{self.differs}; return the value from the function instead, or make the tensor inside it"
            )

    def kernel(self, row: Row, device: Device) -> Callable[..., Any]:
        """Return the forward of a row on a device whose newest level this is."""
        raise TransformError(f"{self} has no kernels")

    def wraps(self, operand: Any) -> bool:
        """Say whether an operand, or one of a list, is an array of this level."""
        if isinstance(operand, (list, tuple)):
            return any(map(self.wraps, operand))
        if isinstance(operand, Wrapped):
            check_alive(operand)
            return operand.level is self
        return False

    def concrete(self, array: Any, operation: str) -> Any:
        """Return what is inside an array, for an operation that needs plain values."""
        raise TransformError(f"{self} has no plain values")

    def constant(self, array: Any, device: Device) -> tuple[Any, Device]:
        """Return an array and its device without what this level would differentiate."""
        return array, device

    def lower(self, wrapped: Any) -> Any:
        """Return the cotangent of a constant from the cotangent of what it was lifted to."""
        raise TransformError(f"{self} cannot lower")

    def lower_constant(self, array: Any, device: Device) -> Any:
        """Do the same for a cotangent that this level does not wrap."""
        raise TransformError(f"{self} cannot lower")


class Wrapped:
    """An array of a transformation: it has a shape, a dtype, operators, and a device that says its levels."""

    __slots__ = ("device", "epoch", "level")
    __array_ufunc__ = None
    level: Level
    device: Device
    shape: tuple[int, ...]
    dtype: Any

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def base(self) -> None:
        """A wrapped array is no view."""
        return None

    def __getitem__(self, key: Any) -> Any:
        static: list[Any] = []
        arrays: list[Any] = []
        for part in key if isinstance(key, tuple) else (key,):
            if isinstance(part, slice):
                static.append(("slice", part.start, part.stop, part.step))
            elif part is None or part is Ellipsis or isinstance(part, int):
                static.append(part)
            else:
                static.append(("array",))
                arrays.append(part)
        return namespace(joint([self, *arrays], self.device)).getitem(self, arrays, key=tuple(static))

    def map(self, function: Callable[[Any], Any], device: Device) -> Any:
        """Apply a function to what is inside."""
        raise TransformError("not a wrapped array")


def note_write(tensor: Tensor, device: Device) -> None:
    """Remember what a tensor was before it is written in place with what newer levels wrap."""
    newer = [level for level in device.levels if level not in tensor.device.levels and level.alive]
    if newer:
        from ..autograd.anomaly import user_line

        line = user_line()
        for level in newer:
            level.written.append((weakref.ref(tensor), tensor.array, tensor.device, tensor.node, line))


def _restore(tensor: Tensor | None, array: Any, device: Device, node: Any) -> None:
    if tensor is not None:
        tensor._rebind(array, device)
        tensor.node = node


def joint(operands: Sequence[Any], fallback: Device) -> Device:
    """Return the device of all levels among operands."""
    levels = {level for o in operands if isinstance(o, Wrapped) for level in o.device.levels}
    return fallback.physical.at_levels(levels)


def _operator(name: str, reflected: bool = False) -> Callable[[Any, Any], Any]:
    def operate(self: Any, other: Any) -> Any:
        device = self.device
        if isinstance(other, Wrapped) and other.device is not device:
            device = joint((self, other), device)
        function = getattr(namespace(device), name)
        return function(other, self) if reflected else function(self, other)

    return operate


def _prefix(name: str) -> Callable[[Any], Any]:
    return lambda self: getattr(namespace(self.device), name)(self)


for _short, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "pow", "floordiv": "floor_divide",
    "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "matmul": "matmul",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}.items():  # fmt: skip
    setattr(Wrapped, f"__{_short}__", _operator(_name))
    setattr(Wrapped, f"__r{_short}__", _operator(_name, True))
for _short, _name in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}.items():  # fmt: skip
    setattr(Wrapped, f"__{_short}__", _operator(_name))
Wrapped.__hash__ = object.__hash__  # type: ignore[method-assign, assignment]
for _short, _name in {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_invert"}.items():
    setattr(Wrapped, f"__{_short}__", _prefix(_name))


class _Probe:
    """A right operand that says whether it was asked."""

    __array_ufunc__ = None

    def __rmul__(self, other: Any) -> bool:
        return True

    __radd__ = __rsub__ = __rtruediv__ = __gt__ = __rmul__


def operators_defer(device: Device) -> bool:
    """Say whether a library's own array on the left of an operator leaves a wrapped one on the right its turn."""
    backend = device.backend
    found = _deferring.get(backend)
    if found is None:
        one = backend.asarray(1.0, device.physical.best_native_dtype(dtypes.float32), device.index or 0)
        try:
            found = all(f(one, _Probe()) is True for f in (mul, add, sub, truediv, lt))
        except (TypeError, ValueError, AttributeError):
            found = False
        _deferring[backend] = found
    return found


_deferring: dict[Any, bool] = {}


def as_tensors(device: Device, value: Any) -> Any:
    """Return arrays as tensors of a device, lists opened.

    What mixes wrapped and plain arrays by operators must hold tensors: many a library's own array on the left of an
    operator refuses what it does not know, where a tensor finds the common levels.
    """
    if isinstance(value, (list, tuple)):
        return type(value)([as_tensors(device, v) for v in value])
    return Tensor(value, device) if hasattr(value, "dtype") and hasattr(value, "shape") else value


def as_arrays(value: Any) -> Any:
    """Return the arrays of tensors, lists and tuples opened."""
    if isinstance(value, (list, tuple)):
        return type(value)([as_arrays(v) for v in value])
    return value.array if isinstance(value, Tensor) else value


def run_body(row: Row, device: Device, operands: Any, statics: Any) -> Any:
    """Run a row's body on the arrays of a device with levels."""
    if operators_defer(device):
        return _on_arrays(row.body, device, operands, statics)  # type: ignore[arg-type]
    with no_grad():
        found = row.body(tensor_namespace(device), *as_tensors(device, operands), **statics)  # type: ignore[misc]
    return as_arrays(found)


def _on_arrays(body: Callable[..., Any], device: Device, operands: Any, statics: Any) -> Any:
    """Run a body on arrays; 16-bit floats, which Python's own would widen, compute in a wider dtype."""
    backend, xp = device.backend, namespace(device)
    names = backend.narrow_dtypes
    kinds = [o.dtype for o in operands if hasattr(o, "dtype")] if names else []
    kind = next((k for k in kinds if device.dtype_of[k].name in names), None)
    if kind is None:
        return body(xp, *operands, **statics)
    wide = device.native[dtypes.as_dtype(backend.wide_dtype)]

    def cast(value: Any, before: Any, after: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)([cast(v, before, after) for v in value])
        return xp.astype(value, after) if getattr(value, "dtype", None) == before else value

    found = body(xp, *[cast(o, kind, wide) for o in operands], **statics)
    return cast(tuple(found) if isinstance(found, tuple) else found, wide, kind)


class Lowered(Wrapped):
    """A cotangent at a level, summed already over what the level hides."""

    __slots__ = ("dtype", "shape", "value")
    lowered = True

    def __init__(self, value: Any, level: Level, device: Device) -> None:
        self.value, self.level, self.device, self.epoch = value, level, device, level.epoch
        self.shape, self.dtype = tuple(value.shape), value.dtype

    def __add__(self, other: Any) -> Lowered:
        """Add another cotangent, which is lowered first."""
        inner = self.device.parent
        return Lowered(namespace(inner).add(self.value, lower(self.level, other, self.device)), self.level, self.device)

    __radd__ = __add__


class LoweredTensor(Tensor):
    """The same as a tensor of the device inside."""

    __slots__ = ("inner", "level")
    inner: Tensor  # type: ignore[assignment]
    level: Level

    def __init__(self, x: Tensor, level: Level) -> None:
        super().__init__(x.array, x.device, x.node)
        self.inner, self.level = x, level

    def __add__(self, other: Any) -> LoweredTensor:
        """Add another cotangent, which is lowered first."""
        mine, theirs = lowered(self, [self.level]), lowered(other, [self.level])
        return LoweredTensor(mine + theirs, self.level)

    __radd__ = __add__


def check_alive(wrapped: Any) -> None:
    """Refuse an array whose transformation has ended."""
    level = wrapped.level
    if wrapped.epoch != level.epoch or not (level.alive or walking_back.get()):
        raise TransformError(
            f"a tensor of shape {wrapped.shape} was made inside {wrapped.level} and used after it ended; "
            "return it from the transformed function instead"
        )


def lower(level: Level, g: Any, device: Device) -> Any:
    """Return what a cotangent at a device with `level` is for a constant without it."""
    if isinstance(g, Wrapped):
        if g.level is level:
            return g.value if type(g) is Lowered else level.lower(g)
        if level in g.device.levels:
            without = g.device.without(level)
            return g.map(lambda inner: lower(level, inner, g.device.parent), without)
    return level.lower_constant(g, device.without(level))


class Crossing:
    """What the node of an operation between levels records: both ways across, on arrays and on tensors."""

    __slots__ = ("back", "back_graph", "device", "levels", "row", "saves", "xp")

    def __init__(
        self,
        name: str,
        device: Device,
        back: Callable[..., Any],
        back_graph: Callable[..., Any],
        levels: Sequence[Level],
    ) -> None:
        self.row, self.levels = _CrossingRow(name), levels
        self.device, self.back, self.back_graph, self.saves = device, back, back_graph, ()
        self.xp = namespace(device)

    def backward(self, xp: Any, g: Any, node: Any, saved: Any) -> tuple[Any, ...]:
        return self.back(g)

    def backward_graph(self, xp: Any, g: Any, node: Any, saved: Any) -> tuple[Any, ...]:
        return self.back_graph(g)


class _CrossingRow:
    """What the engine asks of a row, for an operation between levels."""

    operands = ()
    has_list = False
    differentiable = (True,)

    def __init__(self, name: str) -> None:
        self.name = name


def record(
    name: str,
    array: Any,
    device: Device,
    parents: tuple[Any, ...],
    back: Callable[..., Any],
    back_graph: Callable[..., Any],
    levels: Sequence[Level],
) -> Tensor:
    """Return a tensor of an array that crossed levels, recorded if a parent is."""
    if not device.levels and type(array) is not device.backend.array_type:
        array = device.backend.normalize(array, device.index or 0)
    out = Tensor(array, device)
    if any(p is not None for p in parents) and grad_mode.get():
        for level in levels:
            level.on_tape = True
        node = Node()
        node.impl = Crossing(name, device, back, back_graph, levels)
        node.sequence = next_sequence()
        node.parents = parents
        node.saved, node.statics, node.hooks = (), (), None
        node.shape, node.dtype = tuple(array.shape), array.dtype
        out.node = node
    return out


def lift(x: Tensor, target: Device) -> Tensor:
    """Return a tensor as a constant of more levels; its gradient is lowered again."""
    missing = [level for level in target.levels if level not in x.device.levels]
    if not missing:
        return x
    for level in missing:
        if not level.alive and not walking_back.get():
            raise TransformError(
                f"a tensor that was made inside {level} is used after it ended; return it from the transformed function"
            )

    def back(g: Any) -> tuple[Any]:
        device = target
        for level in reversed(missing):
            g = lower(level, g, device)
            device = device.without(level)
        return (g,)

    return record("lift", x.array, target, (x.node,), back, lambda g: (lowered(g, missing),), missing)


def lowered(x: Tensor, levels: Sequence[Level]) -> Tensor:
    """Lower a cotangent, as a recorded operation: the transpose of `lift`. Newer levels of the cotangent stay."""
    if type(x) is LoweredTensor:
        return lowered(x.inner, levels[:-1]) if len(levels) > 1 else x.inner
    array, device = x.array, x.device
    for level in reversed(levels):
        array = lower(level, array, device)
        device = device.without(level)

    def again(g: Tensor) -> tuple[Tensor]:
        return (lift(g, g.device.physical.at_levels({*g.device.levels, *levels})),)

    return record("lower", array, device, (x.node,), lambda g: (g,), again, levels)
