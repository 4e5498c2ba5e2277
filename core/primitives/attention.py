"""Scaled dot-product attention. Beside the row stands its generic body, which is its meaning."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, DTypeError, ShapeError
from .row import general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _prepare_attention(device: Any, q: Any, k: Any, v: Any, mask: Any, is_causal: Any, scale: Any) -> tuple[Any, Any]:
    if len(q.shape) < 2 or len(k.shape) < 2 or len(v.shape) < 2:
        raise ShapeError("attention: q, k and v have at least the axes (length, features)")
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"attention: q {tuple(q.shape)}, k {tuple(k.shape)} and v {tuple(v.shape)} do not fit: q and k share their "
            "features, k and v their length"
        )
    if mask is not None:
        kind = device.dtype_of[mask.dtype].kind
        if kind not in ("bool", "float"):
            raise DTypeError("attention: a mask is boolean (True takes part) or floating-point (added to the scores)")
    if is_causal and mask is not None:
        raise ArgumentError("attention: give a mask or is_causal=True, not both")
    return bool(is_causal), 1.0 / math.sqrt(q.shape[-1]) if scale is None else float(scale)


def _attention_body(xp: Any, q: Any, k: Any, v: Any, mask: Any, *, is_causal: bool, scale: float) -> Any:
    scores = xp.matmul(q * scale, xp.matrix_transpose(k))
    hidden = None
    if is_causal:
        hidden = xp.triu(xp.ones((q.shape[-2], k.shape[-2]), dtype=q.dtype), k=1) > 0
    elif mask is not None:
        if mask.dtype == q.dtype:
            scores = scores + mask
        else:
            hidden = xp.logical_not(mask)
    if hidden is not None:
        scores = xp.where(hidden, xp.full((), -math.inf, dtype=q.dtype), scores)
    top = xp.max(scores, axis=-1, keepdims=True)
    e = xp.exp(scores - xp.where(xp.isfinite(top), top, xp.zeros_like(top)))
    total = xp.sum(e, axis=-1, keepdims=True)
    # A row in which nothing takes part gives zeros, not NaN.
    return xp.matmul(e / xp.where(total == 0, xp.ones_like(total), total), v)


attention = general(
    "attention", "q, k, v, mask=None, /, *, is_causal=False, scale=None",
    "Return ``softmax(q @ k.T * scale + mask) @ v``: q (..., L, E), k (..., S, E), v (..., S, Ev) (Vaswani et al., 2017).",
    body=_attention_body, prepare=_prepare_attention, promote=("q", "k", "v"), **FLOAT,
)  # fmt: skip
