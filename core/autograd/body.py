"""The derivative of a generic body: run it again on tensors, and differentiate what it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..primitives.row import Row
from .mode import enable_grad


def differentiate_body(row: Row) -> Callable[..., Any]:
    """Return a backward for a row that has a body and no rule of its own."""

    def backward(xp: Any, g: Any, node: Any, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        from ..namespace import tensor_namespace
        from ..tensor import Tensor
        from .engine import gradients
        from .node import Leaf

        device = node.impl.device
        tensor_space = tensor_namespace(device)
        # Every operand is saved, in order, before anything that a kernel's rule asks for.
        operands = _flatten(saved[: len(row.operands)], row)
        raw = not isinstance(g[0] if isinstance(g, tuple) else g, Tensor)
        inputs: list[Any] = []
        for operand, parent in zip(operands, node.parents, strict=True):
            if operand is None:
                inputs.append(None)
            elif raw:
                leaf = Leaf(operand.shape, operand.dtype, device) if parent is not None else None
                inputs.append(Tensor(operand, device, leaf))
            else:
                # An alias is where this derivative ends; what lies behind it is the outer pass's business.
                inputs.append(tensor_space.alias(operand) if parent is not None else operand)
        with enable_grad():
            given = (*inputs[: len(row.operands) - 1], inputs[len(row.operands) - 1 :]) if row.has_list else inputs
            outputs = row.body(tensor_space, *given, **_statics(row, node))  # type: ignore[misc]
        wanted = [t.node for t, p in zip(inputs, node.parents, strict=True) if p is not None]
        roots, seeds = _roots(outputs, g)
        found = iter(gradients(roots, seeds, wanted, create_graph=not raw, retain_graph=not raw))
        return tuple(next(found) if p is not None else None for p in node.parents)

    return backward


def _statics(row: Row, node: Any) -> dict[str, Any]:
    return {s.name: v for s, v in zip(row.statics, node.statics, strict=True)}


def _flatten(operands: tuple[Any, ...], row: Row) -> list[Any]:
    return [*operands[:-1], *operands[-1]] if row.has_list else list(operands)


def _roots(outputs: Any, g: Any) -> tuple[list[Any], list[Any]]:
    if not isinstance(outputs, (tuple, list)):
        return [outputs], [g]
    pairs = [(o, c) for o, c in zip(outputs, g, strict=True) if c is not None and o.node is not None]
    return [o for o, _ in pairs], [c for _, c in pairs]
