"""Custom functions: a forward and a backward of the user's own, as PyTorch's ``torch.autograd.Function``."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentTypeError, AutogradError
from ..tensor import Tensor
from .mode import grad_mode, no_grad
from .node import MultiNode, Output, next_sequence


class FunctionContext:
    """What `forward` leaves for `backward`.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        One per argument of `apply`.
    """

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self._to_save: tuple[Any, ...] = ()
        self._saved: tuple[Any, ...] = ()
        self._plain: tuple[int, ...] = ()
        self._unpack: Any = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `backward`, where `saved_tensors` gives them back."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise ArgumentTypeError(f"save_for_backward: Tensors or None are kept, got {type(t).__name__}")
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` kept."""
        return tuple(self._unpack(s) if isinstance(s, tuple) else s for s in self._saved)

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say that outputs have no gradient."""
        self._plain = tuple(map(id, outputs))

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Accepted for PyTorch's sake: tensors are values here, and nothing needs to be told."""

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether gradients of unused outputs come as zeros (the default) or None."""
        self.materialize_grads = value


class _FunctionRow:
    """What the engine asks of a row, for a custom function."""

    operands = ()
    has_list = False

    def __init__(self, name: str, differentiable: tuple[bool, ...]) -> None:
        self.name = name
        self.differentiable = differentiable


class _FunctionImplementation:
    """What a custom function's node records."""

    holds_arrays = True
    __slots__ = ("device", "function", "materialize", "positions", "row", "saves", "xp")

    def __init__(
        self, function: type[Function], device: Any, row: _FunctionRow, positions: list[int], materialize: bool
    ) -> None:
        from ..implementation import namespace

        self.function, self.device, self.row, self.positions = function, device, row, positions
        self.materialize = materialize
        self.xp = namespace(device)
        self.saves = (("shape", 0),)

    def backward(self, xp: Any, g: Any, node: Any, saved: Any) -> tuple[Any, ...]:
        tensors = [None if c is None else Tensor(_as_array(c, self.device), self.device) for c in g]
        with no_grad():
            found = self._call(tensors, node, saved)
        return tuple(None if t is None else t.array for t in found)

    def backward_graph(self, xp: Any, g: Any, node: Any, saved: Any) -> tuple[Any, ...]:
        return self._call(list(g), node, saved)

    def _call(self, gradients: list[Any], node: Any, saved: Any) -> tuple[Any, ...]:
        context = saved[0]
        context._unpack = lambda kept: Tensor(kept[0], kept[1], Output(_whole(node), kept[2]))
        results = self.function.backward(context, *gradients)
        given = results if isinstance(results, tuple) else (results,)
        count = len(context.needs_input_grad)
        if len(given) < count or any(r is not None for r in given[count:]):
            raise AutogradError(
                f"{self.function.__name__}.backward returned {len(given)} gradients, but forward took {count} "
                "arguments; return one per argument, None for those without a gradient"
            )
        chosen = []
        for position, parent in zip(self.positions, node.parents, strict=True):
            found = given[position]
            if found is not None and not isinstance(found, Tensor):
                raise ArgumentTypeError(
                    f"{self.function.__name__}.backward: gradients are Tensors or None, got {type(found).__name__}"
                )
            chosen.append(found if parent is not None else None)
        return tuple(chosen)


def _whole(node: Any) -> Any:
    return getattr(node, "whole", node)


def _as_array(value: Any, device: Any) -> Any:
    return value if device.levels else device.backend.normalize(value, device.index or 0)


class Function:
    """Base class of custom differentiable functions.

    Subclasses define the static methods ``forward(ctx, *args)`` (or ``forward(*args)`` with
    ``setup_context(ctx, inputs, output)``) and ``backward(ctx, *gradients)``, which returns one gradient per argument,
    and are called through `apply`. A `backward` made of candelabra's functions is differentiable again.

    Examples
    --------
    >>> import candelabra as cb
    >>> class Cube(cb.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x ** 2 * g
    >>> x = cb.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: a Tensor or a tuple of Tensors."""
        raise AutogradError("a custom Function must define the static method forward")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return one gradient per argument of `forward`."""
        raise AutogradError("a custom Function must define the static method backward")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward`, and record it where an argument requires a gradient."""
        context = FunctionContext()
        positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        context.needs_input_grad = tuple(isinstance(a, Tensor) and a.node is not None for a in args)
        setup = getattr(cls, "setup_context", None)
        with no_grad():
            if setup is None:
                outputs = cls.forward(context, *args)
            else:
                outputs = cls.forward(*args)
                setup(context, args, outputs)
        many = isinstance(outputs, tuple)
        results = list(outputs) if many else [outputs]
        recorded = any(context.needs_input_grad) and grad_mode.get()
        if recorded:
            results = _record(cls, context, args, positions, results)
        return tuple(results) if many else results[0]


def _record(
    cls: type[Function], context: FunctionContext, args: tuple[Any, ...], positions: list[int], results: list[Any]
) -> list[Any]:
    tensors = [(i, r) for i, r in enumerate(results) if isinstance(r, Tensor)]
    if not tensors:
        return results
    flags = tuple(
        id(r) not in context._plain and r.device.dtype_of[r.array.dtype].is_differentiable for _, r in tensors
    )
    device = tensors[0][1].device
    node = MultiNode()
    node.impl = _FunctionImplementation(
        cls, device, _FunctionRow(cls.__name__, flags), positions, context.materialize_grads
    )
    node.sequence = next_sequence()
    node.parents = tuple(args[i].node for i in positions)
    node.statics, node.hooks = (), None
    node.shape = tuple(r.array.shape for _, r in tensors)
    node.dtype = tuple(r.array.dtype for _, r in tensors)
    node.saved = (context,)
    made = list(results)
    places = {}
    for k, ((i, r), differentiable) in enumerate(zip(tensors, flags, strict=True)):
        places[id(r)] = k
        fresh = Tensor(r.array, r.device)
        if differentiable:
            fresh.node = Output(node, k)
        made[i] = fresh
    # An output is kept without its node, which would be a cycle; `saved_tensors` puts it back.
    inputs = {id(args[i]) for i in positions}
    context._saved = tuple(
        (t.array, t.device, places[id(t)]) if id(t) in places and id(t) not in inputs else t for t in context._to_save
    )
    mode = grad_mode.get()
    if mode is not True:
        mode.note(node, [r.array for _, r in tensors], [args[i].array for i in positions])
    return made
