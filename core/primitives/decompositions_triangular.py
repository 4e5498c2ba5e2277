"""Gauss's elimination: the factors L and U of matrices with rows in another order."""

from __future__ import annotations

from typing import Any

from ..dtypes import int32
from .decompositions_solutions import in_order, triangle
from .decompositions_tools import adjoint, is_complex, prepare_matrices
from .row import discrete, general


def _lu_body(xp: Any, x: Any, *, pivot: bool) -> tuple[Any, Any]:
    """Row by row, the largest element of what is left of a column first."""
    m, n = x.shape[-2], x.shape[-1]
    rows = xp.arange(m)
    lead = tuple(x.shape)[:-2]
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
        chosen.append(at + 1)
        x = _swapped(xp, x, xp.expand_dims(rows == k, axis=-1), xp.expand_dims(rows == at, axis=-1))
        top = x[..., k : k + 1, :]
        head = top[..., k : k + 1]
        zero = head == 0
        factor = x[..., :, k : k + 1] / xp.where(zero, xp.ones_like(head), head)
        below = xp.expand_dims(rows > k, axis=-1)
        factor = xp.where(below, factor, xp.zeros_like(factor))
        rest = xp.arange(n) > k
        x = xp.where(rest, x - factor * top, xp.where(xp.logical_and(below, xp.arange(n) == k), factor, x))
    pivots = xp.concat(chosen, axis=-1) if chosen else xp.zeros((*lead, 0), dtype=rows.dtype)
    return x, xp.astype(pivots, xp.device.native_dtype(int32))


def _swapped(xp: Any, x: Any, here: Any, there: Any) -> Any:
    """Return matrices with two rows exchanged, each marked by where it is."""
    one = xp.sum(xp.where(here, x, xp.zeros_like(x)), axis=-2, keepdims=True, dtype=x.dtype)
    two = xp.sum(xp.where(there, x, xp.zeros_like(x)), axis=-2, keepdims=True, dtype=x.dtype)
    return xp.where(here, two, xp.where(there, one, x))


def _lu_vjp(xp: Any, g: Any, LU: Any, pivots: Any) -> Any:
    """F. de Hoog et al., "The derivative of the LU decomposition" (2011); tall and wide matrices by blocks."""
    g = g[0]
    m, n = LU.shape[-2], LU.shape[-1]
    k = min(m, n)
    square = LU[..., :k, :k]
    over = adjoint(xp, square)
    over_low, over_up = triangle(xp, over, True, True) + xp.eye(k, dtype=LU.dtype), xp.tril(over)
    by_low, by_up = xp.tril(g[..., :k, :k], k=-1), xp.triu(g[..., :k, :k])
    if m > k:
        rest = _over_lower(xp, g[..., k:, :], over)
        by_up = by_up - xp.matmul(adjoint(xp, LU[..., k:, :]), rest)
    if n > k:
        rest = xp.solve_triangular(over, g[..., :, k:], upper=True, unitriangular=True)
        by_low = by_low - xp.matmul(rest, adjoint(xp, LU[..., :, k:]))
    inner = xp.tril(xp.matmul(over_low, by_low), k=-1) + xp.triu(xp.matmul(by_up, over_up))
    found = _over_lower(xp, xp.solve_triangular(over, inner, upper=True, unitriangular=True), over)
    if m > k or n > k:
        found = xp.concat([found, rest], axis=-2 if m > k else -1)
    return in_order(xp, found, xp.pivot_order(pivots, rows=m), back=True)


def _over_lower(xp: Any, x: Any, right: Any) -> Any:
    """Return ``x @ inv(right)`` for a lower triangular matrix."""
    over, other = xp.matrix_transpose(right), xp.matrix_transpose(x)
    return xp.matrix_transpose(xp.solve_triangular(over, other, upper=True))


