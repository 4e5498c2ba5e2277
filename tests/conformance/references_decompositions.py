"""Decompositions by textbook methods: elimination, Jacobi's rotations, and roots of the characteristic polynomial.

Vectors are determined up to a sign or phase. Complex ones have their largest elements positive, as the rows'; real ones
take LAPACK's signs, and nothing else, from it. It also orders the eigenvalues of matrices that are not Hermitian.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def _each(function: Any, x: np.ndarray, count: int = 1) -> Any:
    """Apply a function of one matrix to a stack."""
    lead = x.shape[:-2]
    flat = [function(a) for a in x.reshape(-1, *x.shape[-2:])] if 0 not in lead else []
    if not flat:
        flat_one = function(np.eye(*x.shape[-2:]).astype(x.dtype) * np.arange(1, x.shape[-1] + 1))
        one = (flat_one,) if count == 1 else flat_one
        found = [np.zeros((*lead, *np.shape(part)), dtype=np.asarray(part).dtype) for part in one]
        return found[0] if count == 1 else tuple(found)
    if count == 1:
        return np.stack([np.asarray(f) for f in flat]).reshape((*lead, *np.shape(flat[0])))
    return tuple(np.stack([f[i] for f in flat]).reshape((*lead, *np.shape(flat[0][i]))) for i in range(count))


def _lower(a: np.ndarray) -> np.ndarray:
    below = np.tril(a, -1)
    return below + below.conj().T + np.diag(np.diag(a).real)


def _cholesky(a: np.ndarray) -> np.ndarray:
    n = len(a)
    found = np.zeros_like(a)
    for i in range(n):
        for j in range(i + 1):
            rest = a[i, j] - sum(found[i, k] * np.conj(found[j, k]) for k in range(j))
            found[i, j] = np.sqrt(rest.real) if i == j else rest / found[j, j]
    return found


def cholesky(x: Any) -> Any:
    return _each(_cholesky, x)


def _inv(a: np.ndarray) -> np.ndarray:
    """Gauss and Jordan's elimination with pivots."""
    n = len(a)
    work = np.concatenate([a, np.eye(n, dtype=a.dtype)], axis=1)
    for k in range(n):
        best = k + int(np.argmax(np.abs(work[k:, k])))
        work[[k, best]] = work[[best, k]]
        work[k] = work[k] / work[k, k]
        for i in range(n):
            if i != k:
                work[i] = work[i] - work[i, k] * work[k]
    return work[:, n:]


def inv(x: Any) -> Any:
    return _each(_inv, x)


def _det(a: np.ndarray) -> Any:
    """Leibniz's sum over permutations."""
    n = len(a)
    total = np.zeros((), dtype=a.dtype)
    for order in itertools.permutations(range(n)):
        swaps = sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        total = total + (-1) ** swaps * np.prod(a[np.arange(n), list(order)])
    return total


def det(x: Any) -> Any:
    return _each(_det, x)


def slogdet(x: Any) -> Any:
    return _each(lambda a: (_det(a) / abs(_det(a)), np.asarray(np.log(abs(_det(a))))), x, 2)


