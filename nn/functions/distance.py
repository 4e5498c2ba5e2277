"""Norms and distances as functions."""

from __future__ import annotations

import math

from ...core import ops
from ...core.errors import ArgumentError
from ...core.tensor import Tensor

__all__ = ["normalize"]


def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
    *,
    axis: int | None = None,
) -> Tensor:
    r"""Divide by the p-norm along an axis.

    .. math:: y = x / \max(\lVert x \rVert_p, \epsilon)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.normalize(cb.asarray([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    if out is not None:
        raise ArgumentError("normalize: out is refused: results are returned, not written; write y = normalize(x)")
    chosen = dim if axis is None else axis
    size = ops.abs(input)
    if p == math.inf:
        norm = ops.max(size, axis=chosen, keepdims=True)
    elif p == 2.0:
        norm = _root(ops.sum(ops.multiply(input, input), axis=chosen, keepdims=True), 2.0)
    elif p == 1.0:
        norm = ops.sum(size, axis=chosen, keepdims=True)
    else:
        norm = _root(ops.sum(size**p, axis=chosen, keepdims=True), p)
    return ops.divide(input, ops.maximum(norm, eps))


def _root(total: Tensor, p: float) -> Tensor:
    """Return the p-th root of sums of powers, with gradient zero where the sum is zero."""
    positive = ops.greater(total, 0)
    safe = ops.where(positive, total, 1.0)
    return ops.where(positive, ops.sqrt(safe) if p == 2.0 else safe ** (1.0 / p), 0.0)
