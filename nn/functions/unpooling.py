"""The partial inverse of maximum pooling, and maximum pooling of randomly placed windows, as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.tensor import Tensor
from .convolution import ints
from .pooling import IntOrInts, batched, floats_only

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]


def _unpool(
    axes: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    name = f"max_unpool{axes}d"
    whole = batched(input, axes, name)
    if tuple(indices.shape) != tuple(input.shape):
        raise ShapeError(f"{name}: indices have shape {tuple(indices.shape)}, the input {tuple(input.shape)}")
    kernel = ints(kernel_size, axes, f"{name}: kernel_size")
    steps = kernel if stride is None or stride in ((), []) else ints(stride, axes, f"{name}: stride")
    widths = ints(padding, axes, f"{name}: padding")
    sizes = tuple(input.shape[-axes:])
    found = tuple((n - 1) * s + k - 2 * p for n, s, k, p in zip(sizes, steps, kernel, widths))
    if output_size is not None:
        found = _between(name, axes, tuple(output_size), found, steps)
    if whole:
        return ops.max_unpool(input, indices, output_size=found)
    alone = ops.max_unpool(ops.expand_dims(input, axis=0), ops.expand_dims(indices, axis=0), output_size=found)
    return ops.squeeze(alone, 0)


def _between(
    name: str, axes: int, given: tuple[int, ...], default: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[int, ...]:
    """Check an output size: less than a stride from the one that follows from the windows."""
    size = given[2:] if len(given) == axes + 2 else given
    if len(size) != axes:
        raise ArgumentError(f"{name}: output_size has {axes} or {axes + 2} elements, got {len(given)}")
    for i, (m, n, s) in enumerate(zip(size, default, stride)):
        if not n - s < m < n + s:
            raise ArgumentError(
                f"{name}: output_size {given} does not fit: spatial axis {i} lies between {n - s + 1} and {n + s - 1}"
            )
    return size


def _fractional(
    axes: int, indices: bool, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any
) -> Any:
    name = f"fractional_max_pool{axes}d"
    floats_only(input, name)
    if not batched(input, axes, name):
        one = ops.expand_dims(input, axis=0)
        found = _fractional(axes, indices, one, kernel_size, output_size, output_ratio, samples)
        return tuple(ops.squeeze(f, 0) for f in found) if indices else ops.squeeze(found, 0)
    n, c, *sizes = tuple(input.shape)
    kernel = ints(kernel_size, axes, f"{name}: kernel_size")
    out = _fractional_size(name, axes, tuple(sizes), output_size, output_ratio)
    for size, m, k in zip(sizes, out, kernel):
        if m < 1 or k < 1 or m + k - 1 > size:
            raise ShapeError(
                f"{name}: {out} windows of {kernel} need spatial sizes of at least output_size + kernel_size - 1, got "
                f"an input of shape {tuple(input.shape)}"
            )
    if samples is None:
        samples = ops.rand((n, c, axes), dtype=input.dtype, device=input.device)
    if samples.dtype != input.dtype:
        raise DTypeError(f"{name}: _random_samples are of the input's {input.dtype.name}, got {samples.dtype.name}")
    if tuple(samples.shape) != (n, c, axes):
        raise ShapeError(f"{name}: _random_samples have shape {(n, c, axes)}, got {tuple(samples.shape)}")
    # Of the plane the last axis has the first sample, of the volume the first.
    order = range(axes) if axes == 3 else reversed(range(axes))
    starts = [
        _starts(samples[:, :, j : j + 1], size, m, k) for j, size, m, k in zip(order, sizes, out, kernel, strict=True)
    ]
    places = _winners(input.detach(), starts, kernel)
    flat = ops.reshape(input, (n, c, math.prod(sizes)))
    chosen = ops.take_along_axis(flat, ops.reshape(places, (n, c, math.prod(out))), axis=2)
    chosen = ops.reshape(chosen, (n, c, *out))
    return (chosen, places) if indices else chosen


def _fractional_size(name: str, axes: int, sizes: tuple[int, ...], size: Any, ratio: Any) -> tuple[int, ...]:
    if (size is None) == (ratio is None):
        raise ArgumentError(f"{name}: give either output_size or output_ratio")
    if size is not None:
        return ints(size, axes, f"{name}: output_size")
    ratios = tuple(ratio) if isinstance(ratio, (tuple, list)) else (ratio,) * axes
    if len(ratios) != axes or not all(0 < r < 1 for r in ratios):
        raise ArgumentError(f"{name}: output_ratio is a number between 0 and 1, or {axes} of them, got {ratio!r}")
    return tuple(int(n * r) for n, r in zip(sizes, ratios))


def _starts(sample: Tensor, size: int, count: int, kernel: int) -> Tensor:
    """Where windows begin along one axis (N, C, count): pseudo-random steps, the last window at the end."""
    if count > 1:
        alpha = (size - kernel) / (count - 1)
        number = ops.arange(count - 1, dtype=sample.dtype, device=sample.device)
        steps = ops.floor((number + sample) * alpha) - ops.floor(sample * alpha)
        last = ops.full_like(sample, size - kernel)
        return ops.astype(ops.concat([steps, last], axis=2), sample.device.whole)
    return ops.full_like(sample, size - kernel, dtype=sample.device.whole)


def _winners(x: Tensor, starts: list[Tensor], kernel: tuple[int, ...]) -> Tensor:
    """The place of each window's first maximum in the flattened spatial axes; the last NaN wins over everything."""
    n, c, *sizes = tuple(x.shape)
    axes, out, count = len(sizes), tuple(s.shape[2] for s in starts), math.prod(kernel)
    places: Any = 0
    for i, (start, k) in enumerate(zip(starts, kernel)):
        line = ops.expand_dims(start, axis=3) + ops.arange(k, device=x.device)
        shape = [n, c] + [1] * (2 * axes)
        shape[2 + i], shape[2 + axes + i] = out[i], k
        places = places + ops.reshape(line, tuple(shape)) * math.prod(sizes[i + 1 :])
    flat = ops.reshape(places, (n, c, math.prod(out) * count))
    windows = ops.take_along_axis(ops.reshape(x, (n, c, math.prod(sizes))), flat, axis=2)
    windows, places = (ops.reshape(v, (n, c, *out, count)) for v in (windows, places))
    nan = ops.isnan(windows)
    number = ops.arange(1, count + 1, dtype=x.dtype, device=x.device)
    last = ops.where(nan, number, ops.zeros_like(windows))
    ranked = ops.where(ops.any(nan, axis=-1, keepdims=True), last, windows)
    best = ops.argmax(ranked, axis=-1, keepdims=True)
    return ops.squeeze(ops.take_along_axis(places, best, axis=-1), -1)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back where they were, and zeros elsewhere, as `nn.MaxUnpool1d`.

    Shapes: input and indices (N, C, L) or (C, L).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> out, places = F.max_pool1d(cb.tensor([[[1., 3., 2., 0.]]]), 2, return_indices=True)
    >>> F.max_unpool1d(out, places, 2)
    tensor([[[0., 3., 2., 0.]]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back where they were, and zeros elsewhere, as `nn.MaxUnpool2d`.

    Shapes: input and indices (N, C, H, W) or (C, H, W).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> out, places = F.max_pool2d(cb.ones(1, 1, 4, 6), 2, return_indices=True)
    >>> F.max_unpool2d(out, places, 2).shape
    (1, 1, 4, 6)
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back where they were, and zeros elsewhere, as `nn.MaxUnpool3d`.

    Shapes: input and indices (N, C, D, H, W) or (C, D, H, W).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> out, places = F.max_pool3d(cb.ones(1, 1, 4, 6, 2), 2, return_indices=True)
    >>> F.max_unpool3d(out, places, 2).shape
    (1, 1, 4, 6, 2)
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    output_size: IntOrInts | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Take maxima of windows at pseudo-random steps, as `nn.FractionalMaxPool2d`.

    B. Graham, Fractional max-pooling (arXiv:1412.6071). Shapes: input (N, C, H, W) or (C, H, W), of floats;
    `_random_samples` (N, C, 2) in [0, 1), drawn if not given.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.fractional_max_pool2d(cb.ones(1, 1, 5, 6), 2, output_size=(3, 4)).shape
    (1, 1, 3, 4)
    """
    indices = return_indices
    return _fractional(2, indices, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: IntOrInts,
    output_size: IntOrInts | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Take fractional maxima and their places in the flattened spatial axes, whatever `return_indices` says.

    B. Graham, Fractional max-pooling (arXiv:1412.6071). Shapes: input (N, C, H, W) or (C, H, W), of floats;
    `_random_samples` (N, C, 2) in [0, 1), drawn if not given.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.fractional_max_pool2d_with_indices(cb.ones(1, 1, 5, 6), 2, output_size=(3, 4))[1].shape
    (1, 1, 3, 4)
    """
    indices = True
    return _fractional(2, indices, input, kernel_size, output_size, output_ratio, _random_samples)  # type: ignore[no-any-return]


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: IntOrInts,
    output_size: IntOrInts | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Take maxima of windows at pseudo-random steps, as `nn.FractionalMaxPool3d`.

    B. Graham, Fractional max-pooling (arXiv:1412.6071). Shapes: input (N, C, D, H, W) or (C, D, H, W), of floats;
    `_random_samples` (N, C, 3) in [0, 1), drawn if not given.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.fractional_max_pool3d(cb.ones(1, 1, 5, 6, 7), 2, output_size=(3, 4, 5)).shape
    (1, 1, 3, 4, 5)
    """
    indices = return_indices
    return _fractional(3, indices, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: IntOrInts,
    output_size: IntOrInts | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Take fractional maxima and their places in the flattened spatial axes, whatever `return_indices` says.

    B. Graham, Fractional max-pooling (arXiv:1412.6071). Shapes: input (N, C, D, H, W) or (C, D, H, W), of floats;
    `_random_samples` (N, C, 3) in [0, 1), drawn if not given.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.fractional_max_pool3d_with_indices(cb.ones(1, 1, 5, 6, 7), 2, output_size=(3, 4, 5))[1].shape
    (1, 1, 3, 4, 5)
    """
    indices = True
    return _fractional(3, indices, input, kernel_size, output_size, output_ratio, _random_samples)  # type: ignore[no-any-return]
