"""Dropout: noise in training that keeps a model from relying on single features."""

from __future__ import annotations

from ..core.tensor import Tensor
from . import functional as F
from .functions.dropout import probability
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    """What all kinds share."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        probability(self._get_name(), p)
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    r"""In training, sets elements to zero at random and scales the others (Hinton et al., 2012).

    .. math:: y = m x / (1 - p), \quad m \sim \mathrm{Bernoulli}(1 - p)

    Shapes: any.

    Parameters
    ----------
    p : float
        The probability of a zero.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Dropout(0.2).eval()(cb.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the noise in training."""
        return F.dropout(input, self.p, True, self.inplace) if self.training else input


class Dropout1d(_Dropout):
    r"""In training, sets whole channels of sequences to zero at random and scales the others (Tompson et al., 2015).

    .. math:: y_{nc} = m_{nc} x_{nc} / (1 - p), \quad m_{nc} \sim \mathrm{Bernoulli}(1 - p)

    Shapes: input (N, C, L) or (C, L), output alike.

    Parameters
    ----------
    p : float
        The probability with which a channel becomes zero.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Dropout1d(0.2)(cb.ones(2, 4, 8)).shape
    (2, 4, 8)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the noise in training."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    r"""In training, sets whole channels of images to zero at random and scales the others (Tompson et al., 2015).

    .. math:: y_{nc} = m_{nc} x_{nc} / (1 - p), \quad m_{nc} \sim \mathrm{Bernoulli}(1 - p)

    Shapes: input (N, C, H, W), output alike; three axes are (N, C, L), as in PyTorch, with a warning.

    Parameters
    ----------
    p : float
        The probability with which a channel becomes zero.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Dropout2d(0.2)(cb.ones(2, 4, 8, 8)).shape
    (2, 4, 8, 8)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the noise in training."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    r"""In training, sets whole channels of volumes to zero at random and scales the others (Tompson et al., 2015).

    .. math:: y_{nc} = m_{nc} x_{nc} / (1 - p), \quad m_{nc} \sim \mathrm{Bernoulli}(1 - p)

    Shapes: input (N, C, D, H, W) or (C, D, H, W), output alike.

    Parameters
    ----------
    p : float
        The probability with which a channel becomes zero.
    inplace : bool
        Whether the input takes the result.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Dropout3d(0.2)(cb.ones(2, 4, 3, 8, 8)).shape
    (2, 4, 3, 8, 8)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the noise in training."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    r"""In training, lets elements saturate at random, keeping mean and variance (Klambauer et al., 2017).

    .. math:: y = a (m x + (1 - m) \alpha') + b, \quad m \sim \mathrm{Bernoulli}(1 - p), \quad \alpha' \approx -1.758

    Shapes: any.

    Parameters
    ----------
    p : float
        The probability of saturation.
    inplace : bool
        Accepted; it has no effect, as in PyTorch.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.AlphaDropout(0.2).eval()(cb.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the noise in training."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    r"""In training, lets whole channels saturate at random, keeping mean and variance (Klambauer et al., 2017).

    .. math:: y_{nc} = a (m_{nc} x_{nc} + (1 - m_{nc}) \alpha') + b, \quad m_{nc} \sim \mathrm{Bernoulli}(1 - p)

    Shapes: input (N, C, ...), output alike.

    Parameters
    ----------
    p : float
        The probability with which a channel saturates.
    inplace : bool
        Accepted; it has no effect, as in PyTorch.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.FeatureAlphaDropout(0.2)(cb.ones(2, 4, 8)).shape
    (2, 4, 8)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the noise in training."""
        return F.feature_alpha_dropout(input, self.p, self.training)
