"""Triangles of matrices, by masks that are made once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .elimination import pivot_order

Array = np.ndarray


@functools.lru_cache(maxsize=256)
def outside(m: int, n: int, k: int, upper: bool) -> Array:
    """Return where a matrix's triangle is not: below diagonal k for the upper one, above it for the lower one."""
    rows, columns = np.arange(m)[:, None], np.arange(n)
    found = columns - rows < k if upper else columns - rows > k
    found.flags.writeable = False
    return found


# Rows are cut in blocks: beside the one on the diagonal whole rectangles are zero.
_BLOCK = 64


def _cut(x: Array, k: int, upper: bool) -> Any:
    if x.ndim < 2 or x.dtype.hasobject:
        return NotImplemented
    m, n = x.shape[-2:]
    found, zero = np.array(x, order="C"), x.dtype.type(0)
    if m <= _BLOCK and n <= _BLOCK:
        np.copyto(found, zero, where=outside(m, n, k, upper))
        return found
    for start in range(0, m, _BLOCK):
        stop = min(start + _BLOCK, m)
        first, last = min(max(start + k, 0), n), min(max(stop + k, 0), n)
        found[..., start:stop, slice(0, first) if upper else slice(last, n)] = zero
        if last > first:
            # In the block the diagonal begins where the rows of zeros end.
            mask = outside(stop - start, last - first, start + k - first, upper)
            np.copyto(found[..., start:stop, first:last], zero, where=mask)
    return found


def triu(x: Array, /, *, k: int = 0) -> Any:
    """The upper triangle."""
    return _cut(x, k, True)


def tril(x: Array, /, *, k: int = 0) -> Any:
    """The lower triangle."""
    return _cut(x, k, False)


def lu_triangles(packed: Array, /) -> Any:
    """L with its ones, and U."""
    k = min(packed.shape[-2:])
    low = _cut(packed[..., :, :k], -1, False)
    places = np.arange(k)
    low[..., places, places] = 1
    return low, _cut(packed[..., :k, :], 0, True)


def permutation(pivots: Array, like: Array, /) -> Array:
    """The matrix that puts rows back."""
    rows = like.shape[-2]
    order = pivot_order(pivots, rows=rows)
    count = math.prod(order.shape[:-1])
    found = np.zeros((count, rows, rows), like.dtype)
    found[np.arange(count)[:, None], order.reshape(count, rows), np.arange(rows)] = 1
    return found.reshape(*order.shape, rows)


KERNELS: dict[str, Callable[..., Any]] = {
    "lu_triangles": lu_triangles, "permutation": permutation, "tril": tril, "triu": triu,
}  # fmt: skip
