"""A pickle machine that can make data and nothing else, for the checkpoints that `torch.save` writes.

Python's own unpickler can be told what a name may mean, yet it calls, fills and sets attributes on whatever is on its
stack. Here every opcode that data needs is a line of one table, a name in the file is a key of one dict of constructors
(never an import, never an attribute), and what comes out are plain values and descriptions of tensors.
"""

from __future__ import annotations

import math
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from . import dtypes
from .errors import FileFormatError

_MAX_KEY_ITEMS = 100


@dataclass(frozen=True, slots=True, eq=False)
class StorageSpec:
    """A run of memory in the archive, seen as elements of one dtype (None: as bytes)."""

    key: str
    dtype: dtypes.DType | None
    location: str
    nbytes: int


@dataclass(frozen=True, slots=True, eq=False)
class TensorSpec:
    """A strided window of a storage, checked to lie inside it."""

    storage: StorageSpec
    dtype: dtypes.DType
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool
    is_parameter: bool = False
    conjugate: bool = False
    negate: bool = False

    @property
    def window(self) -> tuple[Any, ...]:
        """What two tensors that share all of their memory have in common."""
        return (self.storage.key, self.dtype, self.offset, self.size, self.stride, self.conjugate, self.negate)


@dataclass(frozen=True, slots=True, eq=False)
class DeviceSpec:
    """A device as PyTorch names it."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class StorageType:
    """One of PyTorch's storage classes, which a persistent id names."""

    dtype: dtypes.DType | None


@dataclass(frozen=True, slots=True, eq=False)
class _Constructor:
    build: Callable[..., Any]


def _is_key(value: Any, budget: list[int]) -> bool:
    budget[0] -= 1
    if budget[0] < 0:
        return False
    if type(value) in (tuple, frozenset):
        return len(value) <= budget[0] and all(_is_key(item, budget) for item in value)
    return value is None or type(value) in (str, int, float, bool, bytes, complex)


def _checked_key(value: Any) -> Any:
    # Hashing a tuple that shares its parts many levels deep would never end.
    if not _is_key(value, [_MAX_KEY_ITEMS]):
        raise FileFormatError(f"a {type(value).__name__} cannot be a dictionary's key or an item of a set here")
    return value


def _is_natural(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _checked_shape(value: Any, what: str) -> tuple[int, ...]:
    if type(value) is not tuple or len(value) > 64 or not all(_is_natural(n) for n in value):
        raise FileFormatError(f"a tensor's {what} is no tuple of at most 64 non-negative integers")
    return value


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, dtype: Any, requires_grad: Any, metadata: Any
) -> TensorSpec:
    if type(storage) is not StorageSpec or type(dtype) is not dtypes.DType:
        raise FileFormatError("a tensor lacks a storage or a dtype")
    size, stride = _checked_shape(size, "size"), _checked_shape(stride, "stride")
    if len(size) != len(stride) or not _is_natural(offset) or type(requires_grad) is not bool:
        raise FileFormatError(f"a tensor of size {size} is described wrongly")
    if math.prod(size):
        last = offset + sum((n - 1) * step for n, step in zip(size, stride))
        if (last + 1) * dtype.itemsize > storage.nbytes:
            raise FileFormatError(
                f"a tensor of size {size}, stride {stride} and offset {offset} reaches element {last} of storage "
                f"{storage.key!r:.80}, which has {storage.nbytes // dtype.itemsize}"
            )
    if requires_grad and not dtype.is_differentiable:
        raise FileFormatError(f"a tensor of dtype {dtype} requires a gradient")
    flags = {} if metadata is None else metadata
    if type(flags) not in (dict, OrderedDict) or not set(flags) <= {"conj", "neg"}:
        raise FileFormatError("a tensor carries metadata that candelabra does not know")
    conjugate, negate = flags.get("conj") is True, flags.get("neg") is True
    if (conjugate and not dtype.is_complex) or (negate and dtype.rank < 2):
        raise FileFormatError(f"a tensor of dtype {dtype} cannot be stored conjugated or negated")
    return TensorSpec(storage, dtype, offset, size, stride, requires_grad, conjugate=conjugate, negate=negate)


