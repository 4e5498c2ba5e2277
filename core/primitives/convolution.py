"""Convolution of images. Three rows are each other's transposes, to any order."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from .row import bilinear, general
from .windows import output_size, patches, per_axis, spread


def _padding(value: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    if isinstance(value, int):
        return ((value, value), (value, value))
    a, b = value
    (top, bottom), (left, right) = ((n, n) if isinstance(n, int) else n for n in (a, b))
    return ((top, bottom), (left, right))


def _prepare_conv(
    device: Any, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Any, ...]:
    stride, dilation, padding = per_axis(stride, 2, "conv2d: stride"), per_axis(dilation, 2, "conv2d: dilation"), _padding(padding)
    if len(x.shape) != 4 or len(weight.shape) != 4:
        raise ShapeError(
            f"conv2d: input (batch, channels, height, width) and weight of 4 axes are needed, got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    if min(stride) < 1 or min(dilation) < 1 or groups < 1:
        raise ArgumentError(f"conv2d: stride {stride}, dilation {dilation} and groups {groups} must be positive")
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ShapeError(
            f"conv2d: input has {x.shape[1]} channels, weight {tuple(weight.shape)} with groups={groups} wants "
            f"{weight.shape[1] * groups} (and out channels divisible by groups)"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(f"conv2d: bias has shape {tuple(bias.shape)}, expected {(weight.shape[0],)}")
    for i, (before, after) in enumerate(padding):
        size = output_size(x.shape[2 + i], weight.shape[2 + i], stride[i], before, after, dilation[i])
        if size < 1:
            raise ShapeError(
                f"conv2d: a kernel of size {tuple(weight.shape)[2:]} with dilation {dilation} does not fit the padded input {tuple(x.shape)}"
            )
    return stride, padding, dilation, groups


def _conv_body(xp: Any, x: Any, weight: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    n, c = x.shape[0], x.shape[1]
    o, cg, kh, kw = weight.shape
    out = tuple(
        output_size(x.shape[2 + i], (kh, kw)[i], stride[i], before, after, dilation[i])
        for i, (before, after) in enumerate(padding)
    )
    windows = patches(xp, x, (kh, kw), stride, padding, dilation, out)
    columns = xp.reshape(windows, (n, groups, (c // groups) * kh * kw, out[0] * out[1]))
    kernel = xp.reshape(weight, (groups, o // groups, cg * kh * kw))
    result = xp.reshape(xp.matmul(kernel, columns), (n, o, *out))
    return result if bias is None else result + xp.reshape(bias, (1, o, 1, 1))


def _conv_input_body(
    xp: Any, g: Any, weight: Any, *, x_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Scatter each tap's share back: spread by the stride, shift, and sum."""
    n, c, h, w = x_shape
    o, cg, kh, kw = weight.shape
    oh, ow = g.shape[2], g.shape[3]
    kernel = xp.matrix_transpose(xp.reshape(weight, (groups, o // groups, cg * kh * kw)))
    columns = xp.matmul(kernel, xp.reshape(g, (n, groups, o // groups, oh * ow)))
    taps = xp.reshape(columns, (n, c, kh * kw, oh, ow))
    (top, bottom), (left, right) = padding
    height, width = h + top + bottom, w + left + right
    total: Any = None
    for i in range(kh):
        for j in range(kw):
            tap = spread(xp, taps[:, :, i * kw + j, :, :], stride)
            a, b = i * dilation[0], j * dilation[1]
            placed = xp.pad(
                tap, widths=((0, 0), (0, 0), (a, height - a - tap.shape[2]), (b, width - b - tap.shape[3]))
            )
            total = placed if total is None else total + placed
    return total[:, :, top : top + h, left : left + w]


def _conv_weight_body(
    xp: Any, x: Any, g: Any, *, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    n = x.shape[0]
    o, cg, kh, kw = weight_shape
    out = (g.shape[2], g.shape[3])
    columns = xp.reshape(patches(xp, x, (kh, kw), stride, padding, dilation, out), (n, groups, cg * kh * kw, out[0] * out[1]))
    rows = xp.reshape(g, (n, groups, o // groups, out[0] * out[1]))
    return xp.reshape(xp.sum(xp.matmul(rows, xp.matrix_transpose(columns)), axis=0, dtype=x.dtype), weight_shape)


def _conv_vjp(
    xp: Any, g: Any, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int, wants: Any
) -> tuple[Any, Any, Any]:
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (
        xp.conv2d_input(g, xp.conj(weight), x_shape=tuple(x.shape), **how) if wants[0] else None,
        xp.conv2d_weight(xp.conj(x), g, weight_shape=tuple(weight.shape), **how) if wants[1] else None,
        xp.sum(g, axis=(0, 2, 3)) if wants[2] else None,
    )


CONV: dict[str, Any] = {"category": "numeric"}
conv2d = general(
    "conv2d", "x, weight, bias=None, /, *, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1",
    "Return the cross-correlation of images (N, C, H, W) with kernels (O, C / groups, kh, kw).",
    body=_conv_body, vjp=_conv_vjp, prepare=_prepare_conv, batch="merge", **CONV,
)  # fmt: skip
conv2d_input = bilinear(
    "conv2d_input", "c, weight, /, *, x_shape, stride, padding, dilation, groups",
    "Return the transpose of `conv2d` in its input, applied to a cotangent `c`.", body=_conv_input_body,
    transpose=(
        lambda xp, g, weight, stride, padding, dilation, groups: xp.conv2d(
            g, xp.conj(weight), None, stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        lambda xp, g, c, weight_shape, stride, padding, dilation, groups: xp.conv2d_weight(
            g, xp.conj(c), weight_shape=tuple(weight_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
    ),
    **CONV,
)  # fmt: skip
conv2d_weight = bilinear(
    "conv2d_weight", "x, c, /, *, weight_shape, stride, padding, dilation, groups",
    "Return the transpose of `conv2d` in its weight, applied to a cotangent `c`.", body=_conv_weight_body,
    transpose=(
        lambda xp, g, c, x_shape, stride, padding, dilation, groups: xp.conv2d_input(
            xp.conj(c), g, x_shape=tuple(x_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        lambda xp, g, x, stride, padding, dilation, groups: xp.conv2d(
            xp.conj(x), g, None, stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
    ),
    **CONV,
)  # fmt: skip
