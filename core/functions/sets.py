"""Distinct elements in their order, and parts of a sorted whole."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, AxisError, DTypeError, ShapeError
from ..primitives.tools import axis_index, size_of
from ..tensor import Tensor
from .torch_names import either

__all__ = ["argpartition", "digitize", "one_hot", "partition", "unique_consecutive", "unique_dim"]


def _wanted(values: Tensor, inverse: Tensor | None, counts: Tensor | None) -> Any:
    extra = tuple(t for t in (inverse, counts) if t is not None)
    return (values, *extra) if extra else values


def _runs(
    x: Tensor, at: int | None, changed: Tensor, return_inverse: bool, return_counts: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return the first of each run of equal slices, which run each belongs to, and the runs' lengths."""
    device = x.device.physical
    n = x.shape[0 if at is None else at]
    if not n:
        none = ops.zeros((0,), dtype=device.whole, device=device)
        return x, none if return_inverse else None, none if return_counts else None
    first = ops.concat([ops.ones((1,), dtype="bool", device=device), changed])
    (starts,) = ops.nonzero(first)
    values = ops.take(x, starts, axis=0 if at is None else at)
    inverse = ops.cumulative_sum(ops.astype(first, first.device.whole)) - 1 if return_inverse else None
    counts = None
    if return_counts:
        end = ops.full((1,), n, dtype=starts.dtype, device=device)
        counts = ops.concat([starts[1:], end]) - starts
    return values, inverse, counts


def _differ(x: Tensor, at: int) -> Tensor:
    """Say of each slice along an axis but the first whether it differs from the one before."""
    head = (slice(None),) * at
    apart = ops.not_equal(x[(*head, slice(1, None))], x[(*head, slice(None, -1))])
    rest = tuple(i for i in range(x.ndim) if i != at)
    return ops.any(apart, axis=rest) if rest else apart


