"""Attention as functions."""

from __future__ import annotations

import math
from typing import Any

from ...core import ops
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.tensor import Tensor

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    r"""Average values by how well their keys fit the queries.

    .. math:: y = \mathrm{softmax}(s \, q k^\top + m) \, v

    Parameters
    ----------
    query : Tensor
        Shape (..., L, E).
    key : Tensor
        Shape (..., S, E).
    value : Tensor
        Shape (..., S, Ev).
    attn_mask : Tensor, optional
        Broadcasts to (..., L, S): booleans, True where a key takes part, or numbers that are added to the scores.
    dropout_p : float
        The probability with which a weight is dropped, always, also outside training.
    is_causal : bool
        Whether query i sees keys 0 to i only.
    scale : float, optional
        Multiplies the scores; 1/√E if not given.
    enable_gqa : bool
        Whether several heads of the query (axis -3) share one of key and value.

    Returns
    -------
    Tensor
        Shape (..., L, Ev).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.scaled_dot_product_attention(cb.ones(2, 4, 8), cb.ones(2, 6, 8), cb.ones(2, 6, 3)).shape
    (2, 4, 3)
    """
    if not 0.0 <= dropout_p <= 1.0:
        raise ArgumentError(f"scaled_dot_product_attention: dropout_p is a probability, got {dropout_p}")
    if is_causal and attn_mask is not None:
        raise ArgumentError("scaled_dot_product_attention: give attn_mask or is_causal=True, not both")
    if enable_gqa:
        key, value = _share_heads(query, key), _share_heads(query, value)
    if attn_mask is not None and attn_mask.dtype.kind != "bool" and attn_mask.dtype is not query.dtype:
        raise DTypeError(
            f"scaled_dot_product_attention: attn_mask is bool or {query.dtype.name} as the query, "
            f"got {attn_mask.dtype.name}"
        )
    if dropout_p == 0.0:
        return ops.attention(query, key, value, attn_mask, is_causal=is_causal, scale=scale)
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = ops.multiply(ops.matmul(query, _swap(key)), factor)
    if is_causal:
        attn_mask = _causal(query.shape[-2], key.shape[-2], query)
    weights = _masked_softmax(scores, attn_mask)
    weights = ops.multiply(weights, 0.0) if dropout_p == 1.0 else ops.dropout(weights, p=dropout_p)
    return ops.matmul(weights, value)


