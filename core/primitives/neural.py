"""The rows of neural networks. None is in the standard: beside each stands its generic body, which is its meaning.

A backend overrides a body with a kernel; derivatives of the rows without a rule of their own are those of the body.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, DTypeError, ShapeError
from .row import general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _prepare_linear(device: Any, x: Any, weight: Any, bias: Any) -> tuple[()]:
    if len(weight.shape) != 2 or not x.shape or x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: input of shape {tuple(x.shape)} does not fit weight {tuple(weight.shape)}: the input's last axis "
            f"must have {weight.shape[-1] if weight.shape else '?'} features"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(f"linear: bias has shape {tuple(bias.shape)}, weight {tuple(weight.shape)} wants {(weight.shape[0],)}")
    return ()


def _linear_body(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    out = xp.matmul(x, xp.matrix_transpose(weight))
    return out if bias is None else out + bias


def _linear_vjp(xp: Any, g: Any, x: Any, weight: Any, bias_shape: Any, wants: Any) -> tuple[Any, Any, Any]:
    rows = xp.reshape(g, (-1, g.shape[-1])) if len(g.shape) != 2 else g
    flat = xp.reshape(x, (-1, x.shape[-1])) if len(x.shape) != 2 else x
    return (
        xp.matmul(g, xp.conj(weight)) if wants[0] else None,
        xp.matmul(xp.matrix_transpose(rows), xp.conj(flat)) if wants[1] else None,
        xp.sum(rows, axis=0) if wants[2] else None,
    )


linear_row = general(
    "linear", "x, weight, bias=None, /", "Return ``x @ weight.T + bias``: x (..., in), weight (out, in), bias (out,).",
    body=_linear_body, vjp=_linear_vjp, diagnose=_prepare_linear, category="numeric",
)  # fmt: skip


def _prepare_layer_norm(device: Any, x: Any, weight: Any, bias: Any, axes: Any, eps: Any) -> tuple[int, float]:
    if not 1 <= axes <= len(x.shape):
        raise ShapeError(f"layer_norm: {axes} trailing axes of a tensor of shape {tuple(x.shape)}")
    tail = tuple(x.shape)[-axes:]
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != tail:
            raise ShapeError(f"layer_norm: {name} has shape {tuple(p.shape)}, the normalized shape is {tail}")
    return axes, eps


def _layer_norm_body(xp: Any, x: Any, weight: Any, bias: Any, *, axes: int, eps: float) -> Any:
    over = tuple(range(len(x.shape) - axes, len(x.shape)))
    centred = x - xp.mean(x, axis=over, keepdims=True)
    out = centred / xp.sqrt(xp.mean(centred * centred, axis=over, keepdims=True) + eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


layer_norm = general(
    "layer_norm", "x, weight=None, bias=None, /, *, axes=1, eps=1e-05",
    "Return ``(x - mean) / sqrt(var + eps) * weight + bias`` over the last `axes` axes (Ba et al., 2016).",
    body=_layer_norm_body, prepare=_prepare_layer_norm, **FLOAT,
)  # fmt: skip


def _prepare_batch_norm(device: Any, x: Any, weight: Any, bias: Any, eps: Any) -> tuple[float]:
    if len(x.shape) < 2:
        raise ShapeError(f"batch_norm: at least (batch, channels) axes are needed, got shape {tuple(x.shape)}")
    if x.shape[1] and _per_channel(x) <= 1:
        raise ShapeError(
            f"batch_norm: expected more than one value per channel in training, got input of shape {tuple(x.shape)}; "
            "use a larger batch or eval()"
        )
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != (x.shape[1],):
            raise ShapeError(f"batch_norm: {name} has shape {tuple(p.shape)}, the input has {x.shape[1]} channels")
    return (eps,)


def _per_channel(x: Any) -> int:
    total = x.shape[0]
    for n in x.shape[2:]:
        total *= n
    return total


def _batch_norm_body(xp: Any, x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    over = (0, *range(2, len(x.shape)))
    shape = (1, x.shape[1], *(1,) * (len(x.shape) - 2))
    mean = xp.mean(x, axis=over, keepdims=True)
    centred = x - mean
    var = xp.mean(centred * centred, axis=over, keepdims=True)
    out = centred / xp.sqrt(var + eps)
    if weight is not None:
        out = out * xp.reshape(weight, shape)
    if bias is not None:
        out = out + xp.reshape(bias, shape)
    return out, xp.reshape(mean, (x.shape[1],)), xp.reshape(var, (x.shape[1],))


batch_norm = general(
    "batch_norm", "x, weight=None, bias=None, /, *, eps=1e-05",
    "Normalize each channel (axis 1) over the batch; also return the batch's mean and biased variance (Ioffe and Szegedy, 2015).",
    body=_batch_norm_body, outputs=("out", "mean", "var"), differentiable=(True, False, False),
    prepare=_prepare_batch_norm, **FLOAT,
)  # fmt: skip


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
