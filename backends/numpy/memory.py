"""The memory and BLAS policy of the CPU: what the process is told before and while NumPy works.

NumPy itself is never imported here at module level, because `blas_environment` must act before NumPy's first import.

Three things are tuned, each measured and each with an off switch:

- glibc gives every large block back to the kernel when it is freed, so that each fresh result pays for its page faults
  again. `tune_allocator` raises the two thresholds that decide this: a fresh 4 MB result then costs a sixth. The price
  is that a process keeps up to `TRIM_THRESHOLD` bytes of freed memory. Off with ``CANDELABRA_MALLOC=0``.
- OpenBLAS takes its AVX2 kernels on AMD CPUs that have AVX-512. `blas_environment` asks for the AVX-512 kernels while
  NumPy is imported: a float32 matrix product then takes about half the time. Off with
  ``CANDELABRA_BLAS_CORETYPE=0``, and whenever ``OPENBLAS_CORETYPE`` is set already.
- OpenBLAS's workers spin for 25 ms after a product and keep every other thread off their cores. `blas_environment` asks
  for a tenth of a millisecond: elementwise kernels on threads that follow a product run twice as fast, and nothing was
  seen to run slower. Off with ``CANDELABRA_BLAS_TIMEOUT=0``, and whenever ``OPENBLAS_THREAD_TIMEOUT`` is set already.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MMAP_THRESHOLD = 1 << 30
TRIM_THRESHOLD = (1 << 31) - 1

# OpenBLAS's workers spin for two to the power of this many clock ticks; 26 unless told.
THREAD_TIMEOUT = "18"

# glibc before 2.35 refuses an mmap threshold above half the size of a heap.
_OLD_MMAP_THRESHOLD = 32 << 20

# Parameter numbers of <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_allocator = "untouched"
_coretype = "untouched"
_timeout = "untouched"
_openblas: ctypes.CDLL | None = None
_openblas_searched = False
_functions: dict[str, Any] = {}
_singles = 0
_singles_lock = threading.Lock()
_threads_outside: int | None = None


def tune_allocator() -> bool:
    """Raise glibc's mmap and trim thresholds, so that large blocks are reused instead of returned to the kernel.

    Acts on glibc only, never raises, and may be called again without harm. ``CANDELABRA_MALLOC=0`` switches it off;
    thresholds set by the user through ``MALLOC_MMAP_THRESHOLD_`` or ``MALLOC_TRIM_THRESHOLD_`` are respected.

    Returns
    -------
    bool
        Whether the thresholds are in force.
    """
    global _allocator
    if _allocator.startswith("tuned"):
        return True
    if os.environ.get("CANDELABRA_MALLOC") == "0":
        _allocator = "untouched: CANDELABRA_MALLOC=0"
        return False
    if {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys():
        _allocator = "untouched: the environment sets glibc's thresholds"
        return False
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        _allocator = "untouched: not glibc"
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
        mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
        threshold = next((n for n in (MMAP_THRESHOLD, _OLD_MMAP_THRESHOLD) if mallopt(_M_MMAP_THRESHOLD, n)), 0)
        trimmed = bool(mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD))
    except (OSError, AttributeError, ValueError) as error:
        _allocator = f"untouched: {error}"
        return False
    if not (threshold and trimmed):
        _allocator = "untouched: mallopt refused"
        return False
    _allocator = f"tuned: blocks up to {threshold >> 20} MiB are reused"
    return True


@contextlib.contextmanager
def blas_environment() -> Iterator[None]:
    """Choose OpenBLAS's kernels and how long its workers spin, while the body imports NumPy for the first time.

    ``OPENBLAS_CORETYPE=SkylakeX``, on an AMD CPU with AVX-512 (Linux, x86-64), and ``OPENBLAS_THREAD_TIMEOUT`` are set
    during the body and removed afterwards. Nothing happens when NumPy is loaded already; a variable that the user has
    set stays as it is, and ``CANDELABRA_BLAS_CORETYPE=0`` and ``CANDELABRA_BLAS_TIMEOUT=0`` switch them off.

    Examples
    --------
    >>> from candelabra.backends.numpy import memory
    >>> with memory.blas_environment():
    ...     import numpy
    """
    global _coretype, _timeout
    if "numpy" in sys.modules:
        if _coretype == "untouched":
            _coretype = _timeout = "untouched: NumPy was imported before"
        yield
        return
    chosen: list[str] = []
    if os.environ.get("CANDELABRA_BLAS_CORETYPE") == "0":
        _coretype = "untouched: CANDELABRA_BLAS_CORETYPE=0"
    elif "OPENBLAS_CORETYPE" in os.environ:
        _coretype = f"OPENBLAS_CORETYPE={os.environ['OPENBLAS_CORETYPE']} as set by the user"
    elif not _amd_with_avx512():
        _coretype = "untouched: OpenBLAS's own choice fits this CPU"
    else:
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
        chosen.append("OPENBLAS_CORETYPE")
        _coretype = "SkylakeX, since this AMD CPU has AVX-512"
    if os.environ.get("CANDELABRA_BLAS_TIMEOUT") == "0":
        _timeout = "untouched: CANDELABRA_BLAS_TIMEOUT=0"
    elif "OPENBLAS_THREAD_TIMEOUT" in os.environ:
        _timeout = f"OPENBLAS_THREAD_TIMEOUT={os.environ['OPENBLAS_THREAD_TIMEOUT']} as set by the user"
    else:
        os.environ["OPENBLAS_THREAD_TIMEOUT"] = THREAD_TIMEOUT
        chosen.append("OPENBLAS_THREAD_TIMEOUT")
        _timeout = f"2**{THREAD_TIMEOUT} clock ticks"
    try:
        yield
    finally:
        for name in chosen:
            os.environ.pop(name, None)


def _amd_with_avx512() -> bool:
    if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        # The kernel composes /proc/cpuinfo as it is read: the first processor's few kilobytes are enough.
        with open("/proc/cpuinfo", "rb") as file:
            first = file.read(8192).split(b"\n\n", 1)[0]
    except OSError:
        return False
    fields = dict(line.split(b":", 1) for line in first.splitlines() if b":" in line)
    fields = {key.strip(): value for key, value in fields.items()}
    # What OpenBLAS's SkylakeX kernels were compiled for.
    needed = {b"avx512f", b"avx512cd", b"avx512bw", b"avx512dq", b"avx512vl"}
    return b"AuthenticAMD" in fields.get(b"vendor_id", b"") and needed <= set(fields.get(b"flags", b"").split())


def policy() -> dict[str, str]:
    """Say what is in force.

    Returns
    -------
    dict of str to str
        ``allocator``, ``blas kernels`` (what was asked for), ``blas core`` (what OpenBLAS itself reports),
        ``blas spinning`` and ``threads``.
    """
    threads = get_num_threads()
    core = _function("get_corename", ctypes.c_char_p)
    name = core().decode() if core is not None else "unknown: no OpenBLAS found in this process"
    pool = _parallel()
    elementwise = f", {pool.get_num_threads()} for large elementwise kernels" if pool is not None else ""
    return {
        "allocator": _allocator,
        "blas kernels": _coretype,
        "blas core": name,
        "blas spinning": _timeout,
        "threads": f"{'an unknown number' if threads is None else threads} for BLAS{elementwise}",
    }


def get_num_threads() -> int | None:
    """Number of threads of NumPy's BLAS pool, or None where that pool is not an OpenBLAS that can be asked."""
    function = _function("get_num_threads", ctypes.c_int)
    return None if function is None else int(function())


