"""CUDA devices under the names of `torch.cuda`: what there is, streams, events, memory, and waiting for them.

Without a card the answers are False and 0. The same things hang from every device: `candelabra.Stream`,
`candelabra.Event`, `Device.memory`.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .core import memory as memories
from .core import stream as streams
from .core.backend import Backend
from .core.device import Device, as_device, resolver
from .core.errors import ArgumentError, DeviceError, OutOfMemoryError
from .core.random_state import manual_seed

__all__ = [
    "Event", "ExternalStream", "OutOfMemoryError", "Stream", "current_device", "current_stream", "default_stream",
    "device_count", "empty_cache", "get_device_capability", "get_device_name", "is_available", "manual_seed",
    "manual_seed_all", "max_memory_allocated", "mem_get_info", "memory_allocated", "memory_reserved",
    "reset_peak_memory_stats", "set_device", "set_per_process_memory_fraction", "set_stream", "stream", "synchronize",
]  # fmt: skip

_TYPE = "cuda"


def _backend() -> Backend | None:
    """Return the backend that serves the device type, or None where there is none that works."""
    try:
        backend = resolver().resolve(_TYPE)
    except DeviceError:
        return None
    return backend if backend.devices() else None


def _index(device: Any, backend: Backend) -> int:
    if device is None:
        return backend.current_index()
    return _device(device).index or 0


def _device(device: Any) -> Device:
    """Return a CUDA device, the current one for None, by its index or as devices are written."""
    chosen = as_device(_TYPE if device is None else f"{_TYPE}:{device}" if isinstance(device, int) else device)
    if chosen.type != _TYPE:
        raise DeviceError(f"cuda: device {str(chosen)!r} is none of CUDA's; write an index, or 'cuda:0'")
    return chosen


def is_available() -> bool:
    """Say whether a CUDA device can be used; loads CuPy to find out.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cuda.is_available() == (cb.cuda.device_count() > 0)
    True
    """
    return _backend() is not None


def device_count() -> int:
    """Return the number of CUDA devices."""
    backend = _backend()
    return 0 if backend is None else len(backend.devices())


def current_device() -> int:
    """Return the index that the device ``"cuda"`` stands for; 0 without a card."""
    backend = _backend()
    return 0 if backend is None else backend.current_index()


def set_device(device: Device | str | int) -> None:
    """Let the device ``"cuda"`` stand for this one, in this thread.

    Raises
    ------
    DeviceError
        If it is not there.
    """
    chosen = _device(device)
    chosen.backend.choose(chosen.index or 0)


def get_device_capability(device: Device | str | int | None = None) -> tuple[int, int]:
    """Return the compute capability of a CUDA device, by default of the current one, such as (9, 0)."""
    chosen = _device(device)
    found = str(chosen.backend.native_device(chosen.index or 0).compute_capability)
    return int(found[:-1]), int(found[-1])


def get_device_name(device: Device | str | int | None = None) -> str:
    """Return the name of a CUDA device, by default of the current one.

    Raises
    ------
    DeviceError
        If there is none.
    """
    backend = resolver().resolve(_TYPE)
    return backend.device_name(_index(device, backend))


def synchronize(device: Device | str | int | None = None) -> None:
    """Wait until a CUDA device, by default the current one, has done what was asked of it."""
    backend = _backend()
    if backend is not None:
        backend.synchronize(_index(device, backend))


def memory_allocated(device: Device | str | int | None = None) -> int:
    """Return the bytes that tensors take on a CUDA device, by default on the current one."""
    backend = _backend()
    return 0 if backend is None else backend.memory(_index(device, backend))["allocated"]


def memory_reserved(device: Device | str | int | None = None) -> int:
    """Return the bytes that are held for tensors on a CUDA device, in use or not."""
    backend = _backend()
    return 0 if backend is None else backend.memory(_index(device, backend))["reserved"]


def max_memory_allocated(device: Device | str | int | None = None) -> int:
    """Return the most bytes that tensors took on a CUDA device since `reset_peak_memory_stats`.

    The peak is counted from the first call of either on: each allocation then takes a little longer.
    """
    backend = _backend()
    if backend is None:
        return 0
    index = _index(device, backend)
    found = backend.memory(index)
    if "peak" not in found:
        backend.reset_peak_memory(index)
        warnings.warn(
            "cuda.max_memory_allocated: the peak is counted from now on; call cuda.reset_peak_memory_stats() before "
            "what is to be measured",
            UserWarning,
            stacklevel=2,
        )
        return found["allocated"]
    return found["peak"]


def reset_peak_memory_stats(device: Device | str | int | None = None) -> None:
    """Count the peak of `max_memory_allocated` from here on."""
    backend = _backend()
    if backend is not None:
        backend.reset_peak_memory(_index(device, backend))


def mem_get_info(device: Device | str | int | None = None) -> tuple[int, int]:
    """Return the free and the total bytes of a CUDA device's memory, whoever holds them.

    Raises
    ------
    DeviceError
        If there is no such device.
    """
    found = memories.memory(_device(device))
    return found["free"], found["total"]


def set_per_process_memory_fraction(fraction: float, device: Device | str | int | None = None) -> None:
    """Let tensors take no more than this part of a CUDA device's memory."""
    memories.set_memory_limit(float(fraction), _device(device))


