"""Distances between vectors, as layers."""

from __future__ import annotations

from ..core.tensor import Tensor
from .functions.distance import cosine_similarity, pairwise_distance
from .module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    r"""The cosine of the angle between vectors along an axis.

    .. math:: y = \frac{x_1 \cdot x_2}{\max(\lVert x_1 \rVert_2, \epsilon) \max(\lVert x_2 \rVert_2, \epsilon)}

    Shapes: `x1` and `x2` broadcast; the result has their common shape without the axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.CosineSimilarity()(cb.asarray([[3., 4.]]), cb.asarray([[1., 0.]]))
    tensor([0.6000])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the cosines."""
        return cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    r"""The distance between vectors along the last axis, by their p-norm.

    .. math:: y = \lVert x_1 - x_2 + \epsilon \rVert_p

    Shapes: `x1` and `x2` broadcast; the result has their common shape without the last axis, or with one of size 1.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.PairwiseDistance()(cb.asarray([[3., 4.]]), cb.asarray([[0., 0.]]))
    tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the distances."""
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
