"""Searching, sorting, and what is distinct."""

from __future__ import annotations

from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..tensor import Tensor
from ..values_only import values_only
from .torch_names import either

__all__ = ["isin", "nonzero", "searchsorted", "sort", "unique"]


def isin(x1: Any, x2: Any, /, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Say where elements of `x1` are among those of `x2`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.isin(cb.tensor([1, 2, 3]), cb.tensor([2]))
    tensor([False,  True, False])
    """
    device = (x1 if isinstance(x1, Tensor) else x2).device.physical
    kind = ops.result_type(x1, x2)
    first = ops.astype(x1, kind) if isinstance(x1, Tensor) else ops.asarray(x1, dtype=kind, device=device)
    second = ops.astype(x2, kind) if isinstance(x2, Tensor) else ops.asarray(x2, dtype=kind, device=device)
    second = ops.reshape(second, (-1,))
    if second.size == 0:
        found = ops.zeros(first.shape, dtype=dtypes.bool_, device=device)
    elif kind.rank == 0 or kind.is_complex:
        found = ops.any(ops.equal(ops.expand_dims(first, axis=-1), second), axis=-1)
    else:
        ordered = ops.sort(second)
        place = ops.searchsorted(ordered, ops.reshape(first, (-1,)))
        place = ops.minimum(place, int(second.size) - 1)
        found = ops.equal(ops.reshape(ops.take(ordered, place, axis=0), first.shape), first)
    return ops.logical_not(found) if invert else found


def nonzero(x: Tensor, /, *, as_tuple: bool = True) -> Any:
    """Return one index tensor per axis of the elements that are not zero.

    Parameters
    ----------
    x : Tensor
        At least one axis.
    as_tuple : bool
        False gives PyTorch's matrix of positions, one a row (see `argwhere`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nonzero(cb.tensor([0, 1, 2]))
    (tensor([1, 2]),)
    """
    return row_function(TABLE["nonzero"])(x) if as_tuple else ops.argwhere(x)


def searchsorted(
    x1: Tensor,
    x2: Any,
    /,
    *,
    side: str | None = None,
    sorter: Tensor | None = None,
    right: bool = False,
    out_int32: bool = False,
) -> Tensor:
    """Return the indices at which `x2` would be inserted into the sorted vector `x1`.

    Parameters
    ----------
    x1 : Tensor
        In ascending order along its last axis (or sorted by `sorter`).
    x2 : Tensor or scalar
        The values, of any shape where `x1` is a vector; else all axes but the last are as those of `x1`.
    side : {"left", "right"}
        Before (the default) or after equal values; ``right=True`` is PyTorch's other way to say after.
    sorter : Tensor, optional
        Indices that sort `x1`.
    out_int32 : bool
        Give int32 instead of int64.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.searchsorted(cb.tensor([1, 3]), cb.tensor([2]))
    tensor([1])
    """
    if side not in (None, "left", "right"):
        raise ArgumentError(f"searchsorted: side is 'left' or 'right', not {side!r}")
    if right and side == "left":
        raise ArgumentError("searchsorted: side='left' and right=True say different things; give one of them")
    where = "right" if right or side == "right" else "left"
    if not isinstance(x2, Tensor):
        x2 = ops.asarray(x2, dtype=dtypes.promote_scalar(x1.dtype, x2), device=x1.device.physical)
    if x1.ndim == 1:
        found = row_function(TABLE["searchsorted"])(x1, x2, sorter, side=where)
    else:
        found = _search_lines(x1, x2, sorter, where)
    return ops.astype(found, dtypes.int32) if out_int32 else found


def _search_lines(x1: Tensor, x2: Tensor, sorter: Tensor | None, side: str) -> Tensor:
    """Search each line of `x1` for the values of the same line of `x2`: both are sorted together."""
    if not x1.ndim or tuple(x1.shape[:-1]) != tuple(x2.shape[:-1]) or x1.ndim != x2.ndim:
        raise ShapeError(
            f"searchsorted: the sorted tensor has one axis, or all axes but the last as the values have them; got "
            f"shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    kind = ops.result_type(x1, x2)
    lines = x1 if sorter is None else ops.take_along_axis(x1, sorter, axis=-1)
    lines, values = ops.astype(lines.detach(), kind), ops.astype(x2.detach(), kind)
    n, m = lines.shape[-1], values.shape[-1]
    # Of equal ones those come first that stand first.
    parts = [values, lines] if side == "left" else [lines, values]
    order = ops.argsort(ops.concat(parts, axis=-1), axis=-1, stable=True)
    of_line = order >= m if side == "left" else order < n
    before = ops.cumulative_sum(ops.astype(of_line, of_line.device.whole), axis=-1)
    place = ops.argsort(order, axis=-1)
    place = place[..., :m] if side == "left" else place[..., n:]
    return ops.take_along_axis(before, place, axis=-1)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Return the values in order along an axis; `argsort` gives the indices.

    Parameters
    ----------
    x : Tensor
        Real numeric dtypes.
    axis : int
        The axis; negative ones count from the last.
    descending : bool
        The largest first.
    stable : bool
        Keep the order of equal values.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.sort(cb.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    result = row_function(TABLE["sort"])(x, axis=axis, descending=descending, stable=stable)
    return values_only(result, "argsort")


def unique(
    x: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    dim: int | None = None,
) -> Any:
    """Return the distinct values, or the distinct slices along an axis, in order.

    Parameters
    ----------
    x : Tensor
        Any dtype; slices are not complex. No NaN equals another.
    sorted : bool
        Accepted: they always come in ascending order, slices in lexicographic order.
    return_inverse : bool
        Return for each element (or slice) the number of its value, too.
    return_counts : bool
        Return how often each stands in `x`, too.
    axis : int, optional
        Without one, all elements are taken; `dim` is a synonym.

    Returns
    -------
    Tensor, or a tuple of it and what was asked for

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.unique(cb.tensor([2, 1, 2]), return_counts=True)
    (tensor([1, 2]), tensor([1, 2]))
    """
    over = either(axis, dim, "unique")
    if over is not None:
        return ops.unique_dim(x, over, sorted, return_inverse, return_counts)
    from .sets import distinct

    return distinct(x, return_inverse, return_counts)
