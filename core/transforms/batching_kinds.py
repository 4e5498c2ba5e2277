"""How a row runs on arrays that hide a batch axis: one closure for each way to batch, made once per row and level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..device import Device
from ..errors import TransformError
from ..implementation import namespace
from ..primitives.row import Row
from ..primitives.tools import axis_index, size_of
from ..ways import DATA_DEPENDENT
from .batching import Batched, BatchLevel, batched, value_of_level
from .levels import check_alive, run_body


def batched_kernel(row: Row, level: BatchLevel, device: Device, forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return the forward of a row on a device whose newest level is a `vmap`.

    Parameters
    ----------
    row : Row
        The row.
    level : BatchLevel
        The level.
    device : Device
        The device with the level.
    forward : callable
        The row's forward on the device inside.
    """
    rule = row.batch
    if rule == "elementwise" and not row.statics and len(row.outputs) == 1 and not row.has_list:
        if len(row.operands) == 1:
            return _unary(level, device, forward)
        if len(row.operands) == 2:
            return _binary(level, device, forward, namespace(device.parent))
    xp = namespace(device.parent)
    if rule == "elementwise":
        found = _elementwise(level, xp, forward)
    elif rule == "axis":
        found = _along_axis(row, level, xp, forward)
    elif rule == "leading":
        take_off = value_of_level(level)
        found = lambda operands, statics: forward(*map(take_off, operands), **statics)
    elif callable(rule):
        found = _by_rule(rule, row, level, xp)
    else:
        return _by_name(row, level, device, xp, forward)
    return _wrapped(row, level, device, forward, found)


def _wrapped(row: Row, level: BatchLevel, device: Device, forward: Any, found: Callable[..., Any]) -> Any:
    """Return a kernel that runs `forward` where nothing is batched, and else wraps what `found` gives."""
    wraps = level.wraps
    many = len(row.outputs) > 1 or row.outputs == ("*",)

    def run(*operands: Any, **statics: Any) -> Any:
        for o in operands:
            if wraps(o):
                break
        else:
            return forward(*operands, **statics)
        result = found(operands, statics)
        return tuple([Batched(r, level, device) for r in result]) if many else Batched(result, level, device)

    return run


def _unary(level: BatchLevel, device: Device, forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any) -> Any:
        if type(x) is not Batched or x.level is not level:
            return forward(x)
        if x.epoch != level.epoch or not level.alive:
            check_alive(x)
        return Batched(forward(x.value), level, device)

    return run


def _binary(level: BatchLevel, device: Device, forward: Callable[..., Any], xp: Any) -> Callable[..., Any]:
    def run(x1: Any, x2: Any) -> Any:
        first = type(x1) is Batched and x1.level is level
        second = type(x2) is Batched and x2.level is level
        if first:
            if x1.epoch != level.epoch or not level.alive:
                check_alive(x1)
            a = x1.value
            if second:
                if x2.epoch != level.epoch:
                    check_alive(x2)
                b = x2.value
                missing = len(a.shape) - len(b.shape)
                if missing > 0:
                    b = _padded(xp, b, missing)
                elif missing:
                    a = _padded(xp, a, -missing)
            else:
                b = x2
                shape = getattr(x2, "shape", ())
                if len(shape) >= len(a.shape):
                    a = _padded(xp, a, len(shape) - len(a.shape) + 1)
        elif second:
            if x2.epoch != level.epoch or not level.alive:
                check_alive(x2)
            a, b = x1, x2.value
            shape = getattr(x1, "shape", ())
            if len(shape) >= len(b.shape):
                b = _padded(xp, b, len(shape) - len(b.shape) + 1)
        else:
            return forward(x1, x2)
        return Batched(forward(a, b), level, device)

    return run


def _padded(xp: Any, value: Any, missing: int) -> Any:
    """Return a value with ones behind the hidden axis."""
    shape = tuple(value.shape)
    return xp.reshape(value, (shape[0], *(1,) * missing, *shape[1:]))


