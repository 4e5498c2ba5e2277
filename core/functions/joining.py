"""Joining and splitting along named directions: rows, columns and depth."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..primitives.tools import axis_index
from ..tensor import Tensor
from .manipulation import vstack
from .torch_names import either

__all__ = [
    "atleast_2d", "atleast_3d", "column_stack", "concatenate", "dsplit", "dstack", "hsplit", "row_stack",
    "tensor_split", "vsplit",
]  # fmt: skip


def _several(operation: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, (Tensor, tuple, list)):
        found = list(tensors)
    else:
        raise ArgumentTypeError(f"{operation}: a sequence of tensors is needed, not {type(tensors).__name__}")
    if not found:
        raise ArgumentError(f"{operation}: at least one tensor is needed")
    for x in found:
        if not isinstance(x, Tensor):
            raise ArgumentTypeError(f"{operation}: a sequence of tensors is needed, it holds {type(x).__name__}")
    return found


def concatenate(tensors: Sequence[Tensor], axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Join tensors along an axis, by default the first (PyTorch's name for `concat`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.concatenate([cb.zeros(1), cb.ones(1)])
    tensor([0., 1.])
    """
    at = either(axis, dim, "concatenate")
    return ops.concat(tensors, axis=0 if at is None else at)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the third axis; vectors and matrices get the axes that they lack (see `atleast_3d`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.dstack([cb.tensor([1, 2]), cb.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return ops.concat([_third(x) for x in _several("dstack", tensors)], axis=2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the second axis, numbers and vectors as columns.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.column_stack([cb.tensor([1, 2]), cb.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    found = _several("column_stack", tensors)
    return ops.concat([ops.reshape(x, (-1, 1)) if x.ndim < 2 else x for x in found], axis=1)


def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the first axis, vectors as rows (another name for `vstack`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.row_stack([cb.tensor([1, 2]), cb.tensor([3, 4])]).shape
    (2, 2)
    """
    return vstack(_several("row_stack", tensors))


def _second(x: Tensor) -> Tensor:
    return ops.reshape(x, (1, -1)) if x.ndim < 2 and x.size else ops.reshape(x, (1, *x.shape)) if x.ndim < 2 else x


def _third(x: Tensor) -> Tensor:
    if x.ndim == 0:
        return ops.reshape(x, (1, 1, 1))
    if x.ndim == 1:
        return ops.reshape(x, (1, *x.shape, 1))
    return ops.expand_dims(x, axis=2) if x.ndim == 2 else x


def _raised(operation: str, tensors: tuple[Any, ...], rank: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return rank(tensors[0])
    given = tensors[0] if len(tensors) == 1 else tensors
    return tuple(rank(x) for x in _several(operation, given))


def atleast_2d(*tensors: Any) -> Any:
    """Return tensors with at least two axes: a vector becomes a row.

    One tensor gives one; several, or a sequence of them, give a tuple.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.atleast_2d(cb.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _raised("atleast_2d", tensors, _second)


def atleast_3d(*tensors: Any) -> Any:
    """Return tensors with at least three axes: a vector of N becomes (1, N, 1), a matrix of (M, N) becomes (M, N, 1).

    One tensor gives one; several, or a sequence of them, give a tuple.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.atleast_3d(cb.zeros((2, 3))).shape
    (2, 3, 1)
    """
    return _raised("atleast_3d", tensors, _third)


def tensor_split(
    x: Tensor,
    indices_or_sections: Any = None,
    axis: int | None = None,
    *,
    dim: int | None = None,
    indices: Any = None,
    sections: int | None = None,
) -> tuple[Tensor, ...]:
    """Return pieces along an axis: a number of nearly equal ones, or those between places.

    Parameters
    ----------
    x : Tensor
        At least one axis.
    indices_or_sections : int, sequence of int, or integer Tensor on the host
        The number of pieces, of which the first ones are longer by one where it does not divide the axis; or the
        places where to cut. `indices` and `sections` are PyTorch's names for the one and the other.
    axis : int, optional
        The axis, by default the first; `dim` is a synonym.

    Examples
    --------
    >>> import candelabra as cb
    >>> [p.tolist() for p in cb.tensor_split(cb.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    >>> [p.tolist() for p in cb.tensor_split(cb.arange(5), (1, 3))]
    [[0], [1, 2], [3, 4]]
    """
    at = either(axis, dim, "tensor_split")
    given = [v for v in (indices_or_sections, indices, sections) if v is not None]
    if len(given) != 1:
        raise ArgumentTypeError("tensor_split: give either a number of sections or indices")
    return _cut("tensor_split", x, given[0], axis_index(0 if at is None else at, x.ndim, "tensor_split"))


def _cut(operation: str, x: Tensor, places: Any, at: int) -> tuple[Tensor, ...]:
    n = x.shape[at]
    if isinstance(places, Tensor):
        if places.ndim > 1 or places.dtype.kind not in ("signed", "unsigned"):
            raise ArgumentTypeError(
                f"{operation}: a tensor of indices is a number or a vector of integers, got shape "
                f"{tuple(places.shape)} of {places.dtype.name}"
            )
        places = places.tolist()
    head = (slice(None),) * at
    if isinstance(places, (tuple, list)):
        try:
            cuts = [operator.index(p) for p in places]
        except TypeError:
            raise ArgumentTypeError(f"{operation}: indices are ints, not {places!r}") from None
        return tuple(x[(*head, slice(a, b))] for a, b in zip([0, *cuts], [*cuts, None], strict=True))
    try:
        number = operator.index(places)
    except TypeError:
        raise ArgumentTypeError(f"{operation}: a number of sections or indices are needed, not {places!r}") from None
    if number <= 0:
        raise ArgumentError(f"{operation}: the number of sections is positive, got {number}")
    least, more = divmod(n, number)
    sizes = [least + 1] * more + [least] * (number - more)
    found, start = [], 0
    for size in sizes:
        found.append(x[(*head, slice(start, start + size))])
        start += size
    return tuple(found)


def _split_along(operation: str, x: Tensor, places: Any, rank: int, at: int) -> tuple[Tensor, ...]:
    if x.ndim < rank:
        raise ShapeError(f"{operation}: a tensor of at least {rank} axes is needed, got shape {tuple(x.shape)}")
    if isinstance(places, int) and places > 0 and x.shape[at] % places:
        raise ShapeError(
            f"{operation}: axis {at} of size {x.shape[at]} does not divide into {places} equal pieces; use tensor_split"
        )
    return _cut(operation, x, places, at)


def hsplit(x: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Return pieces along the second axis, of a vector along its only one: equal ones, or those between places.

    Examples
    --------
    >>> import candelabra as cb
    >>> [p.shape for p in cb.hsplit(cb.zeros((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    return _split_along("hsplit", x, indices_or_sections, 1, 0 if x.ndim == 1 else 1)


def vsplit(x: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Return pieces along the first of at least two axes: equal ones, or those between places.

    Examples
    --------
    >>> import candelabra as cb
    >>> [p.shape for p in cb.vsplit(cb.zeros((4, 2)), [1])]
    [(1, 2), (3, 2)]
    """
    return _split_along("vsplit", x, indices_or_sections, 2, 0)


def dsplit(x: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Return pieces along the third axis: equal ones, or those between places.

    Examples
    --------
    >>> import candelabra as cb
    >>> [p.shape for p in cb.dsplit(cb.zeros((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return _split_along("dsplit", x, indices_or_sections, 3, 2)
