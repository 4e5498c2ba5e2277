"""Eigenvalues and singular values.

Complex vectors come with their largest elements real and positive: with a phase that is chosen, a derivative exists
even of what depends on it.
"""

from __future__ import annotations

from typing import Any

from .decompositions_tools import (
    adjoint,
    as_columns,
    as_rows,
    diagonal_of,
    fold_to_lower,
    from_lower,
    is_complex,
    kind_of,
    over_gaps,
    prepare_matrices,
    real,
    turned_columns,
    turning_of,
    with_diagonal,
    without_turning,
)
from .row import discrete, general

FLOATING: dict[str, Any] = {"category": "floating-point", "standard": "linalg", "batch": "leading"}


def _canonical_vectors(xp: Any, found: Any) -> tuple[Any, Any]:
    values, vectors = found
    return values, (turned_columns(xp, vectors)[0] if is_complex(xp, vectors) else vectors)


def _turning(xp: Any, v: Any, gv: Any) -> Any:
    return diagonal_of(xp, xp.imag(xp.matmul(adjoint(xp, v), gv)))


def _eigh_vjp(xp: Any, g: Any, eigenvalues: Any, eigenvectors: Any) -> Any:
    gw, gv = g
    v = eigenvectors
    over = adjoint(xp, v)
    if gv is None:
        return fold_to_lower(xp, xp.matmul(v * as_rows(xp, xp.astype(gw, v.dtype)), over))
    if is_complex(xp, v):
        gv = without_turning(xp, v, gv, _turning(xp, v, gv))
    inner = with_diagonal(xp, over_gaps(xp, xp.matmul(over, gv), eigenvalues), gw)
    return fold_to_lower(xp, xp.matmul(xp.matmul(v, inner), over))


def _eigh_jvp(xp: Any, t: Any, out: Any) -> tuple[Any, Any]:
    values, v = out
    inner = xp.matmul(xp.matmul(adjoint(xp, v), from_lower(xp, t)), v)
    dv = xp.matmul(v, over_gaps(xp, inner, values))
    if is_complex(xp, v):
        dv = dv + v * turning_of(xp, v, dv)
    return diagonal_of(xp, real(xp, inner)), dv


eigh = general(
    "eigh", "x, /",
    "Return the eigenvalues (ascending) and eigenvectors of Hermitian matrices, of which the lower triangle is read.",
    outputs=("eigenvalues", "eigenvectors"), canonical=_canonical_vectors, prepare=prepare_matrices("eigh"),
    materialize=False, vjp=_eigh_vjp, jvp=_eigh_jvp, tolerance=8.0, **FLOATING,
)  # fmt: skip


def _eigvalsh_vjp(xp: Any, g: Any, x: Any) -> Any:
    v = xp.eigh(x)[1]
    return fold_to_lower(xp, xp.matmul(v * as_rows(xp, xp.astype(g, v.dtype)), adjoint(xp, v)))


def _eigvalsh_jvp(xp: Any, t: Any, x: Any) -> Any:
    v = xp.eigh(x)[1]
    return diagonal_of(xp, real(xp, xp.matmul(xp.matmul(adjoint(xp, v), from_lower(xp, t)), v)))


eigvalsh = general(
    "eigvalsh", "x, /",
    "Return the eigenvalues (ascending) of Hermitian matrices, of which the lower triangle is read.",
    body=lambda xp, x: xp.eigh(x)[0], prepare=prepare_matrices("eigvalsh"), vjp=_eigvalsh_vjp, jvp=_eigvalsh_jvp,
    tolerance=8.0, **FLOATING,
)  # fmt: skip


def _as_complex(xp: Any, x: Any) -> Any:
    """Some libraries return real numbers where all are real; the standard has complex ones."""
    kind = kind_of(xp, x.dtype)
    return x if kind.is_complex else xp.astype(x, xp.device.native_dtype(kind.to_complex()))


def _canonical_eig(xp: Any, found: Any) -> tuple[Any, Any]:
    values, vectors = found
    return _as_complex(xp, values), turned_columns(xp, _as_complex(xp, vectors))[0]


