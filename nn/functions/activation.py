"""Activations as functions; `dim` is another name of `axis`."""

from __future__ import annotations

import warnings
from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, ArgumentTypeError, AxisError, ShapeError
from ...core.inplace import assign_
from ...core.tensor import Tensor

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "log_softmax",
    "logsigmoid",
    "mish",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "tanh",
    "tanhshrink",
]


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


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Apply `elu` in place.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x = cb.asarray([0., 2.])
    >>> _ = F.elu_(x)
    >>> x
    tensor([0., 2.])
    """
    return elu(input, alpha, inplace=True)


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
    out = ops.elu(input, alpha=1.6732632423543772, scale=1.0507009873554805)
    return written(input, out) if inplace else out


def selu_(input: Tensor) -> Tensor:
    """Apply `selu` in place.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x = cb.asarray([0.])
    >>> _ = F.selu_(x)
    >>> x
    tensor([0.])
    """
    return selu(input, inplace=True)


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
        raise ArgumentError("celu: alpha must not be zero: the input is divided by it")
    out = ops.elu(input, alpha=alpha, input_scale=1.0 / alpha)
    return written(input, out) if inplace else out


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Apply `celu` in place.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x = cb.asarray([0., 2.])
    >>> _ = F.celu_(x)
    >>> x
    tensor([0., 2.])
    """
    return celu(input, alpha, inplace=True)


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
    return ops.logsigmoid(input)


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


def tanhshrink(input: Tensor) -> Tensor:
    r"""Take the hyperbolic tangent away, elementwise.

    .. math:: y = x - \tanh x

    Shapes: any.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.tanhshrink(cb.asarray([0., 2.]))
    tensor([0.0000, 1.0360])
    """
    return ops.subtract(input, ops.tanh(input))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    r"""Weigh the first half of an axis by the sigmoid of the second (Dauphin et al., 2017).

    .. math:: y = a \, \sigma(b)

    Shapes: input (..., 2 n, ...), output (..., n, ...).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.glu(cb.asarray([2., 4., 0., 0.]))
    tensor([1., 2.])
    """
    if not input.ndim:
        raise ShapeError("glu: a tensor without axes cannot be halved")
    if not -input.ndim <= dim < input.ndim:
        raise AxisError(f"glu: dim={dim} is no axis of an input of shape {tuple(input.shape)}")
    half, odd = divmod(input.shape[dim], 2)
    if odd:
        raise ShapeError(f"glu: axis {dim} of shape {tuple(input.shape)} cannot be halved: {input.shape[dim]} is odd")
    lead = (slice(None),) * (dim % input.ndim)
    return ops.multiply(input[(*lead, slice(None, half))], ops.sigmoid(input[(*lead, slice(half, None))]))


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


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Tensor:
    r"""Turn costs into probabilities along an axis: the smallest gets the largest.

    .. math:: y_i = e^{-x_i} / \sum_j e^{-x_j}

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.softmin(cb.zeros(1, 2), dim=-1)
    tensor([[0.5000, 0.5000]])
    """
    chosen = _softmax_axis("softmin", input, dim, axis, _stacklevel)
    return ops.softmax(ops.negative(input if dtype is None else input.to(dtype)), axis=chosen)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1, *, axis: int | None = None
) -> Tensor:
    r"""Draw from the Gumbel-softmax distribution (Jang et al., 2017; Maddison et al., 2017).

    .. math:: y = \mathrm{softmax}((x + \gamma) / \tau), \quad \gamma \sim \mathrm{Gumbel}(0, 1)

    Parameters
    ----------
    logits : Tensor
        Unnormalized log-probabilities, any shape.
    tau : float
        The temperature.
    hard : bool
        Whether the result is one-hot, with the gradient of the soft draw (straight through).
    eps : float
        Deprecated by PyTorch; it has no effect.
    dim : int
        The axis of the categories.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.gumbel_softmax(cb.zeros(2, 4), hard=True).sum(-1)
    tensor([1., 1.])
    """
    if eps != 1e-10:
        warnings.warn("gumbel_softmax: eps is deprecated and has no effect", stacklevel=2)
    chosen = dim if axis is None else axis
    waiting = ops.empty(logits.shape, dtype=logits.dtype, device=logits.device.physical).exponential_()
    soft = ops.softmax(ops.divide(ops.subtract(logits, ops.log(waiting)), tau), axis=chosen)
    if not hard:
        return soft
    fixed = soft.detach()
    at = ops.argmax(fixed, axis=chosen, keepdims=True)
    places = ops.reshape(
        ops.arange(fixed.shape[chosen], device=logits.device.physical),
        tuple(n if i == chosen % fixed.ndim else 1 for i, n in enumerate(fixed.shape)),
    )
    chosen_one = ops.astype(ops.equal(places, at), soft.dtype)
    # One-hot by value, soft by gradient.
    return ops.add(ops.subtract(chosen_one, fixed), soft)


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