def empty_cache() -> None:
    """Give memory that is held and not in use back to the CUDA devices."""
    backend = _backend()
    if backend is not None:
        for index in range(len(backend.devices())):
            backend.release_memory(index)


def manual_seed_all(seed: int) -> None:
    """Seed the default generator: the same stream serves every device."""
    manual_seed(seed)


class Stream(streams.Stream):
    """A stream of a CUDA device, by default of the current one; see `candelabra.Stream`."""

    __slots__ = ()

    def __init__(self, device: Device | str | int | None = None, priority: int = 0) -> None:
        super().__init__(_device(device), priority)


class ExternalStream(Stream):
    """Another library's stream, which must live as long as this one.

    Parameters
    ----------
    stream_ptr : int
        Its address, such as PyTorch's ``stream.cuda_stream``.
    device : Device, str or int, optional
        Its device; default: the current one.
    """

    __slots__ = ()

    def __init__(self, stream_ptr: int, device: Device | str | int | None = None) -> None:
        self.device = _device(device)
        self.native = self.device.backend.streams.external(int(stream_ptr), self.device.index or 0)


class Event(streams.Event):
    """An event of the CUDA device on whose stream it is first recorded; see `candelabra.Event`.

    Parameters
    ----------
    enable_timing : bool
        Whether `elapsed_time` can be asked.
    blocking : bool
        Accepted as PyTorch has it; how the host waits is the driver's choice.
    interprocess : bool
        Must be False.
    """

    __slots__ = ()

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        if interprocess:
            raise ArgumentError("cuda.Event: events are not shared with other processes; leave interprocess out")
        super().__init__(None, enable_timing)

    @property
    def device(self) -> Device:
        """The device of the event's stream; the current CUDA device before it is recorded."""
        return _device(None) if self._device is None else self._device


def current_stream(device: Device | str | int | None = None) -> Stream:
    """Return the stream on which this thread's work for a CUDA device, by default the current one, is queued."""
    place = _device(device)
    return Stream.of(place.backend.streams.current(place.index or 0), place)


def default_stream(device: Device | str | int | None = None) -> Stream:
    """Return the stream that is a CUDA device's current one where nobody has chosen another."""
    place = _device(device)
    return Stream.of(place.backend.streams.default(place.index or 0), place)


def stream(stream: streams.Stream | None) -> AbstractContextManager[Any]:
    """Return a context manager inside which a stream is the current one; None changes nothing."""
    return nullcontext() if stream is None else stream


def set_stream(stream: streams.Stream | None) -> None:
    """Make a stream the current one of its device, which becomes the current device, in this thread."""
    if stream is not None:
        stream.make_current()
