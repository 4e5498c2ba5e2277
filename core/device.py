"""Devices: where an array lives, and which backend computes there.

There is one `Device` object per device, so that the hot path compares by identity. Inside a transformation a tensor
lives on a *levelled* device, an interned pair of the physical device and the transformation's levels, which prints as,
and compares equal to, the physical one.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from . import dtypes
from .backend import HOST_MEMORY
from .errors import ArgumentTypeError, DeviceError, DeviceMismatchError, DTypeError, OutOfRangeError

if TYPE_CHECKING:
    from types import TracebackType

    from .backend import Backend
    from .stream import Event, Stream


class Resolver(Protocol):
    """What finds the backend of a device type; `plugins` hands one to the core."""

    def resolve(self, device_type: str) -> Backend:
        """Return the loaded backend, or raise a DeviceError that tells the mend."""

    def indexed(self, device_type: str) -> bool:
        """Say whether there can be several devices of the type."""

    def host_type(self) -> str:
        """Return the device type whose arrays live in host memory."""

    def backends(self) -> list[Backend]:
        """Return every backend that can be loaded, the host's first."""

    def in_use(self) -> list[Backend]:
        """Return the backends that have been loaded."""

    def at_hand(self) -> list[Backend]:
        """Return the backends that are in use or built in, as far as they can be loaded."""

    def origin(self, device_type: str, row: str = "") -> str:
        """Say which plugins compute on devices of a type, or a row there; "" for what is built in."""

    def find_row(self, name: str) -> bool:
        """Take up the row of a plugin, and say whether there is one of this name."""

    def serializer(self, path: str) -> tuple[Any, str] | None:
        """Return what saves and loads a file of this name, and whose it is, None where the core does."""

    def find_kernels(self) -> None:
        """Take up what plugins bring for the devices of others, once; called before the first operation."""


_resolver: Resolver | None = None
# The devices whose names `as_device` has read.
_named: dict[str, Device] = {}


def set_resolver(resolver: Resolver) -> None:
    """Install what finds backends (called once, by the front door)."""
    global _resolver
    _resolver = resolver
    _named.clear()


def resolver() -> Resolver:
    """Return what finds backends."""
    if _resolver is None:
        raise DeviceError("no backends are registered; import candelabra, not candelabra.core alone")
    return _resolver


