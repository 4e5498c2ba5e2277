"""A linear layer and the activation after it, as one operation on devices that have one for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import ops
from ..core.errors import CandelabraError
from ..core.implementation import has_kernel
from ..core.tensor import Tensor
from . import functional as F
from .activation import GELU, SiLU
from .linear import Linear
from .module import Module, _name_module
from .rectifier import ReLU

_MODULES: dict[type, Callable[[Any], str]] = {
    ReLU: lambda module: "relu",
    SiLU: lambda module: "silu",
    GELU: lambda module: "gelu_tanh" if module.approximate == "tanh" else "gelu",
}
_FUNCTIONS = ((F.relu, "relu"), (F.gelu, "gelu"), (F.silu, "silu"))


def takes_along(input: Any) -> bool:
    """Say whether a linear layer of `input` may take along what follows it: the device has a kernel for both."""
    return isinstance(input, Tensor) and has_kernel("linear_activation", input.device)


def followed(linear: Linear, activation: Callable[[Any], Any], input: Any) -> Any:
    """Return what `activation` makes of what `linear` makes of `input`.

    It is one operation where the device `takes_along` what follows and nothing looks at what lies between: modules with
    hooks, with a forward of their own or of a subclass, and tensors inside a transformation take two.
    """
    name = _name_of(activation) if takes_along(input) and _is_plain(linear, Linear) else None
    if name is None:
        return activation(linear(input))
    try:
        return ops.linear_activation(input, linear.weight, linear.bias, activation=name)
    except CandelabraError as error:
        _name_module(error, linear, (input,), {})
        raise


def _name_of(activation: Callable[[Any], Any]) -> str | None:
    """Return how the row calls an activation, None for one that it has not."""
    kind: Any = type(activation)
    if kind in _MODULES:
        return _MODULES[kind](activation) if _is_plain(activation, kind) else None
    return next((name for function, name in _FUNCTIONS if function is activation), None)


def _is_plain(module: Any, kind: type[Module]) -> bool:
    return type(module) is kind and module._hooks is None and "forward" not in module.__dict__
