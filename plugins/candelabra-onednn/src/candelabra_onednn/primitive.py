"""A primitive as a function of arrays: made once for shapes and layouts, called with data.

oneDNN may want an operand in a layout of its own. What it chooses for the descriptors that leave it the choice is kept
beside the primitive: a buffer and the reordering into it, or out of it.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np

from .library import Argument, Library, Refused

Array = np.ndarray
# The one dtype that is served.
NUMBER = np.dtype(np.float32)
# What `primitive_desc_query_md` is asked for, and the number of the argument in a call.
SOURCE, WEIGHTS, BIAS, TARGET = (129, 0, 1), (131, 0, 33), (131, 1, 41), (133, 0, 17)
D_SOURCE, D_WEIGHTS, D_BIAS, D_TARGET = (130, 0, 129), (132, 0, 161), (132, 1, 169), (134, 0, 145)
CACHED = 256
_HERE = ctypes.c_char * 0


def argument(which: int) -> tuple[int, int, int]:
    """Return the kind of an operand that has but one layout."""
    return 0, 0, which


class Operand(NamedTuple):
    """An operand of a primitive: what it is, the shape and strides (in elements) of its array, and its direction."""

    kind: tuple[int, int, int]
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    written: bool = False


# Bytes that the forward pass leaves to the backward pass.
WORKSPACE = Operand((135, 0, 64))


class Primitive:
    """A primitive with its memory objects. Calls of one primitive wait for each other."""

    def __init__(
        self,
        library: Library,
        descriptor: int,
        operands: list[Operand],
        owned: list[tuple[Any, int]] | None = None,
        *,
        reference: bool = False,
    ) -> None:
        self.owned = [*(owned or []), (library.primitive_desc_destroy, descriptor)]
        name = library.implementation_of(descriptor)
        if "ref" in name and not reference:
            raise Refused(f"only a reference kernel: {name}")
        self.library, self.descriptor, self.lock = library, descriptor, threading.Lock()
        self.primitive = library.primitive_create(descriptor)
        self.memories: list[ctypes.c_void_p] = []
        self.sizes: list[int] = []
        self.before: list[tuple[int, Any]] = []
        self.after: list[tuple[int, Any]] = []
        self.buffers: list[Array] = []
        self.owned.append((library.primitive_destroy, self.primitive))
        arguments = (Argument * len(operands))()
        for i, operand in enumerate(operands):
            query, index, which = operand.kind
            chosen = library.primitive_desc_query_md(descriptor, query, index) if query else None
            own = chosen
            if operand is not WORKSPACE:
                own = library.descriptor(operand.shape, operand.strides)
                self.owned.append((library.memory_desc_destroy, own))
            self.sizes.append(library.memory_desc_get_size(own))
            memory = library.memory_create(own, library.engine, None)
            self.owned.append((library.memory_destroy, memory))
            self.memories.append(ctypes.c_void_p(memory))
            inside = memory
            if chosen is not None and not library.memory_desc_equal(own, chosen):
                inside = self._reordered(own, chosen, memory, operand.written)
            arguments[i] = Argument(which, inside)
        self.arguments, self.count = arguments, len(operands)

    def _reordered(self, own: int, chosen: int, memory: int, written: bool) -> int:
        library = self.library
        buffer = buffer_of(library.memory_desc_get_size(chosen))
        self.buffers.append(buffer)
        inside = library.memory_create(chosen, library.engine, buffer.ctypes.data)
        source, target = (chosen, own) if written else (own, chosen)
        move = library.reorder_primitive_desc_create(source, library.engine, target, library.engine, None)
        reorder = library.primitive_create(move)
        self.owned += [
            (library.memory_destroy, inside), (library.primitive_desc_destroy, move),
            (library.primitive_destroy, reorder),
        ]  # fmt: skip
        pair = (inside, memory) if written else (memory, inside)
        step = (reorder, (Argument * 2)(Argument(1, pair[0]), Argument(17, pair[1])))
        (self.after if written else self.before).append(step)
        return inside

    def __call__(self, *arrays: Array) -> None:
        """Run on arrays in the order of the operands."""
        library = self.library
        place = library.place
        with self.lock:
            for memory, array in zip(self.memories, arrays, strict=True):
                place(memory, address(array))
            if self.before or self.after:
                status = self._run_all()
            else:
                status = library.primitive_execute(self.primitive, library.stream, self.count, self.arguments)
        if status:
            raise RuntimeError(f"oneDNN: a primitive ended with status {status}")

    def _run_all(self) -> int:
        status, stream, execute = 0, self.library.stream, self.library.primitive_execute
        for step, pair in self.before:
            status |= execute(step, stream, 2, pair)
        status |= execute(self.primitive, stream, self.count, self.arguments)
        for step, pair in self.after:
            status |= execute(step, stream, 2, pair)
        return status

    def __del__(self) -> None:
        for destroy, handle in reversed(self.owned):
            destroy(handle)


class Cache:
    """The primitives that were used last, by what they were made for and the number of threads.

    An entry is looked up without a lock, which marks it; what is unmarked when its turn comes is forgotten.
    """

    def __init__(self, size: int = CACHED) -> None:
        self.size, self.lock = size, threading.Lock()
        self.made: dict[Hashable, list[Any]] = {}

    def get(self, library: Library, key: tuple[Any, ...], make: Callable[[], Primitive]) -> Primitive | None:
        """Return the primitive of a key, made on first use; None where oneDNN refuses."""
        full = (library.threads(), key)
        entry = self.made.get(full)
        if entry is not None:
            entry[0] = True
            return entry[1]  # type: ignore[no-any-return]
        with self.lock:
            if full in self.made:
                return self.made[full][1]  # type: ignore[no-any-return]
            try:
                primitive: Primitive | None = make()
            except Refused:
                primitive = None
            while len(self.made) >= self.size:
                self._forget()
            self.made[full] = [False, primitive]
            return primitive

    def _forget(self) -> None:
        oldest = next(iter(self.made))
        entry = self.made.pop(oldest)
        if entry[0]:
            entry[0] = False
            self.made[oldest] = entry
        # Whoever still calls what is forgotten holds it; what it owns goes with it.

    def primitives(self) -> list[Primitive]:
        """Return what is kept, without what oneDNN refused."""
        return [primitive for _, primitive in list(self.made.values()) if primitive is not None]

    def after_fork(self) -> None:
        """Open locks that other threads held when the process was forked."""
        self.lock = threading.Lock()
        for primitive in self.primitives():
            primitive.lock = threading.Lock()


CACHE = Cache()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CACHE.after_fork)


def address(array: Array) -> Any:
    """Return where an array begins, as ctypes takes it."""
    try:
        # A quarter of the time of asking for the address itself.
        return _HERE.from_buffer(array if array.flags.c_contiguous else array.T)
    except (TypeError, ValueError, BufferError):
        # Read-only, or with gaps.
        return ctypes.c_void_p(array.__array_interface__["data"][0])


def buffer_of(size: int) -> Array:
    """Return bytes that start where a cache line does."""
    found = np.empty(size + 64, np.uint8)
    start = -found.ctypes.data % 64
    return found[start : start + size]


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a C-contiguous array, in elements."""
    found, step = [], 1
    for n in reversed(shape):
        found.append(step)
        step *= max(n, 1)
    return tuple(reversed(found))


