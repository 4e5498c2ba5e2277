"""Maps from matrices to orthogonal ones: the exponential, Cayley's map, and products of Householder reflections."""

from __future__ import annotations

import math
from typing import Any

from ...core import ops
from ...core.functions.linear_algebra import diagonal
from ...core.tensor import Tensor

# 1 / n! in groups of four: Taylor's series up to the 16th power by six products (Paterson and Stockmeyer, 1973).
_SERIES = [[1.0 / math.factorial(4 * i + j) for j in range(4)] for i in range(4)]
_LAST = 1.0 / math.factorial(16)


def identity(n: int, like: Tensor) -> Tensor:
    """Return the identity matrix with another tensor's dtype and device."""
    return ops.eye(n, dtype=like.dtype, device=like.device.physical)


def matrix_exp(a: Tensor) -> Tensor:
    """Return the exponential of square matrices, by scaling and squaring."""
    n = a.shape[-1]
    if not n:
        return a
    if a.device.levels:
        # Inside a transformation nothing can be looked at: enough for norms up to 256.
        halvings = 8
    else:
        # Below 1 / 2 the series has full precision.
        norm = float(ops.max(ops.sum(ops.abs(a.detach()), axis=-2)))
        halvings = max(0, math.ceil(math.log2(norm)) + 1) if 0.0 < norm < math.inf else 0
    x = ops.multiply(a, 0.5**halvings)
    powers = [identity(n, a), x]
    for _ in range(2):
        powers.append(ops.matmul(powers[-1], x))
    fourth = ops.matmul(powers[-1], x)
    total: Any = ops.multiply(fourth, _LAST)
    for i, coefficients in enumerate(reversed(_SERIES)):
        if i:
            total = ops.matmul(total, fourth)
        for coefficient, power in zip(coefficients, powers, strict=True):
            total = ops.add(total, ops.multiply(power, coefficient))
    for _ in range(halvings):
        total = ops.matmul(total, total)
    return total


def cayley(a: Tensor) -> Tensor:
    """Return ``(1 - a/2)^-1 (1 + a/2)``."""
    one, half = identity(a.shape[-1], a), ops.multiply(a, 0.5)
    return ops.solve(ops.subtract(one, half), ops.add(one, half))


def householder_product(a: Tensor, tau: Tensor) -> Tensor:
    """Return the first columns of a product of reflections ``1 - tau v v^T``.

    The vectors v stand below the diagonal of `a`, shape (..., n, k); each has a one on it. `tau` has shape (..., k).
    """
    n, k = a.shape[-2:]
    vectors = ops.add(ops.tril(a, k=-1), ops.eye(n, k, dtype=a.dtype, device=a.device.physical))
    q: Any = ops.eye(n, k, dtype=a.dtype, device=a.device.physical)
    for i in reversed(range(k)):
        v = vectors[..., :, i : i + 1]
        share = ops.matmul(ops.matrix_transpose(v), q)
        q = ops.subtract(q, ops.multiply(ops.expand_dims(tau[..., i : i + 1], axis=-1), ops.matmul(v, share)))
    return q


def reflections_of(q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the reflections of a QR decomposition of real matrices (n, k): vectors below the diagonal, tau, diag R."""
    n, k = q.shape[-2:]
    rows = ops.arange(n, device=q.device.physical)
    r, vectors, taus = q, [], []
    for i in range(k):
        column = r[..., :, i]
        below = ops.where(ops.greater(rows, i), column, 0.0)
        alpha, rest = column[..., i], ops.sum(ops.multiply(below, below), axis=-1)
        done = ops.equal(rest, 0.0)
        norm = ops.sqrt(ops.add(ops.multiply(alpha, alpha), rest))
        beta = ops.where(ops.less(alpha, 0.0), norm, ops.negative(norm))
        tau = ops.where(done, 0.0, ops.divide(ops.subtract(beta, alpha), ops.where(done, 1.0, beta)))
        v = ops.divide(below, ops.expand_dims(ops.where(done, 1.0, ops.subtract(alpha, beta)), axis=-1))
        vectors.append(v)
        taus.append(tau)
        whole = ops.expand_dims(ops.add(v, ops.astype(ops.equal(rows, i), q.dtype)), axis=-1)
        factor = ops.expand_dims(ops.expand_dims(tau, axis=-1), axis=-1)
        share = ops.matmul(ops.matrix_transpose(whole), r)
        r = ops.subtract(r, ops.multiply(factor, ops.matmul(whole, share)))
    return ops.stack(vectors, axis=-1), ops.stack(taus, axis=-1), diagonal(r)


def nearest_by_qr(a: Tensor) -> Tensor:
    """Return Q of a decomposition whose R has a positive diagonal."""
    q, r = ops.qr(a)
    d = diagonal(r)
    sign = ops.divide(d, ops.astype(ops.abs(d), d.dtype)) if d.dtype.is_complex else ops.sign(d)
    return ops.multiply(q, ops.expand_dims(sign, axis=-2))


def is_orthogonal(q: Tensor) -> bool:
    """Say whether the columns are orthonormal, but for rounding."""
    n, k = q.shape[-2:]
    product = ops.matmul(ops.conj(ops.matrix_transpose(q)), q)
    gap = ops.max(ops.abs(ops.subtract(product, identity(k, q))))
    eps = {2: 1e-3, 4: 1.2e-7, 8: 2.2e-16}[q.dtype.to_real().itemsize]
    return bool(ops.less_equal(gap, 10.0 * n * eps))
