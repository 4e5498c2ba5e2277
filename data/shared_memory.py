"""Memory that processes share: segments, and objects whose arrays travel in them instead of through a pipe.

This is one of the few files that speak NumPy, since what lies in such memory are arrays on the host. A segment has no
name that could outlive its processes: on Linux it is a descriptor handed over the connection, elsewhere a file that is
unlinked at once, on Windows a mapping that ends with its last handle. So nothing is left behind, however they end.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import socket
import struct
import sys
import tempfile
import types
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from ..core.device import as_device, host_device
from ..core.dtypes import as_dtype
from ..core.errors import ArgumentTypeError
from ..core.host import from_host
from ..core.tensor import Tensor

ALIGNMENT = 64
INLINE = 1 << 16
"""Bytes of arrays up to which a message carries them itself: there a copy is cheaper than the bookkeeping."""
SMALL = 1 << 14
"""Smaller arrays never lie in a segment, so that who keeps a batch's labels does not keep its images."""
MOST_LENT = 4
"""Blocks of a worker that batches may hold at a time; further ones are copied, so that who keeps all has no limit."""

MADV_POPULATE_WRITE = 23
"""Linux's number for it; `mmap` has no name for it yet."""

_LENGTH = struct.Struct("<I")
_named_segments = sys.platform == "win32"


