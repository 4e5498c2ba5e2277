"""Norms and distances as functions."""

from __future__ import annotations

from ...core import ops
from ...core.errors import ArgumentError
from ...core.functions.distance import pdist
from ...core.tensor import Tensor
from .loss_tools import at_least

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


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
    return ops.divide(input, ops.maximum(ops.norm(input, p, axis=chosen, keepdims=True), eps))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8, *, axis: int | None = None) -> Tensor:
    r"""Take the cosine of the angle between vectors along an axis.

    .. math:: y = \frac{x_1 \cdot x_2}{\max(\lVert x_1 \rVert_2, \epsilon) \max(\lVert x_2 \rVert_2, \epsilon)}

    Shapes: `x1` and `x2` broadcast; the result has their common shape without the axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.cosine_similarity(cb.asarray([[3., 4.]]), cb.asarray([[1., 0.]]))
    tensor([0.6000])
    """
    chosen = dim if axis is None else axis
    x1, x2 = ops.broadcast_arrays(x1, x2)
    one, two = at_least(ops.norm(x1, axis=chosen, keepdims=True), eps), at_least(ops.norm(x2, axis=chosen), eps)
    # Of one operand the length is taken first, lest products overflow.
    return ops.divide(ops.sum(ops.multiply(ops.divide(x1, one), x2), axis=chosen), two)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    r"""Take the distance between vectors along the last axis, by their p-norm.

    .. math:: y = \lVert x_1 - x_2 + \epsilon \rVert_p

    Shapes: `x1` and `x2` broadcast; the result has their common shape without the last axis, or with one of size 1.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.pairwise_distance(cb.asarray([[3., 4.]]), cb.asarray([[0., 0.]]))
    tensor([5.0000])
    """
    return ops.norm(ops.add(ops.subtract(x1, x2), eps), p, axis=-1, keepdims=keepdim)
