"""Dropout: noise in training that keeps a model from relying on single features."""

from __future__ import annotations

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from . import functional as F
from .module import Module

__all__ = ["Dropout"]


class Dropout(Module):
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

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"Dropout: p is a probability between 0 and 1, got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the noise in training."""
        return F.dropout(input, self.p, True, self.inplace) if self.training else input

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"p={self.p}, inplace={self.inplace}"