def _rebuild_tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None,
    metadata: Any = None,
) -> TensorSpec:  # fmt: skip
    dtype = storage.dtype if type(storage) is StorageSpec else None
    return _tensor(storage, offset, size, stride, dtype, requires_grad, metadata)


def _rebuild_tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> TensorSpec:
    return _tensor(storage, offset, size, stride, dtype, requires_grad, metadata)


def _rebuild_parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> TensorSpec:
    if type(data) is not TensorSpec or type(requires_grad) is not bool:
        raise FileFormatError("a parameter is described wrongly")
    if requires_grad and not data.dtype.is_differentiable:
        raise FileFormatError(f"a parameter of dtype {data.dtype} requires a gradient")
    return replace(data, requires_grad=requires_grad, is_parameter=True)


_TENSOR_REBUILDERS = {
    "_rebuild_tensor": _Constructor(_rebuild_tensor_v2),
    "_rebuild_tensor_v2": _Constructor(_rebuild_tensor_v2),
    "_rebuild_tensor_v3": _Constructor(_rebuild_tensor_v3),
    "_rebuild_parameter": _Constructor(_rebuild_parameter),
    "_rebuild_parameter_with_state": _Constructor(_rebuild_parameter),
}
_TENSOR_CLASSES = {"Tensor": StorageType(None), "Parameter": StorageType(None)}


def _rebuild_from_type(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """Describe a tensor that carried Python attributes; these are left behind."""
    if (
        not any(function is known for known in _TENSOR_REBUILDERS.values())
        or not any(kind is known for known in _TENSOR_CLASSES.values())
        or type(arguments) is not tuple
    ):
        raise FileFormatError("it holds a tensor of a class that candelabra does not know")
    return function.build(*arguments)


def _pairs(items: Any) -> list[tuple[Any, Any]]:
    if type(items) in (dict, OrderedDict):
        return list(items.items())
    if type(items) not in (list, tuple) or not all(type(i) in (list, tuple) and len(i) == 2 for i in items):
        raise FileFormatError("a dictionary is described wrongly")
    return [(_checked_key(key), value) for key, value in items]


def _items(items: Any) -> list[Any]:
    if type(items) not in (list, tuple, set):
        raise FileFormatError("a set is described wrongly")
    return [_checked_key(item) for item in items]


def _encoded(text: Any = b"", encoding: Any = "latin1") -> bytes:
    if type(text) is bytes:
        return text
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise FileFormatError("a byte string is described wrongly")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise FileFormatError("a byte string is described wrongly") from error


def _complex(real: Any, imag: Any) -> complex:
    if type(real) is not float or type(imag) is not float:
        raise FileFormatError("a complex number is described wrongly")
    return complex(real, imag)


def _counter(counts: Any = ()) -> Counter[Any]:
    pairs = _pairs(counts)
    if not all(type(count) is int for _, count in pairs):
        raise FileFormatError("a counter is described wrongly")
    return Counter(dict(pairs))


def _device(kind: Any, index: Any = None) -> DeviceSpec:
    if type(kind) is not str or not (index is None or _is_natural(index)):
        raise FileFormatError("a device is described wrongly")
    return DeviceSpec(kind if index is None else f"{kind}:{index}")


_BUILTINS = {
    "set": _Constructor(lambda items=(): set(_items(items))),
    "frozenset": _Constructor(lambda items=(): frozenset(_items(items))),
    "bytes": _Constructor(_encoded),
    "bytearray": _Constructor(lambda *arguments: bytearray(_encoded(*arguments))),
    "complex": _Constructor(_complex),
}

_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Constructor(lambda items=(): OrderedDict(_pairs(items))),
    ("collections", "Counter"): _Constructor(_counter),
    ("_codecs", "encode"): _Constructor(_encoded),
    ("torch", "Size"): _Constructor(lambda size=(): _checked_shape(tuple(_items(size)), "size")),
    ("torch", "device"): _Constructor(_device),
    ("torch", "Tensor"): _TENSOR_CLASSES["Tensor"],
    ("torch.nn.parameter", "Parameter"): _TENSOR_CLASSES["Parameter"],
    ("torch.storage", "UntypedStorage"): StorageType(None),
    ("torch._tensor", "_rebuild_from_type_v2"): _Constructor(_rebuild_from_type),
    **{("torch._utils", name): rebuild for name, rebuild in _TENSOR_REBUILDERS.items()},
    **{(module, name): made for module in ("builtins", "__builtin__") for name, made in _BUILTINS.items()},
    **{("torch", dtype.name): dtype for dtype in dtypes.ALL},
    **{
        ("torch", f"{name}Storage"): StorageType(dtype)
        for name, dtype in {
            "Bool": dtypes.bool_, "Byte": dtypes.uint8, "Char": dtypes.int8, "Short": dtypes.int16,
            "Int": dtypes.int32, "Long": dtypes.int64, "Half": dtypes.float16, "BFloat16": dtypes.bfloat16,
            "Float": dtypes.float32, "Double": dtypes.float64, "ComplexFloat": dtypes.complex64,
            "ComplexDouble": dtypes.complex128,
        }.items()
    },
}  # fmt: skip


