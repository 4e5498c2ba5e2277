"""Functions of the standard in place of array-api-compat's, which make the host wait for the card or take too much."""

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

    return {"clip": clip, "imag": imag}
