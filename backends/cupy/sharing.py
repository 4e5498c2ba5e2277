"""Who else holds an array's memory, and writing into what nobody else does.

CuPy's views hold the array that they were taken from in ``base``, and a DLPack capsule holds its array, so that a
reference count tells; memory of other libraries tells nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import DTypeError
from .launch import Launcher

# What CuPy calls memory that it gives back itself when nobody holds it.
OWN_MEMORY = frozenset((
    "Memory", "PooledMemory", "MemoryAsync", "ManagedMemory", "CFunctionAllocatorMemory",
    "PythonFunctionAllocatorMemory",
))  # fmt: skip


def borrowed(array: Any) -> Any:
    """Return an array that came from elsewhere; memory that CuPy does not own is held as a view, and never written."""
    if array.base is not None or type(array.data.mem).__name__ in OWN_MEMORY:
        return array
    return array.view()


def is_view_of_live_owner(cupy: Any, array: Any) -> bool:
    """Say whether an array is a view of one that somebody holds."""
    base = array.base
    # This name, the view's own reference and the call's argument are three.
    return isinstance(base, cupy.ndarray) and sys.getrefcount(base) > 3


def donating(cupy: Any, gpu: Launcher) -> dict[str, Callable[..., Any]]:
    """Return the functions that write a result into their first operand, by row."""

    def in_place(name: str) -> Callable[[Any, Any], Any]:
        function = getattr(cupy, name)

        def write(x: Any, y: Any) -> Any:
            with x.device:
                if x.dtype.itemsize == 2 and x.dtype.kind in "fV" and not hasattr(y, "dtype"):
                    # Beside 16-bit floats a Python number is a wider one to some of CuPy's functions.
                    x[...] = function(x.astype(np.float32), y)
                    return x
                return function(x, y, out=x)

        return write

    def setitem(x: Any, value: Any, key: Any, indices: list[Any]) -> Any:
        from .kernels.indexing import set_in

        with x.device:
            if indices and not hasattr(value, "dtype"):
                value = cupy.full((), value, x.dtype)
            if x.flags.c_contiguous and set_in(gpu, x, value, indices, key) is not NotImplemented:
                return x
            changed = cupy.array(x, order="C")
            if set_in(gpu, changed, value, indices, key) is NotImplemented:
                raise DTypeError(f"x[key] = value: a card has no kernel for this key, dtype {x.dtype} or size")
            x[...] = changed
            return x

    return {"setitem": setitem} | {name: in_place(name) for name in ("add", "subtract", "multiply", "divide")}
