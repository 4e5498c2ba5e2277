"""Parametrizations: a parameter that is computed from others each time it is read.

A parametrized module is of a class of its own, derived from the module's, with a property for each such name. What the
tensors are computed from stands below ``module.parametrizations`` and is trained and saved in their place.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ...core.autograd import no_grad
from ...core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ...core.tensor import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

# What has been computed inside `cached`, by the list that computes it.
_cache: ContextVar[dict[int, tuple[ParametrizationList, Tensor]] | None] = ContextVar("parametrizations", default=None)


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside the context, however often it is read.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> with nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    outer = _cache.get()
    token = _cache.set({} if outer is None else outer)
    try:
        yield
    finally:
        _cache.reset(token)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other, and what the first of them starts from.

    Parameters
    ----------
    modules : sequence of Module
        The parametrizations, at least one.
    original : Tensor
        The tensor that they take the place of; it becomes `original`, or where the inverse of the first gives several
        tensors, these become `original0`, `original1`, ...
    unsafe : bool
        Whether the result's shape and dtype are not compared with the original's.

    Examples
    --------
    >>> from candelabra import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> [name for name, _ in layer.parametrizations.weight.named_parameters()]
    ['original0', 'original1']
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList: one parametrization is needed at least")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            value: Any = original
            for module in reversed(list(self)):
                # Without an inverse of its own a parametrization starts from the tensor as it is.
                if hasattr(module, "right_inverse"):
                    try:
                        value = module.right_inverse(value)
                    except NotImplementedError:
                        continue
        _check_inverse(value)
        self.is_tensor = isinstance(value, Tensor)
        self.ntensors = 1 if self.is_tensor else len(value)
        if self.is_tensor:
            _check_same("right_inverse", original, value, "its original")
            if not unsafe:
                _check_result(self._applied(value), shape, dtype)
            # The same handle, so that an optimizer that has it keeps it.
            original._rebind(value.array, value.device)
            _register(self, "original", original)
        else:
            parts = list(value)
            if isinstance(original, Parameter):
                parts = [Parameter(part.detach(), original.requires_grad) for part in parts]
            if not unsafe:
                _check_result(self._applied(*parts), shape, dtype)
            for i, part in enumerate(parts):
                _register(self, f"original{i}", part)

    def _originals(self) -> list[Any]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def _applied(self, *values: Any) -> Any:
        first, *others = self._steps()
        x = first(*values)
        for module in others:
            x = module(x)
        return x

    def _steps(self) -> list[Any]:
        return list(self)

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value`."""
        with no_grad():
            found: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise ArgumentError(
                        f"parametrization {type(module).__name__} has no right_inverse, so that its tensor cannot be "
                        "assigned; write parametrizations.<name>.original, or remove the parametrization first"
                    )
                found = module.right_inverse(found)
            _check_inverse(found)
            parts = [found] if isinstance(found, Tensor) else list(found)
            originals = self._originals()
            if len(parts) != len(originals):
                raise ArgumentError(
                    f"right_inverse gave {len(parts)} tensors, the parametrization has {len(originals)}"
                )
            for original, part in zip(originals, parts, strict=True):
                _check_same("right_inverse", original, part, "the original")
            for original, part in zip(originals, parts, strict=True):
                original._rebind(part.array, part.device)

    def forward(self) -> Any:
        """Compute the tensor."""
        return self._applied(*self._originals())


def _check_inverse(value: Any) -> None:
    if isinstance(value, Tensor):
        return
    if not isinstance(value, Sequence) or not all(isinstance(part, Tensor) for part in value):
        raise ArgumentTypeError(f"right_inverse returns a tensor or a sequence of tensors, got {type(value).__name__}")


def _check_same(what: str, original: Tensor, value: Tensor, whose: str) -> None:
    if value.dtype is not original.dtype:
        raise DTypeError(f"{what} gave {value.dtype.name}, {whose} is {original.dtype.name}; they must be the same")
    if value.device != original.device:
        raise ArgumentError(f"{what} gave a tensor on {value.device}, {whose} is on {original.device}")


def _check_result(value: Any, shape: Any, dtype: Any) -> None:
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"a parametrization returns a tensor, got {type(value).__name__}")
    mend = "register it with unsafe=True if that is meant"
    if value.dtype is not dtype:
        raise DTypeError(f"a parametrization changed the dtype from {dtype.name} to {value.dtype.name}; {mend}")
    if value.shape != shape:
        raise ShapeError(f"a parametrization changed the shape from {tuple(shape)} to {tuple(value.shape)}; {mend}")


def _register(module: Module, name: str, value: Tensor) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _rebuild(base: type, names: tuple[str, ...]) -> Any:
    kind: Any = parametrized_class(base, names)
    return kind.__new__(kind)


@functools.cache
def parametrized_class(base: type, names: tuple[str, ...]) -> type:
    """Return the class of modules of `base` with parametrized tensors of these names."""

    def reduce(self: Any, protocol: int) -> tuple[Any, ...]:
        return _rebuild, (base, names), self.__getstate__()

    members: dict[str, Any] = {
        "__reduce_ex__": reduce, "__module__": base.__module__, "_parametrized_names": names,
    }  # fmt: skip
    for name in names:
        members[name] = property(functools.partial(_read, name), functools.partial(_write, name))
    return type(f"Parametrized{base.__name__}", (base,), members)


def _chains(module: Any) -> Any:
    """Return the `ParametrizationList` of each parametrized tensor."""
    return module.parametrizations


def _read(name: str, module: Any) -> Any:
    parametrization = module.parametrizations[name]
    known = _cache.get()
    if known is None:
        return parametrization()
    found = known.get(id(parametrization))
    if found is None:
        found = known[id(parametrization)] = (parametrization, parametrization())
    return found[1]


