"""Piecewise linear activations as modules; their formulas stand in `functional.py`."""

from __future__ import annotations

import warnings
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


class InPlace(Module):
    """An activation that may write its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return "inplace=True" if self.inplace else ""


class ReLU(InPlace):
    r"""Cuts off below zero.

    .. math:: y = \max(x, 0)

    Shapes: any.

    Parameters
    ----------
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ReLU()(cb.asarray([-1., 2.]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.relu(input, True) if self.inplace else ops.relu(input)


class Hardtanh(InPlace):
    r"""Cuts off below one bound and above another.

    .. math:: y = \min(\max(x, \mathrm{min}), \mathrm{max})

    Shapes: any.

    Parameters
    ----------
    min_val, max_val : float
        The bounds.
    inplace : bool
        Whether the input takes the result.
    min_value, max_value : float, optional
        Deprecated names of the bounds.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Hardtanh(-2, 2)(cb.asarray([-3., 1.]))
    tensor([-2.,  1.])
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        if min_value is not None:
            warnings.warn("Hardtanh: min_value is deprecated; use min_val", FutureWarning, stacklevel=2)
            min_val = min_value
        if max_value is not None:
            warnings.warn("Hardtanh: max_value is deprecated; use max_val", FutureWarning, stacklevel=2)
            max_val = max_value
        if max_val <= min_val:
            raise ArgumentError(f"Hardtanh: max_val={max_val} must be larger than min_val={min_val}")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    r"""Cuts off below zero and above six.

    .. math:: y = \min(\max(x, 0), 6)

    Shapes: any.

    Parameters
    ----------
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ReLU6()(cb.asarray([-1., 9.]))
    tensor([0., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return "inplace=True" if self.inplace else ""


class LeakyReLU(InPlace):
    r"""Shrinks what is below zero.

    .. math:: y = \max(x, 0) + \mathrm{slope} \cdot \min(x, 0)

    Shapes: any.

    Parameters
    ----------
    negative_slope : float
        The factor below zero.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LeakyReLU(0.5)(cb.asarray([-2., 2.]))
    tensor([-1.,  2.])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    r"""Scales what is below zero by a learned slope.

    .. math:: y = \max(x, 0) + w \cdot \min(x, 0)

    Shapes: input (N, C, ...), output alike; weight (num_parameters,).

    Parameters
    ----------
    num_parameters : int
        One slope, or one per channel.
    init : float
        Where the slopes start.
    device, dtype : optional
        Of the slopes.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.PReLU()(cb.asarray([2.])).shape
    (1,)
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(ops.empty((num_parameters,), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to where they start."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"num_parameters={self.num_parameters}"


class Hardsigmoid(InPlace):
    r"""The sigmoid approximated by a line.

    .. math:: y = \min(\max(x + 3, 0), 6) / 6

    Shapes: any.

    Parameters
    ----------
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Hardsigmoid()(cb.zeros(1))
    tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        """Return nothing, as PyTorch does."""
        return ""


class Hardswish(InPlace):
    r"""The input weighed by its hard sigmoid (Howard et al., 2019).

    .. math:: y = x \min(\max(x + 3, 0), 6) / 6

    Shapes: any.

    Parameters
    ----------
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Hardswish()(cb.asarray([3.]))
    tensor([3.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        """Return nothing, as PyTorch does."""
        return ""


class RReLU(InPlace):
    r"""Scales what is below zero by slopes drawn anew in each training step (Xu et al., 2015).

    .. math:: y = \max(x, 0) + a \cdot \min(x, 0), \quad a \sim U(\mathrm{lower}, \mathrm{upper})

    Shapes: any. In evaluation the slope is (lower + upper) / 2.

    Parameters
    ----------
    lower, upper : float
        The bounds of the slopes.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.RReLU(0.2, 0.3).eval()(cb.asarray([-2., 2.]))
    tensor([-0.5000,  2.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Threshold(InPlace):
    r"""Replaces what is not above a threshold by a value.

    .. math:: y = x \text{ if } x > \mathrm{threshold}, \text{ else } \mathrm{value}

    Shapes: any.

    Parameters
    ----------
    threshold : float
        What the input must exceed to pass.
    value : float
        What stands for the rest.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Threshold(0.0, 20.0)(cb.asarray([-1., 2.]))
    tensor([20.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class Hardshrink(Module):
    r"""Sets to zero what is close to it.

    .. math:: y = x \text{ if } |x| > \lambda, \text{ else } 0

    Shapes: any.

    Parameters
    ----------
    lambd : float
        How close.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Hardshrink()(cb.asarray([-0.2, 2.]))
    tensor([0., 2.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"{self.lambd}"


class Softshrink(Module):
    r"""Brings closer to zero by a constant.

    .. math:: y = x - \min(\max(x, -\lambda), \lambda)

    Shapes: any.

    Parameters
    ----------
    lambd : float
        By how much, not negative.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Softshrink()(cb.asarray([-0.2, 2.]))
    tensor([0.0000, 1.5000])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return str(self.lambd)
