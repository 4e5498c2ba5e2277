"""Normalizations as functions."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError, DTypeError, ShapeError, TransformError
from ...core.tensor import Tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]


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
    _check_last("layer_norm", input, shape, weight=weight, bias=bias)
    return ops.layer_norm(input, weight, bias, axes=len(shape), eps=eps)


def _check_last(name: str, input: Tensor, shape: tuple[int, ...], **parameters: Tensor | None) -> None:
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{name}: the input's last axes must be normalized_shape={shape}, got an input of shape "
            f"{tuple(input.shape)}"
        )
    for what, value in parameters.items():
        if value is not None and value.shape != shape:
            raise ShapeError(f"{name}: {what} must have normalized_shape={shape}, got {tuple(value.shape)}")


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
    _check_channels("batch_norm", input, running_mean, running_var, weight, bias)
    shape = (channels,) + (1,) * (input.ndim - 2)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: without training=True, running_mean and running_var are needed")
        scale = ops.divide(1.0, ops.sqrt(ops.add(running_var, eps)))
        scale = scale if weight is None else ops.multiply(weight, scale)
        shift = ops.negative(ops.multiply(running_mean, scale))
        shift = shift if bias is None else ops.add(bias, shift)
        return ops.add(ops.multiply(input, ops.reshape(scale, shape)), ops.reshape(shift, shape))
    count = math.prod(input.shape) // channels if channels else 0
    if not input.numel():
        # Nothing to normalize, and nothing to learn from.
        out = input if weight is None else ops.multiply(input, ops.reshape(weight, shape))
        return out if bias is None else ops.add(out, ops.reshape(bias, shape))
    if count == 1:
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


def _check_channels(
    name: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
) -> None:
    if not input.dtype.is_floating_point:
        raise DTypeError(
            f"{name}: an input of real floating-point numbers is needed, not {input.dtype.name}; "
            + ("normalize its real and imaginary parts" if input.dtype.is_complex else "convert it with .float()")
        )
    if (running_mean is None) != (running_var is None):
        raise ArgumentError(f"{name}: running_mean and running_var are given both or neither")
    given = (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias))
    for what, value in given:
        if value is not None and value.shape != (input.shape[1],):
            raise ShapeError(
                f"{name}: {what} has shape {tuple(value.shape)}, an input of shape {tuple(input.shape)} needs "
                f"({input.shape[1]},), one value per channel"
            )


def _move_towards(running: Tensor, value: Tensor, momentum: float | Tensor, factor: float) -> None:
    moved = ops.add(ops.multiply(running, 1.0 - momentum), ops.multiply(value.detach(), momentum * factor))
    if any(level.kind == "vmap" and level not in running.device.levels for level in moved.device.levels):
        raise TransformError(
            "batch_norm: in training it writes running statistics, which all samples of a vmap share; switch the "
            "module to eval(), let it keep none (cb.func.replace_all_batch_norm_modules_), or map its buffers, too"
        )
    moved = moved.to(running.dtype)
    running._rebind(moved.array, moved.device)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    r"""Normalize each sample's groups of channels by their own mean and variance (Wu and He, 2018).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    Shapes: input (N, C, ...) with C a multiple of `num_groups`; weight and bias (C,). The variance is the biased one.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.group_norm(cb.asarray([[1., 3., 5., 9.]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    if input.ndim >= 2 and 0 < num_groups <= input.shape[1]:
        per_group = input.shape[0] * (input.shape[1] // num_groups) * math.prod(input.shape[2:])
        if per_group == 1:
            raise ShapeError(
                f"group_norm: more than one value per group is needed, got an input of shape {tuple(input.shape)} and "
                f"num_groups={num_groups}; use fewer groups or a larger batch"
            )
    return ops.group_norm(input, weight, bias, num_groups=num_groups, eps=eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalize every channel of every sample (Ulyanov et al., 2016).

    .. math:: y = w \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + b

    With `use_input_stats` the statistics are each sample's own, with the biased variance, and the running ones, where
    given, move towards the samples' mean by `momentum` (with the unbiased variance), in place; otherwise the running
    ones are used.

    Shapes: input (N, C, ...), with at least one axis after C; all others (C,).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.instance_norm(cb.asarray([[[1., 3.], [5., 9.]]]), eps=0.0)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    if input.ndim < 2:
        raise ShapeError(f"instance_norm: an input of shape (N, C, ...) is needed, got {tuple(input.shape)}")
    _check_channels("instance_norm", input, running_mean, running_var, weight, bias)
    if not use_input_stats:
        if running_mean is None:
            raise ArgumentError("instance_norm: without use_input_stats=True, running_mean and running_var are needed")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    count = math.prod(input.shape[2:])
    if count == 1:
        raise ShapeError(
            f"instance_norm: more than one value per channel of each sample is needed, got an input of shape "
            f"{tuple(input.shape)}"
        )
    out = ops.group_norm(input, weight, bias, num_groups=max(input.shape[1], 1), eps=eps)
    if running_mean is not None and running_var is not None and input.numel():
        over = tuple(range(2, input.ndim))
        with no_grad():
            mean = ops.mean(ops.mean(input, axis=over), axis=0)
            variance = ops.mean(ops.var(input, axis=over, correction=1.0), axis=0)
            _move_towards(running_mean, mean, momentum, 1.0)
            _move_towards(running_var, variance, momentum, 1.0)
    return out


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    r"""Divide by the root of the mean square over the last axes (Zhang and Sennrich, 2019).

    .. math:: y = w \frac{x}{\sqrt{\mathrm{E}[x^2] + \epsilon}}

    Shapes: input (..., *normalized_shape); weight normalized_shape. Without `eps` it is the distance from 1 to the next
    number of the dtype that is computed with (float32, or float64 for a float64 input).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.rms_norm(cb.asarray([[1., 7.]]), (2,))
    tensor([[0.2000, 1.4000]])
    """
    shape = tuple(normalized_shape)
    _check_last("rms_norm", input, shape, weight=weight)
    return ops.rms_norm(input, weight, axes=len(shape), eps=eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    r"""Divide each channel by the mean square of the channels around it (Krizhevsky et al., 2012).

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2\right)^{-\beta}

    The sum goes over the `size` = n channels from c - n // 2 on; those that are not there count as zero.

    Shapes: input (N, C, ...) with at least one axis after C.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.local_response_norm(cb.ones(1, 2, 1), 2, alpha=2.0, beta=1.0, k=0.0)
    tensor([[[1.0000],
             [0.5000]]])
    """
    if input.ndim < 3:
        raise ShapeError(
            f"local_response_norm: an input of shape (N, C, ...) with at least 3 axes is needed, "
            f"got {tuple(input.shape)}"
        )
    if size < 1:
        raise ArgumentError(f"local_response_norm: size is a number of channels of at least 1, got {size}")
    if not input.numel():
        return input
    channels = input.shape[1]
    square = ops.multiply(input, input)
    widths = ((0, 0), (size // 2, (size - 1) // 2), *((0, 0),) * (input.ndim - 2))
    padded = ops.pad(square, widths=widths)
    # Sums over windows of doubling length: log2(size) additions instead of size.
    parts, length, taken, window = [], 1, 0, padded
    while True:
        if size & length:
            parts.append(window[:, taken : taken + channels])
            taken += length
        if 2 * length > size:
            break
        window = ops.add(window[:, :-length], window[:, length:])
        length *= 2
    total = functools.reduce(ops.add, parts)
    scale = ops.add(ops.multiply(total, alpha / size), k)
    return ops.divide(input, ops.pow(scale, beta))
