"""Weight normalization by a hook, as PyTorch had it first; see `parametrizations.weight_norm` for the newer way."""

from __future__ import annotations

import warnings
from typing import Any

from ...core.autograd import no_grad
from ...core.errors import ArgumentError
from ..module import Module
from ..parameter import Parameter
from .norms import norm_except, weight_of

__all__ = ["remove_weight_norm", "weight_norm"]


class WeightNorm:
    """The hook: before each forward it computes the weight from its length and its direction."""

    def __init__(self, name: str, dim: int) -> None:
        self.name, self.dim = name, dim

    def compute_weight(self, module: Any) -> Any:
        """Return the weight."""
        return weight_of(getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v"), self.dim)

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def find_hook(module: Module, kind: type, name: str) -> int | None:
    """Return the number of a forward pre-hook of a class, for a parameter."""
    entries = {} if module._hooks is None else module._hooks.forward_pre
    return next(
        (key for key, e in entries.items() if isinstance(e.function, kind) and e.function.name == name),  # type: ignore[attr-defined]
        None,
    )


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    r"""Train a weight's length and direction apart (Salimans and Kingma, 2016); return the module.

    .. math:: w = g \, v / \lVert v \rVert

    The parameters ``weight_g`` and ``weight_v`` take the weight's place. Deprecated by PyTorch for
    `parametrizations.weight_norm`, which reads these state dicts, too.

    Parameters
    ----------
    module : Module
        The module.
    name : str
        The name of its weight.
    dim : int, optional
        The axis along which each slice has a length of its own; None for one length of all.

    Examples
    --------
    >>> import warnings
    >>> from candelabra import nn
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = nn.utils.weight_norm(nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    ((40, 1), (40, 20))
    """
    warnings.warn(
        "nn.utils.weight_norm is deprecated; use nn.utils.parametrizations.weight_norm", FutureWarning, stacklevel=2
    )
    if find_hook(module, WeightNorm, name) is not None:
        raise ArgumentError(f"weight_norm: {type(module).__name__}.{name} has one already")
    weight = module._parameters.get(name)
    if weight is None:
        raise ArgumentError(f"weight_norm: {type(module).__name__} has no parameter {name!r}")
    hook = WeightNorm(name, -1 if dim is None else dim)
    with no_grad():
        length = norm_except(weight.detach(), hook.dim)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight an ordinary parameter again; return the module.

    Examples
    --------
    >>> import warnings
    >>> from candelabra import nn
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = nn.utils.weight_norm(nn.Linear(20, 40))
    >>> list(nn.utils.remove_weight_norm(layer).state_dict())
    ['bias', 'weight']
    """
    key = find_hook(module, WeightNorm, name)
    if key is None:
        raise ArgumentError(f"remove_weight_norm: {type(module).__name__} has no weight_norm of {name!r}")
    assert module._hooks is not None
    hook: Any = module._hooks.forward_pre[key].function
    with no_grad():
        weight = hook.compute_weight(module).detach()
    delattr(module, name)
    del module._parameters[f"{name}_g"]
    del module._parameters[f"{name}_v"]
    setattr(module, name, Parameter(weight))
    del module._hooks.forward_pre[key]
    return module
