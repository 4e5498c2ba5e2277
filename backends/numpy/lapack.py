"""LAPACK's subroutines in NumPy's own OpenBLAS: those that NumPy does not offer, or is slow to call.

Where NumPy is built with another library, or that one does not give what it should, `AVAILABLE` is False, and kernels
do without. Fortran's order of a matrix is C's order of its transpose: stacks hold transposes.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from . import memory

LETTERS: dict[np.dtype, str] = {np.dtype(kind): letter for kind, letter in zip("fdFD", "sdcz", strict=True)}

# What stands around LAPACK's name of a subroutine; 64 says that integers are long.
_SPELLINGS = (("scipy_", "_64_"), ("", "_64_"), ("scipy_", "_"), ("", "_"))

_NOTHING = ctypes.c_char * 0

_found: dict[tuple[str, str], Callable[..., None]] = {}


def _spelling() -> tuple[ctypes.CDLL, str, str] | None:
    library = memory._find_openblas()
    if library is None:
        return None
    for prefix, suffix in _SPELLINGS:
        if hasattr(library, f"{prefix}dgetrf{suffix}"):
            return library, prefix, suffix
    return None


_SPELLED = _spelling()
_LONG = _SPELLED is not None and "64" in _SPELLED[2]
_INTEGER: Any = ctypes.c_int64 if _LONG else ctypes.c_int32
INTEGER = np.dtype(np.int64 if _LONG else np.int32)


def subroutine(name: str, kind: np.dtype) -> Callable[..., None]:
    """Return a subroutine for a dtype. It takes addresses, and behind them the length 1 for each of its strings."""
    key = (name, LETTERS[kind])
    found = _found.get(key)
    if found is None:
        assert _SPELLED is not None
        library, prefix, suffix = _SPELLED
        found = getattr(library, f"{prefix}{key[1]}{name}{suffix}")
        found.restype = None  # type: ignore[attr-defined]
        _found[key] = found
    return found


def number(n: int) -> Any:
    """Return an integer as Fortran takes it."""
    return ctypes.byref(_INTEGER(n))


def pointer(x: Any) -> Any:
    """Return the place of an array as Fortran takes it."""
    try:
        # A quarter of the time of asking for the address itself.
        return _NOTHING.from_buffer(x)
    except (TypeError, ValueError, BufferError):
        # read-only, or with gaps
        return ctypes.c_void_p(x.__array_interface__["data"][0])


def _address(x: Any) -> int:
    try:
        return ctypes.addressof(_NOTHING.from_buffer(x))
    except (TypeError, ValueError, BufferError):
        return int(x.__array_interface__["data"][0])


def address_behind(place: Any, offset: int) -> Any:
    """Return an address some bytes behind another."""
    return ctypes.c_void_p(place.value + offset)


class Info:
    """What a subroutine says of its success: 0, or where it failed."""

    __slots__ = ("_value", "reference")

    def __init__(self) -> None:
        self._value = _INTEGER(0)
        self.reference = ctypes.byref(self._value)

    def __int__(self) -> int:
        return int(self._value.value)


def transposed(x: np.ndarray) -> np.ndarray:
    """Return a fresh stack (S, N, M) of the transposes of matrices (..., M, N): Fortran sees the matrices."""
    if x.ndim == 2:
        return np.array(x.T[None], order="C")
    return np.array(x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:]).swapaxes(-1, -2), order="C")


def matrices(work: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
    """Return the matrices (..., M, N) of a stack (S, N, M) of their transposes."""
    return work.reshape(*lead, *work.shape[1:]).swapaxes(-1, -2) if lead else work[0].T


def serves(*arrays: np.ndarray) -> bool:
    """Say whether arrays are of one dtype that LAPACK knows, and have elements."""
    kind = arrays[0].dtype
    return AVAILABLE and kind in LETTERS and all(a.dtype == kind and a.size for a in arrays)


def each(*stacks: np.ndarray) -> Iterable[Any]:
    """Return the addresses of each of the parts along the first axis of stacks of the same length."""
    place = ctypes.c_void_p
    if len(stacks[0]) == 1:
        return ([place(_address(s)) for s in stacks],)
    lines = [_line(_address(s), s.strides[0], len(s)) for s in stacks]
    return ([place(a) for a in found] for found in zip(*lines, strict=True))


def _line(start: int, step: int, count: int) -> Iterable[int]:
    # One matrix may stand for all.
    return range(start, start + step * count, step) if step else (start,) * count


def room(call: Callable[[Any, Any], None], kind: np.dtype) -> tuple[np.ndarray, Any]:
    """Ask a subroutine for how much room it wants, and return that and its size as Fortran takes it."""
    wanted = np.zeros(1, kind)
    call(pointer(wanted), number(-1))
    # Single precision rounds large sizes.
    size = max(1, int(wanted[0].real * (1 + 1e-6)) + 1)
    return np.empty(size, kind), number(size)


# What the kernels call, for all dtypes, for real ones and for complex ones.
_NEEDED = {
    "sdcz": "geev gelsy geqrf gesdd getrf getri getrs potrf sytrf sytrs trtrs", "sd": "orgqr syevd",
    "cz": "heevd hetrf hetrs ungqr",
}  # fmt: skip


def _works() -> bool:
    """Whether all subroutines are there, and a matrix is factored as it should be, for each dtype."""
    if _SPELLED is None:
        return False
    library, prefix, suffix = _SPELLED
    for letters, names in _NEEDED.items():
        if not all(hasattr(library, f"{prefix}{c}{name}{suffix}") for c in letters for name in names.split()):
            return False
    for kind in LETTERS:
        x, pivots, info = np.array([[1, 4], [2, 6]], kind), np.zeros(2, INTEGER), Info()
        subroutine("getrf", kind)(number(2), number(2), pointer(x), number(2), pointer(pivots), info.reference)
        if int(info) or pivots.tolist() != [2, 2] or not np.allclose(x, [[4, 0.25], [6, 0.5]]):
            return False
    return True


AVAILABLE = _works()
