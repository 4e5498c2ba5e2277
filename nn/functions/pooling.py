"""Pooling as functions: the largest value, the mean or the p-norm of each window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.tensor import Tensor
from .convolution import SPATIAL, ints

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]

IntOrInts = int | Sequence[int]


def batched(input: Tensor, axes: int, name: str) -> bool:
    """Whether an input has a batch axis; refuse what is neither one sample nor a batch."""
    if input.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            f"{name}: an input (N, C, {SPATIAL[axes]}) or (C, {SPATIAL[axes]}) is needed, got shape "
            f"{tuple(input.shape)}"
        )
    return input.ndim == axes + 2


def on_batch(function: Callable[..., Any], input: Tensor, axes: int, name: str, **statics: Any) -> Any:
    """Call a row on a batch, or on one sample as a batch of one."""
    if batched(input, axes, name):
        return function(input, **statics)
    found = function(ops.expand_dims(input, axis=0), **statics)
    return tuple(ops.squeeze(f, 0) for f in found) if isinstance(found, tuple) else ops.squeeze(found, 0)


def floats_only(input: Tensor, name: str) -> None:
    """Refuse integers, whose means are none."""
    if input.dtype.kind != "float":
        raise DTypeError(f"{name}: takes real floating-point dtypes, not {input.dtype.name}; convert with x.float()")


def _windows(kernel_size: Any, stride: Any, padding: Any, axes: int, name: str) -> dict[str, Any]:
    kernel = ints(kernel_size, axes, f"{name}: kernel_size")
    widths = ints(padding, axes, f"{name}: padding")
    if any(w < 0 or w > k // 2 for w, k in zip(widths, kernel)):
        raise ArgumentError(
            f"{name}: padding lies between 0 and half the kernel size, got padding={padding}, kernel_size={kernel}"
        )
    # An empty stride means none, as in PyTorch.
    given = stride is not None and not (isinstance(stride, (list, tuple)) and not stride)
    return {
        "kernel_size": kernel,
        "stride": ints(stride, axes, f"{name}: stride") if given else kernel,
        "padding": widths,
    }


def _max(
    axes: int, indices: bool, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    name = f"max_pool{axes}d"
    statics = _windows(kernel_size, stride, padding, axes, name)
    statics["dilation"] = ints(dilation, axes, f"{name}: dilation")
    function = ops.max_pool_with_indices if indices else ops.max_pool
    found = on_batch(function, input, axes, name, ceil_mode=ceil_mode, **statics)
    return tuple(found) if indices else found


def _avg(
    axes: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:  # fmt: skip
    name = f"avg_pool{axes}d"
    floats_only(input, name)
    if divisor_override == 0:
        raise ArgumentError(f"{name}: divisor_override must not be zero")
    statics = _windows(kernel_size, stride, padding, axes, name)
    if axes == 3 and any(n < k for n, k in zip(input.shape[-3:], statics["kernel_size"])):
        # Of volumes alone PyTorch wants this without the padding.
        window = statics["kernel_size"]
        raise ShapeError(f"{name}: a window of {window} is larger than an input of shape {tuple(input.shape)}")
    how = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad, "divisor_override": divisor_override}
    return on_batch(ops.avg_pool, input, axes, name, **statics, **how)  # type: ignore[no-any-return]


def _lp(axes: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    name = f"lp_pool{axes}d"
    kernel = ints(kernel_size, axes, f"{name}: kernel_size")
    batched(input, axes, name)
    mean = _avg(axes, ops.pow(input, norm_type), kernel, stride, 0, ceil_mode, True, None)
    size = ops.abs(mean)
    # A choice, so that the root's infinite slope at zero goes no further.
    size = ops.where(size <= 0, ops.zeros_like(size), size)
    return ops.pow(ops.sign(mean) * size * math.prod(kernel), 1.0 / norm_type)


def max_pool1d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    r"""Take the maximum of each window, as `nn.MaxPool1d`; NaN is larger than everything.

    Shapes: input (N, C, L) or (C, L). With `return_indices` the result is
    (maxima, their places in the flattened spatial axes).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.max_pool1d(cb.ones(1, 1, 6), 2).shape
    (1, 1, 3)
    """
    return _max(1, return_indices, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Take the maximum of each window and its place in the flattened spatial axes, whatever `return_indices` says.

    Shapes: input (N, C, L) or (C, L).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.max_pool1d_with_indices(cb.ones(1, 1, 6), 2)[1].shape
    (1, 1, 3)
    """
    return _max(1, True, input, kernel_size, stride, padding, dilation, ceil_mode)  # type: ignore[no-any-return]


