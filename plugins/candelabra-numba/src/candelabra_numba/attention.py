"""Attention of sequences of moderate length, some rows of a head at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from candelabra.backends.numpy import parallel
from candelabra.backends.numpy.beside import empty_beside
from candelabra.core.backend import Kernel

from .compiled import Array, Loop, least, over_rows

# Multiplications of a head's scores from which on it is worth while, scores that are worked on at a time, numbers of
# keys and values that stay in the cache beside them, scores of a head from which on there must be heads enough for all
# threads, and weights up to which they are kept (32 MB of float32).
LEAST, SOME, BROAD, LONG, KEPT = least(1 << 12), 1 << 15, 1 << 17, 1 << 16, 1 << 23

_FORWARD, _BACKWARD = Loop("attention", "attention"), Loop("attention", "attention_grad")

_NONE = {char: np.empty(1, char) for char in "fd"}
_NO_BIAS = {char: np.empty((1, 1, 1, 1), char) for char in "fd"}
# As `loops.attention` fills rows and columns up: by eight, and by two lines of the cache.
_ROWS, _WIDE = 8, {"f": 32, "d": 16}


def _served(q: Array, k: Array, v: Array, mask: Array | None) -> bool:
    if q.dtype.char not in "fd" or k.dtype != q.dtype or v.dtype != q.dtype:
        return False
    if mask is not None and (mask.dtype not in (q.dtype, np.bool_) or not 1 < mask.ndim <= q.ndim):
        return False
    if not 2 <= q.ndim <= 4 or k.shape[:-2] != q.shape[:-2] or v.shape[:-2] != q.shape[:-2]:
        return False
    length, features = q.shape[-2:]
    keys, values = v.shape[-2:]
    scores = length * keys
    if not scores or scores * features < LEAST or not 0 < keys * (features + values) <= BROAD or not features * values:
        return False
    return scores <= LONG or math.prod(q.shape[:-2]) >= 2 * parallel.get_num_threads()


def _four(x: Array) -> Array:
    """Return an array with two leading axes, its rows as they lie; copied if it is only for reading."""
    if x.strides[-1] != x.itemsize or not (x.flags.writeable and x.flags.aligned):
        x = np.array(x, order="C")
    return _led(x)


def _led(x: Array) -> Array:
    """Return a view of an array with two leading axes, as it lies."""
    return x if x.ndim == 4 else x.reshape((1,) * (4 - x.ndim) + x.shape)


def _bias(mask: Array, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Return what a mask adds to the scores, repeated by strides."""
    if mask.dtype == np.bool_:
        mask = np.where(mask, dtype.type(0), dtype.type(-np.inf))
    elif not (mask.flags.writeable and mask.flags.aligned):
        mask = np.array(mask)
    mask = _led(mask)
    steps = [0 if n == 1 else step for n, step in zip(mask.shape, mask.strides, strict=True)]
    return np.lib.stride_tricks.as_strided(mask, shape, steps)


def _sizes(length: int, keys: int, char: str) -> tuple[int, int]:
    """Numbers that a head's weights take, filled up as the loops have it, and how many rows are worked on at a time."""
    wide = _WIDE[char]
    columns = -(-keys // wide) * wide
    apart = columns if columns % 256 else columns + wide // 2
    rows = -(-length // _ROWS) * _ROWS
    return rows * apart, min(rows, max(SOME // apart // _ROWS, 1) * _ROWS)


def _like_query(q: Array, width: int) -> Array:
    """Lay heads inside rows if the query has them there: joining them is then free."""
    a, h, length, _ = q.shape
    if 0 < q.strides[1] < q.strides[2]:
        return np.empty((a, length, h, width), q.dtype).transpose(0, 2, 1, 3)
    return np.empty((a, h, length, width), q.dtype)


def _attend(q: Array, k: Array, v: Array, mask: Array | None, is_causal: bool, scale: float, train: bool) -> Any:
    if not _served(q, k, v, mask):
        return NotImplemented
    char, lead = q.dtype.char, q.shape[:-2]
    q, k, v = _four(q), _four(k), _four(v)
    a, h, length, _ = q.shape
    keys, heads = k.shape[2], a * h
    bias = _NO_BIAS[char]
    if mask is not None:
        wanted = a, h, length, keys
        if any(n not in (1, m) for n, m in zip(mask.shape[::-1], wanted[::-1], strict=False)):
            # What a mask broadens, the row's body knows.
            return NotImplemented
        bias = _bias(mask, wanted, q.dtype)
    size, some = _sizes(length, keys, char)
    if train and heads * size > KEPT:
        return NotImplemented
    out, weights = _like_query(q, v.shape[3]), np.empty(heads * size, char) if train else _NONE[char]
    over_rows(
        _FORWARD[char], heads, heads * length * keys, q, k, v, bias, q.dtype.type(scale), mask is not None, is_causal,
        train, some, out, weights,
    )  # fmt: skip
    return out if out.shape[:-2] == lead else out.reshape(*lead, *out.shape[2:]), weights


def attention(
    q: Array, k: Array, v: Array, mask: Array | None = None, /, *, is_causal: bool, scale: float
) -> Any:
    """softmax(q @ k.T * scale) @ v."""
    found = _attend(q, k, v, mask, is_causal, scale, False)
    return found if found is NotImplemented else found[0]


def attention_train(
    q: Array, k: Array, v: Array, mask: Array | None = None, /, *, is_causal: bool, scale: float
) -> Any:
    """`attention`, with the weights as the residual, their rows and columns filled up."""
    found = _attend(q, k, v, mask, is_causal, scale, True)
    return found if found is NotImplemented else (found[0], (found[1],))


def attention_vjp(
    g: Array, q: Array, k: Array, v: Array, scale: float, weights: Array, wants: tuple[bool, ...]
) -> Any:
    """Cotangents of q, k and v: with P the weights, dS = P (g V^T - rowsum(g P V))."""
    if wants[3:] == (True,):
        # A mask is seldom differentiated: the row does it.
        return NotImplemented
    char, operands = q.dtype.char, (q, k, v)
    found = empty_beside(operands)
    found = [x if x.strides[-1] == x.itemsize else np.empty(x.shape, char) for x in found]
    gq, gk, gv = map(_led, found)
    q, k, v = _four(q), _four(k), _four(v)
    a, h, length, _ = q.shape
    heads = a * h
    over_rows(
        _BACKWARD[char], heads, heads * length * k.shape[2], _four(g), q, k, v, q.dtype.type(scale),
        _sizes(length, k.shape[2], char)[1], weights, gq, gk, gv,
    )  # fmt: skip
    return tuple(x if want else None for x, want in zip((*found, None), (*wants, False)[:4], strict=True))[: len(wants)]


KERNELS: dict[str, Any] = {"attention": Kernel(attention, attention_train, attention_vjp, ("weights",))}
