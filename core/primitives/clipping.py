"""Clipping: the norm of many arrays as if they were one vector, and cutting many arrays down by it or by value.

Where a norm is taken on a card nothing waits for it: what cuts by it reads it there.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from .. import dtypes
from ..errors import DTypeError
from .row import Row, discrete

# What keeps a norm of zero from being divided by, as in PyTorch.
SMALL = 1e-6


def norm_dtype(kinds: Any) -> dtypes.DType:
    """Return the dtype of the common norm of arrays of such dtypes."""
    return functools.reduce(dtypes.promote_types, [kind.to_real() for kind in kinds])


def _prepare_norm(device: Any, tensors: Any, norm_type: Any) -> tuple[float]:
    for x in tensors:
        kind = device.dtype_of.get(x.dtype, x.dtype)
        if not kind.is_differentiable:
            raise DTypeError(
                f"total_norm: takes floating-point and complex dtypes, not {kind.name}; convert first, for example "
                "x.to(candelabra.float32)"
            )
    return (float(norm_type),)


def _kind(xp: Any, x: Any) -> dtypes.DType:
    return xp.device.dtype_of.get(x.dtype, x.dtype)


def _wide(xp: Any, x: Any) -> Any:
    """16-bit floats, whose squares overflow long before their root does, in float32."""
    kind = _kind(xp, x)
    return xp.astype(x, xp.device.native_dtype("float32", "total_norm")) if kind.bits == 16 else x


def _power_sum(xp: Any, x: Any, p: float) -> Any:
    """Return what an array adds to the p-th power of the norm; for infinite p its largest or smallest magnitude."""
    if p == 2.0 and not _kind(xp, x).is_complex:
        flat = xp.reshape(x, (-1,))
        return xp.vecdot(flat, flat)
    size = xp.abs(x)
    if p == 0.0:
        return xp.sum(xp.astype(size != 0, size.dtype))
    if math.isinf(p):
        return xp.max(size) if p > 0 else xp.min(size)
    return xp.sum(size if p == 1.0 else size * size if p == 2.0 else size**p)


def _norm_body(xp: Any, tensors: Any, *, norm_type: float) -> Any:
    kind = norm_dtype([_kind(xp, x) for x in tensors])
    # A tensor without elements adds nothing, whatever the order.
    parts = [_power_sum(xp, _wide(xp, x), norm_type) for x in tensors if 0 not in x.shape]
    made = xp.device.native_dtype(kind, "total_norm")
    if not parts:
        return xp.astype(xp.sum(xp.abs(tensors[0])), made)
    common = xp.device.native_dtype(norm_dtype([_kind(xp, x) for x in parts]), "total_norm")
    joined = xp.stack([xp.astype(x, common) for x in parts])
    if math.isinf(norm_type):
        total = xp.max(joined) if norm_type > 0 else xp.min(joined)
    else:
        total = xp.sum(joined)
        total = xp.sqrt(total) if norm_type == 2.0 else total if norm_type in (0.0, 1.0) else total ** (1.0 / norm_type)
    return xp.astype(total, made)


def _clip_norm_body(xp: Any, grads: Any, total: Any, *, max_norm: float) -> Any:
    total = _wide(xp, total)
    scale = max_norm / (total + SMALL)
    scale = xp.where(scale > 1.0, xp.ones_like(scale), scale)
    new = []
    for g in grads:
        wide = _wide(xp, g)
        new.append(xp.astype(wide * xp.astype(scale, wide.dtype), g.dtype))
    return (new,)


def _clip_value_body(xp: Any, grads: Any, *, bound: float) -> Any:
    # What is not a number stays so.
    return ([xp.where(g < -bound, xp.full_like(g, -bound), xp.where(g > bound, xp.full_like(g, bound), g)) for g in grads],)


total_norm = discrete(
    "total_norm", "[tensors], /, *, norm_type", "Return the norm of an order of all elements of several tensors together.",
    category="floating-point", body=_norm_body, prepare=_prepare_norm, promote=(),
)  # fmt: skip
clip_norm_step = Row(
    "update", "clip_norm_step", "[grads], total, /, *, max_norm",
    "Scale gradients by ``min(1, max_norm / (total + 1e-6))``, where `total` is their norm.",
    body=_clip_norm_body, outputs=("grads",), differentiable=(False,), category="floating-point", depth=1,
)  # fmt: skip
clip_value_step = Row(
    "update", "clip_value_step", "[grads], /, *, bound", "Cut gradients off at ``-bound`` and ``bound``.",
    body=_clip_value_body, outputs=("grads",), differentiable=(False,), category="real floating-point", depth=1,
)  # fmt: skip
