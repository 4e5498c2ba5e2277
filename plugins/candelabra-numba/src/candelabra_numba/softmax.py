"""Softmax, its logarithm, and the logarithm of a sum of exponentials, along the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .compiled import Array, Loop, in_training, least, over_rows, past_caches, plain, served

LEAST = least(256)

_SOFTMAX, _SOFTMAX_GRAD = Loop("softmax", "softmax"), Loop("softmax", "softmax_grad")
_LOG_SOFTMAX, _LOG_SOFTMAX_GRAD = Loop("softmax", "log_softmax"), Loop("softmax", "log_softmax_grad")
_LOGSUMEXP, _LOGSUMEXP_GRAD = Loop("softmax", "logsumexp"), Loop("softmax", "logsumexp_grad")


def _rows(x: Array, axis: int) -> int:
    """Return how many rows there are along the last axis; 0 for what these kernels do not serve."""
    ndim = x.ndim
    if not x.size or not ndim or axis % ndim != ndim - 1 or not served(x, LEAST):
        return 0
    return x.size // x.shape[-1]


def _forward(loop: Loop, x: Array, axis: int) -> Any:
    rows = _rows(x, axis)
    if not rows:
        return NotImplemented
    out, shape = np.empty(x.shape, x.dtype), (rows, x.shape[-1])
    over_rows(loop[x.dtype.char], rows, x.size, x.reshape(shape), out.reshape(shape))
    return out


def _backward(loop: Loop, g: Array, out: Array, axis: int, *further: bool) -> Any:
    rows = _rows(out, axis)
    if not rows or g.dtype != out.dtype:
        return NotImplemented
    gx, shape = np.empty(out.shape, out.dtype), (rows, out.shape[-1])
    over_rows(
        loop[out.dtype.char], rows, out.size, plain(g).reshape(shape), out.reshape(shape), *further, gx.reshape(shape)
    )
    return (gx,)


def softmax(x: Array, /, *, axis: int) -> Any:
    """exp(x) / sum(exp(x))."""
    return _forward(_SOFTMAX, x, axis)


def softmax_vjp(g: Array, out: Array, axis: int) -> Any:
    """The cotangent of x: out (g - sum(g out))."""
    return _backward(_SOFTMAX_GRAD, g, out, axis, past_caches(out))


def log_softmax(x: Array, /, *, axis: int) -> Any:
    """x - log(sum(exp(x)))."""
    return _forward(_LOG_SOFTMAX, x, axis)


def log_softmax_vjp(g: Array, out: Array, axis: int) -> Any:
    """The cotangent of x: g - exp(out) sum(g)."""
    return _backward(_LOG_SOFTMAX_GRAD, g, out, axis)


def _last(axis: Any, ndim: int) -> int:
    """Return the axis, where it is one; the first one, which is not served, where there are more."""
    if isinstance(axis, int):
        return axis
    return axis[0] if len(axis) == 1 else ndim


def logsumexp(x: Array, /, *, axis: Any, keepdims: bool) -> Any:
    """log(sum(exp(x))): -inf where all are, inf where one is."""
    rows = _rows(x, _last(axis, x.ndim)) if x.ndim > 1 else 0
    if not rows:
        return NotImplemented
    out = np.empty((*x.shape[:-1], 1) if keepdims else x.shape[:-1], x.dtype)
    over_rows(_LOGSUMEXP[x.dtype.char], rows, x.size, x.reshape(rows, x.shape[-1]), out.reshape(rows))
    return out


def logsumexp_vjp(g: Array, x: Array, out: Array, axis: Any, keepdims: bool) -> Any:
    """The cotangent of x: g exp(x - out), and 0 where the result is -inf."""
    rows, gx = out.size, np.empty(x.shape, x.dtype)
    shape = (rows, x.shape[-1])
    over_rows(
        _LOGSUMEXP_GRAD[x.dtype.char], rows, x.size, plain(g).reshape(rows), x.reshape(shape),
        plain(out).reshape(rows), gx.reshape(shape),
    )  # fmt: skip
    return (gx,)


KERNELS: dict[str, Any] = {
    "log_softmax": Kernel(log_softmax, in_training(log_softmax), log_softmax_vjp),
    "logsumexp": Kernel(logsumexp, in_training(logsumexp), logsumexp_vjp),
    "softmax": Kernel(softmax, in_training(softmax), softmax_vjp),
}
