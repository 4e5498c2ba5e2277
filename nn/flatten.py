"""Flattening axes into one, and the reverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core import ops
from ..core.errors import ArgumentError, ArgumentTypeError, AxisError
from ..core.tensor import Tensor
from .module import Module

__all__ = ["Flatten", "Unflatten"]


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


class Unflatten(Module):
    r"""Makes several axes of one.

    .. math:: (\ldots, n_i, \ldots) \to (\ldots, u_1, \ldots, u_k, \ldots)

    Parameters
    ----------
    dim : int
        The axis.
    unflattened_size : tuple or list of int
        What it becomes; one of the sizes may be -1.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Unflatten(1, (2, 5, 5))(cb.ones(3, 50)).shape
    (3, 2, 5, 5)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        named: Any = unflattened_size
        if isinstance(dim, str) or (
            isinstance(named, (tuple, list)) and any(isinstance(size, (tuple, list)) for size in named)
        ):
            raise ArgumentError("Unflatten: axes have no names here; give dim and unflattened_size as ints")
        if not isinstance(named, (tuple, list)):
            raise ArgumentTypeError(f"Unflatten: unflattened_size is a tuple of ints, got {type(named).__name__}")
        for place, size in enumerate(named):
            if not isinstance(size, int):
                raise ArgumentTypeError(
                    f"Unflatten: unflattened_size is a tuple of ints, got {type(size).__name__} at place {place}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """Unflatten."""
        return ops.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
