"""Householder's reflections, packed as LAPACK packs them, and least squares by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import lapack

Array = np.ndarray


def reflected(x: Array) -> tuple[Array, Array]:
    """Return the stack (S, N, M) of R's and the vectors' transposes, and the factors (S, K) of the reflections."""
    (m, n), info = x.shape[-2:], lapack.Info()
    work = lapack.transposed(x)
    tau = np.zeros((len(work), min(m, n)), x.dtype)
    function, rows, columns = lapack.subroutine("geqrf", x.dtype), lapack.number(m), lapack.number(n)
    # Room for blocks of 64.
    room = np.empty(64 * n, x.dtype)
    place, size = lapack.pointer(room), lapack.number(room.size)
    for a, t in lapack.each(work, tau):
        function(rows, columns, a, rows, t, place, size, info.reference)
    return work, tau


def multiplied_out(vectors: Array, tau: Array) -> Array:
    """Make in place of vectors (S, N, M), N at most M, the first N columns of the product of their reflections."""
    n, m = vectors.shape[-2:]
    function = lapack.subroutine("ungqr" if vectors.dtype.kind == "c" else "orgqr", vectors.dtype)
    room, info = np.empty(64 * n, vectors.dtype), lapack.Info()
    rest = (lapack.pointer(room), lapack.number(room.size), info.reference)
    rows, columns, count = lapack.number(m), lapack.number(n), lapack.number(tau.shape[-1])
    for a, t in lapack.each(vectors, tau):
        function(rows, columns, count, a, rows, t, *rest)
    return vectors


def reflections(x: Array, /) -> Any:
    """R, the vectors below its diagonal, and the factors."""
    if not lapack.serves(x):
        return NotImplemented
    work, tau = reflected(x)
    return lapack.matrices(work, x.shape[:-2]), tau.reshape(*x.shape[:-2], tau.shape[-1])


def lstsq(x1: Array, x2: Array, rtol: Array, /) -> Any:
    """Least squares by reflections with exchanged columns, where they show the full rank; singular values otherwise."""
    if not lapack.serves(x1, x2) or not (np.isfinite(x1).all() and np.isfinite(x2).all()):
        return NotImplemented
    (m, n), k, kind = x1.shape[-2:], x2.shape[-1], x1.dtype
    lead = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    if np.ndim(rtol):
        return NotImplemented
    work = lapack.transposed(np.broadcast_to(x1, (*lead, m, n)))
    out = np.zeros((len(work), k, max(m, n)), kind)
    out[..., :m] = np.broadcast_to(x2, (*lead, m, k)).reshape(-1, m, k).swapaxes(-1, -2)
    function, info = lapack.subroutine("gelsy", kind), lapack.Info()
    rank, limit = np.zeros(1, lapack.INTEGER), np.array([max(float(rtol), 0.0)], x1.real.dtype)
    places, more = np.zeros((len(work), n), lapack.INTEGER), np.empty(2 * n, x1.real.dtype)
    room = np.empty(min(m, n) + 65 * (n + 1) + 64 * k, kind)
    rest: list[Any] = [lapack.pointer(limit), lapack.pointer(rank), lapack.pointer(room), lapack.number(room.size)]
    if kind.kind == "c":
        rest.append(lapack.pointer(more))
    rows, columns, width, step = (lapack.number(v) for v in (m, n, k, max(m, n)))
    for a, b, p in lapack.each(work, out, places):
        function(rows, columns, width, a, rows, b, step, p, *rest, info.reference)
        if int(rank[0]) < min(m, n):
            # Its estimate of singular values is a rough one.
            return NotImplemented
    solution = lapack.matrices(out, lead)[..., :n, :]
    return solution, np.full(lead, min(m, n), dtype=np.int64)


KERNELS: dict[str, Callable[..., Any]] = {"lstsq": lstsq, "reflections": reflections}
