"""Rows of single elements whose bodies take many steps, by CuPy's own functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..launch import Launcher

_COMPLEX = {"float64": np.complex128, "float32": np.complex64, "float16": np.complex64, "bfloat16": np.complex64}


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""
    xp = gpu.xp

    def complex_(real: Any, imag: Any, /) -> Any:
        if not hasattr(real, "dtype") or not hasattr(imag, "dtype") or real.dtype != imag.dtype:
            return NotImplemented
        to = _COMPLEX.get(real.dtype.name)
        if to is None:
            return NotImplemented
        out = gpu.empty(np.broadcast_shapes(real.shape, imag.shape), to)
        out.real, out.imag = real, imag
        return out

    def gcd(x1: Any, x2: Any, /) -> Any:
        return xp.gcd(x1, x2)

    def bitwise_count(x: Any, /) -> Any:
        return xp.bitwise_count(x).astype(x.dtype)

    return {"bitwise_count": bitwise_count, "complex": complex_, "gcd": gcd}
