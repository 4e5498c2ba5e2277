"""Composites of the standard's linear algebra extension: diagonals, traces, cross products and vector norms."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..errors import ArgumentTypeError, AxisError, ShapeError
from ..primitives.tools import axis_index, size_of
from ..tensor import Tensor


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """Return the diagonals of the matrices in the last two axes.

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


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return the cross products of vectors of three elements along an axis.

    Parameters
    ----------
    x1, x2 : Tensor
        Numeric; they broadcast, but for the axis, of size 3 in both.
    axis : int
        The axis of the vectors, negative: counted from the last.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.cross(cb.tensor([1, 0, 0]), cb.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    least = min(x1.ndim, x2.ndim)
    at = axis_index(axis, least, "cross") - least
    if axis >= 0 and x1.ndim != x2.ndim:
        raise AxisError(f"cross: operands of {x1.ndim} and {x2.ndim} axes need a negative axis, got {axis}")
    if x1.shape[at] != 3 or x2.shape[at] != 3:
        raise ShapeError(f"cross: axis {axis} must have size 3 in both operands, got shapes {x1.shape} and {x2.shape}")
    return ops.roll(x1, -1, axis=at) * ops.roll(x2, -2, axis=at) - ops.roll(x1, -2, axis=at) * ops.roll(x2, -1, axis=at)


def vector_norm(x: Tensor, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """Return the vector norm over axes, ``sum(|x|**ord)**(1/ord)``.

    Parameters
    ----------
    x : Tensor
        Floating-point.
    axis : int or tuple of int, optional
        Default: all axes, taken as one vector.
    keepdims : bool
        Keep reduced axes with size one.
    ord : float
        inf and -inf give the largest and the smallest magnitude, 0 counts what is not zero.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.vector_norm(cb.tensor([[3.0, 4.0], [6.0, 8.0]]), axis=1)
    tensor([ 5., 10.])
    """
    if not isinstance(ord, (int, float)):
        raise ArgumentTypeError(f"vector_norm: ord is a number, not {ord!r}; matrices have norms of their own")
    if ord != 0 and size_of(x.shape) == 0:
        return ops.sum(ops.abs(x), axis=axis, keepdims=keepdims)
    return ops.norm(x, ord, axis=axis, keepdims=keepdims)
