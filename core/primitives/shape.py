"""Rows that move elements: reshape, permute, concat, repeat and their kin, each linear with another row as transpose."""

from __future__ import annotations

import itertools
import operator
from typing import Any, SupportsIndex

from ..errors import ArgumentTypeError, AxisError, ShapeError
from .row import linear
from .tools import axes_of, axis_index, resolve_shape, shape_tuple, size_of


def _prepare_reshape(device: Any, x: Any, shape: Any, copy: Any) -> tuple[Any, ...]:
    return (shape if type(shape) is tuple else shape_tuple(shape, "reshape")), copy


def _diagnose_reshape(device: Any, x: Any, shape: Any, copy: Any) -> None:
    given = tuple(x.shape)
    resolve_shape(shape_tuple(shape, "reshape"), size_of(given), "reshape", given)


def _prepare_broadcast(device: Any, x: Any, shape: Any) -> tuple[Any]:
    shape = shape_tuple(shape, "broadcast_to")
    if any(n < 0 for n in shape):
        raise ShapeError(
            f"broadcast_to: a tensor of shape {tuple(x.shape)} does not broadcast to {shape}; sizes must be equal or 1, "
            "counted from the right"
        )
    return (shape,)


def _prepare_axes(device: Any, x: Any, axes: Any) -> tuple[Any]:
    n = len(x.shape)
    if type(axes) is tuple and len(axes) == n and axes in _ORDERS:
        return (axes,)
    if not isinstance(axes, (tuple, list)):
        raise ArgumentTypeError(f"permute_dims: axes is a tuple of ints, not {axes!r}")
    found = axes_of(axes, n, "permute_dims")
    if len(found) != n:
        raise AxisError(f"permute_dims: {len(found)} axes are given for a tensor of {n}")
    return (found,)


# The orders of up to four axes need no look at each.
_ORDERS = frozenset(order for n in range(5) for order in itertools.permutations(range(n)))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _prepare_moveaxis(device: Any, x: Any, source: Any, destination: Any) -> tuple[Any, Any]:
    n = len(x.shape)
    s, d = axes_of(source, n, "moveaxis"), axes_of(destination, n, "moveaxis")
    if len(s) != len(d):
        raise AxisError(f"moveaxis: {len(s)} source axes, but {len(d)} destinations")
    return s, d


def _prepare_expand(device: Any, x: Any, axis: Any) -> tuple[Any]:
    if type(axis) is int:
        return ((axis_index(axis, len(x.shape) + 1, "expand_dims"),),)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    found = tuple(axis_index(a, len(x.shape) + len(axes), "expand_dims") for a in axes)
    if len(set(found)) != len(found):
        raise AxisError(f"expand_dims: an axis stands twice in {axes}")
    return (found,)


