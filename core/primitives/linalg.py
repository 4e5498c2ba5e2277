"""Products of matrices and vectors."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from .decompositions_tools import check_stacks, diagnose_stacks
from .row import bilinear
from .tools import axis_index


def _prepare_matmul(device: Any, x1: Any, x2: Any) -> tuple[()]:
    if not x1.shape or not x2.shape:
        raise ShapeError(f"matmul: operands need at least one axis, got {tuple(x1.shape)} and {tuple(x2.shape)}")
    inner = x2.shape[-2] if len(x2.shape) > 1 else x2.shape[0]
    if x1.shape[-1] != inner:
        raise ShapeError(
            f"matmul: shapes {tuple(x1.shape)} and {tuple(x2.shape)} do not fit: the last axis of the first has "
            f"{x1.shape[-1]} elements, the {'second to last' if len(x2.shape) > 1 else 'only'} axis of the second {inner}"
        )
    return diagnose_stacks("matmul", (min(len(x1.shape), 2), min(len(x2.shape), 2)))(device, x1, x2)


def left(xp: Any, g: Any, x2: Any, x1_shape: Any) -> Any:
    """Return the cotangent of a product's first operand."""
    if len(x2.shape) == 1:
        return xp.expand_dims(g, axis=-1) * xp.conj(x2)
    other = xp.conj(xp.matrix_transpose(x2))
    if len(x1_shape) == 1:
        return xp.reshape(xp.matmul(xp.expand_dims(g, axis=-2), other), (*g.shape[:-1], x1_shape[0]))
    return xp.matmul(g, other)


def right(xp: Any, g: Any, x1: Any, x2_shape: Any) -> Any:
    """Return the cotangent of a product's second operand."""
    if len(x1.shape) == 1:
        if len(x2_shape) == 1:
            return xp.conj(x1) * g
        return xp.expand_dims(xp.conj(x1), axis=-1) * xp.expand_dims(g, axis=-2)
    if len(x2_shape) == 1:
        return xp.sum(xp.conj(x1) * xp.expand_dims(g, axis=-1), axis=tuple(range(len(x1.shape) - 1)))
    if len(x2_shape) == 2 and len(x1.shape) > 2:
        # One matrix for a whole batch: one product instead of a batch of them and a sum.
        flat = xp.reshape(xp.conj(x1), (-1, x1.shape[-1]))
        return xp.matmul(xp.matrix_transpose(flat), xp.reshape(g, (-1, g.shape[-1])))
    return xp.matmul(xp.conj(xp.matrix_transpose(x1)), g)


def _batch_matmul(xp: Any, size: int, x1: Any, x2: Any, *, batched: Any, ranks: Any) -> Any:
    b1, b2 = batched
    r1, r2 = ranks
    if b1 and not b2 and (r1 > 1 or r2 == 1) and r2 <= 2:
        return xp.matmul(x1, x2)
    a = x1 if r1 > 1 else xp.expand_dims(x1, axis=-2)
    b = x2 if r2 > 1 else xp.expand_dims(x2, axis=-1)
    inner = max(r1, r2, 2)
    if b1:
        a = _pad_ranks(xp, a, inner)
    if b2:
        b = _pad_ranks(xp, b, inner)
    out = xp.matmul(a, b)
    if r1 == 1 and r2 == 1:
        return xp.reshape(out, tuple(out.shape)[:-2])
    if r1 == 1:
        return xp.reshape(out, (*tuple(out.shape)[:-2], out.shape[-1]))
    return xp.reshape(out, tuple(out.shape)[:-1]) if r2 == 1 else out


def _pad_ranks(xp: Any, x: Any, inner: int) -> Any:
    shape = tuple(x.shape)
    return xp.reshape(x, (shape[0], *(1,) * (inner + 1 - len(shape)), *shape[1:]))


def _prepare_vecdot(device: Any, x1: Any, x2: Any, axis: Any) -> tuple[Any]:
    if not x1.shape or not x2.shape:
        raise ShapeError(f"vecdot: operands need at least one axis, got {tuple(x1.shape)} and {tuple(x2.shape)}")
    n = min(len(x1.shape), len(x2.shape))
    at = axis_index(axis, n, "vecdot") - n
    if x1.shape[at] != x2.shape[at]:
        raise ShapeError(
            f"vecdot: axis {at} has size {x1.shape[at]} in shape {tuple(x1.shape)}, {x2.shape[at]} in {tuple(x2.shape)}"
        )
    return (at,)


def _diagnose_vecdot(device: Any, x1: Any, x2: Any, axis: Any) -> tuple[()]:
    (at,) = _prepare_vecdot(device, x1, x2, axis)
    rest = [tuple(n for i, n in enumerate(x.shape) if i != len(x.shape) + at) for x in (x1, x2)]
    check_stacks("vecdot", [tuple(x1.shape), tuple(x2.shape)], rest)
    return ()


def _vecdot_body(xp: Any, x1: Any, x2: Any, *, axis: Any) -> Any:
    products = xp.conj(x1) * x2
    return xp.sum(products, axis=axis, dtype=products.dtype)


matmul = bilinear(
    "matmul", "x1, x2, /", "Return the matrix product; leading axes broadcast.", category="numeric",
    transpose=(left, right), diagnose=_prepare_matmul, batch=_batch_matmul,
)  # fmt: skip
vecdot = bilinear(
    "vecdot", "x1, x2, /, *, axis=-1", "Return the sum of ``conj(x1) * x2`` along an axis.", category="numeric",
    body=_vecdot_body, standard=True, prepare=_prepare_vecdot, diagnose=_diagnose_vecdot,
    transpose=(
        lambda xp, g, x2, axis: xp.conj(xp.expand_dims(g, axis=axis)) * x2,
        lambda xp, g, x1, axis: xp.expand_dims(g, axis=axis) * x1,
    ),
)  # fmt: skip
