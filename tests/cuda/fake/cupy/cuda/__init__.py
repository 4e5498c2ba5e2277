"""Cards that are not there: devices, streams, events and the memory pool, and a count of what waits for them."""

from __future__ import annotations

import functools
import os
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from . import order

CARDS = int(os.environ.get("CANDELABRA_FAKE_CARDS", "2"))
TOTAL = int(os.environ.get("CANDELABRA_FAKE_MEMORY", str(8 * 2**30)))

# "synchronisations": how often the host waited; "launches": kernels of ours; "calls": the library's own.
counts: Counter[str] = Counter()

_thread = threading.local()


def counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that waits for the card, and is counted."""

    @functools.wraps(function)
    def waits(*arguments: Any, **options: Any) -> Any:
        counts["synchronisations"] += 1
        memory = getattr(arguments[0], "_at", None)
        if memory is not None:
            # What reads a value waits for the stream on which it reads.
            with memory.device:
                queue = get_current_stream()._queue()
                memory.uses.use(queue)
                order.tell_host(order.clock_of(queue))
        return function(*arguments, **options)

    return waits


def _current() -> int:
    return getattr(_thread, "card", 0)


class Device:
    """A card; as a context manager, the current one."""

    def __init__(self, device: Any = None) -> None:
        if isinstance(device, Device):
            device = device.id
        self.id = _current() if device is None else int(device)
        self._before: list[int] = []

    def use(self) -> None:
        runtime.setDevice(self.id)

    def __enter__(self) -> Device:
        self._before.append(_current())
        if self._before[-1] != self.id:
            runtime.setDevice(self.id)
        return self

    def __exit__(self, *_: object) -> None:
        runtime.setDevice(self._before.pop())

    @counted
    def synchronize(self) -> None:
        order.finish(self.id)

    @property
    def mem_info(self) -> tuple[int, int]:
        with self:
            return runtime.memGetInfo()

    @property
    def compute_capability(self) -> str:
        return "90"

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


class Memory:
    """A piece of a card's memory; whoever it was taken from has it back when nobody holds it."""

    def __init__(self, host: np.ndarray) -> None:
        self.device = Device()
        self.device_id = self.device.id
        self.size = -(-host.nbytes // 512) * 512
        self.ptr = host.__array_interface__["data"][0]
        # It lives as long as any array over it.
        self.held = host
        self.block = _allocator[0](host.nbytes).mem
        self.uses = order.Uses(order.queue_of(get_current_stream(), self.device_id))

    def use(self) -> None:
        """Note that something which the current stream is asked uses the memory."""
        self.uses.use(order.queue_of(get_current_stream(), _current()))

    def __del__(self) -> None:
        # What could not be allocated is not let go.
        if hasattr(self, "uses"):
            self.uses.let_go()


class Block:
    """What an allocator gives; the stand-in's arrays lie elsewhere."""

    def __init__(self, size: int, back: Callable[[], Any], address: int = 1) -> None:
        self.size, self.back, self.ptr, self.device_id = size, back, address, _current()
        self.device = Device()

    def __del__(self) -> None:
        self.back()


class DLPackMemory:
    """Memory that another array owns, which lives as long as this."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.owner._at, name)


class MemoryPointer:
    """A place in a piece of memory."""

    def __init__(self, mem: Any, offset: int) -> None:
        self.mem, self.offset = mem, offset
        self.ptr, self.device, self.device_id = mem.ptr + offset, mem.device, mem.device_id


def _place(host: np.ndarray) -> Memory:
    return Memory(host)


class OutOfMemoryError(MemoryError):
    """What CuPy raises where a card's memory does not suffice."""

    def __init__(self, size: int, total: int, limit: int = 0) -> None:
        self._size, self._total, self._limit = size, total, limit
        told = f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes"
        super().__init__(told + (f", limit set to: {limit:,} bytes)." if limit else ")."))


class _Pool:
    """A pool's figures on one card."""

    def __init__(self) -> None:
        self.used = self.free = self.limit = 0
        self.lock = threading.RLock()
        _pools.append((_current(), self))

    def take(self, size: int) -> None:
        with self.lock:
            if size <= self.free:
                self.free -= size
            else:
                # Blocks that are free do not fit together: they are given back before more is asked for.
                room = min(TOTAL, self.limit or TOTAL)
                if self.used + self.free + size > room:
                    self.free = 0
                if self.used + size > room:
                    raise OutOfMemoryError(size, self.used, self.limit)
            self.used += size

    def give(self, size: int) -> None:
        with self.lock:
            self.used -= size
            self.free += size


_pools: list[tuple[int, _Pool]] = []
# By card, what no pool knows.
direct: Counter[int] = Counter()


class MemoryPool:
    """CuPy's pool: figures of the current card."""

    def __init__(self, allocator: Any = None) -> None:
        self.allocator = allocator
        self._cards: dict[int, _Pool] = {}

    def _card(self) -> _Pool:
        if _current() not in self._cards:
            self._cards[_current()] = _Pool()
        return self._cards[_current()]

    def malloc(self, size: int) -> MemoryPointer:
        card, rounded = self._card(), -(-size // 512) * 512
        card.take(rounded)
        return MemoryPointer(Block(rounded, lambda: card.give(rounded)), 0)

    def used_bytes(self) -> int:
        return self._card().used

    def free_bytes(self) -> int:
        return self._card().free

    def total_bytes(self) -> int:
        return self.used_bytes() + self.free_bytes()

    def n_free_blocks(self) -> int:
        return int(self.free_bytes() > 0)

    def free_all_blocks(self, stream: Any = None) -> None:
        self._card().free = 0

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        self._card().limit = int(TOTAL * fraction) if fraction is not None else size or 0

    def get_limit(self) -> int:
        return self._card().limit


class MemoryAsyncPool(MemoryPool):
    """The pool of CUDA itself."""

    def __init__(self, pool_handles: Any = "current") -> None:
        super().__init__()


class PythonFunctionAllocator:
    """Memory from two functions of Python's."""

    def __init__(self, malloc_func: Callable[[int, int], int], free_func: Callable[[int, int], Any]) -> None:
        self._malloc, self._free = malloc_func, free_func

    def malloc(self, size: int) -> MemoryPointer:
        card = _current()
        address = self._malloc(size, card)
        return MemoryPointer(Block(size, lambda: self._free(address, card), address), 0)


def _malloc(size: int) -> MemoryPointer:
    card = _current()
    direct[card] += size
    return MemoryPointer(Block(size, lambda: direct.subtract({card: size})), 0)


def malloc_managed(size: int) -> MemoryPointer:
    return _malloc(size)


default_pool = MemoryPool()
_allocator: list[Callable[[int], Any]] = [default_pool.malloc]


def set_allocator(allocator: Any = None) -> None:
    _allocator[0] = _malloc if allocator is None else allocator


def get_allocator() -> Any:
    return _allocator[0]


class Stream:
    """A stream; what is asked of it is done at once."""

    null: Stream

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: int | None = None
    ) -> None:
        self.ptr = 0 if null else id(self)
        self.device_id = -1 if null else _current()
        self.is_non_blocking, self._before = non_blocking, []

    @classmethod
    def from_external(cls, obj: Any) -> Stream:
        version, address = obj.__cuda_stream__()
        assert version == 0
        made = cls(non_blocking=True)
        made.ptr, made.device_id = address, -1
        return made

    def use(self) -> Stream:
        if self.device_id not in (-1, _current()):
            raise RuntimeError(f"The device that the stream is created on ({self.device_id}) does not match with the "
                               f"current device ({_current()})")  # fmt: skip
        _streams()[_current()] = self
        return self

    def _queue(self) -> order.Queue:
        return order.queue_of(self, _current() if self.device_id == -1 else self.device_id)

    def __enter__(self) -> Stream:
        self._before.append(get_current_stream())
        return self.use()

    def __exit__(self, *_: object) -> None:
        self._before.pop().use()

    @counted
    def synchronize(self) -> None:
        order.tell_host(order.clock_of(self._queue()))

    @property
    def done(self) -> bool:
        if self.ptr in order.busy:
            return False
        order.tell_host(order.clock_of(self._queue()))
        return True

    def record(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        event.awaited.append(self)
        order.wait(self._queue(), event.clock)

    def launch_host_func(self, function: Callable[[Any], Any], argument: Any) -> None:
        function(argument)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.ptr == other.ptr

    def __hash__(self) -> int:
        return hash(self.ptr)


class ExternalStream(Stream):
    """A stream of another library."""

    def __init__(self, ptr: int, device_id: int = -1) -> None:
        warnings.warn("ExternalStream is deprecated.", DeprecationWarning, stacklevel=2)
        super().__init__()
        self.ptr, self.device_id = ptr, device_id


Stream.null = Stream(null=True)


def _streams() -> dict[int, Stream]:
    if not hasattr(_thread, "streams"):
        _thread.streams = {}
    return _thread.streams


def get_current_stream(device_id: int | None = None) -> Stream:
    return _streams().get(_current() if device_id is None else device_id, Stream.null)


class Event:
    """An event; it has happened once it is recorded."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.disable_timing, self.time, self.stream = disable_timing, None, None
        self.awaited: list[Stream] = []
        self.clock: order.Clock = {}
        self.card = _current()

    def record(self, stream: Stream | None = None) -> None:
        self.stream = get_current_stream() if stream is None else stream
        if self.stream._queue()[0] != self.card:
            raise runtime.CUDARuntimeError(400, "cudaErrorInvalidResourceHandle: invalid resource handle")
        self.clock = order.record(self.stream._queue())
        self.time = time.perf_counter()

    @counted
    def synchronize(self) -> None:
        order.tell_host(self.clock)

    @property
    def done(self) -> bool:
        if self.stream is not None and self.stream.ptr in order.busy:
            return False
        order.tell_host(self.clock)
        return True


def get_elapsed_time(start: Event, end: Event) -> float:
    if start.disable_timing or end.disable_timing or start.time is None or end.time is None:
        raise runtime.CUDARuntimeError(400, "cudaErrorInvalidResourceHandle: invalid resource handle")
    return (end.time - start.time) * 1e3


class _Runtime:
    """The runtime's functions that tell and choose."""

    memcpyDefault = 4

    class CUDARuntimeError(RuntimeError):
        def __init__(self, status: int, message: str = "") -> None:
            self.status = status
            super().__init__(message or f"error {status}")

    def getDeviceCount(self) -> int:
        if not CARDS:
            raise self.CUDARuntimeError(100, "cudaErrorNoDevice: no CUDA-capable device is detected")
        return CARDS

    def getDevice(self) -> int:
        return _current()

    def setDevice(self, card: int) -> None:
        if not 0 <= card < CARDS:
            raise self.CUDARuntimeError(101, "cudaErrorInvalidDevice: invalid device ordinal")
        _thread.card = card

    @counted
    def deviceSynchronize(self) -> None:
        pass

    def runtimeGetVersion(self) -> int:
        return 12090

    def driverGetVersion(self) -> int:
        return 13000

    def getDeviceProperties(self, card: int) -> dict[str, Any]:
        return {
            "name": f"Stand-in card {card}".encode(), "totalGlobalMem": TOTAL, "multiProcessorCount": 132, "major": 9,
            "minor": 0, "sharedMemPerBlock": 49152, "sharedMemPerBlockOptin": 232448,
        }  # fmt: skip

    def memGetInfo(self) -> tuple[int, int]:
        taken = sum(pool.used + pool.free for card, pool in _pools if card == _current())
        return TOTAL - taken - direct[_current()], TOTAL

    def hostRegister(self, ptr: int, size: int, flags: int) -> None:
        if not registers[0]:
            raise self.CUDARuntimeError(801, "cudaErrorNotSupported: operation not supported")
        from . import pinned_memory

        pinned_memory.register(ptr, size)

    def hostUnregister(self, ptr: int) -> None:
        from . import pinned_memory

        pinned_memory.unregister(ptr)

    def deviceCanAccessPeer(self, card: int, other: int) -> int:
        return 0


runtime = _Runtime()
# Whether the system lets memory be pinned where it lies.
registers = [True]


class _Nvrtc:
    """The compiler's version; kernels are compiled by `RawModule`."""

    def getVersion(self) -> tuple[int, int]:
        return (12, 9)


nvrtc = _Nvrtc()


def is_available() -> bool:
    return CARDS > 0


def get_device_id() -> int:
    return _current()


def get_cublas_handle() -> int:
    from .device import get_cublas_handle

    return get_cublas_handle()