def _lu_jvp(xp: Any, t: Any, out: Any) -> tuple[Any, Any]:
    packed, pivots = out
    m, n = packed.shape[-2], packed.shape[-1]
    k = min(m, n)
    square = packed[..., :k, :k]
    low, up = xp.tril(square, k=-1) + xp.eye(k, dtype=packed.dtype), xp.triu(square)
    t = in_order(xp, t, xp.pivot_order(pivots, rows=m))
    inner = _over_upper(xp, xp.solve_triangular(square, t[..., :k, :k], upper=False, unitriangular=True), square)
    of_low, of_up = xp.matmul(low, xp.tril(inner, k=-1)), xp.matmul(xp.triu(inner), up)
    found = of_low + of_up
    if m > k:
        rest = _over_upper(xp, t[..., k:, :] - xp.matmul(packed[..., k:, :], of_up), square)
        found = xp.concat([found, rest], axis=-2)
    if n > k:
        rest = t[..., :, k:] - xp.matmul(of_low, packed[..., :, k:])
        found = xp.concat([found, xp.solve_triangular(square, rest, upper=False, unitriangular=True)], axis=-1)
    return found, None


def _over_upper(xp: Any, x: Any, right: Any) -> Any:
    """Return ``x @ inv(right)`` for an upper triangular matrix."""
    over, other = xp.matrix_transpose(right), xp.matrix_transpose(x)
    return xp.matrix_transpose(xp.solve_triangular(over, other, upper=False))


lu_packed = general(
    "lu_packed", "x, /, *, pivot=True",
    "Factor matrices (..., M, N), their rows in another order, into L (below the diagonal) and U, by Gauss's elimination. "
    "The pivots say with which row each was exchanged, counted from 1.",
    category="floating-point", outputs=("LU", "pivots"), differentiable=(True, False), body=_lu_body,
    prepare=prepare_matrices("lu_packed", square=False), vjp=_lu_vjp, jvp=_lu_jvp, batch="leading", tolerance=8.0,
)  # fmt: skip


def _triangles_body(xp: Any, packed: Any) -> tuple[Any, Any]:
    m, k = packed.shape[-2], min(packed.shape[-2], packed.shape[-1])
    low = xp.tril(packed[..., :, :k], k=-1) + xp.eye(m, k, dtype=packed.dtype)
    return low, xp.triu(packed[..., :k, :])


def _triangles_vjp(xp: Any, g: Any, packed_shape: Any) -> Any:
    m, n = packed_shape[-2], packed_shape[-1]
    low, up = xp.tril(g[0], k=-1), xp.triu(g[1])
    lead = tuple(packed_shape)[:-2]
    if n > m:
        low = xp.concat([low, xp.zeros((*lead, m, n - m), dtype=low.dtype)], axis=-1)
    elif m > n:
        up = xp.concat([up, xp.zeros((*lead, m - n, n), dtype=up.dtype)], axis=-2)
    return low + up


def _triangles_jvp(xp: Any, t: Any) -> tuple[Any, Any]:
    k = min(t.shape[-2], t.shape[-1])
    return xp.tril(t[..., :, :k], k=-1), xp.triu(t[..., :k, :])


lu_triangles = general(
    "lu_triangles", "packed, /", "Return L and U of what `lu_packed` packed.",
    category="floating-point", outputs=("L", "U"), body=_triangles_body, vjp=_triangles_vjp, jvp=_triangles_jvp,
    prepare=prepare_matrices("lu_triangles", square=False), batch="leading",
)  # fmt: skip


def _permutation_body(xp: Any, pivots: Any, like: Any) -> Any:
    order = xp.pivot_order(pivots, rows=like.shape[-2])
    places = xp.arange(like.shape[-2])
    return xp.astype(xp.expand_dims(places, axis=-1) == xp.expand_dims(order, axis=-2), like.dtype)


def _batch_permutation(xp: Any, size: int, pivots: Any, like: Any, *, batched: Any, ranks: Any) -> Any:
    if not batched[0]:
        pivots = xp.broadcast_to(pivots, (size, *pivots.shape))
    return xp.permutation(pivots, like)


permutation = discrete(
    "permutation", "pivots, like, /",
    "Return the matrices that undo the exchanges of rows by pivots, of the size and the dtype of matrices' columns.",
    promote=("like",), body=_permutation_body, batch=_batch_permutation,
)  # fmt: skip
