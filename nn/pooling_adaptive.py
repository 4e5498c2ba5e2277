"""Adaptive pooling over one to three axes: windows are laid out to give the output size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..core.tensor import Tensor
from .functions.pooling_adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]

Sizes = int | None | Sequence[int | None]


class _AdaptiveAvgPool(Module):
    """What adaptive mean pooling is in any number of axes."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Sizes) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Take the means."""
        return type(self)._function(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(Module):
    """What adaptive maximum pooling is in any number of axes."""

    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """Take the maxima; with `return_indices` their places as well."""
        return type(self)._function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    r"""Means of windows that are laid out to give the output size.

    .. math:: y_i = \mathrm{mean}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    from n elements to m.

    Shapes: input (N, C, L) or (C, L) of floats, output (…, *output_size).

    Parameters
    ----------
    output_size : int or None
        The spatial sizes of the output; None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AdaptiveAvgPool1d(5)(cb.ones(1, 64, 8)).shape
    (1, 64, 5)
    """

    _function = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    r"""Means of windows that are laid out to give the output size.

    .. math:: y_i = \mathrm{mean}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    along both axes, from n elements to m.

    Shapes: input (N, C, H, W) or (C, H, W) of floats, output (…, *output_size).

    Parameters
    ----------
    output_size : int, None or pair of them
        The spatial sizes of the output; None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AdaptiveAvgPool2d((5, 7))(cb.ones(1, 64, 8, 9)).shape
    (1, 64, 5, 7)
    """

    _function = staticmethod(adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    r"""Means of windows that are laid out to give the output size.

    .. math:: y_i = \mathrm{mean}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    along each axis, from n elements to m.

    Shapes: input (N, C, D, H, W) or (C, D, H, W) of floats, output (…, *output_size).

    Parameters
    ----------
    output_size : int, None or three of them
        The spatial sizes of the output; None keeps the input's.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AdaptiveAvgPool3d((5, None, 2))(cb.ones(1, 8, 8, 9, 10)).shape
    (1, 8, 5, 9, 2)
    """

    _function = staticmethod(adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    r"""Maxima of windows that are laid out to give the output size.

    .. math:: y_i = \mathrm{max}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    from n elements to m.

    Shapes: input (N, C, L) or (C, L) of floats, output (…, *output_size).

    Parameters
    ----------
    output_size : int or None
        The spatial sizes of the output; None keeps the input's.
    return_indices : bool
        Whether to return the places of the maxima in the flattened spatial axes too.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AdaptiveMaxPool1d(5)(cb.ones(1, 64, 8)).shape
    (1, 64, 5)
    """

    _function = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    r"""Maxima of windows that are laid out to give the output size.

    .. math:: y_i = \mathrm{max}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    along both axes, from n elements to m.

    Shapes: input (N, C, H, W) or (C, H, W) of floats, output (…, *output_size).

    Parameters
    ----------
    output_size : int, None or pair of them
        The spatial sizes of the output; None keeps the input's.
    return_indices : bool
        Whether to return the places of the maxima in the flattened spatial axes too.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AdaptiveMaxPool2d((5, 7))(cb.ones(1, 64, 8, 9)).shape
    (1, 64, 5, 7)
    """

    _function = staticmethod(adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    r"""Maxima of windows that are laid out to give the output size.

    .. math:: y_i = \mathrm{max}(x_{\lfloor i n / m \rfloor}, \ldots, x_{\lceil (i + 1) n / m \rceil - 1})

    along each axis, from n elements to m.

    Shapes: input (N, C, D, H, W) or (C, D, H, W) of floats, output (…, *output_size).

    Parameters
    ----------
    output_size : int, None or three of them
        The spatial sizes of the output; None keeps the input's.
    return_indices : bool
        Whether to return the places of the maxima in the flattened spatial axes too.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AdaptiveMaxPool3d((5, None, 2))(cb.ones(1, 8, 8, 9, 10)).shape
    (1, 8, 5, 9, 2)
    """

    _function = staticmethod(adaptive_max_pool3d)
