"""Pooling over one to three axes: small inputs, and what goes back through large ones.

Maximum pooling remembers which tap won, one byte for an output, as the backend's own kernel does, whose passes over
whole planes are as fast forwards where there are many.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from candelabra.backends.numpy import pooling as numpy_pooling
from candelabra.backends.numpy.pooling_grid import out_size
from candelabra.core.backend import Kernel

from .compiled import Array, Loop, in_training, least, over_rows, plain

Sizes = tuple[int, ...]

LEAST = least(1 << 11)
# From here on the backend's own passes over whole planes are faster.
_MANY = 1 << 13
# A tap's number is a byte.
_MOST_TAPS = 256
_STATICS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

_MAX_TAPS, _MAX_BACK = Loop("pooling", "max_pool_taps"), Loop("pooling", "max_pool_back")
_PLACES = Loop("pooling", "places_of_taps", "l")
_AVG, _AVG_BACK = Loop("pooling", "avg_pool"), Loop("pooling", "avg_pool_back")
_ADAPTIVE, _ADAPTIVE_BACK = Loop("pooling", "adaptive_max_pool"), Loop("pooling", "adaptive_max_pool_back")


def _declines(x: Array) -> bool:
    return x.dtype.char not in "fd" or x.size < LEAST


@functools.lru_cache(maxsize=256)
def _geometry(
    sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Sizes, Sizes, Sizes]:
    """The output's sizes, those with three axes, and what the loops are told about the windows."""
    how = list(zip(sizes, kernel, stride, padding, dilation, strict=True))
    out = tuple(out_size(*each, ceil_mode) for each in how)
    missing = 3 - len(sizes)
    told = (*(1,) * missing, *kernel, *(1,) * missing, *stride)
    told += (*(0,) * missing, *padding, *(1,) * missing, *dilation)
    return out, (1,) * missing + out, told


def _planes(x: Array, axes: int) -> Array:
    lead, sizes = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    return plain(x).reshape(math.prod(lead), *(1,) * (3 - axes), *sizes)


