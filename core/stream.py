"""Streams and events: the queues of a device's work, and marks in them.

A device that does at once what it is asked has them too, so that the same program runs everywhere: there a stream is
always done, and an event has happened when it is recorded.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

from .device import Device, as_device
from .errors import ArgumentTypeError, DeviceError
from .failures import failure

if TYPE_CHECKING:
    from types import TracebackType

    from .backend import Backend


class Streams:
    """What a backend does about streams; this base class serves libraries that show none.

    What the methods hand about, a stream or an event, is whatever the backend takes for one.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._thread = threading.local()

    def new(self, index: int, priority: int) -> Any:
        """Return a new stream of a device; lower numbers are served first."""
        return _Queue()

    def external(self, address: int, index: int) -> Any:
        """Return the stream of another library that lies at an address."""
        raise DeviceError(f"backend {self.backend.name!r} takes no streams of other libraries")

    def default(self, index: int) -> Any:
        """Return the stream that is current where nobody has chosen another."""
        return _DEFAULT

    def current(self, index: int) -> Any:
        """Return the stream on which this thread's work for a device is queued."""
        return self._current().get(index, _DEFAULT)

    def enter(self, stream: Any, index: int) -> Any:
        """Make a stream the current one in this thread; return what `leave` takes back."""
        before = self.current(index)
        self._current()[index] = stream
        return index, before

    def leave(self, entered: Any) -> None:
        """Let the stream be current again that was before `enter`."""
        index, before = entered
        self._current()[index] = before

    def _current(self) -> dict[int, Any]:
        return self._thread.__dict__.setdefault("current", {})

    def synchronize(self, stream: Any, index: int) -> None:
        """Wait until a stream has done what was asked of it."""
        self.backend.synchronize(index)

    def is_done(self, stream: Any, index: int) -> bool:
        """Say whether a stream has nothing left to do."""
        self.backend.synchronize(index)
        return True

    def event(self, index: int, timing: bool) -> Any:
        """Return a new event of a device."""
        return _Mark(timing)

    def record(self, event: Any, stream: Any, index: int) -> None:
        """Put an event behind what a stream has been asked so far."""
        if event.timing:
            self.backend.synchronize(index)
        event.time = time.perf_counter()

    def wait(self, stream: Any, event: Any, index: int) -> None:
        """Let what a stream is asked from now on begin after an event."""

    def has_happened(self, event: Any, index: int) -> bool:
        """Say whether what was asked before an event is done."""
        self.backend.synchronize(index)
        return True

    def wait_for(self, event: Any, index: int) -> None:
        """Wait until an event has happened."""
        self.backend.synchronize(index)

    def elapsed(self, start: Any, end: Any) -> float:
        """Return the milliseconds from one event to another; both have happened."""
        return (end.time - start.time) * 1e3

    def keep(self, array: Any, stream: Any, index: int) -> None:
        """Let an array's memory serve nobody else before a stream is done with what it is asked until the array dies.

        Nothing is to be done where memory that is let go serves no other stream.
        """


class _Queue:
    """A stream of a library that shows none."""

    __slots__ = ("__weakref__",)


_DEFAULT = _Queue()


class _Mark:
    """An event on such a stream."""

    __slots__ = ("time", "timing")

    def __init__(self, timing: bool) -> None:
        self.timing, self.time = timing, 0.0


_entered = threading.local()


