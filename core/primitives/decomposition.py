"""Decompositions of matrices, and systems of linear equations."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from .decompositions_tools import check_floating
from .row import general


def _prepare_qr(device: Any, x: Any, mode: Any) -> tuple[str]:
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"qr: mode is 'reduced' or 'complete', not {mode!r}")
    check_floating("qr", device.dtype_of[x.dtype])
    if len(x.shape) < 2:
        raise ShapeError(f"qr: matrices in the last two axes are needed, got shape {tuple(x.shape)}")
    return (mode,)


def _qr_body(xp: Any, x: Any, *, mode: str) -> tuple[Any, Any]:
    """Householder reflections with LAPACK's signs: the diagonal of R is real, and has the sign that cancels nothing."""
    m, n = x.shape[-2], x.shape[-1]
    complexes = xp.device.dtype_of.get(x.dtype, x.dtype).kind == "complex"
    rows = xp.arange(m)
    # One row has nothing below it to cancel; a complex number is still made real.
    steps = min(m, n) if complexes else min(m - 1, n)
    # An exact power of two, so that squares of large and small numbers stay in range.
    scale = _scale(xp, x, complexes) if steps > 0 else None
    r, reflections = (x if scale is None else x / scale), []
    for k in range(steps):
        column = r[..., :, k]
        below = xp.where(rows > k, column, xp.zeros_like(column))
        alpha = column[..., k]
        rest = xp.sum(_square(xp, below, complexes), axis=-1)
        real = xp.real(alpha) if complexes else alpha
        done = rest == 0
        if complexes:
            done = xp.logical_and(done, xp.imag(alpha) == 0)
        # Where there is nothing to cancel, no reflection; and no root of zero, whose derivative is infinite.
        length = _square(xp, alpha, complexes) + rest
        norm = xp.sqrt(xp.where(done, xp.ones_like(length), length))
        beta = xp.astype(xp.where(real < 0, norm, -norm), x.dtype)
        one = xp.ones_like(beta)
        tau = xp.where(done, xp.zeros_like(beta), (beta - alpha) / xp.where(done, one, beta))
        v = below / xp.expand_dims(xp.where(done, one, alpha - beta), axis=-1) + xp.astype(rows == k, x.dtype)
        reflections.append((xp.expand_dims(v, axis=-1), xp.expand_dims(xp.expand_dims(tau, axis=-1), axis=-1)))
        r = _reflect(xp, r, *reflections[-1], adjoint=True)
    width = m if mode == "complete" else min(m, n)
    q = xp.broadcast_to(xp.eye(m, width, dtype=x.dtype), (*tuple(x.shape)[:-2], m, width))
    for v, tau in reversed(reflections):
        q = _reflect(xp, q, v, tau, adjoint=False)
    r = xp.triu(r[..., :width, :])
    return q, r if scale is None else r * scale


def _scale(xp: Any, x: Any, complexes: bool) -> Any:
    """The power of two below the largest entry of each matrix, (..., 1, 1); its derivative is zero, since floor's is."""
    size = xp.maximum(xp.abs(xp.real(x)), xp.abs(xp.imag(x))) if complexes else xp.abs(x)
    largest = xp.max(size, axis=(-2, -1), keepdims=True)
    # Below the smallest normal number its inverse would overflow.
    smallest = 2.0**-126 if xp.device.dtype_of.get(x.dtype, x.dtype).name in ("float32", "complex64") else 2.0**-1022
    usable = xp.logical_and(xp.isfinite(largest), largest >= smallest)
    exponent = xp.floor(xp.log2(xp.where(usable, largest, xp.ones_like(largest))))
    return xp.astype(xp.pow(xp.full_like(exponent, 2.0), exponent), x.dtype)


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


def _prepare_solve(device: Any, x1: Any, x2: Any) -> tuple[()]:
    check_floating("solve", device.dtype_of[x1.dtype])
    check_floating("solve", device.dtype_of[x2.dtype])
    if len(x1.shape) < 2 or x1.shape[-1] != x1.shape[-2]:
        raise ShapeError(f"solve: square matrices in the last two axes are needed, got shape {tuple(x1.shape)}")
    if not x2.shape or x2.shape[0 if len(x2.shape) == 1 else -2] != x1.shape[-1]:
        raise ShapeError(
            f"solve: right sides of shape {tuple(x2.shape)} do not fit matrices of shape {tuple(x1.shape)}: they are one "
            f"vector of {x1.shape[-1]} numbers, or matrices of as many rows"
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


solve = general(
    "solve", "x1, x2, /", "Solve ``x1 @ out = x2``: x1 (..., M, M), x2 (M,) or (..., M, K); leading axes broadcast.",
    category="floating-point", body=_solve_body, standard="linalg", vjp=_solve_vjp, prepare=_prepare_solve,
)  # fmt: skip
