"""Losses of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor
from .loss_tools import check_classes, check_range, chosen_reduction, in_host_memory, reduced

__all__ = ["ctc_loss"]


def _lengths(value: Any, what: str, count: int, most: int, targets: Tensor) -> Tensor:
    """Return lengths, a tensor or a sequence of ints, as a tensor of one axis."""
    if not isinstance(value, Tensor):
        numbers = list(value) if isinstance(value, (Sequence, range)) else [value]
        for n in numbers:
            if not 0 <= n <= most:
                raise ArgumentError(f"ctc_loss: {what} lie between 0 and {most}, got {n}")
        value = ops.asarray([int(n) for n in numbers], dtype=targets.device.whole, device=targets.device.physical)
    check_classes(f"ctc_loss: {what}", value)
    lengths = ops.reshape(value, (1,)) if value.ndim == 0 else value
    if tuple(lengths.shape) != (count,):
        raise ShapeError(f"ctc_loss: {what} have shape {tuple(lengths.shape)}, {count} sequences need ({count},)")
    if not in_host_memory(lengths):
        # The host's kernel sees for itself.
        check_range("ctc_loss", lengths, 0, most, f"{what} lie between 0 and {most}")
    return lengths


def _padded(targets: Tensor, target_lengths: Any, count: int) -> tuple[Tensor, Tensor]:
    """Return targets that stand one after the other as rows, and their lengths."""
    total = targets.shape[0]
    lengths = _lengths(target_lengths, "target_lengths", count, total, targets)
    # How wide the rows must be is a number that only the lengths tell, as in PyTorch.
    given = [int(n) for n in (lengths.tolist() if isinstance(target_lengths, Tensor) else target_lengths)]
    if min(given, default=0) < 0 or sum(given) != total:
        raise ShapeError(
            f"ctc_loss: targets in one axis have as many labels as target_lengths say, {sum(given)}, got {total}"
        )
    width = max(given, default=0)
    starts = ops.subtract(ops.cumulative_sum(lengths, axis=0), lengths)
    device = targets.device.physical
    places = ops.add(ops.expand_dims(starts, axis=1), ops.arange(width, dtype=lengths.dtype, device=device))
    if not total:
        return ops.zeros((count, width), dtype=targets.dtype, device=device), lengths
    safe = ops.minimum(places, total - 1)
    return ops.reshape(ops.take(targets, ops.reshape(safe, (-1,)), axis=0), (count, width)), lengths


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    r"""Compare sequences with labels that are not aligned with them, over all alignments (Graves et al., 2006).

    .. math:: \ell = -\ln \sum_{\pi \mapsto y} \prod_t p_t(\pi_t)

    Parameters
    ----------
    log_probs : Tensor
        The logarithms of probabilities, shape (T, N, C) or (T, C), as `log_softmax` gives them. As in PyTorch the
        gradient takes them to be so: it is that of the scores, the probability minus the share of the alignments.
    targets : Tensor
        Labels of shape (N, S), of which those beyond a target's length do not count, or all targets one after the
        other in one axis.
    input_lengths, target_lengths : Tensor or sequence of int
        Shape (N,), or () for a single sequence.
    blank : int
        The class that stands for no label.
    reduction : {"mean", "sum", "none"}
        What becomes of the N losses; the mean divides each by its target's length first.
    zero_infinity : bool
        Take a target that is too long for its sequence as a loss of zero, without a gradient.

    Raises
    ------
    ShapeError, ArgumentError, IndexOutOfRangeError
        If shapes do not fit, a length is out of bounds, or a label is no class.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> logs = cb.log(cb.full((2, 1, 2), 0.5))
    >>> F.ctc_loss(logs, cb.asarray([[1]]), (2,), (1,))
    tensor(0.2877)
    """
    reduction = chosen_reduction(None, None, reduction, "ctc_loss")
    if log_probs.ndim not in (2, 3):
        raise ShapeError(f"ctc_loss: log_probs is of shape (T, N, C) or (T, C), got {tuple(log_probs.shape)}")
    check_classes("ctc_loss: targets", targets)
    alone = log_probs.ndim == 2
    if alone:
        if targets.ndim != 1:
            raise ShapeError(f"ctc_loss: one sequence (T, C) needs targets (S,), got {tuple(targets.shape)}")
        log_probs, targets = ops.expand_dims(log_probs, axis=1), ops.expand_dims(targets, axis=0)
    steps, count, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise ArgumentError(f"ctc_loss: blank is one of the {classes} classes, from 0 to {classes - 1}, got {blank}")
    if targets.ndim == 1:
        targets, wanted = _padded(targets, target_lengths, count)
    elif targets.ndim == 2 and targets.shape[0] == count:
        wanted = _lengths(target_lengths, "target_lengths", count, targets.shape[1], targets)
    else:
        raise ShapeError(
            f"ctc_loss: log_probs {tuple(log_probs.shape)} wants targets of shape ({count}, S) or (sum of lengths,), "
            f"got {tuple(targets.shape)}"
        )
    given = _lengths(input_lengths, "input_lengths", count, steps, targets)
    loss = ops.ctc_loss(log_probs, targets, given, wanted, blank=blank)
    if log_probs.node is not None:
        # PyTorch's gradient is that of scores under a log-softmax, whose sums of probabilities are ones.
        used = ops.less(ops.reshape(ops.arange(steps, dtype=given.dtype, device=given.device.physical), (-1, 1)), given)
        mass = ops.sum(ops.where(ops.expand_dims(used, axis=2), ops.exp(log_probs), 0.0), axis=(0, 2))
        loss = ops.add(loss, ops.subtract(mass, mass.detach()))
    if zero_infinity:
        loss = ops.where(ops.isinf(loss), 0.0, loss)
    if reduction == "mean":
        loss = ops.divide(loss, ops.maximum(ops.astype(wanted, loss.dtype), 1.0))
    if alone and reduction == "none":
        return ops.squeeze(loss, 0)
    return reduced(loss, reduction)
