"""A nested state as JSON: what `save` keeps around the tensors.

A value that JSON has is itself, a list is a list, and everything else is an object with one key, the tag:
``{"tuple": [1, 2]}``. Containers and leaves (tensors, arrays) are numbered in the order in which the text opens them,
and ``{"ref": 3}`` stands for number 3 where it comes again. Nothing in the text names code; what a leaf is, the caller
says.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import reprlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ArgumentError, ArgumentTypeError, FileFormatError

MAX_DEPTH = 100
_NOTHING = object()
_DAMAGED = "the description of its structure is damaged"


@dataclass(frozen=True, slots=True)
class _Attribute:
    name: str


class Encoder:
    """Turns one state into values that JSON has.

    Parameters
    ----------
    encode_leaf : callable
        Called with a value and this encoder; returns an object with one tag, or None if the value is no leaf.
    encode_scalar : callable
        The same for values that may be dictionary keys; called with the value and a function for what is inside.
    """

    def __init__(
        self,
        encode_leaf: Callable[[Any, Encoder], dict[str, Any] | None],
        encode_scalar: Callable[[Any, Callable[[Any], Any]], dict[str, Any] | None],
    ) -> None:
        self._encode_leaf = encode_leaf
        self._encode_scalar = encode_scalar
        self._path: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._open: set[int] = set()
        # An id says something only while its object lives.
        self._alive: list[Any] = []

    @property
    def place(self) -> str:
        """Where in the state the encoder is, as one would write it in Python."""
        return "state" + "".join(
            f".{part.name}" if type(part) is _Attribute else f"[{reprlib.repr(part)}]" for part in self._path
        )

    @property
    def name(self) -> str:
        """Where in the state the encoder is, with dots between the parts; a key of a flat dictionary is itself."""
        if not self._path:
            return "value"
        return ".".join(str(part) if type(part) in (str, int) else type(part).__name__ for part in self._path)

    def encode(self, value: Any) -> Any:
        """Return the JSON value of a part of the state.

        Raises
        ------
        ArgumentTypeError
            If something in it cannot be saved.
        ArgumentError
            If it contains itself or is nested too deeply.
        """
        scalar = self._scalar(value)
        if scalar is not _NOTHING:
            return scalar
        if len(self._path) > MAX_DEPTH:
            raise ArgumentError(f"save: the state is nested deeper than {MAX_DEPTH} levels, at {self.place:.200}...")
        number = self._numbers.get(id(value))
        if number is not None:
            if id(value) in self._open:
                raise ArgumentError(f"save: {self.place} contains itself, which a file cannot hold")
            return {"ref": number}
        self._numbers[id(value)] = len(self._alive)
        self._alive.append(value)
        self._open.add(id(value))
        encoded = self._encode_leaf(value, self)
        if encoded is None:
            encoded = self._container(value)
        self._open.remove(id(value))
        return encoded

    def _scalar(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return value if abs(value) < 1 << 63 else {"int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is complex:
            return {"complex": [self._scalar(value.real), self._scalar(value.imag)]}
        if kind is bytes:
            return {"bytes": base64.b64encode(value).decode("ascii")}
        encoded = self._encode_scalar(value, self._scalar)
        return _NOTHING if encoded is None else encoded

    def _container(self, value: Any) -> Any:
        kind = type(value)
        if kind is list or kind is tuple:
            items = [self._inside(index, item) for index, item in enumerate(value)]
            return items if kind is list else {"tuple": items}
        if kind is dict or kind is Counter or (isinstance(value, OrderedDict) and _is_plain(value)):
            return self._mapping(value)
        if kind is set or kind is frozenset:
            # Python's order of a set differs from run to run; files of equal states are equal.
            return {kind.__name__: sorted((self._key(item) for item in value), key=json.dumps)}
        if kind is bytearray:
            return {"bytearray": base64.b64encode(value).decode("ascii")}
        raise ArgumentTypeError(f"save: {self.place} is {describe(value)}")

    def _mapping(self, value: Any) -> Any:
        items = [[self._key(key), self._inside(key, item)] for key, item in value.items()]
        if not isinstance(value, OrderedDict):
            return {"counter" if type(value) is Counter else "dict": items}
        if not vars(value):
            return {"ordered_dict": items}
        return {"state_dict": [items, self._inside(_Attribute("_metadata"), vars(value)["_metadata"])]}

    def _key(self, key: Any, depth: int = 0) -> Any:
        # Keys are written out each time and never numbered, so that reading one cannot hash more than the text holds.
        scalar = self._scalar(key)
        if scalar is not _NOTHING:
            return scalar
        if type(key) in (tuple, frozenset) and depth <= MAX_DEPTH:
            items = [self._key(item, depth + 1) for item in key]
            return {"tuple": items} if type(key) is tuple else {"frozenset": sorted(items, key=json.dumps)}
        raise ArgumentTypeError(f"save: a key or set item at {self.place} is {describe(key)}")

    def _inside(self, part: Any, item: Any) -> Any:
        scalar = self._scalar(item)
        if scalar is not _NOTHING:
            return scalar
        self._path.append(part)
        encoded = self.encode(item)
        self._path.pop()
        return encoded


class Decoder:
    """Turns JSON values back into a state.

    Parameters
    ----------
    leaves : dict of str to callable
        For each tag of a leaf, what makes the leaf from the tag's value.
    scalars : dict of str to callable
        The same for what may be a dictionary key; called with the tag's value and a function for what is inside.
    """

    def __init__(
        self,
        leaves: Mapping[str, Callable[[Any], Any]],
        scalars: Mapping[str, Callable[[Any, Callable[[Any], Any]], Any]],
    ) -> None:
        self._leaves = leaves
        self._scalars = {**_SCALARS, **scalars}
        self._numbered: list[Any] = []

    def decode(self, node: Any, depth: int = 0) -> Any:
        """Return the part of the state that a JSON value stands for.

        Raises
        ------
        FileFormatError
            If the value is damaged or of a newer kind.
        """
        if type(node) is list:
            return self._numbered_value(self._items, node, depth)
        if type(node) is not dict:
            return self._scalar(node)
        tag, payload = _tagged(node)
        if tag in self._scalars:
            return self._scalar(node)
        if tag == "ref":
            return self._reference(payload)
        if tag in self._leaves:
            return self._numbered_value(lambda leaf, _: self._leaves[tag](leaf), payload, depth)
        container = _CONTAINERS.get(tag)
        if container is None:
            raise FileFormatError(f"it has a value of kind {tag!a:.40}, which this candelabra does not know")
        return self._numbered_value(lambda items, deep: container(self, items, deep), payload, depth)

    def _numbered_value(self, make: Callable[[Any, int], Any], payload: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise FileFormatError(f"it is nested deeper than {MAX_DEPTH} levels")
        number = len(self._numbered)
        self._numbered.append(_NOTHING)
        value = self._numbered[number] = make(payload, depth + 1)
        return value

    def _reference(self, number: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(self._numbered) or self._numbered[number] is _NOTHING:
            raise FileFormatError(_DAMAGED)
        return self._numbered[number]

    def _scalar(self, node: Any) -> Any:
        if node is None or type(node) in (bool, int, str):
            return node
        if type(node) is float and math.isfinite(node):
            return node
        if type(node) is dict:
            tag, payload = _tagged(node)
            if tag in self._scalars:
                return self._scalars[tag](payload, self._scalar)
        raise FileFormatError(_DAMAGED)

    def _items(self, payload: Any, depth: int) -> list[Any]:
        return [self.decode(item, depth) for item in _list(payload)]

    def _mapping(self, kind: Any, payload: Any, depth: int) -> Any:
        made = kind()
        for pair in _list(payload):
            key, item = _list(pair, 2)
            made[self._key(key)] = self.decode(item, depth)
        if len(made) != len(payload):
            raise FileFormatError(_DAMAGED)
        return made

    def _state_dict(self, payload: Any, depth: int) -> Any:
        items, metadata = _list(payload, 2)
        made = self._mapping(OrderedDict, items, depth)
        made._metadata = self.decode(metadata, depth)
        return made

    def _keys(self, payload: Any) -> list[Any]:
        return [self._key(item) for item in _list(payload)]

    def _key(self, node: Any) -> Any:
        if type(node) is dict:
            tag, payload = _tagged(node)
            if tag == "tuple":
                return tuple(self._keys(payload))
            if tag == "frozenset":
                return frozenset(self._keys(payload))
        return self._scalar(node)


_CONTAINERS: dict[str, Callable[[Decoder, Any, int], Any]] = {
    "tuple": lambda decoder, payload, depth: tuple(decoder._items(payload, depth)),
    "dict": lambda decoder, payload, depth: decoder._mapping(dict, payload, depth),
    "ordered_dict": lambda decoder, payload, depth: decoder._mapping(OrderedDict, payload, depth),
    "counter": lambda decoder, payload, depth: decoder._mapping(Counter, payload, depth),
    "state_dict": lambda decoder, payload, depth: decoder._state_dict(payload, depth),
    "set": lambda decoder, payload, depth: set(decoder._keys(payload)),
    "frozenset": lambda decoder, payload, depth: frozenset(decoder._keys(payload)),
    "bytearray": lambda decoder, payload, depth: bytearray(_bytes(payload)),
}

_SCALARS: dict[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "int": lambda payload, inner: _integer(payload),
    "float": lambda payload, inner: _non_finite(payload),
    "complex": lambda payload, inner: _complex(*(inner(part) for part in _list(payload, 2))),
    "bytes": lambda payload, inner: _bytes(payload),
}


def parse(text: str) -> Any:
    """Return the JSON value of a text, refusing what JSON does not have and one name twice.

    Raises
    ------
    FileFormatError
        If the text is damaged.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except ValueError as error:
        raise FileFormatError(f"{_DAMAGED} ({error})") from error


