"""Functions that numba compiles when they are first called, for one dtype at a time, and keeps on the disk.

A loop is a plain function of a module below `loops`, which imports numba: it is imported with the first call that a
kernel does not decline. Loops release the interpreter lock and know nothing of threads: large work is cut into blocks
of rows, which candelabra's own threads share. So there is no second pool of threads, nothing that a fork breaks, and
`set_num_threads` says how many work.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from candelabra.backends.numpy import parallel

Array = np.ndarray
NAMES = {"f": "float32", "d": "float64", "i": "int32", "l": "int64"}

# So many elements are worth a hand-over to another thread, which takes some tens of microseconds.
SHARED = 1 << 16

# So many bytes are more than one program's share of a last-level cache.
LARGE = 1 << 23

LOOPS: list[Loop] = []
_lock = threading.RLock()


class CacheWarning(UserWarning):
    """Compiled functions could not be read from the disk or written to it."""


def least(default: int) -> int:
    """Return from how many elements on a kernel serves: CANDELABRA_NUMBA_LEAST, or the kernel's own number."""
    return int(os.environ.get("CANDELABRA_NUMBA_LEAST", default))


class Loop(dict[str, Callable[..., Any]]):
    """A function of a module below `loops`, compiled for each dtype by its character: ``loop["f"]``.

    Parameters
    ----------
    module, name : str
        Where it is.
    dtypes : str
        The characters of the dtypes that there may be.
    """

    def __init__(self, module: str, name: str, dtypes: str = "fd") -> None:
        super().__init__()
        self.module, self.name, self.dtypes = module, name, dtypes
        LOOPS.append(self)

    def __missing__(self, dtype: str) -> Callable[..., Any]:
        with _lock:
            if dtype not in self:
                source = getattr(import_module(f".loops.{self.module}", __package__), self.name)
                self[dtype] = _compiled(source, dtype)
            return self[dtype]

    def __reduce__(self) -> Any:
        raise TypeError("a loop is not pickled")


def signature(text: str, **flags: Any) -> Callable[[Any], Any]:
    """Note the types of a loop's parameters beside it, ``T`` for the dtype, and options for numba."""

    def note(function: Any) -> Any:
        function.signature, function.flags = text, flags
        return function

    return note


def over_rows(function: Callable[..., Any], rows: int, size: int, *arguments: Any) -> None:
    """Call ``function(start, stop, *arguments)`` for all rows, on several threads where there are many elements.

    Parameters
    ----------
    function : callable
        A compiled loop.
    rows : int
        Number of rows.
    size : int
        Number of elements in them.
    """
    threads = parallel.get_num_threads()
    if size < SHARED or rows < 2 or threads < 2:
        function(0, rows, *arguments)
        return

    def work(spans: Iterator[tuple[int, int]]) -> None:
        for start, stop in spans:
            function(start, stop, *arguments)

    parallel.for_blocks(work, rows, block_of(rows, size), 1)


def block_of(rows: int, size: int) -> int:
    """Return how many rows are a block: some for each thread, since another process may take a core away."""
    return max(1, -(-rows // max(2 * parallel.get_num_threads(), min(size // SHARED, 8 * parallel.get_num_threads()))))


def served(x: Array, fewest: int) -> bool:
    """Whether an array is one for loops as it is: so many numbers of float32 or float64, in C order, and writable."""
    return x.size >= fewest and x.dtype.char in "fd" and x.flags.carray


def past_caches(result: Array) -> bool:
    """Whether a result is so large that the caches would not hold it: it is stored past them."""
    return result.nbytes >= LARGE


def plain(array: Array) -> Array:
    """Return an array in C order that a loop may be given, which reads none that is only for reading."""
    return array if array.flags.carray else np.array(array, order="C")


def in_training(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel's `train` that keeps nothing; what it declines is the backend's own in both directions."""

    def train(*operands: Any, **statics: Any) -> Any:
        out = forward(*operands, **statics)
        return out if out is NotImplemented else (out, ())

    return train


def _compiled(source: Any, dtype: str) -> Callable[..., Any]:
    import numba
    from numba.core.errors import NumbaError

    types = re.sub(r"\bT\b", NAMES[dtype], source.signature)
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}, **source.flags}

    def compile_with(cached: bool) -> Any:
        dispatcher = numba.njit(cache=cached, **options)(source)
        dispatcher.compile(types)
        dispatcher.disable_compile()
        return dispatcher

    for attempt in range(2):
        folder = _folder(dtype)
        if folder is None:
            break
        try:
            with _cache_in(folder):
                return compile_with(True)
        except NumbaError:
            raise
        except Exception as error:
            # What lies there may be damaged: it is thrown away, once.
            if attempt:
                _give_up(folder, error)
            else:
                _remove(folder)
    return compile_with(False)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


_unusable: list[str] = []


def _give_up(folder: Path, error: Exception) -> None:
    _unusable.append(str(folder))
    warnings.warn(
        f"candelabra-numba compiles anew in every process, since its folder {folder} cannot be used: "
        f"{type(error).__name__}: {error}. Name another one by NUMBA_CACHE_DIR.",
        CacheWarning,
        stacklevel=2,
    )


def cache_folder() -> Path:
    """Return where compiled functions lie: NUMBA_CACHE_DIR, or the user's folder for such things."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given) / "candelabra-numba"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "candelabra-numba"


def _folder(dtype: str) -> Path | None:
    """Return the folder of a dtype, which holds what these versions compiled for this processor; None for none."""
    if _unusable:
        return None
    return cache_folder() / _key() / dtype


_keys: list[str] = []


def _key() -> str:
    if not _keys:
        import hashlib

        import llvmlite
        import llvmlite.binding as llvm
        import numba

        found = hashlib.sha256()
        facts = [numba.__version__, llvmlite.__version__, np.__version__, str(sys.implementation.cache_tag)]
        facts += [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
        found.update("\n".join(facts).encode())
        # numba looks at the file of a function, not at those of the functions that it calls.
        for path in sorted(Path(__file__).parent.joinpath("loops").glob("*.py")):
            found.update(path.read_bytes())
        _keys.append(found.hexdigest()[:16])
    return _keys[0]


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Let numba keep what it compiles in a folder; each dtype has its own, since two processes may write at once."""
    from numba import config

    before = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
    config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(folder), "UserProvidedCacheLocator"
    try:
        yield
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = before


if hasattr(os, "register_at_fork"):
    # A child of a thread that does not compile would wait for ever for one that does.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
