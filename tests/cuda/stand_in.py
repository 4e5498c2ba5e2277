"""The kernels of a card, run on the host: each instance compiled as C++ against `stand_in.h`, arrays NumPy's.

`HostCuda` has of CuPy what the backend's launcher asks of it, and `HostLauncher` runs the very texts that run on a
card; the whole of CuPy is stood in for by the folder `fake`.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from candelabra.backends.cupy.launch import Launcher
from instances import instances

HERE = Path(__file__).parent
HEADER = HERE / "stand_in.h"
COMPILER = shutil.which(os.environ.get("CXX", "g++"))
# How a generated kernel begins.
GLOBAL = 'extern "C" __global__'
FLAGS = ("-std=c++20", "-O1", "-shared", "-fPIC", "-w", "-ffp-contract=off")


# Shared memory is static there: kernels of several threads run one after the other.
_LAUNCH = threading.Lock()


class Deadlock(RuntimeError):
    """Some threads of a block wait at its barrier and some at their warp's."""


class Module:
    """What CuPy's `RawModule` does, with the C++ compiler."""

    def __init__(self, code: str, options: tuple[str, ...], name_expressions: tuple[str, ...]) -> None:
        self.code = code

    def get_function(self, name: str) -> Any:
        library, names = loaded(self.code)
        return launched(getattr(library, f"start_{names.index(name)}"), name)


def launched(start: Any, name: str) -> Any:
    """Return a kernel of a library as what CuPy calls."""

    def run(
        grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...], *, shared_mem: int = 0
    ) -> None:
        sizes = (ctypes.c_uint * 7)(*(*grid, 1, 1)[:3], *(*block, 1, 1)[:3], shared_mem)
        kept = [_held(argument) for argument in arguments]
        pointers = (ctypes.c_void_p * len(kept))(*(held.ctypes.data for held in kept))
        with _LAUNCH:
            stuck = start(sizes, pointers)
        if stuck:
            raise Deadlock(f"{name}: threads wait for each other at different barriers")

    return run


def together(texts: list[str], common: str) -> str:
    """Return generated texts that begin alike as one; the kernel ``fused`` of each is then ``t0::fused`` and so on."""
    parts = [common]
    for i, text in enumerate(texts):
        head, found, own = text.partition(common)
        assert found, "a text does not begin as all do"
        parts[0] = head + common if len(head) + len(common) > len(parts[0]) else parts[0]
        parts.append(f"namespace t{i} {{{own.replace(GLOBAL, '__global__')}}}")
    return "\n".join(parts)


def loaded_together(texts: list[str], common: str) -> list[Any]:
    """Return the kernels named ``fused`` of generated texts that begin alike, compiled as one."""
    starts = [
        f'extern "C" int start_{i}(const unsigned* sizes, void** arguments) '
        f"{{ return stand_in::start(&t{i}::fused, sizes, arguments); }}"
        for i in range(len(texts))
    ]
    text = "\n".join([f'#include "{HEADER}"', together(texts, common), *starts, ""])
    library = ctypes.CDLL(str(compiled(text)))
    return [launched(getattr(library, f"start_{i}"), "fused") for i in range(len(texts))]


@functools.cache
def loaded(code: str) -> tuple[ctypes.CDLL, list[str]]:
    """Return a library with all instances of the kernels of a text, and their names."""
    names = instances(code)
    starts = "\n".join(
        f'extern "C" int start_{i}(const unsigned* sizes, void** arguments) '
        f"{{ return stand_in::start(&{name}, sizes, arguments); }}"
        for i, name in enumerate(names)
    )
    return ctypes.CDLL(str(compiled(f'#include "{HEADER}"\n{code}\n{starts}\n'))), names


class Address(int):
    """Where the elements of an array lie that is not NumPy's."""


def _held(argument: Any) -> np.ndarray:
    """Return an array that holds an argument as the driver takes it: an array's address, or a scalar's bytes."""
    if isinstance(argument, Address):
        return np.asarray(argument, np.uint64)
    if isinstance(argument, np.ndarray) and argument.dtype.names:
        # A structure is an argument itself.
        return argument
    if isinstance(argument, np.ndarray):
        assert argument.flags.c_contiguous or argument.size <= 1, "a kernel is given an array that is not in C order"
        return np.asarray(argument.ctypes.data, np.uint64)
    assert isinstance(argument, np.generic), f"a kernel is given {argument!r}, whose type on the card is not said"
    return np.asarray(argument)


def compiled(text: str) -> Path:
    """Return the shared library of a C++ text, compiled once for all runs."""
    assert COMPILER is not None
    digest = hashlib.sha256((text + HEADER.read_text() + " ".join(FLAGS)).encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / f"candelabra-stand-in-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{digest}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            file = Path(scratch) / "kernel.cpp"
            file.write_text(text)
            made = Path(scratch) / "kernel.so"
            done = subprocess.run([COMPILER, *FLAGS, "-o", made, file], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            made.rename(library)
    return library


class HostCuda(ModuleType):
    """NumPy, with the part of CuPy that compiles kernels."""

    RawModule = Module

    def __init__(self) -> None:
        super().__init__("host_cuda")

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def sum(*arguments: Any, **options: Any) -> Any:
        # CuPy has no scalars.
        return np.asarray(np.sum(*arguments, **options))


@functools.cache
def fake_blas() -> ModuleType:
    """Return the stand-in of cuBLAS, which works on host memory."""
    spec = importlib.util.spec_from_file_location("fake_cublas", HERE / "fake/cupy_backends/cuda/libs/cublas.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class HostLauncher(Launcher):
    """The launcher, on NumPy's arrays; CuPy has no scalars, and what NumPy makes of 0-d arrays are some."""

    def contiguous(self, array: Any) -> Any:
        return super().contiguous(np.asarray(array))

    def card(self) -> int:
        return 0

    def capability(self) -> int:
        return 90

    def room(self) -> int:
        return 227 * 1024

    def blas(self) -> tuple[Any, int]:
        return fake_blas(), 0

    def blas_lt(self) -> Any:
        return None

    def stream_address(self) -> int:
        return 0

    def event(self) -> Any:
        return None

    def address(self, array: Any) -> int:
        return array.ctypes.data
