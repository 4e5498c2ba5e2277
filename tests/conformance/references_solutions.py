"""Systems of linear equations by textbook methods: substitution, normal equations, Bunch and Kaufman's pivots."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from candelabra.conformance.references_decompositions import det, inv


def _stacked(function: Any, *arrays: np.ndarray, cores: tuple[int, ...]) -> Any:
    """Apply a function of matrices to stacks that broadcast."""
    leads = [a.shape[: a.ndim - c] for a, c in zip(arrays, cores, strict=True)]
    lead = np.broadcast_shapes(*leads)
    whole = [np.broadcast_to(a, (*lead, *a.shape[a.ndim - c :])) for a, c in zip(arrays, cores, strict=True)]
    found = [function(*[w[place] for w in whole]) for place in np.ndindex(lead)]
    if isinstance(found[0], tuple):
        columns = list(zip(*found, strict=True))
        return tuple(np.stack(c).reshape((*lead, *np.shape(c[0]))) for c in columns)
    return np.stack(found).reshape((*lead, *np.shape(found[0])))


def _substituted(a: np.ndarray, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    n = len(a)
    x = np.zeros_like(b)
    for i in reversed(range(n)) if upper else range(n):
        known = range(i + 1, n) if upper else range(i)
        rest = b[i] - sum((a[i, j] * x[j] for j in known), np.zeros_like(b[i]))
        x[i] = rest if unit else rest / a[i, i]
    return x


def solve_triangular(x1: Any, x2: Any, *, upper: bool, unitriangular: bool) -> Any:
    return _stacked(lambda a, b: _substituted(a, b, upper, unitriangular), x1, x2, cores=(2, 2))


def _exchanged(pivots: np.ndarray, rows: int) -> np.ndarray:
    order = np.arange(rows)
    for k, p in enumerate(pivots):
        order[[k, p - 1]] = order[[p - 1, k]]
    return order


def pivot_order(pivots: Any, *, rows: int) -> Any:
    return _stacked(lambda p: _exchanged(p, rows), pivots, cores=(1,))


def _by_factors(factors: np.ndarray, pivots: np.ndarray, b: np.ndarray, adjoint: bool) -> np.ndarray:
    n = len(factors)
    whole = (np.tril(factors, -1) + np.eye(n)) @ np.triu(factors)
    x = np.empty_like(whole)
    x[_exchanged(pivots, n)] = whole
    return np.asarray(inv(x.conj().T if adjoint else x) @ b)


def lu_solve(factors: Any, pivots: Any, x2: Any, *, adjoint: bool) -> Any:
    return _stacked(lambda f, p, b: _by_factors(f, p, b, adjoint), factors, pivots, x2, cores=(2, 1, 2))


def hermitian_part(x: Any) -> Any:
    found = np.empty_like(x)
    for i, j in np.ndindex(x.shape[-2:]):
        found[..., i, j] = (x[..., i, j] + np.conj(x[..., j, i])) / 2
    return found


def definite_order(x: Any) -> Any:
    def one(a: np.ndarray) -> np.ndarray:
        minors = (np.linalg.det(a[:k, :k]).real for k in range(1, len(a) + 1))
        return np.asarray(next((k for k, minor in enumerate(minors, start=1) if minor <= 0), 0))

    return _stacked(one, x, cores=(2,)) if x.size else np.zeros(x.shape[:-2], np.int64)


def _size(v: Any) -> float:
    return float(abs(v.real) + abs(v.imag)) if np.iscomplexobj(v) else float(abs(v))


def pivoted(x: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return LAPACK's packed factors of one matrix, its pivots and its info, one block after the other."""
    over = (lambda v: np.conj(v)) if hermitian else (lambda v: v)
    a = np.tril(x) + over(np.tril(x, -1).T)
    if hermitian:
        np.fill_diagonal(a, np.diag(x).real)
    n, k, info, alpha = len(a), 0, 0, (1 + math.sqrt(17)) / 8
    packed, pivots = np.zeros_like(a), np.zeros(n, np.int64)
    while k < n:
        sizes = [_size(v) for v in a[k + 1 :, k]]
        most = max(sizes, default=0.0)
        best = k + 1 + sizes.index(most) if sizes else k
        own, step, at = _size(a[k, k]), 1, k
        if max(own, most) == 0:
            info = info or k + 1
        elif own < alpha * most:
            widest = max(_size(a[best, j]) for j in range(k, n) if j != best)
            if own * widest < alpha * most * most:
                at = best
                step = 1 if _size(a[best, best]) >= alpha * widest else 2
        start = k + step - 1
        a[[start, at]] = a[[at, start]]
        a[:, [start, at]] = a[:, [at, start]]
        block = a[k : k + step, k : k + step].copy()
        packed[k : k + step, k : k + step] = np.tril(block)
        pivots[k : k + step] = at + 1 if step == 1 else -(at + 1)
        rest = a[k + step :, k : k + step].copy()
        if rest.size and np.any(block):
            low = rest @ np.linalg.inv(block)
            packed[k + step :, k : k + step] = low
            a[k + step :, k + step :] = a[k + step :, k + step :] - low @ over(rest.T)
        k += step
    return packed, pivots, np.asarray(info)


