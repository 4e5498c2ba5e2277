"""Windows over one to three spatial axes: what convolution, pooling and unfolding share.

An input is (N, C, *spatial). A tap is one place of a window; its share of all windows is one strided slice.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, ShapeError


def per_axis(value: Any, axes: int, name: str) -> tuple[int, ...]:
    """Return an int, or a sequence with an int for each spatial axis, as a tuple."""
    items = value if isinstance(value, (tuple, list)) else (value,)
    try:
        found = tuple(map(operator.index, items))
    except TypeError:
        raise ArgumentTypeError(f"{name} is an int or {axes} ints, not {value!r}") from None
    if len(found) == 1:
        found *= axes
    if len(found) != axes:
        raise ArgumentError(f"{name} is an int or {axes} ints, not {value!r}")
    return found


def spatial_axes(name: str, x: Any) -> int:
    """Return how many spatial axes an operand (N, C, *spatial) has; only the batch may be empty."""
    axes = len(x.shape) - 2
    if not 1 <= axes <= 3:
        raise ShapeError(
            f"{name}: an input (batch, channels, *spatial) with one to three spatial axes is needed, got shape "
            f"{tuple(x.shape)}"
        )
    if 0 in tuple(x.shape)[1:]:
        raise ShapeError(f"{name}: only the batch may be empty, got an input of shape {tuple(x.shape)}")
    return axes


def output_size(n: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    """Return the size of one axis after sliding a window along it."""
    return (n + before + after - dilation * (kernel - 1) - 1) // stride + 1


def patches(xp: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, out: Any) -> Any:
    """Return windows (N, C, taps, *out) by strided slices of x (N, C, *spatial), padded by (before, after) pairs."""
    if any(a or b for a, b in padding):
        x = xp.pad(x, widths=((0, 0), (0, 0), *padding))
    taps = []
    for places in itertools.product(*map(range, kernel)):
        cuts = [
            slice(i * d, i * d + (m - 1) * s + 1, s) for i, d, m, s in zip(places, dilation, out, stride, strict=True)
        ]
        taps.append(x[(slice(None), slice(None), *cuts)])
    return xp.stack(taps, axis=2)


def overlay(xp: Any, taps: Any, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Return the transpose of `patches`: the sum (N, C, *size) of windows (N, C, taps, *out) laid in their places."""
    whole = [n + before + after for n, (before, after) in zip(size, padding, strict=True)]
    total: Any = None
    for number, places in enumerate(itertools.product(*map(range, kernel))):
        tap = spread(xp, taps[:, :, number, ...], stride)
        begin = [i * d for i, d in zip(places, dilation, strict=True)]
        spare = [(b, n - b - m) for b, n, m in zip(begin, whole, tuple(tap.shape)[2:], strict=True)]
        placed = xp.pad(tap, widths=((0, 0), (0, 0), *spare))
        total = placed if total is None else total + placed
    cuts = [slice(before, before + n) for n, (before, _) in zip(size, padding, strict=True)]
    return total[(slice(None), slice(None), *cuts)]


def spread(xp: Any, x: Any, stride: Any) -> Any:
    """Put zeros between neighbours of the spatial axes so that they lie a stride apart."""
    n = len(x.shape)
    for axis, s in enumerate(stride, start=n - len(stride)):
        if s > 1:
            shape = list(x.shape)
            widths = tuple((0, s - 1) if i == axis + 1 else (0, 0) for i in range(n + 1))
            wide = xp.pad(xp.expand_dims(x, axis=axis + 1), widths=widths)
            shape[axis] *= s
            cut = [slice(None)] * n
            cut[axis] = slice(0, shape[axis] - s + 1)
            x = xp.reshape(wide, tuple(shape))[tuple(cut)]
    return x
