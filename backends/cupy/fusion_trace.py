"""What a function of arrays does, written down while it runs once.

It is called with arrays of a device of its own, whose backend computes on the library's arrays as the device at home
does and writes down each call. Bodies, rules and tensors pass through it as on any device: where a row has a generic
body, the calls of the body are written down; a kernel, or a function of the library, is one call.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.backend import Backend
from ...core.device import Device
from ...core.implementation import implementation
from ...core.primitives.row import TABLE
from ...core.ways import DATA_DEPENDENT

# A body that unrolls a long loop is no chain.
MOST_CALLS = 3000


# What takes masks or counts as well, whose values then decide a shape: of which kinds those are.
COUNTING = {"getitem": "b", "repeat": "biu"}


class CannotTraceError(Exception):
    """A function does what another call with operands of the same shapes may do otherwise."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of a trace, by its number."""

    number: int


def _counts(given: Any, kinds: str) -> bool:
    if isinstance(given, (list, tuple)):
        return any(_counts(part, kinds) for part in given)
    return type(given) is Traced and given.dtype.kind in kinds


@dataclass(slots=True)
class Call:
    """One call: its arguments with `Ref` for values, and the values that it returned."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    # The number of the one output, or those of several.
    out: int | tuple[int, ...]
    # Whether the library gave something else than arrays, which had to be made some.
    normalized: bool = False


@dataclass(slots=True)
class Trace:
    """The calls, and the shape and dtype of each value. The first values are the operands."""

    backend: Backend
    index: int
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    dtypes: list[Any] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    # What is neither an operand nor computed: constants that a function holds.
    held: dict[int, Any] = field(default_factory=dict)

    def value(self, array: Any) -> Traced:
        """Return an array as a new value."""
        self.shapes.append(tuple(array.shape))
        self.dtypes.append(array.dtype)
        return Traced(array, self, len(self.shapes) - 1)

    def open(self, given: Any) -> tuple[Any, Any]:
        """Return what was given to a call, once with arrays and once with `Ref` for the values."""
        if type(given) is Traced:
            if given.trace is not self:
                raise CannotTraceError("a value of another trace")
            return given.array, Ref(given.number)
        if isinstance(given, (list, tuple)):
            pairs = [self.open(part) for part in given]
            kind = list if isinstance(given, list) else tuple
            return kind([a for a, _ in pairs]), kind([b for _, b in pairs])
        if isinstance(given, self.backend.array_type):
            value = self.value(given)
            self.held[value.number] = given
            return given, Ref(value.number)
        return given, given

    def call(self, name: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Call a function of the library's arrays, and write it down."""
        if len(self.calls) == MOST_CALLS:
            raise CannotTraceError("too many calls")
        if name in DATA_DEPENDENT or (name in COUNTING and _counts(args[1:], COUNTING[name])):
            raise CannotTraceError(f"the shape of {name} depends on values")
        arrays, told = self.open(tuple(args))
        opened = {key: self.open(value) for key, value in kwargs.items()}
        found = function(*arrays, **{key: value for key, (value, _) in opened.items()})
        call = Call(name, function, told, {key: value for key, (_, value) in opened.items()}, ())
        if isinstance(found, (list, tuple)):
            wrapped: Any = tuple([self._wrap(part, call) for part in found])
            call.out = tuple([part.number for part in wrapped])
        else:
            wrapped = self._wrap(found, call)
            call.out = wrapped.number
        self.calls.append(call)
        return wrapped

    def _wrap(self, found: Any, call: Call) -> Traced:
        if type(found) is not self.backend.array_type:
            if not hasattr(found, "dtype"):
                raise CannotTraceError(f"{call.name} returns {type(found).__name__}")
            found, call.normalized = self.backend.normalize(found, self.index), True
        return self.value(found)


