"""Vectors: their Euclidean length, and cross products."""

from __future__ import annotations

from typing import Any

from .decompositions_tools import batched_stacks, check_floating, diagnose_stacks, is_complex
from .reduction import unreduce
from .row import bilinear, general
from .tools import axes_of


def _squares(xp: Any, x: Any) -> Any:
    return xp.real(xp.conj(x) * x) if is_complex(xp, x) else x * x


def _norm_body(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    total = xp.sum(_squares(xp, x), axis=axis, keepdims=keepdims)
    zero = total == 0
    # No root of zero, whose derivative is infinite.
    return xp.where(zero, xp.zeros_like(total), xp.sqrt(xp.where(zero, xp.ones_like(total), total)))


def _norm_vjp(xp: Any, g: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    zero = out == 0
    share = xp.where(zero, xp.zeros_like(out), g / xp.where(zero, xp.ones_like(out), out))
    return x * xp.astype(unreduce(xp, share, tuple(x.shape), axis, keepdims), x.dtype)


def _norm_jvp(xp: Any, t: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    moved = xp.conj(x) * t
    total = xp.sum(xp.real(moved) if is_complex(xp, x) else moved, axis=axis, keepdims=keepdims)
    zero = out == 0
    return xp.where(zero, xp.zeros_like(total), total / xp.where(zero, xp.ones_like(out), out))


def _prepare_norm(device: Any, x: Any, axis: Any, keepdims: Any) -> tuple[Any, bool]:
    check_floating("euclidean_norm", device.dtype_of[x.dtype])
    return (None if axis is None else axes_of(axis, len(x.shape), "vector_norm")), bool(keepdims)


euclidean_norm = general(
    "euclidean_norm", "x, /, *, axis=None, keepdims=False",
    "Return the root of the sum of squared magnitudes over axes; no axis means all. At zero its gradient is zero.",
    category="floating-point", body=_norm_body, vjp=_norm_vjp, jvp=_norm_jvp, batch="axis",
    prepare=_prepare_norm,
)  # fmt: skip


def _cross_body(xp: Any, x1: Any, x2: Any) -> Any:
    a, b = ([x[..., i] for i in range(3)] for x in (x1, x2))
    parts = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    return xp.stack(parts, axis=-1)


def _batch_cross(xp: Any, size: int, x1: Any, x2: Any, *, batched: Any, ranks: Any) -> Any:
    return xp.cross_product(*batched_stacks(xp, (x1, x2), batched, ranks, (1, 1)))


cross_product = bilinear(
    "cross_product", "x1, x2, /", "Return the cross products of vectors in the last axis, of size 3; the others broadcast.",
    category="numeric", body=_cross_body, batch=_batch_cross,
    diagnose=diagnose_stacks("cross", (1, 1)),
    transpose=(
        lambda xp, g, x2: xp.cross_product(xp.conj(x2), g),
        lambda xp, g, x1: xp.cross_product(g, xp.conj(x1)),
    ),
)  # fmt: skip
