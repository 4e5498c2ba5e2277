"""DLPack as NumPy has it, and what it has not: bfloat16, and arrays whose order runs backwards.

A capsule of bfloat16 is one of uint16 that says otherwise; its type stands at a fixed place of the structure that the
DLPack specification lays out (dlpack.h, versions 0.8 and 1.0).
"""

from __future__ import annotations

import ctypes
from typing import Any

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
# DLDataTypeCode, and where the code stands: behind the data's address, the device and the number of axes.
_UNSIGNED, _BFLOAT = 1, 4
_PLACES = {b"dltensor": 20, b"dltensor_versioned": 52}


def capsule_of(array: np.ndarray, asked: dict[str, Any]) -> Any:
    """Return a capsule of an array, as `asked` for by the arguments of ``__dlpack__``."""
    if any(step < 0 for step in array.strides):
        # Consumers take negative strides for a fault of memory.
        if asked.get("copy") is False:
            raise BufferError("an array in reversed order can only be copied, but copy=False")
        array = np.ascontiguousarray(array)
    if array.dtype != BFLOAT16:
        return array.__dlpack__(**asked)
    capsule = array.view(np.uint16).__dlpack__(**asked)
    _code(capsule).value = _BFLOAT
    return capsule


def array_of(x: Any) -> np.ndarray:
    """Return an array over the memory of an object with ``__dlpack__``."""
    try:
        return np.from_dlpack(x)
    except (BufferError, RuntimeError):
        capsule = x.__dlpack__()
        code = _code(capsule)
        # The next byte says how many bits there are.
        if code.value != _BFLOAT or ctypes.c_uint8.from_address(ctypes.addressof(code) + 1).value != 16:
            raise
        code.value = _UNSIGNED
        return np.from_dlpack(_Held(capsule, x.__dlpack_device__())).view(BFLOAT16)


class _Held:
    """A capsule that is there already."""

    def __init__(self, capsule: Any, device: tuple[int, int]) -> None:
        self.capsule, self.device = capsule, device

    def __dlpack__(self, **asked: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


def _code(capsule: Any) -> ctypes.c_uint8:
    """Return the byte of a capsule that says what kind of numbers it holds."""
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name = name_of(capsule)
    if name not in _PLACES:
        raise BufferError(f"a capsule of DLPack is needed, not one of {name!r}")
    return ctypes.c_uint8.from_address(pointer_of(capsule, name) + _PLACES[name])
