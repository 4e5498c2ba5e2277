"""Pooling over one to three axes: the largest value, the mean or the p-norm of each window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..core.tensor import Tensor
from .functions.convolution import ints
from .functions.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from .module import Module

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

IntOrInts = int | Sequence[int]


class _MaxPool(Module):
    """What maximum pooling is in any number of axes."""

    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        dilation: IntOrInts = 1,
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
        """Take the maxima; with `return_indices` their places as well."""
        how = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)
        return type(self)._function(input, *how)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class _AvgPool(Module):
    """What mean pooling is in two or three axes."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
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
        how = (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return type(self)._function(input, *how, self.divisor_override)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _LPPool(Module):
    """What pooling of p-norms is in any number of axes."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        norm_type: float,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """Take the norms."""
        return type(self)._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    r"""The maximum of each window; NaN is larger than everything.

    .. math:: y_l = \max_i x_{l s + i d}

    Shapes: input (N, C, L) or (C, L); each spatial size n becomes
    ⌊(n + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, or the ceiling with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int
        The window's size.
    stride : int, optional
        Steps between windows; the kernel size if not given.
    padding : int
        Minus infinity on both sides.
    dilation : int
        Steps between a window's elements.
    return_indices : bool
        Whether to return the places of the maxima in the flattened spatial axes too.
    ceil_mode : bool
        Whether a window may hang over the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MaxPool1d(3, stride=2)(cb.ones(2, 16, 50)).shape
    (2, 16, 24)
    """

    _function = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    r"""The maximum of each window; NaN is larger than everything.

    .. math:: y_{h,w} = \max_{i,j} x_{h s + i d,\, w s + j d}

    Shapes: input (N, C, H, W) or (C, H, W); each spatial size n becomes
    ⌊(n + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, or the ceiling with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int or pair
        The window's size.
    stride : int or pair, optional
        Steps between windows; the kernel size if not given.
    padding : int or pair
        Minus infinity on both sides.
    dilation : int or pair
        Steps between a window's elements.
    return_indices : bool
        Whether to return the places of the maxima in the flattened spatial axes too.
    ceil_mode : bool
        Whether a window may hang over the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MaxPool2d(3, stride=2)(cb.ones(2, 16, 50, 32)).shape
    (2, 16, 24, 15)
    """

    _function = staticmethod(max_pool2d)


class MaxPool3d(_MaxPool):
    r"""The maximum of each window; NaN is larger than everything.

    .. math:: y_{d,h,w} = \max_{i,j,k} x_{d s + i t,\, h s + j t,\, w s + k t}

    Shapes: input (N, C, D, H, W) or (C, D, H, W); each spatial size n becomes
    ⌊(n + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, or the ceiling with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int or three ints
        The window's size.
    stride : int or three ints, optional
        Steps between windows; the kernel size if not given.
    padding : int or three ints
        Minus infinity on both sides.
    dilation : int or three ints
        Steps between a window's elements.
    return_indices : bool
        Whether to return the places of the maxima in the flattened spatial axes too.
    ceil_mode : bool
        Whether a window may hang over the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MaxPool3d(3, stride=2)(cb.ones(2, 16, 50, 32, 8)).shape
    (2, 16, 24, 15, 3)
    """

    _function = staticmethod(max_pool3d)


class AvgPool1d(Module):
    r"""The mean of each window.

    .. math:: y_l = \frac{1}{k} \sum_i x_{l s + i}

    Shapes: input (N, C, L) or (C, L) of floats; L becomes ⌊(L + 2·padding − kernel_size) / stride⌋ + 1, or the ceiling
    with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int
        The window's size.
    stride : int, optional
        Steps between windows; the kernel size if not given.
    padding : int
        Zeros on both sides.
    ceil_mode : bool
        Whether a window may hang over the end.
    count_include_pad : bool
        Whether the padding's zeros count in the mean.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AvgPool1d(3, stride=2)(cb.ones(2, 16, 50)).shape
    (2, 16, 24)
    """

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = ints(kernel_size, 1, "AvgPool1d: kernel_size")
        self.stride = self.kernel_size if stride is None else ints(stride, 1, "AvgPool1d: stride")
        self.padding = ints(padding, 1, "AvgPool1d: padding")
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Take the means."""
        return avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    r"""The mean of each window.

    .. math:: y_{h,w} = \frac{1}{k_h k_w} \sum_{i,j} x_{h s + i,\, w s + j}

    Shapes: input (N, C, H, W) or (C, H, W) of floats; each spatial size n becomes
    ⌊(n + 2·padding − kernel_size) / stride⌋ + 1, or the ceiling with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int or pair
        The window's size.
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

    _function = staticmethod(avg_pool2d)


class AvgPool3d(_AvgPool):
    r"""The mean of each window.

    .. math:: y_{d,h,w} = \frac{1}{k_d k_h k_w} \sum_{i,j,k} x_{d s + i,\, h s + j,\, w s + k}

    Shapes: input (N, C, D, H, W) or (C, D, H, W) of floats; each spatial size n becomes
    ⌊(n + 2·padding − kernel_size) / stride⌋ + 1, or the ceiling with `ceil_mode`.

    Parameters
    ----------
    kernel_size : int or three ints
        The window's size.
    stride : int or three ints, optional
        Steps between windows; the kernel size if not given.
    padding : int or three ints
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
    >>> nn.AvgPool3d((3, 2, 2), stride=(2, 1, 2))(cb.ones(2, 16, 50, 32, 8)).shape
    (2, 16, 24, 31, 4)
    """

    _function = staticmethod(avg_pool3d)


class LPPool1d(_LPPool):
    r"""The p-norm of each window.

    .. math:: y = \Bigl( \sum_{x \in \text{window}} x^p \Bigr)^{1/p}

    With p = 1 these are sums, with large p nearly maxima. Where a sum is zero, so is the gradient.

    Shapes: input (N, C, L) or (C, L) of floats; each spatial size n becomes ⌊(n − kernel_size) / stride⌋ + 1, or
    the ceiling with `ceil_mode`.

    Parameters
    ----------
    norm_type : float
        The exponent p.
    kernel_size : int
        The window's size.
    stride : int, optional
        Steps between windows; the kernel size if not given.
    ceil_mode : bool
        Whether a window may hang over the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LPPool1d(2, 3, stride=2)(cb.ones(2, 16, 50)).shape
    (2, 16, 24)
    """

    _function = staticmethod(lp_pool1d)


class LPPool2d(_LPPool):
    r"""The p-norm of each window.

    .. math:: y = \Bigl( \sum_{x \in \text{window}} x^p \Bigr)^{1/p}

    With p = 1 these are sums, with large p nearly maxima. Where a sum is zero, so is the gradient.

    Shapes: input (N, C, H, W) or (C, H, W) of floats; each spatial size n becomes ⌊(n − kernel_size) / stride⌋ + 1, or
    the ceiling with `ceil_mode`.

    Parameters
    ----------
    norm_type : float
        The exponent p.
    kernel_size : int or pair
        The window's size.
    stride : int or pair, optional
        Steps between windows; the kernel size if not given.
    ceil_mode : bool
        Whether a window may hang over the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LPPool2d(1.2, (3, 2), stride=(2, 1))(cb.ones(2, 16, 50, 32)).shape
    (2, 16, 24, 31)
    """

    _function = staticmethod(lp_pool2d)


class LPPool3d(_LPPool):
    r"""The p-norm of each window.

    .. math:: y = \Bigl( \sum_{x \in \text{window}} x^p \Bigr)^{1/p}

    With p = 1 these are sums, with large p nearly maxima. Where a sum is zero, so is the gradient.

    Shapes: input (N, C, D, H, W) or (C, D, H, W) of floats; each spatial size n becomes
    ⌊(n − kernel_size) / stride⌋ + 1, or the ceiling with `ceil_mode`.

    Parameters
    ----------
    norm_type : float
        The exponent p.
    kernel_size : int or three ints
        The window's size.
    stride : int or three ints, optional
        Steps between windows; the kernel size if not given.
    ceil_mode : bool
        Whether a window may hang over the end.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LPPool3d(2, 3, stride=2)(cb.ones(2, 16, 50, 32, 8)).shape
    (2, 16, 24, 15, 3)
    """

    _function = staticmethod(lp_pool3d)
