"""Gauss's elimination: the factors L and U of matrices with rows in another order."""

from __future__ import annotations

from typing import Any

from .decompositions_tools import adjoint, is_complex, prepare_matrices
from .row import general


def _lu_body(xp: Any, x: Any, *, pivot: bool) -> tuple[Any, Any, Any]:
    """Row by row, the largest element of what is left of a column first."""
    m, n = x.shape[-2], x.shape[-1]
    rows = xp.arange(m)
    lead = tuple(x.shape)[:-2]
    order = xp.broadcast_to(rows, (*lead, m))
    chosen = []
    for k in range(min(m, n)):
        at = xp.broadcast_to(xp.expand_dims(rows[k], axis=-1), (*lead, 1))
        if pivot and m > 1 and 0 not in lead:
            # LAPACK's size of a complex number.
            column = x[..., :, k]
            size = xp.abs(xp.real(column)) + xp.abs(xp.imag(column)) if is_complex(xp, x) else xp.abs(column)
            # What is done with is smaller than any magnitude; NaN counts as the largest.
            size = xp.where(rows >= k, size, xp.full_like(size, -1.0))
            at = xp.argmax(size, axis=-1, keepdims=True)
        chosen.append(at)
        here, there = rows == k, rows == at
        order = _swapped(xp, order, here, there, -1)
        x = _swapped(xp, x, xp.expand_dims(here, axis=-1), xp.expand_dims(there, axis=-1), -2)
        top = x[..., k : k + 1, :]
        head = top[..., k : k + 1]
        zero = head == 0
        factor = x[..., :, k : k + 1] / xp.where(zero, xp.ones_like(head), head)
        below = xp.expand_dims(rows > k, axis=-1)
        factor = xp.where(below, factor, xp.zeros_like(factor))
        rest = xp.arange(n) > k
        x = xp.where(rest, x - factor * top, xp.where(xp.logical_and(below, xp.arange(n) == k), factor, x))
    none = xp.zeros((*lead, 0), dtype=order.dtype)
    return x, xp.concat(chosen, axis=-1) if chosen else none, order


def _swapped(xp: Any, x: Any, here: Any, there: Any, axis: int) -> Any:
    """Return an array with two places along an axis exchanged, each marked by where it is."""
    one = xp.sum(xp.where(here, x, xp.zeros_like(x)), axis=axis, keepdims=True, dtype=x.dtype)
    two = xp.sum(xp.where(there, x, xp.zeros_like(x)), axis=axis, keepdims=True, dtype=x.dtype)
    return xp.where(here, two, xp.where(there, one, x))


def _turned(xp: Any, order: Any, dtype: Any) -> Any:
    """Return the permutation matrices that put rows in an order."""
    rows = xp.arange(order.shape[-1])
    return xp.astype(xp.expand_dims(order, axis=-1) == rows, dtype)


def _parts(xp: Any, packed: Any) -> tuple[Any, Any, int]:
    """Return the square parts of L and U, and their size."""
    k = min(packed.shape[-2], packed.shape[-1])
    square = packed[..., :k, :k]
    return xp.tril(square, k=-1) + xp.eye(k, dtype=packed.dtype), xp.triu(square), k


def _over(xp: Any, x: Any, right: Any) -> Any:
    """Return ``x @ inv(right)``."""
    return xp.matrix_transpose(xp.solve(xp.matrix_transpose(right), xp.matrix_transpose(x)))


def _lu_vjp(xp: Any, g: Any, LU: Any, order: Any) -> Any:
    """F. de Hoog et al., "The derivative of the LU decomposition" (2011); tall and wide matrices by blocks."""
    g = g[0]
    low, up, k = _parts(xp, LU)
    over_low, over_up = adjoint(xp, low), adjoint(xp, up)
    m, n = LU.shape[-2], LU.shape[-1]
    by_low, by_up = xp.tril(g[..., :k, :k], k=-1), xp.triu(g[..., :k, :k])
    if m > k:
        rest = _over(xp, g[..., k:, :], over_up)
        by_up = by_up - xp.matmul(adjoint(xp, LU[..., k:, :]), rest)
    if n > k:
        rest = xp.solve(over_low, g[..., :, k:])
        by_low = by_low - xp.matmul(rest, adjoint(xp, LU[..., :, k:]))
    inner = xp.tril(xp.matmul(over_low, by_low), k=-1) + xp.triu(xp.matmul(by_up, over_up))
    found = _over(xp, xp.solve(over_low, inner), over_up)
    if m > k or n > k:
        found = xp.concat([found, rest], axis=-2 if m > k else -1)
    return xp.matmul(xp.matrix_transpose(_turned(xp, order, LU.dtype)), found)


def _lu_jvp(xp: Any, t: Any, out: Any) -> tuple[Any, Any, Any]:
    packed, _, order = out
    low, up, k = _parts(xp, packed)
    t = xp.matmul(_turned(xp, order, packed.dtype), t)
    m, n = packed.shape[-2], packed.shape[-1]
    inner = _over(xp, xp.solve(low, t[..., :k, :k]), up)
    of_low, of_up = xp.matmul(low, xp.tril(inner, k=-1)), xp.matmul(xp.triu(inner), up)
    found = of_low + of_up
    if m > k:
        rest = _over(xp, t[..., k:, :] - xp.matmul(packed[..., k:, :], of_up), up)
        found = xp.concat([found, rest], axis=-2)
    if n > k:
        rest = xp.solve(low, t[..., :, k:] - xp.matmul(of_low, packed[..., :, k:]))
        found = xp.concat([found, rest], axis=-1)
    return found, None, None


lu_packed = general(
    "lu_packed", "x, /, *, pivot=True",
    "Factor matrices (..., M, N), their rows in another order, into L (below the diagonal) and U, by Gauss's elimination.",
    category="floating-point", outputs=("LU", "pivots", "order"), differentiable=(True, False, False), body=_lu_body,
    prepare=prepare_matrices("lu_packed", square=False), vjp=_lu_vjp, jvp=_lu_jvp, batch="leading", tolerance=8.0,
)  # fmt: skip
