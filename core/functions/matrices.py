"""Matrices from pieces: diagonals, Kronecker products, blocks, quarter turns."""

from __future__ import annotations

from collections.abc import Sequence

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import axes_of, axis_index
from ..tensor import Tensor
from . import linear_algebra
from .manipulation import transpose

__all__ = ["block_diag", "diag", "diag_embed", "diagflat", "diagonal", "kron", "rot90"]


def _two_axes(operation: str, axis1: int, axis2: int, ndim: int) -> tuple[int, int]:
    found = axis_index(axis1, ndim, operation), axis_index(axis2, ndim, operation)
    if found[0] == found[1]:
        raise ArgumentError(f"{operation}: two different axes are needed, not {axis1} and {axis2}")
    return found


def diagonal(
    x: Tensor,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    *,
    dim1: int | None = None,
    dim2: int | None = None,
) -> Tensor:
    """Return the diagonals of the matrices in two axes; `linalg.diagonal` takes the last two.

    Parameters
    ----------
    x : Tensor
        At least two axes, any dtype.
    offset : int
        Which diagonal: above the main one where positive, below where negative.
    axis1, axis2 : int
        The axes of rows and columns; `dim1` and `dim2` are synonyms.

    Returns
    -------
    Tensor
        The other axes, then one along the diagonal.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.diagonal(cb.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if x.ndim < 2:
        raise ShapeError(f"diagonal: at least two axes are needed, got shape {tuple(x.shape)}")
    rows, columns = _two_axes("diagonal", axis1 if dim1 is None else dim1, axis2 if dim2 is None else dim2, x.ndim)
    return linear_algebra.diagonal(ops.moveaxis(x, (rows, columns), (-2, -1)), offset=offset)


def diag_embed(
    x: Tensor,
    offset: int = 0,
    axis1: int = -2,
    axis2: int = -1,
    *,
    dim1: int | None = None,
    dim2: int | None = None,
) -> Tensor:
    """Return matrices with the values of the last axis on a diagonal, zeros elsewhere.

    Parameters
    ----------
    x : Tensor
        Shape (..., N).
    offset : int
        Which diagonal; the matrices are square, of size ``N + abs(offset)``.
    axis1, axis2 : int
        Where the rows and columns stand in the result; `dim1` and `dim2` are synonyms.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.diag_embed(cb.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if x.ndim < 1:
        raise ShapeError("diag_embed: at least one axis is needed, got a 0-d tensor")
    rows, columns = _two_axes(
        "diag_embed", axis1 if dim1 is None else dim1, axis2 if dim2 is None else dim2, x.ndim + 1
    )
    size = x.shape[-1] + abs(offset)
    zeros = ops.zeros((*x.shape[:-1], size, size), dtype=x.dtype, device=x.device.physical)
    return ops.moveaxis(on_diagonal(zeros, x, offset), (-2, -1), (rows, columns))


def on_diagonal(x: Tensor, line: Tensor, offset: int) -> Tensor:
    """Return `x` with a diagonal of the matrices in its last two axes replaced."""
    rows, columns = x.shape[-2:]
    n = line.shape[-1]
    if not n:
        return ops.alias(x)
    # In a row of all elements two neighbours on the diagonal lie a whole row and one element apart.
    start = max(-offset, 0) * columns + max(offset, 0)
    key = (Ellipsis, ("slice", start, start + (n - 1) * (columns + 1) + 1, columns + 1))
    flat = ops.reshape(x, (*x.shape[:-2], rows * columns))
    return ops.reshape(row_function(TABLE["setitem"])(flat, line, [], key=key), tuple(x.shape))


def diag(x: Tensor, offset: int = 0, *, diagonal: int = 0) -> Tensor:
    """Return a matrix with a vector on its diagonal, or the diagonal of a matrix; `diagonal` is PyTorch's `offset`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.diag(cb.eye(2))
    tensor([1., 1.])
    """
    at = offset or diagonal
    if x.ndim not in (1, 2):
        raise ShapeError(f"diag: a vector or a matrix is needed, got shape {tuple(x.shape)}; use diagonal, diag_embed")
    return diag_embed(x, at) if x.ndim == 1 else linear_algebra.diagonal(x, offset=at)


def diagflat(x: Tensor, offset: int = 0) -> Tensor:
    """Return a matrix with all values on its diagonal.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.diagflat(cb.ones((2, 2))).shape
    (4, 4)
    """
    return diag_embed(ops.reshape(x, (-1,)), offset)


def kron(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the Kronecker product: every element of `x1` times all of `x2`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.kron(cb.tensor([1, 10]), cb.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    n = max(x1.ndim, x2.ndim)
    one, two = (1,) * (n - x1.ndim) + tuple(x1.shape), (1,) * (n - x2.ndim) + tuple(x2.shape)
    left = ops.reshape(x1, tuple(m for a in one for m in (a, 1)))
    right = ops.reshape(x2, tuple(m for b in two for m in (1, b)))
    return ops.reshape(left * right, tuple(a * b for a, b in zip(one, two, strict=True)))


def block_diag(*tensors: Tensor) -> Tensor:
    """Return a matrix with matrices along its diagonal, zeros elsewhere; a vector counts as a row.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.block_diag(cb.tensor([1, 2]), cb.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    if not tensors or not all(isinstance(t, Tensor) for t in tensors):
        raise ArgumentTypeError("block_diag: at least one tensor is needed, each an argument of its own")
    if any(t.ndim > 2 for t in tensors):
        shapes = ", ".join(str(tuple(t.shape)) for t in tensors)
        raise ShapeError(f"block_diag: tensors of at most two axes are needed, got shapes {shapes}")
    kind = ops.result_type(*tensors)
    blocks = [ops.astype(t if t.ndim == 2 else ops.reshape(t, (1, -1)), kind, copy=False) for t in tensors]
    width, left, rows = sum(b.shape[1] for b in blocks), 0, []
    for b in blocks:
        sides = (left, width - left - b.shape[1])
        gaps = [ops.zeros((b.shape[0], n), dtype=kind, device=b.device.physical) for n in sides]
        rows.append(ops.concat([gaps[0], b, gaps[1]], axis=1))
        left += b.shape[1]
    return ops.concat(rows, axis=0)


def rot90(x: Tensor, k: int = 1, axes: Sequence[int] = (0, 1), *, dims: Sequence[int] | None = None) -> Tensor:
    """Return the tensor turned by `k` quarters in the plane of two axes, from the first towards the second.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.rot90(cb.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    plane = axes_of(tuple(axes if dims is None else dims), x.ndim, "rot90")
    if len(plane) != 2:
        raise ArgumentError(f"rot90: two axes are needed, not {len(plane)}")
    turns = k % 4
    if turns == 2:
        return ops.flip(x, axis=plane)
    if turns == 1:
        return transpose(ops.flip(x, axis=plane[1]), *plane)
    return ops.flip(transpose(x, *plane), axis=plane[1]) if turns else ops.positive(x)
