"""Activations in straight pieces, as functions."""

from __future__ import annotations

from ...core import ops
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor
from .activation import written

__all__ = [
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "softshrink",
    "threshold",
    "threshold_",
]


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Cut off below zero, elementwise.

    .. math:: y = \max(x, 0)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.relu(cb.asarray([-1., 2.]))
    tensor([0., 2.])
    """
    return written(input, ops.relu(input)) if inplace else ops.relu(input)


def relu_(input: Tensor) -> Tensor:
    """Apply `relu` in place.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x = cb.asarray([-1., 2.])
    >>> _ = F.relu_(x)
    >>> x
    tensor([0., 2.])
    """
    return relu(input, inplace=True)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Cut off below zero and above six, elementwise.

    .. math:: y = \min(\max(x, 0), 6)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.relu6(cb.asarray([-1., 2., 9.]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    r"""Cut off below `min_val` and above `max_val`, elementwise; at the bounds the gradient is zero.

    .. math:: y = \min(\max(x, \mathrm{min}), \mathrm{max})

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.hardtanh(cb.asarray([-3., 0.5, 2.]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    out = ops.hardtanh(input, min_val=min_val, max_val=max_val)
    return written(input, out) if inplace else out


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Apply `hardtanh` in place.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x = cb.asarray([-3., 0., 2.])
    >>> _ = F.hardtanh_(x)
    >>> x
    tensor([-1.,  0.,  1.])
    """
    return hardtanh(input, min_val, max_val, inplace=True)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Approximate the sigmoid by a line, elementwise.

    .. math:: y = \min(\max(x + 3, 0), 6) / 6

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.hardsigmoid(cb.zeros(1))
    tensor([0.5000])
    """
    out = ops.hardsigmoid(input)
    return written(input, out) if inplace else out


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Weigh by the hard sigmoid (Howard et al., 2019), elementwise.

    .. math:: y = x \min(\max(x + 3, 0), 6) / 6

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.hardswish(cb.asarray([0., 3.]))
    tensor([0., 3.])
    """
    out = ops.hardswish(input)
    return written(input, out) if inplace else out


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    r"""Shrink what is below zero, elementwise.

    .. math:: y = \max(x, 0) + \mathrm{slope} \cdot \min(x, 0)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.leaky_relu(cb.asarray([-2., 2.]), 0.5)
    tensor([-1.,  2.])
    """
    out = ops.leaky_relu(input, negative_slope=negative_slope)
    return written(input, out) if inplace else out


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Apply `leaky_relu` in place.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x = cb.asarray([-100., 2.])
    >>> _ = F.leaky_relu_(x)
    >>> x
    tensor([-1.,  2.])
    """
    return leaky_relu(input, negative_slope, inplace=True)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    r"""Scale what is below zero by a learned slope.

    .. math:: y = \max(x, 0) + w \cdot \min(x, 0)

    Shapes: input (N, C, ...), weight (C,) or (1,).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.prelu(cb.asarray([[-2., 2.]]), cb.asarray([0.5, 0.5]))
    tensor([[-1.,  2.]])
    """
    if weight.size != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.shape != (channels,):
            raise ShapeError(
                f"prelu: weight holds one slope, or one per channel ({channels}); got shape {tuple(weight.shape)}"
            )
        if input.ndim > 1:
            weight = ops.reshape(weight, (channels, *(1,) * (input.ndim - 2)))
    elif weight.ndim > input.ndim:
        weight = ops.reshape(weight, ())
    return ops.prelu(input, weight)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    r"""Scale what is below zero by slopes drawn uniformly from [lower, upper] in training (Xu et al., 2015).

    .. math:: y = \max(x, 0) + a \cdot \min(x, 0)

    Without `training` the slope is (lower + upper) / 2. Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.rrelu(cb.asarray([-2., 2.]), 0.2, 0.3)
    tensor([-0.5000,  2.0000])
    """
    if lower > upper:
        raise ArgumentError(f"rrelu: lower={lower} is larger than upper={upper}; swap them")
    if training:
        slopes = ops.uniform(lower, upper, input.shape, dtype=input.dtype, device=input.device.physical)
        out = ops.prelu(input, slopes)
    else:
        out = ops.leaky_relu(input, negative_slope=(lower + upper) / 2)
    return written(input, out) if inplace else out


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """Apply `rrelu` in place.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x = cb.asarray([2.])
    >>> _ = F.rrelu_(x)
    >>> x
    tensor([2.])
    """
    return rrelu(input, lower, upper, training, inplace=True)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    r"""Replace by `value` what is not above `threshold`, elementwise.

    .. math:: y = x \text{ if } x > \mathrm{threshold}, \text{ else } \mathrm{value}

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.threshold(cb.asarray([-1., 2.]), 0.0, 20.0)
    tensor([20.,  2.])
    """
    if not input.dtype.is_differentiable:
        threshold, value = int(threshold), int(value)
    out = ops.where(ops.less_equal(input, threshold), value, input)
    return written(input, out) if inplace else out


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """Apply `threshold` in place.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x = cb.asarray([-1., 2.])
    >>> _ = F.threshold_(x, 0.0, 20.0)
    >>> x
    tensor([20.,  2.])
    """
    return _threshold(input, threshold, value, inplace=True)


# The argument of `threshold_` hides the function.
_threshold = threshold


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    r"""Set to zero what lies within ± `lambd`, elementwise.

    .. math:: y = x \text{ if } |x| > \lambda, \text{ else } 0

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.hardshrink(cb.asarray([-0.2, 2.]))
    tensor([0., 2.])
    """
    return ops.where(ops.less_equal(ops.abs(input), lambd), 0.0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    r"""Bring closer to zero by `lambd`, elementwise.

    .. math:: y = x - \min(\max(x, -\lambda), \lambda)

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.softshrink(cb.asarray([-0.2, 2.]))
    tensor([0.0000, 1.5000])
    """
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambd is not negative, got {lambd}")
    return ops.subtract(input, ops.clip(input, -lambd, lambd))
