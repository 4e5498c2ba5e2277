"""Decompositions of matrices, and systems of linear equations."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from .decompositions_tools import (
    adjoint,
    batched_stacks,
    check_floating,
    check_matrices,
    diagnose_stacks,
    prepare_matrices,
)
from .row import general


def _prepare_qr(device: Any, x: Any, mode: Any) -> tuple[str]:
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"qr: mode is 'reduced' or 'complete', not {mode!r}")
    check_floating("qr", device.dtype_of[x.dtype])
    if len(x.shape) < 2:
        raise ShapeError(f"qr: matrices in the last two axes are needed, got shape {tuple(x.shape)}")
    return (mode,)


def _eliminated(xp: Any, x: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Householder reflections with LAPACK's signs: the diagonal of R is real, and has the sign that cancels nothing.

    Returns R, with what has been cancelled still in it, and for each reflection its vector and its factor.
    """
    m, n = x.shape[-2], x.shape[-1]
    complexes = xp.device.dtype_of.get(x.dtype, x.dtype).kind == "complex"
    rows = xp.arange(m)
    # One row has nothing below it to cancel; a complex number is still made real.
    steps = min(m, n) if complexes else min(m - 1, n)
    r, reflections = x, []
    for k in range(steps if 0 not in x.shape else 0):
        column = r[..., :, k]
        reach = xp.where(rows >= k, column, xp.zeros_like(column))
        # Squares of large and small numbers stay in range, and so do their quotients.
        reach = reach / xp.astype(_scale(xp, reach, complexes), x.dtype)
        below = xp.where(rows > k, reach, xp.zeros_like(reach))
        alpha = reach[..., k]
        real = xp.real(alpha) if complexes else alpha
        done = xp.all(below == 0, axis=-1)
        if complexes:
            done = xp.logical_and(done, xp.imag(alpha) == 0)
        # Where there is nothing to cancel, no reflection; and no root of zero, whose derivative is infinite.
        length = xp.sum(_square(xp, reach, complexes), axis=-1)
        norm = xp.sqrt(xp.where(done, xp.ones_like(length), length))
        beta = xp.astype(xp.where(real < 0, norm, -norm), x.dtype)
        one = xp.ones_like(beta)
        tau = xp.where(done, xp.zeros_like(beta), (beta - alpha) / xp.where(done, one, beta))
        v = below / xp.expand_dims(xp.where(done, one, alpha - beta), axis=-1) + xp.astype(rows == k, x.dtype)
        reflections.append((xp.expand_dims(v, axis=-1), xp.expand_dims(xp.expand_dims(tau, axis=-1), axis=-1)))
        r = _reflect(xp, r, *reflections[-1], adjoint=True)
    return r, reflections


def _qr_body(xp: Any, x: Any, *, mode: str) -> tuple[Any, Any]:
    m, n = x.shape[-2], x.shape[-1]
    r, reflections = _eliminated(xp, x)
    width = m if mode == "complete" else min(m, n)
    q = xp.broadcast_to(xp.eye(m, width, dtype=x.dtype), (*tuple(x.shape)[:-2], m, width))
    for v, tau in reversed(reflections):
        q = _reflect(xp, q, v, tau, adjoint=False)
    return q, xp.triu(r[..., :width, :])


def _reflections_body(xp: Any, x: Any) -> tuple[Any, Any]:
    r, found = _eliminated(xp, x)
    lead, k = tuple(x.shape)[:-2], min(x.shape[-2:])
    none = xp.zeros((*lead, 1), dtype=x.dtype)
    factors = [xp.squeeze(tau, -1) for _, tau in found] + [none] * (k - len(found))
    packed = xp.triu(r)
    if found:
        vectors = xp.concat([v for v, _ in found], axis=-1)
        missing = x.shape[-1] - len(found)
        if missing:
            vectors = xp.concat([vectors, xp.zeros((*lead, x.shape[-2], missing), dtype=x.dtype)], axis=-1)
        packed = packed + xp.tril(vectors, k=-1)
    return packed, (xp.concat(factors, axis=-1) if factors else xp.zeros((*lead, 0), dtype=x.dtype))


def _scale(xp: Any, x: Any, complexes: bool) -> Any:
    """The power of two below each column's largest entry, (..., 1), so that squares of large and small ones stay in range.

    Its derivative is zero, since floor's is.
    """
    size = xp.maximum(xp.abs(xp.real(x)), xp.abs(xp.imag(x))) if complexes else xp.abs(x)
    largest = xp.max(size, axis=-1, keepdims=True)
    # Below the smallest normal number its inverse would overflow.
    smallest = 2.0**-126 if xp.device.dtype_of.get(x.dtype, x.dtype).name in ("float32", "complex64") else 2.0**-1022
    usable = xp.logical_and(xp.isfinite(largest), largest >= smallest)
    other = xp.where(largest < smallest, xp.full_like(largest, smallest), xp.ones_like(largest))
    exponent = xp.floor(xp.log2(xp.where(usable, largest, other)))
    return xp.pow(xp.full_like(exponent, 2.0), exponent)


