"""Objects whose arrays travel in memory that processes share, instead of through a pipe.

This is one of the few files that speak NumPy, since what lies in such memory are arrays on the host.
"""

from __future__ import annotations

import importlib.util
import io
import mmap
import pickle
import sys
import types
import weakref
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from ..core.device import as_device, host_device
from ..core.dtypes import as_dtype
from ..core.host import from_host
from ..core.tensor import Tensor
from .segment import Mapping, Segment, send_message

ALIGNMENT = 64
INLINE = 1 << 16
"""Bytes of arrays up to which a message carries them itself: there a copy is cheaper than the bookkeeping."""
SMALL = 1 << 14
"""Smaller arrays never lie in a segment, so that who keeps a batch's labels does not keep its images."""
MOST_LENT = 4
"""Blocks of a worker that batches may hold at a time; further ones are copied, so that who keeps all has no limit."""

MOST_SPARE = 4
"""Blocks of each worker that a loader keeps from one epoch to the next."""


def aligned(n: int) -> int:
    """Return `n` rounded up, so that the next array begins on a cache line."""
    return -(-n // ALIGNMENT) * ALIGNMENT


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
        body, buffers, _ = pickled(batch)
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
        self._pin: Any = None

    def pin_for(self, pin: Any) -> None:
        """Let the blocks be pinned by a function, as `Mapping.pin` has it; None pins no more of them."""
        self._pin = pin
        for block in self.blocks.values():
            self._pinned(block)

    def _pinned(self, block: Segment) -> None:
        if self._pin is not None and isinstance(block.memory, Mapping):
            block.memory.pin(self._pin)

    def unpack(self, description: tuple[Any, ...], data: memoryview, new: Sequence[Segment]) -> Any:
        """Return the batch that `Arena.send` has sent."""
        length, places, number, numbers, dropped = description
        for n in dropped:
            self.blocks.pop(n, None)
        for n, block in zip(numbers, new, strict=True):
            self.blocks[n] = block
            self._pinned(block)
            if len(self.blocks) > MOST_SPARE:
                block.close_handle()  # a process may have only so many open files
        buffers: list[Any] = []
        references: list[Any] = []
        alive: set[int] = set()
        lends = number is not None and len(self.lent) < MOST_LENT
        memory = None if number is None else self.blocks[number].memory

        def let_go(reference: Any) -> None:
            # Called wherever the last array happens to die: it only takes a note.
            alive.discard(id(reference))
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
            alive.update(map(id, references))
            self.lent[number] = references
        elif number is not None:
            self.returned.append(number)
        return pickle.loads(data[:length], buffers=buffers)

    def spare(self) -> list[Segment]:
        """Give up the blocks that no batch holds, once their worker has ended."""
        blocks, self.blocks = self.blocks, {}
        return [block for n, block in blocks.items() if n not in self.lent and block.handle is not None]

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
    """Pickles with the bytes of arrays and tensors beside the pickle, and notes which modules it names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules: set[str] = set()

    def reducer_override(self, thing: Any) -> Any:
        """Reduce arrays and tensors; leave all else to pickle."""
        if isinstance(thing, (type, types.FunctionType)):
            self.modules.add(thing.__module__)
        return reduced(thing)


class ByReference(Pickler):
    """A `Pickler` that refuses what another process could not import, since the main module is no file."""

    def reducer_override(self, thing: Any) -> Any:
        """Refuse classes and functions of the main module."""
        if isinstance(thing, (type, types.FunctionType)) and thing.__module__ == "__main__":
            raise pickle.PicklingError(f"{thing.__qualname__} is defined in an interactive session")
        return super().reducer_override(thing)


def cloud_pickler() -> type[pickle.Pickler] | None:
    """Return cloudpickle's pickler, with the bytes of arrays beside the pickle; None where it is not installed."""
    try:
        import cloudpickle
    except ImportError:
        return None

    class CloudPickler(cloudpickle.Pickler):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.modules: set[str] = set()

        def reducer_override(self, thing: Any) -> Any:
            if isinstance(thing, (type, types.FunctionType)):
                self.modules.add(thing.__module__)
            found = reduced(thing)
            return super().reducer_override(thing) if found is NotImplemented else found

    return CloudPickler


def pickled(thing: Any, kind: Any = Pickler, file: Any = None) -> tuple[bytes, list[Any], set[str]]:
    """Return an object's pickle, the bytes of its arrays as arrays of uint8, and the modules of what it names."""
    buffers: list[Any] = []
    target = io.BytesIO() if file is None else file
    pickler = kind(target, 5, buffer_callback=buffers.append)
    pickler.dump(thing)
    arrays = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
    return target.getvalue() if file is None else b"", arrays, pickler.modules


class Parcel:
    """An object on its way to workers: its pickle, and one segment with the bytes of its arrays for all of them.

    Parameters
    ----------
    thing : object
        What is sent.
    kind : type
        The pickler.
    used : Segment, optional
        The segment of an earlier parcel that nobody reads any more; it is written again where it is large enough.
    """

    def __init__(self, thing: Any, kind: Any = Pickler, used: Segment | None = None) -> None:
        body, buffers, modules = pickled(thing, kind)
        contents = [np.frombuffer(body, np.uint8), *buffers]
        self.places = []
        size = 0
        for part in contents:
            self.places.append((size, part.size))
            size = aligned(size + part.size)
        fits = used is not None and size <= used.size <= 2 * size + mmap.PAGESIZE
        self.segment = used if used is not None and fits else Segment.create(size)
        for (offset, length), part in zip(self.places, contents, strict=True):
            np.frombuffer(self.segment.memory, np.uint8, length, offset)[...] = part
        files = {name: getattr(sys.modules.get(name), "__file__", None) for name in modules}
        # Modules that were loaded from a file by hand are found by no name.
        self.files = {name: file for name, file in files.items() if file and name != "__main__"}


class Unpickler(pickle.Unpickler):
    """Unpickles what names modules that only their file finds, too."""

    files: dict[str, str]

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function of a module, which is imported."""
        try:
            return super().find_class(module, name)
        except ModuleNotFoundError:
            file = self.files.get(module)
            spec = None if file is None else importlib.util.spec_from_file_location(module, file)
            if spec is None or spec.loader is None:
                raise
            for end, letter in enumerate(module):
                if letter == ".":
                    # pickle asks for the packages around it, too.
                    sys.modules.setdefault(module[:end], types.ModuleType(module[:end]))
            sys.modules[module] = loaded = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(loaded)
            except BaseException:
                del sys.modules[module]
                raise
            return super().find_class(module, name)


def opened(places: Sequence[tuple[int, int]], files: dict[str, str], segment: Segment) -> Any:
    """Return the object of a parcel; its arrays lie in `segment`, a private mapping that they may write to."""
    (_, length), *rest = places
    view = memoryview(segment.memory)
    buffers = [view[offset : offset + size] for offset, size in rest]
    unpickler = Unpickler(io.BytesIO(view[:length]), buffers=buffers)
    unpickler.files = files
    return unpickler.load()