def describe(value: Any) -> str:
    """Return what to tell the user about a value that cannot be saved."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if callable(getattr(value, "state_dict", None)):
        mend = "save its state_dict() instead"
    elif callable(getattr(value, "get_state", None)):
        mend = "save its get_state() instead"
    elif isinstance(value, tuple) and hasattr(value, "_asdict"):
        mend = "save it as tuple(x) or as x._asdict()"
    elif isinstance(value, dict):
        mend = "save it as dict(x)"
    else:
        mend = "save the tensors, numbers, text, lists and dictionaries that it is made of"
    return f"a {name}, which a file cannot hold; {mend}"


def _is_plain(value: OrderedDict[Any, Any]) -> bool:
    """Say whether an ordered dictionary is no class of the user's; a module's state dict carries `_metadata`."""
    return vars(value).keys() == {"_metadata"} or (type(value) is OrderedDict and not vars(value))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _tagged(node: dict[str, Any]) -> tuple[str, Any]:
    if len(node) != 1:
        raise FileFormatError(_DAMAGED)
    return next(iter(node.items()))


def _list(payload: Any, length: int | None = None) -> list[Any]:
    if type(payload) is not list or (length is not None and len(payload) != length):
        raise FileFormatError(_DAMAGED)
    return payload


def _bytes(payload: Any) -> bytes:
    try:
        return base64.b64decode(payload, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise FileFormatError(_DAMAGED) from error


def _integer(payload: Any) -> int:
    try:
        return int(payload, 16)
    except (TypeError, ValueError) as error:
        raise FileFormatError(_DAMAGED) from error


def _non_finite(payload: Any) -> float:
    if payload not in ("nan", "inf", "-inf"):
        raise FileFormatError(_DAMAGED)
    return float(payload)


def _complex(real: Any, imag: Any) -> complex:
    if type(real) is not float or type(imag) is not float:
        raise FileFormatError(_DAMAGED)
    return complex(real, imag)
