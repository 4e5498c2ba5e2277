"""Scaled dot-product attention on NumPy arrays.

Short sequences are worked through here, as many heads at a time as their scores stay in cache: product, softmax and
product with the values follow on each other before the next heads begin. Where the scores are few altogether, the
weights are kept for the backward pass, otherwise computed again. Long sequences go through `tiled_attention`,
which keeps the weights of as many heads as the same limit allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import memory, parallel, tiled_attention
from .beside import empty_beside

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

# Scores worked on at a time: a quarter of a megabyte of float32. A head of more is long.
_BLOCK = 1 << 16

# Scores from which on blocks are shared by threads.
_SHARED = 1 << 18

# Weights are kept for the backward pass up to this many (32 MB of float32), computed again beyond.
_KEEP = 1 << 23

# Scores below this need no shift before exp: their sums stay far from float32's limits.
_SAFE = 30.0

_Span = tuple[slice, slice]


def _four(x: np.ndarray, batch: tuple[int, ...]) -> np.ndarray:
    """`x` (..., m, n), broadcast to `batch`, as (A, H, m, n): a view wherever two batch axes or fewer are given."""
    tail = x.shape[-2:]
    if x.shape[:-2] != batch:
        x = np.broadcast_to(x, batch + tail)
    if len(batch) < 2:
        return x.reshape((1,) * (2 - len(batch)) + x.shape)
    return x if len(batch) == 2 else x.reshape(math.prod(batch[:-1]), batch[-1], *tail)


def _shaped(x: np.ndarray, batch: tuple[int, ...]) -> np.ndarray:
    return x if len(batch) == 2 else x.reshape(batch + x.shape[2:])


def _like_query(q: np.ndarray, width: int) -> np.ndarray:
    """A fresh (A, H, L, width) with heads inside rows if `q` has them there: joining the heads is then free."""
    a, h, length, _ = q.shape
    if h > 1 and length > 1 and 0 < q.strides[1] < q.strides[2]:
        return np.empty((a, length, h, width), q.dtype).transpose(0, 2, 1, 3)
    return np.empty((a, h, length, width), q.dtype)


def _spans(shape: tuple[int, int, int], keys: int) -> list[_Span]:
    """Blocks over (A, H) of whole heads."""
    a, h, length = shape
    heads = min(h, max(1, _BLOCK // max(length * keys, 1)))
    items = min(a, max(1, _BLOCK // max(heads * length * keys, 1))) if heads == h else 1
    return [
        (slice(i, i + items), slice(j, j + heads))
        for i in range(0, a, max(items, 1))
        for j in range(0, h, max(heads, 1))
    ]


def _for_spans(work: Callable[[_Span], None], jobs: list[_Span], scores: int) -> None:
    """Work through all blocks, on threads where there are many: each product then stays on its thread."""

    def each(parts: Iterator[tuple[int, int]]) -> None:
        with np.errstate(all="ignore"):
            for start, stop in parts:
                for span in jobs[start:stop]:
                    work(span)

    if scores >= _SHARED and len(jobs) >= 2 * parallel.get_num_threads() > 2:
        with memory.single_threaded_blas():
            parallel.for_blocks(each, len(jobs), 1, least=2)
    else:
        each(iter([(0, len(jobs))]))


def _bias(mask: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An additive mask: a boolean one becomes 0 and -inf."""
    if mask.dtype.kind != "b":
        return mask
    with np.errstate(divide="ignore"):
        return np.log(mask.astype(dtype))


def _part(bias: np.ndarray, span: _Span) -> np.ndarray:
    """The part of a broadcast mask that a block sees."""
    items, heads = span
    return bias[items if bias.shape[0] > 1 else slice(None), heads if bias.shape[1] > 1 else slice(None)]


def _scores(
    q: np.ndarray, k: np.ndarray, bias: np.ndarray | None, span: _Span, is_causal: bool, scale: float
) -> np.ndarray:
    scores = (q[span] * q.dtype.type(scale)) @ k[span].swapaxes(-1, -2)
    if bias is not None:
        scores += _part(bias, span)
    if is_causal:
        future = np.arange(k.shape[2]) > np.arange(q.shape[2])[:, None]
        scores += np.where(future, q.dtype.type(-np.inf), q.dtype.type(0))
    return scores