def _square(xp: Any, x: Any, complexes: bool) -> Any:
    return xp.real(xp.conj(x) * x) if complexes else x * x


def _reflect(xp: Any, x: Any, v: Any, tau: Any, adjoint: bool) -> Any:
    factor = xp.conj(tau) if adjoint else tau
    return x - factor * xp.matmul(v, xp.matmul(xp.conj(xp.matrix_transpose(v)), x))


qr = general(
    "qr", "x, /, *, mode='reduced'",
    "Factor matrices (..., M, N) into Q with orthonormal columns and R, which is upper triangular: ``x = Q R``.",
    category="floating-point", body=_qr_body, outputs=("Q", "R"), prepare=_prepare_qr,
    batch=lambda xp, size, x, *, mode: xp.qr(x, mode=mode),
)  # fmt: skip


reflections = general(
    "reflections", "x, /",
    "Factor matrices by Householder's reflections, as LAPACK packs them: R, below its diagonal vectors, and their factors.",
    category="floating-point", body=_reflections_body, outputs=("packed", "tau"), batch="leading",
    prepare=prepare_matrices("geqrf", square=False),
)  # fmt: skip


def _prepare_solve(device: Any, x1: Any, x2: Any) -> tuple[()]:
    check_floating("solve", device.dtype_of[x1.dtype])
    check_floating("solve", device.dtype_of[x2.dtype])
    if len(x1.shape) < 2 or x1.shape[-1] != x1.shape[-2]:
        raise ShapeError(f"solve: square matrices in the last two axes are needed, got shape {tuple(x1.shape)}")
    if not x2.shape or x2.shape[0 if len(x2.shape) == 1 else -2] != x1.shape[-1]:
        raise ShapeError(
            f"solve: right sides of shape {tuple(x2.shape)} do not fit matrices of shape {tuple(x1.shape)}: they are one "
            f"vector of {x1.shape[-1]} numbers, or matrices of as many rows; one vector for each matrix is x2[..., None]"
        )
    return ()


def _solve_body(xp: Any, x1: Any, x2: Any) -> Any:
    """By Q and R, and then from the last row up."""
    alone = len(x2.shape) == 1
    q, r = xp.qr(x1, mode="reduced")
    y = xp.matmul(xp.conj(xp.matrix_transpose(q)), xp.expand_dims(x2, axis=-1) if alone else x2)
    rows: list[Any] = []
    n = x1.shape[-1]
    for i in reversed(range(n)):
        value = y[..., i : i + 1, :]
        if rows:
            below = rows[0] if len(rows) == 1 else xp.concat(rows, axis=-2)
            value = value - xp.matmul(r[..., i : i + 1, i + 1 :], below)
        rows.insert(0, value / r[..., i : i + 1, i : i + 1])
    found = xp.concat(rows, axis=-2) if rows else y
    return xp.squeeze(found, -1) if alone else found


def _solve_vjp(xp: Any, g: Any, x1: Any, out: Any, x2_shape: Any, wants: Any) -> tuple[Any, Any]:
    adjoint = xp.conj(xp.matrix_transpose(x1))
    if len(x2_shape) == 1:
        share = xp.squeeze(xp.solve(adjoint, xp.expand_dims(g, axis=-1)), -1)
        outer = xp.expand_dims(share, axis=-1) * xp.conj(xp.expand_dims(out, axis=-2)) if wants[0] else None
    else:
        share = xp.solve(adjoint, g)
        outer = xp.matmul(share, xp.conj(xp.matrix_transpose(out))) if wants[0] else None
    return (None if outer is None else -outer), (share if wants[1] else None)


def _solve_jvp(xp: Any, t: Any, x1: Any, out: Any, x2_shape: Any) -> Any:
    by_matrix, right = t
    alone = len(x2_shape) == 1
    if alone:
        out, right = xp.expand_dims(out, axis=-1), None if right is None else xp.expand_dims(right, axis=-1)
    if by_matrix is not None:
        moved = xp.matmul(by_matrix, out)
        right = -moved if right is None else right - moved
    found = xp.solve(x1, right)
    return xp.squeeze(found, -1) if alone else found


def _batch_solve(xp: Any, size: int, x1: Any, x2: Any, *, batched: Any, ranks: Any) -> Any:
    if ranks[1] > 1:
        return xp.solve(*batched_stacks(xp, (x1, x2), batched, ranks, (2, 2)))
    if not batched[1]:
        return xp.solve(x1, x2)
    columns = xp.expand_dims(x2, axis=-1)
    return xp.squeeze(xp.solve(*batched_stacks(xp, (x1, columns), batched, (ranks[0], 2), (2, 2))), -1)