def max_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    r"""Take the maximum of each window, as `nn.MaxPool2d`; NaN is larger than everything.

    Shapes: input (N, C, H, W) or (C, H, W). With `return_indices` the result is
    (maxima, their places in the flattened spatial axes).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.max_pool2d(cb.ones(1, 1, 4, 6), 2).shape
    (1, 1, 2, 3)
    """
    return _max(2, return_indices, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Take the maximum of each window and its place in the flattened spatial axes, whatever `return_indices` says.

    Shapes: input (N, C, H, W) or (C, H, W).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.max_pool2d_with_indices(cb.ones(1, 1, 4, 6), 2)[1].shape
    (1, 1, 2, 3)
    """
    return _max(2, True, input, kernel_size, stride, padding, dilation, ceil_mode)  # type: ignore[no-any-return]


def max_pool3d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    r"""Take the maximum of each window, as `nn.MaxPool3d`; NaN is larger than everything.

    Shapes: input (N, C, D, H, W) or (C, D, H, W). With `return_indices` the result is
    (maxima, their places in the flattened spatial axes).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.max_pool3d(cb.ones(1, 1, 4, 6, 2), 2).shape
    (1, 1, 2, 3, 1)
    """
    return _max(3, return_indices, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Take the maximum of each window and its place in the flattened spatial axes, whatever `return_indices` says.

    Shapes: input (N, C, D, H, W) or (C, D, H, W).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.max_pool3d_with_indices(cb.ones(1, 1, 4, 6, 2), 2)[1].shape
    (1, 1, 2, 3, 1)
    """
    return _max(3, True, input, kernel_size, stride, padding, dilation, ceil_mode)  # type: ignore[no-any-return]


def avg_pool1d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Take the mean of each window, as `nn.AvgPool1d`.

    Shapes: input (N, C, L) or (C, L), of floats.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.avg_pool1d(cb.ones(1, 1, 6), 2).shape
    (1, 1, 3)
    """
    return _avg(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Take the mean of each window, as `nn.AvgPool2d`.

    Shapes: input (N, C, H, W) or (C, H, W), of floats.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.avg_pool2d(cb.ones(1, 1, 4, 6), 2).shape
    (1, 1, 2, 3)
    """
    return _avg(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Take the mean of each window, as `nn.AvgPool3d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), of floats.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.avg_pool3d(cb.ones(1, 1, 4, 6, 2), 2).shape
    (1, 1, 2, 3, 1)
    """
    return _avg(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: int,
    stride: IntOrInts | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    r"""Take the p-norm :math:`(\sum x^p)^{1/p}` of each window, as `nn.LPPool1d`.

    Shapes: input (N, C, L) or (C, L), of floats.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.lp_pool1d(cb.ones(1, 1, 6), 1, 2).shape
    (1, 1, 3)
    """
    return _lp(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    r"""Take the p-norm :math:`(\sum x^p)^{1/p}` of each window, as `nn.LPPool2d`.

    Shapes: input (N, C, H, W) or (C, H, W), of floats.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.lp_pool2d(cb.ones(1, 1, 4, 6), 1, 2).shape
    (1, 1, 2, 3)
    """
    return _lp(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    r"""Take the p-norm :math:`(\sum x^p)^{1/p}` of each window, as `nn.LPPool3d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), of floats.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.lp_pool3d(cb.ones(1, 1, 4, 6, 2), 1, 2).shape
    (1, 1, 2, 3, 1)
    """
    return _lp(3, input, norm_type, kernel_size, stride, ceil_mode)
