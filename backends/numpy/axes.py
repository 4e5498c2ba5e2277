"""Moving and joining axes by views and one copy, without what NumPy's functions in Python do before it.

Axes come as dispatch prepares them, tuples of numbers that are not negative, or as rules write them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel
from .beside import joined

Array = np.ndarray
_WHOLE = slice(None)
_BACK = slice(None, None, -1)


def _places(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return axes as a tuple of numbers that are not negative."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, int):
        return (axis % ndim,) if ndim else ()
    return tuple([a % ndim for a in axis])


def expand_dims(x: Array, *, axis: Any = 0) -> Array:
    """Return the array with new axes of size one."""
    if type(axis) is tuple and len(axis) == 1 and axis[0] >= 0:
        given, a = x.shape, axis[0]
        return x.reshape((*given[:a], 1, *given[a:]))
    shape = list(x.shape)
    many = 1 if isinstance(axis, int) else len(axis)
    for a in sorted(_places(axis, len(shape) + many)):
        shape.insert(a, 1)
    return x.reshape(shape)


def squeeze(x: Array, *, axis: Any) -> Array:
    """Return the array without axes of size one."""
    return x.squeeze(axis)


def permute_dims(x: Array, *, axes: tuple[int, ...]) -> Array:
    """Return the array with its axes in another order."""
    return x.transpose(axes)


def moveaxis(x: Array, source: Any, destination: Any) -> Array:
    """Return the array with axes at other places."""
    source, destination = _places(source, x.ndim), _places(destination, x.ndim)
    order = [a for a in range(x.ndim) if a not in source]
    for to, a in sorted(zip(destination, source, strict=True)):
        order.insert(to, a)
    return x.transpose(order)


def flip(x: Array, *, axis: Any = None) -> Array:
    """Return the array with the order along axes reversed."""
    axes = _places(axis, x.ndim)
    return x[tuple([_BACK if a in axes else _WHOLE for a in range(x.ndim)])]


def roll(x: Array, shift: Any, *, axis: Any = None) -> Array:
    """Return the array shifted round; along one axis that is two pieces exchanged."""
    if type(axis) is not tuple or len(axis) != 1 or axis[0] < 0 or type(shift) is not tuple or not x.size:
        return np.roll(x, shift, axis)
    (a,) = axis
    by = shift[0] % x.shape[a]
    if not by:
        return x.copy()
    ahead = (_WHOLE,) * a
    return np.concatenate((x[(*ahead, slice(-by, None))], x[(*ahead, slice(None, -by))]), a)


def concat(arrays: list[Array], *, axis: int | None = 0) -> Array:
    """Join arrays of one dtype along an axis."""
    return np.concatenate(arrays, axis)


def stack(arrays: list[Array], *, axis: int = 0) -> Array:
    """Join arrays of one shape and dtype along a new axis."""
    first = arrays[0]
    shape = first.shape
    if axis < 0:
        axis += len(shape) + 1
    out = np.empty((*shape[:axis], len(arrays), *shape[axis:]), first.dtype)
    places = out if not axis else out.transpose((axis, *range(axis), *range(axis + 1, out.ndim)))
    for i, array in enumerate(arrays):
        places[i] = array
    return out


def unstack(x: Array, *, axis: int = 0) -> tuple[Array, ...]:
    """Return the slices along an axis."""
    if x.ndim == 1:
        # Views, where iterating gives scalars.
        return tuple([x[i, ...] for i in range(x.size)])
    if not axis:
        return tuple(x)
    axis %= x.ndim
    return tuple(x.transpose((axis, *range(axis), *range(axis + 1, x.ndim))))


def unstack_vjp(xp: Any, g: tuple[Array, ...], axis: int) -> tuple[Array]:
    """The cotangents joined; a view where they are slices of one array."""
    whole = joined(g, axis)
    return (stack(list(g), axis=axis) if whole is None else whole,)


KERNELS: dict[str, Any] = {
    "concat": concat,
    "expand_dims": expand_dims,
    "flip": flip,
    "moveaxis": moveaxis,
    "permute_dims": permute_dims,
    "roll": roll,
    "squeeze": squeeze,
    "stack": stack,
    "unstack": Kernel(unstack, vjp=unstack_vjp),
}
