"""Functions of the standard in place of array-api-compat's, that make the host wait, take too much or are inexact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def functions(cupy: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions by name."""

    def bound(value: Any, x: Any) -> Any:
        """Return a limit in the dtype of what it limits; a Python number stays one where that changes nothing."""
        if hasattr(value, "dtype"):
            return value.astype(x.dtype, copy=False)
        return np.asarray(value, x.dtype)[()] if x.dtype.kind in "iuf" else cupy.full((), value, x.dtype)

    def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
        if x.dtype.kind in "iu":
            # What no element goes beyond need not fit into the dtype.
            limits = np.iinfo(x.dtype)
            min = None if type(min) is int and min <= limits.min else min
            max = None if type(max) is int and max >= limits.max else max
        out = x if min is None else cupy.maximum(x, bound(min, x))
        out = out if max is None else cupy.minimum(out, bound(max, x))
        return out.copy() if out is x else out

    def imag(x: Any, /) -> Any:
        if x.dtype.kind != "c":
            raise TypeError("real numbers have no imaginary part")
        return cupy.imag(x)

    def is_real(x1: Any, x2: Any) -> bool:
        return "f" in (getattr(getattr(x, "dtype", None), "kind", "") for x in (x1, x2))

    # CuPy's own are floor(x1 / x2), and x1 without so many x2: 1.0 // 0.1 would be 10, and 1.0 % inf no number.
    def remainder(x1: Any, x2: Any, /) -> Any:
        if not is_real(x1, x2):
            return cupy.remainder(x1, x2)
        found = cupy.fmod(x1, x2)
        found = cupy.where((found != 0) & ((found < 0) != cupy.less(x2, 0)), found + x2, found)
        return cupy.where(found == 0, cupy.copysign(found, x2), found)

    def floor_divide(x1: Any, x2: Any, /) -> Any:
        if not is_real(x1, x2):
            return cupy.floor_divide(x1, x2)
        quotient = cupy.divide(x1, x2)
        whole = cupy.rint(cupy.divide(cupy.subtract(x1, remainder(x1, x2)), x2))
        whole = cupy.where(whole == 0, cupy.copysign(whole, quotient), whole)
        # Where an operand or the quotient is infinite, there is no remainder.
        return cupy.where(cupy.isfinite(quotient) & cupy.isfinite(whole), whole, cupy.floor(quotient))

    return {"clip": clip, "floor_divide": floor_divide, "imag": imag, "remainder": remainder}
