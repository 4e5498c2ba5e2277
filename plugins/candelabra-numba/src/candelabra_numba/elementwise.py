"""Elementwise functions of the standard, and some beside it, whose values are exponentials'."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .activation import backward, forward
from .compiled import Array, Loop, least, served

# NumPy's own loops are fast, but run on one thread.
LEAST = least(1 << 15)
# Those that the backend composes of several.
LEAST_COMPOSED = least(256)

_EXP, _ERF = Loop("activation", "exp"), Loop("activation", "erf")
_TANH, _TANH_GRAD = Loop("activation", "tanh"), Loop("activation", "tanh_grad")
_SIGMOID, _SIGMOID_GRAD = Loop("activation", "sigmoid"), Loop("activation", "sigmoid_grad")
_LOGSIGMOID, _LOGSIGMOID_GRAD = Loop("activation", "logsigmoid"), Loop("activation", "logsigmoid_grad")


def exp(x: Array) -> Any:
    """The exponential."""
    return forward(_EXP, x) if served(x, LEAST) else NotImplemented


def erf(x: Array) -> Any:
    """The error function."""
    return forward(_ERF, x) if served(x, LEAST_COMPOSED) else NotImplemented


def tanh(x: Array) -> Any:
    """The hyperbolic tangent."""
    return forward(_TANH, x) if served(x, LEAST) else NotImplemented


def tanh_vjp(g: Array, out: Array) -> Any:
    """The cotangent of x: 1 - out**2 times g."""
    if out.size < LEAST_COMPOSED and out.dtype.char in "fd":
        return (np.multiply(g, np.subtract(1, np.multiply(out, out))),)
    return backward(_TANH_GRAD, g, out)


def sigmoid(x: Array) -> Any:
    """1 / (1 + exp(-x))."""
    return forward(_SIGMOID, x) if served(x, LEAST_COMPOSED) else NotImplemented


def sigmoid_vjp(g: Array, out: Array) -> Any:
    """The cotangent of x: out (1 - out) times g."""
    if out.size < LEAST_COMPOSED and out.dtype.char in "fd":
        return (np.multiply(g, np.multiply(np.subtract(1, out), out)),)
    return backward(_SIGMOID_GRAD, g, out)


def logsigmoid(x: Array) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return forward(_LOGSIGMOID, x) if served(x, LEAST_COMPOSED) else NotImplemented


def logsigmoid_vjp(g: Array, x: Array) -> Any:
    """The cotangent of x: g over 1 + exp(x)."""
    return backward(_LOGSIGMOID_GRAD, g, x) if x.size >= LEAST_COMPOSED else NotImplemented


KERNELS: dict[str, Any] = {
    "erf": erf,
    "exp": exp,
    "logsigmoid": Kernel(logsigmoid, vjp=logsigmoid_vjp),
    "sigmoid": Kernel(sigmoid, vjp=sigmoid_vjp),
    "tanh": Kernel(tanh, vjp=tanh_vjp),
}
