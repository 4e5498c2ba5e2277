"""Softmax, its logarithm, and the logarithm of a sum of exponentials."""

from __future__ import annotations

import math
from typing import Any

from .row import general
from .tools import axes_of, axis_index

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _prepare_axis(name: str) -> Any:
    def prepare(device: Any, x: Any, axis: Any) -> tuple[int]:
        # A 0-d tensor is a distribution over one outcome, as in PyTorch.
        return (axis_index(axis, max(len(x.shape), 1), name),)

    return prepare


def _top(xp: Any, x: Any, axis: Any) -> Any:
    """The largest value along axes, with infinities replaced so that differences are numbers."""
    if any(x.shape[i] == 0 for i in axes_of(axis, len(x.shape))):
        return xp.sum(x, axis=axis, keepdims=True)
    best = xp.max(x, axis=axis, keepdims=True)
    return xp.where(xp.isfinite(best), best, xp.zeros_like(best))


def _softmax_body(xp: Any, x: Any, *, axis: int) -> Any:
    if not x.shape or not x.shape[axis]:
        return xp.ones_like(x)
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def _log_softmax_body(xp: Any, x: Any, *, axis: int) -> Any:
    if not x.shape or not x.shape[axis]:
        return xp.zeros_like(x)
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def _sum_kept(xp: Any, x: Any, axis: Any) -> Any:
    return xp.sum(x, axis=axis, keepdims=True) if x.shape else x


softmax = general(
    "softmax", "x, /, *, axis", "Return ``exp(x) / sum(exp(x))`` along an axis.", body=_softmax_body, batch="axis",
    prepare=_prepare_axis("softmax"),
    vjp=lambda xp, g, out, axis: out * (g - _sum_kept(xp, g * out, axis)),
    jvp=lambda xp, t, out, axis: out * (t - _sum_kept(xp, t * out, axis)), samples="along", **FLOAT,
)  # fmt: skip
log_softmax = general(
    "log_softmax", "x, /, *, axis", "Return ``x - log(sum(exp(x)))`` along an axis.", body=_log_softmax_body, batch="axis",
    prepare=_prepare_axis("log_softmax"),
    vjp=lambda xp, g, out, axis: g - xp.exp(out) * _sum_kept(xp, g, axis),
    jvp=lambda xp, t, out, axis: t - _sum_kept(xp, t * xp.exp(out), axis), samples="along", **FLOAT,
)  # fmt: skip


def _logsumexp_body(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    top = _top(xp, x, axis)
    total = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else xp.squeeze(total, axis)


def _prepare_logsumexp(device: Any, x: Any, axis: Any, keepdims: Any) -> tuple[Any, bool]:
    return axes_of(axis, len(x.shape), "logsumexp"), bool(keepdims)


def _logsumexp_share(xp: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    kept = out if keepdims else xp.reshape(out, tuple(1 if i in axis else n for i, n in enumerate(x.shape)))
    # exp(-inf - -inf) is no number: a sum of nothing but zeros has a gradient of zero.
    safe = xp.where(kept == -math.inf, xp.zeros_like(kept), kept)
    return xp.exp(x - safe), kept


logsumexp = general(
    "logsumexp", "x, /, *, axis=None, keepdims=False", "Return ``log(sum(exp(x)))`` over axes, without overflow.",
    body=_logsumexp_body, batch="axis", prepare=_prepare_logsumexp,
    vjp=lambda xp, g, x, out, axis, keepdims: _logsumexp_vjp(xp, g, x, out, axis, keepdims),
    jvp=lambda xp, t, x, out, axis, keepdims: xp.sum(
        t * _logsumexp_share(xp, x, out, axis, keepdims)[0], axis=axis, keepdims=keepdims
    ), samples="extremum", **FLOAT,
)  # fmt: skip


def _logsumexp_vjp(xp: Any, g: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    share, kept = _logsumexp_share(xp, x, out, axis, keepdims)
    return (g if keepdims else xp.reshape(g, tuple(kept.shape))) * share