def _eig_vjp(xp: Any, g: Any, eigenvalues: Any, eigenvectors: Any, x_dtype: Any) -> Any:
    gw, gv = g
    v = eigenvectors
    over = adjoint(xp, v)
    if gv is None:
        inner = with_diagonal(xp, xp.zeros_like(v), gw)
    else:
        gv = without_turning(xp, v, gv, _turning(xp, v, gv))
        found = xp.matmul(over, gv)
        # The columns keep their length.
        length = xp.astype(xp.real(diagonal_of(xp, found)), v.dtype)
        inner = over_gaps(xp, found - xp.matmul(over, v) * as_rows(xp, length), xp.conj(eigenvalues))
        inner = with_diagonal(xp, inner, gw)
    found = xp.solve(over, xp.matmul(inner, over))
    return found if kind_of(xp, x_dtype).is_complex else xp.astype(xp.real(found), x_dtype)


def _eig_jvp(xp: Any, t: Any, out: Any) -> tuple[Any, Any]:
    values, v = out
    inner = xp.solve(v, xp.matmul(xp.astype(t, v.dtype), v))
    dv = xp.matmul(v, over_gaps(xp, inner, values))
    length = xp.real(diagonal_of(xp, xp.matmul(adjoint(xp, v), dv)))
    dv = dv - v * as_rows(xp, xp.astype(length, v.dtype))
    return diagonal_of(xp, inner), dv + v * turning_of(xp, v, dv)


eig = general(
    "eig", "x, /", "Return the eigenvalues and eigenvectors (of length one, in columns) of square matrices, both complex.",
    outputs=("eigenvalues", "eigenvectors"), canonical=_canonical_eig, prepare=prepare_matrices("eig"),
    materialize=False, vjp=_eig_vjp, jvp=_eig_jvp, tolerance=16.0, **FLOATING,
)  # fmt: skip
eigvals = discrete(
    "eigvals", "x, /", "Return the eigenvalues of square matrices, complex.",
    canonical=_as_complex, prepare=prepare_matrices("eigvals"), tolerance=16.0, **FLOATING,
)  # fmt: skip


def _canonical_svd(xp: Any, found: Any) -> tuple[Any, Any, Any]:
    u, s, vh = found
    if not is_complex(xp, u):
        return u, s, vh
    k = s.shape[-1]
    first, phase = turned_columns(xp, u[..., :k])
    second = vh[..., :k, :] * xp.matrix_transpose(phase)
    return _joined(xp, first, u[..., k:], -1), s, _joined(xp, second, vh[..., k:, :], -2)


def _joined(xp: Any, first: Any, rest: Any, axis: int) -> Any:
    return xp.concat([first, rest], axis=axis) if rest.shape[axis] else first


def _onto_basis(xp: Any, g: Any, u: Any, k: int) -> Any:
    """Return the cotangent of a basis's first columns, to which the others are orthogonal."""
    if g is None or u.shape[-1] == k:
        return g
    rest = u[..., k:]
    return g[..., :k] - xp.matmul(rest, xp.matmul(adjoint(xp, g[..., k:]), u[..., :k]))


def _svd_vjp(xp: Any, g: Any, U: Any, S: Any, Vh: Any) -> Any:
    """J. Townsend, "Differentiating the singular value decomposition" (2016)."""
    k = S.shape[-1]
    gu = _onto_basis(xp, g[0], U, k)
    gv = _onto_basis(xp, None if g[2] is None else adjoint(xp, g[2]), adjoint(xp, Vh), k)
    u, vh = U[..., :k], Vh[..., :k, :]
    over, v = adjoint(xp, u), adjoint(xp, vh)
    if gu is None and gv is None:
        return xp.matmul(u * as_rows(xp, xp.astype(g[1], u.dtype)), vh)
    complexes = is_complex(xp, u)
    gu = xp.zeros_like(u) if gu is None else gu
    gv = xp.zeros_like(v) if gv is None else gv
    s = xp.astype(S, u.dtype)
    if complexes:
        gu = without_turning(xp, u, gu, _turning(xp, u, gu) + _turning(xp, v, gv))
    left, right = xp.matmul(over, gu), xp.matmul(vh, gv)
    squares = S * S
    inner = over_gaps(xp, left - adjoint(xp, left), squares) * as_rows(xp, s)
    inner = inner + over_gaps(xp, right - adjoint(xp, right), squares) * as_columns(xp, s)
    along = None if g[1] is None else xp.astype(g[1], u.dtype)
    if complexes:
        turned = xp.astype(xp.imag(diagonal_of(xp, left)) / S, u.dtype) * 1j
        along = turned if along is None else along + turned
    found = xp.matmul(xp.matmul(u, with_diagonal(xp, inner, along)), vh)
    if u.shape[-2] > k:
        found = found + xp.matmul((gu - xp.matmul(u, left)) / as_rows(xp, s), vh)
    if v.shape[-2] > k:
        found = found + xp.matmul(u, adjoint(xp, (gv - xp.matmul(v, right)) / as_rows(xp, s)))
    return found