def _expand_body(xp: Any, x: Any, *, axis: Any) -> Any:
    shape = list(x.shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    width = len(shape) + len(axes)
    for a in sorted(a % width for a in axes):
        shape.insert(a, 1)
    return xp.reshape(x, tuple(shape))


def _prepare_squeeze(device: Any, x: Any, axis: Any) -> tuple[Any]:
    found = axes_of(axis, len(x.shape), "squeeze")
    for a in found:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of shape {tuple(x.shape)} has size {x.shape[a]}, not 1")
    return (found,)


def _prepare_flip(device: Any, x: Any, axis: Any) -> tuple[Any]:
    return (axes_of(axis, len(x.shape), "flip"),)


def _prepare_roll(device: Any, x: Any, shift: Any, axis: Any) -> tuple[Any, Any]:
    if axis is None:
        if isinstance(shift, (tuple, list)):
            raise ArgumentTypeError("roll: several shifts need as many axes")
        return shift, None
    axes = axes_of(axis if isinstance(axis, (tuple, list)) else (axis,), len(x.shape), "roll")
    shifts = tuple(shift) if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: {len(shifts)} shifts, but {len(axes)} axes")
    return shifts, axes


def _unroll(xp: Any, g: Any, shift: Any, axis: Any) -> Any:
    back = tuple(-s for s in shift) if isinstance(shift, tuple) else -shift
    return xp.roll(g, back, axis=axis)


def _slices(xp: Any, g: Any, shapes: Any, axis: Any, wants: Any) -> tuple[Any, ...]:
    """The pieces of a concatenation's cotangent."""
    if axis is None:
        sizes = [size_of(s) for s in shapes]
        axis = 0
    else:
        sizes = [s[axis] for s in shapes]
    at = axis % len(g.shape)
    head = (slice(None),) * at
    pieces, start = [], 0
    for size, shape, wanted in zip(sizes, shapes, wants, strict=True):
        piece = g[(*head, slice(start, start + size), ...)] if wanted else None
        pieces.append(piece if piece is None or tuple(piece.shape) == tuple(shape) else xp.reshape(piece, shape))
        start += size
    return tuple(pieces)


def _prepare_concat(device: Any, arrays: Any, axis: Any) -> tuple[Any]:
    if axis is None:
        return (None,)
    given = arrays[0].shape
    n = len(given)
    at = axis_index(axis, n, "concat")
    for a in arrays:
        if a.shape != given:
            break
    else:
        return (at,)
    first = tuple(given)
    for i, a in enumerate(arrays):
        other = tuple(a.shape)
        if other == first:
            continue
        if len(other) != n or other[:at] + other[at + 1 :] != first[:at] + first[at + 1 :]:
            raise ShapeError(
                f"concat: shapes must agree but for axis {at}; the first is {first}, number {i} is {other}"
            )
    return (at,)


def _prepare_stack(device: Any, arrays: Any, axis: Any) -> tuple[Any]:
    first = arrays[0].shape
    for i, a in enumerate(arrays):
        if a.shape != first and tuple(a.shape) != tuple(first):
            raise ShapeError(f"stack: all shapes must be equal; the first is {tuple(first)}, number {i} is {tuple(a.shape)}")
    return (axis_index(axis, len(first) + 1, "stack"),)


def _unstack_slices(xp: Any, g: Any, axis: Any, wants: Any) -> tuple[Any, ...]:
    at = axis % len(g.shape)
    return tuple(g[(slice(None),) * at + (i, ...)] if w else None for i, w in enumerate(wants))


def _prepare_unstack(device: Any, x: Any, axis: Any) -> tuple[Any]:
    return (axis_index(axis, len(x.shape), "unstack"),)


def _unstack_body(xp: Any, x: Any, *, axis: Any) -> Any:
    return tuple(x[(slice(None),) * axis + (i, ...)] for i in range(x.shape[axis]))


def _prepare_tile(device: Any, x: Any, repetitions: Any) -> tuple[Any]:
    return (shape_tuple(repetitions, "tile"),)


def _untile(xp: Any, g: Any, x_shape: Any, repetitions: Any) -> Any:
    width = max(len(x_shape), len(repetitions))
    shape = (1,) * (width - len(x_shape)) + tuple(x_shape)
    times = (1,) * (width - len(repetitions)) + tuple(repetitions)
    split = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    return xp.reshape(xp.sum(xp.reshape(g, split), axis=tuple(range(0, 2 * width, 2))), tuple(x_shape))


def _repeat_batch_axis(device: Any, x: Any, repeats: Any, axis: Any) -> tuple[Any, Any]:
    if axis is not None:
        axis = axis_index(axis, len(x.shape), "repeat")
    if not isinstance(repeats, int) and isinstance(repeats, SupportsIndex):
        repeats = operator.index(repeats)
    if not isinstance(repeats, int):
        raise ArgumentTypeError(f"repeat: the static repeats is an int, not {repeats!r}")
    if repeats < 0:
        raise ShapeError(f"repeat: repeats must not be negative, got {repeats}")
    return repeats, axis


def _unrepeat(xp: Any, g: Any, x_shape: Any, repeats: Any, axis: Any) -> Any:
    if axis is None:
        return xp.reshape(xp.sum(xp.reshape(g, (size_of(x_shape), repeats)), axis=1), x_shape)
    shape = (*x_shape[: axis + 1], repeats, *x_shape[axis + 1 :])
    return xp.sum(xp.reshape(g, shape), axis=axis + 1)


def _batch_reshape(xp: Any, size: int, x: Any, *, shape: Any, copy: Any) -> Any:
    return xp.reshape(x, (size, *shape))


def _batch_broadcast(xp: Any, size: int, x: Any, *, shape: Any) -> Any:
    inner = tuple(x.shape)[1:]
    lifted = xp.reshape(x, (size, *(1,) * (len(shape) - len(inner)), *inner))
    return xp.broadcast_to(lifted, (size, *shape))


def _batch_permute(xp: Any, size: int, x: Any, *, axes: Any) -> Any:
    return xp.permute_dims(x, (0, *(a + 1 for a in axes)))


def _batch_move(xp: Any, size: int, x: Any, *, source: Any, destination: Any) -> Any:
    return xp.moveaxis(x, tuple(a + 1 for a in source), tuple(a + 1 for a in destination))


def _batch_roll(xp: Any, size: int, x: Any, *, shift: Any, axis: Any) -> Any:
    if axis is not None:
        return xp.roll(x, shift, axis=tuple(a + 1 for a in axis))
    flat = xp.reshape(x, (size, size_of(tuple(x.shape)[1:])))
    return xp.reshape(xp.roll(flat, (shift,), axis=(1,)), tuple(x.shape))


def _batch_tile(xp: Any, size: int, x: Any, *, repetitions: Any) -> Any:
    inner = tuple(x.shape)[1:]
    width = max(len(inner), len(repetitions))
    lifted = xp.reshape(x, (size, *(1,) * (width - len(inner)), *inner))
    return xp.tile(lifted, (1, *(1,) * (width - len(repetitions)), *repetitions))


def _batch_repeat(xp: Any, size: int, x: Any, *, repeats: Any, axis: Any) -> Any:
    if axis is None:
        return xp.repeat(xp.reshape(x, (size, size_of(tuple(x.shape)[1:]))), repeats, axis=1)
    return xp.repeat(x, repeats, axis=axis + 1)


reshape = linear(
    "reshape", "x, /, shape, *, copy=None", "Return the elements in another shape; one size may be -1.",
    transpose=lambda xp, g, x_shape: xp.reshape(g, x_shape), prepare=_prepare_reshape, diagnose=_diagnose_reshape, batch=_batch_reshape,
)  # fmt: skip
broadcast_to = linear(
    "broadcast_to", "x, /, shape", "Return the tensor broadcast to a shape.",
    transpose=lambda g: g, prepare=_prepare_broadcast, batch=_batch_broadcast,
)  # fmt: skip
permute_dims = linear(
    "permute_dims", "x, /, axes", "Return the tensor with its axes in another order.",
    transpose=lambda xp, g, axes: xp.permute_dims(g, _inverse(axes)), prepare=_prepare_axes, batch=_batch_permute,
)  # fmt: skip
moveaxis = linear(
    "moveaxis", "x, <source>, <destination>, /", "Return the tensor with axes moved to other positions.",
    transpose=lambda xp, g, source, destination: xp.moveaxis(g, destination, source), prepare=_prepare_moveaxis,
    batch=_batch_move,
)  # fmt: skip
matrix_transpose = linear(
    "matrix_transpose", "x, /", "Return the tensor with its last two axes exchanged.",
    transpose=lambda xp, g: xp.matrix_transpose(g), batch="leading", samples="matrices",
)  # fmt: skip
expand_dims = linear(
    "expand_dims", "x, /, axis=0", "Return the tensor with new axes of size one.",
    transpose=lambda xp, g, x_shape: xp.reshape(g, x_shape), prepare=_prepare_expand, batch="axis", body=_expand_body,
    reference="numpy.expand_dims",
)  # fmt: skip
squeeze = linear(
    "squeeze", "x, /, axis", "Return the tensor without the named axes, each of size one.",
    transpose=lambda xp, g, x_shape: xp.reshape(g, x_shape), prepare=_prepare_squeeze, batch="axis",
)  # fmt: skip
flip = linear(
    "flip", "x, /, *, axis=None", "Return the tensor with the order along axes reversed; no axis means all.",
    transpose=lambda xp, g, axis: xp.flip(g, axis=axis), prepare=_prepare_flip, batch="axis",
)  # fmt: skip
roll = linear(
    "roll", "x, /, shift, *, axis=None", "Return the tensor with elements shifted round along axes.",
    transpose=_unroll, prepare=_prepare_roll, batch=_batch_roll,
)  # fmt: skip
concat = linear(
    "concat", "[arrays], /, *, axis=0", "Join tensors along an axis; None flattens them first.",
    transpose=lambda xp, g, arrays_shape, axis, wants: _slices(xp, g, arrays_shape, axis, wants),
    prepare=_prepare_concat, batch="axis",
)  # fmt: skip
stack = linear(
    "stack", "[arrays], /, *, axis=0", "Join tensors along a new axis.",
    transpose=lambda xp, g, axis, wants: _unstack_slices(xp, g, axis, wants), prepare=_prepare_stack, batch="axis",
)  # fmt: skip
unstack = linear(
    "unstack", "x, /, *, axis=0", "Split a tensor into its slices along an axis.", outputs=("*",),
    transpose=lambda xp, g, axis: xp.stack(list(g), axis=axis), prepare=_prepare_unstack, batch="axis",
    body=_unstack_body, standard=True,
)  # fmt: skip
tile = linear(
    "tile", "x, <repetitions>, /", "Return the tensor repeated whole along each axis.",
    transpose=_untile, prepare=_prepare_tile, batch=_batch_tile,
)  # fmt: skip
repeat_each = linear(
    "repeat", "x, <repeats>, /, *, axis=None", "Return the tensor with each element repeated along an axis.",
    transpose=_unrepeat, prepare=_repeat_batch_axis, batch=_batch_repeat,
)  # fmt: skip
