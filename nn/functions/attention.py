"""Attention as functions."""

from __future__ import annotations

import math
from typing import Any

from ...core import dtypes, ops
from ...core.autograd.checkpoint import checkpoint
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.tensor import Tensor
from .dropout import probability

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]

# With dropout: how many scores there are at a time.
_LIMIT = 1 << 24


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
    dropout_p = probability("scaled_dot_product_attention", dropout_p, "dropout_p")
    if is_causal and attn_mask is not None:
        raise ArgumentError("scaled_dot_product_attention: give attn_mask or is_causal=True, not both")
    _check_operands(query, key, value, attn_mask, enable_gqa)
    if attn_mask is not None and attn_mask.dtype is not dtypes.bool_:
        attn_mask = attn_mask.to(query.dtype)
    if enable_gqa and query.shape[-3] != key.shape[-3]:
        shape = query.shape
        query, key, value, attn_mask = _grouped(query, key, value, attn_mask)
        out = _attention(query, key, value, attn_mask, dropout_p, is_causal, scale)
        return ops.reshape(out, (*shape[:-1], value.shape[-1]))
    return _attention(query, key, value, attn_mask, dropout_p, is_causal, scale)


def _attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, is_causal: bool,
    scale: float | None,
) -> Tensor:  # fmt: skip
    if dropout_p == 0.0:
        return ops.attention(query, key, value, mask, is_causal=is_causal, scale=scale)
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    length, keys = query.shape[-2], key.shape[-2]
    rows = max(1, _LIMIT // max(math.prod(query.shape[:-2]) * keys, 1))
    if rows >= length:
        return _with_dropout(query, key, value, mask, 0, is_causal, factor, dropout_p)
    # Block by block, and computed again for the gradient with the same draws: the whole score matrix never exists.
    parts = []
    for start in range(0, length, rows):
        own = mask if mask is None or mask.ndim < 2 or mask.shape[-2] == 1 else mask[..., start : start + rows, :]
        block = query[..., start : start + rows, :]
        parts.append(checkpoint(_with_dropout, block, key, value, own, start, is_causal, factor, dropout_p))
    return ops.concat(parts, axis=-2)


def _with_dropout(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, start: int, is_causal: bool, factor: float, p: float
) -> Tensor:
    """Attention of the queries from number `start` on, with dropout of weights."""
    scores = ops.multiply(ops.matmul(query, _swap(key)), factor)
    if is_causal:
        mask = _causal(query.shape[-2], key.shape[-2], query, start)
    weights = _masked_softmax(scores, mask)
    weights = ops.multiply(weights, 0.0) if p == 1.0 else ops.dropout(weights, p=p)
    return ops.matmul(weights, value)


def _check_operands(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, grouped: bool) -> None:
    name = "scaled_dot_product_attention"
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
    if min(query.ndim, key.ndim, value.ndim) < (3 if grouped else 2):
        axes = "(..., heads, length, features)" if grouped else "(..., length, features)"
        raise ShapeError(f"{name}: {axes} are needed, got {shapes}")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"{name}: query and key share their last axis, key and value their length (axis -2), got {shapes}"
        )
    if grouped:
        for what, x in (("key", key), ("value", value)):
            if not x.shape[-3] or query.shape[-3] % x.shape[-3]:
                raise ShapeError(
                    f"{name}: the {query.shape[-3]} heads of the query are no multiple of the {x.shape[-3]} of the "
                    f"{what}, in {shapes}"
                )
    if mask is None:
        return
    if mask.dtype not in (dtypes.bool_, dtypes.float32, query.dtype):
        kinds = " or ".join(dict.fromkeys(("float32", query.dtype.name)))
        raise DTypeError(f"{name}: attn_mask is bool or {kinds}, got {mask.dtype.name}")
    scores = (query.shape[-2], key.shape[-2])
    if any(m not in (1, n) for m, n in zip(mask.shape[::-1], scores[::-1])):
        raise ShapeError(
            f"{name}: attn_mask has shape {tuple(mask.shape)}, and must broadcast to (..., L, S) = "
            f"(..., {scores[0]}, {scores[1]}), for {shapes}"
        )


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


def _grouped(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Return operands in which the query's heads (axis -3) fall into groups that each broadcast to one shared head."""
    shared = key.shape[-3]
    if value.shape[-3] != shared:
        # Each its own number: the smaller one is repeated.
        most = math.lcm(shared, value.shape[-3])
        key, value = (ops.repeat(x, most // x.shape[-3], axis=-3) for x in (key, value))
        shared = most

    def apart(x: Tensor) -> Tensor:
        return ops.reshape(x, (*x.shape[:-3], shared, x.shape[-3] // shared, *x.shape[-2:]))

    if mask is not None and mask.ndim >= 3:
        mask = ops.expand_dims(mask, axis=-3) if mask.shape[-3] == 1 else apart(mask)
    return apart(query), ops.expand_dims(key, axis=-3), ops.expand_dims(value, axis=-3), mask


def _swap(x: Tensor) -> Tensor:
    return ops.matrix_transpose(x)


def _causal(queries: int, keys: int, like: Tensor, start: int = 0) -> Tensor:
    """Return the boolean mask in which query i, the first of which is number `start`, sees keys 0 to i."""
    places = ops.arange(max(start + queries, keys), device=like.device.physical)
    return ops.less_equal(places[:keys], ops.expand_dims(places[start : start + queries], axis=1))


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
    _check_inputs(query, key, value, embed_dim, heads, batch_first, packed if separate is None else separate)
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


def _check_inputs(
    query: Tensor, key: Tensor, value: Tensor, embed_dim: int, heads: int, batch_first: bool, projections: Any
) -> None:
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
    if not (query.ndim == key.ndim == value.ndim == 3):
        raise ShapeError(f"multi-head attention: inputs with 3 axes (or 2, unbatched) are needed, got {shapes}")
    if query.shape[-1] != embed_dim:
        raise ShapeError(f"multi-head attention: the query's last axis must have embed_dim={embed_dim}, got {shapes}")
    if embed_dim % heads:
        raise ArgumentError(f"multi-head attention: embed_dim={embed_dim} is no multiple of num_heads={heads}")
    batch = 0 if batch_first else 1
    if key.shape[:2] != value.shape[:2] or key.shape[batch] != query.shape[batch]:
        raise ShapeError(
            "multi-head attention: key and value have the same length, and all three the same batch (axis "
            f"{batch}), got {shapes}"
        )
    kdim, vdim = (p.shape[-1] for p in projections[1:]) if isinstance(projections, tuple) else (embed_dim, embed_dim)
    if (key.shape[-1], value.shape[-1]) != (kdim, vdim):
        raise ShapeError(
            f"multi-head attention: the last axes of key and value must have kdim={kdim} and vdim={vdim}, got {shapes}"
        )


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
