"""Convolutions as functions."""

from __future__ import annotations

from typing import Any

from ...core import ops
from ...core.errors import ArgumentError
from ...core.tensor import Tensor

__all__ = ["conv2d"]

Pair = tuple[int, int]


def pair(value: Any, name: str) -> Pair:
    """Return an int or a pair of ints as a pair."""
    if type(value) is tuple and len(value) == 2:
        return value
    if isinstance(value, int):
        return (value, value)
    try:
        one, two = (int(v) for v in value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name} is an int or a pair of ints, got {value!r}") from None
    return one, two


def _widths(padding: Any, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """Return (before, after) of both axes for a number, a pair, 'valid' or 'same'."""
    if isinstance(padding, str):
        if padding == "valid":
            return (0, 0), (0, 0)
        if padding != "same":
            raise ArgumentError(f"conv2d: padding is a number, a pair, 'same' or 'valid', got {padding!r}")
        if stride != (1, 1):
            raise ArgumentError(f"conv2d: padding='same' needs stride 1, got stride={stride}")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel)]
        return (totals[0] // 2, totals[0] - totals[0] // 2), (totals[1] // 2, totals[1] - totals[1] // 2)
    high, wide = pair(padding, "conv2d: padding")
    return (high, high), (wide, wide)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    r"""Correlate images with kernels.

    .. math:: y_{n,o} = b_o + \sum_c w_{o,c} \star x_{n,c}

    Parameters
    ----------
    input : Tensor
        Shape (N, C, H, W), or (C, H, W) for one image.
    weight : Tensor
        Shape (O, C / groups, kH, kW).
    bias : Tensor, optional
        Shape (O,).
    stride, dilation : int or pair
        Steps between the kernel's places, and between its taps.
    padding : int, pair, 'valid' or 'same'
        Zeros on both sides; 'same' keeps height and width (stride 1).
    groups : int
        Blocks of channels that see only one another.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.conv2d(cb.ones(1, 4, 5, 5), cb.ones(8, 4, 3, 3), padding=1).shape
    (1, 8, 5, 5)
    """
    stride = pair(stride, "conv2d: stride")
    dilation = pair(dilation, "conv2d: dilation")
    widths = _widths(padding, tuple(weight.shape[2:]), stride, dilation)  # type: ignore[arg-type]
    if input.ndim == 3:
        single = ops.expand_dims(input, axis=0)
        out = ops.conv(single, weight, bias, stride=stride, padding=widths, dilation=dilation, groups=groups)
        return ops.squeeze(out, axis=0)
    return ops.conv(input, weight, bias, stride=stride, padding=widths, dilation=dilation, groups=groups)
