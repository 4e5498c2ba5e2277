"""The functions behind the layers, under PyTorch's names and arguments; `dim` is another name of `axis`.

Activations, linear maps and dropout stand here; the others come from the files of their layers.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..core import dtypes, ops
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..core.inplace import assign_
from ..core.tensor import Tensor
from .attention import multi_head_attention_forward, scaled_dot_product_attention
from .convolution import conv2d
from .embedding import embedding
from .loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from .normalization import batch_norm, layer_norm
from .padding import pad
from .pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d

__all__ = [
    "adaptive_avg_pool2d", "avg_pool2d", "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "celu", "conv2d", "cross_entropy", "dropout", "elu", "embedding", "gelu", "hardsigmoid", "hardswish", "hardtanh",
    "l1_loss", "layer_norm", "leaky_relu", "linear", "log_softmax", "logsigmoid", "max_pool2d", "mish", "mse_loss",
    "multi_head_attention_forward", "nll_loss", "normalize", "one_hot", "pad", "prelu", "relu", "relu6",
    "scaled_dot_product_attention", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh",
]  # fmt: skip


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    r"""Map the last axis.

    .. math:: y = x W^\top + b

    Shapes: input (..., in), weight (out, in), bias (out,).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.linear(cb.ones(1, 3), cb.ones(2, 3))
    tensor([[3., 3.]])
    """
    return ops.linear(input, weight, bias)


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
    return _written(input, ops.relu(input)) if inplace else ops.relu(input)


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
    return _written(input, out) if inplace else out


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
    return _written(input, out) if inplace else out


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
    return _written(input, out) if inplace else out


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
    return _written(input, out) if inplace else out


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
    return _written(input, out) if inplace else out


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
    return _written(input, ops.silu(input)) if inplace else ops.silu(input)


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
    return _written(input, ops.mish(input)) if inplace else ops.mish(input)


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
    return _written(input, out) if inplace else out


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
    return _written(input, out) if inplace else out


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


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Set elements to zero at random with probability `p` and scale the others by 1 / (1 - p).

    .. math:: y = m x / (1 - p), \quad m \sim \mathrm{Bernoulli}(1 - p)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.dropout(cb.ones(2), training=False)
    tensor([1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout: p is a probability between 0 and 1, got {p}")
    if not training or p == 0.0:
        return input
    out = ops.multiply(input, 0.0) if p == 1.0 else ops.dropout(input, p=p)
    return _written(input, out) if inplace else out


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Turn class indices into rows with a single one.

    .. math:: y_{i,k} = [x_i = k]

    Shapes: input any, output (*input.shape, num_classes) of int64; -1 takes the largest class.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.one_hot(cb.asarray([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype is not dtypes.int64:
        raise DTypeError(f"one_hot: class indices are int64, got {tensor.dtype.name}; use x.long()")
    empty = 0 in tensor.shape
    if num_classes == -1:
        if empty:
            raise ArgumentError("one_hot: num_classes cannot be inferred from a tensor without elements; give it")
        num_classes = int(ops.max(tensor)) + 1
    elif num_classes <= 0 and not (empty and num_classes == 0):
        raise ArgumentError(f"one_hot: num_classes is positive, got {num_classes}")
    if not empty:
        low, high = int(ops.min(tensor)), int(ops.max(tensor))
        if low < 0 or high >= num_classes:
            raise ArgumentError(
                f"one_hot: classes lie between 0 and num_classes - 1 = {num_classes - 1}, got {low} to {high}"
            )
    classes = ops.arange(num_classes, dtype=dtypes.int64, device=tensor.device)
    return ops.astype(ops.equal(ops.expand_dims(tensor, axis=-1), classes), dtypes.int64)


def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
    *,
    axis: int | None = None,
) -> Tensor:
    r"""Divide by the p-norm along an axis.

    .. math:: y = x / \max(\lVert x \rVert_p, \epsilon)

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.normalize(cb.asarray([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    if out is not None:
        raise ArgumentError("normalize: out is refused: results are returned, not written; write y = normalize(x)")
    chosen = dim if axis is None else axis
    size = ops.abs(input)
    if p == math.inf:
        norm = ops.max(size, axis=chosen, keepdims=True)
    elif p == 2.0:
        norm = _root(ops.sum(ops.multiply(input, input), axis=chosen, keepdims=True), 2.0)
    elif p == 1.0:
        norm = ops.sum(size, axis=chosen, keepdims=True)
    else:
        norm = _root(ops.sum(size**p, axis=chosen, keepdims=True), p)
    return ops.divide(input, ops.maximum(norm, eps))


def _root(total: Tensor, p: float) -> Tensor:
    """Return the p-th root of sums of powers, with gradient zero where the sum is zero."""
    positive = ops.greater(total, 0)
    safe = ops.where(positive, total, 1.0)
    return ops.where(positive, ops.sqrt(safe) if p == 2.0 else safe ** (1.0 / p), 0.0)


def _written(input: Tensor, out: Tensor) -> Tensor:
    """Let the input name the result, for ``inplace=True``."""
    return assign_(input, out, "inplace=True")
