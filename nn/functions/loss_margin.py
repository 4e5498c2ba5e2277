"""Losses of margins: what is alike should lie closer, or score higher, than what is not, by a margin."""

from __future__ import annotations

from collections.abc import Callable

from ...core import ops
from ...core.errors import ArgumentError, IndexOutOfRangeError, ShapeError
from ...core.tensor import Tensor
from .distance import pairwise_distance
from .loss_tools import check_classes, chosen_reduction, in_host_memory, out_of_range, positive_part, reduced

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Turn pairs towards each other (target 1) or apart (target -1), by the cosine of their angle.

    .. math:: \ell = \begin{cases} 1 - \cos(x_1, x_2) & y = 1 \\ \max(0, \cos(x_1, x_2) - m) & y = -1 \end{cases}

    Shapes: inputs (N, D) and target (N,), or (D,) and ().

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.cosine_embedding_loss(cb.asarray([[1., 0.]]), cb.asarray([[0., 1.]]), cb.asarray([1]))
    tensor(1.)
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "cosine_embedding_loss")
    if target.ndim > 1 or input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise ShapeError(
            "cosine_embedding_loss: inputs (N, D) and target (N,), or (D,) and (), are needed, "
            f"got {tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    inner = ops.sum(ops.multiply(input1, input2), axis=-1)
    one, two = (ops.add(ops.sum(ops.multiply(x, x), axis=-1), 1e-12) for x in (input1, input2))
    cosine = ops.divide(inner, ops.sqrt(ops.multiply(one, two)))
    alike = ops.where(ops.equal(target, 1), ops.subtract(1.0, cosine), 0.0)
    apart = ops.where(ops.equal(target, -1), positive_part(ops.subtract(cosine, margin)), 0.0)
    return reduced(ops.add(alike, apart), reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Rank the first input above the second (target 1) or below it (target -1).

    .. math:: \ell = \max(0, -y (x_1 - x_2) + m)

    Shapes: all three have the same number of axes and broadcast.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.margin_ranking_loss(cb.asarray([1.]), cb.asarray([3.]), cb.asarray([1.]))
    tensor(2.)
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "margin_ranking_loss")
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            "margin_ranking_loss: inputs and target have the same number of axes, got shapes "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    rank = ops.multiply(ops.negative(target), ops.subtract(input1, input2))
    return reduced(positive_part(ops.add(rank, margin)), reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Make distances small (target 1) or at least a margin (target -1).

    .. math:: \ell = \begin{cases} x & y = 1 \\ \max(0, m - x) & y = -1 \end{cases}

    Shapes: input and target broadcast.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.hinge_embedding_loss(cb.asarray([0.5, 0.25]), cb.asarray([1., -1.]), reduction="none")
    tensor([0.5000, 0.7500])
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "hinge_embedding_loss")
    apart = ops.where(ops.not_equal(target, 1), positive_part(ops.subtract(margin, input)), 0.0)
    alike = ops.where(ops.not_equal(target, -1), input, 0.0)
    return reduced(ops.add(apart, alike), reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Compare scores with signs 1 and -1 by the logistic loss.

    .. math:: \ell = \ln(1 + e^{-y x})

    Shapes: input and target broadcast.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.soft_margin_loss(cb.asarray([0.]), cb.asarray([1.]))
    tensor(0.6931)
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "soft_margin_loss")
    return reduced(ops.negative(ops.logsigmoid(ops.multiply(target, input))), reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Score the true class above all others by a margin (the hinge loss of several classes).

    .. math:: \ell = \frac1C \sum_{i \ne y} w_y \max(0, m - x_y + x_i)^p

    Shapes: input (N, C) or (C,), target (N,) or (); weight (C,); p is 1 or 2.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.multi_margin_loss(cb.asarray([[0., 0.]]), cb.asarray([0]))
    tensor(0.5000)
    """
    name = "multi_margin_loss"
    reduction = chosen_reduction(size_average, reduce, reduction, name)
    if p not in (1, 2):
        raise ArgumentError(f"{name}: p is 1 or 2, got {p}")
    check_classes(name, target)
    if input.ndim == 1 and target.shape == (1,):
        input = ops.expand_dims(input, axis=0)
    if input.ndim not in (1, 2) or tuple(target.shape) != tuple(input.shape)[:-1]:
        raise ShapeError(
            f"{name}: input (N, C) and target (N,), or (C,) and (), are needed, "
            f"got {tuple(input.shape)} and {tuple(target.shape)}"
        )
    classes = input.shape[-1]
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"{name}: weight has shape {tuple(weight.shape)}, {classes} classes need ({classes},)")
    places = ops.expand_dims(target, axis=-1)
    try:
        own = ops.gather(input, places, axis=-1)
    except IndexOutOfRangeError as error:
        raise out_of_range(name, classes, error) from error
    # PyTorch's slope is zero where the margin is met exactly.
    short = ops.relu(ops.add(ops.subtract(margin, own), input))
    if p == 2:
        short = ops.multiply(short, short)
    if weight is not None:
        chosen = ops.take(weight, ops.reshape(target, (-1,)), axis=0)
        short = ops.multiply(short, ops.reshape(chosen, tuple(places.shape)))
    numbers = ops.arange(classes, dtype=target.dtype, device=target.device.physical)
    others = ops.where(ops.not_equal(numbers, places), short, 0.0)
    return reduced(ops.divide(ops.sum(others, axis=-1), classes), reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Score each of a sample's classes above all that are not its own, by a margin of one.

    .. math:: \ell = \frac1C \sum_{j \in y} \sum_{i \notin y} \max(0, 1 - (x_j - x_i))

    Shapes: input and target (N, C) or (C,). A row of the target lists classes; the first -1 ends it.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.multilabel_margin_loss(cb.asarray([[0., 0.]]), cb.asarray([[0, -1]]))
    tensor(0.5000)
    """
    name = "multilabel_margin_loss"
    reduction = chosen_reduction(size_average, reduce, reduction, name)
    check_classes(name, target)
    if input.ndim not in (1, 2) or target.shape != input.shape:
        raise ShapeError(
            f"{name}: input and target (N, C), or (C,), are needed, got {tuple(input.shape)} and {tuple(target.shape)}"
        )
    classes = input.shape[-1]
    ended = ops.cumulative_sum(ops.astype(ops.less(target, 0), target.device.whole), axis=-1)
    listed = ops.equal(ended, 0)
    if in_host_memory(target) and target.size:
        # No list is longer than this: fewer comparisons.
        longest = int(ops.max(ops.count_nonzero(listed, axis=-1)).item())
        target, listed = target[..., :longest], listed[..., :longest]
    places = ops.where(listed, target, 0)
    try:
        own = ops.gather(input, places, axis=-1)
    except IndexOutOfRangeError as error:
        raise out_of_range(name, classes, error, "; -1 ends a list") from error
    kept = ops.astype(listed, input.dtype)
    chosen = ops.greater(ops.scatter_add(ops.zeros_like(input.detach()), places, kept, axis=-1), 0)
    short = ops.relu(ops.add(ops.subtract(1.0, ops.expand_dims(own, axis=-1)), ops.expand_dims(input, axis=-2)))
    counted = ops.logical_and(ops.expand_dims(listed, axis=-1), ops.expand_dims(ops.logical_not(chosen), axis=-2))
    total = ops.sum(ops.where(counted, short, 0.0), axis=(-2, -1))
    return reduced(ops.divide(total, classes), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Compare scores with several classes at once, each present (1) or not (0), and average over the classes.

    .. math:: \ell = -\frac1C \sum_i w_i (y_i \ln \sigma(x_i) + (1 - y_i) \ln(1 - \sigma(x_i)))

    Shapes: input and target (..., C); weight broadcasts to them.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.multilabel_soft_margin_loss(cb.asarray([[0., 0.]]), cb.asarray([[1., 0.]]))
    tensor(0.6931)
    """
    name = "multilabel_soft_margin_loss"
    reduction = chosen_reduction(size_average, reduce, reduction, name)
    if not input.ndim:
        raise ShapeError(f"{name}: the input needs a class axis")
    present = ops.multiply(target, ops.logsigmoid(input))
    absent = ops.multiply(ops.subtract(1.0, target), ops.logsigmoid(ops.negative(input)))
    loss = ops.negative(ops.add(present, absent))
    if weight is not None:
        loss = ops.multiply(loss, weight)
    return reduced(ops.divide(ops.sum(loss, axis=-1), input.shape[-1]), reduction)


def _check_triplet(name: str, anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> None:
    if not margin > 0:
        raise ArgumentError(f"{name}: margin is greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{name}: anchor, positive and negative have the same number of axes, got shapes "
            f"{tuple(anchor.shape)}, {tuple(positive.shape)} and {tuple(negative.shape)}"
        )


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Bring the positive closer to the anchor than the negative, by a margin (Balntas et al., 2016).

    .. math:: \ell = \max(0, d(a, p) - d(a, n) + m)

    Shapes: (N, D) or (D,), the three alike. `d` is the p-norm of the difference plus eps; with ``swap=True`` the
    negative's distance is the lesser of those to the anchor and to the positive.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.triplet_margin_loss(cb.asarray([[0.]]), cb.asarray([[1.]]), cb.asarray([[1.]]))
    tensor(1.)
    """
    name = "triplet_margin_loss"
    reduction = chosen_reduction(size_average, reduce, reduction, name)
    _check_triplet(name, anchor, positive, negative, margin)
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = ops.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(positive_part(ops.add(ops.subtract(near, far), margin)), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Bring the positive closer to the anchor than the negative, by a margin, in a distance of one's own.

    .. math:: \ell = \max(0, d(a, p) - d(a, n) + m)

    Shapes: those that `distance_function` takes; it returns one distance for each triplet. The default is
    `pairwise_distance`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> one = cb.zeros(1, 2)
    >>> F.triplet_margin_with_distance_loss(one, one, one, distance_function=lambda a, b: ((a - b) ** 2).sum(dim=-1))
    tensor(1.)
    """
    name = "triplet_margin_with_distance_loss"
    reduction = chosen_reduction(None, None, reduction, name)
    _check_triplet(name, anchor, positive, negative, margin)
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduced(positive_part(ops.subtract(ops.add(near, margin), far)), reduction)
