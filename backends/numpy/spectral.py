"""Eigenvalues and singular values by LAPACK, called directly where matrices are large.

NumPy's own functions take up to four times as long for those; for small ones and stacks of them they are quick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import lapack

Array = np.ndarray

# Smaller matrices cost less in NumPy's own loop than a call from Python.
LEAST = 24


def is_large(x: Array) -> bool:
    """Say whether LAPACK is called directly for these matrices."""
    return x.shape[-1] >= LEAST and x.shape[-2] >= LEAST and lapack.serves(x)


def _one_phase(v: Array) -> tuple[Array, Array]:
    """Return complex columns with their largest elements real and positive, and the phases taken out: as the rows'."""
    if not v.size:
        return v, np.ones((*v.shape[:-2], 1, v.shape[-1]), v.dtype)
    size = np.abs(v)
    pivot = np.argmax(size, axis=-2, keepdims=True)
    top, length = np.take_along_axis(v, pivot, -2), np.take_along_axis(size, pivot, -2)
    phase = np.where(length == 0, 1, top / np.where(length == 0, 1, length)).astype(v.dtype)
    turned = v * phase.conj()
    np.put_along_axis(turned, pivot, length.astype(v.dtype), -2)
    return turned, phase


def _converged(good: bool, what: str) -> None:
    # Some of LAPACK's subroutines return NaN for NaN.
    if not good:
        raise np.linalg.LinAlgError(f"{what} did not converge")


def _hermitian(x: Array, vectors: bool) -> tuple[Array, Array]:
    """Divide and conquer: the eigenvalues, and in the stack the eigenvectors' transposes."""
    work, n, kind = lapack.transposed(x), x.shape[-1], x.dtype
    values = np.empty((len(work), n), x.real.dtype)
    complexes, info, size = kind.kind == "c", lapack.Info(), lapack.number(n)
    function = lapack.subroutine("heevd" if complexes else "syevd", kind)
    # The sizes that LAPACK's manual asks for, and rows for its blocks.
    room = np.empty(max(1 + 6 * n + 2 * n * n, 70 * n), kind)
    more = np.empty(1 + 5 * n + 2 * n * n if complexes else 0, values.dtype)
    integers = np.empty(3 + 5 * n, lapack.INTEGER)
    rest = [lapack.pointer(room), lapack.number(room.size)]
    if complexes:
        rest += [lapack.pointer(more), lapack.number(more.size)]
    rest += [lapack.pointer(integers), lapack.number(integers.size), info.reference, 1, 1]
    for a, w in lapack.each(work, values):
        function(b"V" if vectors else b"N", b"L", size, a, size, w, *rest)
        _converged(not int(info), "Eigenvalues")
    _converged(bool(np.isfinite(values).all()), "Eigenvalues")
    return values.reshape(x.shape[:-1]), work


def eigh(x: Array, /) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    if is_large(x):
        values, work = _hermitian(x, True)
        vectors = lapack.matrices(work, x.shape[:-2])
    else:
        values, vectors = np.linalg.eigh(x)
    return values, _one_phase(vectors)[0] if x.dtype.kind == "c" else vectors


def eigvalsh(x: Array, /) -> Array:
    """Eigenvalues of Hermitian matrices."""
    return _hermitian(x, False)[0] if is_large(x) else np.asarray(np.linalg.eigvalsh(x))


def _general(x: Array, vectors: bool) -> tuple[Array, Array]:
    if not np.isfinite(x).all():
        raise np.linalg.LinAlgError("Array must not contain infs or NaNs")
    work, n, kind = lapack.transposed(x), x.shape[-1], x.dtype
    complexes, info, size = kind.kind == "c", lapack.Info(), lapack.number(n)
    function = lapack.subroutine("geev", kind)
    parts = np.empty((len(work), 1 if complexes else 2, n), kind)
    found = np.empty((len(work), n, n) if vectors else (len(work), 1, 1), kind)
    more = np.empty(2 * n, x.real.dtype)
    wanted = b"V" if vectors else b"N"

    def call(places: Any, room: Any, length: Any) -> None:
        a, w, v = places
        values = [w] if complexes else [w, lapack.address_behind(w, n * kind.itemsize)]
        last = [lapack.pointer(more)] if complexes else []
        ends = [*values, None, lapack.number(1), v, size, room, length, *last, info.reference, 1, 1]
        function(b"N", wanted, size, a, size, *ends)

    first = next(iter(lapack.each(work, parts, found)))
    room, length = lapack.room(lambda room, length: call(first, room, length), kind)
    for places in lapack.each(work, parts, found):
        call(places, lapack.pointer(room), length)
        _converged(not int(info), "Eigenvalues")
    values = parts[:, 0] if complexes else parts[:, 0] + 1j * parts[:, 1]
    columns = lapack.matrices(found, x.shape[:-2])
    if not complexes and vectors:
        columns = _paired(columns, values.reshape(x.shape[:-1]))
    return values.reshape(x.shape[:-1]), columns


