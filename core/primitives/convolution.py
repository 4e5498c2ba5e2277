"""Convolution and pooling of images. Three rows of convolution are each other's transposes, to any order."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, ShapeError
from .row import bilinear, general
from .tools import size_of


def _pair(value: Any, name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2:
        raise ArgumentError(f"{name} is an int or a pair of ints, not {value!r}")
    return pair


def _padding(value: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    if isinstance(value, int):
        return ((value, value), (value, value))
    a, b = value
    (top, bottom), (left, right) = ((n, n) if isinstance(n, int) else n for n in (a, b))
    return ((top, bottom), (left, right))


def output_size(n: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    """Return the size of one axis after a convolution."""
    return (n + before + after - dilation * (kernel - 1) - 1) // stride + 1


def _prepare_conv(
    device: Any, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Any, ...]:
    stride, dilation, padding = _pair(stride, "stride"), _pair(dilation, "dilation"), _padding(padding)
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


def _patches(xp: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, out: Any) -> Any:
    """Windows of an image: (N, C, kh * kw, oh, ow), by strided slices of the padded input."""
    padded = xp.pad(x, widths=((0, 0), (0, 0), *padding)) if any(a or b for a, b in padding) else x
    taps = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows = slice(i * dilation[0], i * dilation[0] + (out[0] - 1) * stride[0] + 1, stride[0])
            columns = slice(j * dilation[1], j * dilation[1] + (out[1] - 1) * stride[1] + 1, stride[1])
            taps.append(padded[:, :, rows, columns])
    return xp.stack(taps, axis=2)


def _conv_body(xp: Any, x: Any, weight: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    n, c = x.shape[0], x.shape[1]
    o, cg, kh, kw = weight.shape
    out = tuple(
        output_size(x.shape[2 + i], (kh, kw)[i], stride[i], before, after, dilation[i])
        for i, (before, after) in enumerate(padding)
    )
    patches = _patches(xp, x, (kh, kw), stride, padding, dilation, out)
    columns = xp.reshape(patches, (n, groups, (c // groups) * kh * kw, out[0] * out[1]))
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
            tap = _spread(xp, taps[:, :, i * kw + j, :, :], stride)
            a, b = i * dilation[0], j * dilation[1]
            placed = xp.pad(
                tap, widths=((0, 0), (0, 0), (a, height - a - tap.shape[2]), (b, width - b - tap.shape[3]))
            )
            total = placed if total is None else total + placed
    return total[:, :, top : top + h, left : left + w]


def _spread(xp: Any, x: Any, stride: Any) -> Any:
    """Put zeros between neighbours so that they lie a stride apart."""
    for axis, s in ((2, stride[0]), (3, stride[1])):
        if s > 1:
            shape = list(x.shape)
            wide = xp.pad(xp.expand_dims(x, axis=axis + 1), widths=tuple((0, s - 1) if i == axis + 1 else (0, 0) for i in range(5)))
            shape[axis] *= s
            x = xp.reshape(wide, tuple(shape))
            cut = [slice(None)] * 4
            cut[axis] = slice(0, shape[axis] - s + 1)
            x = x[tuple(cut)]
    return x


def _conv_weight_body(
    xp: Any, x: Any, g: Any, *, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    n = x.shape[0]
    o, cg, kh, kw = weight_shape
    out = (g.shape[2], g.shape[3])
    columns = xp.reshape(_patches(xp, x, (kh, kw), stride, padding, dilation, out), (n, groups, cg * kh * kw, out[0] * out[1]))
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
    kernel = _pair(kernel_size, "kernel_size")
    stride = kernel if stride is None else _pair(stride, "stride")
    padding, dilation = _pair(padding, "padding"), _pair(dilation, "dilation")
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
    return _patches(xp, padded, kernel, stride, ((0, 0), (0, 0)), dilation, out), out  # type: ignore[return-value]


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
    kernel = _pair(kernel_size, "kernel_size")
    stride = kernel if stride is None else _pair(stride, "stride")
    padding = _pair(padding, "padding")
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
