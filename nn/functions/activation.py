"""Activations as functions; `dim` is another name of `axis`."""

from __future__ import annotations

import warnings
from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ...core.inplace import assign_
from ...core.tensor import Tensor

__all__ = [
    "celu",
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
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
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val={min_val} is larger than max_val={max_val}")
    inside = ops.logical_and(ops.greater(input, min_val), ops.less(input, max_val))
    out = ops.where(inside, input, ops.clip(input.detach(), min_val, max_val))
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
    return ops.where(ops.greater(input, 0), input, ops.multiply(weight, input))


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    r"""Bend what is below zero to the exponential, elementwise.

    .. math:: y = \max(x, 0) + \min(\alpha (e^x - 1), 0)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.elu(cb.asarray([0., 2.]))
    tensor([0., 2.])
    """
    out = ops.elu(input, alpha=alpha)
    return written(input, out) if inplace else out


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Apply the self-normalizing unit (Klambauer et al., 2017), elementwise.

    .. math:: y = 1.0507 \cdot (\max(x, 0) + \min(1.6733 (e^x - 1), 0))

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.selu(cb.zeros(1))
    tensor([0.])
    """
    out = ops.multiply(ops.elu(input, alpha=1.6732632423543772), 1.0507009873554805)
    return written(input, out) if inplace else out


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    r"""Apply ELU with a continuous derivative for every alpha (Barron, 2017), elementwise.

    .. math:: y = \max(x, 0) + \min(\alpha (e^{x / \alpha} - 1), 0)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.celu(cb.asarray([0., 2.]), alpha=2.0)
    tensor([0., 2.])
    """
    if alpha == 0:
        raise ArgumentError("celu: alpha must not be zero")
    positive = ops.greater(input, 0)
    bent = ops.multiply(ops.expm1(ops.divide(ops.where(positive, 0.0, input), alpha)), alpha)
    out = ops.where(positive, input, bent)
    return written(input, out) if inplace else out


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    r"""Weigh by the normal distribution function (Hendrycks and Gimpel, 2016), elementwise.

    .. math:: y = x \, \Phi(x)

    With ``approximate="tanh"``: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.gelu(cb.zeros(1))
    tensor([0.])
    """
    return ops.gelu(input, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Weigh by the sigmoid, elementwise (also called swish).

    .. math:: y = x \, \sigma(x)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.silu(cb.zeros(1))
    tensor([0.])
    """
    return written(input, ops.silu(input)) if inplace else ops.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    r"""Weigh by the tanh of the softplus (Misra, 2019), elementwise.

    .. math:: y = x \tanh(\ln(1 + e^x))

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.mish(cb.zeros(1))
    tensor([0.])
    """
    return written(input, ops.mish(input)) if inplace else ops.mish(input)


def sigmoid(input: Tensor) -> Tensor:
    r"""Apply the logistic function, elementwise.

    .. math:: y = 1 / (1 + e^{-x})

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.sigmoid(cb.zeros(1))
    tensor([0.5000])
    """
    return ops.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    r"""Apply the hyperbolic tangent, elementwise.

    .. math:: y = \tanh x

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.tanh(cb.zeros(1))
    tensor([0.])
    """
    return ops.tanh(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    r"""Apply a smooth ReLU, elementwise; above `threshold` the input itself.

    .. math:: y = \ln(1 + e^{\beta x}) / \beta

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.softplus(cb.asarray([30.]))
    tensor([30.])
    """
    return ops.softplus(input, beta=beta, threshold=threshold)


def logsigmoid(input: Tensor) -> Tensor:
    r"""Take the logarithm of the sigmoid, elementwise and without overflow.

    .. math:: y = -\ln(1 + e^{-x})

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.logsigmoid(cb.asarray([-100.]))
    tensor([-100.])
    """
    return ops.negative(ops.logaddexp(ops.negative(input), 0.0))


def softsign(input: Tensor) -> Tensor:
    r"""Squash to (-1, 1), elementwise.

    .. math:: y = x / (1 + |x|)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.softsign(cb.asarray([1.]))
    tensor([0.5000])
    """
    return ops.divide(input, ops.add(ops.abs(input), 1.0))


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
    out = ops.divide(relu6(ops.add(input, 3.0)), 6.0)
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
    out = ops.multiply(input, ops.divide(relu6(ops.add(input, 3.0)), 6.0))
    return written(input, out) if inplace else out


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Tensor:
    r"""Turn scores into probabilities along an axis.

    .. math:: y_i = e^{x_i} / \sum_j e^{x_j}

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.softmax(cb.zeros(2, 2), dim=-1)
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    chosen = _softmax_axis("softmax", input, dim, axis, _stacklevel)
    return ops.softmax(input if dtype is None else input.to(dtype), axis=chosen)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Tensor:
    r"""Take the logarithm of the softmax along an axis, without overflow.

    .. math:: y_i = x_i - \ln \sum_j e^{x_j}

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.log_softmax(cb.zeros(1, 1), dim=-1)
    tensor([[0.]])
    """
    chosen = _softmax_axis("log_softmax", input, dim, axis, _stacklevel)
    return ops.log_softmax(input if dtype is None else input.to(dtype), axis=chosen)


def _softmax_axis(name: str, input: Tensor, dim: int | None, axis: int | None, stacklevel: int) -> int:
    chosen = dim if axis is None else axis
    if dim is not None and axis is not None:
        raise ArgumentTypeError(f"{name}: dim and axis are two names of one argument; give one of them")
    if chosen is None:
        chosen = 0 if input.ndim in (0, 1, 3) else 1
        warnings.warn(f"{name}: no axis was given; axis={chosen} is taken, as PyTorch does", stacklevel=stacklevel)
    return chosen


def written(input: Tensor, out: Tensor) -> Tensor:
    """Let the input name the result, for ``inplace=True``."""
    return assign_(input, out, "inplace=True")
