"""Losses of sequences: the modules that hold their settings."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.tensor import Tensor
from .functions.loss_sequence import ctc_loss
from .loss_base import _Loss

__all__ = ["CTCLoss"]


class CTCLoss(_Loss):
    r"""Sequences against labels that are not aligned with them, over all alignments (Graves et al., 2006).

    .. math:: \ell = -\ln \sum_{\pi \mapsto y} \prod_t p_t(\pi_t)

    Shapes: log_probs (T, N, C) or (T, C), as `log_softmax` gives them; targets (N, S), or all of them one after the
    other; input_lengths and target_lengths (N,) or (), tensors or sequences of int.

    Parameters
    ----------
    blank : int
        The class that stands for no label.
    reduction : {"mean", "sum", "none"}
        What becomes of the N losses; the mean divides each by its target's length first.
    zero_infinity : bool
        Take a target that is too long for its sequence as a loss of zero, without a gradient.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.CTCLoss()(cb.log(cb.full((2, 1, 2), 0.5)), cb.asarray([[1]]), (2,), (1,))
    tensor(0.2877)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        """Return the loss."""
        return ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
