"""CuPy's module of pinned memory: a pool whose blocks serve again, and what is held until an event."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

# By size, what was let go; all that was ever made, by its first and last address.
_free: dict[int, list[np.ndarray]] = {}
_blocks: list[tuple[int, int]] = []


class PinnedMemoryPointer:
    """A place in pinned memory; its block goes back to the pool when nobody holds it."""

    def __init__(self, block: np.ndarray, size: int) -> None:
        self.block, self._size = block, size
        self.ptr = block.__array_interface__["data"][0]

    def size(self) -> int:
        return self._size

    def __del__(self) -> None:
        _free.setdefault(self.block.nbytes, []).append(self.block)


def alloc_pinned_memory(size: int) -> PinnedMemoryPointer:
    rounded = max(512, 1 << (max(size, 1) - 1).bit_length())
    free = _free.get(rounded)
    block = free.pop() if free else np.empty(rounded, np.uint8)
    first = block.__array_interface__["data"][0]
    if (first, first + rounded) not in _blocks:
        _blocks.append((first, first + rounded))
    return PinnedMemoryPointer(block, size)


# What programs have pinned where it lies.
registered: dict[int, int] = {}


def register(address: int, size: int) -> None:
    assert not is_memory_pinned(address), "memory is pinned twice"
    ctypes.string_at(address, size)
    registered[address] = size


def unregister(address: int) -> None:
    # It must still be mapped.
    ctypes.string_at(address, registered.pop(address))


def is_memory_pinned(address: int) -> bool:
    if any(first <= address < first + size for first, size in registered.items()):
        return True
    return any(first <= address < last for first, last in _blocks)


def empty(shape: Any, dtype: Any, order: str) -> np.ndarray:
    """Return an array over pinned memory, which holds its place."""
    dtype = np.dtype(dtype)
    place = alloc_pinned_memory(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
    # Before Python 3.12 a class cannot offer a buffer; what an array interface is read from is held, too.
    flat = np.asarray(_Interface(place))
    return np.ndarray(shape, dtype, buffer=flat, order=order)


class _Interface:
    def __init__(self, place: PinnedMemoryPointer) -> None:
        self.place = place
        self.__array_interface__ = {
            "shape": (place.block.nbytes,), "typestr": "|u1", "data": (place.ptr, False), "version": 3,
        }  # fmt: skip
