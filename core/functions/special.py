"""Special functions made of the rows of `primitives.special`, and PyTorch's forms of some of them."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..errors import ArgumentError
from ..ops import row_function
from ..primitives.row import TABLE
from ..tensor import Tensor

__all__ = ["expit", "logit", "polygamma"]


def expit(x: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))`` (another name for `sigmoid`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.expit(cb.tensor([0.0]))
    tensor([0.5000])
    """
    return ops.sigmoid(x)


def polygamma(n: int, x: Tensor) -> Tensor:
    """Return the n-th derivative of the digamma function (DLMF 5.15).

    Parameters
    ----------
    n : int
        The order, from 0 (digamma itself) to 100.
    x : Tensor
        Any shape; integers become the default float dtype.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If the order is no int or lies outside.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.polygamma(1, cb.tensor([1.0]))
    tensor([1.6449])
    """
    return row_function(TABLE["polygamma"])(x, n=n)


def logit(x: Any, eps: float | None = None) -> Tensor:
    """Return ``log(x / (1 - x))``, the inverse of `sigmoid`.

    Parameters
    ----------
    x : Tensor
        Probabilities, any shape.
    eps : float, optional
        Limit `x` to the interval from `eps` to ``1 - eps`` first; beyond it the gradient is zero.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.logit(cb.tensor([0.5, 1.0]), eps=0.25)
    tensor([0.0000, 1.0986])
    """
    if eps is not None:
        if not 0 <= eps <= 0.5:
            raise ArgumentError(f"logit: eps lies between 0 and 0.5, got {eps}")
        x = ops.clip(x, eps, 1 - eps)
    return ops.log(x / (1 - x))
