"""Systems of linear equations whose matrices are triangular, or factored already."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from .decompositions_tools import adjoint as turned
from .decompositions_tools import batched_stacks, check_floating, check_matrices, diagnose_stacks, unit
from .row import discrete, general
from .tools import check_indices


def check_right_sides(name: str, x1: Any, x2: Any) -> None:
    """Refuse right sides that have not as many rows as the matrices."""
    check_matrices(name, x1.shape, square=True)
    check_matrices(name, x2.shape, square=False)
    if x1.shape[-1] != x2.shape[-2]:
        raise ShapeError(
            f"{name}: right sides of shape {tuple(x2.shape)} do not fit matrices of shape {tuple(x1.shape)}: they have "
            f"{x1.shape[-1]} rows"
        )


def _prepare_triangular(device: Any, x1: Any, x2: Any, *statics: Any) -> tuple[Any, ...]:
    check_floating("solve_triangular", device.dtype_of[x1.dtype])
    check_floating("solve_triangular", device.dtype_of[x2.dtype])
    check_right_sides("solve_triangular", x1, x2)
    return statics


def triangle(xp: Any, x: Any, upper: bool, unitriangular: bool) -> Any:
    """Return the triangle that counts, with zeros elsewhere."""
    k = int(unitriangular)
    return xp.triu(x, k=k) if upper else xp.tril(x, k=-k)


def _triangular_body(xp: Any, x1: Any, x2: Any, *, upper: bool, unitriangular: bool) -> Any:
    whole = triangle(xp, x1, upper, unitriangular)
    if unitriangular:
        whole = whole + xp.eye(x1.shape[-1], dtype=x1.dtype)
    return xp.solve(whole, x2)


def _triangular_vjp(
    xp: Any, g: Any, x1: Any, out: Any, upper: bool, unitriangular: bool, wants: Any
) -> tuple[Any, Any]:
    share = xp.solve_triangular(turned(xp, x1), g, upper=not upper, unitriangular=unitriangular)
    outer = -triangle(xp, xp.matmul(share, turned(xp, out)), upper, unitriangular) if wants[0] else None
    return outer, (share if wants[1] else None)


def _triangular_jvp(xp: Any, t: Any, x1: Any, out: Any, upper: bool, unitriangular: bool) -> Any:
    by_matrix, by_side = t
    right = by_side
    if by_matrix is not None:
        moved = xp.matmul(triangle(xp, by_matrix, upper, unitriangular), out)
        right = -moved if by_side is None else by_side - moved
    return xp.solve_triangular(x1, right, upper=upper, unitriangular=unitriangular)


def _batch_triangular(xp: Any, size: int, x1: Any, x2: Any, *, batched: Any, ranks: Any, **statics: Any) -> Any:
    return xp.solve_triangular(*batched_stacks(xp, (x1, x2), batched, ranks, (2, 2)), **statics)


solve_triangular = general(
    "solve_triangular", "x1, x2, /, *, upper, unitriangular=False",
    "Solve ``x1 @ out = x2`` for triangular matrices (..., M, M), of which one triangle is read; x2 is (..., M, K).",
    category="floating-point", body=_triangular_body, vjp=_triangular_vjp, jvp=_triangular_jvp,
    prepare=_prepare_triangular, batch=_batch_triangular, diagnose=diagnose_stacks("solve_triangular", (2, 2)),
)  # fmt: skip


def _order_body(xp: Any, pivots: Any, *, rows: int) -> Any:
    """Exchange one row after the other."""
    places = xp.arange(rows)
    order = xp.broadcast_to(places, (*tuple(pivots.shape)[:-1], rows))
    for k in range(pivots.shape[-1]):
        here, there = places == k, places == xp.astype(pivots[..., k : k + 1], places.dtype) - 1
        one = xp.sum(xp.where(here, order, xp.zeros_like(order)), axis=-1, keepdims=True)
        two = xp.sum(xp.where(there, order, xp.zeros_like(order)), axis=-1, keepdims=True)
        order = xp.where(here, two, xp.where(there, one, order))
    return order


def _prepare_order(device: Any, pivots: Any, rows: Any) -> tuple[Any]:
    check_indices(device, pivots, "pivot_order")
    return (rows,)


pivot_order = discrete(
    "pivot_order", "pivots, /, *, rows",
    "Return the order of rows that exchanging row k with row ``pivots[..., k] - 1``, one after the other, makes.",
    category="integer", promote=(), body=_order_body, batch="leading", prepare=_prepare_order,
)  # fmt: skip


def in_order(xp: Any, x: Any, order: Any, back: bool = False) -> Any:
    """Return matrices with their rows in an order, or back from it."""
    order = xp.argsort(order, axis=-1) if back else order
    if tuple(x.shape)[:-2] != tuple(order.shape)[:-1]:
        # Rows of one matrix in the orders of many, or the other way round.
        places = xp.arange(order.shape[-1])
        return xp.matmul(xp.astype(xp.expand_dims(order, axis=-1) == places, x.dtype), x)
    indices = xp.broadcast_to(xp.expand_dims(order, axis=-1), x.shape)
    return xp.take_along_axis(x, indices, axis=-2)


def _prepare_lu_solve(device: Any, factors: Any, pivots: Any, x2: Any, *statics: Any) -> tuple[Any, ...]:
    check_floating("lu_solve", device.dtype_of[factors.dtype])
    check_floating("lu_solve", device.dtype_of[x2.dtype])
    check_right_sides("lu_solve", factors, x2)
    return statics


def _lu_solve_body(xp: Any, factors: Any, pivots: Any, x2: Any, *, adjoint: bool) -> Any:
    order = xp.pivot_order(pivots, rows=factors.shape[-1])
    if not adjoint:
        inner = xp.solve_triangular(factors, in_order(xp, x2, order), upper=False, unitriangular=True)
        return xp.solve_triangular(factors, inner, upper=True)
    over = turned(xp, factors)
    inner = xp.solve_triangular(over, x2, upper=False)
    return in_order(xp, xp.solve_triangular(over, inner, upper=True, unitriangular=True), order, back=True)


def _lu_parts(xp: Any, factors: Any) -> tuple[Any, Any]:
    one = xp.astype(unit(xp, factors.shape[-1]), factors.dtype)
    return xp.tril(factors, k=-1) + one, xp.triu(factors)


def _lu_solve_vjp(
    xp: Any, g: Any, factors: Any, pivots: Any, out: Any, adjoint: bool, wants: Any
) -> tuple[Any, None, Any]:
    share = xp.lu_solve(factors, pivots, g, adjoint=not adjoint)
    outer = None
    if wants[0]:
        low, up = _lu_parts(xp, factors)
        product = xp.matmul(out, turned(xp, share)) if adjoint else xp.matmul(share, turned(xp, out))
        # By the matrices with their rows in the order of the factors.
        whole = -in_order(xp, product, xp.pivot_order(pivots, rows=factors.shape[-1]))
        outer = xp.tril(xp.matmul(whole, turned(xp, up)), k=-1) + xp.triu(xp.matmul(turned(xp, low), whole))
    return outer, None, (share if wants[2] else None)


def _lu_solve_jvp(xp: Any, t: Any, factors: Any, pivots: Any, out: Any, adjoint: bool) -> Any:
    by_factors, _, by_side = t
    right = by_side
    if by_factors is not None:
        low, up = _lu_parts(xp, factors)
        moved = xp.matmul(xp.tril(by_factors, k=-1), up) + xp.matmul(low, xp.triu(by_factors))
        moved = in_order(xp, moved, xp.pivot_order(pivots, rows=factors.shape[-1]), back=True)
        moved = xp.matmul(turned(xp, moved) if adjoint else moved, out)
        right = -moved if by_side is None else by_side - moved
    return xp.lu_solve(factors, pivots, right, adjoint=adjoint)


def _batch_lu_solve(
    xp: Any, size: int, factors: Any, pivots: Any, x2: Any, *, batched: Any, ranks: Any, **statics: Any
) -> Any:
    return xp.lu_solve(*batched_stacks(xp, (factors, pivots, x2), batched, ranks, (2, 1, 2)), **statics)


lu_solve = general(
    "lu_solve", "factors, pivots, x2, /, *, adjoint=False",
    "Solve systems of linear equations by the factors of `lu_packed` and its pivots; `adjoint` takes conjugate transposes.",
    category="floating-point", promote=("factors", "x2"), body=_lu_solve_body, vjp=_lu_solve_vjp, jvp=_lu_solve_jvp,
    prepare=_prepare_lu_solve, batch=_batch_lu_solve, diagnose=diagnose_stacks("lu_solve", (2, 1, 2)),
)  # fmt: skip
