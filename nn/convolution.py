"""Convolution over two axes."""

from __future__ import annotations

import math
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from . import init
from .functions.convolution import Pair, _widths, conv2d, pair
from .functions.padding import pad
from .module import Module
from .parameter import Parameter

__all__ = ["Conv2d"]


class Conv2d(Module):
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

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: str | int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ArgumentError(f"Conv2d: groups is a positive number, got {groups}")
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"Conv2d: in_channels={in_channels} and out_channels={out_channels} are no multiples of groups={groups}"
            )
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ArgumentError(
                f"Conv2d: padding_mode is 'zeros', 'reflect', 'replicate' or 'circular', got {padding_mode!r}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(kernel_size, "Conv2d: kernel_size")
        self.stride = pair(stride, "Conv2d: stride")
        self.padding = padding if isinstance(padding, str) else pair(padding, "Conv2d: padding")
        self.dilation = pair(dilation, "Conv2d: dilation")
        self.groups = groups
        self.padding_mode = padding_mode
        for name in ("kernel_size", "stride", "dilation"):
            if min(getattr(self, name)) <= 0:
                raise ArgumentError(f"Conv2d: {name} is positive, got {getattr(self, name)}")
        _widths(self.padding, self.kernel_size, self.stride, self.dilation)
        factory = {"device": device, "dtype": dtype}
        self.weight = Parameter(ops.empty((out_channels, in_channels // groups, *self.kernel_size), **factory))
        self.register_parameter("bias", Parameter(ops.empty((out_channels,), **factory)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            high, wide = _widths(padding, self.kernel_size, self.stride, self.dilation)
            if input.ndim not in (3, 4):
                raise ShapeError(
                    f"Conv2d: an input of shape (N, {self.in_channels}, H, W) or ({self.in_channels}, H, W) is needed, "
                    f"got {tuple(input.shape)}"
                )
            input, padding = pad(input, (*wide, *high), mode=self.padding_mode), 0
        return conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text
