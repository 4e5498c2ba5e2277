"""Normalization of each sample by itself: over the last axes, over groups of channels, over neighbouring channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from . import init
from .functions.normalization import group_norm, layer_norm, local_response_norm, rms_norm
from .module import Module
from .parameter import Parameter

__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class LayerNorm(Module):
    r"""Normalization over the last axes (Ba et al., 2016).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (..., *normalized_shape), output alike; weight and bias normalized_shape, starting at 1 and 0.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of the last axes.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether there is a weight, and a bias.
    bias : bool
        Whether there is a bias (with elementwise_affine only).
    device, dtype : optional
        Of the parameters.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LayerNorm(10)(cb.ones(20, 5, 10)).shape
    (20, 5, 10)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            made = Parameter(ops.empty(self.normalized_shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to one and the bias to zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize."""
        if self.weight is None:
            return layer_norm(input, self.normalized_shape, None, self.bias, self.eps)
        # The row holds the input's last axes against the weight's.
        return ops.layer_norm(input, self.weight, self.bias, axes=len(self.normalized_shape), eps=self.eps)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(int(n) for n in normalized_shape)


class RMSNorm(Module):
    r"""Division by the root of the mean square over the last axes (Zhang and Sennrich, 2019).

    .. math:: y = w \frac{x}{\sqrt{\mathrm{E}[x^2] + \epsilon}}

    Shapes: input (..., *normalized_shape), output alike; weight normalized_shape, starting at 1.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of the last axes.
    eps : float, optional
        Added to the mean square; without it the distance from 1 to the next number of the dtype that is computed with.
    elementwise_affine : bool
        Whether there is a weight.
    device, dtype : optional
        Of the weight.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.RMSNorm(2)(cb.asarray([1., 7.]))
    tensor([0.2000, 1.4000], grad_fn=<RmsNormBackward>)
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = Parameter(ops.empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to one."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize."""
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    r"""Normalization of each sample's groups of channels (Wu and He, 2018).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (N, num_channels, ...), output alike; weight and bias (num_channels,), starting at 1 and 0.

    Parameters
    ----------
    num_groups : int
        Into how many groups the channels fall.
    num_channels : int
        Channels, a multiple of num_groups.
    eps : float
        Added to the variance.
    affine : bool
        Whether there is a weight, and a bias.
    device, dtype : optional
        Of the parameters.
    bias : bool
        Whether there is a bias (with affine only).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.GroupNorm(3, 6)(cb.ones(20, 6, 10, 10)).shape
    (20, 6, 10, 10)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels={num_channels} must be a multiple of num_groups={num_groups}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            made = Parameter(ops.empty((num_channels,), device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to one and the bias to zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize."""
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    r"""Division of each channel by the mean square of the channels around it (Krizhevsky et al., 2012).

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2\right)^{-\beta}

    The sum goes over the `size` = n channels from c - n // 2 on; those that are not there count as zero.

    Shapes: input (N, C, ...) with at least one axis after C, output alike.

    Parameters
    ----------
    size : int
        How many neighbouring channels.
    alpha, beta, k : float
        Factor, exponent and addend of the formula.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LocalResponseNorm(2)(cb.ones(32, 5, 24, 24)).shape
    (32, 5, 24, 24)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Normalize."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
