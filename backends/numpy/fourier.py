"""Discrete Fourier transforms, by the pocketfft that NumPy holds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray


# Below this many elements another pass costs more than the detour that it saves.
_SMALL = 512


def _norm(x: Array, size: int, scale: float, inverse: bool) -> tuple[Any, float]:
    """NumPy's normalization for a factor, and what is left to multiply by."""
    plain, divided = ("forward", "backward") if inverse else ("backward", "forward")
    if math.isclose(scale * size, 1.0, rel_tol=1e-15):
        return divided, 1.0
    if math.isclose(scale * scale * size, 1.0, rel_tol=1e-15):
        return "ortho", 1.0
    if x.dtype.itemsize <= (8 if x.dtype.kind == "c" else 4) and x.size > _SMALL:
        # Without a division NumPy's factor is an int, and with that it computes single precision in double: a sixth
        # of the speed.
        return divided, scale * size
    return plain, scale


def fft_c2c(x: Array, /, *, axis: Any = None, inverse: bool = False, scale: float = 1.0) -> Any:
    """The complex transform along one or several axes."""
    if not x.size:
        return NotImplemented
    axes = (axis,) if isinstance(axis, int) else tuple(range(x.ndim)) if axis is None else tuple(axis)
    if not axes:
        return x * x.dtype.type(scale)
    function = np.fft.ifft if inverse else np.fft.fft
    norm, rest = _norm(x, math.prod(x.shape[a] for a in axes), scale, inverse)
    # Along the last axis first: it lies together, and what follows works in place.
    order = sorted(axes, key=lambda a: a % x.ndim, reverse=True)
    found: Array = function(x, axis=order[0], norm=norm)
    for a in order[1:]:
        function(found, axis=a, norm=norm, out=found)
    if rest != 1.0:
        found *= rest
    return found


def fft_r2c(x: Array, /, *, axis: int = -1, scale: float = 1.0) -> Any:
    """The first half of the transform of real numbers."""
    if not x.size:
        return NotImplemented
    wide = x if x.dtype.itemsize > 2 else x.astype(np.float32)
    norm, rest = _norm(wide, x.shape[axis], scale, False)
    found: Array = np.fft.rfft(wide, axis=axis, norm=norm)
    if rest != 1.0:
        found *= rest
    return found


def fft_c2r(x: Array, /, *, n: int, axis: int = -1, scale: float = 1.0) -> Any:
    """The real numbers of half a spectrum."""
    if not x.size:
        return NotImplemented
    norm, rest = _norm(x, n, scale, True)
    found: Array = np.fft.irfft(x, n=n, axis=axis, norm=norm)
    if rest != 1.0:
        found *= rest
    return found


KERNELS: dict[str, Any] = {"fft_c2c": fft_c2c, "fft_r2c": fft_r2c, "fft_c2r": fft_c2r}
