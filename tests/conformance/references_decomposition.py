"""Decompositions by the textbook, with every reflection written out as a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np


def _qr(a: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    m, n = a.shape
    q, r = np.eye(m, dtype=a.dtype), a.copy()
    for k in range(min(m, n)):
        x = r[k:, k].copy()
        if np.linalg.norm(x[1:]) == 0 and np.imag(x[0]) == 0:
            continue
        beta = -np.linalg.norm(x) if np.real(x[0]) >= 0 else np.linalg.norm(x)
        v = x.copy()
        v[0] -= beta
        v /= v[0]
        tau = (beta - x[0]) / beta
        h = np.eye(m, dtype=a.dtype)
        h[k:, k:] -= tau * np.outer(v, v.conj())
        q, r = q @ h, h.conj().T @ r
    width = m if mode == "complete" else min(m, n)
    return q[:, :width], np.triu(r[:width])


def qr(x: Any, *, mode: str) -> tuple[Any, Any]:
    flat = x.reshape(-1, *x.shape[-2:])
    pairs = [_qr(a, mode) for a in flat]
    q, r = (np.stack([p[i] for p in pairs]) for i in range(2))
    return q.reshape(*x.shape[:-2], *q.shape[1:]), r.reshape(*x.shape[:-2], *r.shape[1:])


def _gauss(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Gauss and Jordan's elimination with pivots."""
    a, b = a.copy(), b.copy()
    for k in range(len(a)):
        best = k + int(np.argmax(np.abs(a[k:, k])))
        a[[k, best]], b[[k, best]] = a[[best, k]], b[[best, k]]
        a[k], b[k] = a[k] / a[k, k], b[k] / a[k, k]
        for i in range(len(a)):
            if i != k:
                factor = a[i, k]
                a[i], b[i] = a[i] - factor * a[k], b[i] - factor * b[k]
    return b


def solve(x1: Any, x2: Any) -> Any:
    alone = x2.ndim == 1
    right = x2[:, None] if alone else x2
    lead = np.broadcast_shapes(x1.shape[:-2], right.shape[:-2])
    matrices = np.broadcast_to(x1, (*lead, *x1.shape[-2:])).reshape(-1, *x1.shape[-2:])
    sides = np.broadcast_to(right, (*lead, *right.shape[-2:])).reshape(-1, *right.shape[-2:])
    found = np.stack([_gauss(a, b) for a, b in zip(matrices, sides, strict=True)])
    found = found.reshape(*lead, *right.shape[-2:])
    return found[..., 0] if alone else found