def set_num_threads(n: int) -> bool:
    """Set the number of threads of NumPy's BLAS pool, and of large elementwise kernels.

    Parameters
    ----------
    n : int
        At least 1.

    Returns
    -------
    bool
        False where NumPy's BLAS is not an OpenBLAS that can be told; only the kernels' number changes then.
    """
    global _threads_outside
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"set_num_threads takes an int, got {type(n).__name__}")
    if n < 1:
        raise ValueError(f"set_num_threads takes at least 1 thread, got {n}")
    pool = _parallel()
    if pool is not None:
        pool.set_num_threads(n)
    with _singles_lock:
        if _singles == 0:
            return _set_blas_threads(n)
        _threads_outside = n
        return _find_openblas() is not None


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep each BLAS call on the thread that makes it, for kernels that run blocks on threads of their own.

    The number of threads belongs to the whole process: the last one out, of all threads inside, restores it.
    """
    global _singles, _threads_outside
    with _singles_lock:
        if _singles == 0:
            _threads_outside = get_num_threads()
            if _threads_outside is not None and _threads_outside > 1:
                _set_blas_threads(1)
        _singles += 1
    try:
        yield
    finally:
        with _singles_lock:
            _singles -= 1
            if _singles == 0 and _threads_outside is not None and _threads_outside > 1:
                _set_blas_threads(_threads_outside)


def _after_fork() -> None:
    # A lock that another thread held stays locked in the child.
    global _singles_lock
    _singles_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _set_blas_threads(n: int) -> bool:
    function = _function("set_num_threads", None, ctypes.c_int)
    if function is None:
        return False
    function(n)
    return True


def _parallel() -> Any:
    """The threads of the large kernels; None where this file was loaded by itself."""
    if not __package__:
        return None
    from . import parallel

    return parallel


def _function(name: str, restype: Any, *argtypes: Any) -> Any:
    """The OpenBLAS function `name`, whatever prefix and suffix this build gives its symbols; None without OpenBLAS."""
    if name in _functions:
        return _functions[name]
    library = _find_openblas()
    if library is None:
        return None
    for prefix in ("scipy_openblas_", "openblas_"):
        for suffix in ("64_", "_64", ""):
            function = getattr(library, f"{prefix}{name}{suffix}", None)
            if function is not None:
                function.argtypes, function.restype = argtypes, restype
                _functions[name] = function
                return function
    return None


def _find_openblas() -> ctypes.CDLL | None:
    """NumPy's OpenBLAS, if NumPy is loaded: searched once, since a loaded library stays."""
    global _openblas, _openblas_searched
    if _openblas_searched or "numpy" not in sys.modules:
        return _openblas
    _openblas_searched = True
    for path in _openblas_paths():
        try:
            _openblas = ctypes.CDLL(path)
        except OSError:
            continue
        break
    return _openblas


def _openblas_paths() -> list[str]:
    # A process may hold several (SciPy brings its own): NumPy's comes first.
    found: list[str] = []
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            mapped = {line.split(None, 5)[5].rstrip("\n") for line in file if "openblas" in line.lower()}
        found = sorted(mapped, key=lambda path: ("numpy.libs" not in path, path))
    except OSError:
        package = Path(sys.modules["numpy"].__file__ or "").parent
        for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
            found += sorted(str(path) for path in folder.glob("*openblas*"))
    return found