def aligned(n: int) -> int:
    """Return `n` rounded up, so that the next array begins on a cache line."""
    return -(-n // ALIGNMENT) * ALIGNMENT


class Segment:
    """A piece of memory that several processes map; it is gone with the last of them.

    Attributes
    ----------
    size : int
        Bytes.
    memory : mmap.mmap
        The mapping in this process.
    handle : int, str or None
        A descriptor, or on Windows a name, by which another process maps it too.
    """

    __slots__ = ("handle", "memory", "size")

    def __init__(self, size: int, memory: mmap.mmap, handle: int | str | None) -> None:
        self.size, self.memory, self.handle = size, memory, handle

    @classmethod
    def create(cls, size: int) -> Segment:
        """Make a segment of at least one byte."""
        size = max(size, mmap.PAGESIZE)
        if _named_segments:
            name = f"candelabra-{os.getpid()}-{os.urandom(8).hex()}"
            return cls(size, map_named(size, name), name)
        descriptor = anonymous_file(size)
        # Pages that are reserved and mapped at once cost a third of as many page faults.
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        return cls(size, mmap.mmap(descriptor, size, flags), descriptor)

    @classmethod
    def attach(cls, size: int, handle: int | str, *, private: bool = False) -> Segment:
        """Map another process's segment; a private mapping keeps what is written to itself."""
        if isinstance(handle, str):
            return cls(size, map_named(size, handle), handle)
        access = mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE
        return cls(size, mmap.mmap(handle, size, access=access), handle)

    def map_pages(self) -> None:
        """Map all pages at once, where the system can: it takes a tenth of what as many page faults take."""
        try:
            self.memory.madvise(MADV_POPULATE_WRITE)
        except (AttributeError, OSError, ValueError):
            pass  # an older or another system: they are mapped one by one

    def close_handle(self) -> None:
        """Close what others could map it by; mappings stay."""
        handle, self.handle = self.handle, None
        if isinstance(handle, int):
            os.close(handle)

    def __del__(self) -> None:
        self.close_handle()


def map_named(size: int, name: str) -> mmap.mmap:
    """Map memory by its name, as Windows has it."""
    return mmap.mmap(-1, size, tagname=name)  # type: ignore[call-arg]


def anonymous_file(size: int) -> int:
    """Return the descriptor of a file in memory that has no name.

    Raises
    ------
    OSError
        There is no room for it: better so than a process that dies of its first write.
    """
    try:
        descriptor = os.memfd_create("candelabra-batch")
    except (AttributeError, OSError):  # another system, or a sandbox that does not know the call
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        descriptor, path = tempfile.mkstemp(prefix="candelabra-", dir=folder)
        os.unlink(path)
    try:
        os.ftruncate(descriptor, size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def send_descriptor(connection: Connection, descriptor: int) -> None:
    """Send an open file after the message that announces it."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.setblocking(True)
        socket.send_fds(wire, [b"F"], [descriptor])


def receive_descriptor(connection: Connection) -> int:
    """Return the open file that the last message announced."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.setblocking(True)
        data, descriptors, _, _ = socket.recv_fds(wire, 1, 1)
    if not data:
        raise EOFError
    return descriptors[0]


def send_message(connection: Connection, header: tuple[Any, ...], parts: Sequence[Any], new: Sequence[Segment]) -> None:
    """Send a header, bytes, and the segments that they speak of for the first time."""
    segments = [(segment.size, segment.handle if isinstance(segment.handle, str) else None) for segment in new]
    head = pickle.dumps((header, segments), 5)
    connection.send_bytes(b"".join([_LENGTH.pack(len(head)), head, *parts]))
    for segment in new:
        if isinstance(segment.handle, int):
            send_descriptor(connection, segment.handle)


def receive_message(connection: Connection, private: str = "") -> tuple[Any, memoryview, list[Segment]]:
    """Return the next message's header, bytes and new segments, which are private in a message of that kind."""
    message = memoryview(connection.recv_bytes())
    (length,) = _LENGTH.unpack_from(message)
    header, segments = pickle.loads(message[4 : 4 + length])
    new = []
    for size, name in segments:
        handle = receive_descriptor(connection) if name is None else name
        new.append(Segment.attach(size, handle, private=header[0] == private))
    return header, message[4 + length :], new


class Arena:
    """A worker's blocks: each batch is made in one, which comes back when the batch has been let go."""

    def __init__(self) -> None:
        self.blocks: dict[int, Segment] = {}
        self.free: deque[int] = deque()
        self.held: dict[int, list[weakref.ref[Any]]] = {}
        self.adopted: set[int] = set()
        self.new: dict[int, Segment] = {}
        self.dropped: list[int] = []
        self.made = 0
        self.expected = 0
        self.number: int | None = None
        self.used = self.wanted = 0

    def adopt(self, blocks: Sequence[Segment]) -> None:
        """Take over blocks that workers of an earlier epoch have left; they are numbered from 0."""
        for block in blocks:
            block.close_handle()
            self.blocks[self.made], self.held[self.made] = block, []
            self.adopted.add(self.made)
            self.free.append(self.made)
            self.made += 1

    def begin(self) -> None:
        """Begin a new batch; the block of one that was not sent is free again."""
        if self.number is not None:
            self.free.append(self.number)
        self.number = None
        self.used = self.wanted = 0

    def take_block(self, size: int) -> Segment:
        """Choose a free block of at least `size` bytes, or make one."""
        self.used = 0
        for number in reversed(self.free):
            if any(reference() is not None for reference in self.held.get(number, ())):
                continue  # the dataset has kept an array of it
            self.free.remove(number)
            self.held[number] = []
            if self.blocks[number].size >= size:
                self.number = number
                if number in self.adopted:
                    self.adopted.discard(number)
                    self.blocks[number].map_pages()
                return self.blocks[number]
            self.drop(number)
            return self.take_block(size)
        number = self.number = self.made
        self.made += 1
        block = self.blocks[number] = self.new[number] = Segment.create(aligned(size))
        self.held[number] = []
        return block

    def drop(self, number: int) -> None:
        """Forget a block, and let the other side forget it too."""
        del self.blocks[number], self.held[number]
        if self.new.pop(number, None) is None:
            self.dropped.append(number)

    def room(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an array in the batch's block to write a part of the batch into, or None where it has no room."""
        size = dtype.itemsize
        for n in shape:
            size *= n
        if size < SMALL or dtype.hasobject:
            return None
        self.wanted += aligned(size)
        block = self.take_block(max(self.expected, size)) if self.number is None else self.blocks[self.number]
        if self.used + size > block.size:
            return None
        assert self.number is not None
        flat = np.frombuffer(block.memory, np.uint8, size, self.used)
        self.held[self.number].append(weakref.ref(flat))
        self.used = aligned(self.used + size)
        return flat.view(dtype).reshape(shape)

    def pack(self, batch: Any) -> tuple[tuple[Any, ...], list[Any]]:
        """Return what `Lender.unpack` needs of a batch: a description, and the bytes of a message."""
        body, buffers = pickled(batch)
        places: list[Any] = [None] * len(buffers)
        if self.number is not None:
            start = address_of(np.frombuffer(self.blocks[self.number].memory, np.uint8, 1))
            for i, buffer in enumerate(buffers):
                offset = address_of(buffer) - start
                if offset >= 0 and offset + buffer.size <= self.used:
                    places[i] = (True, offset, buffer.size)
        inline = sorted((i for i, place in enumerate(places) if place is None), key=lambda i: buffers[i].size)
        moved = []
        total = sum(aligned(buffers[i].size) for i in inline)
        while total > INLINE:
            moved.append(inline.pop())
            total -= aligned(buffers[moved[-1]].size)
        if moved:
            self.move(moved, buffers, places)
        parts: list[Any] = [body]
        length = len(body)
        for i in inline:
            padding = aligned(length) - length
            parts += [bytes(padding), buffers[i].data]
            places[i] = (False, length + padding, buffers[i].size)
            length += padding + buffers[i].size
        lent = self.number if any(place[0] for place in places) else None
        self.expected = max(self.expected, self.used, self.wanted)
        return (len(body), places, lent, list(self.new), self.dropped), parts

    def move(self, moved: list[int], buffers: list[Any], places: list[Any]) -> None:
        """Copy arrays into the block; where it is too small for them everything goes into a larger one."""
        needed = sum(aligned(buffers[i].size) for i in moved)
        if self.number is None or self.used + needed > self.blocks[self.number].size:
            moved = moved + [i for i, place in enumerate(places) if place is not None]
            small, self.number = self.number, None
            self.take_block(max(self.expected, sum(aligned(buffers[i].size) for i in moved)))
            if small is not None:
                self.free.append(small)
        assert self.number is not None
        block = self.blocks[self.number]
        for i in moved:
            size = buffers[i].size
            np.frombuffer(block.memory, np.uint8, size, self.used)[...] = buffers[i]
            places[i] = (True, self.used, size)
            self.used = aligned(self.used + size)

    def send(self, connection: Connection, header: tuple[Any, ...], batch: Any) -> None:
        """Send a batch; nothing is sent where it does not pickle."""
        description, parts = self.pack(batch)
        send_message(connection, (*header, description), parts, list(self.new.values()))
        for segment in self.new.values():
            segment.close_handle()
        self.new.clear()
        self.dropped = []
        if description[2] is not None:
            self.number = None  # it comes back through `free`


class Lender:
    """The blocks of one worker as its caller sees them: lent to the arrays of a batch, and returned when these die."""

    def __init__(self) -> None:
        self.blocks: dict[int, Segment] = {}
        self.lent: dict[int, list[Any]] = {}
        self.returned: deque[int] = deque()

    def unpack(self, description: tuple[Any, ...], data: memoryview, new: Sequence[Segment]) -> Any:
        """Return the batch that `Arena.send` has sent."""
        length, places, number, numbers, dropped = description
        for n in dropped:
            self.blocks.pop(n, None)
        self.blocks.update(zip(numbers, new, strict=True))
        buffers: list[Any] = []
        references: list[Any] = []
        alive = 0
        lends = number is not None and len(self.lent) < MOST_LENT
        memory = None if number is None else self.blocks[number].memory

        def let_go(reference: Any) -> None:
            # Called wherever the last array happens to die: it only takes a note.
            nonlocal alive
            alive -= 1
            if not alive and self.lent.pop(number, None) is not None:
                self.returned.append(number)

        for inside, offset, size in places:
            if not inside:
                buffers.append(data[offset : offset + size])
                continue
            assert memory is not None
            array = np.frombuffer(memory, np.uint8, size, offset)
            if lends:
                references.append(weakref.ref(array, let_go))
            buffers.append(array if lends else array.copy())
            del array
        if lends:
            alive = len(references)
            self.lent[number] = references
        elif number is not None:
            self.returned.append(number)
        return pickle.loads(data[:length], buffers=buffers)

    def spare(self) -> list[Segment]:
        """Give up the blocks that no batch holds, once their worker has ended."""
        blocks, self.blocks = self.blocks, {}
        return [block for number, block in blocks.items() if number not in self.lent]

    def take_returned(self) -> list[int]:
        """Return the blocks that came back since the last call."""
        found = []
        while self.returned:
            found.append(self.returned.popleft())
        return found


def address_of(array: np.ndarray) -> int:
    """Return where an array begins in memory."""
    return array.__array_interface__["data"][0]


def bytes_of(array: np.ndarray) -> Any:
    """Return an array's bytes in C order as an array of uint8, without a copy where they lie so."""
    # A view of its bytes also serves dtypes that the buffer protocol has no letter for.
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def rebuild_array(buffer: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the array that was taken apart; what came inside a message is copied, as it lies between others there."""
    if isinstance(buffer, memoryview):
        # Of a read-only array pickle hands over a view of the lent one.
        array = buffer.obj if isinstance(buffer.obj, np.ndarray) else np.frombuffer(buffer, np.uint8)
        array = array.copy() if isinstance(buffer.obj, bytes) else array
    else:
        array = buffer
    return array.view(dtype).reshape(shape)


def rebuild_tensor(buffer: Any, dtype: str, shape: tuple[int, ...], device: str) -> Tensor:
    """Return the tensor that was taken apart."""
    host = host_device()
    array = rebuild_array(buffer, host.native[as_dtype(dtype)], shape)
    target = as_device(device)
    return Tensor(array, host) if target is host else from_host(array, device=target, copy=False)


def reduced(thing: Any) -> Any:
    """Return how an array or a tensor is pickled with its bytes beside the pickle; NotImplemented for all else."""
    kind = type(thing)
    if kind is Tensor:
        if thing.node is not None or thing.device.levels:
            return NotImplemented
        array = thing.device.backend.to_host(thing.array)
        about: tuple[Any, ...] = (thing.dtype.name, thing.shape, str(thing.device))
        return rebuild_tensor, (pickle.PickleBuffer(bytes_of(array)), *about)
    if kind is np.ndarray and not thing.dtype.hasobject:
        return rebuild_array, (pickle.PickleBuffer(bytes_of(thing)), thing.dtype, thing.shape)
    return NotImplemented


class Pickler(pickle.Pickler):
    """Pickles with the bytes of arrays and tensors beside the pickle."""

    reducer_override = staticmethod(reduced)


class ByReference(pickle.Pickler):
    """A `Pickler` that refuses what another process could not import, since the main module is no file."""

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, (type, types.FunctionType)) and thing.__module__ == "__main__":
            raise pickle.PicklingError(f"{thing.__qualname__} is defined in an interactive session")
        return reduced(thing)


def cloud_pickler() -> type[pickle.Pickler] | None:
    """Return cloudpickle's pickler, with the bytes of arrays beside the pickle; None where it is not installed."""
    try:
        import cloudpickle
    except ImportError:
        return None

    class CloudPickler(cloudpickle.Pickler):
        def reducer_override(self, thing: Any) -> Any:
            found = reduced(thing)
            return super().reducer_override(thing) if found is NotImplemented else found

    return CloudPickler


def pickled(thing: Any, kind: Callable[..., pickle.Pickler] = Pickler, file: Any = None) -> tuple[bytes, list[Any]]:
    """Return an object's pickle, and the bytes of its arrays as arrays of uint8."""
    buffers: list[Any] = []
    target = io.BytesIO() if file is None else file
    kind(target, 5, buffer_callback=buffers.append).dump(thing)
    arrays = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
    return target.getvalue() if file is None else b"", arrays


class Parcel:
    """An object on its way to workers: its pickle, and one segment with the bytes of its arrays for all of them."""

    def __init__(self, thing: Any, kind: Callable[..., pickle.Pickler] = Pickler) -> None:
        body, buffers = pickled(thing, kind)
        contents = [np.frombuffer(body, np.uint8), *buffers]
        self.places = []
        size = 0
        for part in contents:
            self.places.append((size, part.size))
            size = aligned(size + part.size)
        self.segment = Segment.create(size)
        for (offset, length), part in zip(self.places, contents, strict=True):
            np.frombuffer(self.segment.memory, np.uint8, length, offset)[...] = part


def opened(places: Sequence[tuple[int, int]], segment: Segment) -> Any:
    """Return the object of a parcel; its arrays lie in `segment`, a private mapping that they may write to."""
    if len(places) == 0:
        raise ArgumentTypeError("a parcel has no parts")
    (_, length), *rest = places
    view = memoryview(segment.memory)
    buffers = [view[offset : offset + size] for offset, size in rest]
    return pickle.loads(view[:length], buffers=buffers)
