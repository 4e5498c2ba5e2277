"""A function of NumPy's own BLAS that NumPy does not offer: ``y = a x + b y`` in one pass.

With ufuncs it takes three passes and a scratch array. OpenBLAS runs it on the caller's thread alone, so that it suits
callers who have threads of their own. Where NumPy is built with another library, or the function does not give what it
should, `axpby` is None and callers do without.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory

_LETTERS: dict[np.dtype, str] = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}

_NOTHING = ctypes.c_char * 0

# Below this many elements finding the addresses costs more than a second pass.
LEAST = 1 << 13


def _functions() -> dict[np.dtype, Callable[..., None]] | None:
    """Return the function by dtype, or None."""
    library = memory._find_openblas()
    if library is None:
        return None
    found: dict[np.dtype, Callable[..., None]] = {}
    for dtype, letter in _LETTERS.items():
        for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "_64"), ("", "")):
            function = getattr(library, f"{prefix}cblas_{letter}axpby{suffix}", None)
            if function is not None:
                break
        else:
            return None
        scalar = ctypes.c_float if letter == "s" else ctypes.c_double
        size = ctypes.c_int64 if "64" in suffix else ctypes.c_int
        # n, a, x, its step, b, y, its step
        function.argtypes = [size, scalar, ctypes.c_void_p, size, scalar, ctypes.c_void_p, size]
        function.restype = None
        found[dtype] = function
    return found


def _address(x: Any) -> Any:
    try:
        # A quarter of the time of asking for the address itself.
        return _NOTHING.from_buffer(x)
    except (TypeError, ValueError, BufferError):
        # read-only
        return x.__array_interface__["data"][0]


def _make_axpby() -> Callable[[float, np.ndarray, float, np.ndarray], None] | None:
    functions = _functions()
    if functions is None:
        return None

    def axpby(a: float, x: np.ndarray, b: float, y: np.ndarray) -> None:
        """Write ``a x + b y`` into `y`, two arrays of one size that are `for_blas`."""
        functions[y.dtype](y.size, a, _address(x), 1, b, _address(y), 1)

    return axpby if _works(lambda x, y: axpby(0.5, x, 2.0, y), [6.5, 9.0, 11.5]) else None


def _works(call: Callable[[np.ndarray, np.ndarray], Any], wanted: list[float]) -> bool:
    for dtype in _LETTERS:
        x, y = np.array([1.0, 2.0, 3.0, 9.0], dtype), np.array([3.0, 4.0, 5.0, 9.0], dtype)
        call(x[:3], y[:3])
        if y.tolist() != [*wanted, 9.0]:
            return False
    return True


axpby = _make_axpby()


def for_blas(x: np.ndarray, y: np.ndarray) -> bool:
    """Say whether two arrays of one size are of one dtype that BLAS knows, in C order and without gaps."""
    dtype = y.dtype
    return dtype in _LETTERS and x.dtype == dtype and x.flags.c_contiguous and y.flags.c_contiguous