def unique_consecutive(
    x: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    dim: int | None = None,
) -> Any:
    """Return the first of each run of equal elements, or of equal slices along an axis.

    Parameters
    ----------
    x : Tensor
        Any dtype; no NaN equals another.
    return_inverse : bool
        Return for each element (or slice) the number of its run, too.
    return_counts : bool
        Return the lengths of the runs, too.
    axis : int, optional
        Without one, all elements are taken in row-major order; `dim` is a synonym.

    Returns
    -------
    Tensor, or a tuple of it and what was asked for

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.unique_consecutive(cb.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    over = either(axis, dim, "unique_consecutive")
    if over is None:
        flat = ops.reshape(x, (x.size,))
        values, inverse, counts = _runs(flat, None, _differ(flat, 0), return_inverse, return_counts)
        return _wanted(values, None if inverse is None else ops.reshape(inverse, tuple(x.shape)), counts)
    at = axis_index(over, x.ndim, "unique_consecutive")
    return _wanted(*_runs(x, at, _differ(x, at), return_inverse, return_counts))


def distinct(x: Tensor, return_inverse: bool, return_counts: bool) -> Any:
    """Return the distinct elements in order, and what is asked for."""
    flat = ops.reshape(x, (x.size,))
    inverse: Any
    counts: Any
    if x.dtype.kind in ("bool", "complex"):
        if not return_inverse and not return_counts:
            return ops.unique_values(flat)
        found = ops.unique_all(flat)
        values, inverse, counts = found.values, found.inverse_indices, found.counts
    else:
        order = ops.argsort(flat.detach()) if return_inverse else None
        ordered = ops.sort(flat) if order is None else ops.take(flat, order, axis=0)
        values, inverse, counts = _runs(ordered, None, _differ(ordered.detach(), 0), return_inverse, return_counts)
        if order is not None and x.size:
            inverse = ops.put(ops.zeros_like(order), order, inverse)
    return _wanted(
        values,
        ops.reshape(inverse, tuple(x.shape)) if return_inverse else None,
        counts if return_counts else None,
    )


def unique_dim(
    x: Tensor, axis: int = 0, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> Any:
    """Return the distinct slices along an axis, in lexicographic order (see `unique`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.unique_dim(cb.tensor([[2, 1], [0, 5], [2, 1]]))
    tensor([[0, 5],
            [2, 1]])
    """
    at = axis_index(axis, x.ndim, "unique")
    if x.dtype.kind == "complex":
        raise DTypeError("unique: slices of complex numbers have no order; take real and imaginary parts")
    n = x.shape[at]
    rest = tuple(m for i, m in enumerate(x.shape) if i != at)
    if n and not size_of(rest):
        raise ShapeError(f"unique: the slices of shape {tuple(x.shape)} along axis {at} hold no elements")
    rows = ops.reshape(ops.moveaxis(x, at, 0), (n, size_of(rest)))
    keys = ops.astype(rows.detach(), dtypes.uint8) if x.dtype.kind == "bool" else rows.detach()
    order = ops.arange(n, dtype=x.device.whole, device=x.device.physical)
    # Stable sorts from the last column to the first put the rows into lexicographic order.
    for column in reversed(range(keys.shape[1])):
        ranked = ops.argsort(ops.take(keys[:, column], order, axis=0), stable=True)
        order = ops.take(order, ranked, axis=0)
    ordered = ops.take(x, order, axis=at)
    changed = _differ(ops.take(keys, order, axis=0), 0)
    values, inverse, counts = _runs(ordered, at, changed, return_inverse, return_counts)
    if inverse is not None and n:
        inverse = ops.put(ops.zeros_like(inverse), order, inverse)
    return _wanted(values, inverse, counts)


def _ranks(operation: str, kth: Any, n: int) -> None:
    for k in kth if isinstance(kth, (tuple, list)) else (kth,):
        try:
            rank = operator.index(k)
        except TypeError:
            raise ArgumentTypeError(f"{operation}: kth is an int or a sequence of ints, not {kth!r}") from None
        if not -n <= rank < n:
            raise ArgumentError(f"{operation}: kth={rank} is out of range for the {n} elements of the axis")


def partition(
    x: Tensor, kth: int | Sequence[int], axis: int | None = -1, *, dim: int | None = None
) -> Tensor:
    """Return the elements along an axis such that the `kth` one stands where sorting would put it (NumPy's function).

    Smaller ones stand before it, others behind; NaN counts as larger than every number.

    Parameters
    ----------
    x : Tensor
        Real numbers, any shape.
    kth : int or sequence of int
        From 0 on; negative ones count from the last.
    axis : int or None
        The axis, by default the last; None flattens first. `dim` is a synonym.

    Notes
    -----
    All elements come in order: what is vectorized sorts a line as fast as it partitions one by one.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.partition(cb.tensor([3, 1, 2]), 1)
    tensor([1, 2, 3])
    """
    source, at = _line("partition", x, axis if dim is None else dim)
    _ranks("partition", kth, source.shape[at])
    return ops.sort(source, axis=at)


def argpartition(
    x: Tensor, kth: int | Sequence[int], axis: int | None = -1, *, dim: int | None = None
) -> Tensor:
    """Return the indices that partition along an axis (see `partition`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.argpartition(cb.tensor([3, 1, 2]), 1)
    tensor([1, 2, 0])
    """
    source, at = _line("argpartition", x, axis if dim is None else dim)
    _ranks("argpartition", kth, source.shape[at])
    return ops.argsort(source, axis=at, stable=False)


def _line(operation: str, x: Tensor, axis: Any) -> tuple[Tensor, int]:
    if axis is None:
        return ops.reshape(x, (x.size,)), 0
    if not x.ndim:
        raise AxisError(f"{operation}: axis {axis} is out of bounds for 0 axes (the tensor is 0-d)")
    return x, axis_index(axis, x.ndim, operation)


def digitize(x: Any, bins: Tensor, right: bool = False) -> Tensor:
    """Return for each value the number of its bin (NumPy's function).

    Parameters
    ----------
    x : Tensor or scalar
        Real numbers, any shape.
    bins : Tensor
        The edges: a vector, in ascending or in descending order.
    right : bool
        Whether a bin holds its right edge, and not its left one.

    Returns
    -------
    Tensor
        0 before the first edge, and the number of edges behind the last.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.digitize(cb.tensor([0.5, 1.0]), cb.tensor([0.0, 1.0, 2.0]))
    tensor([1, 2])
    """
    if bins.ndim != 1 or not bins.shape[0]:
        raise ShapeError(f"digitize: the edges are a vector with elements, got shape {tuple(bins.shape)}")
    side = "left" if right else "right"
    upward = ops.searchsorted(bins, x, side=side)
    downward = bins.shape[0] - ops.searchsorted(ops.flip(bins), x, side=side)
    return ops.where(bins[0] <= bins[-1], upward, downward)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    r"""Turn class indices into rows with a single one.

    .. math:: y_{i,k} = [x_i = k]

    Shapes: input any, output (*input.shape, num_classes) of int64; -1 takes the largest class.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.one_hot(cb.asarray([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    whole = tensor.device.whole
    if tensor.dtype is not whole:
        raise DTypeError(f"one_hot: class indices are {whole.name}, got {tensor.dtype.name}; use x.long()")
    empty = 0 in tensor.shape
    if num_classes == -1:
        if empty:
            raise ArgumentError("one_hot: num_classes cannot be inferred from a tensor without elements; give it")
        num_classes = int(ops.max(tensor)) + 1
    elif num_classes <= 0 and not (empty and num_classes == 0):
        raise ArgumentError(f"one_hot: num_classes is positive, got {num_classes}")
    # Inside a transformation a tensor may have no single value to look at.
    if not empty and not tensor.device.levels:
        low, high = int(ops.min(tensor)), int(ops.max(tensor))
        if low < 0 or high >= num_classes:
            raise ArgumentError(
                f"one_hot: classes lie between 0 and num_classes - 1 = {num_classes - 1}, got {low} to {high}"
            )
    classes = ops.arange(num_classes, dtype=tensor.device.whole, device=tensor.device)
    return ops.astype(ops.equal(ops.expand_dims(tensor, axis=-1), classes), tensor.device.whole)
