"""Symmetric matrices that are not definite: ``L D L^T`` with blocks of one or two rows in D, and what it solves."""

from __future__ import annotations

import math
from typing import Any

from .decompositions_solutions import check_right_sides
from .decompositions_tools import (
    adjoint,
    batched_stacks,
    check_floating,
    diagnose_stacks,
    diagonal_of,
    is_complex,
    prepare_matrices,
    unit,
)
from .row import discrete, general

# Of J. Bunch and L. Kaufman: it bounds how much elements grow.
_ALPHA = (1 + math.sqrt(17)) / 8


def _over(xp: Any, x: Any, hermitian: bool) -> Any:
    return adjoint(xp, x) if hermitian else xp.matrix_transpose(x)


def _size(xp: Any, x: Any) -> Any:
    """LAPACK's size of a complex number."""
    return xp.abs(xp.real(x)) + xp.abs(xp.imag(x)) if is_complex(xp, x) else xp.abs(x)


def _picked(xp: Any, x: Any, at: Any) -> Any:
    """Return the rows of matrices at which a mask (..., M) is set."""
    return xp.sum(xp.where(xp.expand_dims(at, axis=-1), x, xp.zeros_like(x)), axis=-2)


def _swapped(xp: Any, x: Any, here: Any, there: Any) -> Any:
    """Return matrices with two rows exchanged, each marked by where it is."""
    one, two = (xp.expand_dims(_picked(xp, x, at), axis=-2) for at in (here, there))
    return xp.where(xp.expand_dims(here, axis=-1), two, xp.where(xp.expand_dims(there, axis=-1), one, x))


