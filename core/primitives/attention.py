"""Scaled dot-product attention. Beside the row stands its generic body, which is its meaning."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, DTypeError, ShapeError
from .row import general
from .tools import size_of

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}

# How many scores the body has at a time: beyond, it goes through the queries block by block.
_LIMIT = 1 << 24


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
        if kind == "float" and mask.dtype != q.dtype:
            one, other = device.dtype_of[mask.dtype].name, device.dtype_of[q.dtype].name
            raise DTypeError(f"attention: a floating-point mask has the dtype of q, {other}, not {one}; convert it with .to()")
        scores = (q.shape[-2], k.shape[-2])
        if any(m not in (1, n) for m, n in zip(mask.shape[::-1], scores[::-1])):
            raise ShapeError(
                f"attention: a mask of shape {tuple(mask.shape)} does not broadcast to (..., L, S) = (..., {scores[0]}, "
                f"{scores[1]}), for q {tuple(q.shape)} and k {tuple(k.shape)}"
            )
    if is_causal and mask is not None:
        raise ArgumentError("attention: give a mask or is_causal=True, not both")
    return bool(is_causal), 1.0 / math.sqrt(q.shape[-1]) if scale is None else float(scale)


def _chunks(q: Any, k: Any, v: Any) -> list[tuple[int, int]]:
    """Blocks of queries whose scores stay below the limit."""
    length = q.shape[-2]
    lead = max((tuple(x.shape[:-2]) for x in (q, k, v)), key=size_of)
    rows = max(1, _LIMIT // max(size_of(lead) * k.shape[-2], 1))
    return [(start, min(start + rows, length)) for start in range(0, length, rows)] or [(0, 0)]


def _weights(xp: Any, q: Any, k: Any, mask: Any, start: int, is_causal: bool, scale: float) -> Any:
    """The weights of a block of queries, the first of which is number `start`; `mask` is the block's own."""
    scores = xp.matmul(q * scale, xp.matrix_transpose(k))
    hidden = None
    if is_causal:
        hidden = xp.triu(xp.ones((q.shape[-2], k.shape[-2]), dtype=q.dtype), k=1 + start) > 0
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
    return e / xp.where(total == 0, xp.ones_like(total), total)


def _rows(x: Any, start: int, stop: int) -> Any:
    """Rows of an operand (..., L, n), or all of one that repeats its row."""
    whole = x is None or len(x.shape) < 2 or x.shape[-2] == 1 or (start == 0 and stop == x.shape[-2])
    return x if whole else x[..., start:stop, :]


def _attention_body(xp: Any, q: Any, k: Any, v: Any, mask: Any, *, is_causal: bool, scale: float) -> Any:
    found = [
        xp.matmul(_weights(xp, q[..., a:b, :], k, _rows(mask, a, b), a, is_causal, scale), v)
        for a, b in _chunks(q, k, v)
    ]
    return found[0] if len(found) == 1 else xp.concat(found, axis=-2)


def _attention_vjp(
    xp: Any, g: Any, q: Any, k: Any, v: Any, mask: Any, is_causal: bool, scale: float, wants: Any
) -> tuple[Any, ...]:
    """With P the weights: dV = P^T g, dS = P (g V^T - rowsum(g P V)), dQ = scale dS K, dK = scale dS^T Q."""
    want_mask = wants[3] and mask is not None
    dq, dk, dv, dmask = [], None, None, []
    for a, b in _chunks(q, k, v):
        block, upper = q[..., a:b, :], g[..., a:b, :]
        p = _weights(xp, block, k, _rows(mask, a, b), a, is_causal, scale)
        if wants[2]:
            part = xp.matmul(xp.matrix_transpose(p), upper)
            dv = part if dv is None else dv + part
        if not (wants[0] or wants[1] or want_mask):
            continue
        dp = xp.matmul(upper, xp.matrix_transpose(v))
        ds = p * (dp - xp.sum(p * dp, axis=-1, keepdims=True))
        if wants[0]:
            dq.append(xp.matmul(ds, k) * scale)
        if wants[1]:
            part = xp.matmul(xp.matrix_transpose(ds), block * scale)
            dk = part if dk is None else dk + part
        if want_mask:
            dmask.append(_summed(xp, ds, tuple(mask.shape)))
    joined = None
    if want_mask:
        repeats = len(mask.shape) < 2 or mask.shape[-2] == 1
        joined = sum(dmask[1:], dmask[0]) if repeats else xp.concat(dmask, axis=-2)
    return xp.concat(dq, axis=-2) if wants[0] else None, dk, dv, joined


def _summed(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """Sum scores over the axes along which a mask of a shape repeats; the rows are a block's."""
    if len(shape) < len(x.shape):
        x = xp.sum(x, axis=tuple(range(len(x.shape) - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] != 1)
    return xp.sum(x, axis=axes, keepdims=True) if axes else x


attention = general(
    "attention", "q, k, v, mask=None, /, *, is_causal=False, scale=None",
    "Return ``softmax(q @ k.T * scale + mask) @ v``: q (..., L, E), k (..., S, E), v (..., S, Ev) (Vaswani et al., 2017).",
    body=_attention_body, vjp=_attention_vjp, prepare=_prepare_attention, promote=("q", "k", "v"), **FLOAT,
)  # fmt: skip
