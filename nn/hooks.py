"""Hooks of a module: what is called before and after its forward, its backward, and its saving and loading.

A module without hooks has no `Hooks` object, so that calling it costs nothing extra.
"""

from __future__ import annotations

import functools
import itertools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.autograd import is_grad_enabled
from ..core.errors import ArgumentError
from ..core.tensor import Tensor

if TYPE_CHECKING:
    from .module import Module

_next_id = itertools.count().__next__


class HookEntry(NamedTuple):
    """A registered hook and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class HookHandle:
    """What registering a hook returns; `remove` takes the hook away, as does leaving it as a context manager."""

    def __init__(self, entries: OrderedDict[int, HookEntry], entry: HookEntry, prepend: bool = False) -> None:
        self.id = _next_id()
        self._entries = weakref.ref(entries)
        entries[self.id] = entry
        if prepend:
            entries.move_to_end(self.id, last=False)

    def remove(self) -> None:
        """Take the hook away; doing so twice does no harm."""
        entries = self._entries()
        if entries is not None:
            entries.pop(self.id, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class Hooks:
    """All hooks of one module, by occasion."""

    __slots__ = (
        "backward", "backward_pre", "forward", "forward_pre", "load_post", "load_pre", "state_dict", "state_dict_pre",
    )  # fmt: skip

    backward: OrderedDict[int, HookEntry]
    backward_pre: OrderedDict[int, HookEntry]
    forward: OrderedDict[int, HookEntry]
    forward_pre: OrderedDict[int, HookEntry]
    load_post: OrderedDict[int, HookEntry]
    load_pre: OrderedDict[int, HookEntry]
    state_dict: OrderedDict[int, HookEntry]
    state_dict_pre: OrderedDict[int, HookEntry]

    def __init__(self) -> None:
        for occasion in self.__slots__:
            setattr(self, occasion, OrderedDict())

    def call(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the module's forward with the hooks around it."""
        pending = [entry for entry in self.forward.values() if entry.always_call]
        result = None
        try:
            for entry in list(self.forward_pre.values()):
                if entry.with_kwargs:
                    changed = entry.function(module, args, kwargs)
                    if changed is not None:
                        if not (isinstance(changed, tuple) and len(changed) == 2):
                            raise ArgumentError(
                                "a forward pre-hook registered with with_kwargs=True returns None or a tuple "
                                f"(new_args, new_kwargs), got {type(changed).__name__}"
                            )
                        args, kwargs = changed
                else:
                    changed = entry.function(module, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            relay = None
            if (self.backward or self.backward_pre) and is_grad_enabled():
                relay = _BackwardRelay(module, self)
                args = relay.watch_inputs(args)
            result = module.forward(*args, **kwargs)
            for entry in list(self.forward.values()):
                if entry in pending:
                    pending.remove(entry)
                if entry.with_kwargs:
                    changed = entry.function(module, args, kwargs, result)
                else:
                    changed = entry.function(module, args, result)
                if changed is not None:
                    result = changed
            if relay is not None:
                result = relay.watch_outputs(result)
            return result
        except Exception:
            for entry in pending:
                try:
                    if entry.with_kwargs:
                        entry.function(module, args, kwargs, result)
                    else:
                        entry.function(module, args, result)
                except Exception as error:
                    warnings.warn(f"a forward hook with always_call=True raised after another error: {error}")
            raise


@functools.cache
def _identity() -> Any:
    """Return the function that hands tensors through and lets a callable replace all their gradients at once."""
    from ..core.autograd import Function

    class Identity(Function):
        @staticmethod
        def forward(ctx: Any, callback: Callable[..., Any], *tensors: Tensor) -> tuple[Tensor, ...]:
            ctx.callback = callback
            return tuple(t.detach() for t in tensors)

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
            return (None, *ctx.callback(grads))

    return Identity


class _BackwardRelay:
    """Brings together what a full backward hook wants to see: the gradients of all inputs and of all outputs."""

    def __init__(self, module: Module, hooks: Hooks) -> None:
        self.module = module
        self.hooks = list(hooks.backward.values())
        self.pre_hooks = list(hooks.backward_pre.values())
        self.grad_outputs: tuple[Any, ...] | None = None
        self.input_places: list[int] | None = None
        self.input_count = 0

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.input_count = len(args)
        places = [i for i, value in enumerate(args) if isinstance(value, Tensor)]
        if not any(args[i].requires_grad for i in places):
            return args
        self.input_places = places
        return _rebuild(args, places, _identity().apply(self.on_inputs, *[args[i] for i in places]))

    def watch_outputs(self, result: Any) -> Any:
        outputs = result if isinstance(result, tuple) else (result,)
        places = [i for i, value in enumerate(outputs) if isinstance(value, Tensor)]
        if not places:
            warnings.warn(
                "full backward hooks are called only where the module returns a tensor or a tuple of tensors, "
                f"got {type(result).__name__}"
            )
            return result
        if not any(outputs[i].requires_grad for i in places):
            return result

        def on_outputs(grads: tuple[Any, ...]) -> tuple[Any, ...]:
            return self.on_outputs(grads, places, len(outputs))

        changed = _rebuild(outputs, places, _identity().apply(on_outputs, *[outputs[i] for i in places]))
        return changed if isinstance(result, tuple) else changed[0]

    def on_outputs(self, grads: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
        seen = _spread(grads, places, count)
        for entry in self.pre_hooks:
            changed = entry.function(self.module, seen)
            if changed is not None:
                seen = _checked(changed, count, "backward pre-hook", "grad_output")
        self.grad_outputs = seen
        if self.input_places is None:
            # No input takes a gradient, so nothing further will happen on the way back.
            nothing = (None,) * self.input_count
            for entry in self.hooks:
                entry.function(self.module, nothing, seen)
            self.grad_outputs = None
        return tuple(seen[i] for i in places)

    def on_inputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        places = self.input_places or []
        seen = _spread(grads, places, self.input_count)
        if self.grad_outputs is not None:
            for entry in self.hooks:
                changed = entry.function(self.module, seen, self.grad_outputs)
                if changed is not None:
                    seen = _checked(changed, self.input_count, "backward hook", "grad_input")
            self.grad_outputs = None
        return tuple(seen[i] for i in places)


def _rebuild(values: tuple[Any, ...], places: list[int], tensors: Any) -> tuple[Any, ...]:
    changed = list(values)
    for place, tensor in zip(places, tensors if isinstance(tensors, tuple) else (tensors,)):
        changed[place] = tensor
    return type(values)(*changed) if hasattr(values, "_fields") else tuple(changed)


def _spread(values: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
    full: list[Any] = [None] * count
    for place, value in zip(places, values):
        full[place] = value
    return tuple(full)


def _checked(changed: Any, count: int, hook: str, what: str) -> tuple[Any, ...]:
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != count:
        raise ArgumentError(f"a {hook} returned {len(changed)} values for {what}, {count} are needed")
    return changed