class PickleMachine:
    """Runs one pickle.

    Parameters
    ----------
    data : bytes
        The pickle.
    load_storage : callable
        Turns a persistent id into a `StorageSpec`.
    """

    def __init__(self, data: bytes, load_storage: Callable[[Any], StorageSpec]) -> None:
        self._data = data
        self._position = 0
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._load_storage = load_storage

    def run(self) -> Any:
        """Return what the pickle describes: plain values and the specs above.

        Raises
        ------
        FileFormatError
            If the pickle is damaged or describes anything else.
        """
        while (opcode := self.take(1)) != b".":
            handler = _OPCODES.get(opcode)
            if handler is None:
                raise FileFormatError(f"its pickle uses opcode {opcode!r}, which saved tensors never need")
            handler(self)
        result = self.pop()
        if self._stack or self._outer:
            raise FileFormatError("its pickle ends before it is complete")
        return result

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise FileFormatError("its pickle is cut off")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def unpack(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def take_line(self) -> str:
        end = self._data.find(b"\n", self._position)
        if end < 0:
            raise FileFormatError("its pickle is cut off")
        return _decoded(self.take(end + 1 - self._position)[:-1])

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        return self._nonempty(self._stack).pop()

    def top(self, *kinds: type) -> Any:
        """Return the topmost value, which must be of one of the types, if any are given."""
        value = self._nonempty(self._stack)[-1]
        if kinds and type(value) not in kinds:
            raise FileFormatError(f"its pickle fills a {type(value).__name__} like a {kinds[0].__name__}")
        return value

    def mark(self) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def pop_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._nonempty(self._outer).pop()
        return items

    @staticmethod
    def _nonempty(stack: list[Any]) -> list[Any]:
        if not stack:
            raise FileFormatError("its pickle takes more than it gave")
        return stack

    def start(self) -> None:
        version = self.take(1)[0]
        if version > 5:
            raise FileFormatError(f"its pickle has protocol {version}; protocols 2 to 5 can be read")

    def put(self, index: int) -> None:
        self._memo[index] = self.top()

    def get(self, index: int) -> None:
        if index not in self._memo:
            raise FileFormatError("its pickle refers to something that it has not made")
        self.push(self._memo[index])

    def push_tuple(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def append_item(self) -> None:
        item = self.pop()
        self.top(list).append(item)

    def append_items(self) -> None:
        items = self.pop_mark()
        self.top(list).extend(items)

    def set_item(self) -> None:
        value = self.pop()
        key = self.pop()
        self.top(dict, OrderedDict, Counter)[_checked_key(key)] = value

    def set_items(self) -> None:
        items = self.pop_mark()
        target = self.top(dict, OrderedDict, Counter)
        if len(items) % 2:
            raise FileFormatError("its pickle gives a dictionary a key without a value")
        for key, value in zip(items[::2], items[1::2]):
            target[_checked_key(key)] = value

    def add_items(self) -> None:
        items = self.pop_mark()
        self.top(set).update(_items(items))

    def find_class(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise FileFormatError("its pickle names a class by something other than text")
        found = _NAMES.get((module, name))
        if found is None:
            raise FileFormatError(
                f"it holds {f'{module}.{name}'!a:.120}, which is neither a tensor nor a plain value, and no code from "
                "a file is run; in PyTorch save the state instead: torch.save(model.state_dict(), path)"
            )
        self.push(found)

    def stack_global(self) -> None:
        name = self.pop()
        self.find_class(self.pop(), name)

    def reduce(self) -> None:
        arguments = self.pop()
        function = self.pop()
        if type(function) is not _Constructor or type(arguments) is not tuple:
            raise FileFormatError("its pickle calls something that is no constructor")
        try:
            self.push(function.build(*arguments))
        except TypeError as error:
            # The constructors check their arguments themselves; what is left is a wrong number of them.
            raise FileFormatError("its pickle calls a constructor with the wrong number of arguments") from error

    def build_state(self) -> None:
        """Take the one attribute that a state dict has: `_metadata`, the versions of its modules."""
        state = self.pop()
        target = self.top(OrderedDict)
        if type(state) is not dict or set(state) != {"_metadata"} or type(state["_metadata"]) is not OrderedDict:
            raise FileFormatError("its pickle sets attributes that candelabra does not know")
        target._metadata = state["_metadata"]


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise FileFormatError("its pickle holds text that is not UTF-8") from error


_OPCODES: dict[bytes, Callable[[PickleMachine], Any]] = {
    b"\x80": PickleMachine.start,
    b"\x95": lambda m: m.take(8),  # a frame's length
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"J": lambda m: m.push(m.unpack("<i")),
    b"K": lambda m: m.push(m.take(1)[0]),
    b"M": lambda m: m.push(m.unpack("<H")),
    b"\x8a": lambda m: m.push(int.from_bytes(m.take(m.take(1)[0]), "little", signed=True)),
    b"G": lambda m: m.push(m.unpack(">d")),
    b"\x8c": lambda m: m.push(_decoded(m.take(m.take(1)[0]))),
    b"X": lambda m: m.push(_decoded(m.take(m.unpack("<I")))),
    b"\x8d": lambda m: m.push(_decoded(m.take(m.unpack("<Q")))),
    b"C": lambda m: m.push(m.take(m.take(1)[0])),
    b"B": lambda m: m.push(m.take(m.unpack("<I"))),
    b"\x8e": lambda m: m.push(m.take(m.unpack("<Q"))),
    b"\x96": lambda m: m.push(bytearray(m.take(m.unpack("<Q")))),
    b"]": lambda m: m.push([]),
    b"a": PickleMachine.append_item,
    b"e": PickleMachine.append_items,
    b")": lambda m: m.push(()),
    b"t": lambda m: m.push(tuple(m.pop_mark())),
    b"\x85": lambda m: m.push_tuple(1),
    b"\x86": lambda m: m.push_tuple(2),
    b"\x87": lambda m: m.push_tuple(3),
    b"}": lambda m: m.push({}),
    b"s": PickleMachine.set_item,
    b"u": PickleMachine.set_items,
    b"\x8f": lambda m: m.push(set()),
    b"\x90": PickleMachine.add_items,
    b"\x91": lambda m: m.push(frozenset(_items(m.pop_mark()))),
    b"(": PickleMachine.mark,
    b"0": PickleMachine.pop,
    b"1": PickleMachine.pop_mark,
    b"2": lambda m: m.push(m.top()),
    b"q": lambda m: m.put(m.take(1)[0]),
    b"r": lambda m: m.put(m.unpack("<I")),
    b"\x94": lambda m: m.put(len(m._memo)),
    b"h": lambda m: m.get(m.take(1)[0]),
    b"j": lambda m: m.get(m.unpack("<I")),
    b"c": lambda m: m.find_class(m.take_line(), m.take_line()),
    b"\x93": PickleMachine.stack_global,
    b"R": PickleMachine.reduce,
    b"b": PickleMachine.build_state,
    b"Q": lambda m: m.push(m._load_storage(m.pop())),
}