def dense(kind: tuple[int, int, int], shape: tuple[int, ...], written: bool = False) -> Operand:
    """Return an operand whose array lies in C order."""
    return Operand(kind, shape, strides_of(shape), written)


def is_channels_last(array: Array) -> bool:
    """Say whether an array (N, C, *spatial) lies in memory as (N, *spatial, C), which oneDNN computes with as it is."""
    if array.flags.c_contiguous or array.ndim < 3:
        return False
    return bool(array.transpose(0, *range(2, array.ndim), 1).flags.c_contiguous)


def empty(shape: tuple[int, ...], channels_last: bool) -> Array:
    """Return an array (N, C, *spatial) for a result, in C order or with its channels last in memory."""
    if not channels_last:
        return np.empty(shape, np.float32)
    axes = len(shape)
    return np.empty((shape[0], *shape[2:], shape[1]), np.float32).transpose(0, axes - 1, *range(1, axes - 1))


def laid_out(
    kind: tuple[int, int, int], shape: tuple[int, ...], channels_last: bool, written: bool = False
) -> Operand:
    """Return an operand (N, C, *spatial) in C order, or with its channels last in memory."""
    if not channels_last:
        return dense(kind, shape, written)
    batch, *spatial, channel = strides_of((shape[0], *shape[2:], shape[1]))
    return Operand(kind, shape, (batch, channel, *spatial), written)


def in_training(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel's `train` that keeps nothing; what it declines is the backend's own in both directions."""

    def train(*operands: Any, **statics: Any) -> Any:
        out = forward(*operands, **statics)
        return out if out is NotImplemented else (out, ())

    return train


def plain(array: Array) -> Array:
    """Return an array in C order."""
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)
