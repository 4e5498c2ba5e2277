"""A card's memory: CuPy's pool with its figures and limit, other allocators, and pinned memory of the host."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ...core.errors import ArgumentError, ArgumentTypeError, DeviceError

# cudaHostRegisterPortable
PORTABLE = 1
# What `set_allocator` takes by name.
NAMES = {
    "pool": "CuPy's pool, which keeps what is let go",
    "async": "CUDA's own pool (cudaMallocAsync)",
    "managed": "a pool of managed memory, which may exceed the card's",
    "direct": "the driver, each time",
}


class CardMemory:
    """The memory of all cards, as CuPy allocates it.

    Parameters
    ----------
    cupy : module
        CuPy.
    """

    def __init__(self, cupy: Any) -> None:
        self.cupy = cupy
        self.pool: Any = cupy.get_default_memory_pool()
        self.source = "pool"
        # By card, where somebody has asked: a function of Python's at each allocation takes its time.
        self.peaks: dict[int, int] = {}

    def figures(self, index: int) -> dict[str, int]:
        """Return what is known of a card's memory, in bytes; the card is the current one."""
        free, total = self.cupy.cuda.runtime.memGetInfo()
        found = {"allocated": 0, "reserved": 0, "free": free, "total": total}
        if self.pool is not None:
            found["allocated"], found["reserved"] = self.pool.used_bytes(), self.pool.total_bytes()
            # CUDA's own pool says "all there is" for no limit.
            if 0 < (limit := self.pool.get_limit()) < total:
                found["limit"] = limit
            if index in self.peaks:
                found["peak"] = self.peaks[index] = max(self.peaks[index], found["allocated"])
        return found

    def release(self) -> None:
        """Give the current card what is kept and not in use."""
        if self.pool is not None:
            self.pool.free_all_blocks()
        if self.pool is not self.cupy.get_default_memory_pool():
            self.cupy.get_default_memory_pool().free_all_blocks()

    def limit(self, size: int | None) -> None:
        """Let the pool take no more than this of the current card."""
        if self.pool is None:
            raise DeviceError(f"set_memory_limit: the allocator in use ({self.source}) knows no limit; only pools do")
        self.pool.set_limit(size=size or 0)

    def reset_peak(self, index: int) -> None:
        """Count the current card's peak from here on."""
        if self.pool is None:
            raise DeviceError(f"the allocator in use ({self.source}) does not tell what is allocated; only pools do")
        counting = bool(self.peaks)
        self.peaks[index] = self.pool.used_bytes()
        if not counting:
            self.cupy.cuda.set_allocator(self._counted(self.pool.malloc))

    def _counted(self, allocate: Callable[[int], Any]) -> Callable[[int], Any]:
        peaks, used, card = self.peaks, self.pool.used_bytes, self.cupy.cuda.runtime.getDevice

        def counted(size: int) -> Any:
            memory = allocate(size)
            now, index = used(), card()
            if now > peaks.get(index, now):
                peaks[index] = now
            return memory

        return counted

    def choose(self, allocator: Any) -> None:
        """Take memory from elsewhere from now on."""
        cuda = self.cupy.cuda
        if isinstance(allocator, str):
            if allocator not in NAMES:
                known = "; ".join(f"{name!r} ({what})" for name, what in NAMES.items())
                raise ArgumentError(f"set_allocator: {allocator!r} is none of CUDA's allocators: {known}")
            pool, source = self._pool(allocator), allocator
            allocate = None if pool is None else pool.malloc
        elif isinstance(allocator, tuple | list) and len(allocator) == 2 and all(map(callable, allocator)):
            pool, source = None, "two functions"
            allocate = cuda.PythonFunctionAllocator(*allocator).malloc
        elif callable(allocator):
            pool, source, allocate = None, "a function", allocator
        else:
            raise ArgumentTypeError(
                f"set_allocator: a name ({', '.join(map(repr, NAMES))}), two functions (allocate, free), or a function "
                f"of a size that returns CuPy's MemoryPointer is needed, got {allocator!r}"
            )
        self.pool, self.source, self.peaks = pool, source, {}
        cuda.set_allocator(allocate)

    def _pool(self, name: str) -> Any:
        cuda = self.cupy.cuda
        if name == "direct":
            return None
        if name == "async":
            return cuda.MemoryAsyncPool()
        return cuda.MemoryPool(cuda.malloc_managed) if name == "managed" else self.cupy.get_default_memory_pool()

    def empty_pinned(self, shape: Sequence[int], dtype: Any) -> Any:
        """Return a host array in pinned memory, out of CuPy's pool of it."""
        import cupyx

        return cupyx.empty_pinned(tuple(shape), dtype)

    def pin_in_place(self, address: int, size: int) -> Callable[[], object] | None:
        """Pin host memory where it lies, for all cards; None where the system does not allow it."""
        runtime = self.cupy.cuda.runtime
        try:
            runtime.hostRegister(address, size, PORTABLE)
        except runtime.CUDARuntimeError:
            # There is a bound of it. Copies then go through memory that is pinned already.
            return None
        return functools.partial(runtime.hostUnregister, address)

    def is_pinned(self, array: Any) -> bool:
        """Say whether a host array lies in pinned memory."""
        return bool(array.size) and bool(self.cupy.cuda.pinned_memory.is_memory_pinned(array.ctypes.data))


def wanted(error: BaseException) -> int:
    """Return the bytes that CuPy's error of too little memory names, 0 for another's."""
    size = getattr(error, "_size", 0)
    return size if isinstance(size, int) else 0