def _jacobi(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and vectors of a Hermitian matrix by Jacobi's rotations."""
    n = len(a)
    a, v = a.astype(np.result_type(a.dtype, np.float64)), np.eye(n, dtype=a.dtype)
    for _ in range(30):
        for p, q in itertools.combinations(range(n), 2):
            size = abs(a[p, q])
            if size <= 1e-18 * np.max(np.abs(a)):
                continue
            phase = a[p, q] / size
            angle = 0.5 * np.arctan2(2 * size, (a[q, q] - a[p, p]).real)
            turn = np.eye(n, dtype=a.dtype)
            turn[p, p], turn[q, q] = np.cos(angle), np.cos(angle)
            turn[p, q], turn[q, p] = np.sin(angle) * phase, -np.sin(angle) * np.conj(phase)
            a, v = turn.conj().T @ a @ turn, v @ turn
    values = np.diag(a).real
    order = np.argsort(values)
    return values[order], v[:, order]


def _one_phase(v: np.ndarray) -> np.ndarray:
    top = v[np.argmax(np.abs(v), axis=0), np.arange(v.shape[1])]
    return v * (np.conj(top) / np.abs(top))


def _signed_like(v: np.ndarray, lapack: np.ndarray) -> np.ndarray:
    """Real vectors with the signs that LAPACK gives them; complex ones with their largest elements positive."""
    if v.dtype.kind == "c":
        return _one_phase(v)
    return v * np.sign(np.sum(v * lapack, axis=0))


def _eigh(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, v = _jacobi(_lower(a))
    return values, _signed_like(v, np.linalg.eigh(a)[1])


def eigh(x: Any) -> Any:
    return _each(_eigh, x, 2)


def eigvalsh(x: Any) -> Any:
    return _each(lambda a: _jacobi(_lower(a))[0], x)


def _polynomial(a: np.ndarray) -> np.ndarray:
    """The roots of the characteristic polynomial, by Faddeev and Le Verrier, in LAPACK's order."""
    n = len(a)
    found, m = [1.0 + 0j], np.zeros_like(a, dtype=complex)
    for k in range(1, n + 1):
        m = a @ m + found[-1] * np.eye(n)
        found.append(-np.trace(a @ m) / k)
    roots = np.roots(found).astype(complex)
    for _ in range(3):
        value, slope = np.polyval(found, roots), np.polyval(np.polyder(found), roots)
        roots = roots - value / slope
    order: list[int] = []
    for wanted in np.linalg.eigvals(a):
        order.append(min(set(range(n)) - set(order), key=lambda i: abs(roots[i] - wanted)))
    return roots[order]


def eigvals(x: Any) -> Any:
    return _each(_polynomial, x)


def _eig(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = _polynomial(a)
    columns = []
    for value in values:
        # What the others' factors leave of a vector is the one eigenvector.
        left = np.eye(len(a), dtype=complex)
        for other in values:
            if other is not value and other != value:
                left = left @ (a - other * np.eye(len(a))) / (value - other)
        column = left[:, np.argmax(np.linalg.norm(left, axis=0))]
        columns.append(column / np.sqrt(np.sum(np.abs(column) ** 2)))
    return values, _one_phase(np.stack(columns, axis=1))


def eig(x: Any) -> Any:
    return _each(_eig, x, 2)


def _singular(a: np.ndarray, full: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, n = a.shape
    k = min(m, n)
    if m >= n:
        squares, v = _jacobi(a.conj().T @ a)
        v = v[:, ::-1]
        s = np.sqrt(np.maximum(squares[::-1], 0))
        u = a @ v / s
    else:
        squares, u = _jacobi(a @ a.conj().T)
        u = u[:, ::-1]
        s = np.sqrt(np.maximum(squares[::-1], 0))
        v = a.conj().T @ u / s
    lu, _, lvh = np.linalg.svd(a, full_matrices=full)
    if a.dtype.kind == "c":
        top = u[np.argmax(np.abs(u), axis=0), np.arange(k)]
        phase = np.conj(top) / np.abs(top)
    else:
        phase = np.sign(np.sum(u * lu[:, :k], axis=0))
    u, v = u * phase, v * phase
    # The rest of a square basis is free: LAPACK's is taken.
    return np.concatenate([u, lu[:, k:]], axis=1), s, np.concatenate([v.conj().T, lvh[k:]], axis=0)


def svd(x: Any, *, full_matrices: bool) -> Any:
    return _each(lambda a: _singular(a, full_matrices), x, 3)


def svdvals(x: Any) -> Any:
    return _each(lambda a: _singular(a, False)[1], x)


def pinv(x: Any, rtol: Any) -> Any:
    """By the normal equations, of matrices of full rank."""

    def one(a: np.ndarray) -> np.ndarray:
        over = a.conj().T
        return _inv(over @ a) @ over if a.shape[0] >= a.shape[1] else over @ _inv(a @ over)

    return _each(one, x)


def _exponential(a: np.ndarray) -> np.ndarray:
    """The power series."""
    total = term = np.eye(len(a), dtype=a.dtype)
    for k in range(1, 60):
        term = term @ a / k
        total = total + term
    return total


def matrix_exp(x: Any) -> Any:
    return _each(_exponential, x)


def _lu(a: np.ndarray, pivot: bool) -> tuple[np.ndarray, np.ndarray]:
    """Crout's scheme on rows that are exchanged one by one."""
    m, n = a.shape
    a, pivots = a.copy(), []
    for k in range(min(m, n)):
        column = [a[i, k] - sum(a[i, p] * a[p, k] for p in range(k)) for i in range(k, m)]
        best = k + int(np.argmax([abs(v.real) + abs(v.imag) for v in column])) if pivot else k
        pivots.append(best)
        a[[k, best]] = a[[best, k]]
        for j in range(k, n):
            a[k, j] = a[k, j] - sum(a[k, p] * a[p, j] for p in range(k))
        for i in range(k + 1, m):
            a[i, k] = (a[i, k] - sum(a[i, p] * a[p, k] for p in range(k))) / a[k, k]
    return a, np.asarray(pivots, dtype=np.int32) + np.int32(1)


def lu_packed(x: Any, *, pivot: bool) -> Any:
    return _each(lambda a: _lu(a, pivot), x, 2)
