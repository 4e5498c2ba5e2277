"""Small tools that several families of rows share: axes, shapes, and checks of statics."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentTypeError, AxisError, DTypeError, ShapeError


def axis_index(axis: Any, ndim: int, operation: str) -> int:
    """Return an axis as a non-negative int."""
    if type(axis) is int and -ndim <= axis < ndim:
        return axis if axis >= 0 else axis + ndim
    try:
        value = operator.index(axis)
    except TypeError:
        raise ArgumentTypeError(f"{operation}: an axis is an int, not {axis!r}") from None
    if axis is True or axis is False:
        raise ArgumentTypeError(f"{operation}: an axis is an int, not {axis!r}")
    if not -ndim <= value < ndim:
        raise AxisError(
            f"{operation}: axis {value} is out of bounds for {ndim} axes"
            + (f"; axes go from {-ndim} to {ndim - 1}" if ndim else " (the tensor is 0-d)")
        )
    return value % ndim


def whole(value: Any, what: str) -> int:
    """Return an int, of whatever type that may be one."""
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{what} is an int, not {value!r}") from None


def axes_of(axis: Any, ndim: int, operation: str = "axis") -> tuple[int, ...]:
    """Return axes (an int, a sequence of ints, or None for all) as non-negative ints."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        found = tuple(axis_index(a, ndim, operation) for a in axis)
        if len(set(found)) != len(found):
            raise AxisError(f"{operation}: an axis stands twice in {tuple(axis)}")
        return found
    return (axis_index(axis, ndim, operation),)


def count(shape: tuple[int, ...], axis: Any) -> int:
    """Return the number of elements over axes."""
    total = 1
    for i in axes_of(axis, len(shape)):
        total *= shape[i]
    return total


def kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """Return the shape with the reduced axes kept as ones."""
    axes = axes_of(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def size_of(shape: tuple[int, ...]) -> int:
    """Return the number of elements of a shape."""
    total = 1
    for n in shape:
        total *= n
    return total


def normalize_axis(name: str, *, one_dimensional: bool = False) -> Callable[..., Any]:
    """Return a `prepare` that checks one axis; without one the operand must have one axis."""

    def prepare(device: Any, x: Any, *statics: Any) -> tuple[Any, ...]:
        axis = statics[0]
        if axis is None:
            if one_dimensional and len(x.shape) != 1:
                raise AxisError(f"{name}: an axis is needed for a tensor of {len(x.shape)} axes, such as axis=-1")
            return (0 if one_dimensional else None, *statics[1:])
        return (axis_index(axis, len(x.shape), name), *statics[1:])

    return prepare


def for_booleans(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a row's `beyond` that serves booleans and refuses every other dtype again."""

    def beyond(xp: Any, *operands: Any, **statics: Any) -> Any:
        for x in operands:
            if hasattr(x, "dtype") and xp.device.dtype_of.get(x.dtype, x.dtype).kind != "bool":
                raise TypeError("neither the array library nor candelabra takes this dtype here")
        return function(xp, *operands, **statics)

    return beyond


def check_indices(device: Any, index: Any, operation: str) -> None:
    """Refuse an index operand that is not of integers."""
    if device.dtype_of[index.dtype].kind not in ("signed", "unsigned"):
        raise DTypeError(
            f"{operation}: indices are integers, not {device.dtype_of[index.dtype].name}; convert them with .long()"
        )


def shape_tuple(shape: Any, operation: str) -> tuple[int, ...]:
    """Return a shape (an int or a sequence of ints) as a tuple."""
    if type(shape) is tuple:
        for n in shape:
            if type(n) is not int:
                break
        else:
            return shape
    if isinstance(shape, (tuple, list)):
        try:
            return tuple(_size(n) for n in shape)
        except TypeError:
            raise ArgumentTypeError(f"{operation}: a shape is a tuple of ints, not {shape!r}") from None
    try:
        return (_size(shape),)
    except TypeError:
        raise ArgumentTypeError(f"{operation}: a shape is an int or a tuple of ints, not {shape!r}") from None


def _size(n: Any) -> int:
    if n is True or n is False:
        raise TypeError("a truth value is no size")
    return operator.index(n)


def resolve_shape(shape: tuple[int, ...], total: int, operation: str, given: tuple[int, ...]) -> tuple[int, ...]:
    """Resolve one -1 of a shape."""
    unknown = [i for i, n in enumerate(shape) if n == -1]
    if len(unknown) > 1 or any(n < -1 for n in shape):
        raise ShapeError(f"{operation}: at most one size may be -1 and none less, got {shape}")
    if unknown:
        rest = size_of(tuple(n for n in shape if n != -1))
        if rest == 0 or total % rest:
            raise ShapeError(f"{operation}: a tensor of shape {given} ({total} elements) does not fit {shape}")
        shape = tuple(total // rest if n == -1 else n for n in shape)
    if size_of(shape) != total:
        raise ShapeError(
            f"{operation}: a tensor of shape {given} has {total} elements, the shape {shape} has {size_of(shape)}"
        )
    return shape
