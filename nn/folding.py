"""Windows of an image laid out as columns, and added up again."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.tensor import Tensor
from .functions.folding import fold, unfold
from .module import Module

__all__ = ["Fold", "Unfold"]

IntOrInts = int | Sequence[int]


class Unfold(Module):
    r"""Lays out the windows of images as columns.

    .. math:: y_{n,\, c k_h k_w + i k_w + j,\, l} = x_{n,\, c,\, h_l + i d,\, w_l + j d}

    where (h_l, w_l) is the corner of window l. Shapes: input (N, C, H, W) or (C, H, W), output (N, C·kH·kW, L) or
    (C·kH·kW, L) with L windows.

    Parameters
    ----------
    kernel_size : int or pair
        The window's height and width.
    dilation : int or pair
        Steps between a window's elements.
    padding : int or pair
        Zeros on both sides.
    stride : int or pair
        Steps between windows.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Unfold(kernel_size=(2, 3))(cb.ones(2, 5, 3, 4)).shape
    (2, 30, 4)
    """

    def __init__(
        self, kernel_size: IntOrInts, dilation: IntOrInts = 1, padding: IntOrInts = 0, stride: IntOrInts = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Lay out the windows."""
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Fold(Module):
    r"""Adds up columns where their windows stand: the transpose of `Unfold`.

    .. math:: y_{n,\, c,\, h,\, w} = \sum_{l, i, j:\ h_l + i d = h,\ w_l + j d = w} x_{n,\, c k_h k_w + i k_w + j,\, l}

    Shapes: input (N, C·kH·kW, L) or (C·kH·kW, L), output (N, C, *output_size) or (C, *output_size).

    Parameters
    ----------
    output_size : int or pair
        Height and width of the images.
    kernel_size : int or pair
        The window's height and width.
    dilation : int or pair
        Steps between a window's elements.
    padding : int or pair
        Zeros on both sides, which are cut off.
    stride : int or pair
        Steps between windows.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Fold(output_size=(4, 5), kernel_size=(2, 2))(cb.ones(1, 12, 12)).shape
    (1, 3, 4, 5)
    """

    def __init__(
        self,
        output_size: IntOrInts,
        kernel_size: IntOrInts,
        dilation: IntOrInts = 1,
        padding: IntOrInts = 0,
        stride: IntOrInts = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Add up the columns."""
        return fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