class Device:
    """A device, such as ``Device("cpu")`` or ``Device("cuda", 1)``, also written ``"cuda:1"``.

    As a context manager it is the default device inside the block.

    Parameters
    ----------
    type : str or Device
        The device type, with an index or a device's name behind a colon or not.
    index : int, optional
        Counts the backend's devices. Without one, the index is taken when a tensor is made.

    Raises
    ------
    ArgumentTypeError
        If `type` is neither a string nor a device.
    DeviceError
        If the string cannot be read, or the backend knows no such device.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.zeros(2, device="cpu").device == cb.device("cpu")
    True
    >>> with cb.device("cpu"):
    ...     cb.ones(2).device
    device(type='cpu')
    """

    __slots__ = (
        "__weakref__", "_backend", "_dtype_of", "_implementations", "_native", "_space", "_xp", "index", "levels",
        "parent", "physical", "type",
    )  # fmt: skip
    _interned: ClassVar[dict[Any, Device]] = {}
    # Levelled devices live as long as something is on them.
    _levelled: ClassVar[weakref.WeakValueDictionary[Any, Device]] = weakref.WeakValueDictionary()
    type: str
    index: int | None
    levels: tuple[Any, ...]
    physical: Device
    parent: Device
    _backend: Backend | None
    _native: dict[dtypes.DType, Any] | None
    _dtype_of: dict[Any, dtypes.DType] | None
    _xp: Any
    _space: Any
    _implementations: Any

    def __new__(cls, type: str | Device, index: int | None = None) -> Device:
        if isinstance(type, Device):
            return type
        if not isinstance(type, str):
            raise ArgumentTypeError(f"device: a string such as 'cpu' or 'cuda:1' is needed, got {type!r}")
        kind, _, rest = type.partition(":")
        if not kind or (rest == "" and ":" in type) or (rest and index is not None):
            raise DeviceError(f"device {type!r} cannot be read; write a type and an index, such as 'cuda:1'")
        if not resolver().indexed(kind):
            if (rest and rest != "0") or index not in (None, 0):
                raise DeviceError(f"device {type if rest else f'{kind}:{index}'!r}: there is one device {kind!r} only")
            index = 0
        elif rest:
            index = int(rest) if rest.isdecimal() else resolver().resolve(kind).index_of(rest)
        return cls._intern(kind, index)

    @classmethod
    def _intern(cls, kind: str, index: int | None) -> Device:
        found = cls._interned.get((kind, index))
        if found is None:
            found = object.__new__(cls)
            found.type, found.index, found.levels = kind, index, ()
            found.physical = found.parent = found
            found._backend = found._native = found._dtype_of = found._xp = found._space = None
            found._implementations = None
            found = cls._interned.setdefault((kind, index), found)
        return found

    def at_levels(self, levels: Iterable[Any]) -> Device:
        """Return the levelled device of this physical device and `levels` (oldest first)."""
        given = tuple(levels)
        if not given:
            return self.physical
        if len(given) == 1 or (len(given) == 2 and given[0].serial < given[1].serial):
            ordered = given
        else:
            ordered = tuple(sorted(set(given), key=lambda level: level.serial))
        key = (self.physical, *ordered)
        found = Device._levelled.get(key)
        if found is None:
            found = object.__new__(Device)
            found.type, found.index, found.levels = self.type, self.index, ordered
            found.physical = self.physical
            found.parent = self.physical.at_levels(ordered[:-1])
            found._backend = found._native = found._dtype_of = found._xp = found._space = None
            found._implementations = {}
            found = Device._levelled.setdefault(key, found)
            # Levels that will be used again keep their devices, and so the kernels.
            if all(level.alive and not level.on_tape for level in ordered):
                for level in ordered:
                    level.devices[key] = found
        return found

    def without(self, level: Any) -> Device:
        """Return the device without one of its levels."""
        levels = self.levels
        if not levels:
            return self
        if levels[-1] is level:
            return self.parent
        return self.at_levels([v for v in levels if v is not level]) if level in levels else self

    def resolved(self) -> Device:
        """Return the device with its index, checking that it is there."""
        if self.index is None:
            from .failures import current

            return Device._intern(self.type, current(self))
        if self._native is None:
            from .failures import count as count_of

            count = count_of(self)
            if self.index >= count:
                last = f" to {self.type}:{count - 1}" if count > 1 else ""
                raise DeviceError(
                    f"device {str(self)!r} is not there: backend {self.backend.name!r} has {count} "
                    f"device{'s' if count != 1 else ''} ({self.type}:0{last})"
                    if count
                    else f"device {str(self)!r} is not there: backend {self.backend.name!r} has none"
                )
        return self

    @property
    def backend(self) -> Backend:
        """The backend that computes on this device."""
        if self._backend is None:
            self._backend = resolver().resolve(self.type)
        return self._backend

    @property
    def native(self) -> dict[dtypes.DType, Any]:
        """The library's dtype for each DType that the device supports."""
        if self._native is None:
            if self.levels:
                self._native = self.physical.native
            else:
                from .failures import dtypes_of

                self._native = dtypes_of(self)
        return self._native

    @property
    def dtype_of(self) -> dict[Any, dtypes.DType]:
        """The DType for each of the library's dtypes."""
        if self._dtype_of is None:
            self._dtype_of = {v: k for k, v in self.native.items()}
        return self._dtype_of

    def native_dtype(self, dtype: Any, operation: str = "") -> Any:
        """Return the library's dtype for a DType, a name or a dtype of the library."""
        try:
            if dtype in self.dtype_of:
                return dtype
        except TypeError:
            pass
        chosen = dtypes.as_dtype(dtype, operation)
        try:
            return self.native[chosen]
        except KeyError:
            raise self.lacks(chosen.name, operation) from None

    def lacks(self, dtype: str, operation: str) -> DTypeError:
        """Return the error for a dtype that the device has not, with what would bring it."""
        mend = self.backend.missing(dtype, self.index or 0)
        return DTypeError(
            f"{operation + ': ' if operation else ''}device {str(self)!r} has no {dtype}; it supports "
            + ", ".join(d.name for d in self.native)
            + (f"; {mend}" if mend else "")
        )

    def best_native_dtype(self, dtype: dtypes.DType) -> Any:
        """Return the library's dtype for a default dtype, or a smaller one where the device lacks it."""
        native = self._native
        if native is not None and dtype in native:
            return native[dtype]
        for candidate in (dtype, *{"float64": [dtypes.float32], "complex128": [dtypes.complex64],
                                   "int64": [dtypes.int32]}.get(dtype.name, [])):  # fmt: skip
            if candidate in self.native:
                return self.native[candidate]
        return self.native_dtype(dtype)

    @property
    def whole(self) -> dtypes.DType:
        """The dtype of indices and counts: int64, or the widest integers that the device has."""
        return dtypes.int64 if dtypes.int64 in self.native else self.dtype_of[self.best_native_dtype(dtypes.int64)]

    def stream(self, priority: int = 0) -> Stream:
        """Return a new stream of the device, as `candelabra.Stream` does."""
        from .stream import Stream

        return Stream(self, priority)

    def current_stream(self) -> Stream:
        """Return the stream on which this thread's work for the device is queued."""
        from .stream import current_stream

        return current_stream(self)

    def default_stream(self) -> Stream:
        """Return the stream that is current where nobody has chosen another."""
        from .stream import default_stream

        return default_stream(self)

    def event(self, enable_timing: bool = False) -> Event:
        """Return a new event of the device, as `candelabra.Event` does."""
        from .stream import Event

        return Event(self, enable_timing)

    def synchronize(self) -> None:
        """Wait until the device has done what was asked of it, as `candelabra.synchronize` does."""
        from .stream import synchronize

        synchronize(self)

    def memory(self) -> dict[str, int]:
        """Return what is known of the device's memory, in bytes: see `candelabra.core.memory.memory`."""
        from .memory import memory

        return memory(self)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Device) and self.physical is other.physical)

    # A slot, not a method: each operation looks its device up in a dict.
    __hash__ = object.__hash__

    def __str__(self) -> str:
        return self.type if self.index is None or not resolver().indexed(self.type) else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        shown = "" if self.index is None or not resolver().indexed(self.type) else f", index={self.index}"
        return f"device(type={self.type!r}{shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Device, (str(self),))

    def __copy__(self) -> Device:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Device:
        return self

    def __enter__(self) -> Device:
        self.resolved()
        _default_stack.set((*_default_stack.get(), self))
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        _default_stack.set(_default_stack.get()[:-1])