def _paired(columns: Array, values: Array) -> Array:
    """Make complex eigenvectors of LAPACK's pairs of columns, their real and imaginary parts."""
    first = values.imag > 0
    second = np.zeros_like(first)
    second[..., 1:] = first[..., :-1]
    before, after = np.roll(columns, 1, axis=-1), np.roll(columns, -1, axis=-1)
    real = np.where(second[..., None, :], before, columns)
    imaginary = np.where(first[..., None, :], after, np.where(second[..., None, :], -columns, 0))
    return real + 1j * imaginary


def eig(x: Array, /) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of square matrices."""
    values, vectors = _general(x, True) if is_large(x) else np.linalg.eig(x)
    kind = np.result_type(x.dtype, np.complex64)
    return values.astype(kind, copy=False), _one_phase(vectors.astype(kind, copy=False))[0]


def eigvals(x: Array, /) -> Array:
    """Eigenvalues of square matrices."""
    values = _general(x, False)[0] if is_large(x) else np.linalg.eigvals(x)
    return np.asarray(values).astype(np.result_type(x.dtype, np.complex64), copy=False)


def _singular(x: Array, job: bytes) -> tuple[Array, Array, Array]:
    """Divide and conquer: the transposes of U, the values, and the transposes of Vh."""
    _converged(bool(np.isfinite(x).all()), "SVD")
    work, kind = lapack.transposed(x), x.dtype
    (m, n), info = x.shape[-2:], lapack.Info()
    k, stack = min(m, n), len(work)
    values = np.empty((stack, k), x.real.dtype)
    left, right = {b"A": (m, n), b"S": (k, k), b"N": (1, 1)}[job]
    tall = 1 if job == b"N" else m
    wide = 1 if job == b"N" else n
    u, vh = np.empty((stack, left, tall), kind), np.empty((stack, wide, right), kind)
    integers = np.empty(8 * k, lapack.INTEGER)
    last: list[Any] = [lapack.pointer(integers), info.reference, 1]
    if kind.kind == "c":
        # The larger of what the manual asks for with and without vectors.
        size = k * max(5 * k + 7, 2 * max(m, n) + 2 * k + 1)
        more = np.empty(size, values.dtype)
        last.insert(0, lapack.pointer(more))
    function = lapack.subroutine("gesdd", kind)
    rows, columns = lapack.number(m), lapack.number(n)

    def call(places: Any, room: Any, length: Any) -> None:
        a, s, p, q = places
        function(job, rows, columns, a, rows, s, p, lapack.number(tall), q, lapack.number(right), room, length, *last)

    first = next(iter(lapack.each(work, values, u, vh)))
    room, length = lapack.room(lambda room, length: call(first, room, length), kind)
    for places in lapack.each(work, values, u, vh):
        call(places, lapack.pointer(room), length)
        _converged(not int(info), "SVD")
    return u, values.reshape(*x.shape[:-2], k), vh


def svd(x: Array, /, *, full_matrices: bool = True) -> tuple[Array, Array, Array]:
    """Singular values and vectors."""
    if is_large(x):
        u, s, vh = _singular(x, b"A" if full_matrices else b"S")
        u, vh = lapack.matrices(u, x.shape[:-2]), lapack.matrices(vh, x.shape[:-2])
    else:
        u, s, vh = np.linalg.svd(x, full_matrices=full_matrices)
    if x.dtype.kind != "c":
        return u, s, vh
    k = s.shape[-1]
    first, phase = _one_phase(u[..., :k])
    second = vh[..., :k, :] * phase.swapaxes(-1, -2)
    if u.shape[-1] > k:
        first = np.concatenate([first, u[..., k:]], axis=-1)
    if vh.shape[-2] > k:
        second = np.concatenate([second, vh[..., k:, :]], axis=-2)
    return first, s, second


def svdvals(x: Array, /) -> Array:
    """Singular values."""
    if is_large(x):
        return _singular(x, b"N")[1]
    found = np.asarray(np.linalg.svd(x, compute_uv=False))
    _converged(bool(np.isfinite(found).all()), "SVD")
    return found


def _train_eigvalsh(x: Array, /) -> Any:
    values, vectors = eigh(x)
    return values, (vectors,)


def _eigvalsh_vjp(xp: Any, g: Array, vectors: Array) -> tuple[Array]:
    found = (vectors * g[..., None, :]) @ adjoint(vectors)
    # Of the lower triangle, which stands for both.
    places = np.arange(found.shape[-1])
    diagonal = found[..., places, places].real
    found = np.tril(found + adjoint(found))
    found[..., places, places] = diagonal
    return (found,)


def _train_svdvals(x: Array, /) -> Any:
    u, s, vh = svd(x, full_matrices=False)
    return s, (u, vh)


def _svdvals_vjp(xp: Any, g: Array, u: Array, vh: Array) -> tuple[Array]:
    return ((u * g[..., None, :]) @ vh,)


def adjoint(x: Array) -> Array:
    """Return the conjugate transpose of matrices."""
    turned = x.swapaxes(-1, -2)
    return turned.conj() if x.dtype.kind == "c" else turned


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "eig": eig, "eigh": eigh, "eigvals": eigvals, "svd": svd,
    "eigvalsh": Kernel(eigvalsh, train=_train_eigvalsh, vjp=_eigvalsh_vjp, residuals=("vectors",)),
    "svdvals": Kernel(svdvals, train=_train_svdvals, vjp=_svdvals_vjp, residuals=("u", "vh")),
}  # fmt: skip
