"""Gauss's elimination, triangular systems and what is solved by factors, by LAPACK in NumPy's own OpenBLAS."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from . import lapack

Array = np.ndarray


def _by_steps(x: Array, pivot: bool) -> tuple[Array, Array]:
    """Elimination in NumPy, on all matrices of a stack at once."""
    m, n = x.shape[-2:]
    work = x.reshape(math.prod(x.shape[:-2]), m, n).copy()
    stack = np.arange(len(work))
    pivots = np.tile(np.arange(min(m, n)), (len(work), 1))
    for k in range(min(m, n)):
        if pivot:
            column = work[:, k:, k]
            # LAPACK's size of a complex number.
            size = np.abs(column.real) + np.abs(column.imag) if x.dtype.kind == "c" else np.abs(column)
            at = pivots[:, k] = k + np.argmax(size, axis=1)
            row = work[stack, at]
            work[stack, at] = work[:, k]
            work[:, k] = row
        head = work[:, k : k + 1, k]
        work[:, k + 1 :, k] /= np.where(head == 0, 1, head)
        work[:, k + 1 :, k + 1 :] -= work[:, k + 1 :, k, None] * work[:, k, None, k + 1 :]
    return work.reshape(x.shape), pivots


def lu_packed(x: Array, /, *, pivot: bool) -> Any:
    """L below the diagonal, U, the exchanged rows, and the order that they make."""
    if x.dtype.kind not in "fc" or x.dtype.itemsize == 2:
        return NotImplemented
    (m, n), lead = x.shape[-2:], x.shape[:-2]
    if pivot and lapack.serves(x):
        work, info = lapack.transposed(x), lapack.Info()
        found = np.empty((len(work), min(m, n)), lapack.INTEGER)
        function, rows, columns = lapack.subroutine("getrf", x.dtype), lapack.number(m), lapack.number(n)
        # It says where a zero stands on the diagonal; the factors hold all the same.
        for a, p in lapack.each(work, found):
            function(rows, columns, a, rows, p, info.reference)
        packed, pivots = lapack.matrices(work, lead), found.astype(np.int64) - 1
    else:
        packed, pivots = _by_steps(x, pivot)
    pivots = pivots.reshape(*lead, min(m, n))
    return packed, pivots, pivot_order(pivots, rows=m)


def pivot_order(pivots: Array, /, *, rows: int) -> Array:
    """The order of rows that exchanging them one by one makes."""
    found = []
    for one in pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1]).tolist():
        order = list(range(rows))
        for k, p in enumerate(one):
            if not 0 <= p < rows:
                raise ArgumentError(f"pivots count rows from 1 to {rows}; {p + 1} is none of them")
            if p != k:
                order[k], order[p] = order[p], order[k]
        found.append(order)
    return np.array(found, dtype=np.int64).reshape(*pivots.shape[:-1], rows)


def _stacked(x: Array, lead: tuple[int, ...]) -> Array:
    """Return matrices as a stack (S, M, N), one after the other for all leading axes."""
    whole = x if x.shape[:-2] == lead else np.broadcast_to(x, (*lead, *x.shape[-2:]))
    return whole if whole.ndim == 3 else whole.reshape(math.prod(lead), *x.shape[-2:])


def _is_dense(x: Array, first: int, second: int) -> bool:
    """Whether elements along one of the last axes are neighbours, and lines along the other do not overlap."""
    size = x.itemsize
    return x.strides[first] == size and x.strides[second] >= size * x.shape[first] and x.strides[second] % size == 0


def solve_triangular(x1: Array, x2: Array, /, *, upper: bool, unitriangular: bool) -> Any:
    """The solution from one end to the other, by BLAS."""
    if not lapack.serves(x1, x2):
        return NotImplemented
    if not unitriangular:
        _refuse_zeros(x1)
    lead = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    stack, n, k = _stacked(x1, lead), x2.shape[-2], x2.shape[-1]
    out = np.array(np.broadcast_to(x2, (*lead, n, k)) if x2.shape[:-2] != lead else x2, order="C").reshape(-1, n, k)
    # Fortran sees the transposes of what lies in C's order: there the equation is X^T A^T = B^T.
    by_columns = not _is_dense(stack, -1, -2) and _is_dense(stack, -2, -1)
    if not by_columns and not _is_dense(stack, -1, -2):
        stack = np.ascontiguousarray(stack)
    step = lapack.number(stack.strides[-1 if by_columns else -2] // stack.itemsize)
    function, one = lapack.subroutine("trsm", x1.dtype), np.ones(1, x1.dtype)
    head = (
        b"R", b"U" if upper == by_columns else b"L", b"T" if by_columns else b"N", b"U" if unitriangular else b"N",
        lapack.number(k), lapack.number(n), lapack.pointer(one),
    )  # fmt: skip
    width = lapack.number(k)
    for a, b in lapack.each(stack, out):
        function(*head, a, step, b, width, 1, 1, 1, 1)
    return out.reshape(*lead, n, k)


def _refuse_zeros(x: Array) -> None:
    diagonal = np.diagonal(x, axis1=-2, axis2=-1)
    if not diagonal.all():
        *place, at = map(int, np.argwhere(diagonal == 0)[0])
        raise np.linalg.LinAlgError(f"{batch_element(tuple(place))}Singular matrix: element {at} of the diagonal is 0")


def batch_element(where: tuple[int, ...]) -> str:
    """Return the words that name one matrix of a stack."""
    return f"(batch element {where[0] if len(where) == 1 else where}) " if where else ""


def lu_solve(factors: Array, pivots: Array, x2: Array, /, *, adjoint: bool) -> Any:
    """The solution by the factors of `lu_packed`."""
    if not lapack.serves(factors, x2):
        return NotImplemented
    _refuse_zeros(factors)
    n, k = x2.shape[-2:]
    if np.any(pivots < 0) or np.any(pivots >= n):
        # LAPACK would write where they point.
        raise ArgumentError(f"lu_solve: pivots count rows from 1 to {n}; these go beyond them")
    lead = np.broadcast_shapes(factors.shape[:-2], pivots.shape[:-1], x2.shape[:-2])
    stack = _stacked(factors, lead)
    if not _is_dense(stack, -2, -1):
        stack = lapack.transposed(stack).swapaxes(-1, -2)
    rows = np.ascontiguousarray(np.broadcast_to(pivots, (*lead, n)).reshape(-1, n) + 1, dtype=lapack.INTEGER)
    out = lapack.transposed(np.broadcast_to(x2, (*lead, n, k)))
    function, info = lapack.subroutine("getrs", x2.dtype), lapack.Info()
    size, width = lapack.number(n), lapack.number(k)
    step = lapack.number(stack.strides[-1] // stack.itemsize)
    for a, p, b in lapack.each(stack, rows, out):
        function(b"C" if adjoint else b"N", size, width, a, step, p, b, size, info.reference, 1)
    return lapack.matrices(out, lead)


def ldl_packed(x: Array, /, *, hermitian: bool) -> Any:
    """L below the diagonal of D, the exchanged rows as LAPACK counts them, and where D has a zero."""
    if not lapack.serves(x):
        return NotImplemented
    work, info, n = lapack.transposed(x), lapack.Info(), x.shape[-1]
    found = np.empty((len(work), n), lapack.INTEGER)
    function = lapack.subroutine("hetrf" if hermitian and x.dtype.kind == "c" else "sytrf", x.dtype)
    # Room for blocks of 64.
    room = np.empty(64 * n, x.dtype)
    size, place, length = lapack.number(n), lapack.pointer(room), lapack.number(room.size)
    failed = []
    for a, p in lapack.each(work, found):
        function(b"L", size, a, size, p, place, length, info.reference, 1)
        failed.append(int(info))
    lead = x.shape[:-2]
    packed = np.tril(lapack.matrices(work, lead))
    return packed, found.astype(np.int64).reshape(*lead, n), np.array(failed, dtype=np.int64).reshape(lead)


def ldl_solve(factors: Array, pivots: Array, x2: Array, /, *, hermitian: bool) -> Any:
    """The solution by the factors of `ldl_packed`."""
    if not lapack.serves(factors, x2):
        return NotImplemented
    n, k = x2.shape[-2:]
    size = np.abs(pivots)
    if np.any(size < 1) or np.any(size > n) or not _is_paired(pivots):
        raise ArgumentError(f"ldl_solve: pivots count rows from 1 to {n}, negative for both rows of a block of two")
    lead = np.broadcast_shapes(factors.shape[:-2], pivots.shape[:-1], x2.shape[:-2])
    stack = lapack.transposed(_stacked(factors, lead))
    rows = np.ascontiguousarray(np.broadcast_to(pivots, (*lead, n)).reshape(-1, n), dtype=lapack.INTEGER)
    out = lapack.transposed(np.broadcast_to(x2, (*lead, n, k)))
    function = lapack.subroutine("hetrs" if hermitian and x2.dtype.kind == "c" else "sytrs", x2.dtype)
    rank, width, info = lapack.number(n), lapack.number(k), lapack.Info()
    for a, p, b in lapack.each(stack, rows, out):
        function(b"L", rank, width, a, rank, p, b, rank, info.reference, 1)
    return lapack.matrices(out, lead)


def _is_paired(pivots: Array) -> bool:
    """Whether negative pivots stand in pairs: LAPACK reads the row behind the first of two."""
    negative = pivots.reshape(-1, pivots.shape[-1]) < 0
    inside = np.zeros(len(negative), bool)
    for column in negative.T:
        if (inside & ~column).any():
            return False
        inside = column & ~inside
    return not inside.any()


KERNELS: dict[str, Callable[..., Any]] = {
    "ldl_packed": ldl_packed, "ldl_solve": ldl_solve, "lu_packed": lu_packed, "lu_solve": lu_solve,
    "pivot_order": pivot_order, "solve_triangular": solve_triangular,
}  # fmt: skip
