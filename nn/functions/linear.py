"""Linear maps as functions."""

from __future__ import annotations

from ...core import ops
from ...core.tensor import Tensor

__all__ = ["linear"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    r"""Map the last axis.

    .. math:: y = x W^\top + b

    Shapes: input (..., in), weight (out, in), bias (out,).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.linear(cb.ones(1, 3), cb.ones(2, 3))
    tensor([[3., 3.]])
    """
    return ops.linear(input, weight, bias)
