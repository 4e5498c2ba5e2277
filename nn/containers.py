"""Containers: modules that hold modules, in a row, in a list or by name."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from ..core.errors import ArgumentError, ArgumentTypeError, IndexOutOfRangeError
from .following import followed, takes_along
from .linear import Linear
from .module import Module, indent

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Ordered(Module):
    """What `Sequential` and `ModuleList` share: children named "0", "1", ... that are used like a list."""

    def _put(self, modules: Iterable[Any]) -> None:
        """Make `modules` the children, in order; nothing changes if one of them is no module."""
        modules = self._checked(modules)
        self._modules.clear()
        for index, module in enumerate(modules):
            self._modules[str(index)] = module

    def _checked(self, modules: Iterable[Any]) -> list[Any]:
        if not isinstance(modules, Iterable):
            raise ArgumentTypeError(
                f"{self._get_name()}: an iterable of modules is needed, got {type(modules).__name__}"
            )
        modules = list(modules)
        for module in modules:
            if module is not None and not isinstance(module, Module):
                raise ArgumentTypeError(f"{self._get_name()} holds modules, got {type(module).__name__}")
        return modules

    def _name(self, index: Any) -> str:
        try:
            index = operator.index(index)
        except TypeError:
            raise ArgumentTypeError(
                f"{self._get_name()}: an int or a slice is needed, got {type(index).__name__}"
            ) from None
        count = len(self._modules)
        if not -count <= index < count:
            raise IndexOutOfRangeError(f"{self._get_name()}: index {index} is outside its {count} modules")
        return list(self._modules)[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)[index] if isinstance(index, slice) else [self._name(index)]
        for name in names:
            delattr(self, name)
        self._put(list(self._modules.values()))

    def append(self, module: Module) -> Any:
        """Add a module at the end; return the container."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module before `index`; return the container."""
        modules = list(self)
        if not -len(modules) <= index <= len(modules):
            raise IndexOutOfRangeError(
                f"{self._get_name()}: {index} is no place to insert at among {len(modules)} modules"
            )
        modules.insert(index, module)
        self._put(modules)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end; return the container."""
        for module in self._checked(modules):
            self.add_module(str(len(self)), module)
        return self

    def pop(self, index: int | slice = -1) -> Any:
        """Take the module at `index`, or a container of those of a slice, out and return it."""
        taken = self[index]  # type: ignore[index]
        del self[index]
        return taken

    def __iadd__(self, other: Iterable[Module]) -> Any:
        return self.extend(other)


class Sequential(_Ordered):
    r"""Modules in a row: each takes what the one before returns.

    .. math:: y = f_n(\ldots f_2(f_1(x)))

    Parameters
    ----------
    *args : Module or OrderedDict of str to Module
        The modules, named by their position or by the dict's keys.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))(cb.ones(3, 4)).shape
    (3, 2)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for index, module in enumerate(args):
                self.add_module(str(index), module)

    def forward(self, input: Any) -> Any:
        """Call the modules one after the other."""
        if not takes_along(input):
            for module in self._modules.values():
                input = module(input)  # type: ignore[misc]
            return input
        linear = None
        for module in self._modules.values():
            if type(module) is Linear:
                if linear is not None:
                    input = linear(input)
                linear = module
            elif linear is not None:
                linear, input = None, followed(linear, module, input)  # type: ignore[arg-type]
            else:
                input = module(input)  # type: ignore[misc]
        return input if linear is None else linear(input)

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*list(self) * self._times(times))

    def __rmul__(self, times: int) -> Sequential:
        return self * times

    def __imul__(self, times: int) -> Sequential:
        self._put(list(self) * self._times(times))
        return self

    @staticmethod
    def _times(times: Any) -> int:
        if not isinstance(times, int) or times < 1:
            raise ArgumentError(f"Sequential is repeated a positive number of times, got {times!r}")
        return times


class ModuleList(_Ordered):
    """A list of modules, registered as children; it has no forward of its own.

    Parameters
    ----------
    modules : iterable of Module, optional
        The modules.

    Examples
    --------
    >>> from candelabra import nn
    >>> nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self._put(modules)

    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._name(index)]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        shown = [repr(module) for module in self]
        if not shown:
            return self._get_name() + "()"
        runs: list[list[Any]] = []
        for index, text in enumerate(shown):
            if runs and runs[-1][2] == text:
                runs[-1][1] = index
            else:
                runs.append([index, index, text])
        lines = [
            f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in runs
        ]
        return self._get_name() + "(\n  " + "\n  ".join(indent(line) for line in lines) + "\n)"


class ModuleDict(Module):
    """Modules by name, registered as children; it has no forward of its own.

    Parameters
    ----------
    modules : mapping of str to Module, or iterable of pairs, optional
        The modules.

    Examples
    --------
    >>> from candelabra import nn
    >>> activations = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
    >>> activations["tanh"]
    Tanh()
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        if key not in self._modules:
            raise ArgumentError(f"ModuleDict has no module {key!r}; it has {', '.join(self._modules) or 'none'}")
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return the pairs of name and module."""
        return self._modules.items()

    def values(self) -> Iterable[Any]:
        """Return the modules."""
        return self._modules.values()

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take the module of that name out and return it."""
        module = self[key]
        del self._modules[key]
        return module

    def update(self, modules: Any) -> None:
        """Add modules from a mapping or an iterable of pairs; one of the same name is replaced."""
        pairs = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        try:
            pairs = [(name, module) for name, module in pairs]
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                f"ModuleDict.update takes a mapping or pairs of name and module, got {type(modules).__name__}"
            ) from None
        for name, module in pairs:
            self._check_name("module", name, "_modules")
            if module is not None and not isinstance(module, Module):
                raise ArgumentTypeError(f"ModuleDict holds modules, got {type(module).__name__} under {name!r}")
        for name, module in pairs:
            self[name] = module
