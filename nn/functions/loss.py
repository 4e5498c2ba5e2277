"""Losses of classes: cross entropy in its forms."""

from __future__ import annotations

from ...core import ops
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor
from .loss_tools import REDUCTIONS, check_alike, check_range, chosen_reduction, in_host_memory, reduced

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "nll_loss",
]


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    r"""Compare scores with classes: the negative log of the softmax at the true class.

    .. math:: \ell_n = -w_{y_n} \ln \frac{e^{x_{n,y_n}}}{\sum_c e^{x_{n,c}}}

    Parameters
    ----------
    input : Tensor
        Scores, shape (N, C, ...) or (C,).
    target : Tensor
        Class indices of shape (N, ...) or (), or probabilities of the input's shape.
    weight : Tensor, optional
        Shape (C,). The mean divides by the weights of the targets.
    ignore_index : int
        Targets of this value count for nothing (class indices only).
    reduction : {"mean", "sum", "none"}
        What becomes of the losses.
    label_smoothing : float
        Between 0 and 1: that part of each target is spread evenly over all classes.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.cross_entropy(cb.asarray([[0., 0.]]), cb.asarray([1]))
    tensor(0.6931)
    """
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = chosen_reduction(size_average, reduce, reduction, "cross_entropy")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"cross_entropy: label_smoothing lies between 0 and 1, got {label_smoothing}")
    if not target.dtype.is_floating_point:
        return ops.cross_entropy(
            input, target, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
        )
    if target.shape != input.shape:
        raise ShapeError(
            f"cross_entropy: probabilities as targets have the input's shape {tuple(input.shape)}, "
            f"got {tuple(target.shape)}; class indices are integers"
        )
    if ignore_index >= 0:
        raise ArgumentError("cross_entropy: ignore_index has no meaning where targets are probabilities")
    axis = 0 if input.ndim == 1 else 1
    classes = input.shape[axis]
    if label_smoothing > 0.0:
        target = ops.add(ops.multiply(target, 1.0 - label_smoothing), label_smoothing / classes)
    logs = ops.log_softmax(input, axis=axis)
    if weight is not None:
        if weight.shape != (classes,):
            raise ShapeError(f"cross_entropy: weight has shape {tuple(weight.shape)}, there are {classes} classes")
        logs = ops.multiply(logs, ops.reshape(weight, (classes,) + (1,) * (input.ndim - 1 - axis)))
    loss = ops.negative(ops.sum(ops.multiply(logs, target), axis=axis))
    return reduced(loss, reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Pick the negative log probability of the true class.

    .. math:: \ell_n = -w_{y_n} x_{n,y_n}

    Shapes: input (N, C, ...) or (C,), log probabilities; target (N, ...) or (), class indices; weight (C,), whose sum
    over the targets divides the mean. Targets equal to `ignore_index` count for nothing.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.nll_loss(cb.asarray([[-1., -2.]]), cb.asarray([1]))
    tensor(2.)
    """
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = chosen_reduction(size_average, reduce, reduction, "nll_loss")
    return ops.nll_loss(input, target, weight, ignore_index=ignore_index, reduction=reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Compare probabilities with targets between 0 and 1; logarithms stop at -100.

    .. math:: \ell = -w (y \ln x + (1 - y) \ln(1 - x))

    Shapes: input and target alike; weight broadcasts to them.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.binary_cross_entropy(cb.asarray([0.5]), cb.asarray([1.]))
    tensor(0.6931)
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "binary_cross_entropy")
    loss = ops.binary_cross_entropy(input, target, reduction=reduction if weight is None else "none")
    if isinstance(input, Tensor) and not in_host_memory(input):
        # The host's kernel sees for itself.
        check_range("binary_cross_entropy", input, 0.0, 1.0, "the input's values are probabilities, between 0 and 1")
    return loss if weight is None else reduced(ops.multiply(loss, weight), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    r"""Compare scores with targets between 0 and 1, without overflow.

    .. math:: \ell = -w (p \, y \ln \sigma(x) + (1 - y) \ln(1 - \sigma(x)))

    Shapes: input and target alike; weight and pos_weight (p) broadcast to them.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.binary_cross_entropy_with_logits(cb.asarray([0.]), cb.asarray([1.]))
    tensor(0.6931)
    """
    name = "binary_cross_entropy_with_logits"
    reduction = chosen_reduction(size_average, reduce, reduction, name)
    if pos_weight is None:
        if weight is None:
            return ops.binary_cross_entropy_with_logits(input, target, reduction=reduction)
        loss = ops.binary_cross_entropy_with_logits(input, target, reduction="none")
    else:
        check_alike(name, input, target)
        share = ops.add(ops.multiply(ops.subtract(pos_weight, 1.0), target), 1.0)
        rest = ops.multiply(ops.subtract(1.0, target), input)
        loss = ops.subtract(rest, ops.multiply(share, ops.logsigmoid(input)))
    return reduced(loss if weight is None else ops.multiply(loss, weight), reduction)
