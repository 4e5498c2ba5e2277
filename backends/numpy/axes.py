"""Moving and joining axes by views and one copy, without what NumPy's functions in Python do before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
_WHOLE = slice(None)
_BACK = slice(None, None, -1)


def expand_dims(x: Array, *, axis: tuple[int, ...]) -> Array:
    """Return the array with new axes of size one."""
    shape = list(x.shape)
    for a in sorted(axis) if len(axis) > 1 else axis:
        shape.insert(a, 1)
    return x.reshape(shape)


def squeeze(x: Array, *, axis: tuple[int, ...]) -> Array:
    """Return the array without axes of size one."""
    return x.squeeze(axis)


def permute_dims(x: Array, *, axes: tuple[int, ...]) -> Array:
    """Return the array with its axes in another order."""
    return x.transpose(axes)


def moveaxis(x: Array, source: tuple[int, ...], destination: tuple[int, ...]) -> Array:
    """Return the array with axes at other places; both are not negative."""
    order = [a for a in range(x.ndim) if a not in source]
    for to, a in sorted(zip(destination, source, strict=True)):
        order.insert(to, a)
    return x.transpose(order)


def flip(x: Array, *, axis: tuple[int, ...]) -> Array:
    """Return the array with the order along axes reversed."""
    return x[tuple([_BACK if a in axis else _WHOLE for a in range(x.ndim)])]


def roll(x: Array, shift: Any, *, axis: tuple[int, ...] | None = None) -> Array:
    """Return the array shifted round; along one axis that is two pieces exchanged."""
    if axis is None or len(axis) != 1 or not x.size:
        return np.roll(x, shift, axis)
    (a,) = axis
    by = shift[0] % x.shape[a]
    if not by:
        return x.copy()
    ahead = (_WHOLE,) * a
    return np.concatenate((x[(*ahead, slice(-by, None))], x[(*ahead, slice(None, -by))]), a)


def concat(arrays: list[Array], *, axis: int | None) -> Array:
    """Join arrays of one dtype along an axis."""
    return np.concatenate(arrays, axis)


def stack(arrays: list[Array], *, axis: int) -> Array:
    """Join arrays of one shape and dtype along a new axis."""
    first = arrays[0]
    shape = first.shape
    out = np.empty((*shape[:axis], len(arrays), *shape[axis:]), first.dtype)
    places = out if not axis else out.transpose((axis, *range(axis), *range(axis + 1, out.ndim)))
    for i, array in enumerate(arrays):
        places[i] = array
    return out


def unstack(x: Array, *, axis: int) -> list[Any]:
    """Return the slices along an axis."""
    if x.ndim == 1:
        # Views, where iterating gives scalars.
        return [x[i, ...] for i in range(x.size)]
    return list(x) if not axis else list(x.transpose((axis, *range(axis), *range(axis + 1, x.ndim))))


KERNELS: dict[str, Callable[..., Any]] = {
    "concat": concat,
    "expand_dims": expand_dims,
    "flip": flip,
    "moveaxis": moveaxis,
    "permute_dims": permute_dims,
    "roll": roll,
    "squeeze": squeeze,
    "stack": stack,
    "unstack": unstack,
}