def _elementwise(level: BatchLevel, xp: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(operands: Any, statics: Any) -> Any:
        rank = max([len(o.shape) for o in operands if hasattr(o, "shape")])
        values = []
        for o in operands:
            if type(o) is Batched and o.level is level:
                missing = rank - len(o.shape)
                values.append(_padded(xp, o.value, missing) if missing else o.value)
            else:
                values.append(o)
        return forward(*values, **statics)

    return run


def _along_axis(row: Row, level: BatchLevel, xp: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
    name = row.name
    if row.has_list:

        def listed(operands: Any, statics: Any) -> Any:
            arrays = list(operands[0])
            if statics.get("axis", 0) is None:
                flat = [xp.reshape(batched(xp, level, a), (level.size, size_of(tuple(a.shape)))) for a in arrays]
                return forward(flat, **{**statics, "axis": 1})
            rank = len(arrays[0].shape) + (name == "stack")
            axis = axis_index(statics["axis"], rank, name) + 1
            return forward([batched(xp, level, a) for a in arrays], **{**statics, "axis": axis})

        return listed

    flattens = name in ("argmax", "argmin")
    of_one_axis = name in ("cumulative_sum", "cumulative_prod")
    bare = name in ("squeeze", "expand_dims")
    widens = name == "expand_dims"

    def run(operands: Any, statics: Any) -> Any:
        values = [o if o is None or not hasattr(o, "shape") else batched(xp, level, o) for o in operands]
        rank = len(operands[0].shape)
        axis = statics["axis"]
        shifted: Any
        if axis is None:
            if flattens:
                shape = tuple(values[0].shape)
                flat = xp.reshape(values[0], (shape[0], size_of(shape[1:])))
                found = forward(flat, **{**statics, "axis": 1, "keepdims": False})
                return xp.reshape(found, (shape[0], *(1,) * rank)) if statics.get("keepdims") else found
            shifted = 1 if of_one_axis else tuple(range(1, rank + 1))
        elif isinstance(axis, (tuple, list)):
            full = rank + (len(axis) if widens else 0)
            shifted = tuple([axis_index(a, full, name) + 1 for a in axis])
        else:
            full = rank + 1 if widens else rank
            # Along the one axis of a scalar: softmax and its kin take a 0-d operand.
            shifted = axis_index(axis, full or 1, name) + 1
            if not full:
                value = forward(xp.reshape(values[0], (level.size, 1)), **{**statics, "axis": 1})
                return xp.reshape(value, (level.size,))
        if bare:
            return forward(*values, axis=shifted)
        if shifted == ():
            # Over no axes at all: over one more axis of size one.
            shape = tuple(values[0].shape)
            kept = {"keepdims": False} if "keepdims" in statics else {}
            value = forward(xp.reshape(values[0], (*shape, 1)), **{**statics, "axis": (len(shape),), **kept})
            return xp.reshape(value, shape)
        statics["axis"] = shifted
        return forward(*values, **statics)

    return run


def _by_rule(rule: Callable[..., Any], row: Row, level: BatchLevel, xp: Any) -> Callable[..., Any]:
    before = [s.name for s in row.statics if s.where == "before"]
    asks_batched = "batched" in rule.__code__.co_varnames
    asks_ranks = "ranks" in rule.__code__.co_varnames
    count = len(row.operands)

    def run(operands: Any, statics: Any) -> Any:
        arrays = operands[:count]
        if before:
            statics = {**dict(zip(before, operands[count:], strict=True)), **statics}
        if asks_batched:
            statics["batched"] = tuple(map(level.wraps, arrays))
        if asks_ranks:
            statics["ranks"] = tuple([len(a.shape) for a in arrays])
        values = [o.value if type(o) is Batched and o.level is level else o for o in arrays]
        return rule(xp, level.size, *values, **statics)

    return run


def _by_name(row: Row, level: BatchLevel, device: Device, xp: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
    """By a rule of `batching_rules`, into the operation's own batch axis, by the body, or by a loop."""
    from . import batching_rules

    own = batching_rules.RULES.get(row.name)
    merges = row.batch == "merge"
    by_body = row.body is not None and row.name not in batching_rules.NO_BODY
    wraps = level.wraps
    many = len(row.outputs) > 1 or row.outputs == ("*",)

    def finished(result: Any) -> Any:
        return tuple([Batched(r, level, device) for r in result]) if many else Batched(result, level, device)

    def run(*operands: Any, **statics: Any) -> Any:
        if not any(map(wraps, operands)):
            return forward(*operands, **statics)
        if merges and not any(map(wraps, operands[1:])):
            return finished(_merged(row, xp, forward, operands, statics))
        if own is not None:
            found = own(level, xp, forward, operands, statics)
            if found is not NotImplemented:
                return finished(found)
        if by_body:
            # What a body makes of wrapped arrays is wrapped already.
            return run_body(row, device, operands, statics)
        return finished(loop(row, level, xp, forward, operands, statics))

    return run


def _merged(row: Row, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Take the hidden axis into the operation's own batch axis."""
    value = operands[0].value
    shape = tuple(value.shape)
    result = forward(xp.reshape(value, (shape[0] * shape[1], *shape[2:])), *operands[1:], **statics)

    def split(r: Any) -> Any:
        return xp.reshape(r, (shape[0], shape[1], *tuple(r.shape)[1:]))

    return tuple(map(split, result)) if len(row.outputs) > 1 else split(result)


def loop(row: Row, level: BatchLevel, xp: Any, forward: Any, operands: Any, statics: Any) -> Any:
    """Run a row once per element of the batch: the last resort, which conformance counts."""
    if row.outputs == ("*",) or row.name in DATA_DEPENDENT:
        raise TransformError(
            f"{row.name} inside vmap: the result's shape would depend on the data, and all samples have one shape; "
            "select with cb.where or multiply by a mask, or call it outside"
        )

    row.fallback["vmap"] = "loop"

    def element(o: Any, i: int) -> Any:
        if isinstance(o, (list, tuple)) and any(map(level.wraps, o)):
            return [element(v, i) for v in o]
        return o.value[i, ...] if isinstance(o, Batched) and o.level is level else o

    if level.size == 0:
        raise TransformError(f"{row.name} inside vmap: a batch of no elements has no result to take the shape from")
    results = [forward(*[element(o, i) for o in operands], **statics) for i in range(level.size)]
    if len(row.outputs) > 1:
        return tuple(xp.stack(list(r), axis=0) for r in zip(*results, strict=True))
    return xp.stack(results, axis=0)
