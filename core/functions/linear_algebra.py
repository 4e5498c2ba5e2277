"""Composites of the standard's linear algebra extension: diagonals, traces, cross products and vector norms."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..errors import ArgumentError, AxisError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import axis_index
from ..tensor import Tensor


def diagonal(x: Tensor, /, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return the diagonals of the matrices in two axes, the last two unless PyTorch's `dim1` and `dim2` say otherwise.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), any dtype.
    offset : int
        Which diagonal: above the main one where positive, below where negative.

    Returns
    -------
    Tensor
        Shape (..., length of the diagonal).

    Raises
    ------
    ShapeError
        If `x` has less than two axes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.diagonal(cb.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if x.ndim < 2:
        raise ShapeError(f"diagonal: matrices in the last two axes are needed, got shape {x.shape}")
    if (dim1, dim2) != (-2, -1):
        one, two = axis_index(dim1, x.ndim, "diagonal"), axis_index(dim2, x.ndim, "diagonal")
        if one == two:
            raise ArgumentError(f"diagonal: two different axes are needed, not {dim1} and {dim2}")
        x = ops.moveaxis(x, (one, two), (-2, -1))
    rows, columns = x.shape[-2:]
    top, left = max(-offset, 0), max(offset, 0)
    n = max(min(rows - top, columns - left), 0)
    if n == 0:
        return ops.reshape(x[..., :0, :0], (*x.shape[:-2], 0))
    # In a row of all elements two neighbours on the diagonal lie a whole row and one element apart.
    flat = ops.reshape(x[..., top : top + n, :], (*x.shape[:-2], n * columns))
    return flat[..., left :: columns + 1][..., :n]


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """Return the sums along diagonals of the matrices in the last two axes.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), numeric.
    offset : int
        Which diagonal: above the main one where positive, below where negative.
    dtype : DType, optional
        The dtype of the sum; default as `sum`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.trace(cb.eye(3))
    tensor(3.)
    """
    return ops.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return the matrix of products of two vectors.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.outer(cb.tensor([1, 2]), cb.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    return ops.outer(x1, x2)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1, dim: int | None = None) -> Tensor:
    """Return the cross products of vectors of three elements along an axis.

    Parameters
    ----------
    x1, x2 : Tensor
        Numeric; they broadcast, but for the axis, of size 3 in both.
    axis : int
        The axis of the vectors, negative: counted from the last; `dim` is a synonym.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.cross(cb.tensor([1, 0, 0]), cb.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    axis = axis if dim is None else dim
    least = min(x1.ndim, x2.ndim)
    at = axis_index(axis, least, "cross") - least
    if axis >= 0 and x1.ndim != x2.ndim:
        raise AxisError(f"cross: operands of {x1.ndim} and {x2.ndim} axes need a negative axis, got {axis}")
    if x1.shape[at] != 3 or x2.shape[at] != 3:
        raise ShapeError(f"cross: axis {axis} must have size 3 in both operands, got shapes {x1.shape} and {x2.shape}")
    row = row_function(TABLE["cross_product"])
    if at == -1:
        return row(x1, x2)
    return ops.moveaxis(row(ops.moveaxis(x1, at, -1), ops.moveaxis(x2, at, -1)), -1, at)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1, dim: int | None = None) -> Tensor:
    """Return the sums of ``conj(x1) * x2`` along an axis; the other axes broadcast, and `dim` is a synonym of `axis`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.vecdot(cb.tensor([[1, 2], [3, 4]]), cb.tensor([1, 1]))
    tensor([3, 7])
    """
    return ops.vecdot(x1, x2, axis=axis if dim is None else dim)
