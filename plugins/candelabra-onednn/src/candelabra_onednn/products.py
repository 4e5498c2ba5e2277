"""Matrix products, batched, scaled and with a bias."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .library import Library, load
from .primitive import BIAS, CACHE, NUMBER, SOURCE, TARGET, WEIGHTS, Array, Operand, Primitive, in_training, strides_of

# Multiplications up to which NumPy's BLAS computes on one thread, in less time than a call of oneDNN takes.
_SMALL = 1 << 18
# Numbers up to which that BLAS sums columns on one thread.
_FEW = 9215
_MOST_AXES = 6
_LINEAR = 38


def _is_served(array: Array) -> bool:
    """Say whether an array's rows or columns lie one after the other."""
    steps = [s for s, n in zip(array.strides, array.shape, strict=True) if n > 1]
    if steps and (min(steps) < 4 or any(s % 4 for s in steps)):
        return False
    rows, columns = array.shape[-2:]
    return columns == 1 or array.strides[-1] == 4 or rows == 1 or array.strides[-2] == 4


def _operand(kind: tuple[int, int, int], array: Array, rank: int, written: bool = False) -> Operand:
    shape = (1,) * (rank - array.ndim) + array.shape
    steps = (4,) * (rank - array.ndim) + array.strides
    # An axis of one element has whatever step; oneDNN wants one that looks like an array's.
    plain = strides_of(shape)
    strides = tuple(p if n == 1 else s // 4 for n, s, p in zip(shape, steps, plain, strict=True))
    return Operand(kind, shape, strides, written)


def _leading(a: Array, b: Array) -> tuple[int, ...] | None:
    one, other = a.shape[:-2], b.shape[:-2]
    if one == other or not other:
        return one
    if not one:
        return other
    try:
        return np.broadcast_shapes(one, other)
    except ValueError:
        return None


class _Product(Primitive):
    """A product, which says what operands are to be copied into an order that oneDNN serves."""

    copied: tuple[bool, bool]


def product(a: Array, b: Array, bias: Array | None = None, scale: float = 1.0) -> Any:
    """Return ``scale * a @ b + bias`` for matrices behind axes that broadcast, or `NotImplemented`."""
    if a.dtype != NUMBER or b.dtype != NUMBER or a.ndim < 2 or b.ndim < 2:
        return NotImplemented
    (m, k), (inner, n) = a.shape[-2:], b.shape[-2:]
    lead = _leading(a, b) if a.ndim > 2 or b.ndim > 2 else ()
    if k != inner or lead is None or len(lead) > _MOST_AXES - 2:
        return NotImplemented
    work = m * k * n * (math.prod(lead) if lead else 1)
    library = load()
    if work <= _SMALL or library is None or (bias is not None and bias.dtype != NUMBER):
        return NotImplemented
    out = np.empty((*lead, m, n), np.float32)
    primitive: Any = CACHE.get(
        library, ("matmul", a.shape, a.strides, b.shape, b.strides, bias is not None, scale),
        lambda: _make(library, a, b, bias, out, scale),
    )  # fmt: skip
    if primitive is None:
        return NotImplemented
    if primitive.copied[0]:
        a = np.ascontiguousarray(a)
    if primitive.copied[1]:
        b = np.ascontiguousarray(b)
    if bias is None:
        primitive(a, b, out)
    else:
        primitive(a, b, np.ascontiguousarray(bias), out)
    return out


def _make(library: Library, a: Array, b: Array, bias: Array | None, out: Array, scale: float) -> Primitive:
    copied = (not _is_served(a), not _is_served(b))
    left, right = (np.ascontiguousarray(x) if c else x for x, c in zip((a, b), copied, strict=True))
    rank = out.ndim
    operands = [_operand(SOURCE, left, rank), _operand(WEIGHTS, right, rank)]
    if bias is not None:
        operands.append(_operand(BIAS, np.ascontiguousarray(bias).reshape((1,) * (rank - 1) + (-1,)), rank))
    operands.append(_operand(TARGET, out, rank, True))
    owned: list[tuple[Any, int]] = []
    described = []
    for operand in operands:
        described.append(library.descriptor(operand.shape, operand.strides))
        owned.append((library.memory_desc_destroy, described[-1]))
    attributes = None
    if scale != 1:
        attributes, steps = library.primitive_attr_create(), library.post_ops_create()
        owned += [(library.primitive_attr_destroy, attributes), (library.post_ops_destroy, steps)]
        library.post_ops_append_eltwise(steps, _LINEAR, scale, 0.0)
        library.primitive_attr_set_post_ops(attributes, steps)
    source, weights, *row, target = described
    found = library.matmul_primitive_desc_create(
        library.engine, source, weights, row[0] if row else None, target, attributes
    )
    made = _Product(library, found, operands, owned)
    made.copied = copied
    return made


def column_sums(rows: Array) -> Array:
    """Sum a matrix over its rows, a few of them at a time: more, and NumPy's BLAS would wake its own threads."""
    height, width = rows.shape
    step = _FEW // max(width, 1)
    if height <= step:
        return np.ones(height, rows.dtype) @ rows
    if step < 2:
        return np.add.reduce(rows, axis=0)
    whole = height // step * step
    parts = np.matmul(np.ones((1, step), rows.dtype), rows[:whole].reshape(-1, step, width))
    total: Array = np.add.reduce(parts, axis=(0, 1))
    return total if whole == height else total + np.ones(height - whole, rows.dtype) @ rows[whole:]


def matmul(x1: Array, x2: Array, /) -> Any:
    """The matrix product; leading axes broadcast."""
    return product(x1, x2)


def linear(x: Array, weight: Array, bias: Array | None = None, /) -> Any:
    """``x @ weight.T + bias`` for x (..., in), weight (out, in) and bias (out,)."""
    if weight.ndim != 2 or x.ndim < 2 or (bias is not None and bias.shape != weight.shape[:1]):
        return NotImplemented
    rows = x.reshape(-1, x.shape[-1]) if x.ndim > 2 else x
    out = product(rows, weight.T, bias)
    return out if out is NotImplemented or x.ndim == 2 else out.reshape(*x.shape[:-1], weight.shape[0])


def linear_vjp(xp: Any, g: Array, x: Array, weight: Array, wants: tuple[bool, ...]) -> Any:
    """Cotangents of x, weight and bias."""
    rows = g.reshape(-1, g.shape[-1])
    gx = gw = gb = None
    if wants[0]:
        gx = product(rows, weight)
        gx = (rows @ weight if gx is NotImplemented else gx).reshape(x.shape)
    if wants[1]:
        flat = x.reshape(-1, x.shape[-1])
        gw = product(rows.T, flat)
        gw = rows.T @ flat if gw is NotImplemented else gw
    if len(wants) > 2 and wants[2]:
        gb = column_sums(rows)
    return gx, gw, gb


KERNELS: dict[str, Any] = {"matmul": Kernel(matmul), "linear": Kernel(linear, in_training(linear), linear_vjp)}