class _OfThisProcess:
    """What belongs to one process and is never copied."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> Any:
        raise ArgumentTypeError(
            f"{type(self).__name__}: streams and events belong to their process and are not pickled; make new ones"
        )


class Stream(_OfThisProcess):
    """A queue of a device's work: what is asked on one stream is done in order, on several at once.

    As a context manager it is the current stream of its device, in this thread, inside the block.

    Parameters
    ----------
    device : str or Device, optional
        Default: the default device.
    priority : int
        Streams with lower numbers are served first.

    Notes
    -----
    A tensor is used on the stream on which it was made, or after `wait_stream` or `wait_event`; if it is let go before
    another stream is done with it, tell with `Tensor.record_stream`. On a device that works at once none of this has
    an effect.

    Examples
    --------
    >>> import candelabra as cb
    >>> stream = cb.Stream("cpu")
    >>> with stream:
    ...     x = cb.ones(3) * 2
    >>> cb.device("cpu").current_stream().wait_stream(stream)
    >>> x.tolist()
    [2.0, 2.0, 2.0]
    """

    __slots__ = ("device", "native")
    device: Device
    native: Any

    def __init__(self, device: str | Device | None = None, priority: int = 0) -> None:
        if not isinstance(priority, int) or isinstance(priority, bool):
            raise ArgumentTypeError(f"Stream: priority is an int, got {priority!r}")
        self.device = as_device(device).physical
        self.native = self.device.backend.streams.new(_index(self.device), priority)

    @classmethod
    def of(cls, native: Any, device: Device) -> Self:
        """Return the stream that a backend takes for one as an object."""
        made = object.__new__(cls)
        made.device, made.native = device.physical, native
        return made

    @property
    def _streams(self) -> Streams:
        return self.device.backend.streams

    def synchronize(self) -> None:
        """Wait until everything that was asked of the stream is done."""
        self._streams.synchronize(self.native, _index(self.device))

    def query(self) -> bool:
        """Say whether everything that was asked of the stream is done."""
        return self._streams.is_done(self.native, _index(self.device))

    def wait_event(self, event: Event) -> None:
        """Let what the stream is asked from now on begin after an event."""
        if not isinstance(event, Event):
            raise ArgumentTypeError(f"Stream.wait_event: an Event is needed, got {type(event).__name__}")
        if event.native is None:
            return
        if event.device.backend is self.device.backend:
            self._streams.wait(self.native, event.native, _index(self.device))
        else:
            event.synchronize()

    def wait_stream(self, stream: Stream) -> None:
        """Let what the stream is asked from now on begin after what another one has been asked so far."""
        if not isinstance(stream, Stream):
            raise ArgumentTypeError(f"Stream.wait_stream: a Stream is needed, got {type(stream).__name__}")
        self.wait_event(stream.record_event())

    def wait(self, other: Event | Stream) -> None:
        """Wait for an event or for another stream, as `wait_event` and `wait_stream` do."""
        if isinstance(other, Stream):
            self.wait_stream(other)
        else:
            self.wait_event(other)

    def record_event(self, event: Event | None = None) -> Event:
        """Record an event, a new one if none is given, behind what the stream was asked so far, and return it."""
        found = Event(self.device) if event is None else event
        found.record(self)
        return found

    def make_current(self) -> None:
        """Let this be the current stream of its device, in this thread, from here on."""
        self._streams.enter(self.native, _index(self.device))

    def __enter__(self) -> Self:
        token = self._streams.enter(self.native, _index(self.device))
        _entered.__dict__.setdefault("tokens", []).append((self._streams, token))
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        streams, token = _entered.tokens.pop()
        streams.leave(token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.device is self.device and bool(other.native == self.native)

    def __hash__(self) -> int:
        return hash((self.device, self.native))

    def __repr__(self) -> str:
        return f"<Stream of {self.device}: {self.native!r}>"


class Event(_OfThisProcess):
    """A mark in a stream: it has happened when everything that was asked of the stream before it is done.

    Parameters
    ----------
    device : str or Device, optional
        Default: that of the stream on which it is first recorded.
    enable_timing : bool
        Whether `elapsed_time` can be asked.

    Examples
    --------
    >>> import candelabra as cb
    >>> start, end = cb.Event("cpu", enable_timing=True), cb.Event("cpu", enable_timing=True)
    >>> start.record()
    >>> y = cb.ones((100, 100)) @ cb.ones((100, 100))
    >>> end.record()
    >>> end.synchronize()
    >>> start.elapsed_time(end) > 0
    True
    """

    __slots__ = ("_device", "enable_timing", "native")

    def __init__(self, device: str | Device | None = None, enable_timing: bool = False) -> None:
        if not isinstance(enable_timing, bool):
            raise ArgumentTypeError(f"Event: enable_timing is a bool, got {enable_timing!r}")
        self._device = None if device is None else as_device(device).physical
        self.enable_timing = enable_timing
        self.native: Any = None

    @property
    def device(self) -> Device:
        """The device of the event's stream; the default device before it is recorded, unless one was named."""
        return as_device(None).physical if self._device is None else self._device

    def record(self, stream: Stream | None = None) -> None:
        """Put the event behind what a stream, by default its device's current one, has been asked so far.

        Raises
        ------
        DeviceError
            If the stream is another device's.
        """
        if stream is None:
            stream = current_stream(self.device)
        elif not isinstance(stream, Stream):
            raise ArgumentTypeError(f"Event.record: a Stream is needed, got {type(stream).__name__}")
        if self._device is None:
            self._device = stream.device
        if stream.device is not self._device:
            raise DeviceError(
                f"Event.record: the event is one of {str(self._device)!r} and the stream one of "
                f"{str(stream.device)!r}; make the event with device={str(stream.device)!r}"
            )
        streams, index = stream.device.backend.streams, _index(stream.device)
        if self.native is None:
            self.native = streams.event(index, self.enable_timing)
        streams.record(self.native, stream.native, index)

    def wait(self, stream: Stream | None = None) -> None:
        """Let what a stream, by default the device's current one, is asked from now on begin after the event."""
        (current_stream(self.device) if stream is None else stream).wait_event(self)

    def query(self) -> bool:
        """Say whether the event has happened; one that was never recorded has."""
        device = self.device
        return self.native is None or device.backend.streams.has_happened(self.native, _index(device))

    def synchronize(self) -> None:
        """Wait until the event has happened."""
        if self.native is not None:
            self.device.backend.streams.wait_for(self.native, _index(self.device))

    def elapsed_time(self, end: Event) -> float:
        """Return the milliseconds from this event to another.

        Raises
        ------
        DeviceError
            If one of them was made without timing, was not recorded, has not happened or is another device's.
        """
        if not isinstance(end, Event):
            raise ArgumentTypeError(f"Event.elapsed_time: an Event is needed, got {type(end).__name__}")
        for event, which in ((self, "first"), (end, "second")):
            if not event.enable_timing:
                why = "was made without timing; make it with enable_timing=True"
            elif event.native is None:
                why = "was not recorded"
            elif not event.query():
                why = "has not happened yet; call its synchronize() first"
            else:
                continue
            raise DeviceError(f"Event.elapsed_time: the {which} event {why}")
        if self.device.backend is not end.device.backend:
            raise DeviceError(
                f"Event.elapsed_time: one event is of {str(self.device)!r}, the other of {str(end.device)!r}, "
                "whose clocks differ"
            )
        return self.device.backend.streams.elapsed(self.native, end.native)

    def __repr__(self) -> str:
        return f"<Event of {self.device}{'' if self.native is not None else ', not recorded'}>"


def current_stream(device: str | Device | None = None) -> Stream:
    """Return the stream on which this thread's work for a device, by default the default one, is queued."""
    place = as_device(device).physical
    return Stream.of(place.backend.streams.current(_index(place)), place)


def default_stream(device: str | Device | None = None) -> Stream:
    """Return the stream that is a device's current one where nobody has chosen another."""
    place = as_device(device).physical
    return Stream.of(place.backend.streams.default(_index(place)), place)


def synchronize(device: str | Device | None = None) -> None:
    """Wait until a device, by default the default one, has done everything that was asked of it.

    Raises
    ------
    IndexOutOfRangeError
        If a kernel met an index that is out of range, which some devices tell only when they are waited for.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.synchronize("cpu")
    """
    place = as_device(device).physical
    try:
        place.backend.synchronize(_index(place))
    except Exception as error:
        raise failure("synchronize", place, error) from error


def _index(device: Device) -> int:
    return device.index or 0


__all__ = ["Event", "Stream", "Streams", "current_stream", "default_stream", "synchronize"]
