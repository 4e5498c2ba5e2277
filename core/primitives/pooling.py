"""Pooling of images: one value for each window."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, ShapeError
from .row import general
from .tools import size_of
from .windows import patches, per_axis


def pooled_size(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Return the size of one axis after pooling; a last window that starts in the padding behind is dropped."""
    span = n + 2 * padding - dilation * (kernel - 1) - 1
    size = (-(-span // stride) if ceil_mode else span // stride) + 1
    if ceil_mode and (size - 1) * stride >= n + padding:
        size -= 1
    return size


def _check_pool(name: str, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> None:
    if len(x.shape) != 4:
        raise ShapeError(f"{name}: an input (batch, channels, height, width) is needed, got shape {tuple(x.shape)}")
    if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise ArgumentError(f"{name}: kernel_size {kernel}, stride {stride}, dilation {dilation} must be positive, padding {padding} not negative")
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ArgumentError(f"{name}: padding {padding} must be at most half of kernel_size {kernel}")
    for i in range(2):
        if pooled_size(x.shape[2 + i], kernel[i], stride[i], padding[i], dilation[i], False) < 1:
            raise ShapeError(f"{name}: a window of {kernel} does not fit an input of shape {tuple(x.shape)}")


def _prepare_max_pool(
    device: Any, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> tuple[Any, ...]:
    kernel = per_axis(kernel_size, 2, "kernel_size")
    stride = kernel if stride is None else per_axis(stride, 2, "stride")
    padding, dilation = per_axis(padding, 2, "padding"), per_axis(dilation, 2, "dilation")
    _check_pool("max_pool2d", x, kernel, stride, padding, dilation)
    return kernel, stride, padding, dilation, bool(ceil_mode)


def _windows(
    xp: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, fill: float
) -> tuple[Any, tuple[int, int]]:
    out = tuple(pooled_size(x.shape[2 + i], kernel[i], stride[i], padding[i], dilation[i], ceil_mode) for i in range(2))
    pads = []
    for i in range(2):
        need = (out[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1
        pads.append((padding[i], max(need - x.shape[2 + i] - padding[i], 0)))
    padded = xp.pad(x, widths=((0, 0), (0, 0), *pads), value=fill) if any(a or b for a, b in pads) else x
    return patches(xp, padded, kernel, stride, ((0, 0), (0, 0)), dilation, out), out  # type: ignore[return-value]


def _max_pool_body(
    xp: Any, x: Any, *, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    windows, _ = _windows(xp, x, kernel_size, stride, padding, dilation, ceil_mode, -math.inf)
    first = xp.expand_dims(_first_best(xp, windows), axis=2)
    return xp.squeeze(xp.take_along_axis(windows, first, axis=2), 2)


def _first_best(xp: Any, windows: Any) -> Any:
    """The first largest tap of each window; NaN wins."""
    ranked = xp.where(xp.isnan(windows), xp.full_like(windows, math.inf), windows)
    nan = xp.astype(xp.isnan(windows), windows.dtype)
    has_nan = xp.max(nan, axis=2, keepdims=True) > 0
    return xp.argmax(xp.where(has_nan, nan, ranked), axis=2)


def _max_pool_indices_body(
    xp: Any, x: Any, *, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Any, Any]:
    windows, out = _windows(xp, x, kernel_size, stride, padding, dilation, ceil_mode, -math.inf)
    best = _first_best(xp, windows)
    values = xp.squeeze(xp.take_along_axis(windows, xp.expand_dims(best, axis=2), axis=2), 2)
    kind = best.dtype
    row = xp.reshape(xp.arange(out[0], dtype=kind) * stride[0] - padding[0], (out[0], 1))
    column = xp.reshape(xp.arange(out[1], dtype=kind) * stride[1] - padding[1], (1, out[1]))
    r = row + xp.floor_divide(best, xp.full((), kernel_size[1], dtype=kind)) * dilation[0]
    c = column + xp.remainder(best, xp.full((), kernel_size[1], dtype=kind)) * dilation[1]
    return values, r * x.shape[3] + c


def _prepare_avg_pool(
    device: Any, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: Any, count_include_pad: Any,
    divisor_override: Any,
) -> tuple[Any, ...]:  # fmt: skip
    kernel = per_axis(kernel_size, 2, "kernel_size")
    stride = kernel if stride is None else per_axis(stride, 2, "stride")
    padding = per_axis(padding, 2, "padding")
    _check_pool("avg_pool2d", x, kernel, stride, padding, (1, 1))
    if divisor_override is not None and divisor_override == 0:
        raise ArgumentError("avg_pool2d: divisor_override must not be zero")
    return kernel, stride, padding, bool(ceil_mode), bool(count_include_pad), divisor_override


def _avg_pool_body(
    xp: Any, x: Any, *, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
    divisor_override: Any,
) -> Any:  # fmt: skip
    windows, out = _windows(xp, x, kernel_size, stride, padding, (1, 1), ceil_mode, 0.0)
    total = xp.sum(windows, axis=2)
    if divisor_override is not None:
        return total / divisor_override
    counts = []
    for i in range(2):
        n, line = x.shape[2 + i], []
        for j in range(out[i]):
            start = j * stride[i] - padding[i]
            end = min(start + kernel_size[i], n + padding[i])
            line.append(end - start if count_include_pad else min(end, n) - max(start, 0))
        counts.append(line)
    if size_of(out) and min(counts[0]) == max(counts[0]) and min(counts[1]) == max(counts[1]):
        return total / (counts[0][0] * counts[1][0])
    return total / _table(xp, [[a * b for b in counts[1]] for a in counts[0]], x.dtype)


def _table(xp: Any, rows: list[list[int]], dtype: Any) -> Any:
    lines = [xp.stack([xp.full((), float(v), dtype=dtype) for v in line], axis=0) for line in rows]
    return xp.stack(lines, axis=0)


POOL: dict[str, Any] = {"batch": "merge", "category": "real floating-point", "floating": True}
max_pool2d = general(
    "max_pool2d", "x, /, *, kernel_size, stride=None, padding=(0, 0), dilation=(1, 1), ceil_mode=False",
    "Return the largest value of each window of images (N, C, H, W); the first wins a tie.",
    body=_max_pool_body, prepare=_prepare_max_pool, **POOL,
)  # fmt: skip
max_pool2d_with_indices = general(
    "max_pool2d_with_indices", "x, /, *, kernel_size, stride=None, padding=(0, 0), dilation=(1, 1), ceil_mode=False",
    "Return the largest value of each window, and its index in the flattened plane.",
    body=_max_pool_indices_body, prepare=_prepare_max_pool, outputs=("out", "indices"), differentiable=(True, False),
    samples="max_pool2d", **POOL,
)  # fmt: skip
avg_pool2d = general(
    "avg_pool2d",
    "x, /, *, kernel_size, stride=None, padding=(0, 0), ceil_mode=False, count_include_pad=True, divisor_override=None",
    "Return the mean of each window of images (N, C, H, W).",
    body=_avg_pool_body, prepare=_prepare_avg_pool, **POOL,
)  # fmt: skip
