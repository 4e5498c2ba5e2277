"""Linear maps: one matrix product over all leading axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel

Array = np.ndarray


def _is_real(*arrays: Array | None) -> bool:
    return all(a is None or a.dtype.char in "fd" for a in arrays)


def _column_sums(g: Array) -> Array:
    """Sum a matrix over its rows; a product with ones is faster than a reduction over a strided axis."""
    return np.ones(g.shape[0], g.dtype) @ g


def linear(x: Array, weight: Array, bias: Array | None = None, /) -> Array:
    """``x @ weight.T + bias`` for x (..., in), weight (out, in) and bias (out,)."""
    if weight.ndim != 2 or not _is_real(x, weight, bias):
        return NotImplemented
    if x.ndim <= 2:
        out = np.asarray(x @ weight.T)
    else:
        out = (x.reshape(-1, x.shape[-1]) @ weight.T).reshape(*x.shape[:-1], weight.shape[0])
    if bias is not None:
        np.add(out, bias, out=out)
    return out


def linear_vjp(
    xp: Any, g: Array, x: Array, weight: Array, wants: tuple[bool, ...]
) -> Any:
    """Cotangents of x, weight and bias."""
    if not _is_real(g, x, weight):
        return NotImplemented
    rows = g.reshape(-1, g.shape[-1])
    gx = gw = gb = None
    if wants[0]:
        gx = (rows @ weight).reshape(x.shape)
    if wants[1]:
        gw = rows.T @ x.reshape(-1, x.shape[-1])
    if len(wants) > 2 and wants[2]:
        gb = _column_sums(rows)
    return gx, gw, gb


KERNELS: dict[str, Any] = {"linear": Kernel(linear, vjp=linear_vjp)}
