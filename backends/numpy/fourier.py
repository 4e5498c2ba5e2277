"""Discrete Fourier transforms, by the pocketfft that NumPy holds."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Array = np.ndarray


def _universal_functions() -> ModuleType | None:
    """NumPy's universal functions of the transforms, or None where they are not as they are known.

    `numpy.fft` itself takes longer to look at its arguments than a short transform takes, and computes single precision
    in double where there is nothing to divide by.
    """
    try:
        found = importlib.import_module("numpy.fft._pocketfft_umath")
    except ImportError:
        return None
    names = ("fft", "ifft", "rfft_n_even", "rfft_n_odd", "irfft")
    for name in names:
        function = getattr(found, name, None)
        if not isinstance(function, np.ufunc) or (function.nin, function.nout) != (2, 1):
            return None
    x, out = np.array([1.0, 3.0, 5.0], np.float32), np.empty(2, np.complex64)
    back, half = np.empty(3, np.float32), np.empty(2, np.complex64)
    try:
        found.rfft_n_odd(x, np.float32(2.0), out=out)
        found.irfft(out, np.float32(0.5), out=back)
        found.fft(out, np.float32(1.0), out=half)
    except TypeError:
        return None
    good = np.allclose(out, 2 * np.fft.rfft(x)) and np.allclose(back, 3 * x) and np.allclose(half, np.fft.fft(out))
    return found if good else None


_FUNCTIONS: Any = _universal_functions()
_COMPLEX = {np.dtype(r): np.dtype(c) for r, c in zip("fd", "FD", strict=True)}
_REAL = {c: r for r, c in _COMPLEX.items()}


def _run(function: Any, x: Array, axis: int, out: Array, scale: float, kind: np.dtype) -> None:
    if axis in (-1, x.ndim - 1):
        function(x, kind.type(scale), out=out)
    else:
        function(x, kind.type(scale), out=out, axes=[(axis,), (), (axis,)])


def fft_c2c(x: Array, /, *, axis: Any = None, inverse: bool = False, scale: float = 1.0) -> Any:
    """The complex transform along one or several axes."""
    kind = _REAL.get(x.dtype)
    if not x.size or kind is None:
        return NotImplemented
    axes = (axis,) if isinstance(axis, int) else tuple(range(x.ndim)) if axis is None else tuple(axis)
    if not axes:
        return x * x.dtype.type(scale)
    if _FUNCTIONS is None:
        return _by_public_functions(np.fft.ifftn if inverse else np.fft.fftn, x, scale, inverse, axes=axes)
    function = _FUNCTIONS.ifft if inverse else _FUNCTIONS.fft
    found = np.empty(x.shape, x.dtype)
    # Along the last axis first: it lies together, and what follows works in place.
    order = axes if len(axes) == 1 else sorted(axes, key=lambda a: a % x.ndim, reverse=True)
    _run(function, x, order[0], found, scale, kind)
    for a in order[1:]:
        _run(function, found, a, found, 1.0, kind)
    return found


def fft_r2c(x: Array, /, *, axis: int = -1, scale: float = 1.0) -> Any:
    """The first half of the transform of real numbers."""
    wide = x if x.dtype.itemsize > 2 else x.astype(np.float32)
    kind = _COMPLEX.get(wide.dtype)
    if not x.size or kind is None:
        return NotImplemented
    if _FUNCTIONS is None:
        return _by_public_functions(np.fft.rfft, wide, scale, False, axis=axis)
    n = x.shape[axis]
    shape = list(x.shape)
    shape[axis] = n // 2 + 1
    found = np.empty(shape, kind)
    _run(_FUNCTIONS.rfft_n_odd if n % 2 else _FUNCTIONS.rfft_n_even, wide, axis, found, scale, wide.dtype)
    return found


def fft_c2r(x: Array, /, *, n: int, axis: int = -1, scale: float = 1.0) -> Any:
    """The real numbers of half a spectrum."""
    kind = _REAL.get(x.dtype)
    if not x.size or kind is None:
        return NotImplemented
    if _FUNCTIONS is None:
        return _by_public_functions(np.fft.irfft, x, scale, True, n=n, axis=axis)
    shape = list(x.shape)
    shape[axis] = n
    found = np.empty(shape, kind)
    _run(_FUNCTIONS.irfft, x, axis, found, scale, kind)
    return found


def _by_public_functions(function: Callable[..., Any], x: Array, scale: float, inverse: bool, **options: Any) -> Array:
    found: Array = function(x, norm="forward" if inverse else "backward", **options)
    return found if scale == 1.0 else found * found.dtype.type(scale)


KERNELS: dict[str, Any] = {"fft_c2c": fft_c2c, "fft_r2c": fft_r2c, "fft_c2r": fft_c2r}