def _write(name: str, module: Any, value: Tensor) -> None:
    module.parametrizations[name].right_inverse(value)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer of a module by another module, from now on; return the module.

    Where the tensor is parametrized already, the new parametrization takes the result of those before it.

    Parameters
    ----------
    module : Module
        The module whose tensor it is.
    tensor_name : str
        The name of the parameter or buffer.
    parametrization : Module
        Called with the original tensor. Its `right_inverse`, if it has one, gives the original that a tensor is made
        from: at first, and when the tensor is assigned.
    unsafe : bool
        Whether the parametrization may change the tensor's shape and dtype.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    """
    if is_parametrized(module, tensor_name):
        if not unsafe:
            current = getattr(module, tensor_name)
            made = parametrization(current)
            _check_result(made, current.shape, current.dtype)
            if hasattr(parametrization, "right_inverse"):
                _check_second_inverse(parametrization, made, current)
        parametrization.train(module.training)
        chain = _chains(module)[tensor_name]
        chain.append(parametrization)
        chain.unsafe |= unsafe
        return module
    if tensor_name not in module._buffers and tensor_name not in module._parameters:
        raise ArgumentError(
            f"register_parametrization: {type(module).__name__} has no parameter, buffer or parametrized tensor "
            f"{tensor_name!r}; it has {', '.join([*module._parameters, *module._buffers]) or 'none'}"
        )
    original = getattr(module, tensor_name)
    if original is None:
        raise ArgumentError(f"register_parametrization: {type(module).__name__}.{tensor_name} is None")
    if not is_parametrized(module) and hasattr(module, "parametrizations"):
        raise ArgumentError(f"register_parametrization: {type(module).__name__} has an attribute 'parametrizations'")
    parametrization.train(module.training)
    made_list = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.register_module("parametrizations", ModuleDict())
        names: tuple[str, ...] = (tensor_name,)
    else:
        names = (*_chains(module), tensor_name)
    base: Any = type_before_parametrizations(module)
    module.__class__ = parametrized_class(base, names)
    # Under a name that a property of the class has now: past the check of attributes.
    _chains(module)._modules[tensor_name] = made_list
    return module


def _check_second_inverse(parametrization: Any, made: Tensor, current: Tensor) -> None:
    try:
        back = parametrization.right_inverse(made)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ArgumentTypeError(f"right_inverse of a further parametrization gives a tensor, got {type(back).__name__}")
    _check_same("right_inverse", current, back, "the tensor")
    if back.shape != current.shape:
        raise ShapeError(
            f"right_inverse of a further parametrization changed the shape from {tuple(current.shape)} to "
            f"{tuple(back.shape)}; register it with unsafe=True if that is meant"
        )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Say whether a module has parametrized tensors, or one of that name.

    Examples
    --------
    >>> from candelabra import nn
    >>> nn.utils.parametrize.is_parametrized(nn.Linear(2, 2))
    False
    """
    names = vars(type(module)).get("_parametrized_names", ())
    return bool(names) if tensor_name is None else tensor_name in names


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Take all parametrizations of a tensor away; return the module.

    Parameters
    ----------
    module : Module
        The module whose tensor it is.
    tensor_name : str
        The name of the tensor.
    leave_parametrized : bool
        Whether the tensor keeps the computed value, or becomes the original again, which must then be one tensor.

    Examples
    --------
    >>> from candelabra import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> nn.utils.parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(
            f"remove_parametrizations: {type(module).__name__} has no parametrization of {tensor_name!r}"
        )
    chains = _chains(module)
    chain = chains[tensor_name]
    if chain.is_tensor:
        original = chain.original
        if leave_parametrized:
            with no_grad():
                value = chain().detach()
            # The same handle, so that an optimizer that has it keeps it.
            original._rebind(value.array, value.device)
    elif leave_parametrized:
        value = chain()
        original = Parameter(value.detach()) if value.requires_grad else value.detach()
    else:
        raise ArgumentError(
            f"remove_parametrizations: {tensor_name!r} is computed from {chain.ntensors} tensors, so that there is no "
            "original to leave; use leave_parametrized=True"
        )
    base: Any = type_before_parametrizations(module)
    del chains[tensor_name]
    names = tuple(chains)
    if not names:
        delattr(module, "parametrizations")
    module.__class__ = parametrized_class(base, names) if names else base
    _register(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type:
    """Return the class that a module had before its parametrizations.

    Examples
    --------
    >>> from candelabra import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> nn.utils.parametrize.type_before_parametrizations(layer).__name__
    'Linear'
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give a module the parametrizations of another one, with their originals; return it.

    Parameters
    ----------
    from_module, to_module : Module
        From which, and to which.
    tensor_name : str, optional
        The tensor; by default all that are parametrized.

    Examples
    --------
    >>> from candelabra import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> twin = nn.utils.parametrize.transfer_parametrizations_and_params(layer, nn.Linear(2, 2))
    >>> bool((twin.weight == layer.weight).all())
    True
    """
    if not is_parametrized(from_module):
        return to_module
    chains = _chains(from_module)
    names = list(chains) if tensor_name is None else [tensor_name]
    for name in names:
        if name not in chains:
            raise ArgumentError(f"{type(from_module).__name__} has no parametrization of {name!r}")
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in chains[name]:
            register_parametrization(to_module, name, parametrization)
        target = _chains(to_module)
        for entry, value in [*chains[name]._parameters.items(), *chains[name]._buffers.items()]:
            setattr(target[name], entry, value)
    return to_module
