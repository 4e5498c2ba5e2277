"""Convolutions over one to three axes, and their transposes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

Pair = tuple[int, int]
IntOrInts = int | Sequence[int]

_NUMBERS = {1: "one int", 2: "a pair of ints", 3: "three ints"}
SPATIAL = {1: "L", 2: "H, W", 3: "D, H, W"}


def ints(value: Any, axes: int, name: str) -> tuple[int, ...]:
    """Return an int, or a sequence with one int for each axis (or for all), as a tuple."""
    if type(value) is int:
        return (value,) * axes
    if type(value) is tuple and len(value) == axes and all(type(v) is int for v in value):
        return value
    try:
        if isinstance(value, Sequence):
            found = tuple(map(operator.index, value)) * (axes if len(value) == 1 else 1)
        else:
            found = (operator.index(value),) * axes
    except TypeError:
        found = ()
    if len(found) != axes:
        raise ArgumentError(f"{name} is an int or {_NUMBERS[axes]}, got {value!r}")
    return found


def widths(
    padding: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], name: str
) -> tuple[Pair, ...]:
    """Return (before, after) of each axis for a number, one number per axis, 'valid' or 'same'."""
    axes = len(kernel)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * axes
        if padding != "same":
            raise ArgumentError(f"{name}: padding is an int, {_NUMBERS[axes]}, 'same' or 'valid', got {padding!r}")
        if max(stride) > 1:
            raise ArgumentError(f"{name}: padding='same' needs stride 1, got stride={stride}; give padding in numbers")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel)]
        # Of an odd number the larger half comes behind.
        return tuple((total // 2, total - total // 2) for total in totals)
    each = ints(padding, axes, f"{name}: padding")
    if min(each) < 0:
        raise ArgumentError(f"{name}: padding is not negative, got {padding!r}; crop the input instead")
    return tuple((p, p) for p in each)


def _check(name: str, axes: int, input: Tensor, weight: Tensor) -> None:
    if weight.ndim != axes + 2:
        raise ShapeError(f"{name}: a weight of {axes + 2} axes is needed, got shape {tuple(weight.shape)}")
    if input.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            f"{name}: an input (N, C, {SPATIAL[axes]}) or (C, {SPATIAL[axes]}) is needed, got shape "
            f"{tuple(input.shape)}"
        )


def _correlate(
    axes: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{axes}d"
    _check(name, axes, input, weight)
    stride = ints(stride, axes, f"{name}: stride")
    dilation = ints(dilation, axes, f"{name}: dilation")
    padding = widths(padding, tuple(weight.shape[2:]), stride, dilation, name)
    if input.ndim == axes + 2:
        return ops.conv(input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
    single = ops.expand_dims(input, axis=0)
    out = ops.conv(single, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return ops.squeeze(out, axis=0)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: str | IntOrInts = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:
    r"""Correlate sequences with kernels.

    .. math:: y_{n,o} = b_o + \sum_c w_{o,c} \star x_{n,c}

    Shapes: input (N, C, L) or (C, L), weight (O, C / groups, k), bias (O,); the other arguments are those of `conv2d`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.conv1d(cb.tensor([[1., 2., 4.]]), cb.tensor([[[1., -1.]]]), padding="same")
    tensor([[-1., -2.,  4.]])
    """
    return _correlate(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: str | IntOrInts = 0,
    dilation: IntOrInts = 1,
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
        Zeros on both sides; 'same' keeps height and width (stride 1), with one zero more behind for an odd total.
    groups : int
        Blocks of channels that see only one another.

    Raises
    ------
    ShapeError, ArgumentError
        If shapes do not fit each other, or an argument is out of range.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.conv2d(cb.ones(1, 4, 5, 5), cb.ones(8, 4, 3, 3), padding=1).shape
    (1, 8, 5, 5)
    """
    return _correlate(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: str | IntOrInts = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:
    r"""Correlate volumes with kernels.

    .. math:: y_{n,o} = b_o + \sum_c w_{o,c} \star x_{n,c}

    Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, kD, kH, kW), bias (O,); the other arguments
    are those of `conv2d`, with three numbers in place of two.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.conv3d(cb.ones(1, 2, 4, 5, 6), cb.ones(3, 2, 2, 3, 3), stride=(2, 1, 1)).shape
    (1, 3, 2, 3, 4)
    """
    return _correlate(3, input, weight, bias, stride, padding, dilation, groups)


def _transposed(
    axes: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, output_padding: Any,
    groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    name = f"conv_transpose{axes}d"
    _check(name, axes, input, weight)
    if isinstance(padding, str):
        raise ArgumentError(f"{name}: padding is an int or {_NUMBERS[axes]}, got {padding!r}")
    kernel = tuple(weight.shape[2:])
    stride, dilation = ints(stride, axes, f"{name}: stride"), ints(dilation, axes, f"{name}: dilation")
    pads = widths(padding, kernel, stride, dilation, name)
    more = ints(output_padding, axes, f"{name}: output_padding")
    if any(m < 0 or m >= max(s, d) for m, s, d in zip(more, stride, dilation)):
        raise ArgumentError(
            f"{name}: output_padding is not negative and smaller than stride or dilation, got output_padding={more}, "
            f"stride={stride}, dilation={dilation}"
        )
    single = input.ndim == axes + 1
    x = ops.expand_dims(input, axis=0) if single else input
    channels = weight.shape[1] * groups
    if x.shape[1] != weight.shape[0]:
        raise ShapeError(
            f"{name}: input {tuple(input.shape)} has {x.shape[1]} channels, weight {tuple(weight.shape)} wants "
            f"{weight.shape[0]}"
        )
    if bias is not None and tuple(bias.shape) != (channels,):
        raise ShapeError(f"{name}: bias has shape {tuple(bias.shape)}, expected {(channels,)}")
    sizes, cut, behind = [], [], []
    for n, k, s, (p, _), d, m in zip(x.shape[2:], kernel, stride, pads, dilation, more):
        size = (n - 1) * s - 2 * p + d * (k - 1) + 1 + m
        if size < 1:
            raise ShapeError(
                f"{name}: nothing is left of an input {tuple(input.shape)} with weight {tuple(weight.shape)}, "
                f"stride={stride}, padding={padding}, dilation={dilation}"
            )
        # What is asked for beyond a stride comes out of the padding behind, and beyond that it is zeros.
        zeros = max(0, m - p) if m >= s else 0
        cut.append((p, p if m < s else max(0, p - m)))
        sizes.append(size - zeros)
        behind.append((0, zeros))
    out = ops.conv_input(
        x, weight, x_shape=(x.shape[0], channels, *sizes), stride=stride, padding=tuple(cut), dilation=dilation,
        groups=groups,
    )  # fmt: skip
    if any(zeros for _, zeros in behind):
        out = ops.pad(out, widths=((0, 0), (0, 0), *behind))
    if bias is not None:
        out = out + ops.reshape(bias, (channels, *(1,) * axes))
    return ops.squeeze(out, axis=0) if single else out


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Tensor:
    r"""Apply the transpose of `conv1d`: spread sequences by kernels.

    Shapes: input (N, C, L) or (C, L), weight (C, O / groups, k), bias (O,); output length
    (L − 1)·stride − 2·padding + dilation·(k − 1) + output_padding + 1. The arguments are those of `conv_transpose2d`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.conv_transpose1d(cb.tensor([[1., 2.]]), cb.tensor([[[1., 10.]]]), stride=2)
    tensor([[ 1., 10.,  2., 20.]])
    """
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Tensor:
    r"""Apply the transpose of `conv2d`: spread images by kernels (Zeiler et al., 2010).

    Parameters
    ----------
    input : Tensor
        Shape (N, C, H, W), or (C, H, W) for one image.
    weight : Tensor
        Shape (C, O / groups, kH, kW).
    bias : Tensor, optional
        Shape (O,).
    stride, dilation : int or pair
        Steps between the kernel's places in the output, and between its taps.
    padding : int or pair
        How much of the output is cut off on both sides.
    output_padding : int or pair
        How much more of the output is kept behind; smaller than stride or dilation. Of the sizes that `conv2d` maps to
        the input's one it chooses one.
    groups : int
        Blocks of channels that see only one another.

    Returns
    -------
    Tensor
        Shape (N, O, H', W') with H' = (H − 1)·stride − 2·padding + dilation·(kH − 1) + output_padding + 1.

    Raises
    ------
    ShapeError, ArgumentError
        If shapes do not fit each other, or an argument is out of range.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.conv_transpose2d(cb.ones(1, 4, 5, 5), cb.ones(4, 8, 3, 3), stride=2, padding=1, output_padding=1).shape
    (1, 8, 10, 10)
    """
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Tensor:
    r"""Apply the transpose of `conv3d`: spread volumes by kernels.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, kD, kH, kW), bias (O,); the other arguments
    are those of `conv_transpose2d`, with three numbers in place of two.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.conv_transpose3d(cb.ones(2, 4, 3, 5, 5), cb.ones(4, 8, 2, 3, 3)).shape
    (2, 8, 4, 7, 7)
    """
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    r"""Correlate sequences whose first axis is time with kernels.

    Shapes: input (T, N, C), weight (k, C, O), bias (O,), output (T + 2·pad − k + 1, N, O).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.conv_tbc(cb.ones(5, 2, 4), cb.ones(3, 4, 6), cb.zeros(6), 1).shape
    (5, 2, 6)
    """
    if input.ndim != 3 or weight.ndim != 3:
        raise ShapeError(
            f"conv_tbc: an input (T, N, C) and a weight (k, C, O) are needed, got shapes {tuple(input.shape)} and "
            f"{tuple(weight.shape)}"
        )
    out = conv1d(ops.permute_dims(input, (1, 2, 0)), ops.permute_dims(weight, (2, 1, 0)), bias, padding=pad)
    return ops.permute_dims(out, (2, 0, 1))
