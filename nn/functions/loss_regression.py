"""Losses of numbers: distances between values, and likelihoods of them."""

from __future__ import annotations

import math

from ...core import ops
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor
from .loss_tools import (
    REDUCTIONS,
    at_least,
    check_range,
    check_weight,
    chosen_reduction,
    reduced,
    warn_of_broadcast,
    weighted,
)

__all__ = [
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    r"""Take the mean of squared errors.

    .. math:: \ell = \mathrm{mean}((x - y)^2)

    Shapes: input and target alike; a scalar, or their shape with ``reduction="none"``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.mse_loss(cb.asarray([1., 2.]), cb.asarray([1., 4.]))
    tensor(2.)
    """
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = chosen_reduction(size_average, reduce, reduction, "mse_loss")
    # Through the arrays: the hottest of the losses, and a tensor's shape is a tuple made anew.
    if input.array.shape != target.array.shape:
        warn_of_broadcast("mse_loss", input, target)
    if weight is not None:
        return weighted(ops.mse_loss(input, target, reduction="none"), weight, reduction, "mse_loss")
    return ops.mse_loss(input, target, reduction=reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    r"""Take the mean of absolute errors.

    .. math:: \ell = \mathrm{mean}(|x - y|)

    Shapes: input and target alike; a scalar, or their shape with ``reduction="none"``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.l1_loss(cb.asarray([1., 2.]), cb.asarray([1., 4.]))
    tensor(1.)
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "l1_loss")
    if input.shape != target.shape:
        warn_of_broadcast("l1_loss", input, target)
    if weight is None:
        return ops.smooth_l1_loss(input, target, reduction=reduction, width=0.0)
    return weighted(ops.abs(ops.subtract(input, target)), weight, reduction, "l1_loss")


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    r"""Take the mean of errors that are squared where small and absolute where large (Girshick, 2015).

    .. math:: \ell = \begin{cases} (x - y)^2 / 2\beta & |x - y| < \beta \\ |x - y| - \beta / 2 \end{cases}

    Shapes: input and target alike; a scalar, or their shape with ``reduction="none"``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.smooth_l1_loss(cb.asarray([1., 2.]), cb.asarray([2., 4.]))
    tensor(1.)
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "smooth_l1_loss")
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta is not negative, got {beta}")
    if input.shape != target.shape:
        warn_of_broadcast("smooth_l1_loss", input, target)
    return ops.smooth_l1_loss(input, target, reduction=reduction, width=beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    r"""Take the mean of errors that are squared where small and absolute where large (Huber, 1964).

    .. math:: \ell = \begin{cases} (x - y)^2 / 2 & |x - y| < \delta \\ \delta (|x - y| - \delta / 2) \end{cases}

    Shapes: input, target and weight alike; a scalar, or their shape with ``reduction="none"``.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.huber_loss(cb.asarray([1., 2.]), cb.asarray([2., 4.]))
    tensor(1.)
    """
    reduction = chosen_reduction(None, None, reduction, "huber_loss")
    if not delta > 0:
        raise ArgumentError(f"huber_loss: delta is positive, got {delta}")
    if input.shape != target.shape:
        warn_of_broadcast("huber_loss", input, target)
    if weight is None:
        loss = ops.smooth_l1_loss(input, target, reduction=reduction, width=delta)
        return loss if delta == 1.0 else ops.multiply(loss, delta)
    loss = ops.smooth_l1_loss(input, target, reduction="none", width=delta)
    check_weight(loss, weight, "huber_loss")
    return reduced(ops.multiply(ops.multiply(loss, delta), weight), reduction)


def _x_log_x(x: Tensor) -> Tensor:
    """Return ``x log x``, which is 0 at 0."""
    zero = ops.equal(x, 0)
    return ops.multiply(x, ops.log(ops.where(zero, 1.0, x)))


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    r"""Compare distributions: the Kullback-Leibler divergence of the input from the target.

    .. math:: \ell = y (\ln y - x)

    Shapes: input (log probabilities) and target (probabilities, or logarithms with ``log_target=True``) broadcast.
    ``reduction="batchmean"`` divides the sum by the first axis's size, as the divergence is defined;
    ``"mean"`` divides by the number of elements.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.kl_div(cb.log(cb.asarray([[0.5, 0.5]])), cb.asarray([[1., 0.]]), reduction="batchmean")
    tensor(0.6931)
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "kl_div", "batchmean")
    if log_target:
        loss = ops.multiply(ops.exp(target), ops.subtract(target, input))
    else:
        loss = ops.subtract(_x_log_x(target), ops.multiply(target, input))
    if reduction == "batchmean":
        return ops.divide(ops.sum(loss), input.shape[0]) if input.ndim else loss
    return reduced(loss, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Take the negative log likelihood of counts under Poisson distributions.

    .. math:: \ell = e^x - y x \quad\text{or}\quad x - y \ln(x + \epsilon)

    Shapes: input (the logarithms of the means, or the means with ``log_input=False``) and target broadcast. With
    ``full=True`` Stirling's approximation of :math:`\ln y!` is added where y > 1.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.poisson_nll_loss(cb.asarray([0.]), cb.asarray([3.]))
    tensor(1.)
    """
    reduction = chosen_reduction(size_average, reduce, reduction, "poisson_nll_loss")
    if log_input:
        loss = ops.subtract(ops.exp(input), ops.multiply(target, input))
    else:
        loss = ops.subtract(input, ops.multiply(target, ops.log(ops.add(input, eps))))
    if full:
        many = ops.greater(target, 1)
        count = ops.where(many, target, 1.0)
        stirling = ops.add(
            ops.subtract(ops.multiply(count, ops.log(count)), count),
            ops.multiply(ops.log(ops.multiply(count, 2 * math.pi)), 0.5),
        )
        loss = ops.add(loss, ops.where(many, stirling, 0.0))
    return reduced(loss, reduction)


def _variance(input: Tensor, var: Tensor | float) -> Tensor:
    """Return the variances in a shape that broadcasts to the input's, as PyTorch allows it."""
    if not isinstance(var, Tensor):
        if var < 0:
            raise ArgumentError(f"gaussian_nll_loss: var is not negative, got {var}")
        return ops.full(input.shape, var, dtype=input.dtype, device=input.device.physical)
    check_range("gaussian_nll_loss", var, 0.0, math.inf, "var is not negative")
    if var.shape == input.shape:
        return var
    if input.ndim and tuple(var.shape) == tuple(input.shape)[:-1]:
        return ops.expand_dims(var, axis=-1)
    if var.ndim == input.ndim:
        apart = [n for m, n in zip(input.shape, var.shape, strict=True) if m != n]
        if apart == [1]:
            return var
    raise ShapeError(
        f"gaussian_nll_loss: var has shape {tuple(var.shape)}; the input {tuple(input.shape)}: give that, or that with "
        "one axis of size 1 or without the last axis"
    )


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    r"""Take the negative log likelihood under normal distributions of given means and variances.

    .. math:: \ell = \tfrac12 (\ln \max(v, \epsilon) + (x - y)^2 / \max(v, \epsilon))

    Shapes: input (the means) and target broadcast; var has the input's shape, or that with one axis of size 1 or
    without the last axis, or is a number. ``full=True`` adds :math:`\tfrac12 \ln 2\pi`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.gaussian_nll_loss(cb.asarray([1.]), cb.asarray([3.]), cb.asarray([1.]))
    tensor(2.)
    """
    reduction = chosen_reduction(None, None, reduction, "gaussian_nll_loss")
    spread = at_least(_variance(input, var), eps)
    error = ops.square(ops.subtract(input, target))
    loss = ops.multiply(ops.add(ops.log(spread), ops.divide(error, spread)), 0.5)
    return reduced(ops.add(loss, 0.5 * math.log(2 * math.pi)) if full else loss, reduction)
