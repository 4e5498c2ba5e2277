"""Layer normalization of few elements, where each call of NumPy costs more than the work.

Rows are summed by BLAS, and what belongs to a row is repeated along it: NumPy broadcasts in twice the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray

FEW = 2048
_ONES = {np.dtype(kind): np.ones(FEW, kind) for kind in (np.float32, np.float64)}
_SHARES: dict[Any, dict[int, Array]] = {kind: {} for kind in _ONES}
# Of how many widths the lines are kept whose product with a row is its mean.
_KEPT = 64


def _share(kind: Any, width: int) -> Array:
    known = _SHARES[kind]
    found = known.get(width)
    if found is None:
        if len(known) >= _KEPT:
            known.clear()
        found = known[width] = np.full(width, 1.0 / width, kind)
    return found


def _along(values: Array, rows: Array) -> Array:
    """Repeat a number of each row along it."""
    return values.repeat(rows.shape[1]).reshape(rows.shape)


def layer_norm(
    x: Array, weight: Array | None, bias: Array | None, width: int, eps: float
) -> tuple[Array, Array, Array]:
    """Return rows of `width` elements normalized, in the shape of `x`, their means and reciprocal deviations."""
    rows = x if x.ndim == 2 and x.shape[1] == width else x.reshape(-1, width)
    share = _share(x.dtype, width)
    means = rows.dot(share)
    out = np.subtract(rows, _along(means, rows))
    rstds = np.multiply(out, out).dot(share)
    np.add(rstds, np.array(eps, x.dtype), rstds)
    np.sqrt(rstds, rstds)
    np.reciprocal(rstds, rstds)
    np.multiply(out, _along(rstds, rows), out)
    if weight is not None:
        np.multiply(out, weight.reshape(width), out)
    if bias is not None:
        np.add(out, bias.reshape(width), out)
    if out.shape != x.shape:
        out = out.reshape(x.shape)
    return out, means[:, None], rstds[:, None]


def layer_norm_grad(
    g: Array, x: Array, weight: Array | None, width: int, mean: Array, rstd: Array, wants: tuple[bool, bool, bool]
) -> tuple[Any, Any, Any]:
    """Return the cotangents of x as rows, of the weight and of the bias as lines."""
    rows, g = x.reshape(-1, width), g.reshape(-1, width)
    share = _share(x.dtype, width)
    scale = _along(rstd, rows)
    y = np.subtract(rows, _along(mean, rows))
    np.multiply(y, scale, y)
    gx = by_weight = by_bias = None
    lines = _ONES[x.dtype][: len(rows)]
    if wants[1]:
        by_weight = lines.dot(np.multiply(g, y))
    if wants[2]:
        by_bias = lines.dot(g)
    if wants[0]:
        h = g if weight is None else np.multiply(g, weight.reshape(width))
        np.multiply(y, _along(np.multiply(h, y).dot(share), rows), y)
        np.add(y, _along(h.dot(share), rows), y)
        gx = np.subtract(h, y)
        np.multiply(gx, scale, gx)
    return gx, by_weight, by_bias
