"""Gauss's elimination, triangular systems and what is solved by factors, by LAPACK in NumPy's own OpenBLAS."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from . import lapack

Array = np.ndarray

# Of many small matrices NumPy's own loop is quicker than one call for each.
_SMALL, _FEW = 16, 4


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
    """L below the diagonal, U, and the exchanged rows."""
    if x.dtype.kind not in "fc" or x.dtype.itemsize == 2:
        return NotImplemented
    if pivot and lapack.serves(x):
        packed, found = factored(x)
        return packed, found.astype(np.int32)
    packed, pivots = _by_steps(x, pivot)
    return packed, pivots.reshape(*x.shape[:-2], min(x.shape[-2:])).astype(np.int32) + np.int32(1)


def factored(x: Array) -> tuple[Array, Array]:
    """Return the factors, in Fortran's order, and the pivots of matrices with elements."""
    (m, n), work, info = x.shape[-2:], lapack.transposed(x), lapack.Info()
    pivots = np.empty((len(work), min(m, n)), lapack.INTEGER)
    function, rows, columns = lapack.subroutine("getrf", x.dtype), lapack.number(m), lapack.number(n)
    # It says where a zero stands on the diagonal; the factors hold all the same.
    for a, p in lapack.each(work, pivots):
        function(rows, columns, a, rows, p, info.reference)
    return lapack.matrices(work, x.shape[:-2]), pivots.reshape(*x.shape[:-2], min(m, n))


def pivot_order(pivots: Array, /, *, rows: int) -> Array:
    """The order of rows that exchanging them one by one makes."""
    found = []
    for one in pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1]).tolist():
        order = list(range(rows))
        for k, p in enumerate(one):
            if not 0 < p <= rows:
                raise ArgumentError(f"pivots count rows from 1 to {rows}; {p} is none of them")
            if p != k + 1:
                order[k], order[p - 1] = order[p - 1], order[k]
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
    """The solution from one end to the other, by LAPACK."""
    if not lapack.serves(x1, x2):
        return NotImplemented
    n, k = x2.shape[-2:]
    lead: tuple[int, ...] = ()
    if x1.ndim == x2.ndim == 2:
        stack, out = x1[None], np.array(x2.T[None], order="C")
    else:
        lead = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
        if n <= _SMALL and math.prod(lead) > _FEW:
            return _small_triangles(x1, x2, upper, unitriangular)
        stack, out = _stacked(x1, lead), lapack.transposed(np.broadcast_to(x2, (*lead, n, k)))
    # Fortran sees the transposes of what lies in C's order.
    by_columns = not _is_dense(stack, -1, -2) and _is_dense(stack, -2, -1)
    if not by_columns and not _is_dense(stack, -1, -2):
        stack = np.ascontiguousarray(stack)
    strides = stack.strides
    function, info = lapack.subroutine("trtrs", x1.dtype), lapack.Info()
    head = (
        b"U" if upper == by_columns else b"L", b"N" if by_columns else b"T", b"U" if unitriangular else b"N",
        size := lapack.number(n), lapack.number(k),
    )  # fmt: skip
    step = lapack.number(max(n, strides[-1 if by_columns else -2] // x1.itemsize))
    for i, (a, b) in enumerate(lapack.each(stack, out)):
        function(*head, a, step, b, size, info.reference, 1, 1, 1)
        if int(info):
            place = tuple(map(int, np.unravel_index(i, lead))) if lead else ()
            raise np.linalg.LinAlgError(
                f"{batch_element(place)}Singular matrix: element {int(info) - 1} of the diagonal is 0"
            )
    return lapack.matrices(out, lead)


def _small_triangles(x1: Array, x2: Array, upper: bool, unitriangular: bool) -> Array:
    """The same for many small matrices, which NumPy's own loop serves more quickly than one call for each."""
    n = x1.shape[-1]
    whole = np.where(_triangle(n, upper, unitriangular), x1, x1.dtype.type(0))
    if unitriangular:
        places = np.arange(n)
        whole[..., places, places] = 1
    else:
        refuse_zeros(x1)
    return np.linalg.solve(whole, x2)


@functools.lru_cache(maxsize=64)
def _triangle(n: int, upper: bool, unitriangular: bool) -> Array:
    whole = np.ones((n, n), bool)
    return np.triu(whole, int(unitriangular)) if upper else np.tril(whole, -int(unitriangular))


def refuse_zeros(x: Array) -> None:
    """Refuse triangular matrices, or factors, with a zero on their diagonal."""
    diagonal = x.diagonal(axis1=-2, axis2=-1)
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
    refuse_zeros(factors)
    n = x2.shape[-2]
    if pivots.min() < 1 or pivots.max() > n:
        # LAPACK would write where they point.
        raise ArgumentError(f"lu_solve: pivots count rows from 1 to {n}; these go beyond them")
    return by_factors(factors, pivots, x2, adjoint)


def by_factors(factors: Array, pivots: Array, x2: Array, adjoint: bool) -> Array:
    """Return solutions by factors in Fortran's order and pivots that have been looked at."""
    n, k = x2.shape[-2:]
    if factors.ndim == x2.ndim == pivots.ndim + 1 == 2:
        lead: tuple[int, ...] = ()
        stack, rows, out = factors[None], pivots.reshape(1, n), lapack.transposed(x2)
    else:
        lead = np.broadcast_shapes(factors.shape[:-2], pivots.shape[:-1], x2.shape[:-2])
        stack = _stacked(factors, lead)
        rows = np.broadcast_to(pivots, (*lead, n)).reshape(-1, n)
        out = lapack.transposed(np.broadcast_to(x2, (*lead, n, k)))
    if not _is_dense(stack, -2, -1):
        stack = lapack.transposed(stack).swapaxes(-1, -2)
    rows = np.ascontiguousarray(rows, dtype=lapack.INTEGER)
    function, info = lapack.subroutine("getrs", x2.dtype), lapack.Info()
    size, width = lapack.number(n), lapack.number(k)
    step = lapack.number(stack.strides[-1] // stack.itemsize if n > 1 else 1)
    for a, p, b in lapack.each(stack, rows, out):
        function(b"C" if adjoint else b"N", size, width, a, step, p, b, size, info.reference, 1)
    return lapack.matrices(out, lead)


def inverted(factors: Array, pivots: Array) -> Array:
    """Return inverses by a stack of factors in Fortran's order, which it takes, and their pivots."""
    n = factors.shape[-1]
    stack = _stacked(factors, factors.shape[:-2]) if factors.ndim > 2 else factors[None]
    room, info = np.empty(64 * n, factors.dtype), lapack.Info()
    function, size = lapack.subroutine("getri", factors.dtype), lapack.number(n)
    rest = (lapack.pointer(room), lapack.number(room.size), info.reference)
    for a, p in lapack.each(stack, pivots.reshape(-1, n)):
        function(size, a, size, p, *rest)
    return stack.reshape(factors.shape) if factors.ndim > 2 else stack[0]


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
