"""Segments: memory that processes share, and the messages that hand it over.

A segment has no name that could outlive its processes: on Linux it is memory behind a descriptor that the connection
hands over, elsewhere a file that is unlinked at once, on Windows a mapping that ends with its last handle. So nothing
is left behind, however they end.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

MADV_POPULATE_WRITE = 23
"""Linux's number for it; `mmap` has no name for it yet."""

_LENGTH = struct.Struct("<I")
_named_segments = sys.platform == "win32"


class Mapping(mmap.mmap):
    """A mapping that may be pinned for a device, until nobody holds it."""

    unpin: Callable[[], object] | None = None
    owner = 0

    def __del__(self) -> None:
        if self.unpin is not None and self.owner == os.getpid() and not sys.is_finalizing():
            self.unpin()

    def pin(self, pin: Callable[[int, int], Callable[[], object] | None]) -> None:
        """Let `pin`, given an address and a size, pin the memory; what it returns undoes that, or is None."""
        if self.unpin is None:
            first = ctypes.c_char.from_buffer(self)
            self.owner = os.getpid()
            self.unpin = pin(ctypes.addressof(first), len(self))


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
        return cls(size, Mapping(handle, size, access=access), handle)

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
