"""How rows batch whose rule must look at which of the operands hide an axis: indexing, and the layers."""

from __future__ import annotations

from typing import Any

from ..primitives.indexing import ARRAY
from ..primitives.tools import axis_index, size_of

# Rows whose body would come back to themselves.
NO_BODY = frozenset({"take_along_axis"})


def _take(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    x, indices = operands
    axis = axis_index(0 if statics["axis"] is None else statics["axis"], len(x.shape), "take")
    if not level.wraps(indices):
        return forward(x.value, indices, axis=axis + 1)
    rank = len(indices.shape)
    if not level.wraps(x):
        # The standard's take knows indices of one axis only.
        given, shape = tuple(indices.value.shape), tuple(x.shape)
        found = forward(x, xp.reshape(indices.value, (size_of(given),)), axis=axis)
        found = xp.reshape(found, (*shape[:axis], *given, *shape[axis + 1 :]))
        return xp.moveaxis(found, (axis,), (0,)) if axis else found
    # Both: one long axis of all samples' entries, with each sample's indices shifted to its own.
    size, n = level.size, x.shape[axis]
    moved = xp.moveaxis(x.value, (axis + 1,), (1,))
    rest = tuple(moved.shape)[2:]
    flat = xp.reshape(moved, (size * n, *rest))
    found = xp.take(flat, _shifted(level, xp, indices, n), axis=0)
    shaped = xp.reshape(found, (size, *tuple(indices.shape), *rest))
    order = list(range(1 + rank, 1 + rank + axis)), list(range(1, 1 + axis))
    return xp.moveaxis(shaped, tuple(order[0]), tuple(order[1])) if axis else shaped


def _shifted(level: Any, xp: Any, indices: Any, n: int) -> Any:
    value = indices.value
    value = xp.where(value < 0, value + n, value)
    offset = xp.reshape(xp.arange(level.size, dtype=value.dtype) * n, (level.size, *(1,) * len(indices.shape)))
    return xp.reshape(value + offset, (size_of(tuple(value.shape)),))


def _index_add(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    from .batching import batched

    x, index, source = operands
    axis = axis_index(statics["axis"], len(x.shape), "index_add")
    a, b = batched(xp, level, x), batched(xp, level, source)
    if not level.wraps(index):
        return forward(a, index, b, axis=axis + 1)
    size, n = level.size, x.shape[axis]
    a, b = xp.moveaxis(a, (axis + 1,), (1,)), xp.moveaxis(b, (axis + 1,), (1,))
    rest = tuple(a.shape)[2:]
    total = forward(
        xp.reshape(a, (size * n, *rest)), _shifted(level, xp, index, n), xp.reshape(b, (-1, *rest)) if b.shape[1] else
        xp.reshape(b, (0, *rest)), axis=0,
    )  # fmt: skip
    return xp.moveaxis(xp.reshape(total, (size, n, *rest)), (1,), (axis + 1,))


def _layout(key: Any, rank: int) -> tuple[int, bool]:
    """How many result axes stand before the index arrays' own, and whether those come first because they lie apart."""
    used = sum(1 for k in key if k is not None and k is not Ellipsis)
    expanded: list[Any] = []
    for k in key:
        if k is Ellipsis:
            # Even one that stands for no axis keeps what is on its sides apart.
            expanded += [("slice",)] * (rank - used) or [Ellipsis]
        else:
            expanded.append(k)
    advanced = [i for i, k in enumerate(expanded) if k == ARRAY or isinstance(k, int)]
    apart = advanced[-1] - advanced[0] + 1 != len(advanced)
    before = sum(1 for k in expanded[: advanced[0]] if k is None or isinstance(k, tuple))
    return (0 if apart else before), apart


def _getitem(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    from .batching import batched

    x, indices = operands
    key = statics["key"]
    if not level.wraps(indices):
        found = forward(x.value, list(indices), key=(("slice", None, None, None), *key))
        if indices and _layout(key, len(x.shape))[1]:
            rank = max(len(i.shape) for i in indices)
            return xp.moveaxis(found, (rank,), (0,))
        return found
    rank = max(len(i.shape) for i in indices)
    arrays, lines = _index_arrays(level, xp, indices, rank)
    found = forward(batched(xp, level, x), [lines, *arrays], key=(ARRAY, *key))
    before, _ = _layout(key, len(x.shape))
    if not before:
        return found
    # The arrays' axes came first; each sample has them behind `before` others.
    return xp.moveaxis(found, tuple(range(1, 1 + rank)), tuple(range(1 + before, 1 + before + rank)))


def _index_arrays(level: Any, xp: Any, indices: Any, rank: int) -> tuple[list[Any], Any]:
    arrays = []
    for i in indices:
        if level.wraps(i):
            shape = tuple(i.value.shape)
            arrays.append(xp.reshape(i.value, (shape[0], *(1,) * (rank + 1 - len(shape)), *shape[1:])))
        else:
            arrays.append(i)
    from .. import dtypes

    kind = xp.device.best_native_dtype(dtypes.int64)
    return arrays, xp.reshape(xp.arange(level.size, dtype=kind), (level.size, *(1,) * rank))


def _setitem(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    from .batching import batched

    x, value, indices = operands
    key = statics["key"]
    if indices:
        before, apart = _layout(key, len(x.shape))
        if apart or (before and level.wraps(indices)):
            return NotImplemented
    target = batched(xp, level, x)
    if level.wraps(indices):
        rank = max(len(i.shape) for i in indices)
        arrays, lines = _index_arrays(level, xp, indices, rank)
        places, whole = [lines, *arrays], (ARRAY, *key)
    else:
        places, whole = list(indices), (("slice", None, None, None), *key)
    if not level.wraps(value):
        return forward(target, value, places, key=whole)
    selected = len(xp.getitem(target, places, key=whole).shape) - 1
    shape = tuple(value.value.shape)
    aligned = xp.reshape(value.value, (shape[0], *(1,) * (selected - len(shape) + 1), *shape[1:]))
    return forward(target, aligned, places, key=whole)


def _first_only(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """One more leading axis of the first operand, where the others (weights) hide none."""
    if any(map(level.wraps, operands[1:])):
        return NotImplemented
    return forward(operands[0].value, *operands[1:], **statics)


def _likelihood(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Cross entropy and its kin: all samples' losses at once, then each sample's own sum or mean."""
    from .batching import batched

    x, target, weight = operands
    if level.wraps(weight):
        return NotImplemented
    scores, classes = batched(xp, level, x), batched(xp, level, target)
    given = tuple(classes.shape)
    if len(given) > 1:
        rows = given[0] * given[1]
        losses = forward(
            xp.reshape(scores, (rows, *tuple(scores.shape)[2:])), xp.reshape(classes, (rows, *given[2:])), weight,
            **{**statics, "reduction": "none"},
        )  # fmt: skip
        losses = xp.reshape(losses, given)
    else:
        losses = forward(scores, classes, weight, **{**statics, "reduction": "none"})
    if statics["reduction"] == "none":
        return losses
    axes = tuple(range(1, len(given)))
    total = xp.sum(losses, axis=axes) if axes else losses
    if statics["reduction"] == "sum":
        return total
    keep = classes != statics["ignore_index"]
    share = xp.astype(keep, losses.dtype)
    if weight is not None:
        index = xp.where(keep, classes, xp.zeros_like(classes))
        share = share * xp.reshape(xp.take(weight, xp.reshape(index, (size_of(given),)), axis=0), given)
    return total / (xp.sum(share, axis=axes) if axes else share)


def _second_only(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """One more leading axis of the second operand, where the first hides none."""
    if level.wraps(operands[0]):
        return NotImplemented
    return forward(operands[0], operands[1].value, **statics)


def _rows_of_first(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Into the first operand's own batch axis, where the others (weights) hide none."""
    if any(map(level.wraps, operands[1:])):
        return NotImplemented
    value = operands[0].value
    shape = tuple(value.shape)
    found = forward(xp.reshape(value, (shape[0] * shape[1], *shape[2:])), *operands[1:], **statics)
    return xp.reshape(found, shape)


def _attention(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Leading axes broadcast, as those of elementwise operations do."""
    rank = max(len(o.shape) for o in operands if o is not None)
    values = []
    for o in operands:
        if o is not None and level.wraps(o):
            shape = tuple(o.value.shape)
            o = xp.reshape(o.value, (shape[0], *(1,) * (rank + 1 - len(shape)), *shape[1:]))
        values.append(o)
    return forward(*values, **statics)


def _batch_norm(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Each sample's channels are channels of their own."""
    from .batching import batched

    size = level.size
    x = xp.moveaxis(batched(xp, level, operands[0]), (0,), (1,))
    shape = tuple(x.shape)
    channels = size * shape[2]
    weights = [None if w is None else xp.reshape(batched(xp, level, w), (channels,)) for w in operands[1:]]
    out, mean, variance = forward(xp.reshape(x, (shape[0], channels, *shape[3:])), *weights, **statics)
    each = (size, shape[2])
    return xp.moveaxis(xp.reshape(out, shape), (1,), (0,)), xp.reshape(mean, each), xp.reshape(variance, each)


def _recurrent(states: int) -> Any:
    """Return the rule of a recurrent layer: into the batch axis, where the weights hide none."""

    def rule(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
        from .batching import batched

        # Rows of unequal length are sorted by it, over the whole batch.
        if any(map(level.wraps, operands[1 + states :])) or statics["batch_sizes"] is not None:
            return NotImplemented
        x = xp.moveaxis(batched(xp, level, operands[0]), (0,), (1,))
        time, size, n, features = tuple(x.shape)
        first = [batched(xp, level, s) for s in operands[1 : 1 + states]]
        first = [xp.reshape(s, (size * n, s.shape[2])) for s in first]
        out, *last = forward(xp.reshape(x, (time, size * n, features)), *first, *operands[1 + states :], **statics)
        out = xp.moveaxis(xp.reshape(out, (time, size, n, out.shape[2])), (1,), (0,))
        return out, *[xp.reshape(s, (size, n, s.shape[1])) for s in last]

    return rule


def _searchsorted(level: Any, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Sort both together: a value's place less its place among its own is how many of the others stand before it."""
    from .batching import batched

    x1, x2, sorter = operands
    if not level.wraps(x1) and not level.wraps(sorter):
        shape = tuple(x2.value.shape)
        return xp.reshape(forward(x1, xp.reshape(x2.value, (size_of(shape),)), sorter, **statics), shape)
    values = batched(xp, level, x1)
    if sorter is not None:
        values = xp.take_along_axis(values, batched(xp, level, sorter), axis=1)
    wanted = batched(xp, level, x2)
    shape = tuple(wanted.shape)
    wanted = xp.reshape(wanted, (level.size, size_of(shape[1:])))
    left = statics["side"] == "left"
    start = 0 if left else values.shape[1]

    def places(x: Any) -> Any:
        return xp.argsort(xp.argsort(x, axis=1, stable=True), axis=1, stable=True)

    # Of equal ones those stand first that are given first.
    together = places(xp.concat([wanted, values] if left else [values, wanted], axis=1))
    among = together[:, start : start + wanted.shape[1]]
    return xp.reshape(among - places(wanted), shape)


RULES: dict[str, Any] = {
    "take": _take, "index_add": _index_add, "getitem": _getitem, "setitem": _setitem, "linear": _first_only,
    "layer_norm": _first_only, "rms_norm": _first_only, "cross_entropy": _likelihood, "nll_loss": _likelihood,
    "embedding": _second_only, "group_norm": _rows_of_first, "attention": _attention, "batch_norm": _batch_norm,
    "rnn": _recurrent(1), "gru": _recurrent(1), "lstm": _recurrent(2), "searchsorted": _searchsorted,
}  # fmt: skip
