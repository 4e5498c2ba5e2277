"""Cotangents of what all samples of a `vmap` share, summed over the batch where they are made.

An operand that hides no batch axis is lifted to the level, and the transpose of that sums its cotangent over the hidden
axis. A product's cotangent would first hold one weight per sample. Where the row's own rule sums over leading axes, as
those of products and look-ups do, the rule runs once on the arrays inside, and its sum passes the lift as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..implementation import Implementation, implementation, namespace
from ..namespace import tensor_namespace
from ..primitives.indexing import ARRAY
from ..primitives.tools import size_of
from ..tensor import Tensor
from .batching import Batched, BatchLevel
from .levels import Crossing, Lowered, LoweredTensor, lift, operators_defer


class _Fold:
    """How a row's arrays with a batch axis become those of one larger call, and its cotangents come back."""

    def __init__(self, operand: int) -> None:
        # The operand that may be batched; the others are shared.
        self.operand = operand

    def fits(self, ranks: list[int], statics: tuple[Any, ...]) -> bool:
        return True

    def fold(self, xp: Any, value: Any) -> Any:
        return value

    def fold_cotangent(self, xp: Any, g: Any, ranks: list[int]) -> Any:
        return g

    def unfold(self, xp: Any, c: Any, shape: tuple[int, ...]) -> Any:
        return c


class _Leading(_Fold):
    """Leading axes are summed by the rule."""

    def __init__(self, operand: int, condition: Callable[[list[int], tuple[Any, ...]], bool] | None = None) -> None:
        super().__init__(operand)
        self.condition = condition

    def fits(self, ranks: list[int], statics: tuple[Any, ...]) -> bool:
        return self.condition is None or self.condition(ranks, statics)


class _Rows(_Fold):
    """The hidden axis goes into the operation's own batch axis."""

    def fold(self, xp: Any, value: Any) -> Any:
        shape = tuple(value.shape)
        return xp.reshape(value, (shape[0] * shape[1], *shape[2:]))

    def fold_cotangent(self, xp: Any, g: Any, ranks: list[int]) -> Any:
        return self.fold(xp, g)

    def unfold(self, xp: Any, c: Any, shape: tuple[int, ...]) -> Any:
        return xp.reshape(c, shape)


class _Columns(_Fold):
    """A matrix times a batch of vectors or matrices: their columns side by side."""

    def fits(self, ranks: list[int], statics: tuple[Any, ...]) -> bool:
        return ranks[0] <= 2 and ranks[1] <= 2

    def fold(self, xp: Any, value: Any) -> Any:
        moved = xp.moveaxis(value, (0,), (1,))
        return xp.reshape(moved, (moved.shape[0], size_of(tuple(moved.shape)[1:])))

    def fold_cotangent(self, xp: Any, g: Any, ranks: list[int]) -> Any:
        return self.fold(xp, g) if ranks[0] == 2 else xp.reshape(g, (size_of(tuple(g.shape)),))

    def unfold(self, xp: Any, c: Any, shape: tuple[int, ...]) -> Any:
        return xp.moveaxis(xp.reshape(c, (shape[1], shape[0], *shape[2:])), (0,), (1,))


def _one_index(ranks: list[int], statics: tuple[Any, ...]) -> bool:
    return statics[0] == (ARRAY,)


# By row, each operand that may hide the axis while the others are shared.
FOLDS: dict[str, tuple[_Fold, ...]] = {
    "linear": (_Leading(0),),
    "matmul": (_Leading(0, lambda ranks, statics: ranks[1] <= 2), _Columns(1)),
    "conv": (_Rows(0),),
    "embedding": (_Leading(1),),
    "getitem": (_Leading(1, _one_index),),
}


def summing(impl: Implementation, generic: Callable[..., Any], graph: bool) -> Callable[..., Any]:
    """Return the backward of a row of `FOLDS` inside a `vmap`.

    Parameters
    ----------
    impl : Implementation
        The row on a device whose newest level is a `vmap`.
    generic : callable
        Its backward without this, which serves all other cases.
    graph : bool
        Whether cotangents are tensors, to be recorded.
    """
    row, device = impl.row, impl.device
    level: BatchLevel = device.levels[-1]
    folds = {fold.operand: fold for fold in FOLDS[row.name]}
    if not graph and device.parent.levels and not operators_defer(device):
        return generic

    def backward(xp: Any, g: Any, node: Any, saved: Any) -> Any:
        given, parents = g.array if graph else g, node.parents
        lifted = [i for i, p in enumerate(parents) if p is not None and lifts(p, level)]
        if not lifted or type(given) is not Batched or given.level is not level:
            return generic(xp, g, node, saved)
        operands = {which: v for (kind, which), v in zip(impl.saves, saved, strict=True) if kind == "operand"}
        arrays = {i: _array(v) if graph else v for i, v in operands.items() if v is not None}
        hiding = [i for i, v in arrays.items() if level.wraps(v)]
        fold = folds.get(hiding[0]) if len(hiding) == 1 else None
        known = lifted if fold is None else [*lifted, fold.operand]
        if fold is None or any(p is not None and i not in known for i, p in enumerate(parents)):
            return generic(xp, g, node, saved)
        ranks = [len(arrays[i].shape) if i in arrays and not isinstance(arrays[i], (list, tuple))
                 else -1 if i >= len(parents) or parents[i] is None else len(parents[i].shape)
                 for i in range(len(row.operands))]  # fmt: skip
        if fold.operand in lifted or not fold.fits(ranks, node.statics):
            return generic(xp, g, node, saved)
        found = (_on_tensors if graph else _on_arrays)(impl, level, fold, g, node, saved, ranks)
        for i, c in enumerate(found):
            if c is not None:
                shape = (arrays if i == fold.operand else parents)[i].shape
                if tuple(c.shape) != tuple(shape) or _dtype(c) != parents[i].dtype:
                    return generic(xp, g, node, saved)
        return found

    return backward