def _prepare(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None
) -> tuple[tuple[int, ...], np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    batch = _batch(q, k, v)
    if mask is not None:
        mask = _bias(mask, q.dtype)
        mask = mask.reshape((1,) * (2 + len(batch) - mask.ndim) + mask.shape)
        if len(batch) > 2:
            mask = _four(np.broadcast_to(mask, batch + mask.shape[-2:]), batch)
        else:
            mask = mask.reshape((1,) * (2 - len(batch)) + mask.shape)
    return batch, _four(q, batch), _four(k, batch), _four(v, batch), mask


def _needs_shift(q: np.ndarray, k: np.ndarray, mask: np.ndarray | None, scale: float) -> bool:
    """Whether a score may be so large that its row's maximum must be taken off before exp."""
    if mask is not None and mask.dtype.kind != "b" and not _is_mild(mask):
        return True
    # |q . k| <= |q| |k|: two short passes that save two over the scores. NaN asks for the shift, too.
    norms = (np.max(np.vecdot(x, x), initial=0.0) for x in (q, k))
    return not math.sqrt(math.prod(float(n) for n in norms)) * abs(scale) < _SAFE


def _is_long(q: np.ndarray, k: np.ndarray) -> bool:
    return q.shape[-2] * k.shape[-2] > _BLOCK


def _is_mild(mask: np.ndarray) -> bool:
    """Whether an additive mask holds small numbers and -inf alone."""
    if not mask.size:
        return True
    lines = mask.reshape(-1, mask.shape[-1]) if mask.ndim else mask.reshape(1, 1)
    step = max(1, _KEEP // 16 // max(lines.shape[1], 1))
    for start in range(0, lines.shape[0], step):
        part = lines[start : start + step]
        small = np.abs(part) < _SAFE
        if not small.all() and not (small | np.isneginf(part)).all():
            return False
    return True


def _attend(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None, is_causal: bool, scale: float, train: bool
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray | None]:
    """The result; exp(scores - tops) if kept, their sums, and the tops if any were taken off."""
    with np.errstate(all="ignore"):
        shifted = _needs_shift(q, k, mask, scale)
    if _is_long(q, k):
        return _attend_long(q, k, v, mask, is_causal, scale, shifted, train)
    batch, q, k, v, bias = _prepare(q, k, v, mask)
    a, h, length, _ = q.shape
    keys = k.shape[2]
    out = _like_query(q, v.shape[3])
    powers = None
    if train and a * h * length * keys <= _KEEP:
        powers = np.empty((a, h, length, keys), q.dtype)
    sums = np.empty((a, h, length, 1), q.dtype)
    tops = np.empty((a, h, length, 1), q.dtype) if shifted else None

    def work(span: _Span) -> None:
        scores = _scores(q, k, bias, span, is_causal, scale)
        if tops is not None:
            top = np.maximum.reduce(scores, axis=-1, keepdims=True, out=tops[span])
            if bias is not None:
                np.maximum(top, np.finfo(top.dtype).min, out=top)
            np.subtract(scores, top, out=scores)
        p = scores if powers is None else powers[span]
        np.exp(scores, out=p)
        total = sums[span]
        np.matmul(p, np.ones((keys, 1), p.dtype), out=total)
        if bias is not None:
            # A row that may look at nothing gives 0, as in PyTorch.
            np.copyto(total, 1, where=total == 0)
        part = out[span]
        np.matmul(p, v[span], out=part)
        np.divide(part, total, out=part)

    if keys == 0:
        out[...] = 0
    else:
        _for_spans(work, _spans((a, h, length), keys), a * h * length * keys)
    return _shaped(out, batch), powers, sums, tops


def _attend_long(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None, is_causal: bool, scale: float, shifted: bool,
    train: bool,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray | None]:
    batch = _batch(q, k, v)
    heads_inside = q.ndim > 2 and q.shape[:-2] == batch and 0 < q.strides[-3] < q.strides[-2]
    shape = (*batch, q.shape[-2], v.shape[-1])
    if heads_inside:
        out = np.empty((*shape[:-3], shape[-2], shape[-3], shape[-1]), q.dtype).swapaxes(-2, -3)
    else:
        out = np.empty(shape, q.dtype)
    sums = np.empty((*shape[:-1], 1), q.dtype)
    tops = np.empty(sums.shape, q.dtype) if shifted else None
    task = tiled_attention.Problem(q, k, v, mask, batch, is_causal, scale)
    scores = q.shape[-2] * k.shape[-2]
    places = min(math.prod(batch), _KEEP // scores) if train and not shifted else 0
    powers = np.empty((places, scores), q.dtype) if places else None
    tiled_attention.forward(task, out, sums, tops, powers)
    return out, powers, sums, tops


def _batch(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> tuple[int, ...]:
    if q.ndim == k.ndim == v.ndim and q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        return q.shape[:-2]
    return np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])


def _served(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None) -> bool:
    if q.dtype not in _FLOATS or k.dtype != q.dtype or v.dtype != q.dtype or min(q.ndim, k.ndim, v.ndim) < 2:
        return False
    if mask is None:
        return True
    # A mask may not broaden the batch: the generic body then says what comes out.
    batch = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    full = (*batch, q.shape[-2], k.shape[-2])
    fits = mask.ndim <= len(full) and all(m in (1, n) for m, n in zip(mask.shape[::-1], full[::-1], strict=False))
    return fits and (mask.dtype.kind == "b" or mask.dtype == q.dtype)


def attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None, /, *, is_causal: bool, scale: float
) -> Any:
    """softmax(scale q k^T + mask) v, with q (..., L, E), k (..., S, E), v (..., S, Ev), mask as (..., L, S)."""
    if not _served(q, k, v, mask):
        return NotImplemented
    return _attend(q, k, v, mask, is_causal, scale, False)[0]


def attention_train(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None, /, *, is_causal: bool, scale: float
) -> Any:
    """`attention`, keeping the sums of the weights and, where they are few, the weights themselves."""
    if not _served(q, k, v, mask):
        return NotImplemented
    out, *residuals = _attend(q, k, v, mask, is_causal, scale, True)
    return out, tuple(residuals)


def _cotangents(operands: tuple[np.ndarray, ...], wants: tuple[bool, ...]) -> list[np.ndarray | None]:
    """Arrays for what is wanted: beside each other where the operands are, which are mostly one product's parts."""
    if all(wants):
        return list(empty_beside(operands))
    return [np.empty_like(x) if want else None for x, want in zip(operands, wants, strict=True)]


def attention_vjp(
    xp: Any,
    g: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray | None,
    out: np.ndarray,
    powers: np.ndarray | None,
    sums: np.ndarray,
    tops: np.ndarray | None,
    is_causal: bool,
    scale: float,
    wants: tuple[bool, ...],
) -> tuple[np.ndarray | None, ...]:
    """With P the weights: dV = P^T g, dS = P (g V^T - rowsum(g out)), dQ = scale dS K, dK = scale dS^T Q.

    P is kept as exp(S), not yet divided by its sums: g is, which is shorter.
    """
    want_q, want_k, want_v, want_mask = (*wants, False)[:4]
    want_mask = want_mask and mask is not None
    if _is_long(q, k):
        asked = (want_q, want_k, want_v, want_mask)
        return _long_cotangents(g, q, k, v, mask, out, powers, sums, tops, is_causal, scale, asked)[: len(wants)]
    batch, q, k, v, bias = _prepare(q, k, v, mask)
    g, out = _four(g, batch), _four(out, batch)
    a, h, length, _ = q.shape
    keys = k.shape[2]
    want_scores = want_q or want_k or want_mask
    dq, dk, dv = _cotangents((q, k, v), (want_q, want_k, want_v))
    dmask = np.empty((a, h, length, keys), q.dtype) if want_mask else None
    factor = q.dtype.type(scale)
    if keys == 0 and dq is not None:
        dq[...] = 0

    def work(span: _Span) -> None:
        upper = g[span] / sums[span]
        if powers is not None:
            p = powers[span]
        else:
            p = _scores(q, k, bias, span, is_causal, scale)
            if tops is not None:
                p -= tops[span]
            np.exp(p, out=p)
        if dv is not None:
            np.matmul(p.swapaxes(-1, -2), upper, out=dv[span])
        if not want_scores:
            return
        ds = upper @ v[span].swapaxes(-1, -2)
        ds -= np.vecdot(upper, out[span])[..., None]
        ds *= p
        if dmask is not None:
            dmask[span] = ds
        if dq is not None:
            part = dq[span]
            np.matmul(ds, k[span], out=part)
            part *= factor
        if dk is not None:
            np.matmul(ds.swapaxes(-1, -2), q[span] * factor, out=dk[span])

    if keys:
        _for_spans(work, _spans((a, h, length), keys), a * h * length * keys)
    results = tuple(None if d is None else _shaped(d, batch) for d in (dq, dk, dv, dmask))
    return results[: len(wants)]


def _long_cotangents(
    g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None, out: np.ndarray,
    powers: np.ndarray | None, sums: np.ndarray, tops: np.ndarray | None, is_causal: bool, scale: float,
    wants: tuple[bool, ...],
) -> tuple[np.ndarray | None, ...]:  # fmt: skip
    dq, dk, dv = _cotangents((q, k, v), wants[:3])
    dmask = np.empty_like(mask) if wants[3] and mask is not None else None
    task = tiled_attention.Problem(q, k, v, mask, _batch(q, k, v), is_causal, scale)
    lines = None if dmask is None else dmask.reshape((1,) * (2 - dmask.ndim) + dmask.shape)
    tiled_attention.backward(task, g, out, sums, tops, powers, dq, dk, dv, lines)
    return dq, dk, dv, dmask


KERNELS: dict[str, Any] = {
    "attention": Kernel(
        attention, train=attention_train, vjp=attention_vjp, residuals=("powers", "sums", "tops")
    ),
}