def _diagnose_solve(device: Any, x1: Any, x2: Any) -> tuple[()]:
    return () if len(x2.shape) < 2 else diagnose_stacks("solve", (2, 2))(device, x1, x2)


solve = general(
    "solve", "x1, x2, /", "Solve ``x1 @ out = x2``: x1 (..., M, M), x2 (M,) or (..., M, K); leading axes broadcast.",
    category="floating-point", body=_solve_body, standard="linalg", vjp=_solve_vjp, jvp=_solve_jvp,
    prepare=_prepare_solve, batch=_batch_solve, diagnose=_diagnose_solve,
)  # fmt: skip


def _prepare_lstsq(device: Any, x1: Any, x2: Any, rtol: Any) -> tuple[()]:
    check_floating("lstsq", device.dtype_of[x1.dtype])
    check_floating("lstsq", device.dtype_of[x2.dtype])
    check_matrices("lstsq", x1.shape, square=False)
    check_matrices("lstsq", x2.shape, square=False)
    if x1.shape[-2] != x2.shape[-2]:
        raise ShapeError(
            f"lstsq: right sides of shape {tuple(x2.shape)} do not fit matrices of shape {tuple(x1.shape)}: they have "
            f"{x1.shape[-2]} rows"
        )
    return ()


def _lstsq_body(xp: Any, x1: Any, x2: Any, rtol: Any) -> tuple[Any, Any]:
    """By singular values."""
    u, s, vh = xp.svd(x1, full_matrices=False)
    least = xp.astype(rtol, s.dtype) * xp.max(s, axis=-1)
    kept = s > xp.expand_dims(least, axis=-1)
    inverse = xp.where(kept, 1 / xp.where(kept, s, xp.ones_like(s)), xp.zeros_like(s))
    inner = xp.expand_dims(xp.astype(inverse, x1.dtype), axis=-1) * xp.matmul(adjoint(xp, u), x2)
    rank = xp.count_nonzero(kept, axis=-1)
    return xp.matmul(adjoint(xp, vh), inner), xp.broadcast_to(rank, tuple(inner.shape)[:-2])


def _lstsq_vjp(xp: Any, g: Any, x1: Any, x2: Any, rtol: Any, solution: Any, wants: Any) -> tuple[Any, Any, None]:
    """That of the pseudo-inverse P, by G. Golub and V. Pereyra (1973), in products of the right sides' few columns."""
    by_solution = g[0]
    inverse = xp.pinv(x1, rtol)
    over = adjoint(xp, inverse)
    share = xp.matmul(over, by_solution)
    if not wants[0]:
        return None, share, None
    rest = x2 - xp.matmul(x1, solution)
    found = xp.matmul(rest, adjoint(xp, xp.matmul(inverse, share))) - xp.matmul(share, adjoint(xp, solution))
    apart = by_solution - xp.matmul(inverse, xp.matmul(x1, by_solution))
    found = found + xp.matmul(xp.matmul(over, solution), adjoint(xp, apart))
    return found, (share if wants[1] else None), None


def _lstsq_jvp(xp: Any, t: Any, x1: Any, x2: Any, rtol: Any, out: Any) -> tuple[Any, None]:
    by_matrix, by_side, _ = t
    solution = out[0]
    inverse = xp.pinv(x1, rtol)
    right = by_side
    if by_matrix is None:
        return (xp.zeros_like(solution) if right is None else xp.matmul(inverse, right)), None
    moved = xp.matmul(by_matrix, solution)
    found = xp.matmul(inverse, -moved if right is None else right - moved)
    over, turned = adjoint(xp, inverse), adjoint(xp, by_matrix)
    found = found + xp.matmul(inverse, xp.matmul(over, xp.matmul(turned, x2 - xp.matmul(x1, solution))))
    apart = xp.matmul(turned, xp.matmul(over, solution))
    return found + apart - xp.matmul(inverse, xp.matmul(x1, apart)), None


def _batch_lstsq(
    xp: Any, size: int, x1: Any, x2: Any, rtol: Any, *, batched: Any, ranks: Any
) -> Any:
    return xp.lstsq(*batched_stacks(xp, (x1, x2, rtol), batched, ranks, (2, 2, 0)))


lstsq = general(
    "lstsq", "x1, x2, rtol, /",
    "Return the shortest `out` for which ``|x1 @ out - x2|`` is smallest; singular values up to `rtol` times the largest "
    "count as zero. And the ranks of the matrices.",
    category="floating-point", promote=("x1", "x2"), outputs=("solution", "rank"), differentiable=(True, False),
    body=_lstsq_body, vjp=_lstsq_vjp, jvp=_lstsq_jvp, prepare=_prepare_lstsq, batch=_batch_lstsq,
    diagnose=diagnose_stacks("lstsq", (2, 2)), tolerance=8.0,
)  # fmt: skip
