"""Convolution over one to three axes, and its transpose."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..core import ops
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from . import init
from .functions.convolution import (
    SPATIAL,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    ints,
    widths,
)
from .functions.padding import pad
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Base(Module):
    """What both directions share: the arguments, the parameters and their first values."""

    axes: ClassVar[int]
    transposed: ClassVar[bool] = False
    _function: ClassVar[Callable[..., Tensor]]
    weight: Parameter
    bias: Parameter | None

    def _setup(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, output_padding: Any,
        dilation: Any, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        name, axes = type(self).__name__, self.axes
        for what, number in (("in_channels", in_channels), ("out_channels", out_channels)):
            if number < 0:
                raise ArgumentError(f"{name}: {what} is not negative, got {number}")
        if groups <= 0:
            raise ArgumentError(f"{name}: groups is a positive number, got {groups}")
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: in_channels={in_channels} and out_channels={out_channels} are no multiples of groups={groups}"
            )
        if padding_mode not in _MODES:
            raise ArgumentError(
                f"{name}: padding_mode is 'zeros', 'reflect', 'replicate' or 'circular', got {padding_mode!r}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = ints(kernel_size, axes, f"{name}: kernel_size")
        self.stride = ints(stride, axes, f"{name}: stride")
        self.padding = padding if isinstance(padding, str) else ints(padding, axes, f"{name}: padding")
        self.dilation = ints(dilation, axes, f"{name}: dilation")
        self.output_padding = ints(output_padding, axes, f"{name}: output_padding")
        self.padding_mode = padding_mode
        for what in ("kernel_size", "stride", "dilation"):
            if min(getattr(self, what)) <= 0:
                raise ArgumentError(f"{name}: {what} is positive, got {getattr(self, what)}")
        self._widths = widths(self.padding, self.kernel_size, self.stride, self.dilation, name)
        channels = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        factory = {"device": device, "dtype": dtype}
        shape = (channels[0], channels[1] // groups, *self.kernel_size)
        self.weight = Parameter(ops.empty(shape, **factory))
        self.register_parameter("bias", Parameter(ops.empty((out_channels,), **factory)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def _check(self, input: Tensor) -> None:
        axes, channels = self.axes, self.in_channels
        if input.ndim not in (axes + 1, axes + 2) or input.shape[-axes - 1] != channels:
            raise ShapeError(
                f"{type(self).__name__}: an input of shape (N, {channels}, {SPATIAL[axes]}) or "
                f"({channels}, {SPATIAL[axes]}) is needed, got {tuple(input.shape)}"
            )

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        none, one = (0,) * self.axes, (1,) * self.axes
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != none:
            text += f", padding={self.padding}"
        if self.dilation != one:
            text += f", dilation={self.dilation}"
        if self.output_padding != none:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Convolution(_Base):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._setup(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode, device,
            dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        self._check(input)
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            around = [width for pair in reversed(self._widths) for width in pair]
            input, padding = pad(input, around, mode=self.padding_mode), 0
        return self._function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Convolution):
    r"""A convolution layer over sequences.

    .. math:: y_{n,o} = b_o + \sum_c w_{o,c} \star x_{n,c}

    Shapes: input (N, in_channels, L) or (in_channels, L), output (N, out_channels, L') with
    L' = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1; weight
    (out_channels, in_channels / groups, k), bias (out_channels,). Both start uniform in ±1/√fan_in.

    Parameters are those of `Conv2d`, with one number in place of two.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Conv1d(16, 33, 3, stride=2)(cb.ones(20, 16, 50)).shape
    (20, 33, 24)
    """

    axes = 1
    _function = staticmethod(conv1d)


class Conv2d(_Convolution):
    r"""A convolution layer over images.

    .. math:: y_{n,o} = b_o + \sum_c w_{o,c} \star x_{n,c}

    Shapes: input (N, in_channels, H, W) or (in_channels, H, W), output (N, out_channels, H', W') with
    H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1; weight
    (out_channels, in_channels / groups, kH, kW), bias (out_channels,). Both start uniform in ±1/√fan_in.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    kernel_size : int or pair
        Height and width of the kernels.
    stride, dilation : int or pair
        Steps between the kernel's places, and between its taps.
    padding : int, pair, 'valid' or 'same'
        Padding on both sides; 'same' keeps height and width (stride 1).
    groups : int
        Blocks of channels that see only one another.
    bias : bool
        Whether there is a bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands in the padding.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Conv2d(16, 33, 3, stride=2)(cb.ones(2, 16, 50, 100)).shape
    (2, 33, 24, 49)
    """

    axes = 2
    _function = staticmethod(conv2d)


class Conv3d(_Convolution):
    r"""A convolution layer over volumes.

    .. math:: y_{n,o} = b_o + \sum_c w_{o,c} \star x_{n,c}

    Shapes: input (N, in_channels, D, H, W) or (in_channels, D, H, W), output (N, out_channels, D', H', W') with
    D' = ⌊(D + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1; weight
    (out_channels, in_channels / groups, kD, kH, kW), bias (out_channels,). Both start uniform in ±1/√fan_in.

    Parameters are those of `Conv2d`, with three numbers in place of two.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Conv3d(4, 6, (2, 3, 3), padding=(0, 1, 1))(cb.ones(1, 4, 5, 8, 8)).shape
    (1, 6, 4, 8, 8)
    """

    axes = 3
    _function = staticmethod(conv3d)


class _Transposed(_Base):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if padding_mode in _MODES[1:]:
            raise ArgumentError(
                f"{name}: padding_mode={padding_mode!r} has no meaning where padding is cut off; it is 'zeros'"
            )
        if isinstance(padding, str):
            raise ArgumentError(f"{name}: padding is given in numbers, got {padding!r}")
        self._setup(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Spread the input by the kernels.

        `output_size`, the spatial sizes of the output (or its whole shape), takes the place of `output_padding`.
        """
        self._check(input)
        more = self.output_padding if output_size is None else self._to_size(input, output_size)
        return self._function(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )

    def _to_size(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        name, wanted = type(self).__name__, tuple(output_size)
        if len(wanted) == input.ndim:
            wanted = wanted[-self.axes :]
        if len(wanted) != self.axes:
            raise ArgumentError(
                f"{name}: output_size has {self.axes} or {input.ndim} numbers for an input of shape "
                f"{tuple(input.shape)}, got {tuple(output_size)}"
            )
        # The sizes that a convolution with this stride maps to the input's.
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, (p, _), d, k in zip(
                input.shape[-self.axes :], self.stride, self._widths, self.dilation, self.kernel_size
            )
        ]
        most = [n + s - 1 for n, s in zip(least, self.stride)]
        if any(not low <= n <= high for low, n, high in zip(least, wanted, most)):
            raise ArgumentError(
                f"{name}: output_size={wanted} lies not between {tuple(least)} and {tuple(most)}, the sizes that an "
                f"input of shape {tuple(input.shape)} can give"
            )
        return tuple(n - low for n, low in zip(wanted, least))


class ConvTranspose1d(_Transposed):
    r"""The transpose of a convolution layer over sequences: it turns the shapes of `Conv1d` around.

    Shapes: input (N, in_channels, L) or (in_channels, L), output (N, out_channels, L') with
    L' = (L − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1; weight
    (in_channels, out_channels / groups, k), bias (out_channels,). Both start uniform in ±1/√fan_in.

    Parameters are those of `ConvTranspose2d`, with one number in place of two.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ConvTranspose1d(16, 33, 3, stride=2)(cb.ones(20, 16, 50)).shape
    (20, 33, 101)
    """

    axes = 1
    _function = staticmethod(conv_transpose1d)


class ConvTranspose2d(_Transposed):
    r"""The transpose of a convolution layer over images (Zeiler et al., "Deconvolutional networks", 2010).

    It turns the shapes of `Conv2d` around; it is no inverse.

    Shapes: input (N, in_channels, H, W) or (in_channels, H, W), output (N, out_channels, H', W') with
    H' = (H − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1; weight
    (in_channels, out_channels / groups, kH, kW), bias (out_channels,). Both start uniform in ±1/√fan_in.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    kernel_size : int or pair
        Height and width of the kernels.
    stride, dilation : int or pair
        Steps between the kernel's places in the output, and between its taps.
    padding : int or pair
        How much of the output is cut off on both sides.
    output_padding : int or pair
        How much more of it is kept behind; smaller than stride or dilation. The call's `output_size` does without.
    groups : int
        Blocks of channels that see only one another.
    bias : bool
        Whether there is a bias.
    padding_mode : {"zeros"}
        No other has a meaning here.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> down, up = nn.Conv2d(16, 16, 3, stride=2, padding=1), nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
    >>> x = cb.ones(1, 16, 12, 12)
    >>> up(down(x), output_size=x.shape).shape
    (1, 16, 12, 12)
    """

    axes = 2
    _function = staticmethod(conv_transpose2d)


class ConvTranspose3d(_Transposed):
    r"""The transpose of a convolution layer over volumes: it turns the shapes of `Conv3d` around.

    Shapes: input (N, in_channels, D, H, W) or (in_channels, D, H, W), output (N, out_channels, D', H', W') with
    D' = (D − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1; weight
    (in_channels, out_channels / groups, kD, kH, kW), bias (out_channels,). Both start uniform in ±1/√fan_in.

    Parameters are those of `ConvTranspose2d`, with three numbers in place of two.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ConvTranspose3d(4, 6, 2, stride=(1, 2, 2))(cb.ones(1, 4, 5, 8, 8)).shape
    (1, 6, 6, 16, 16)
    """

    axes = 3
    _function = staticmethod(conv_transpose3d)
