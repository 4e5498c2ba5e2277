"""Pooling over two axes."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from .functions.pooling import avg_pool2d, max_pool2d
from .functions.pooling_adaptive import adaptive_avg_pool2d
from .module import Module

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "MaxPool2d"]


class MaxPool2d(Module):
    r"""The maximum of each window.

    .. math:: y_{h,w} = \max_{i,j} x_{h s + i d,\, w s + j d}

    Shapes: input (N, C, H, W) or (C, H, W), output (…, H', W') with
    H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, or the ceiling with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int or pair
        Height and width of the window.
    stride : int or pair, optional
        Steps between windows; the kernel size if not given.
    padding : int or pair
        Minus infinity on both sides.
    dilation : int or pair
        Steps between a window's elements.
    return_indices : bool
        Whether to return the places of the maxima too.
    ceil_mode : bool
        Whether a window may hang over the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MaxPool2d(3, stride=2)(cb.ones(2, 16, 50, 32)).shape
    (2, 16, 24, 15)
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """Take the maxima."""
        return max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    r"""The mean of each window.

    .. math:: y_{h,w} = \frac{1}{k_h k_w} \sum_{i,j} x_{h s + i,\, w s + j}

    Shapes: input (N, C, H, W) or (C, H, W), output (…, H', W') with H' = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1.

    Parameters
    ----------
    kernel_size : int or pair
        Height and width of the window.
    stride : int or pair, optional
        Steps between windows; the kernel size if not given.
    padding : int or pair
        Zeros on both sides.
    ceil_mode : bool
        Whether a window may hang over the end.
    count_include_pad : bool
        Whether the padding's zeros count in the mean.
    divisor_override : int, optional
        Divides the sums instead of the window's size.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AvgPool2d((3, 2), stride=(2, 1))(cb.ones(2, 16, 50, 32)).shape
    (2, 16, 24, 31)
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Take the means."""
        return avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    r"""Means of windows that are laid out to give the output size.

    .. math:: y_i = \mathrm{mean}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    along both axes, from n elements to m.

    Shapes: input (N, C, H, W) or (C, H, W), output (…, *output_size).

    Parameters
    ----------
    output_size : int, None or pair of them
        Height and width of the output; None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AdaptiveAvgPool2d((5, 7))(cb.ones(1, 64, 8, 9)).shape
    (1, 64, 5, 7)
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Take the means."""
        return adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"output_size={self.output_size}"
