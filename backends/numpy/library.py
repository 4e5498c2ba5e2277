"""The NumPy backend: the namespace, the dtypes, and small kernels where NumPy's own function is slow or differs.

The files beside this one hold the larger kernels, one family each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from ...core.backend import Backend, Kernel
from . import (
    activation,
    attention,
    convolution,
    elementwise,
    loss,
    memory,
    normalization,
    optimizer,
    pooling,
    random,
    recurrent,
    scatter,
    softmax,
)

_FAMILIES = (
    elementwise, activation, attention, convolution, loss, normalization, optimizer, pooling, random, recurrent, scatter,
    softmax,
)  # fmt: skip


class NumpyBackend(Backend):
    """NumPy, always holding `numpy.ndarray` and never a NumPy scalar."""

    name = "numpy"
    device_types = ("cpu",)
    # Views of an ndarray hold their owner in `base`, so that a reference count of one means sole ownership.
    mutable = True
    array_type = np.ndarray
    # No BLAS and no SIMD for these, and mixed with Python numbers they become float32.
    narrow_dtypes = frozenset(("float16", "bfloat16"))

    def __init__(self) -> None:
        super().__init__(np)
        kernels: dict[str, Callable[..., Any] | Kernel] = {}
        for family in _FAMILIES:
            kernels.update(family.KERNELS)
        self.kernels: Mapping[str, Callable[..., Any] | Kernel] = kernels
        self.donating = elementwise.DONATING

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        names = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
                 "float64", "complex64", "complex128")  # fmt: skip
        return {name: np.dtype(name) for name in names} | {"bfloat16": np.dtype(ml_dtypes.bfloat16)}

    def asarray(self, data: Any, dtype: Any = None, index: int = 0) -> np.ndarray:
        return np.asarray(data, dtype=dtype)

    def copy(self, array: np.ndarray) -> np.ndarray:
        return array.copy()

    def normalize(self, value: Any, index: int = 0) -> np.ndarray:
        return np.asarray(value)

    def to_host(self, array: np.ndarray) -> np.ndarray:
        return array

    def from_dlpack(self, array: Any, index: int = 0) -> np.ndarray:
        return np.from_dlpack(array)

    def is_view_of_live_owner(self, array: np.ndarray) -> bool:
        import sys

        base = array.base
        # This name, the view's own reference and the call's argument are three.
        return isinstance(base, np.ndarray) and sys.getrefcount(base) > 3

    def set_num_threads(self, n: int) -> None:
        memory.set_num_threads(n)

    def get_num_threads(self) -> int:
        return memory.get_num_threads() or 1

    def describe(self) -> dict[str, str]:
        return {"version": np.__version__, **memory.policy()}
