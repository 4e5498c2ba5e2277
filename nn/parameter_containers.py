"""Containers of parameters: in a list, or by name."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, overload

from ..core.device import host_device
from ..core.errors import ArgumentError, ArgumentTypeError, IndexOutOfRangeError
from ..core.tensor import Tensor
from .module import Module
from .parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


def _held(value: Any) -> Any:
    """Return what is stored for a value: a tensor becomes a parameter."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _described(pairs: Iterable[tuple[Any, Any]]) -> str:
    lines = []
    for name, value in pairs:
        if isinstance(value, Tensor):
            sizes = "x".join(map(str, value.shape))
            kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
            place = "" if value.device == host_device() else f" ({value.device})"
            lines.append(f"  ({name}): {kind} containing: [candelabra.{value.dtype.name} of size {sizes}{place}]")
        else:
            lines.append(f"  ({name}): Object of type: {type(value).__name__}")
    return "\n".join(lines)


class ParameterList(Module):
    """A list of parameters, registered under the names "0", "1", ...; it has no forward.

    Tensors become parameters; other values are kept as they are and not registered.

    Parameters
    ----------
    values : iterable, optional
        The values.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> weights = nn.ParameterList([cb.zeros(2), cb.zeros(3)])
    >>> list(weights.state_dict())
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _name(self, index: Any) -> str:
        try:
            index = operator.index(index)
        except TypeError:
            raise ArgumentTypeError(
                f"ParameterList: an int or a slice is needed, got {type(index).__name__}"
            ) from None
        if not -self._size <= index < self._size:
            raise IndexOutOfRangeError(f"ParameterList: index {index} is outside its {self._size} values")
        return str(index % self._size)

    @overload
    def __getitem__(self, index: slice) -> ParameterList: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)([getattr(self, str(i)) for i in range(*index.indices(self._size))])
        return getattr(self, self._name(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name(index), _held(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, str(i)) for i in range(self._size)])

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end; return the list."""
        setattr(self, str(self._size), _held(value))
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add values at the end; return the list."""
        if isinstance(values, Tensor) or not isinstance(values, Iterable):
            raise ArgumentTypeError(
                f"ParameterList.extend takes an iterable of values, got {type(values).__name__}; "
                "append takes one tensor"
            )
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """Return one line for each value."""
        return _described(enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise ArgumentTypeError("a ParameterList is not called; take its values in the forward of the module around it")


class ParameterDict(Module):
    """Parameters by name, registered; it has no forward.

    Tensors become parameters; other values are kept as they are and not registered. The order is that of insertion,
    but a plain dict's entries are sorted by name, as PyTorch has it.

    Parameters
    ----------
    parameters : mapping of str to values, or iterable of pairs, optional
        The values.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> ends = nn.ParameterDict({"left": cb.zeros(2), "right": cb.zeros(3)})
    >>> ends["right"].shape
    (3,)
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _check_key(self, key: Any) -> None:
        if not isinstance(key, str):
            raise ArgumentTypeError(f"ParameterDict: a key is a string, got {type(key).__name__}")
        if key not in self._keys and hasattr(self, key):
            raise ArgumentError(f"ParameterDict has an attribute {key!r} already; choose another key")

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            if not isinstance(key, str):
                self._check_key(key)
            raise ArgumentError(f"ParameterDict has no key {key!r}; it has {', '.join(self._keys) or 'none'}")
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._check_key(key)
        setattr(self, key, _held(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return the pairs of name and value."""
        return [(key, getattr(self, key)) for key in self._keys]

    def values(self) -> Iterable[Any]:
        """Return the values."""
        return [getattr(self, key) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of that name, or the default."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of that name; where there is none, put the default there first."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Take the value of that name out and return it."""
        value = self[key]
        delattr(self, key)
        del self._keys[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last pair out and return it."""
        if not self._keys:
            raise ArgumentError("ParameterDict.popitem: the dict is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Take all values out."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """Return another dict of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Return a dict with these names, each with the default."""
        return ParameterDict([(key, default) for key in keys])

    def update(self, parameters: Any) -> None:
        """Add values from a mapping or an iterable of pairs; those of the same name are replaced."""
        if isinstance(parameters, (ParameterDict, OrderedDict)):
            pairs = list(parameters.items())
        elif isinstance(parameters, Mapping):
            pairs = sorted(parameters.items(), key=lambda pair: pair[0])
        else:
            try:
                pairs = [(key, value) for key, value in parameters]
            except (TypeError, ValueError):
                raise ArgumentTypeError(
                    "ParameterDict.update takes a mapping or pairs of name and value, "
                    f"got {type(parameters).__name__}"
                ) from None
        for key, _ in pairs:
            self._check_key(key)
        for key, value in pairs:
            self[key] = value

    def __or__(self, other: ParameterDict) -> ParameterDict:
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other: Any) -> ParameterDict:
        made = ParameterDict(OrderedDict(other.items()))
        made.update(self)
        return made

    def __ior__(self, other: Any) -> ParameterDict:  # type: ignore[misc]
        self.update(other)
        return self

    def extra_repr(self) -> str:
        """Return one line for each value."""
        return _described(self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise ArgumentTypeError("a ParameterDict is not called; take its values in the forward of the module around it")