def ldl_packed(x: Any, *, hermitian: bool) -> Any:
    return _stacked(lambda a: pivoted(a, hermitian), x, cores=(2,))


def _assembled(packed: np.ndarray, pivots: np.ndarray, hermitian: bool) -> np.ndarray:
    """Return the matrix of which these are the factors, from the last block to the first."""
    over = (lambda v: np.conj(v)) if hermitian else (lambda v: v)
    n, blocks, k = len(packed), [], 0
    while k < n:
        blocks.append((k, 2 if pivots[k] < 0 else 1))
        k += blocks[-1][1]
    a = np.zeros_like(packed)
    for k, step in reversed(blocks):
        d = packed[k : k + step, k : k + step]
        d = np.tril(d) + over(np.tril(d, -1).T)
        low = np.concatenate([np.eye(step, dtype=packed.dtype), packed[k + step :, k : k + step]])
        a[k:, k:] = a[k:, k:] + low @ d @ over(low.T)
        start, at = k + step - 1, abs(pivots[k]) - 1
        a[[start, at]] = a[[at, start]]
        a[:, [start, at]] = a[:, [at, start]]
    return a


def ldl_solve(factors: Any, pivots: Any, x2: Any, *, hermitian: bool) -> Any:
    one = lambda f, p, b: np.asarray(inv(_assembled(f, p, hermitian)) @ b)
    return _stacked(one, factors, pivots, x2, cores=(2, 1, 2))


def _reflected(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One column after the other, each by an explicit matrix."""
    m, n = x.shape
    r, k = x.copy(), min(m, n)
    packed, tau = np.zeros_like(x), np.zeros(k, x.dtype)
    for i in range(k):
        head, rest = r[i, i], r[i + 1 :, i]
        v = np.zeros(m, x.dtype)
        if np.any(rest != 0) or np.imag(head) != 0:
            beta = -math.copysign(math.sqrt(abs(head) ** 2 + float(np.sum(np.abs(rest) ** 2))), head.real)
            tau[i] = (beta - head) / beta
            v[i], v[i + 1 :] = 1, rest / (head - beta)
            r = r - np.conj(tau[i]) * np.outer(v, v.conj() @ r)
        packed[i + 1 :, i] = v[i + 1 :]
    return packed + np.triu(r), tau


def reflections(x: Any) -> Any:
    return _stacked(_reflected, x, cores=(2,))


def lstsq(x1: Any, x2: Any, rtol: Any) -> Any:
    """By the normal equations, of matrices of full rank."""

    def one(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        over = a.conj().T
        found = inv(over @ a) @ over if a.shape[0] >= a.shape[1] else over @ inv(a @ over)
        return found @ b, np.asarray(min(a.shape))

    return _stacked(one, x1, x2, cores=(2, 2))


def euclidean_norm(x: Any, *, axis: Any, keepdims: bool) -> Any:
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return np.sqrt(np.sum(np.real(x) ** 2 + np.imag(x) ** 2, axis=axes, keepdims=keepdims))


def cross_product(x1: Any, x2: Any) -> Any:
    x1, x2 = np.broadcast_arrays(x1, x2)
    found = np.zeros(x1.shape, np.result_type(x1, x2))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        found[..., i] = x1[..., j] * x2[..., k]
        found[..., i] -= x1[..., k] * x2[..., j]
    return found


def lu_triangles(packed: Any) -> Any:
    m, n = packed.shape[-2:]
    k = min(m, n)
    low, up = np.zeros((*packed.shape[:-2], m, k), packed.dtype), np.zeros((*packed.shape[:-2], k, n), packed.dtype)
    for i, j in np.ndindex(m, n):
        if i > j:
            low[..., i, j] = packed[..., i, j]
        else:
            up[..., i, j] = packed[..., i, j]
    for i in range(k):
        low[..., i, i] = 1
    return low, up


def permutation(pivots: Any, like: Any) -> Any:
    return _stacked(lambda p, a: np.eye(len(a), dtype=a.dtype)[:, _exchanged(p, len(a))], pivots, like, cores=(1, 2))


def adjugate(x: Any) -> Any:
    """By minors."""
    if x.shape[-1] == 1:
        return np.ones_like(x)
    found = np.zeros_like(x)
    for i, j in np.ndindex(x.shape[-2:]):
        minor = np.delete(np.delete(x, i, axis=-2), j, axis=-1)
        found[..., j, i] = (-1) ** (i + j) * det(minor)
    return found