def _svd_jvp(xp: Any, t: Any, out: Any) -> tuple[Any, Any, Any]:
    U, S, Vh = out
    k = S.shape[-1]
    u, vh = U[..., :k], Vh[..., :k, :]
    over, v = adjoint(xp, u), adjoint(xp, vh)
    s = xp.astype(S, u.dtype)
    low, up = as_columns(xp, s), as_rows(xp, s)
    inner = xp.matmul(xp.matmul(over, t), v)
    other = adjoint(xp, inner)
    left = over_gaps(xp, inner * up + low * other, S * S)
    right = over_gaps(xp, low * inner + other * up, S * S)
    if is_complex(xp, u):
        half = xp.astype(xp.imag(diagonal_of(xp, inner)) / (2 * S), u.dtype) * 1j
        left, right = with_diagonal(xp, left, half), with_diagonal(xp, right, -half)
    du, dv = xp.matmul(u, left), xp.matmul(v, right)
    if u.shape[-2] > k:
        du = du + (xp.matmul(t, v) - xp.matmul(u, inner)) / up
    if v.shape[-2] > k:
        dv = dv + (xp.matmul(adjoint(xp, t), u) - xp.matmul(v, other)) / up
    if is_complex(xp, u):
        turning = turning_of(xp, u, du)
        du, dv = du + u * turning, dv + v * turning
    du, dv = _with_rest(xp, du, U, k), _with_rest(xp, dv, adjoint(xp, Vh), k)
    return du, diagonal_of(xp, real(xp, inner)), adjoint(xp, dv)


def _with_rest(xp: Any, du: Any, u: Any, k: int) -> Any:
    """Return the tangent of a whole basis from that of its first columns: the others turn no more than they must."""
    if u.shape[-1] == k:
        return du
    return xp.concat([du, -xp.matmul(u[..., :k], xp.matmul(adjoint(xp, du), u[..., k:]))], axis=-1)


svd = general(
    "svd", "x, /, *, full_matrices=True",
    "Factor matrices (..., M, N) into ``x = U diag(S) Vh``, the singular values S descending.",
    outputs=("U", "S", "Vh"), canonical=_canonical_svd, prepare=prepare_matrices("svd", square=False),
    materialize=False, vjp=_svd_vjp, jvp=_svd_jvp, tolerance=8.0, **FLOATING,
)  # fmt: skip


def _svdvals_vjp(xp: Any, g: Any, x: Any) -> Any:
    u, _, vh = xp.svd(x, full_matrices=False)
    return xp.matmul(u * as_rows(xp, xp.astype(g, u.dtype)), vh)


def _svdvals_jvp(xp: Any, t: Any, x: Any) -> Any:
    u, _, vh = xp.svd(x, full_matrices=False)
    return diagonal_of(xp, real(xp, xp.matmul(xp.matmul(adjoint(xp, u), t), adjoint(xp, vh))))


svdvals = general(
    "svdvals", "x, /", "Return the singular values of matrices (..., M, N), descending.",
    body=lambda xp, x: xp.svd(x, full_matrices=False)[1], prepare=prepare_matrices("svdvals", square=False),
    vjp=_svdvals_vjp, jvp=_svdvals_jvp, tolerance=8.0, **FLOATING,
)  # fmt: skip
