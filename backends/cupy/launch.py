"""Runs the kernels of the `.cu` files beside it on CuPy's arrays.

A kernel is a C++ template; an expression such as ``softmax_rows<float, true>`` names one instance. Each is compiled by
NVRTC when it is first wanted (CuPy keeps the result on disk), for the card that is current.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...core.determinism import are_deterministic_algorithms_enabled
from ...core.errors import IndexOutOfRangeError, MissingDependencyError

SYNC_ERRORS = "CANDELABRA_SYNC_ERRORS"
# How many operations have indices to check.
FAULTS = 32

FOLDER = Path(__file__).parent / "kernels"
OPTIONS = ("--std=c++17",)

# What C++ calls a dtype.
TYPES = {
    "bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned", "uint64": "unsigned long long",
    "float16": "__half", "bfloat16": "__nv_bfloat16", "float32": "float", "float64": "double",
}  # fmt: skip
FLOATS = ("float16", "bfloat16", "float32", "float64")

THREADS = 256
# What a block's shared memory is limited to where a kernel does not ask for more.
USUAL_ROOM = 48 * 1024
# Of a large card: a few blocks too many on a small one cost nothing.
MULTIPROCESSORS = 144

int64, float64 = np.int64, np.float64


_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


@cache
def source(file: str) -> str:
    """Return the text of a file of kernels, with what all of them share before it and what it includes in place."""

    def text(name: str) -> str:
        return _INCLUDE.sub(lambda found: text(found[1]), (FOLDER / name).read_text(encoding="utf-8"))

    return "\n".join(text(name) for name in ("common.cuh", f"{file}.cu"))


class Launcher:
    """Kernels on the arrays of CuPy, or of what stands in for it.

    Parameters
    ----------
    xp : module
        CuPy.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self._functions: dict[tuple[str, str], Any] = {}
        self.tells_at_once = os.environ.get(SYNC_ERRORS, "0") not in ("", "0")
        # By card: where bad indices are written down, each operation's own line, the streams on which kernels ran that
        # may have, and those that come after what made the place.
        self._faults: dict[int, Any] = {}
        self._fault_lines: dict[int, dict[str, Any]] = {}
        self._fault_streams: dict[int, set[int]] = {}
        self._fault_known: dict[int, tuple[set[int], Any]] = {}
        self._fault_lock = threading.Lock()
        self._capabilities: dict[int, int] = {}
        self._rooms: dict[int, int] = {}
        # Which kernels may take more than a launch usually may, by card, and how much.
        self._roomy: dict[tuple[str, str, int], int] = {}
        self._blas: tuple[Any, Any] | None = None

    @property
    def deterministic(self) -> bool:
        """Whether the same bits must come in every run."""
        return are_deterministic_algorithms_enabled()

    def function(self, file: str, expression: str) -> Any:
        """Return an instance of a kernel, a callable of ``(grid, block, arguments)``."""
        found = self._functions.get((file, expression))
        if found is None:
            module = self.xp.RawModule(code=source(file), options=OPTIONS, name_expressions=(expression,))
            found = self._functions[file, expression] = module.get_function(expression)
        return found

    def function_of_text(self, code: str, name: str) -> Any:
        """Return a kernel of a generated text, which names it ``extern "C"``; its sums and products stay apart."""
        found = self._functions.get((code, name))
        if found is None:
            # A card that contracts them would make of x * x - x * x what is not zero.
            module = self.xp.RawModule(code=code, options=(*OPTIONS, "--fmad=false"), name_expressions=None)
            found = self._functions[code, name] = module.get_function(name)
        return found

    def run(
        self, file: str, expression: str, blocks: int | tuple[int, ...], threads: int, *arguments: Any, room: int = 0
    ) -> None:
        """Run a kernel; nothing waits for it.

        Parameters
        ----------
        file, expression : str
            Which.
        blocks : int or tuple of int
            The grid; without blocks nothing is run.
        threads : int
            Threads of a block.
        *arguments : array or NumPy scalar
            Scalars of exactly the kernel's types.
        room : int
            Bytes of shared memory that each block gets beside what the kernel declares.
        """
        grid = blocks if isinstance(blocks, tuple) else (blocks,)
        if 0 not in grid:
            function = self.function(file, expression)
            if room > USUAL_ROOM:
                key = file, expression, self.card()
                if self._roomy.get(key, 0) < room:
                    function.max_dynamic_shared_size_bytes = room
                    self._roomy[key] = room
            # CuPy takes a moment for each keyword.
            function(grid, (threads,), arguments, shared_mem=room) if room else function(grid, (threads,), arguments)
            if self.tells_at_once:
                self.check()

    def run_each(self, file: str, expression: str, size: int, *arguments: Any) -> None:
        """Run a kernel whose threads take one element after the other, as many at once as the card likes."""
        self.run(file, expression, min(-(-size // THREADS), 16 * MULTIPROCESSORS), THREADS, *arguments)

    def fault(self, operation: str) -> Any:
        """Return where the kernels of an operation write down an index that is out of range."""
        card, stream = self.card(), self.stream_address()
        if card not in self._fault_known:
            with self._fault_lock:
                if card not in self._fault_known:
                    self._faults[card] = self.xp.zeros((FAULTS, 3), np.uint64)
                    self._fault_lines[card], self._fault_streams[card] = {}, set()
                    # Last, since other threads look for it.
                    self._fault_known[card] = {stream}, self.event()
        known, made = self._fault_known[card]
        if stream not in known:
            self.xp.cuda.get_current_stream().wait_event(made)
            known.add(stream)
        lines = self._fault_lines[card]
        if operation not in lines:
            with self._fault_lock:
                if operation not in lines:
                    lines[operation] = self._faults[card][len(lines)]
        self._fault_streams[card].add(stream)
        return lines[operation]

    def event(self) -> Any:
        """Return an event behind what the current stream was asked so far."""
        made = self.xp.cuda.Event(disable_timing=True)
        made.record()
        return made

    def check(self, everything: bool = False) -> None:
        """Raise what kernels of the current card have written down since the last time; it waits if they may have.

        Parameters
        ----------
        everything : bool
            Whether all of the card's streams were waited for, and not the current one alone.

        Raises
        ------
        IndexOutOfRangeError
            If an index was out of range. The operation went on with the nearest one that is not.
        """
        card = self.card()
        streams = self._fault_streams.get(card)
        if not streams:
            return
        if everything:
            streams.clear()
        else:
            streams.discard(self.stream_address())
        found = [[int(n) for n in line] for line in self._faults[card].tolist()]
        told = [
            f"{name}: index {index - 2**64 if index >> 63 else index} is out of range for size {size}"
            for name, (flag, index, size) in zip(self._fault_lines[card], found, strict=False)
            if flag
        ]
        if told:
            self._faults[card][:] = 0
            raise IndexOutOfRangeError(
                "; ".join(told) + f"; a card tells it only when it is waited for, {SYNC_ERRORS}=1 makes it tell at once"
            )

    def computed(self, array: Any) -> Any:
        """Return the dtype that kernels compute an array's elements in."""
        return computed_dtype(array.dtype)

    def contiguous(self, array: Any) -> Any:
        """Return an array in C order, itself if it is."""
        return array if array.flags.c_contiguous else self.xp.ascontiguousarray(array)

    def card(self) -> int:
        """Return the number of the current card."""
        return self.xp.cuda.runtime.getDevice()

    def capability(self) -> int:
        """Return the current card's compute capability, 90 for 9.0."""
        card = self.card()
        if card not in self._capabilities:
            self._capabilities[card] = int(self.xp.cuda.Device(card).compute_capability)
        return self._capabilities[card]

    def room(self) -> int:
        """Return how many bytes of shared memory a block of the current card may have."""
        card = self.card()
        if card not in self._rooms:
            self._rooms[card] = int(self.xp.cuda.runtime.getDeviceProperties(card)["sharedMemPerBlockOptin"])
        return self._rooms[card]

    def blas(self) -> tuple[Any, int]:
        """Return CuPy's cuBLAS, and this thread's handle of it on the current card; calls go to the current stream.

        Raises
        ------
        MissingDependencyError
            If the library is not there.
        """
        if self._blas is None:
            try:
                from cupy_backends.cuda.libs import cublas
            except ImportError as error:
                raise MissingDependencyError(
                    f"products on CUDA devices need cuBLAS, which cannot be loaded ({error}); "
                    "pip install 'candelabra[cuda]'"
                ) from error
            self._blas = cublas, self.xp.cuda.device.get_cublas_handle
        return self._blas[0], self._blas[1]()

    def blas_lt(self) -> Any:
        """Return cuBLASLt, None where it is not there; what loads cuBLAS has loaded it."""
        from .biased import load

        self.blas()
        return load(self.xp.cuda.runtime.runtimeGetVersion())

    def stream_address(self) -> int:
        """Return the current stream as CUDA's libraries take it."""
        return self.xp.cuda.get_current_stream().ptr

    def address(self, array: Any) -> int:
        """Return where an array's elements lie."""
        return array.data.ptr

    def copied(self, array: Any) -> Any:
        """Return a copy in C order."""
        return self.xp.array(array, order="C")

    def empty(self, shape: Sequence[int], dtype: Any) -> Any:
        """Return a new array."""
        return self.xp.empty(shape, dtype)

    def zeros(self, shape: Sequence[int], dtype: Any) -> Any:
        """Return a new array of zeros."""
        return self.xp.zeros(shape, dtype)

    def empty_like(self, array: Any) -> Any:
        """Return a new array in the memory order of another."""
        return self.xp.empty_like(array)


@cache
def name_of(dtype: Any) -> str:
    """Return a dtype's name, which NumPy takes longer to tell than it takes to ask for a kernel."""
    return dtype.name


@cache
def computed_dtype(dtype: Any) -> Any:
    """Return the dtype that kernels compute elements of a dtype in."""
    return dtype if dtype.name == "float64" else np.dtype(np.float32)


@cache
def type_of_dtype(dtype: Any) -> str | None:
    """Return what C++ calls a dtype, None for one that is no floating-point dtype that kernels take."""
    return TYPES[dtype.name] if dtype.name in FLOATS else None


def type_of(array: Any) -> str | None:
    """Return what C++ calls the dtype of an array, None where `type_of_dtype` does."""
    return type_of_dtype(array.dtype)


def rows_of(shape: Sequence[int], start: int, stop: int) -> tuple[int, int, int]:
    """Return how many rows of the axes from `start` to `stop` there are, how long and how far apart they are."""
    after = math.prod(shape[stop:])
    return math.prod(shape[:start]) * after, math.prod(shape[start:stop]), after


def rows_of_channels(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return samples, channels and the elements of a channel of (N, C, ...)."""
    return shape[0], shape[1], math.prod(shape[2:])


def nothing(array: Any) -> Any:
    """Return an array, or the null pointer for None."""
    return np.uint64(0) if array is None else array


def without_residuals(train: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel's forward, given its `train`: the outputs alone, or what declines."""

    def forward(*operands: Any, **statics: Any) -> Any:
        found = train(*operands, **statics)
        return found if found is NotImplemented else found[0]

    return forward


def threads_for(width: int, most: int = 512) -> int:
    """Return how many threads share a row: whole warps, none idle for most of its time."""
    return min(most, max(32, 1 << max(0, (width - 1).bit_length() - 1)))