class Traced:
    """An array of a trace. Its elements are not to be looked at."""

    __slots__ = ("array", "number", "trace")
    __array_ufunc__ = None
    base = None

    def __init__(self, array: Any, trace: Trace, number: int) -> None:
        self.array, self.trace, self.number = array, trace, number

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.array.shape

    @property
    def dtype(self) -> Any:
        """The library's dtype."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.array.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.array.size

    def __getitem__(self, key: Any) -> Traced:
        return self.trace.call("getitem", operator.getitem, (self, key), {})

    def __bool__(self) -> bool:
        raise CannotTraceError("a function looks at values")

    __int__ = __float__ = __complex__ = __index__ = __iter__ = __array__ = __bool__  # type: ignore[assignment]


def _operator(name: str, function: Callable[..., Any], reflected: bool = False) -> Callable[..., Any]:
    def operate(self: Traced, other: Any) -> Any:
        return self.trace.call(name, function, (other, self) if reflected else (self, other), {})

    return operate


for _short, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "pow", "floordiv": "floor_divide",
    "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "matmul": "matmul",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}.items():  # fmt: skip
    _function = getattr(operator, {"and": "and_", "or": "or_"}.get(_short, _short))
    setattr(Traced, f"__{_short}__", _operator(_name, _function))
    setattr(Traced, f"__r{_short}__", _operator(_name, _function, True))
for _short, _name in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}.items():  # fmt: skip
    setattr(Traced, f"__{_short}__", _operator(_name, getattr(operator, _short)))
Traced.__hash__ = object.__hash__  # type: ignore[method-assign, assignment]


def _prefix(name: str, function: Callable[..., Any]) -> Callable[[Traced], Any]:
    return lambda self: self.trace.call(name, function, (self,), {})


for _short, _name in {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_invert"}.items():
    setattr(Traced, f"__{_short}__", _prefix(_name, getattr(operator, _short)))


class _Namespace:
    """A library's functions, each writing down what it is called with."""

    def __init__(self, backend: TracingBackend, library: Any) -> None:
        self._backend, self._library = backend, library

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._library, name)
        if not callable(found) or isinstance(found, type):
            # An extension, which is a namespace itself, or a dtype.
            return _Namespace(self._backend, found) if name in ("linalg", "fft") else found
        made = self._backend.recording(name, found)
        setattr(self, name, made)
        return made


class _Kernels(Mapping[str, Any]):
    """The kernels at home, each one call."""

    def __init__(self, backend: TracingBackend, home: Device) -> None:
        self._backend, self._home = backend, home

    def __getitem__(self, row: str) -> Any:
        if row not in self._home.backend.kernels:
            raise KeyError(row)
        forward = self._backend.recording(row, implementation(TABLE[row], self._home).forward)
        if TABLE[row].kind != "creation":
            return forward
        # What is made at home is bound to its device already.
        return lambda *args, device=None, **options: forward(*args, **options)

    def __iter__(self) -> Iterator[str]:
        return iter(self._home.backend.kernels)

    def __len__(self) -> int:
        return len(self._home.backend.kernels)


class TracingBackend(Backend):
    """A backend over another one, whose arrays are `Traced`."""

    array_type = Traced

    def __init__(self, home: Device) -> None:
        own = home.backend
        super().__init__(_Namespace(self, own.namespace))
        self.own, self.index, self.trace = own, home.index or 0, None
        self.name, self.device_types = own.name, own.device_types
        self.narrow_dtypes, self.narrow_kernels = own.narrow_dtypes, own.narrow_kernels
        self.wide_dtype, self.lenient, self.plain_keys = own.wide_dtype, own.lenient, own.plain_keys
        self.data_dependent_shapes = own.data_dependent_shapes
        self.kernels = _Kernels(self, home)

    own: Backend
    trace: Trace | None

    def recording(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of the library as one that writes down its calls."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            return self.current().call(name, function, args, kwargs)

        return run

    def current(self) -> Trace:
        """Return the trace that is being written."""
        if self.trace is None:
            raise CannotTraceError("no trace is being written")
        return self.trace

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        return self.own.dtypes(index)

    def native_device(self, index: int) -> Any:
        return self.own.native_device(index)

    def on_device(self, index: int) -> Mapping[str, Any]:
        return self.own.on_device(index)

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> Any:
        trace, array = self.current(), self.own.asarray(data, dtype, index)
        value = trace.value(array)
        trace.held[value.number] = array
        return value

    def copy(self, array: Any) -> Any:
        return self.current().call("copy", self.own.copy, (array,), {})

    def normalize(self, value: Any, index: int = 0) -> Any:
        if type(value) is Traced:
            return value
        return self.asarray(value, index=index)

    def to_host(self, array: Any) -> Any:
        raise CannotTraceError("a function looks at values")

    to_device = from_dlpack = to_dlpack = to_host  # type: ignore[assignment]


class TracingDevice(Device):
    """The device at home, as its functions are written down there. There is one for each."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.type}:{self.index}, traced"


_devices: dict[Device, TracingDevice] = {}


def tracing_device(home: Device) -> Device:
    """Return the device on which functions of a device's arrays are traced."""
    found = _devices.get(home)
    if found is None:
        made = object.__new__(TracingDevice)
        made.type, made.index, made.levels = home.type, home.index, ()
        made.physical = made.parent = made
        made._backend, made._native, made._dtype_of = TracingBackend(home), home.native, home.dtype_of
        made._xp = made._space = made._implementations = None
        found = _devices.setdefault(home, made)
    return found
