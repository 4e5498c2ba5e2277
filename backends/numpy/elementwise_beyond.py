"""Elementwise rows beyond the standard that NumPy has functions for, and complex numbers written part by part."""

from __future__ import annotations

from typing import Any

import numpy as np


def fmod(x1: Any, x2: Any, /) -> Any:
    """The remainder with the dividend's sign; exact for floats, 0 for integers divided by zero."""
    return np.fmod(x1, x2)


def gcd(x1: Any, x2: Any, /) -> Any:
    """The greatest common divisor."""
    return np.gcd(x1, x2)


def bitwise_count(x: np.ndarray, /) -> Any:
    """The number of ones among the bits of the absolute value, in the dtype of `x`."""
    return np.bitwise_count(x).astype(x.dtype)


def frexp_exponent(x: np.ndarray, /) -> Any:
    """The exponents of mantissas in [1/2, 1); 0 for what is not finite."""
    if x.dtype.kind != "f":
        return NotImplemented
    exponent = np.asarray(np.frexp(x)[1])
    finite = np.isfinite(x)
    return exponent if finite.all() else np.where(finite, exponent, np.int32(0))


def complex_(real: Any, imag: Any, /) -> np.ndarray:
    """Complex numbers of two parts, 16-bit floats in single precision."""
    kind = np.result_type(real, imag) if hasattr(real, "dtype") and hasattr(imag, "dtype") else (
        real.dtype if hasattr(real, "dtype") else imag.dtype
    )  # fmt: skip
    out = np.empty(
        np.broadcast_shapes(np.shape(real), np.shape(imag)), np.complex128 if kind == np.float64 else np.complex64
    )
    out.real, out.imag = real, imag
    return out


KERNELS = {
    "fmod": fmod,
    "gcd": gcd,
    "bitwise_count": bitwise_count,
    "frexp_exponent": frexp_exponent,
    "complex": complex_,
}
