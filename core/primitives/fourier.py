"""Discrete Fourier transforms: complex, of real numbers to half a spectrum, and from half a spectrum back."""

from __future__ import annotations

import math
import operator
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from .row import linear
from .tools import axes_of, axis_index

# Up to here one matrix is as quick as smaller ones and the twiddle factors between them.
_DIRECT = 32


def _check_scale(scale: Any, name: str) -> float:
    if not isinstance(scale, (int, float)) or isinstance(scale, bool):
        raise ArgumentTypeError(f"{name}: scale is a number, not {scale!r}")
    return float(scale)


def _check_complex(device: Any, x: Any) -> None:
    if not device.dtype_of[x.dtype].is_complex:
        # Libraries would transform real numbers, too, and the rules would not fit. Dispatch makes this the row's error.
        raise TypeError("complex numbers are needed")


def _check_sizes(name: str, x: Any, axes: tuple[int, ...]) -> None:
    for axis in axes:
        if x.shape[axis] < 1:
            raise ShapeError(
                f"{name}: axis {axis} of shape {tuple(x.shape)} is empty; a transform needs at least one element"
            )


def _prepare_c2c(device: Any, x: Any, axis: Any, inverse: Any, scale: Any) -> tuple[Any, ...]:
    _check_complex(device, x)
    axes = axes_of(axis, len(x.shape), "fft_c2c")
    _check_sizes("fft_c2c", x, axes)
    return axes, bool(inverse), _check_scale(scale, "fft_c2c")


def _prepare_r2c(device: Any, x: Any, axis: Any, scale: Any) -> tuple[Any, ...]:
    found = axis_index(axis, len(x.shape), "fft_r2c")
    _check_sizes("fft_r2c", x, (found,))
    return found, _check_scale(scale, "fft_r2c")


def _prepare_c2r(device: Any, x: Any, n: Any, axis: Any, scale: Any) -> tuple[Any, ...]:
    _check_complex(device, x)
    found = axis_index(axis, len(x.shape), "fft_c2r")
    try:
        size = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"fft_c2r: n is an int, not {n!r}") from None
    if size < 1:
        raise ArgumentError(f"fft_c2r: n must be positive, got {size}")
    if x.shape[found] != size // 2 + 1:
        raise ShapeError(
            f"fft_c2r: half the spectrum of n={size} real numbers has {size // 2 + 1} elements, axis {found} of shape "
            f"{tuple(x.shape)} has {x.shape[found]}"
        )
    return size, found, _check_scale(scale, "fft_c2r")


def _spectrum(xp: Any, x: Any, axis: int, sign: int) -> Any:
    """The transform along one axis: the library's where it has the standard's extension."""
    own = _extension(xp, x)
    if own is not None:
        return own.fft(x, axis=axis) if sign < 0 else own.ifft(x, axis=axis, norm="forward")
    last = len(x.shape) - 1
    moved = x if axis == last else xp.moveaxis(x, (axis,), (last,))
    found = _along_last(xp, moved, sign)
    return found if axis == last else xp.moveaxis(found, (last,), (axis,))


def _extension(xp: Any, x: Any) -> Any:
    """The library's extension of the standard for these transforms, or None; some refuse to transform nothing."""
    backend = xp.device.backend
    own = isinstance(x, backend.array_type) and 0 not in x.shape
    return getattr(backend.namespace, "fft", None) if own else None


def _along_last(xp: Any, x: Any, sign: int) -> Any:
    """By Cooley and Tukey (1965): of a size p * q, transforms of size q, factors between, transforms of size p."""
    shape = tuple(x.shape)
    n = shape[-1]
    if n == 1:
        return x
    p = _factor(n)
    if p == n:
        return xp.matmul(x, _roots(xp, x, n, n, n, sign))
    q = n // p
    parts = xp.matrix_transpose(xp.reshape(x, (*shape[:-1], q, p)))
    inner = _along_last(xp, parts, sign) * _roots(xp, x, p, q, n, sign)
    return xp.reshape(xp.matmul(_roots(xp, x, p, p, p, sign), inner), shape)


def _factor(n: int) -> int:
    """The size of the transforms that are done by a matrix: n itself, where it is small or prime."""
    if n <= _DIRECT:
        return n
    for p in range(_DIRECT, 1, -1):
        if n % p == 0:
            return p
    return next((p for p in range(_DIRECT + 1, math.isqrt(n) + 1) if n % p == 0), n)