def _ldl_body(xp: Any, x: Any, *, hermitian: bool) -> tuple[Any, Any, Any]:
    """J. Bunch and L. Kaufman, "Some stable methods for calculating inertia" (1977), as LAPACK orders it."""
    n, lead = x.shape[-1], tuple(x.shape)[:-2]
    rows = xp.arange(n)
    column = lambda v: xp.expand_dims(v, axis=-1)
    line = lambda v: xp.expand_dims(v, axis=-2)
    low = xp.tril(x)
    diagonal = xp.where(unit(xp, n), x, xp.zeros_like(x))
    if hermitian and is_complex(xp, x):
        diagonal = xp.astype(xp.real(diagonal), x.dtype)
    left = xp.tril(x, k=-1)
    work = left + _over(xp, left, hermitian) + diagonal
    found = low
    second = xp.zeros((*lead, 1), dtype=rows.dtype) > 0
    chosen: list[Any] = []
    failed = xp.zeros((*lead, 1), dtype=rows.dtype)
    zero = xp.zeros_like(work)
    for k in range(n):
        below = rows > k
        own = _size(xp, work[..., k, k : k + 1])
        sizes = xp.where(below, _size(xp, work[..., :, k]), xp.full_like(_size(xp, work[..., :, k]), -1.0))
        best = xp.argmax(sizes, axis=-1, keepdims=True)
        most = xp.max(sizes, axis=-1, keepdims=True)
        most = xp.where(most < 0, xp.zeros_like(most), most)
        across = _size(xp, _picked(xp, work, rows == best))
        its = xp.sum(xp.where(rows == best, across, xp.zeros_like(across)), axis=-1, keepdims=True)
        others = xp.where(xp.logical_and(rows >= k, rows != best), across, xp.full_like(across, -1.0))
        widest = xp.max(others, axis=-1, keepdims=True)
        safe = xp.where(widest > 0, widest, xp.ones_like(widest))
        stays = xp.logical_or(own >= _ALPHA * most, own >= _ALPHA * most * (most / safe))
        moves = xp.logical_and(xp.logical_not(stays), its >= _ALPHA * widest)
        pair = xp.logical_and(xp.logical_not(xp.logical_or(stays, moves)), xp.logical_not(second))
        here_k = xp.zeros_like(best) + k
        at = xp.where(stays, here_k, best)
        start = xp.where(pair, here_k + 1, here_k)
        at = xp.where(second, here_k, at)
        start = xp.where(second, here_k, start)
        here, there = rows == start, rows == at
        work = _swapped(xp, work, here, there)
        work = xp.matrix_transpose(_swapped(xp, xp.matrix_transpose(work), here, there))
        a = work[..., k : k + 1, k : k + 1]
        first = work[..., :, k : k + 1]
        none = a == 0
        single = xp.where(column(below), first / xp.where(none, xp.ones_like(a), a), xp.zeros_like(first))
        single_rest = work - xp.matmul(single, line(xp.conj(first[..., 0]) if hermitian else first[..., 0]))
        head = xp.where(column(rows >= k), first, xp.zeros_like(first))
        one_column = xp.where(column(below), single, head)
        keep = xp.logical_and(column(below), line(below))
        doubled = column(pair)
        empty = xp.logical_and(xp.logical_and(none[..., 0], xp.logical_not(pair)), xp.logical_not(second))
        failed = xp.where(xp.logical_and(empty, failed == 0), here_k + 1, failed)
        if k + 1 < n:
            b, c = work[..., k + 1 : k + 2, k : k + 1], work[..., k + 1 : k + 2, k + 1 : k + 2]
            beside = xp.conj(b) if hermitian else b
            size = a * c - b * beside
            size = xp.where(size == 0, xp.ones_like(size), size)
            other = work[..., :, k + 1 : k + 2]
            far = column(rows > k + 1)
            left_one = xp.where(far, (first * c - other * b) / size, xp.zeros_like(first))
            left_two = xp.where(far, (other * a - first * beside) / size, xp.zeros_like(first))
            over = lambda v: line(xp.conj(v[..., 0]) if hermitian else v[..., 0])
            pair_rest = work - xp.matmul(first, over(left_one)) - xp.matmul(other, over(left_two))
            pair_column = xp.where(far, left_one, head)
            next_column = xp.where(far, left_two, xp.where(column(rows == k + 1), other, xp.zeros_like(other)))
            pair_rest = xp.where(xp.logical_and(far, line(rows > k + 1)), pair_rest, zero)
            rest = xp.where(doubled, pair_rest, xp.where(keep, single_rest, zero))
            entry = xp.where(doubled, pair_column, one_column)
            next_found = xp.where(xp.logical_and(doubled, rows == k + 1), next_column, found)
        else:
            rest, entry, next_found = xp.where(keep, single_rest, zero), one_column, found
        skip = column(second)
        work = xp.where(skip, work, rest)
        found = xp.where(skip, found, xp.where(rows == k, entry, next_found))
        mark = xp.where(pair, -(at + 1), at + 1)
        chosen.append(xp.where(second, chosen[-1], mark) if chosen else mark)
        second = pair
    return found, (xp.concat(chosen, axis=-1) if chosen else xp.zeros((*lead, 0), dtype=rows.dtype)), failed[..., 0]


ldl_packed = discrete(
    "ldl_packed", "x, /, *, hermitian=False",
    "Factor symmetric (or Hermitian) matrices, of which the lower triangle is read, into L and D, as LAPACK packs them.",
    category="floating-point", outputs=("LD", "pivots", "info"), body=_ldl_body, prepare=prepare_matrices("ldl_packed"),
    batch="leading", tolerance=8.0,
)  # fmt: skip


def _prepare_ldl_solve(device: Any, factors: Any, pivots: Any, x2: Any, *statics: Any) -> tuple[Any, ...]:
    check_floating("ldl_solve", device.dtype_of[factors.dtype])
    check_floating("ldl_solve", device.dtype_of[x2.dtype])
    check_right_sides("ldl_solve", factors, x2)
    return statics


def _first_of_pairs(xp: Any, pivots: Any) -> list[Any]:
    """Return for each row a mask (..., 1): whether a block of two begins there."""
    found: list[Any] = []
    for k in range(pivots.shape[-1]):
        negative = pivots[..., k : k + 1] < 0
        found.append(xp.logical_and(negative, xp.logical_not(found[-1])) if found else negative)
    return found


