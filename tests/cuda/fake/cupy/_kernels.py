"""Kernels of the stand-in: a `RawModule` is compiled as C++, and its threads are fibres on the host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ._array import ndarray, reach
from .cuda import counts, runtime

# The compiler's part lies two folders up.
sys.path.append(str(Path(__file__).parents[2]))

# Of compute capability 8.0 and later.
GRID, THREADS = (2**31 - 1, 65535, 65535), 1024


class RawModule:
    """CuPy's `RawModule`; arguments are arrays of the stand-in and scalars of NumPy's."""

    def __init__(
        self, *, code: str, options: tuple[str, ...] = (), backend: str = "nvrtc", translate_cucomplex: bool = False,
        enable_cooperative_groups: bool = False, name_expressions: Any = None, jitify: bool = False,
    ) -> None:  # fmt: skip
        import stand_in

        self.code, self.module = code, stand_in.Module(code, options, tuple(name_expressions or ()))

    def get_function(self, name: str) -> Any:
        return Function(name, self.module.get_function(name), self.code)


class Function:
    """A kernel of a module."""

    def __init__(self, name: str, run: Any, code: str) -> None:
        self.name, self.run, self.code = name, run, code
        self._rooms: dict[int, int] = {}

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        """The current card's, which has its own copy of the kernel."""
        return self._rooms.get(runtime.getDevice(), 49152)

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size: int) -> None:
        card = runtime.getDevice()
        if size > runtime.getDeviceProperties(card)["sharedMemPerBlockOptin"]:
            raise RuntimeError(f"CUDA_ERROR_INVALID_VALUE: {self.name}: {size} bytes of shared memory")
        self._rooms[card] = size

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], *, shared_mem: int = 0,
        stream: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        threads = 1
        for n in block:
            threads *= n
        fit = all(0 < n <= most for n, most in zip(grid, GRID, strict=False)) and 0 < threads <= THREADS
        if not fit or shared_mem > self.max_dynamic_shared_size_bytes:
            raise RuntimeError(f"CUDA_ERROR_INVALID_VALUE: {self.name}: grid {grid}, block {block}, {shared_mem} bytes")
        counts["launches"] += 1
        for array in args:
            if isinstance(array, ndarray):
                reach(array)
        import signatures
        import stand_in

        signatures.check(self.code, self.name, args, ndarray)

        given = tuple(stand_in.Address(a.data.ptr) if isinstance(a, ndarray) else a for a in args)
        self.run(grid, block, given, **({"shared_mem": shared_mem} if shared_mem else {}))


class RawKernel(Function):
    """CuPy's `RawKernel` of one function."""

    def __init__(self, code: str, name: str, options: tuple[str, ...] = (), **_: Any) -> None:
        made = RawModule(code=code, options=options, name_expressions=(name,)).get_function(name)
        super().__init__(name, made.run, code)
