"""Values from host memory and back: MLX copies what comes in, and hands out its own memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlx.core as mx
import numpy as np


def from_host(data: Any, dtype: Any, dtypes: Mapping[str, Any]) -> Any:
    """Return an array of `dtype`, or of the one of `dtypes` that has the data's name."""
    if isinstance(data, mx.array):
        return data if dtype is None else data.astype(dtype)
    if dtype is not None:
        # Python's own numbers would lose digits on the way to 64 bits.
        return mx.array(np.asarray(data, dtype=_host_dtype(dtype)), dtype=dtype)
    host = np.asarray(data)
    return mx.array(host, dtype=dtypes.get(host.dtype.name))


def to_host(array: Any) -> np.ndarray:
    """Return an array over the same memory, where the CPU can read it."""
    if array.dtype == mx.bfloat16:
        return np.asarray(array.view(mx.uint16)).view(_host_dtype(array.dtype))
    return np.asarray(array)


def _host_dtype(dtype: Any) -> Any:
    name = str(dtype).rpartition(".")[2]
    if name == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return name
