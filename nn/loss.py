"""Losses of classes: the modules that hold the settings of cross entropy in its forms."""

from __future__ import annotations

import warnings
from typing import Any

from ..core.tensor import Tensor
from .functions.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    nll_loss,
)
from .loss_base import _Loss, _WeightedLoss

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d"]


class CrossEntropyLoss(_WeightedLoss):
    r"""Scores against classes: the negative log of the softmax at the true class.

    .. math:: \ell_n = -w_{y_n} \ln \frac{e^{x_{n,y_n}}}{\sum_c e^{x_{n,c}}}

    Shapes: input (N, C, ...) or (C,); target class indices of shape (N, ...) or (), or probabilities of the input's
    shape; weight (C,).

    Parameters
    ----------
    weight : Tensor, optional
        One per class. The mean divides by the weights of the targets.
    size_average, reduce : bool, optional
        Deprecated forms of `reduction`.
    ignore_index : int
        Targets of this value count for nothing.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses.
    label_smoothing : float
        Between 0 and 1: that part of each target is spread evenly over all classes.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.CrossEntropyLoss()(cb.asarray([[0., 0.]]), cb.asarray([1]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return cross_entropy(
            input, target, self.weight, None, self.ignore_index, None, self.reduction, self.label_smoothing
        )


class NLLLoss(_WeightedLoss):
    r"""The negative log probability of the true class.

    .. math:: \ell_n = -w_{y_n} x_{n,y_n}

    Shapes: input (N, C, ...) or (C,), log probabilities; target (N, ...) or (); weight (C,).

    Parameters
    ----------
    weight : Tensor, optional
        One per class. The mean divides by the weights of the targets.
    size_average, reduce : bool, optional
        Deprecated forms of `reduction`.
    ignore_index : int
        Targets of this value count for nothing.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.NLLLoss()(cb.asarray([[-1., -2.]]), cb.asarray([1]))
    tensor(2.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return nll_loss(input, target, self.weight, None, self.ignore_index, None, self.reduction)


class NLLLoss2d(NLLLoss):
    """`NLLLoss` under an old name, which PyTorch has deprecated.

    Examples
    --------
    >>> import warnings
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> with warnings.catch_warnings(action="ignore"):
    ...     loss = nn.NLLLoss2d()
    >>> loss(cb.asarray([[-1., -2.]]), cb.asarray([1]))
    tensor(2.)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn("NLLLoss2d is an old name; use NLLLoss", FutureWarning, stacklevel=2)
        super().__init__(*args, **kwargs)


class BCELoss(_WeightedLoss):
    r"""Probabilities against targets between 0 and 1; logarithms stop at -100.

    .. math:: \ell = -w (y \ln x + (1 - y) \ln(1 - x))

    Shapes: input and target alike; weight broadcasts to them.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.BCELoss()(cb.asarray([0.5]), cb.asarray([1.]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    r"""Scores against targets between 0 and 1, without overflow.

    .. math:: \ell = -w (p \, y \ln \sigma(x) + (1 - y) \ln(1 - \sigma(x)))

    Shapes: input and target alike; weight and pos_weight (p) broadcast to them.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.BCEWithLogitsLoss()(cb.asarray([0.]), cb.asarray([1.]))
    tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
