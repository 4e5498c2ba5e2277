"""Linear layers, and the layer that does nothing."""

from __future__ import annotations

import math
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from . import init
from .functions.linear import bilinear
from .module import Module
from .parameter import Parameter

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """Returns its input; arguments of the constructor are ignored, so that it can stand for any layer.

    .. math:: y = x

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Identity(54, unused=True)(cb.ones(2)).shape
    (2,)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input."""
        return input


class Linear(Module):
    r"""An affine map of the last axis.

    .. math:: y = x W^\top + b

    Shapes: input (..., in_features), output (..., out_features); weight (out_features, in_features), bias
    (out_features,). Both start uniform in ±1/√in_features.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis before and after.
    bias : bool
        Whether there is a bias.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Linear(20, 30)(cb.ones(128, 20)).shape
    (128, 30)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        if in_features < 0 or out_features < 0:
            raise ArgumentError(
                f"{self._get_name()}: in_features and out_features are not negative, got {in_features}, {out_features}"
            )
        self.in_features = in_features
        self.out_features = out_features
        factory = {"device": device, "dtype": dtype}
        self.weight = Parameter(ops.empty((out_features, in_features), **factory))
        self.register_parameter("bias", Parameter(ops.empty((out_features,), **factory)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        # Uniform in ±1/√fan_in: PyTorch writes it as a Kaiming gain with a = √5.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the map."""
        return ops.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` that bears the name under which PyTorch shows an attention's output layer.

    .. math:: y = x W^\\top + b

    Shapes: as `Linear`.

    Examples
    --------
    >>> from candelabra import nn
    >>> nn.MultiheadAttention(4, 2).out_proj
    NonDynamicallyQuantizableLinear(in_features=4, out_features=4, bias=True)
    """


class Bilinear(Module):
    r"""A map of two inputs, linear in each.

    .. math:: y_k = x_1^\top W_k x_2 + b_k

    Shapes: inputs (..., in1_features) and (..., in2_features), output (..., out_features); weight
    (out_features, in1_features, in2_features), bias (out_features,). Both start uniform in ±1/√in1_features.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
        Sizes of the last axes.
    bias : bool
        Whether there is a bias.
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Bilinear(20, 30, 40)(cb.ones(128, 20), cb.ones(128, 30)).shape
    (128, 40)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"Bilinear: in1_features is positive, got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        factory = {"device": device, "dtype": dtype}
        self.weight = Parameter(ops.empty((out_features, in1_features, in2_features), **factory))
        self.register_parameter("bias", Parameter(ops.empty((out_features,), **factory)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Apply the map."""
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
