"""Generators of valid calls for systems of linear equations with triangular or factored matrices, and least squares."""

from __future__ import annotations

import numpy as np
from candelabra.conformance.drawing import Draw, Sample
from candelabra.conformance.references_solutions import pivoted


def _system(d: Draw) -> tuple[np.ndarray, np.ndarray]:
    n, k = d.integer(1, 2 if d.smooth else 4), d.integer(1, 2)
    lead = d.shape(0, 1, empty=False)
    # Close to a multiple of the identity, so that no pivot is small.
    x1 = d.array((*lead, n, n), "(-1, 1)") + np.asarray(4 * np.eye(n), dtype=d.dtype)
    x2 = d.array((n, k) if d.flag() else (*lead, n, k))
    return x1.astype(d.dtype), x2


def draw_solve_triangular(d: Draw) -> Sample:
    x1, x2 = _system(d)
    return Sample((x1, x2), {"upper": d.flag(), "unitriangular": d.flag()})


def draw_pivot_order(d: Draw) -> Sample:
    rows = d.integer(1, 5)
    k = d.integer(1, rows)
    low = np.arange(k)
    shape = (*d.shape(0, 1, empty=False), k)
    return Sample((d.values.integers(low, rows, shape) + 1,), {"rows": rows})


def draw_lu_solve(d: Draw) -> Sample:
    x1, x2 = _system(d)
    n = x1.shape[-1]
    pivots = d.values.integers(np.arange(n), n, x1.shape[:-1]) + 1
    return Sample((x1, pivots, x2), {"adjoint": d.flag()})


def draw_hermitian_part(d: Draw) -> Sample:
    n = d.side(0, 4)
    return Sample((d.array((*d.shape(0, 1), n, n)),))


def draw_definite_order(d: Draw) -> Sample:
    n = d.integer(1, 4)
    x = d.array((*d.shape(0, 1), n, n), "(-1, 1)")
    x = x + np.conj(np.swapaxes(x, -1, -2))
    # The signs of minors are not left to rounding.
    signs = d.values.choice([-6.0, 6.0], n) if d.flag() else np.full(n, 6.0)
    return Sample(((x + np.diag(signs)).astype(d.dtype),))


def _symmetric(d: Draw, hermitian: bool) -> np.ndarray:
    n = d.integer(1, 4)
    x = d.array((*d.shape(0, 1, empty=False), n, n), "(-1, 1)")
    other = np.swapaxes(x, -1, -2)
    x = x + (np.conj(other) if hermitian else other)
    # Blocks of one row where the diagonal is large, of two where it is small.
    size = np.asarray([4.0, 0.1][d.integer(0, 1)] * np.arange(1, n + 1))
    return np.asarray(np.where(np.eye(n, dtype=bool), size.astype(d.dtype), x)).astype(d.dtype)


def draw_ldl_packed(d: Draw) -> Sample:
    hermitian = d.flag()
    return Sample((_symmetric(d, hermitian),), {"hermitian": hermitian})


def draw_ldl_solve(d: Draw) -> Sample:
    hermitian = d.flag()
    x = _symmetric(d, hermitian)
    n = x.shape[-1]
    x = np.asarray(np.where(np.eye(n, dtype=bool), np.asarray(np.arange(3, n + 3)).astype(d.dtype), x)).astype(d.dtype)
    flat = [pivoted(a.astype(np.result_type(d.dtype, np.float32)), hermitian) for a in x.reshape(-1, n, n)]
    packed = np.stack([f[0] for f in flat]).reshape(x.shape).astype(d.dtype)
    pivots = np.stack([f[1] for f in flat]).reshape(x.shape[:-1])
    return Sample((packed, pivots, d.array((*x.shape[:-1], d.integer(1, 2)))), {"hermitian": hermitian})


def _tall(d: Draw) -> np.ndarray:
    m, n = d.integer(1, 3), d.integer(1, 3)
    x = d.array((*d.shape(0, 1, empty=False), m, n), "(-0.4, 0.4)")
    return np.asarray(x + np.eye(m, n) * (1.5 + np.arange(n))).astype(d.dtype)


def draw_reflections(d: Draw) -> Sample:
    return Sample((_tall(d),))


def draw_lstsq(d: Draw) -> Sample:
    x1 = _tall(d)
    x2 = d.array((*x1.shape[:-1], d.integer(1, 2)))
    return Sample((x1, x2, np.asarray(1e-3, dtype=np.float32)))


def draw_euclidean_norm(d: Draw) -> Sample:
    x = d.array(d.shape(1, 3, empty=False), "nonzero")
    return Sample((x,), {"axis": d.axes(x.ndim), "keepdims": d.flag()})


def draw_cross_product(d: Draw) -> Sample:
    one, two = d.broadcastable(2)
    return Sample((d.array((*one, 3)), d.array((*two, 3))))


def draw_lu_triangles(d: Draw) -> Sample:
    return Sample((d.array((*d.shape(0, 1), d.integer(1, 4), d.integer(1, 4))),))


def draw_permutation(d: Draw) -> Sample:
    m, n = d.integer(1, 4), d.integer(1, 4)
    k, lead = min(m, n), d.shape(0, 1, empty=False)
    return Sample((d.values.integers(np.arange(k), m, (*lead, k)) + 1, d.array((*lead, m, n))))


def draw_adjugate(d: Draw) -> Sample:
    n = d.integer(1, 3)
    x = d.array((*d.shape(0, 1, empty=False), n, n), "(-1, 1)") + np.diag(np.arange(n)).astype(d.dtype)
    return Sample((x.astype(d.dtype),))
