"""What CuPy answers otherwise than NumPy: the stand-in's arithmetic is NumPy's but for these.

Written from what CuPy's kernels compute, as its documentation or their text says; where a card is free to answer
anything, what is here is not what NumPy answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def cast(values: np.ndarray, to: np.dtype, order: Any = "K") -> np.ndarray:
    """Cast as a card does: integers that lie too far away are the nearest ones, and NaN is 0 or the topmost bit."""
    if values.dtype.kind not in "fV" or to.kind not in "iu":
        return np.array(values.astype(to, order=order, copy=True))
    # Narrow integers are cut off 32 bits.
    through = np.dtype(f"{to.kind}{max(to.itemsize, 4)}")
    limits = np.iinfo(through)
    wide = np.trunc(values.astype(np.float64))
    low, high = wide <= float(limits.min), wide >= float(limits.max)
    nothing = np.isnan(wide)
    found = np.where(low | high | nothing, 0, wide).astype(through)
    found[low], found[high] = limits.min, limits.max
    if values.dtype == np.float64 or through.itemsize == 8:
        found[nothing] = limits.min if to.kind == "i" else limits.max // 2 + 1
    return np.array(found.astype(to), order=order)


def answer(name: str, values: Sequence[np.ndarray]) -> Any:
    """Return what CuPy's ufunc gives, or None where that is what NumPy's does."""
    found = _OTHERWISE.get((name, _kind(values[0].dtype)))
    return None if found is None else found(*values)


def _kind(dtype: np.dtype) -> str:
    return "f" if dtype == BFLOAT16 else "i" if dtype.kind == "u" else dtype.kind


def _in_float(function: Callable[..., Any]) -> Callable[..., Any]:
    """16-bit floats are computed in float32."""

    def call(*values: np.ndarray) -> Any:
        wide = [v.astype(np.float32) if v.dtype.itemsize == 2 else v for v in values]
        return function(*wide)

    return call


def _quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.floor(x / y)


def _remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x - np.floor(x / y) * y


def _joined(real: np.ndarray, imag: np.ndarray) -> np.ndarray:
    out = np.empty(np.broadcast_shapes(np.shape(real), np.shape(imag)), np.result_type(real, np.complex64))
    out.real, out.imag = real, imag
    return out


def _divided(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Complex numbers are divided by way of a scale, with no thought of what is infinite."""
    scale = 1 / (np.abs(y.real) + np.abs(y.imag))
    a, b, c, d = x.real * scale, x.imag * scale, y.real * scale, y.imag * scale
    below = 1 / (c * c + d * d)
    return _joined((a * c + b * d) * below, (b * c - a * d) * below)


def _log(z: np.ndarray) -> np.ndarray:
    found = np.array(np.log(z))
    found.real[np.isnan(z)] = np.nan
    return found


def _log2(z: np.ndarray) -> np.ndarray:
    found = _log(z)
    lost = np.isinf(found.real)
    found = _divided(found, np.full_like(found, np.log(2.0)))
    found.imag[lost] = np.nan
    return found


def _tanh(z: np.ndarray) -> np.ndarray:
    found = np.array(np.tanh(z))
    found[(z.real == 0) & ~np.isfinite(z.imag)] = complex(np.nan, np.nan)
    # A zero beside 1 has the sign of sin(2 b).
    far = np.isinf(z.real) & np.isfinite(z.imag)
    found.imag[far] = np.copysign(0, np.sin(2 * z.imag[far]))
    return found


def _tan(z: np.ndarray) -> np.ndarray:
    turned = _tanh(_joined(-z.imag, z.real))
    return _joined(turned.imag, -turned.real)


def _acosh(z: np.ndarray) -> np.ndarray:
    found = np.array(np.arccosh(z))
    found[(z.real == 0) & np.isnan(z.imag)] = complex(np.nan, np.nan)
    return found


def _complex_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(y == 0, np.ones_like(x), np.exp(np.log(x) * y))


def _sign(z: np.ndarray) -> np.ndarray:
    size = np.abs(z)
    return np.where(size == 0, np.zeros_like(z), _joined(z.real / size, z.imag / size))


def _integer_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "u" or not (y < 0).any():
        return np.asarray(np.power(x, y))
    found = np.power(x, np.where(y < 0, 0, y))
    below = np.where(x == -1, np.where(y & 1, -1, 1), np.where(x == 1, 1, 0))
    return np.where(y < 0, below, found).astype(x.dtype)


def _nextafter(x: np.ndarray, y: np.ndarray) -> Any:
    found = np.nextafter(x, y)
    return np.where(np.isinf(x), np.float16(np.nan), found) if x.dtype == np.float16 else found


def _fmod(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of integers, by way of double precision."""
    rest = np.fmod(x.astype(np.float64), np.where(y == 0, 1, y).astype(np.float64))
    return cast(np.where(y == 0, 0, rest), x.dtype)


_OTHERWISE: dict[tuple[str, str], Callable[..., Any]] = {
    ("floor_divide", "f"): _in_float(_quotient),
    ("remainder", "f"): _in_float(_remainder),
    ("mod", "f"): _in_float(_remainder),
    ("divide", "c"): _divided,
    ("true_divide", "c"): _divided,
    ("reciprocal", "c"): lambda z: _divided(np.ones_like(z), z),
    ("log", "c"): _log,
    ("log10", "c"): lambda z: _log(z) / np.asarray(np.log(10.0), z.real.dtype),
    ("log2", "c"): _log2,
    ("log1p", "c"): lambda z: _log(z + 1),
    ("expm1", "c"): lambda z: np.exp(z) - 1,
    ("tanh", "c"): _tanh,
    ("tan", "c"): _tan,
    ("acosh", "c"): _acosh,
    ("arccosh", "c"): _acosh,
    ("power", "c"): _complex_power,
    ("pow", "c"): _complex_power,
    ("sign", "c"): _sign,
    ("power", "i"): _integer_power,
    ("pow", "i"): _integer_power,
    ("nextafter", "f"): _nextafter,
    ("fmod", "i"): _fmod,
    ("conjugate", "b"): lambda x: x.astype(np.int8),
    ("conj", "b"): lambda x: x.astype(np.int8),
}


def variance(x: np.ndarray, axis: Any, dtype: Any, ddof: float, keepdims: bool) -> np.ndarray:
    """Return NaN where no degree of freedom is left; bfloat16 has no sum of squares of its own."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    to = np.dtype(dtype) if dtype is not None else x.real.dtype if x.dtype.kind in "fc" else np.dtype(np.float64)
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x
    left = np.prod([x.shape[a] for a in axes], dtype=int) - ddof
    found = np.asarray(np.var(wide, axis=axes, ddof=ddof if left > 0 else 0, keepdims=keepdims))
    return (found if left > 0 else np.full_like(found, np.nan)).astype(to)


def scattered(host: np.ndarray, key: Any, value: Any) -> None:
    """Write where arrays of places say; of what goes to one place, the first stays there (in CuPy, anything may)."""
    places = np.arange(host.size).reshape(host.shape)[key]
    values = np.broadcast_to(value, places.shape)
    host.flat[places.ravel()[::-1]] = values.ravel()[::-1]