def max_pool_train(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Any:
    """The maxima and, as the residual, the number of the tap that won each."""
    if _declines(x) or math.prod(kernel_size) > _MOST_TAPS:
        return NotImplemented
    # Of large inputs the backend makes whole planes at once; the way back is always this module's.
    train = _in_windows if x.size < _MANY else numpy_pooling.max_pool_train
    return train(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)


def _in_windows(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Any:
    if _declines(x) or math.prod(kernel_size) > _MOST_TAPS:
        return NotImplemented
    axes = len(kernel_size)
    split = x.ndim - axes
    out, three, how = _geometry(x.shape[split:], kernel_size, stride, padding, dilation, ceil_mode)
    planes = _planes(x, axes)
    found, taps = np.empty((len(planes), *three), x.dtype), np.empty((len(planes), *three), np.uint8)
    over_rows(_MAX_TAPS[x.dtype.char], len(planes), x.size, planes, found, taps, how)
    shape = (*x.shape[:split], *out)
    return found.reshape(shape), (taps.reshape(shape),)


def max_pool_vjp(
    xp: Any, g: Any, x_shape: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
    ceil_mode: bool, taps: Array, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Send each cotangent to the input that won its window."""
    g = g[0] if isinstance(g, tuple) else g
    if g is None or not wants[0]:
        return (None,)
    axes = len(kernel_size)
    _, _, how = _geometry(tuple(x_shape[len(x_shape) - axes :]), kernel_size, stride, padding, dilation, ceil_mode)
    gx = np.empty(x_shape, g.dtype)
    planes = _planes(gx, axes)
    over_rows(_MAX_BACK[g.dtype.char], len(planes), gx.size, _planes(g, axes), _planes(taps, axes), planes, how)
    return (gx,)


def max_pool_with_indices_train(x: Array, /, **statics: Any) -> Any:
    """The maxima, their int64 positions in the flattened spatial axes, and the winning taps as the residual."""
    result = max_pool_train(x, **statics)
    if result is NotImplemented:
        return NotImplemented
    out, (taps,) = result
    axes = len(statics["kernel_size"])
    sizes = x.shape[x.ndim - axes :]
    _, _, how = _geometry(sizes, *(statics[k] for k in _STATICS))
    places, planes = np.empty(out.shape, np.int64), _planes(taps, axes)
    height = sizes[-2] if axes > 1 else 1
    over_rows(_PLACES["l"], len(planes), out.size, planes, _planes(places, axes), how, height, sizes[-1])
    return (out, places), (taps,)


def max_pool_with_indices(x: Array, /, **statics: Any) -> Any:
    """The maxima and their int64 positions in the flattened spatial axes."""
    result = max_pool_with_indices_train(x, **statics)
    return result if result is NotImplemented else result[0]


@functools.lru_cache(maxsize=256)
def _counts(
    sizes: Sizes, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, count_include_pad: bool,
    divisor_override: int | None, dtype: np.dtype,
) -> tuple[Array, ...]:  # fmt: skip
    """For each of three axes by what the windows' sums are divided."""
    found = [np.ones(1, dtype) for _ in range(3 - len(sizes))]
    for n, m, k, s, p in zip(sizes, out, kernel, stride, padding, strict=True):
        start = np.arange(m) * s - p
        end = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        found.append(np.maximum(end - start, 1).astype(dtype))
    if divisor_override is not None:
        found = [np.ones_like(line) for line in found]
        found[-1] *= dtype.type(divisor_override)
    return tuple(found)


def avg_pool(
    x: Array, /, *, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> Any:  # fmt: skip
    """The mean of each window of x (..., *spatial)."""
    if _declines(x) or x.size >= _MANY:
        return NotImplemented
    axes = len(kernel_size)
    split = x.ndim - axes
    sizes = x.shape[split:]
    out, three, how = _geometry(sizes, kernel_size, stride, padding, (1,) * axes, ceil_mode)
    counts = _counts(sizes, out, kernel_size, stride, padding, count_include_pad, divisor_override, x.dtype)
    planes = _planes(x, axes)
    found = np.empty((len(planes), *three), x.dtype)
    over_rows(_AVG[x.dtype.char], len(planes), x.size, planes, found, *counts, how)
    return found.reshape(*x.shape[:split], *out)


def avg_pool_vjp(
    xp: Any, g: Array, x_shape: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """Spread each cotangent evenly over its window."""
    if not wants[0]:
        return (None,)
    axes = len(kernel_size)
    sizes = tuple(x_shape[len(x_shape) - axes :])
    out, _, how = _geometry(sizes, kernel_size, stride, padding, (1,) * axes, ceil_mode)
    counts = _counts(sizes, out, kernel_size, stride, padding, count_include_pad, divisor_override, g.dtype)
    gx = np.empty(x_shape, g.dtype)
    planes = _planes(gx, axes)
    over_rows(_AVG_BACK[g.dtype.char], len(planes), gx.size, _planes(g, axes), planes, *counts, how)
    return (gx,)


def adaptive_max_pool_train(x: Array, /, *, output_size: Sizes) -> Any:
    """The maxima and, as output and residual, their int64 positions in the flattened spatial axes."""
    if _declines(x) or not all(output_size):
        return NotImplemented
    axes = len(output_size)
    planes = _planes(x, axes)
    three = (len(planes), *(1,) * (3 - axes), *output_size)
    found, places = np.empty(three, x.dtype), np.empty(three, np.int64)
    over_rows(_ADAPTIVE[x.dtype.char], len(planes), x.size, planes, found, places)
    shape = (*x.shape[: x.ndim - axes], *output_size)
    places = places.reshape(shape)
    return (found.reshape(shape), places), (places,)


def adaptive_max_pool_with_indices(x: Array, /, *, output_size: Sizes) -> Any:
    """The largest values of windows that are laid out to give a size, and their indices."""
    result = adaptive_max_pool_train(x, output_size=output_size)
    return result if result is NotImplemented else result[0]


def adaptive_max_pool_values_train(x: Array, /, *, output_size: Sizes) -> Any:
    """The maxima and, as the residual, their positions."""
    result = adaptive_max_pool_train(x, output_size=output_size)
    return result if result is NotImplemented else (result[0][0], result[1])


def adaptive_max_pool(x: Array, /, *, output_size: Sizes) -> Any:
    """The largest values of windows that are laid out to give a size."""
    result = adaptive_max_pool_train(x, output_size=output_size)
    return result if result is NotImplemented else result[0][0]


def adaptive_max_pool_vjp(
    xp: Any, g: Any, x_shape: Sizes, output_size: Sizes, places: Array, wants: tuple[bool, ...]
) -> Any:
    """Send each cotangent to the input that won its window."""
    g = g[0] if isinstance(g, tuple) else g
    if g is None or not wants[0]:
        return (None,)
    windows = math.prod(output_size)
    gx = np.empty(x_shape, g.dtype)
    count = math.prod(x_shape[: len(x_shape) - len(output_size)])
    lines = gx.reshape(count, math.prod(x_shape[len(x_shape) - len(output_size) :]))
    operands = plain(g).reshape(count, windows), plain(places).reshape(count, windows), lines
    over_rows(_ADAPTIVE_BACK[g.dtype.char], count, gx.size, *operands)
    return (gx,)


KERNELS: dict[str, Any] = {
    "max_pool": Kernel(numpy_pooling.max_pool, train=max_pool_train, vjp=max_pool_vjp, residuals=("taps",)),
    "max_pool_with_indices": Kernel(
        max_pool_with_indices, train=max_pool_with_indices_train, vjp=max_pool_vjp, residuals=("taps",)
    ),
    "avg_pool": Kernel(avg_pool, train=in_training(avg_pool), vjp=avg_pool_vjp),
    "adaptive_max_pool": Kernel(
        adaptive_max_pool, train=adaptive_max_pool_values_train, vjp=adaptive_max_pool_vjp, residuals=("places",)
    ),
    "adaptive_max_pool_with_indices": Kernel(
        adaptive_max_pool_with_indices, train=adaptive_max_pool_train, vjp=adaptive_max_pool_vjp,
        residuals=("places",),
    ),
}  # fmt: skip
