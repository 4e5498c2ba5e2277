"""Vectors: their Euclidean length, and cross products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def euclidean_norm(x: Array, /, *, axis: Any, keepdims: bool) -> Any:
    """The root of a scalar product of BLAS."""
    if x.dtype.char not in "fdFD":
        return NotImplemented
    every = axis is None or len(axis) == x.ndim
    if every and x.flags.c_contiguous:
        flat = x.reshape(-1)
        total = np.vdot(flat, flat).real
        found = np.asarray(np.sqrt(total), dtype=x.real.dtype)
        return found.reshape((1,) * x.ndim) if keepdims else found
    if not every and axis == (x.ndim - 2, x.ndim - 1) and x.flags.c_contiguous and x.size:
        lines = x.reshape(*x.shape[:-2], -1)
        squares = np.asarray(np.vecdot(lines, lines)).real
        if keepdims:
            squares = squares.reshape(*x.shape[:-2], 1, 1)
    elif axis is not None and len(axis) == 1 and not keepdims:
        lines = np.moveaxis(x, axis[0], -1)
        squares = np.asarray(np.vecdot(lines, lines)).real
    else:
        squares = (x.conj() * x).real if x.dtype.kind == "c" else x * x
        squares = np.asarray(squares.sum(axis=axis, keepdims=keepdims))
    return np.asarray(np.sqrt(squares))


def cross_product(x1: Array, x2: Array, /) -> Any:
    """The six products, three at a time."""
    kind = x1.dtype
    if kind.char not in "fdFDlqi" or x2.dtype != kind:
        return NotImplemented
    shape = x1.shape if x1.shape == x2.shape else np.broadcast_shapes(x1.shape, x2.shape)
    out = np.empty(shape, kind)
    a0, a1, a2 = x1[..., 0], x1[..., 1], x1[..., 2]
    b0, b1, b2 = x2[..., 0], x2[..., 1], x2[..., 2]
    first, second, third = out[..., 0], out[..., 1], out[..., 2]
    np.subtract(a1 * b2, a2 * b1, out=first)
    np.subtract(a2 * b0, a0 * b2, out=second)
    np.subtract(a0 * b1, a1 * b0, out=third)
    return out


KERNELS: dict[str, Callable[..., Any]] = {"cross_product": cross_product, "euclidean_norm": euclidean_norm}