def _masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return the weights; a query that sees nothing gets weights of zero."""
    if mask is None:
        return ops.softmax(scores, axis=-1)
    if mask.dtype.kind == "bool":
        scores = ops.where(mask, scores, -math.inf)
    else:
        scores = ops.add(scores, mask)
    blind = ops.all(ops.equal(scores, -math.inf), axis=-1, keepdims=True)
    return ops.where(blind, 0.0, ops.softmax(ops.where(blind, 0.0, scores), axis=-1))


def _share_heads(query: Tensor, shared: Tensor) -> Tensor:
    heads, groups = query.shape[-3], shared.shape[-3]
    if heads % groups:
        raise ShapeError(f"scaled_dot_product_attention: {heads} query heads are no multiple of {groups} shared heads")
    return shared if heads == groups else ops.repeat(shared, heads // groups, axis=-3)


def _swap(x: Tensor) -> Tensor:
    return ops.matrix_transpose(x)


def _causal(queries: int, keys: int, like: Tensor) -> Tensor:
    """Return the boolean mask in which query i sees keys 0 to i."""
    places = ops.arange(max(queries, keys), device=like.device)
    return ops.less_equal(places[:keys], ops.expand_dims(places[:queries], axis=1))


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Compute multi-head attention as `MultiheadAttention` does, with all its weights as arguments.

    Shapes: query (L, N, E) or (L, E), key and value (S, N, ·) or (S, ·); `static_k` and `static_v`
    (N·num_heads, S, E / num_heads) stand for the projected keys and values.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> x, square = cb.ones(5, 2, 4), cb.ones(4, 4)
    >>> out, weights = F.multi_head_attention_forward(
    ...     x, x, x, 4, 2, cb.ones(12, 4), None, None, None, False, 0.0, square, None)
    >>> out.shape, weights.shape
    ((5, 2, 4), (2, 5, 5))
    """
    single = query.ndim == 2
    if single:
        query, key, value = (ops.expand_dims(x, axis=1) for x in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = ops.expand_dims(key_padding_mask, axis=0)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    out, weights = _attend(
        query, key, value, False, embed_dim_to_check, num_heads, in_proj_weight, separate, in_proj_bias,
        bias_k, bias_v, add_zero_attn, dropout_p if training else 0.0, out_proj_weight, out_proj_bias,
        key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal, static_k, static_v,
    )  # fmt: skip
    if single:
        out = ops.squeeze(out, axis=1)
        weights = None if weights is None else ops.squeeze(weights, axis=0)
    return out, weights


def _attend(
    query: Tensor, key: Tensor, value: Tensor, batch_first: bool, embed_dim: int, heads: int,
    packed: Tensor | None, separate: tuple[Any, Any, Any] | None, in_bias: Tensor | None,
    bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
    out_weight: Tensor, out_bias: Tensor | None, key_padding_mask: Tensor | None, need_weights: bool,
    attn_mask: Tensor | None, average: bool, is_causal: bool, static_k: Tensor | None, static_v: Tensor | None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Attend, given batched input; `batch_first` says how its axes and those of the output lie."""
    _check_inputs(query, key, value, embed_dim, heads, separate is not None)
    batch_axis, length_axis = (0, 1) if batch_first else (1, 0)
    batch, length = query.shape[batch_axis], query.shape[length_axis]
    keys = key.shape[length_axis]
    head_dim = embed_dim // heads
    if (bias_k is None) != (bias_v is None):
        raise ArgumentError("multi-head attention: bias_k and bias_v are given both or neither")
    q, k, v = _project(query, key, value, batch_first, heads, packed, separate, in_bias, embed_dim)
    if static_k is not None:
        k = _static(static_k, batch, heads, head_dim, "static_k")
    if static_v is not None:
        v = _static(static_v, batch, heads, head_dim, "static_v")
    extra = 0
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise ArgumentError("multi-head attention: a bias cannot be added to static keys or values")
        one = (batch, heads, 1, head_dim)
        k, v = (
            ops.concat([x, ops.broadcast_to(ops.reshape(b, (1, *one[1:])), one)], axis=2)
            for x, b in ((k, bias_k), (v, bias_v))
        )
        extra += 1
    if add_zero_attn:
        zeros = ops.zeros((batch, heads, 1, head_dim), dtype=k.dtype, device=k.device)
        k, v = ops.concat([k, zeros], axis=2), ops.concat([v, zeros], axis=2)
        extra += 1
    hint = is_causal and key_padding_mask is None and not need_weights and not extra
    if is_causal and attn_mask is None and not hint:
        attn_mask = ops.logical_not(_causal(length, keys, query))
    mask = None if hint else _merge_masks(attn_mask, key_padding_mask, batch, heads, length, k.shape[2], extra, q)
    weights = None
    if need_weights:
        scores = ops.matmul(ops.multiply(q, 1.0 / math.sqrt(head_dim)), _swap(k))
        if mask is not None:
            additive = mask.dtype.kind != "bool"
            scores = ops.add(scores, mask) if additive else ops.where(mask, scores, -math.inf)
        weights = ops.softmax(scores, axis=-1)
        if dropout_p > 0.0:
            weights = ops.multiply(weights, 0.0) if dropout_p == 1.0 else ops.dropout(weights, p=dropout_p)
        out = ops.matmul(weights, v)
        if average:
            weights = ops.mean(weights, axis=1)
    else:
        out = scaled_dot_product_attention(q, k, v, mask, dropout_p, hint)
    out = ops.permute_dims(out, (0, 2, 1, 3) if batch_first else (2, 0, 1, 3))
    shape = (batch, length, embed_dim) if batch_first else (length, batch, embed_dim)
    return ops.linear(ops.reshape(out, shape), out_weight, out_bias), weights


def _project(
    query: Tensor, key: Tensor, value: Tensor, batch_first: bool, heads: int,
    packed: Any, separate: Any, bias: Any, e: int,
) -> Any:  # fmt: skip
    """Return queries, keys and values by head, shape (N, H, ·, E / H), by as few products as the inputs allow."""

    def split(x: Tensor, count: int) -> Any:
        one, two = x.shape[:2]
        if count == 1:
            apart = ops.reshape(x, (one, two, heads, e // heads))
            return ops.permute_dims(apart, (0, 2, 1, 3) if batch_first else (1, 2, 0, 3))
        apart = ops.reshape(x, (one, two, count, heads, e // heads))
        return ops.unstack(ops.permute_dims(apart, (2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4)), axis=0)

    if separate is None and query is key and key is value:
        return split(ops.linear(query, packed, bias), 3)
    biases: Any = (None, None, None) if bias is None else (bias[:e], bias[e : 2 * e], bias[2 * e :])
    if separate is not None:
        return tuple(split(ops.linear(x, w, b), 1) for x, w, b in zip((query, key, value), separate, biases))
    q = split(ops.linear(query, packed[:e], biases[0]), 1)
    if key is value:
        return q, *split(ops.linear(key, packed[e:], None if bias is None else bias[e:]), 2)
    k = split(ops.linear(key, packed[e : 2 * e], biases[1]), 1)
    return q, k, split(ops.linear(value, packed[2 * e :], biases[2]), 1)


def _check_inputs(query: Tensor, key: Tensor, value: Tensor, embed_dim: int, heads: int, separate: bool) -> None:
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
    if not (query.ndim == key.ndim == value.ndim == 3):
        raise ShapeError(f"multi-head attention: inputs with 3 axes (or 2, unbatched) are needed, got {shapes}")
    if query.shape[-1] != embed_dim:
        raise ShapeError(f"multi-head attention: the query's last axis must have embed_dim={embed_dim}, got {shapes}")
    if embed_dim % heads:
        raise ArgumentError(f"multi-head attention: embed_dim={embed_dim} is no multiple of num_heads={heads}")
    if key.shape[:2] != value.shape[:2] or (not separate and key.shape != value.shape):
        raise ShapeError(f"multi-head attention: key and value must go together, got {shapes}")


def _static(x: Tensor, batch: int, heads: int, head_dim: int, name: str) -> Tensor:
    if x.ndim != 3 or x.shape[0] != batch * heads or x.shape[2] != head_dim:
        raise ShapeError(
            f"multi-head attention: {name} has shape (N·num_heads, S, head_dim) = ({batch * heads}, S, {head_dim}), "
            f"got {tuple(x.shape)}"
        )
    return ops.reshape(x, (batch, heads, x.shape[1], head_dim))


def _merge_masks(
    attn_mask: Tensor | None, padding: Tensor | None, batch: int, heads: int, length: int, keys: int, extra: int, q: Any
) -> Tensor | None:
    """Return one mask for `attention`: booleans, True where a key takes part, or numbers to add."""
    given = keys - extra
    if attn_mask is not None:
        if attn_mask.shape not in ((length, given), (batch * heads, length, given)):
            raise ShapeError(
                f"multi-head attention: attn_mask has shape (L, S) = {(length, given)} or "
                f"(N·num_heads, L, S) = {(batch * heads, length, given)}, got {tuple(attn_mask.shape)}"
            )
        if attn_mask.ndim == 3:
            attn_mask = ops.reshape(attn_mask, (batch, heads, length, given))
    if padding is not None:
        if padding.shape != (batch, given):
            raise ShapeError(
                f"multi-head attention: key_padding_mask has shape (N, S) = {(batch, given)}, "
                f"got {tuple(padding.shape)}"
            )
        padding = ops.reshape(padding, (batch, 1, 1, given))
    masks = [_extended(m, extra) for m in (attn_mask, padding) if m is not None]
    for mask in masks:
        if mask.dtype.kind not in ("bool", "float"):
            raise DTypeError(f"multi-head attention: masks are boolean or floating-point, got {mask.dtype.name}")
    if not masks:
        return None
    if all(mask.dtype.kind == "bool" for mask in masks):
        # The layer's booleans mark what is left out, the attention's what takes part.
        hidden = masks[0] if len(masks) == 1 else ops.logical_or(*masks)
        return ops.logical_not(hidden)
    added = [
        ops.where(mask, -math.inf, ops.zeros((), dtype=q.dtype, device=q.device))
        if mask.dtype.kind == "bool" else mask.to(q.dtype)
        for mask in masks
    ]  # fmt: skip
    return added[0] if len(added) == 1 else ops.add(*added)


def _extended(mask: Tensor, extra: int) -> Tensor:
    """Let the mask leave keys alone that were added at the end."""
    if not extra:
        return mask
    shape = (*mask.shape[:-1], extra)
    return ops.concat([mask, ops.zeros(shape, dtype=mask.dtype, device=mask.device)], axis=-1)
