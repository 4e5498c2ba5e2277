"""Normalizations as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor

__all__ = ["batch_norm", "layer_norm"]


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalize over the last axes (Ba et al., 2016).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (..., *normalized_shape); weight and bias normalized_shape. The variance is the biased one.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.layer_norm(cb.asarray([[1., 3.]]), (2,), eps=0.0)
    tensor([[-1.,  1.]])
    """
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"layer_norm: the input's last axes must be normalized_shape={shape}, got an input of shape "
            f"{tuple(input.shape)}"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != shape:
            raise ShapeError(f"layer_norm: {name} must have normalized_shape={shape}, got {tuple(value.shape)}")
    return ops.layer_norm(input, weight, bias, axes=len(shape), eps=eps)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalize every channel over the batch (Ioffe and Szegedy, 2015).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    In training the statistics are the batch's, with the biased variance, and the running ones move towards them by
    `momentum` (with the unbiased variance), in place; otherwise the running ones are used.

    Shapes: input (N, C, ...); all others (C,).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.batch_norm(cb.asarray([[1.], [3.]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: an input of shape (N, C, ...) is needed, got {tuple(input.shape)}")
    channels = input.shape[1]
    given = (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias))
    for name, value in given:
        if value is not None and value.shape != (channels,):
            raise ShapeError(
                f"batch_norm: {name} has shape {tuple(value.shape)}, an input of shape {tuple(input.shape)} needs "
                f"({channels},), one value per channel"
            )
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: without training=True, running_mean and running_var are needed")
        shape = (channels,) + (1,) * (input.ndim - 2)
        scale = ops.divide(1.0, ops.sqrt(ops.add(running_var, eps)))
        scale = scale if weight is None else ops.multiply(weight, scale)
        shift = ops.negative(ops.multiply(running_mean, scale))
        shift = shift if bias is None else ops.add(bias, shift)
        return ops.add(ops.multiply(input, ops.reshape(scale, shape)), ops.reshape(shift, shape))
    count = math.prod(input.shape) // channels if channels else 0
    if count <= 1 and channels:
        raise ShapeError(
            f"batch_norm: in training more than one value per channel is needed, got an input of shape "
            f"{tuple(input.shape)}; use a larger batch, or switch the module to eval()"
        )
    out, mean, variance = ops.batch_norm(input, weight, bias, eps=eps)
    with no_grad():
        if running_mean is not None:
            _move_towards(running_mean, mean, momentum, 1.0)
        if running_var is not None:
            _move_towards(running_var, variance, momentum, count / (count - 1) if count > 1 else 1.0)
    return out


def _move_towards(running: Tensor, value: Tensor, momentum: float, factor: float) -> None:
    moved = ops.add(ops.multiply(running, 1.0 - momentum), ops.multiply(value, momentum * factor))
    running._rebind(moved.to(running.dtype).array)
