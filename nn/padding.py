"""Padding of the last one to three axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from .functions.padding import pad
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


def _widths(padding: Any, axes: int, name: str) -> tuple[int, ...]:
    """Return one int for all sides, or one for each, as a tuple."""
    found = (padding,) * (2 * axes) if isinstance(padding, int) else padding
    if not isinstance(found, (tuple, list)) or len(found) != 2 * axes or not all(isinstance(w, int) for w in found):
        raise ArgumentError(f"{name}: padding is an int or {2 * axes} ints, the widths of both sides, got {padding!r}")
    return tuple(found)


class _Pad(Module):
    """What padding by a mode is in any number of axes."""

    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _widths(padding, self.axes, type(self).__name__)

    def forward(self, input: Tensor) -> Tensor:
        """Pad."""
        return pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """Return the widths."""
        return f"{self.padding}"


class _ConstantPad(Module):
    """What padding with a constant is in any number of axes."""

    axes: ClassVar[int]

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__()
        self.padding = _widths(padding, self.axes, type(self).__name__)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Pad."""
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """What padding with zeros is in any number of axes."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """Return the widths."""
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    r"""Pads with a constant, along the last axis.

    .. math:: y_i = x_{i - p} \text{ inside},\; v \text{ outside}

    along each axis, p elements in front. Negative widths crop. Shapes: input of any shape.

    Parameters
    ----------
    padding : int or pair of int
        The widths (left, right), or one for all.
    value : float
        The constant.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ConstantPad1d(2, 7.)(cb.tensor([[0., 1., 2., 3.]]))
    tensor([[7., 7., 0., 1., 2., 3., 7., 7.]])
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    r"""Pads with a constant, along the last two axes.

    .. math:: y_i = x_{i - p} \text{ inside},\; v \text{ outside}

    along each axis, p elements in front. Negative widths crop. Shapes: input of any shape.

    Parameters
    ----------
    padding : int or four ints
        The widths (left, right, top, bottom), or one for all.
    value : float
        The constant.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ConstantPad2d((1, 1, 2, 0), 7.)(cb.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    axes = 2


class ConstantPad3d(_ConstantPad):
    r"""Pads with a constant, along the last three axes.

    .. math:: y_i = x_{i - p} \text{ inside},\; v \text{ outside}

    along each axis, p elements in front. Negative widths crop. Shapes: input of any shape.

    Parameters
    ----------
    padding : int or six ints
        The widths (left, right, top, bottom, front, back), or one for all.
    value : float
        The constant.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ConstantPad3d(1, 7.)(cb.ones(1, 1, 3, 4, 5)).shape
    (1, 1, 5, 6, 7)
    """

    axes = 3


class ZeroPad1d(_ZeroPad):
    r"""Pads with zeros, along the last axis.

    .. math:: y_i = x_{i - p} \text{ inside},\; 0 \text{ outside}

    along each axis, p elements in front. Negative widths crop. Shapes: input of any shape.

    Parameters
    ----------
    padding : int or pair of int
        The widths (left, right), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ZeroPad1d(2)(cb.tensor([[0., 1., 2., 3.]]))
    tensor([[0., 0., 0., 1., 2., 3., 0., 0.]])
    """

    axes = 1


class ZeroPad2d(_ZeroPad):
    r"""Pads with zeros, along the last two axes.

    .. math:: y_i = x_{i - p} \text{ inside},\; 0 \text{ outside}

    along each axis, p elements in front. Negative widths crop. Shapes: input of any shape.

    Parameters
    ----------
    padding : int or four ints
        The widths (left, right, top, bottom), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ZeroPad2d((1, 1, 2, 0))(cb.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    axes = 2


class ZeroPad3d(_ZeroPad):
    r"""Pads with zeros, along the last three axes.

    .. math:: y_i = x_{i - p} \text{ inside},\; 0 \text{ outside}

    along each axis, p elements in front. Negative widths crop. Shapes: input of any shape.

    Parameters
    ----------
    padding : int or six ints
        The widths (left, right, top, bottom, front, back), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ZeroPad3d(1)(cb.ones(1, 1, 3, 4, 5)).shape
    (1, 1, 5, 6, 7)
    """

    axes = 3


class ReflectionPad1d(_Pad):
    r"""Pads with the reflection of what stands inside, the edge itself not repeated, along the last axis.

    .. math:: y_i = x_{|i - p|} \text{ in front},\; x_{2 (n - 1) - (i - p)} \text{ behind}

    along each axis, p elements in front. Widths are less than the sizes. Shapes: input (N, C, W) or (C, W).

    Parameters
    ----------
    padding : int or pair of int
        The widths (left, right), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ReflectionPad1d(2)(cb.tensor([[0., 1., 2., 3.]]))
    tensor([[2., 1., 0., 1., 2., 3., 2., 1.]])
    """

    axes = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    r"""Pads with the reflection of what stands inside, the edge itself not repeated, along the last two axes.

    .. math:: y_i = x_{|i - p|} \text{ in front},\; x_{2 (n - 1) - (i - p)} \text{ behind}

    along each axis, p elements in front. Widths are less than the sizes. Shapes: input (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    padding : int or four ints
        The widths (left, right, top, bottom), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ReflectionPad2d((1, 1, 2, 0))(cb.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    axes = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    r"""Pads with the reflection of what stands inside, the edge itself not repeated, along the last three axes.

    .. math:: y_i = x_{|i - p|} \text{ in front},\; x_{2 (n - 1) - (i - p)} \text{ behind}

    along each axis, p elements in front. Widths are less than the sizes. Shapes: input (N, C, D, H, W) or (C, D, H, W).

    Parameters
    ----------
    padding : int or six ints
        The widths (left, right, top, bottom, front, back), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ReflectionPad3d(1)(cb.ones(1, 1, 3, 4, 5)).shape
    (1, 1, 5, 6, 7)
    """

    axes = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    r"""Pads with the element at the edge, along the last axis.

    .. math:: y_i = x_{\min(\max(i - p, 0), n - 1)}

    along each axis, p elements in front. Shapes: input (N, C, W) or (C, W).

    Parameters
    ----------
    padding : int or pair of int
        The widths (left, right), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ReplicationPad1d(2)(cb.tensor([[0., 1., 2., 3.]]))
    tensor([[0., 0., 0., 1., 2., 3., 3., 3.]])
    """

    axes = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    r"""Pads with the element at the edge, along the last two axes.

    .. math:: y_i = x_{\min(\max(i - p, 0), n - 1)}

    along each axis, p elements in front. Shapes: input (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    padding : int or four ints
        The widths (left, right, top, bottom), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ReplicationPad2d((1, 1, 2, 0))(cb.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    axes = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    r"""Pads with the element at the edge, along the last three axes.

    .. math:: y_i = x_{\min(\max(i - p, 0), n - 1)}

    along each axis, p elements in front. Shapes: input (N, C, D, H, W) or (C, D, H, W).

    Parameters
    ----------
    padding : int or six ints
        The widths (left, right, top, bottom, front, back), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ReplicationPad3d(1)(cb.ones(1, 1, 3, 4, 5)).shape
    (1, 1, 5, 6, 7)
    """

    axes = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    r"""Pads with what stands at the other end, along the last axis.

    .. math:: y_i = x_{(i - p) \bmod n}

    along each axis, p elements in front. Widths are at most the sizes. Shapes: input (N, C, W) or (C, W).

    Parameters
    ----------
    padding : int or pair of int
        The widths (left, right), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.CircularPad1d(2)(cb.tensor([[0., 1., 2., 3.]]))
    tensor([[2., 3., 0., 1., 2., 3., 0., 1.]])
    """

    axes = 1
    mode = "circular"


class CircularPad2d(_Pad):
    r"""Pads with what stands at the other end, along the last two axes.

    .. math:: y_i = x_{(i - p) \bmod n}

    along each axis, p elements in front. Widths are at most the sizes. Shapes: input (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    padding : int or four ints
        The widths (left, right, top, bottom), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.CircularPad2d((1, 1, 2, 0))(cb.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    axes = 2
    mode = "circular"


class CircularPad3d(_Pad):
    r"""Pads with what stands at the other end, along the last three axes.

    .. math:: y_i = x_{(i - p) \bmod n}

    along each axis, p elements in front. Widths are at most the sizes. Shapes: input (N, C, D, H, W) or (C, D, H, W).

    Parameters
    ----------
    padding : int or six ints
        The widths (left, right, top, bottom, front, back), or one for all.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.CircularPad3d(1)(cb.ones(1, 1, 3, 4, 5)).shape
    (1, 1, 5, 6, 7)
    """

    axes = 3
    mode = "circular"