_default_stack: ContextVar[tuple[Device, ...]] = ContextVar("candelabra_default_device", default=())
_process_default: Device | None = None
_initial_default: Device | None = None
DEFAULT_DEVICE = "CANDELABRA_DEFAULT_DEVICE"


def get_default_device() -> Device:
    """Return the device on which tensors are made when none is named."""
    stack = _default_stack.get()
    if stack:
        return stack[-1].resolved()
    return _process_default or _initial_default or _default_of_the_environment()


def _default_of_the_environment() -> Device:
    """Return the device that ``CANDELABRA_DEFAULT_DEVICE`` names, the host's without it, and keep it."""
    # Not at import: a plugin that brings the device imports this package.
    global _initial_default
    named = os.environ.get(DEFAULT_DEVICE)
    try:
        _initial_default = Device(named).resolved() if named else host_device()
    except DeviceError as error:
        raise DeviceError(
            f"{DEFAULT_DEVICE}={named!r} in the environment cannot be the default device: {error}"
        ) from error
    return _initial_default


def set_default_device(device: str | Device | None) -> None:
    """Set the device on which tensors are made when none is named.

    None returns to the default that a process starts with: the device that ``CANDELABRA_DEFAULT_DEVICE`` names in the
    environment, and without that variable the host's.

    Raises
    ------
    DeviceError
        If no backend serves the device, or it is not there. The default then stays what it was.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.set_default_device("cpu")
    >>> cb.get_default_device()
    device(type='cpu')
    """
    global _process_default
    _process_default = None if device is None else Device(device).resolved()


def as_device(device: str | Device | None) -> Device:
    """Return the device, with an index, for a device, a string or None (the default device)."""
    if device is None:
        return get_default_device()
    if isinstance(device, Device):
        return device.resolved()
    found = _named.get(device) if type(device) is str else None
    if found is None:
        named = Device(device)
        found = named.resolved()
        if named is found:
            # A type alone is another device when the backend's current one changes.
            _named[device] = found
    return found


_host: Device | None = None


def host_device() -> Device:
    """Return the device whose arrays live in host memory."""
    global _host
    if _host is None:
        _host = Device(resolver().host_type())
    return _host


def checks_values(device: Device) -> bool:
    """Say whether functions are to look at values, to refuse bad ones; where they are mapped they cannot."""
    return not device.levels and device.backend.checks_values


def host_backend() -> Backend:
    """Return the backend whose arrays live in host memory."""
    return host_device().backend


def mismatch(operation: str, devices: Iterable[Device], shapes: Iterable[Any] = ()) -> DeviceMismatchError:
    """Return the error for operands on different devices, of these shapes."""
    given = [d.physical for d in devices]
    names = list(dict.fromkeys(map(str, given)))
    each = [f"{tuple(shape)} on {device}" for shape, device in zip(shapes, given)]
    sizes = f" (shapes {', '.join(each[:6])}{' and others' if len(each) > 6 else ''})" if each else ""
    error = DeviceMismatchError(
        f"{operation}: operands are on different devices, {' and '.join(names)}{sizes}; "
        f"move one of them first, for example with x.to({names[0]!r})"
    )
    # A module on the way out looks for what it has on one of them.
    error.devices = tuple(dict.fromkeys(given))
    return error


