"""CuPy's streams and events, and memory that waits for the streams that still use it."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from typing import Any

from ...core.errors import DeviceError
from ...core.stream import Streams


class CupyStreams(Streams):
    """Streams and events of CUDA; CuPy keeps which stream is current, by thread and card.

    Streams that are made here do not wait for the default one, as PyTorch's do not.
    """

    backend: Any

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.cuda = backend.cupy.cuda
        self.runtime = self.cuda.runtime
        self.kept = Kept(self.cuda)
        of_threads = os.environ.get("CUPY_CUDA_PER_THREAD_DEFAULT_STREAM", "0") not in ("", "0")
        self._default = "ptds" if of_threads else "null"

    def new(self, index: int, priority: int) -> Any:
        with self.backend.native_device(index):
            return self.cuda.Stream(non_blocking=True, priority=priority)

    def external(self, address: int, index: int) -> Any:
        return self.cuda.Stream.from_external(_Foreign(address))

    def default(self, index: int) -> Any:
        return getattr(self.cuda.Stream, self._default)

    def current(self, index: int) -> Any:
        with self.backend.native_device(index):
            return self.cuda.get_current_stream()

    def enter(self, stream: Any, index: int) -> Any:
        # As PyTorch has it, the stream's card is the current one, too.
        card = self.runtime.getDevice()
        self.backend.native_device(index).use()
        try:
            before = self.cuda.get_current_stream()
            stream.use()
        except BaseException:
            self.runtime.setDevice(card)
            raise
        return card, index, before

    def leave(self, entered: Any) -> None:
        card, index, before = entered
        self.runtime.setDevice(index)
        before.use()
        self.runtime.setDevice(card)

    def synchronize(self, stream: Any, index: int) -> None:
        with self.backend.native_device(index):
            stream.synchronize()
            self.backend.gpu.check()

    def is_done(self, stream: Any, index: int) -> bool:
        with self.backend.native_device(index):
            return bool(stream.done)

    def event(self, index: int, timing: bool) -> Any:
        with self.backend.native_device(index):
            return self.cuda.Event(disable_timing=not timing)

    def record(self, event: Any, stream: Any, index: int) -> None:
        with self.backend.native_device(index):
            event.record(stream)

    def wait(self, stream: Any, event: Any, index: int) -> None:
        with self.backend.native_device(index):
            stream.wait_event(event)

    def has_happened(self, event: Any, index: int) -> bool:
        return bool(event.done)

    def wait_for(self, event: Any, index: int) -> None:
        with self.backend.native_device(index):
            event.synchronize()
            self.backend.gpu.check()

    def elapsed(self, start: Any, end: Any) -> float:
        try:
            return float(self.cuda.get_elapsed_time(start, end))
        except self.runtime.CUDARuntimeError as error:
            raise DeviceError(f"Event.elapsed_time: the two events cannot be compared: {error}") from error

    def keep(self, array: Any, stream: Any, index: int) -> None:
        self.kept.keep(array, stream, index)


class _Foreign:
    """Another library's stream, by CUDA's protocol of streams."""

    __slots__ = ("address",)

    def __init__(self, address: int) -> None:
        self.address = address

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.address


class _Held:
    """A piece of memory, and the streams that use it beside the one on which it was made."""

    __slots__ = ("index", "memory", "reference", "streams")

    def __init__(self, memory: Any, index: int) -> None:
        self.memory, self.index = memory, index
        self.streams: dict[int, Any] = {}
        self.reference: Any = None


class Kept:
    """Memory that streams beside its own still use.

    What CuPy's pool gets back serves the stream again on which it was allocated, at once. So memory that another stream
    uses is held here when its array dies, until that stream is done with what it was asked by then.
    """

    def __init__(self, cuda: Any) -> None:
        self.cuda = cuda
        self._living: dict[int, _Held] = {}
        self._dead: deque[_Held] = deque()
        self._waiting: list[tuple[list[Any], Any]] = []
        self._lock = threading.Lock()

    def keep(self, array: Any, stream: Any, index: int) -> None:
        """Note that a stream uses an array."""
        self.sweep()
        # A view holds the array whose memory it shows, and so do a graph and a DLPack capsule.
        owner = array if array.base is None else array.base
        held = self._living.get(id(owner))
        if held is None:
            held = _Held(owner.data, index)
            held.reference = weakref.ref(owner, self._note(id(owner)))
            self._living[id(owner)] = held
        held.streams[stream.ptr] = stream

    def until(self, event: Any, thing: Any) -> None:
        """Hold something until an event has happened."""
        self.sweep()
        with self._lock:
            self._waiting.append(([event], thing))

    def _note(self, key: int) -> Any:
        living, dead = self._living, self._dead

        def note(_: Any) -> None:
            # Called wherever the array happens to die: it only takes a note.
            held = living.pop(key, None)
            if held is not None:
                dead.append(held)

        return note

    def sweep(self) -> None:
        """Let go of the memory that nobody uses any more; nothing waits."""
        if not (self._dead or self._waiting) or not self._lock.acquire(blocking=False):
            return
        try:
            while self._dead:
                held = self._dead.popleft()
                with self.cuda.Device(held.index):
                    events = []
                    for stream in held.streams.values():
                        event = self.cuda.Event(disable_timing=True)
                        event.record(stream)
                        events.append(event)
                self._waiting.append((events, held))
            self._waiting = [entry for entry in self._waiting if not all(event.done for event in entry[0])]
        finally:
            self._lock.release()

    def __len__(self) -> int:
        return len(self._dead) + len(self._waiting)
