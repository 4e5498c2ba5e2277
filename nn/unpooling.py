"""The partial inverse of maximum pooling, and maximum pooling of randomly placed windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from .functions.convolution import ints
from .functions.unpooling import (
    fractional_max_pool2d,
    fractional_max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from .module import Module

__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]

IntOrInts = int | Sequence[int]


class _MaxUnpool(Module):
    """What undoing a maximum pooling is in any number of axes."""

    axes: ClassVar[int]
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, kernel_size: IntOrInts, stride: IntOrInts | None = None, padding: IntOrInts = 0) -> None:
        super().__init__()
        name, axes = type(self).__name__, self.axes
        self.kernel_size = ints(kernel_size, axes, f"{name}: kernel_size")
        self.stride = self.kernel_size if stride is None else ints(stride, axes, f"{name}: stride")
        self.padding = ints(padding, axes, f"{name}: padding")

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Put the values where the indices say."""
        return type(self)._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _FractionalMaxPool(Module):
    """What fractional maximum pooling is in two or three axes."""

    axes: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: IntOrInts,
        output_size: IntOrInts | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name, axes = type(self).__name__, self.axes
        self.kernel_size = ints(kernel_size, axes, f"{name}: kernel_size")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(f"{name}: give either output_size or output_ratio")
        self.output_size = None if output_size is None else ints(output_size, axes, f"{name}: output_size")
        self.output_ratio: tuple[float, ...] | None = None
        if output_ratio is not None:
            given: Any = output_ratio
            ratios = tuple(given) if isinstance(given, (tuple, list)) else (given,) * axes
            if len(ratios) != axes or not all(0 < r < 1 for r in ratios):
                raise ArgumentError(
                    f"{name}: output_ratio is a number between 0 and 1, or {axes} of them, got {output_ratio!r}"
                )
            self.output_ratio = ratios

    def forward(self, input: Tensor) -> Any:
        """Take the maxima; with `return_indices` their places as well."""
        how = (self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples)
        return type(self)._function(input, *how)


class MaxUnpool1d(_MaxUnpool):
    r"""Puts maxima back where `MaxPool1d` found them, and zeros elsewhere.

    .. math:: y_{\mathrm{indices}_i} = x_i

    Shapes: input and indices (N, C, L) or (C, L); each spatial size n becomes
    (n − 1)·stride − 2·padding + kernel_size, or what `output_size` says in the call.

    Parameters
    ----------
    kernel_size : int
        The window's size.
    stride : int, optional
        Steps between windows; the kernel size if not given.
    padding : int
        What the pooling padded with.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> out, places = nn.MaxPool1d(2, return_indices=True)(cb.ones(1, 16, 10))
    >>> nn.MaxUnpool1d(2)(out, places).shape
    (1, 16, 10)
    """

    axes = 1
    _function = staticmethod(max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    r"""Puts maxima back where `MaxPool2d` found them, and zeros elsewhere.

    .. math:: y_{\mathrm{indices}_i} = x_i

    Shapes: input and indices (N, C, H, W) or (C, H, W); each spatial size n becomes
    (n − 1)·stride − 2·padding + kernel_size, or what `output_size` says in the call.

    Parameters
    ----------
    kernel_size : int or pair
        The window's size.
    stride : int or pair, optional
        Steps between windows; the kernel size if not given.
    padding : int or pair
        What the pooling padded with.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> out, places = nn.MaxPool2d(2, return_indices=True)(cb.ones(1, 16, 10, 8))
    >>> nn.MaxUnpool2d(2)(out, places).shape
    (1, 16, 10, 8)
    """

    axes = 2
    _function = staticmethod(max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    r"""Puts maxima back where `MaxPool3d` found them, and zeros elsewhere.

    .. math:: y_{\mathrm{indices}_i} = x_i

    Shapes: input and indices (N, C, D, H, W) or (C, D, H, W); each spatial size n becomes
    (n − 1)·stride − 2·padding + kernel_size, or what `output_size` says in the call.

    Parameters
    ----------
    kernel_size : int or three ints
        The window's size.
    stride : int or three ints, optional
        Steps between windows; the kernel size if not given.
    padding : int or three ints
        What the pooling padded with.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> out, places = nn.MaxPool3d(2, return_indices=True)(cb.ones(1, 16, 10, 8, 6))
    >>> nn.MaxUnpool3d(2)(out, places).shape
    (1, 16, 10, 8, 6)
    """

    axes = 3
    _function = staticmethod(max_unpool3d)


class FractionalMaxPool2d(_FractionalMaxPool):
    r"""Maxima of windows at pseudo-random steps (B. Graham, Fractional max-pooling, arXiv:1412.6071).

    .. math:: y_i = \max(x_{a_i}, \ldots, x_{a_i + k - 1}), \quad
        a_i = \lfloor (i + u) \alpha \rfloor - \lfloor u \alpha \rfloor, \quad \alpha = \frac{n - k}{m - 1}

    along each axis, from n elements to m, with u drawn anew for each plane and axis at each call.

    Shapes: input (N, C, H, W) or (C, H, W) of floats, output (…, *output_size).

    Parameters
    ----------
    kernel_size : int or pair
        The window's size.
    output_size : int or pair, optional
        The spatial sizes of the output; this or `output_ratio`.
    output_ratio : float or sequence of float, optional
        Output size over input size, between 0 and 1.
    return_indices : bool
        Whether to return the places of the maxima in the flattened spatial axes too.
    _random_samples : Tensor, optional
        The numbers u, shape (N, C, 2), kept as a buffer.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.FractionalMaxPool2d(3, output_size=(13, 12))(cb.ones(20, 16, 50, 32)).shape
    (20, 16, 13, 12)
    """

    axes = 2
    _function = staticmethod(fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    r"""Maxima of windows at pseudo-random steps (B. Graham, Fractional max-pooling, arXiv:1412.6071).

    .. math:: y_i = \max(x_{a_i}, \ldots, x_{a_i + k - 1}), \quad
        a_i = \lfloor (i + u) \alpha \rfloor - \lfloor u \alpha \rfloor, \quad \alpha = \frac{n - k}{m - 1}

    along each axis, from n elements to m, with u drawn anew for each plane and axis at each call.

    Shapes: input (N, C, D, H, W) or (C, D, H, W) of floats, output (…, *output_size).

    Parameters
    ----------
    kernel_size : int or three ints
        The window's size.
    output_size : int or three ints, optional
        The spatial sizes of the output; this or `output_ratio`.
    output_ratio : float or sequence of float, optional
        Output size over input size, between 0 and 1.
    return_indices : bool
        Whether to return the places of the maxima in the flattened spatial axes too.
    _random_samples : Tensor, optional
        The numbers u, shape (N, C, 3), kept as a buffer.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.FractionalMaxPool3d(3, output_ratio=0.5)(cb.ones(2, 4, 20, 16, 10)).shape
    (2, 4, 10, 8, 5)
    """

    axes = 3
    _function = staticmethod(fractional_max_pool3d)
