"""Resampling: one axis after the other, each output a weighted sum of some inputs.

Sources and weights follow PyTorch's arithmetic, in the dtype of the operand, and for the nearest source in float32
whatever the dtype: what lies on an edge between two sources falls to the same side.
"""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from .pooling import adaptive_sizes
from .row import linear
from .windows import per_axis, spatial_axes

MODES = ("nearest", "nearest-exact", "linear", "cubic", "area")
FILTERS = ("linear", "cubic", "lanczos")
# Half the width of an antialiasing filter, in inputs (or outputs, where these are farther apart).
SUPPORT = {"linear": 1.0, "cubic": 2.0, "lanczos": 3.0}


def step_of(n: int, m: int, scale_factor: float | None, align_corners: bool) -> float:
    """Return how many inputs lie between two outputs."""
    if align_corners:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return n / m if scale_factor is None else 1.0 / scale_factor


def filter_taps(n: int, step: float, kind: str) -> int:
    """Return the most inputs that an antialiasing filter covers."""
    return min(n, 2 * math.ceil(SUPPORT[kind] * max(step, 1.0)) + 1)


def sources(
    xp: Any, n: int, m: int, dtype: Any, single: Any, double: Any, *, mode: str, scale_factor: float | None,
    align_corners: bool, antialias: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """Return, for each of m outputs, which of n inputs it sums (m, taps), and the weights, None for one of one.

    `dtype` is what weights are computed in, `single` the namespace's float32, `double` its most precise float.
    """
    number = xp.arange(m, dtype=dtype)
    index = xp.arange(m).dtype
    step = step_of(n, m, scale_factor, align_corners and mode in ("linear", "cubic"))
    if mode == "area":
        return _area(xp, n, m, dtype)
    if antialias:
        return _filtered(xp, n, step, number, index, mode)
    if mode in ("nearest", "nearest-exact"):
        number = xp.arange(m, dtype=single)
        places = xp.floor((number if mode == "nearest" else number + 0.5) * xp.full((), step, dtype=single))
        return xp.expand_dims(xp.clip(xp.astype(places, index), 0, n - 1), axis=1), None
    if align_corners:
        place = number * xp.full((), step, dtype=dtype)
    else:
        # Product and difference are rounded once, as PyTorch's compiler fuses them.
        wide = xp.astype(xp.full((), step, dtype=dtype), double)
        place = xp.astype((xp.arange(m, dtype=double) + 0.5) * wide - 0.5, dtype)
    if mode == "linear" and not align_corners:
        place = xp.clip(place, 0, None)
    first = xp.clip(xp.floor(place), None, n - 1)
    t = xp.clip(place - first, 0, 1)
    low = xp.astype(first, index)
    if mode == "linear":
        return xp.stack([low, xp.clip(low + 1, None, n - 1)], axis=1), xp.stack([1 - t, t], axis=1)
    taps = [xp.clip(low + i, 0, n - 1) for i in (-1, 0, 1, 2)]
    weights = [_cubic_far(t + 1), _cubic_near(t), _cubic_near(1 - t), _cubic_far(2 - t)]
    return xp.stack(taps, axis=1), xp.stack(weights, axis=1)


def _cubic_near(t: Any, a: float = -0.75) -> Any:
    """Keys' cubic convolution within one sample (IEEE Trans. ASSP 29, 1981), a = -0.75."""
    return ((a + 2) * t - (a + 3)) * t * t + 1


def _cubic_far(t: Any, a: float = -0.75) -> Any:
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a


def _area(xp: Any, n: int, m: int, dtype: Any) -> tuple[Any, Any]:
    """The windows of adaptive pooling."""
    k = max((-((j + 1) * n // -m) - j * n // m for j in range(m)), default=1)
    number = xp.arange(m)
    whole = xp.full((), max(m, 1), dtype=number.dtype)
    start = xp.floor_divide(number * n, whole)
    count = xp.expand_dims(xp.floor_divide((number + 1) * n + (m - 1), whole) - start, axis=1)
    tap = xp.arange(k, dtype=number.dtype)
    weights = xp.astype(tap < count, dtype) / xp.astype(count, dtype)
    # A tap beyond its window stands, without weight, on the window's last element.
    return xp.expand_dims(start, axis=1) + xp.minimum(xp.broadcast_to(tap, (m, k)), count - 1), weights


def _filtered(xp: Any, n: int, step: float, number: Any, index: Any, kind: str) -> tuple[Any, Any]:
    """A filter that widens with the step, as Pillow's: weights add to one."""
    support, taps = SUPPORT[kind] * max(step, 1.0), filter_taps(n, step, kind)
    center = (number + 0.5) * step
    first = xp.clip(xp.floor(center - support + 0.5), 0, None)
    end = xp.clip(xp.floor(center + support + 0.5), None, n)
    place = xp.expand_dims(first, axis=1) + xp.arange(taps, dtype=number.dtype)
    inside = place < xp.expand_dims(end, axis=1)
    t = xp.abs(place - xp.expand_dims(center, axis=1) + 0.5) * (1.0 / max(step, 1.0))
    zero = xp.zeros((), dtype=number.dtype)
    weights = xp.where(inside, _kernel(xp, t, kind), zero)
    weights = weights / xp.sum(weights, axis=1, keepdims=True)
    last = xp.expand_dims(end, axis=1) - 1
    return xp.astype(xp.minimum(place, last), index), weights


def _kernel(xp: Any, t: Any, kind: str) -> Any:
    zero = xp.zeros((), dtype=t.dtype)
    if kind == "linear":
        return xp.clip(1 - t, 0, None)
    if kind == "cubic":
        near, far = _cubic_near(t, -0.5), _cubic_far(t, -0.5)
        return xp.where(t < 1, near, xp.where(t < 2, far, zero))
    safe = xp.where(t == 0, xp.ones((), dtype=t.dtype), t) * math.pi
    wave = xp.sin(safe) * xp.sin(safe / 3) / (safe * safe / 3)
    return xp.where(t == 0, xp.ones((), dtype=t.dtype), xp.where(t < 3, wave, zero))


def _floats(xp: Any, dtype: Any) -> tuple[Any, Any]:
    """The namespace's float32, and its float64 where it has one."""
    native = xp.device.native
    return native.get(dtypes.float32, dtype), native.get(dtypes.float64, dtype)


def is_identity(n: int, m: int, mode: str, antialias: bool) -> bool:
    """Whether an axis stays as it is, whatever its scale_factor."""
    return n == m and (antialias or mode in ("linear", "area"))


def _body(
    xp: Any, x: Any, *, size: Any, mode: str, scale_factor: Any, align_corners: bool, antialias: bool
) -> Any:
    for axis, (m, s) in enumerate(zip(size, scale_factor, strict=True), start=2):
        n = x.shape[axis]
        if is_identity(n, m, mode, antialias):
            continue
        how = {"mode": mode, "scale_factor": s, "align_corners": align_corners, "antialias": antialias}
        places, weights = sources(xp, n, m, x.dtype, *_floats(xp, x.dtype), **how)
        taps = places.shape[1]
        x = xp.take(x, xp.reshape(places, (m * taps,)), axis=axis)
        if weights is not None:
            shape = tuple(x.shape)
            x = xp.reshape(x, (*shape[:axis], m, taps, *shape[axis + 1 :]))
            x = xp.sum(x * xp.reshape(weights, (m, taps, *(1,) * (len(shape) - axis - 1))), axis=axis + 1)
    return xp.alias(x) if tuple(size) == tuple(x.shape)[2:] else x


def _transpose_body(
    xp: Any, g: Any, *, size: Any, mode: str, scale_factor: Any, align_corners: bool, antialias: bool
) -> Any:
    for axis, (n, s) in enumerate(zip(size, scale_factor, strict=True), start=2):
        m = g.shape[axis]
        if is_identity(n, m, mode, antialias):
            continue
        how = {"mode": mode, "scale_factor": s, "align_corners": align_corners, "antialias": antialias}
        places, weights = sources(xp, n, m, g.dtype, *_floats(xp, g.dtype), **how)
        taps, shape = places.shape[1], tuple(g.shape)
        if weights is not None:
            weights = xp.reshape(weights, (m, taps, *(1,) * (len(shape) - axis - 1)))
            g = xp.reshape(xp.expand_dims(g, axis=axis + 1) * weights, (*shape[:axis], m * taps, *shape[axis + 1 :]))
        zeros = xp.zeros((*shape[:axis], n, *shape[axis + 1 :]), dtype=g.dtype)
        g = xp.index_add(zeros, xp.reshape(places, (m * taps,)), g, axis=axis)
    return xp.alias(g)


def _prepare(name: str) -> Any:
    def prepare(
        device: Any, x: Any, size: Any, mode: Any, scale_factor: Any, align_corners: Any, antialias: Any
    ) -> tuple[Any, ...]:
        axes = spatial_axes(name, x)
        size = per_axis(size, axes, f"{name}: size")
        if mode not in (FILTERS if antialias else MODES):
            allowed = ", ".join(map(repr, FILTERS if antialias else MODES))
            raise ArgumentError(f"{name}: with antialias={bool(antialias)} mode is one of {allowed}, not {mode!r}")
        if min(size) < 1:
            raise ShapeError(f"{name}: sizes must be positive, got {size} for an operand of shape {tuple(x.shape)}")
        scale_factor = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * axes
        if len(scale_factor) != axes:
            raise ArgumentError(f"{name}: scale_factor is a number, None or {axes} of them, not {scale_factor!r}")
        scale_factor = tuple(float(s) if s is not None and s > 0 else None for s in scale_factor)
        return size, mode, scale_factor, bool(align_corners), bool(antialias)

    return prepare


SIGNATURE = "x, /, *, size, mode='linear', scale_factor=None, align_corners=False, antialias=False"
REAL: dict[str, Any] = {"batch": "merge", "category": "real floating-point", "floating": True}
interpolate = linear(
    "interpolate", SIGNATURE, "Return an input (N, C, *spatial) resampled to other spatial sizes.",
    transpose=lambda xp, g, x_shape, mode, scale_factor, align_corners, antialias: xp.interpolate_transpose(
        g, size=tuple(x_shape)[2:], mode=mode, scale_factor=scale_factor, align_corners=align_corners,
        antialias=antialias,
    ),
    body=_body, prepare=_prepare("interpolate"), **REAL,
)  # fmt: skip
interpolate_transpose = linear(
    "interpolate_transpose", SIGNATURE, "Return the transpose of `interpolate` from sizes `size`, applied to a cotangent.",
    transpose=lambda xp, g, x_shape, mode, scale_factor, align_corners, antialias: xp.interpolate(
        g, size=tuple(x_shape)[2:], mode=mode, scale_factor=scale_factor, align_corners=align_corners,
        antialias=antialias,
    ),
    body=_transpose_body, prepare=_prepare("interpolate_transpose"), **REAL,
)  # fmt: skip


def _adaptive_body(xp: Any, x: Any, *, output_size: Any) -> Any:
    none = (None,) * len(output_size)
    return _body(xp, x, size=output_size, mode="area", scale_factor=none, align_corners=False, antialias=False)


def _adaptive_transpose(xp: Any, g: Any, x_shape: Any) -> Any:
    if 0 in tuple(g.shape)[2:]:
        return xp.zeros(tuple(x_shape), dtype=g.dtype)
    return xp.interpolate_transpose(g, size=tuple(x_shape)[2:], mode="area", scale_factor=None)


adaptive_avg_pool = linear(
    "adaptive_avg_pool", "x, /, *, output_size",
    "Return the means of windows of an input (N, C, *spatial) that are laid out to give a size.",
    transpose=_adaptive_transpose, body=_adaptive_body,
    prepare=lambda device, x, output_size: (adaptive_sizes("adaptive_avg_pool", x, output_size),), **REAL,
)  # fmt: skip
