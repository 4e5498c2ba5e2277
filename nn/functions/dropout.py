"""Dropout as functions."""

from __future__ import annotations

from ...core import ops
from ...core.errors import ArgumentError
from ...core.tensor import Tensor
from .activation import written

__all__ = ["dropout"]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Set elements to zero at random with probability `p` and scale the others by 1 / (1 - p).

    .. math:: y = m x / (1 - p), \quad m \sim \mathrm{Bernoulli}(1 - p)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.dropout(cb.ones(2), training=False)
    tensor([1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout: p is a probability between 0 and 1, got {p}")
    if not training or p == 0.0:
        return input
    out = ops.multiply(input, 0.0) if p == 1.0 else ops.dropout(input, p=p)
    return written(input, out) if inplace else out
