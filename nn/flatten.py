"""Flattening axes into one."""

from __future__ import annotations

import math

from ..core import ops
from ..core.errors import AxisError
from ..core.tensor import Tensor
from .module import Module

__all__ = ["Flatten"]


class Flatten(Module):
    r"""Makes one axis of several neighbours.

    .. math:: (n_1, \ldots, n_i, \ldots, n_j, \ldots, n_k) \to (n_1, \ldots, n_i \cdots n_j, \ldots, n_k)

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last of the axes; by default all but the batch.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Flatten()(cb.ones(32, 1, 5, 5)).shape
    (32, 25)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Flatten."""
        shape = input.shape
        count = len(shape)
        first = self.start_dim + count if self.start_dim < 0 else self.start_dim
        last = self.end_dim + count if self.end_dim < 0 else self.end_dim
        if not 0 <= first <= last < count:
            raise AxisError(
                f"Flatten: axes {self.start_dim} to {self.end_dim} are no run of axes of an input of shape {shape}"
            )
        return ops.reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