def refuse_mixture(operation: str, tensors: Iterable[Any]) -> None:
    """Raise where tensors are on different devices."""
    listed = list(tensors)
    if len({t.device.physical for t in listed}) > 1:
        raise mismatch(operation, [t.device for t in listed], [t.shape for t in listed])


def adopt(array: Any, target: Device, operation: str) -> Any:
    """Return a user's array of a device's own library as that device's raw array, checked."""
    try:
        found = target.backend.adopt(array, target.index or 0)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{operation}: {error}") from error
    if found.dtype not in target.dtype_of:
        raise target.lacks(str(found.dtype), operation)
    return found


def place_of(array: Any) -> Device | None:
    """Return the device in whose memory another library's array lies, as it tells by DLPack, None on the host."""
    try:
        kind, number = map(int, array.__dlpack_device__())
    except (AttributeError, BufferError, TypeError, ValueError, RuntimeError):
        return None
    if kind == HOST_MEMORY:
        return None
    found = (b for b in resolver().at_hand() if kind in b.dlpack_types)
    return next((Device(b.device_types[0], number).resolved() for b in found), None)


def transfer(array: Any, source: Device, target: Device, non_blocking: bool = False) -> Any:
    """Return a physical device's array on another physical device: through DLPack where both allow, else the host.

    Integers of 64 bits are held by 32 on a device that has no wider ones, where they fit. With `non_blocking` a copy
    between pinned host memory and a device may still be under way.
    """
    dtype = source.dtype_of[array.dtype]
    if dtype not in target.native:
        array = _narrowed(array, dtype, source, target)
        dtype = source.dtype_of[array.dtype]
    if source.backend is target.backend:
        return target.backend.to_device(array, target.index or 0)
    if source.backend.apart and target is host_device():
        return source.backend.to_host_later(array) if non_blocking else source.backend.to_host(array)
    if target.backend.apart and source is host_device():
        return from_host_memory(array, target.native[dtype], target, non_blocking)
    try:
        return target.backend.from_dlpack(_Offered(array, source.backend), target.index or 0)
    except (AttributeError, BufferError, TypeError, ValueError, RuntimeError):
        # What cannot be shared without a copy goes through host memory.
        return from_host_memory(source.backend.to_host(array), target.native[dtype], target)


def from_host_memory(array: Any, native: Any, target: Device, non_blocking: bool = False) -> Any:
    """Return a host array on a device, whose library need not take an order that runs backwards."""
    if min(array.strides, default=0) < 0:
        array = host_backend().copy(array)
    try:
        return target.backend.from_host(array, native, target.index or 0, non_blocking)
    except Exception as error:
        from .failures import failure

        raise failure(f"to_device(data of shape {array.shape})", target, error) from error


class _Offered:
    """An array as its backend offers it to another library, which may mend what the array's own DLPack lacks."""

    __slots__ = ("array", "backend")

    def __init__(self, array: Any, backend: Backend) -> None:
        self.array, self.backend = array, backend

    def __dlpack__(self, **asked: Any) -> Any:
        return self.backend.to_dlpack(self.array, {k: v for k, v in asked.items() if v is not None})

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


_NARROWER = {"int64": dtypes.int32, "uint64": dtypes.uint32}


def narrowed_dtype(dtype: dtypes.DType, target: Device, operation: str) -> dtypes.DType:
    """Return the dtype by which a device holds tensors of another: itself, or half of an integer's bits."""
    held = _NARROWER.get(dtype.name)
    if dtype in target.native or held is None or held not in target.native:
        target.native_dtype(dtype, operation)
        return dtype
    return held


def _narrowed(array: Any, dtype: dtypes.DType, source: Device, target: Device) -> Any:
    """Return integers in the narrower dtype that a device holds them by."""
    from .implementation import namespace

    held = narrowed_dtype(dtype, target, "to_device")
    xp = namespace(source)
    found = xp.astype(array, source.native_dtype(held, "to_device"))
    if not bool(xp.all(xp.equal(xp.astype(found, array.dtype), array))):
        raise OutOfRangeError(
            f"to_device: device {str(target)!r} has no {dtype.name}, and {held.name} does not hold all of the numbers; "
            "convert them first, for example to float32"
        )
    return found
