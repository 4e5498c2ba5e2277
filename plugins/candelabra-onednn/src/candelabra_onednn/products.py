"""Matrix products, batched and with a bias."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.core.backend import Kernel

from .library import Library, load
from .primitive import BIAS, CACHE, SOURCE, TARGET, WEIGHTS, Array, Operand, Primitive, in_training, strides_of

# Multiplications from which on a call of oneDNN costs less than NumPy's.
_SMALL = 1 << 16
_MOST_AXES = 6


def _served(array: Array) -> Array | None:
    """Return an array whose rows or columns lie one after the other, None where the product is NumPy's."""
    if array.dtype != np.float32 or not array.size:
        return None
    steps = [s for s, n in zip(array.strides, array.shape, strict=True) if n > 1]
    if steps and (min(steps) < 4 or any(s % 4 for s in steps)):
        return np.ascontiguousarray(array)
    rows, columns = array.shape[-2:]
    if (columns > 1 and array.strides[-1] != 4) and (rows > 1 and array.strides[-2] != 4):
        return np.ascontiguousarray(array)
    return array


def _operand(kind: tuple[int, int, int], array: Array, rank: int, written: bool = False) -> Operand:
    shape = (1,) * (rank - array.ndim) + array.shape
    steps = (4,) * (rank - array.ndim) + array.strides
    # An axis of one element has whatever step; oneDNN wants one that looks like an array's.
    plain = strides_of(shape)
    strides = tuple(p if n == 1 else s // 4 for n, s, p in zip(shape, steps, plain, strict=True))
    return Operand(kind, shape, strides, written)


def product(a: Array, b: Array, bias: Array | None = None) -> Any:
    """Return ``a @ b + bias`` for matrices behind axes that broadcast; `NotImplemented` where oneDNN does not serve."""
    library = load()
    if library is None or a.ndim < 2 or b.ndim < 2 or max(a.ndim, b.ndim) > _MOST_AXES or a.shape[-1] != b.shape[-2]:
        return NotImplemented
    lead = a.shape[:-2] if a.ndim >= b.ndim else b.shape[:-2]
    if a.shape[:-2] != b.shape[:-2] and a.ndim > 2 < b.ndim:
        try:
            lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        except ValueError:
            return NotImplemented
    m, k, n = *a.shape[-2:], b.shape[-1]
    if m * k * n * int(np.prod(lead)) < _SMALL:
        return NotImplemented
    left, right = _served(a), _served(b)
    if left is None or right is None or (bias is not None and bias.dtype != np.float32):
        return NotImplemented
    out = np.empty((*lead, m, n), np.float32)
    rank = out.ndim
    operands = [_operand(SOURCE, left, rank), _operand(WEIGHTS, right, rank)]
    arrays = [left, right]
    if bias is not None:
        row = np.ascontiguousarray(bias).reshape((1,) * (rank - 1) + (n,))
        operands.append(_operand(BIAS, row, rank))
        arrays.append(row)
    operands.append(_operand(TARGET, out, rank, True))

    def make() -> Primitive:
        return _make(library, operands)

    primitive = CACHE.get(library, ("matmul", *operands), make)
    if primitive is None:
        return NotImplemented
    primitive(*arrays, out)
    return out


def _make(library: Library, operands: list[Operand]) -> Primitive:
    described = [library.descriptor(o.shape, o.strides) for o in operands]
    source, weights, *bias, target = described
    found = library.matmul_primitive_desc_create(
        library.engine, source, weights, bias[0] if bias else None, target, None
    )
    return Primitive(library, found, operands, [(library.memory_desc_destroy, d) for d in described])


def matmul(x1: Array, x2: Array, /) -> Any:
    """The matrix product; leading axes broadcast."""
    return product(x1, x2)


def linear(x: Array, weight: Array, bias: Array | None = None, /) -> Any:
    """``x @ weight.T + bias`` for x (..., in), weight (out, in) and bias (out,)."""
    if weight.ndim != 2 or x.ndim < 2:
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
        gb = np.ones(rows.shape[0], rows.dtype) @ rows
    return gx, gw, gb


KERNELS: dict[str, Any] = {"matmul": Kernel(matmul), "linear": Kernel(linear, in_training(linear), linear_vjp)}