def _ldl_solve_body(xp: Any, factors: Any, pivots: Any, x2: Any, *, hermitian: bool) -> Any:
    """By L with its rows in one order, the blocks of D, and L again."""
    n = factors.shape[-1]
    if n == 0 or 0 in tuple(x2.shape):
        return x2
    rows = xp.arange(n)
    column = lambda v: xp.expand_dims(v, axis=-1)
    pairs = _first_of_pairs(xp, pivots)
    first = xp.concat(pairs, axis=-1)
    second = xp.concat([xp.zeros_like(pairs[0]), *pairs[:-1]], axis=-1)
    # Between the two rows of a block L has a zero, and D what is stored there.
    inside = xp.logical_and(column(second), xp.expand_dims(first, axis=-2))
    inside = xp.logical_and(inside, column(rows) == xp.expand_dims(rows, axis=-2) + 1)
    low = xp.where(inside, xp.zeros_like(factors), xp.tril(factors, k=-1))
    order = xp.zeros_like(factors) + xp.astype(unit(xp, n), factors.dtype)
    for k in range(n):
        here_k = xp.zeros_like(rows[:1]) + k
        # Of a block of two it is the second row that has been exchanged.
        target = xp.where(pairs[k], here_k, xp.astype(xp.abs(pivots[..., k : k + 1]) - 1, rows.dtype))
        here, there = rows == here_k, rows == target
        order = _swapped(xp, order, here, there)
        done = rows < xp.where(second[..., k : k + 1], here_k - 1, here_k)
        low = xp.where(xp.expand_dims(done, axis=-2), _swapped(xp, low, here, there), low)
    right = xp.matmul(order, x2)
    right = xp.solve_triangular(low, right, upper=False, unitriangular=True)
    diagonal = column(diagonal_of(xp, factors))
    if hermitian and is_complex(xp, factors):
        diagonal = xp.astype(xp.real(diagonal), factors.dtype)
    beside = xp.sum(xp.where(inside, factors, xp.zeros_like(factors)), axis=-1)
    below = column(beside)
    above = xp.concat([below[..., 1:, :], xp.zeros_like(below[..., :1, :])], axis=-2)
    down = lambda v: xp.concat([xp.zeros_like(v[..., :1, :]), v[..., :-1, :]], axis=-2)
    up = lambda v: xp.concat([v[..., 1:, :], xp.zeros_like(v[..., :1, :])], axis=-2)
    turned = (lambda v: xp.conj(v)) if hermitian else (lambda v: v)
    is_first, is_second = column(first), column(second)
    size_first = diagonal * up(diagonal) - above * turned(above)
    size_second = down(diagonal) * diagonal - below * turned(below)
    one_like = xp.ones_like(diagonal)
    alone = right / xp.where(xp.logical_or(is_first, is_second), one_like, diagonal)
    upper = (right * up(diagonal) - turned(above) * up(right)) / xp.where(is_first, size_first, one_like)
    lower = (right * down(diagonal) - below * down(right)) / xp.where(is_second, size_second, one_like)
    right = xp.where(is_first, upper, xp.where(is_second, lower, alone))
    right = xp.solve_triangular(_over(xp, low, hermitian), right, upper=True, unitriangular=True)
    return xp.matmul(xp.matrix_transpose(order), right)


def _batch_ldl_solve(
    xp: Any, size: int, factors: Any, pivots: Any, x2: Any, *, batched: Any, ranks: Any, **statics: Any
) -> Any:
    return xp.ldl_solve(*batched_stacks(xp, (factors, pivots, x2), batched, ranks, (2, 1, 2)), **statics)


ldl_solve = general(
    "ldl_solve", "factors, pivots, x2, /, *, hermitian=False",
    "Solve systems of linear equations by the factors of `ldl_packed` and its pivots.",
    category="floating-point", promote=("factors", "x2"), body=_ldl_solve_body, prepare=_prepare_ldl_solve,
    batch=_batch_ldl_solve, diagnose=diagnose_stacks("ldl_solve", (2, 1, 2)), tolerance=8.0,
)  # fmt: skip
