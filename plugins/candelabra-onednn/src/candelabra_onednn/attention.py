"""Attention over sequences of some length without a mask: products and a softmax in place, all heads at once.

Shorter ones and what has a mask the backend does in less time, and longer ones without writing out their weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .pointwise import softmax_cotangent, softmax_in_place
from .primitive import NUMBER, Array
from .products import product

# Scores of a head from which on oneDNN is asked, and of all heads up to which the weights are kept (32 MB).
_SMALL, _MOST = 1 << 16, 1 << 23


def _served(q: Array, k: Array, v: Array, mask: Array | None, is_causal: bool) -> bool:
    lead = q.shape[:-2]
    if mask is not None or is_causal or q.ndim < 3 or k.shape[:-2] != lead or v.shape[:-2] != lead:
        return False
    head = q.shape[-2] * k.shape[-2]
    return (
        q.dtype == k.dtype == v.dtype == NUMBER and head >= max(_SMALL, 1) and 0 < math.prod(lead) * head <= _MOST
        and q.shape[-1] > 0 < v.shape[-1]
    )  # fmt: skip


def _like_query(q: Array, found: Array) -> Array:
    """Lay heads inside rows if the query has them there: joining them is then free."""
    if found.ndim == 4 and 0 < q.strides[1] < q.strides[2]:
        return np.ascontiguousarray(found.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
    return found


def attention_train(
    q: Array, k: Array, v: Array, mask: Array | None = None, /, *, is_causal: bool, scale: float
) -> Any:
    """`attention`, with the weights as the residual."""
    if not _served(q, k, v, mask, is_causal):
        return NotImplemented
    weights = product(np.multiply(q, scale, order="C"), np.ascontiguousarray(k).swapaxes(-1, -2))
    if weights is NotImplemented or not softmax_in_place(weights):
        return NotImplemented
    out = product(weights, np.ascontiguousarray(v))
    if out is NotImplemented:
        return NotImplemented
    with np.errstate(all="ignore"):
        # One score that is no number would be the only weight of its row that is none.
        if not math.isfinite(np.add.reduce(out, axis=None)):
            return NotImplemented
    return _like_query(q, out), (weights,)


def attention(q: Array, k: Array, v: Array, mask: Array | None = None, /, *, is_causal: bool, scale: float) -> Any:
    """softmax(q @ k.T * scale) @ v."""
    found = attention_train(q, k, v, mask, is_causal=is_causal, scale=scale)
    return found if found is NotImplemented else found[0]


def attention_vjp(
    xp: Any, g: Array, q: Array, k: Array, v: Array, scale: float, weights: Array, wants: tuple[bool, ...]
) -> Any:
    """Cotangents of q, k and v: with P the weights, dS = P (g V^T - rowsum(g P V))."""
    g = np.ascontiguousarray(g)
    gq = gk = gv = None
    if wants[2]:
        gv = product(weights.swapaxes(-1, -2), g)
    if wants[0] or wants[1]:
        scores = product(g, np.ascontiguousarray(v).swapaxes(-1, -2))
        if scores is NotImplemented or not softmax_cotangent(weights, scores):
            return NotImplemented
        if wants[0]:
            gq = product(scores, np.ascontiguousarray(k))
            if gq is not NotImplemented:
                gq *= scale
        if wants[1]:
            gk = product(scores.swapaxes(-1, -2), np.multiply(q, scale, order="C"))
    if any(found is NotImplemented for found in (gq, gk, gv)):
        return NotImplemented
    return *(None if found is None else _like_query(x, found) for x, found in ((q, gq), (k, gk), (v, gv))), None


KERNELS: dict[str, Any] = {"attention": Kernel(attention, attention_train, attention_vjp, ("weights",))}
