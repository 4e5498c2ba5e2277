"""Windows laid out as columns, and columns added up where their windows stand: each other's transposes."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from .row import linear
from .tools import size_of
from .windows import output_size as sliding_size
from .windows import overlay, patches, per_axis, spatial_axes


def _check(name: str, sizes: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple[int, ...]:
    """Refuse windows that do not fit; return how many there are along each axis."""
    if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise ArgumentError(
            f"{name}: kernel_size {kernel}, stride {stride}, dilation {dilation} must be positive, padding {padding} "
            "not negative"
        )
    how = zip(sizes, kernel, stride, padding, padding, dilation, strict=True)
    found = tuple(sliding_size(*h) for h in how)
    if min(found) < 1:
        raise ShapeError(
            f"{name}: a window of {kernel} with dilation {dilation} does not fit spatial sizes {tuple(sizes)} with "
            f"padding {padding}"
        )
    return found


def _statics(name: str, axes: int, kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Any, ...]:
    return (
        per_axis(kernel, axes, f"{name}: kernel_size"),
        per_axis(dilation, axes, f"{name}: dilation"),
        per_axis(padding, axes, f"{name}: padding"),
        per_axis(stride, axes, f"{name}: stride"),
    )


def _prepare_im2col(
    device: Any, x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Any, ...]:
    statics = _statics("im2col", spatial_axes("im2col", x), kernel_size, dilation, padding, stride)
    _check("im2col", tuple(x.shape)[2:], *statics)
    return statics


def _im2col_body(xp: Any, x: Any, *, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    out = _check("im2col", tuple(x.shape)[2:], kernel_size, dilation, padding, stride)
    windows = patches(xp, x, kernel_size, stride, tuple((p, p) for p in padding), dilation, out)
    return xp.reshape(windows, (x.shape[0], x.shape[1] * size_of(kernel_size), size_of(out)))


def _prepare_col2im(
    device: Any, x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Any, ...]:
    shape = tuple(x.shape)
    if len(shape) != 3 or 0 in shape[1:]:
        raise ShapeError(
            f"col2im: columns (batch, channels * kernel elements, windows) are needed, only the batch empty, got shape {shape}"
        )
    given = next((v for v in (output_size, kernel_size, dilation, padding, stride) if isinstance(v, (tuple, list))), ())
    axes = len(given) or 2
    size = per_axis(output_size, axes, "col2im: output_size")
    statics = _statics("col2im", axes, kernel_size, dilation, padding, stride)
    out = _check("col2im", size, *statics)
    if shape[1] % size_of(statics[0]):
        raise ShapeError(
            f"col2im: {shape[1]} rows of columns do not divide by the {size_of(statics[0])} elements of kernel_size {statics[0]}"
        )
    if shape[2] != size_of(out):
        raise ShapeError(f"col2im: output_size {size} has windows {out}, {size_of(out)} columns, got {shape[2]}")
    return size, *statics


def _col2im_body(
    xp: Any, x: Any, *, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Any:
    out = _check("col2im", output_size, kernel_size, dilation, padding, stride)
    taps = size_of(kernel_size)
    windows = xp.reshape(x, (x.shape[0], x.shape[1] // taps, taps, *out))
    return overlay(xp, windows, output_size, kernel_size, stride, tuple((p, p) for p in padding), dilation)


im2col = linear(
    "im2col", "x, /, *, kernel_size, dilation=1, padding=0, stride=1",
    "Return the windows of an input (N, C, *spatial) as columns (N, C * kernel elements, windows).",
    transpose=lambda xp, g, x_shape, kernel_size, dilation, padding, stride: xp.col2im(
        g, output_size=tuple(x_shape)[2:], kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    ),
    body=_im2col_body, prepare=_prepare_im2col, batch="merge",
)  # fmt: skip
col2im = linear(
    "col2im", "x, /, *, output_size, kernel_size, dilation=1, padding=0, stride=1",
    "Return the sum (N, C, *output_size) of windows given as columns (N, C * kernel elements, windows).",
    transpose=lambda xp, g, kernel_size, dilation, padding, stride: xp.im2col(
        g, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    ),
    body=_col2im_body, prepare=_prepare_col2im, batch="merge", category="numeric",
)  # fmt: skip
