"""What a module holds: parameters, buffers and children, how they are registered, found and walked.

They are registered by assigning them to attributes. Each stands in its registry (`_parameters`, `_buffers`, `_modules`)
and is an ordinary instance attribute too, so that reading ``self.weight`` costs a plain look-up.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.tensor import Tensor
from .parameter import Buffer, Parameter

if TYPE_CHECKING:
    from .module import Module

_REGISTRIES = ("_parameters", "_buffers", "_modules")


class ModuleTree:
    """The base of `Module`: a tree of modules with parameters and buffers at its nodes."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    def __init__(self) -> None:
        self.__dict__.update(
            _parameters=Registry(self),
            _buffers=Registry(self),
            _modules=Registry(self),
            _non_persistent_buffers_set=set(),
        )

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            self._leave_registries(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, ModuleTree):
            self._leave_registries(name, "_modules")
            self.register_module(name, value)  # type: ignore[arg-type]
        elif isinstance(value, Buffer):
            self._leave_registries(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in own and "_parameters" in own:
            if name in self._parameters:
                self.register_parameter(name, value)
            elif name in self._buffers:
                self.register_buffer(name, value, name not in self._non_persistent_buffers_set)
            elif name in self._modules:
                self.register_module(name, value)
            else:
                super().__setattr__(name, value)
        else:
            super().__setattr__(name, value)

    def _leave_registries(self, name: str, target: str) -> None:
        """Make room for `name` in the registry `target` by leaving the others."""
        own = self.__dict__
        if "_parameters" not in own:
            raise ArgumentError(
                f"{type(self).__name__}: {name!r} cannot be assigned before Module.__init__; "
                "call super().__init__() first in the subclass's __init__"
            )
        if name in own and name not in own[target]:
            for registry in _REGISTRIES:
                if name in own[registry]:
                    del own[registry][name]
                    break
            else:
                del own[name]
            self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for registry in _REGISTRIES:
            entries = self.__dict__.get(registry)
            if entries is not None and name in entries:
                del entries[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted(name for name in super().__dir__() if not name[:1].isdigit())

    def _check_name(self, kind: str, name: Any, registry: str) -> None:
        if registry not in self.__dict__:
            raise ArgumentError(
                f"{type(self).__name__}: a {kind} cannot be registered before Module.__init__; "
                "call super().__init__() first in the subclass's __init__"
            )
        if not isinstance(name, str):
            raise ArgumentTypeError(f"a {kind}'s name is a string, got {type(name).__name__}")
        if not name or "." in name:
            raise ArgumentError(f'a {kind}\'s name is not empty and contains no ".", got {name!r}')
        if name not in self.__dict__[registry] and hasattr(self, name):
            raise ArgumentError(f"{type(self).__name__} has an attribute {name!r} already; choose another {kind} name")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None reserves the name (it is not saved)."""
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"{type(self).__name__}.{name} is a parameter: assign an nn.Parameter or None, "
                f"got {type(param).__name__}"
            )
        if param is not None and not param.is_leaf:
            raise ArgumentError(
                f"{type(self).__name__}.{name}: a parameter is no operation's result; compute it in forward instead"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer under `name`: state that is moved with the module, and saved if `persistent`."""
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"{type(self).__name__}.{name} is a buffer: assign a tensor or None, got {type(tensor).__name__}"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name`."""
        self._check_name("module", name, "_modules")
        if module is not None and not isinstance(module, ModuleTree):
            raise ArgumentTypeError(
                f"{type(self).__name__}.{name} is a child module: assign an nn.Module or None, "
                f"got {type(module).__name__}"
            )
        self._modules[name] = module

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name` (another name of `register_module`)."""
        self.register_module(name, module)

    def get_submodule(self, target: str) -> Module:
        """Return the module at the dotted path `target`; the empty path is the module itself."""
        found: Any = self
        for part in target.split(".") if target else ():
            child = found._modules.get(part)
            if child is None:
                raise ArgumentError(
                    f"{type(self).__name__} has no submodule {target!r}: {type(found).__name__} has no child {part!r}; "
                    f"its children are {', '.join(found._modules) or 'none'}"
                )
            found = child
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at the dotted path `target`; with `strict`, only where there is a module already."""
        if not isinstance(module, ModuleTree):
            raise ArgumentTypeError(f"set_submodule: an nn.Module is needed, got {type(module).__name__}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and parent._modules.get(name) is None:
            raise ArgumentError(f"{type(self).__name__} has no submodule {target!r} to replace")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter at the dotted path `target`."""
        return self._get_entry(target, "_parameters", "parameter")

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at the dotted path `target`."""
        return self._get_entry(target, "_buffers", "buffer")

    def _get_entry(self, target: str, registry: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        entries = getattr(self.get_submodule(path), registry)
        if entries.get(name) is None:
            raise ArgumentError(
                f"{type(self).__name__} has no {kind} {target!r}; there is {', '.join(entries) or 'none'} at that path"
            )
        return entries[name]

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield the module and all below it as (dotted path, module), each once."""
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        if remove_duplicate:
            memo.add(id(self))
        yield prefix, self  # type: ignore[misc]
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Yield the module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the direct children as (name, module), each once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yield the direct children."""
        for _, module in self.named_children():
            yield module

    def _named_entries(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in getattr(module, registry).items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters as (dotted path, parameter), a shared one once."""
        return self._named_entries("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, as an optimizer takes them."""
        for _, parameter in self._named_entries("_parameters", "", recurse, True):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers as (dotted path, buffer)."""
        return self._named_entries("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers."""
        for _, buffer in self._named_entries("_buffers", "", recurse, True):
            yield buffer

    def __getstate__(self) -> dict[str, Any]:
        own = dict(self.__dict__)
        for registry in _REGISTRIES:
            entries = own.get(registry, {})
            for name in entries:
                own.pop(name, None)
            own[registry] = dict(entries)
        return own

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_hooks": None, "_non_persistent_buffers_set": set()})
        self.__dict__.update(state)
        for registry in _REGISTRIES:
            entries = Registry(self)
            entries.update(state.get(registry, {}))
            self.__dict__[registry] = entries


class Registry(dict):
    """Entries of a module by name, each mirrored as an attribute of the module."""

    __slots__ = ("_owner",)

    def __init__(self, owner: ModuleTree) -> None:
        super().__init__()
        # The module owns the registry, and must be freed without the cycle collector.
        self._owner = weakref.ref(owner)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        owner = self._owner()
        if owner is not None:
            owner.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        owner = self._owner()
        if owner is not None:
            owner.__dict__.pop(name, None)

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        name = next(reversed(self))
        return name, self.pop(name)

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __ior__(self, other: Any) -> Registry:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (dict, (dict(self),))
