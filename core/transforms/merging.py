"""First-order backward of rows whose own batch axis takes the hidden one: by the kernel's rule, on the merged arrays.

Pooling's kernel remembers each window's winner, and its rule needs nothing else; the row's body, which everything
higher differentiates, would look for them again on wrapped arrays.
"""

from __future__ import annotations

import copy
from typing import Any

from ..implementation import Implementation
from .batching import Batched, BatchLevel, batched
from .levels import Wrapped, check_alive


def use_merged_kernel(impl: Implementation, base: Implementation) -> None:
    """Let a row on a device with one `vmap` train and walk back by the kernel of the device below.

    Parameters
    ----------
    impl : Implementation
        The row on the device with the level; changed.
    base : Implementation
        The row on the physical device.
    """
    level: BatchLevel = impl.device.levels[-1]
    device, xp, many = impl.device, base.xp, len(impl.row.outputs) > 1
    generic, rule = copy.copy(impl), base.backward
    train = base.train
    impl.saves, impl.save, impl.holds_arrays = base.saves, base.save, base.holds_arrays

    def rows(value: Any) -> Any:
        shape = tuple(value.shape)
        return xp.reshape(value, (shape[0] * shape[1], *shape[2:]))

    def split(value: Any) -> Batched:
        shape = tuple(value.shape)
        return Batched(xp.reshape(value, (level.size, shape[0] // level.size, *shape[1:])), level, device)

    def alone(operands: Any) -> bool:
        first = operands[0]
        if not isinstance(first, Batched) or first.level is not level or any(map(level.wraps, operands[1:])):
            return False
        check_alive(first)
        return bool(level.size) and bool(first.shape[0])

    def trained(*operands: Any, **statics: Any) -> Any:
        if not alone(operands) or operands[0].dtype in base.narrow:
            return NotImplemented
        found = train(rows(operands[0].value), *operands[1:], **statics)  # type: ignore[misc]
        if found is NotImplemented:
            return NotImplemented
        out, residuals = found
        return (tuple(map(split, out)) if many else split(out)), residuals

    def backward(space: Any, g: Any, node: Any, saved: Any) -> Any:
        cotangents = g if isinstance(g, tuple) else (g,)
        kept = _merged(impl, level, saved, rows)
        if kept is None or any(isinstance(c, Wrapped) and not _own(c, level) for c in cotangents):
            return generic.backward(space, g, node, saved)  # type: ignore[misc]
        merged = tuple([None if c is None else rows(batched(xp, level, c)) for c in cotangents])
        first, *rest = rule(xp, merged if isinstance(g, tuple) else merged[0], node, kept)  # type: ignore[misc]
        return None if first is None else split(first), *rest

    impl.backward = backward
    if train is not None:
        impl.train, impl.generic = trained, generic


def _own(array: Any, level: BatchLevel) -> bool:
    return isinstance(array, Batched) and array.level is level


def _merged(impl: Implementation, level: BatchLevel, saved: Any, rows: Any) -> tuple[Any, ...] | None:
    """Return what was saved, with the hidden axis merged; None where it does not fit."""
    kept = []
    for (kind, which), value in zip(impl.saves, saved, strict=True):
        if kind == "shape" and which == 0:
            value = (level.size * value[0], *value[1:])
        elif kind == "out" or (kind == "operand" and which == 0):
            if not _own(value, level):
                return None
            value = rows(value.value)
        elif kind == "operand" and isinstance(value, Wrapped):
            return None
        kept.append(value)
    return tuple(kept)
