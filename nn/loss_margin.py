"""Losses of margins: the modules that hold their settings."""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from .distance import PairwiseDistance
from .functions.loss_margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .loss_base import _Loss, _WeightedLoss

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class CosineEmbeddingLoss(_Loss):
    r"""Turns pairs towards each other (target 1) or apart (target -1), by the cosine of their angle.

    .. math:: \ell = \begin{cases} 1 - \cos(x_1, x_2) & y = 1 \\ \max(0, \cos(x_1, x_2) - m) & y = -1 \end{cases}

    Shapes: inputs (N, D) and target (N,), or (D,) and ().

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.CosineEmbeddingLoss()(cb.asarray([[1., 0.]]), cb.asarray([[0., 1.]]), cb.asarray([1]))
    tensor(1.)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    r"""Ranks the first input above the second (target 1) or below it (target -1).

    .. math:: \ell = \max(0, -y (x_1 - x_2) + m)

    Shapes: all three have the same number of axes and broadcast.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MarginRankingLoss()(cb.asarray([1.]), cb.asarray([3.]), cb.asarray([1.]))
    tensor(2.)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(_Loss):
    r"""Makes distances small (target 1) or at least a margin (target -1).

    .. math:: \ell = \begin{cases} x & y = 1 \\ \max(0, m - x) & y = -1 \end{cases}

    Shapes: input and target broadcast.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.HingeEmbeddingLoss(reduction="none")(cb.asarray([0.5, 0.25]), cb.asarray([1., -1.]))
    tensor([0.5000, 0.7500])
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    r"""Scores against signs 1 and -1 by the logistic loss.

    .. math:: \ell = \ln(1 + e^{-y x})

    Shapes: input and target broadcast.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.SoftMarginLoss()(cb.asarray([0.]), cb.asarray([1.]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    r"""Scores the true class above all others by a margin.

    .. math:: \ell = \frac1C \sum_{i \ne y} w_y \max(0, m - x_y + x_i)^p

    Shapes: input (N, C) or (C,), target (N,) or ().

    Parameters
    ----------
    p : {1, 2}
        The power of what the margin lacks.
    margin : float
        How far above the others the true class should lie.
    weight : Tensor, optional
        One per class, shape (C,).
    size_average, reduce : bool, optional
        Deprecated forms of `reduction`.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MultiMarginLoss()(cb.asarray([[0., 0.]]), cb.asarray([0]))
    tensor(0.5000)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: p is 1 or 2, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ShapeError(f"MultiMarginLoss: weight has one axis, got shape {tuple(weight.shape)}")
        super().__init__(weight, size_average, reduce, reduction)
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(_Loss):
    r"""Scores each of a sample's classes above all that are not its own, by a margin of one.

    .. math:: \ell = \frac1C \sum_{j \in y} \sum_{i \notin y} \max(0, 1 - (x_j - x_i))

    Shapes: input and target (N, C) or (C,). A row of the target lists classes; the first -1 ends it.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MultiLabelMarginLoss()(cb.asarray([[0., 0.]]), cb.asarray([[0, -1]]))
    tensor(0.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    r"""Scores against several classes at once, each present (1) or not (0), averaged over the classes.

    .. math:: \ell = -\frac1C \sum_i w_i (y_i \ln \sigma(x_i) + (1 - y_i) \ln(1 - \sigma(x_i)))

    Shapes: input and target (..., C); weight broadcasts to them.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.MultiLabelSoftMarginLoss()(cb.asarray([[0., 0.]]), cb.asarray([[1., 0.]]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    r"""Brings the positive closer to the anchor than the negative, by a margin (Balntas et al., 2016).

    .. math:: \ell = \max(0, d(a, p) - d(a, n) + m)

    Shapes: (N, D) or (D,), the three alike.

    Parameters
    ----------
    margin : float
        Greater than 0.
    p : float
        Of the norm that is the distance.
    eps : float
        What is added to the differences.
    swap : bool
        Take the lesser of the negative's distances to the anchor and to the positive.
    size_average, reduce : bool, optional
        Deprecated forms of `reduction`.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.TripletMarginLoss()(cb.asarray([[0.]]), cb.asarray([[1.]]), cb.asarray([[1.]]))
    tensor(1.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if not margin > 0:
            raise ArgumentError(f"TripletMarginLoss: margin is greater than 0, got {margin}")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss."""
        return triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    r"""Brings the positive closer to the anchor than the negative, by a margin, in a distance of one's own.

    .. math:: \ell = \max(0, d(a, p) - d(a, n) + m)

    Shapes: those that `distance_function` takes.

    Parameters
    ----------
    distance_function : callable, optional
        Takes two tensors and returns one distance for each pair. Default: a `PairwiseDistance`.
    margin : float
        Greater than 0.
    swap : bool
        Take the lesser of the negative's distances to the anchor and to the positive.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> one = cb.zeros(1, 2)
    >>> nn.TripletMarginWithDistanceLoss(margin=0.5)(one, one, one)
    tensor(0.5000)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(None, None, reduction)
        if not margin > 0:
            raise ArgumentError(f"TripletMarginWithDistanceLoss: margin is greater than 0, got {margin}")
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss."""
        return triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
