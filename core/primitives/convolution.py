"""Convolution over any number of spatial axes. Three rows are each other's transposes, to any order."""

from __future__ import annotations

import itertools
from typing import Any

from ..errors import ArgumentError, ShapeError
from .row import bilinear, general
from .tools import size_of
from .windows import output_size, patches, per_axis, spread

Pairs = tuple[tuple[int, int], ...]


def _pairs(value: Any, axes: int, name: str) -> Pairs:
    """Return padding (an int, or per axis an int or a pair) as a pair (before, after) for each axis."""
    if isinstance(value, int):
        return ((value, value),) * axes
    found = tuple((v, v) if isinstance(v, int) else tuple(v) for v in value)
    if len(found) != axes or any(len(pair) != 2 for pair in found):
        raise ArgumentError(f"{name}: padding is an int, or {axes} ints or pairs (before, after), not {value!r}")
    return found  # type: ignore[return-value]


def _windows(
    name: str, x_shape: Any, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[tuple[int, ...], Pairs, tuple[int, ...], tuple[int, ...]]:
    """Check what all three rows share; return stride, padding, dilation and the output's spatial sizes."""
    axes = len(weight_shape) - 2
    if axes < 1 or len(x_shape) != axes + 2:
        raise ShapeError(
            f"{name}: input (N, C, *spatial) and weight (O, C / groups, *kernel) of as many axes are needed, got "
            f"{tuple(x_shape)} and {tuple(weight_shape)}"
        )
    stride, dilation = per_axis(stride, axes, f"{name}: stride"), per_axis(dilation, axes, f"{name}: dilation")
    padding = _pairs(padding, axes, name)
    if min(stride) < 1 or min(dilation) < 1 or groups < 1:
        raise ArgumentError(f"{name}: stride {stride}, dilation {dilation} and groups {groups} must be positive")
    if min(map(min, padding)) < 0:
        raise ArgumentError(f"{name}: padding {padding} must not be negative; crop the input instead")
    if x_shape[1] != weight_shape[1] * groups or weight_shape[0] % groups:
        raise ShapeError(
            f"{name}: input has {x_shape[1]} channels, weight {tuple(weight_shape)} with groups={groups} wants "
            f"{weight_shape[1] * groups} (and out channels divisible by groups)"
        )
    sizes = []
    for n, k, s, (before, after), d in zip(x_shape[2:], weight_shape[2:], stride, padding, dilation, strict=True):
        size = output_size(n, k, s, before, after, d)
        if size < 1 or k < 1:
            raise ShapeError(
                f"{name}: a kernel of size {tuple(weight_shape[2:])} with dilation {dilation} does not fit an input of "
                f"shape {tuple(x_shape)} with padding {padding}"
            )
        sizes.append(size)
    return stride, padding, dilation, tuple(sizes)


def _prepare_conv(
    device: Any, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Any, ...]:
    name = f"conv{len(weight.shape) - 2}d" if len(weight.shape) > 2 else "conv"
    stride, padding, dilation, _ = _windows(name, x.shape, weight.shape, stride, padding, dilation, groups)
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(
            f"{name}: bias has shape {tuple(bias.shape)}, expected {(weight.shape[0],)} for weight {tuple(weight.shape)}"
        )
    return stride, padding, dilation, groups


def _prepare_input(
    device: Any, c: Any, weight: Any, x_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Any, ...]:
    name = "conv_input"
    stride, padding, dilation, sizes = _windows(name, x_shape, weight.shape, stride, padding, dilation, groups)
    _check_output(name, c, (x_shape[0], weight.shape[0], *sizes))
    return tuple(x_shape), stride, padding, dilation, groups


def _prepare_weight(
    device: Any, x: Any, c: Any, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Any, ...]:
    name = "conv_weight"
    stride, padding, dilation, sizes = _windows(name, x.shape, weight_shape, stride, padding, dilation, groups)
    _check_output(name, c, (x.shape[0], weight_shape[0], *sizes))
    return tuple(weight_shape), stride, padding, dilation, groups


def _check_output(name: str, c: Any, expected: tuple[int, ...]) -> None:
    if tuple(c.shape) != expected:
        raise ShapeError(f"{name}: the cotangent has shape {tuple(c.shape)}, expected {expected}")


def _conv_body(xp: Any, x: Any, weight: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    n, o = x.shape[0], weight.shape[0]
    kernel = tuple(weight.shape)[2:]
    out = tuple(
        output_size(size, k, s, before, after, d)
        for size, k, s, (before, after), d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    )
    k = weight.shape[1] * size_of(kernel)
    columns = xp.reshape(patches(xp, x, kernel, stride, padding, dilation, out), (n, groups, k, size_of(out)))
    matrix = xp.reshape(weight, (groups, o // groups, k))
    result = xp.reshape(xp.matmul(matrix, columns), (n, o, *out))
    return result if bias is None else result + xp.reshape(bias, (1, o, *(1,) * len(out)))


def _conv_input_body(
    xp: Any, c: Any, weight: Any, *, x_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Scatter each tap's share back: spread by the stride, shift, and sum."""
    n, channels, *sizes = x_shape
    o, cg, *kernel = weight.shape
    out = tuple(c.shape)[2:]
    matrix = xp.matrix_transpose(xp.reshape(weight, (groups, o // groups, cg * size_of(kernel))))
    columns = xp.matmul(matrix, xp.reshape(c, (n, groups, o // groups, size_of(out))))
    taps = xp.reshape(columns, (n, channels, size_of(kernel), *out))
    total: Any = None
    for t, places in enumerate(itertools.product(*map(range, kernel))):
        tap = spread(xp, taps[:, :, t, ...], stride)
        starts = [i * d for i, d in zip(places, dilation, strict=True)]
        widths = [
            (a, size + before + after - a - m)
            for a, size, (before, after), m in zip(starts, sizes, padding, tap.shape[2:], strict=True)
        ]
        placed = xp.pad(tap, widths=((0, 0), (0, 0), *widths))
        total = placed if total is None else total + placed
    inside = [slice(before, before + size) for size, (before, _) in zip(sizes, padding, strict=True)]
    return total[(slice(None), slice(None), *inside)]


def _conv_weight_body(
    xp: Any, x: Any, c: Any, *, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    n = x.shape[0]
    o, cg, *kernel = weight_shape
    out = tuple(c.shape)[2:]
    windows = patches(xp, x, kernel, stride, padding, dilation, out)
    columns = xp.reshape(windows, (n, groups, cg * size_of(kernel), size_of(out)))
    rows = xp.reshape(c, (n, groups, o // groups, size_of(out)))
    total = xp.sum(xp.matmul(rows, xp.matrix_transpose(columns)), axis=0, dtype=x.dtype)
    return xp.reshape(total, tuple(weight_shape))


def _conv_vjp(
    xp: Any, g: Any, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int, wants: Any
) -> tuple[Any, Any, Any]:
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (
        xp.conv_input(g, xp.conj(weight), x_shape=tuple(x.shape), **how) if wants[0] else None,
        xp.conv_weight(xp.conj(x), g, weight_shape=tuple(weight.shape), **how) if wants[1] else None,
        xp.sum(g, axis=(0, *range(2, len(g.shape)))) if wants[2] else None,
    )


# Under vmap an operation stays one operation: what its own batch axis does not take goes into the channels, as groups.


def _channels(xp: Any, size: int, a: Any, batched: bool) -> Any:
    """Return (size, N, C, ...), or (N, C, ...) for every sample alike, as (N, size * C, ...)."""
    if not batched:
        a = xp.broadcast_to(xp.expand_dims(a, axis=1), (a.shape[0], size, *tuple(a.shape)[1:]))
    else:
        a = xp.moveaxis(a, (0,), (1,))
    return xp.reshape(a, (a.shape[0], size * a.shape[2], *tuple(a.shape)[3:]))


def _samples(xp: Any, size: int, a: Any) -> Any:
    """Return (N, size * C, ...) as (size, N, C, ...)."""
    shape = tuple(a.shape)
    return xp.moveaxis(xp.reshape(a, (shape[0], size, shape[1] // size, *shape[2:])), (1,), (0,))


def _rows(xp: Any, a: Any) -> Any:
    """Return (size, N, ...) as (size * N, ...)."""
    shape = tuple(a.shape)
    return xp.reshape(a, (shape[0] * shape[1], *shape[2:]))


def _batch_conv(
    xp: Any, size: int, x: Any, weight: Any, bias: Any, batched: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Any:  # fmt: skip
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    apart = bias is not None and (batched[1] or batched[2])
    inside = None if apart else bias
    if batched[1]:
        alone = groups == 1 and not batched[0]
        wide = x if alone else _channels(xp, size, x, batched[0])
        out = xp.conv(wide, _rows(xp, weight), inside, groups=1 if alone else size * groups, **how)
        out = _samples(xp, size, out)
    elif batched[0]:
        out = xp.conv(_rows(xp, x), weight, inside, groups=groups, **how)
        out = xp.reshape(out, (size, x.shape[1], *tuple(out.shape)[1:]))
    else:
        out = xp.expand_dims(xp.conv(x, weight, inside, groups=groups, **how), axis=0)
    if not apart:
        return out
    # Not by an operator: a library's own array refuses what is wrapped on its right.
    return xp.add(out, xp.reshape(bias, (size if batched[2] else 1, 1, -1, *(1,) * (len(out.shape) - 3))))


def _batch_input(
    xp: Any, size: int, c: Any, weight: Any, batched: Any, x_shape: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Any:  # fmt: skip
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    n, channels, *sizes = x_shape
    if not batched[1]:
        found = xp.conv_input(_rows(xp, c), weight, x_shape=(size * n, channels, *sizes), groups=groups, **how)
        return xp.reshape(found, (size, n, channels, *sizes))
    wide = {"x_shape": (n, size * channels, *sizes), **how}
    if groups == 1 and not batched[0]:
        kernels = xp.moveaxis(weight, (0,), (1,))
        kernels = xp.reshape(kernels, (kernels.shape[0], size * channels, *tuple(kernels.shape)[3:]))
        return _samples(xp, size, xp.conv_input(c, kernels, groups=1, **wide))
    found = xp.conv_input(_channels(xp, size, c, batched[0]), _rows(xp, weight), groups=size * groups, **wide)
    return _samples(xp, size, found)


def _batch_weight(
    xp: Any, size: int, x: Any, c: Any, batched: Any, weight_shape: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Any:  # fmt: skip
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    o, cg, *kernel = weight_shape
    if groups == 1 and not batched[1]:
        found = xp.conv_weight(
            _channels(xp, size, x, True), c, weight_shape=(o, size * cg, *kernel), groups=1, **how
        )
        return _samples(xp, size, found)
    alone = groups == 1 and not batched[0]
    found = xp.conv_weight(
        x if alone else _channels(xp, size, x, batched[0]), _channels(xp, size, c, batched[1]),
        weight_shape=(size * o, cg, *kernel), groups=1 if alone else size * groups, **how,
    )  # fmt: skip
    return xp.reshape(found, (size, o, cg, *kernel))


conv = general(
    "conv", "x, weight, bias=None, /, *, stride=1, padding=0, dilation=1, groups=1",
    "Return the cross-correlation of x (N, C, *spatial) with kernels (O, C / groups, *kernel).",
    body=_conv_body, vjp=_conv_vjp, prepare=_prepare_conv, batch=_batch_conv, category="numeric",
)  # fmt: skip
conv_input = bilinear(
    "conv_input", "c, weight, /, *, x_shape, stride, padding, dilation, groups",
    "Return the transpose of `conv` in its input, applied to a cotangent `c`: a transposed convolution.",
    body=_conv_input_body,
    transpose=(
        lambda xp, g, weight, stride, padding, dilation, groups: xp.conv(
            g, xp.conj(weight), None, stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        lambda xp, g, c, weight_shape, stride, padding, dilation, groups: xp.conv_weight(
            g, xp.conj(c), weight_shape=tuple(weight_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
    ),
    prepare=_prepare_input, batch=_batch_input, category="numeric",
)  # fmt: skip
conv_weight = bilinear(
    "conv_weight", "x, c, /, *, weight_shape, stride, padding, dilation, groups",
    "Return the transpose of `conv` in its weight, applied to a cotangent `c`.", body=_conv_weight_body,
    transpose=(
        lambda xp, g, c, x_shape, stride, padding, dilation, groups: xp.conv_input(
            xp.conj(c), g, x_shape=tuple(x_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        lambda xp, g, x, stride, padding, dilation, groups: xp.conv(
            xp.conj(x), g, None, stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
    ),
    prepare=_prepare_weight, batch=_batch_weight, category="numeric",
)  # fmt: skip