def _roots(xp: Any, like: Any, rows: int, columns: int, n: int, sign: int) -> Any:
    """``exp(sign 2 pi i j k / n)`` for j below `rows` and k below `columns`."""
    device = xp.device
    kind = device.dtype_of[like.dtype]
    product = xp.expand_dims(xp.arange(rows), axis=1) * xp.expand_dims(xp.arange(columns), axis=0)
    # The angle is reduced while it is an integer, and so exact.
    turns = xp.astype(product % n, device.native_dtype(kind.to_real()))
    angles = turns * (2.0 * math.pi / n)
    return xp.astype(xp.cos(angles), like.dtype) + (sign * 1j) * xp.astype(xp.sin(angles), like.dtype)


def _complex(xp: Any, x: Any) -> Any:
    device = xp.device
    return xp.astype(x, device.native_dtype(device.dtype_of[x.dtype].to_complex()))


def _scaled(x: Any, scale: float) -> Any:
    return x if scale == 1.0 else x * scale


def _c2c_body(xp: Any, x: Any, *, axis: Any, inverse: bool, scale: float) -> Any:
    found = x
    for a in axis:
        found = _spectrum(xp, found, a, 1 if inverse else -1)
    return found * scale


def _cut(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(*(slice(None),) * axis, slice(start, stop), ...)]


def _r2c_body(xp: Any, x: Any, *, axis: int, scale: float) -> Any:
    own = _extension(xp, x)
    kind = xp.device.dtype_of[x.dtype]
    # A device that lacks the complex numbers of this precision refuses, and loses no digits in silence.
    xp.device.native_dtype(kind.to_complex(), "fft_r2c")
    if own is not None and kind.bits >= 32:
        return _scaled(own.rfft(x, axis=axis), scale)
    whole = _spectrum(xp, _complex(xp, x), axis, -1)
    return _scaled(_cut(whole, axis, 0, x.shape[axis] // 2 + 1), scale)


def _c2r_body(xp: Any, x: Any, *, n: int, axis: int, scale: float) -> Any:
    own = _extension(xp, x)
    if own is not None:
        return _scaled(own.irfft(x, n=n, axis=axis, norm="forward"), scale)
    mirrored = xp.conj(xp.flip(_cut(x, axis, 1, (n + 1) // 2), axis=(axis,)))
    return _scaled(xp.real(_spectrum(xp, xp.concat([x, mirrored], axis=axis), axis, 1)), scale)


def _weights(xp: Any, n: int, axis: int, rank: int, dtype: Any) -> Any:
    """How often each element of half a spectrum stands in the whole: once at its ends, twice between."""
    twice = xp.arange(n // 2 + 1) * 2
    weights = 2 - xp.astype(twice % n == 0, dtype)
    return xp.reshape(weights, (n // 2 + 1, *(1,) * (rank - axis - 1)))


def _r2c_transpose(xp: Any, g: Any, x_shape: Any, x_dtype: Any, axis: int, scale: float) -> Any:
    n = x_shape[axis]
    # A half counts each pair of conjugates once; the transform back counts it twice.
    given = g if n < 3 else g / _weights(xp, n, axis, len(x_shape), _wide(xp, x_dtype))
    return xp.fft_c2r(given, n=n, axis=axis, scale=scale)


def _c2r_transpose(xp: Any, g: Any, n: int, axis: int, scale: float) -> Any:
    found = xp.fft_r2c(g, axis=axis, scale=scale)
    return found if n < 3 else found * _weights(xp, n, axis, len(g.shape), g.dtype)


def _wide(xp: Any, dtype: Any) -> Any:
    """The real dtype in which a spectrum of `dtype` is kept."""
    device = xp.device
    return device.native_dtype(device.dtype_of.get(dtype, dtype).to_complex().to_real())


fft_c2c = linear(
    "fft_c2c", "x, /, *, axis=None, inverse=False, scale=1.0",
    "Return the Fourier transform along axes (None: all): ``out[k] = scale * sum_j x[j] exp(-2 pi i j k / n)``.",
    category="complex floating-point", body=_c2c_body, prepare=_prepare_c2c, batch="axis",
    transpose=lambda xp, g, axis, inverse, scale: xp.fft_c2c(g, axis=axis, inverse=not inverse, scale=scale),
)  # fmt: skip
fft_r2c = linear(
    "fft_r2c", "x, /, *, axis=-1, scale=1.0",
    "Return the first half, ``n // 2 + 1`` elements, of the discrete Fourier transform of real numbers.",
    category="real floating-point", floating=True, body=_r2c_body, prepare=_prepare_r2c, batch="axis",
    transpose=_r2c_transpose,
)  # fmt: skip
fft_c2r = linear(
    "fft_c2r", "x, /, *, n, axis=-1, scale=1.0",
    "Return the n real numbers whose inverse discrete Fourier transform has this first half.",
    category="complex floating-point", body=_c2r_body, prepare=_prepare_c2r, batch="axis", transpose=_c2r_transpose,
)  # fmt: skip
