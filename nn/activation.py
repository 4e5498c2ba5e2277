"""Smooth activations as modules; their formulas stand in `functional.py`."""

from __future__ import annotations

from ..core import ops
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from . import functional as F
from .module import Module
from .rectifier import InPlace

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


class ELU(InPlace):
    r"""Bends what is below zero to the exponential.

    .. math:: y = \max(x, 0) + \min(\alpha (e^x - 1), 0)

    Shapes: any.

    Parameters
    ----------
    alpha : float
        Where the curve ends below zero.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.ELU()(cb.asarray([0., 2.]))
    tensor([0., 2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(InPlace):
    r"""ELU with a continuous derivative for every alpha (Barron, 2017).

    .. math:: y = \max(x, 0) + \min(\alpha (e^{x / \alpha} - 1), 0)

    Shapes: any.

    Parameters
    ----------
    alpha : float
        Where the curve ends below zero.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.CELU()(cb.asarray([0., 2.]))
    tensor([0., 2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SELU(InPlace):
    r"""The self-normalizing unit (Klambauer et al., 2017).

    .. math:: y = 1.0507 \cdot (\max(x, 0) + \min(1.6733 (e^x - 1), 0))

    Shapes: any.

    Parameters
    ----------
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.SELU()(cb.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.selu(input, self.inplace)


class SiLU(InPlace):
    r"""The input weighed by its sigmoid (also called swish).

    .. math:: y = x \, \sigma(x)

    Shapes: any.

    Parameters
    ----------
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.SiLU()(cb.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.silu(input, self.inplace)


class Mish(InPlace):
    r"""The input weighed by the tanh of its softplus (Misra, 2019).

    .. math:: y = x \tanh(\ln(1 + e^x))

    Shapes: any.

    Parameters
    ----------
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Mish()(cb.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.mish(input, self.inplace)


class Sigmoid(Module):
    r"""The logistic function.

    .. math:: y = 1 / (1 + e^{-x})

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Sigmoid()(cb.zeros(1))
    tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return ops.sigmoid(input)


class Tanh(Module):
    r"""The hyperbolic tangent.

    .. math:: y = \tanh x

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Tanh()(cb.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return ops.tanh(input)


class Softsign(Module):
    r"""Squashes to (-1, 1).

    .. math:: y = x / (1 + |x|)

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Softsign()(cb.asarray([1.]))
    tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.softsign(input)


class LogSigmoid(Module):
    r"""The logarithm of the sigmoid, without overflow.

    .. math:: y = -\ln(1 + e^{-x})

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LogSigmoid()(cb.asarray([-100.]))
    tensor([-100.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.logsigmoid(input)


class GELU(Module):
    r"""The input weighed by the normal distribution function (Hendrycks and Gimpel, 2016).

    .. math:: y = x \, \Phi(x)

    Shapes: any.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        Whether exact, or 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.GELU()(cb.zeros(1))
    tensor([0.])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ArgumentError(f"GELU: approximate is 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return ops.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    r"""A smooth ReLU; above the threshold the input itself.

    .. math:: y = \ln(1 + e^{\beta x}) / \beta

    Shapes: any.

    Parameters
    ----------
    beta : float
        Steepness.
    threshold : float
        Where beta·x is larger, the input is returned.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Softplus()(cb.asarray([30.]))
    tensor([30.])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return ops.softplus(input, beta=self.beta, threshold=self.threshold)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    r"""Turns scores into probabilities along an axis.

    .. math:: y_i = e^{x_i} / \sum_j e^{x_j}

    Shapes: any.

    Parameters
    ----------
    dim : int, optional
        The axis; without one PyTorch's old rule chooses, with a warning.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Softmax(dim=-1)(cb.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    r"""The logarithm of the softmax along an axis, without overflow.

    .. math:: y_i = x_i - \ln \sum_j e^{x_j}

    Shapes: any.

    Parameters
    ----------
    dim : int, optional
        The axis; without one PyTorch's old rule chooses, with a warning.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.LogSoftmax(dim=-1)(cb.zeros(1, 1))
    tensor([[0.]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"dim={self.dim}"


class Tanhshrink(Module):
    r"""Takes the hyperbolic tangent away.

    .. math:: y = x - \tanh x

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Tanhshrink()(cb.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.tanhshrink(input)


class GLU(Module):
    r"""The gated linear unit: one half of an axis weighed by the sigmoid of the other (Dauphin et al., 2017).

    .. math:: y = a \, \sigma(b)

    Shapes: input (..., 2 n, ...), output (..., n, ...).

    Parameters
    ----------
    dim : int
        The axis that is halved.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.GLU()(cb.asarray([2., 4., 0., 0.]))
    tensor([1., 2.])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"dim={self.dim}"


class Softmin(Module):
    r"""Turns costs into probabilities along an axis: the smallest gets the largest.

    .. math:: y_i = e^{-x_i} / \sum_j e^{-x_j}

    Shapes: any.

    Parameters
    ----------
    dim : int, optional
        The axis; without one PyTorch's old rule chooses, with a warning.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Softmin(dim=-1)(cb.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return F.softmin(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        """Return the constructor's argument."""
        return f"dim={self.dim}"


class Softmax2d(Module):
    r"""Turns the channels at each place of an image into probabilities.

    .. math:: y_{c} = e^{x_c} / \sum_k e^{x_k}

    Shapes: (N, C, H, W) or (C, H, W).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Softmax2d()(cb.zeros(1, 2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: an input (N, C, H, W) or (C, H, W) is needed, got shape {tuple(input.shape)}")
        return F.softmax(input, -3)