def lifts(node: Any, level: BatchLevel) -> bool:
    """Say whether a node lifts what no sample has for itself to a level."""
    impl = getattr(node, "impl", None)
    return type(impl) is Crossing and impl.row.name == "lift" and level in impl.levels


def _array(value: Any) -> Any:
    return [v.array for v in value] if isinstance(value, (list, tuple)) else value.array


def _dtype(c: Any) -> Any:
    return c.array.dtype if isinstance(c, Tensor) else c.dtype


def _on_arrays(
    impl: Implementation, level: BatchLevel, fold: _Fold, g: Any, node: Any, saved: Any, ranks: list[int]
) -> tuple[Any, ...]:
    device, inner = impl.device, impl.device.parent
    xp = namespace(inner)

    def fitted(value: Any, which: int) -> Any:
        if isinstance(value, (list, tuple)):
            return [fitted(v, which) for v in value]
        return fold.fold(xp, value.value) if isinstance(value, Batched) and value.level is level else value

    kept = _folded(impl, fold, saved, fitted)
    there = implementation(impl.row, inner)
    # A kernel's rule may want what it had kept; that of a transformation is the row's own.
    rule = there.backward if inner.levels else there.backward_graph
    found = rule(xp, fold.fold_cotangent(xp, g.value, ranks), node, kept)  # type: ignore[misc]
    whole = _whole(impl, level, fold, saved)
    results: list[Any] = []
    for i, (c, p) in enumerate(zip(found, node.parents, strict=True)):
        if c is None or p is None:
            results.append(None)
        elif i == fold.operand:
            results.append(Batched(fold.unfold(xp, c, whole), level, device))
        else:
            results.append(Lowered(c, level, device))
    return tuple(results)


def _on_tensors(
    impl: Implementation, level: BatchLevel, fold: _Fold, g: Tensor, node: Any, saved: Any, ranks: list[int]
) -> tuple[Any, ...]:
    inner = impl.device.parent
    xp = tensor_namespace(inner)

    def fitted(value: Any, which: int) -> Any:
        if isinstance(value, (list, tuple)):
            return [fitted(v, which) for v in value]
        if level.wraps(value.array):
            return fold.fold(xp, level.show(value, 0))
        if value.node is None:
            return Tensor(value.array, inner)
        # A lifted operand: what stands behind the lift, at the levels inside.
        (parent,) = value.node.parents
        return lift(Tensor(value.array, parent.device, parent), inner)

    kept = _folded(impl, fold, saved, fitted)
    rule = implementation(impl.row, inner).backward_graph
    found = rule(xp, fold.fold_cotangent(xp, level.show(g, 0), ranks), node, kept)  # type: ignore[misc]
    whole = _whole(impl, level, fold, saved)
    results: list[Any] = []
    for i, (c, p) in enumerate(zip(found, node.parents, strict=True)):
        if c is None or p is None:
            results.append(None)
        elif i == fold.operand:
            results.append(level.hide(fold.unfold(xp, c, whole), 0))
        else:
            results.append(LoweredTensor(c, level))
    return tuple(results)


def _whole(impl: Implementation, level: BatchLevel, fold: _Fold, saved: Any) -> tuple[int, ...]:
    """Return the shape of the operand that hides the axis, with the axis."""
    (value,) = [v for entry, v in zip(impl.saves, saved, strict=True) if entry == ("operand", fold.operand)]
    return () if isinstance(value, (list, tuple)) else (level.size, *tuple(value.shape))


def _folded(impl: Implementation, fold: _Fold, saved: Any, fitted: Callable[[Any, int], Any]) -> tuple[Any, ...]:
    """Return what the rule is given: the saved operands, and shapes as they are now."""
    operands = {
        which: fitted(v, which)
        for (kind, which), v in zip(impl.saves, saved, strict=True)
        if kind == "operand" and v is not None
    }
    return tuple([
        operands.get(which) if kind == "operand"
        else tuple(operands[which].shape) if kind == "shape" and which == fold.operand
        else v
        for (kind, which), v in zip(impl.saves, saved, strict=True)
    ])  # fmt: skip
