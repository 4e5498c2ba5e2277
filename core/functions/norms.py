"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, AxisError, DTypeError, ShapeError
from ..ops import row_function
from ..primitives.decompositions_tools import check_floating
from ..primitives.row import TABLE
from ..primitives.tools import axes_of, size_of
from ..tensor import Tensor
from .decompositions import checked_matrices
from .narrow_floats import in_single, is_narrow
from .torch_names import either

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]

_INFINITY = float("inf")


def _converted(name: str, x: Tensor, dtype: Any) -> Tensor:
    """Return `x` in another dtype, which must hold what it holds."""
    if dtype is None:
        return x
    kind = dtypes.as_dtype(dtype)
    if dtypes.promote_types(x.dtype, kind) is not kind:
        raise DTypeError(f"{name}: dtype {kind.name} is narrower than the operand's, {x.dtype.name}")
    return ops.astype(x, kind, copy=False)


def vector_norm(
    x: Tensor,
    /,
    ord: float = 2,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dim: Any = None,
    keepdim: bool = False,
    dtype: Any = None,
) -> Tensor:
    """Return the vector norm over axes, ``sum(|x|**ord)**(1/ord)``.

    Parameters
    ----------
    x : Tensor
        Floating-point.
    ord : float
        inf and -inf give the largest and the smallest magnitude, 0 counts what is not zero.
    axis : int or tuple of int, optional
        Default: all axes, taken as one vector. `dim` is a synonym.
    keepdims : bool
        Keep reduced axes with size one; `keepdim` is a synonym.
    dtype : DType, optional
        Convert `x` first.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.vector_norm(cb.tensor([[3.0, 4.0], [6.0, 8.0]]), axis=1)
    tensor([ 5., 10.])
    """
    axis, keepdims = either(axis, dim, "vector_norm"), keepdims or keepdim
    if not isinstance(ord, (int, float)) or isinstance(ord, bool):
        raise ArgumentTypeError(f"vector_norm: ord is a number, not {ord!r}; matrices have norms of their own")
    x = _converted("vector_norm", x, dtype)
    check_floating("vector_norm", x.dtype)
    if ord == 2:
        return row_function(TABLE["euclidean_norm"])(x, axis=axis, keepdims=keepdims)
    if is_narrow(x):
        return in_single(vector_norm, x, ord, axis, keepdims)
    if ord != 0 and size_of(x.shape) == 0:
        return ops.sum(ops.abs(x), axis=axis, keepdims=keepdims)
    return ops.norm(x, ord, axis=axis, keepdims=keepdims)


def matrix_norm(
    x: Tensor,
    /,
    ord: Any = "fro",
    axis: Any = (-2, -1),
    keepdims: bool = False,
    *,
    dim: Any = None,
    keepdim: bool = False,
    dtype: Any = None,
) -> Tensor:
    """Return the norm of the matrices in two axes.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, N), floating-point.
    ord : int, float or str
        ``"fro"``: the root of the sum of squares; ``"nuc"``: the sum of the singular values; 2 and -2: the largest and
        the smallest one; 1 and -1: the largest and the smallest sum of magnitudes of a column; inf and -inf: of a row.
    axis : pair of int
        The axes of rows and columns; `dim` is a synonym.
    keepdims : bool
        Keep the two axes with size one; `keepdim` is a synonym.
    dtype : DType, optional
        Convert `x` first.

    Returns
    -------
    Tensor
        Shape (...), real.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.matrix_norm(cb.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    axis, keepdims = axis if dim is None else dim, keepdims or keepdim
    x = _converted("matrix_norm", x, dtype)
    if ord not in ("fro", "nuc", 1, -1, 2, -2, _INFINITY, -_INFINITY) or isinstance(ord, bool):
        raise ArgumentError(f"matrix_norm: ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not {ord!r}")
    x = checked_matrices(x, "matrix_norm", square=False)
    axes = axes_of(axis, x.ndim, "matrix_norm")
    if len(axes) != 2:
        raise AxisError(f"matrix_norm: two axes are needed, not {axis!r}")
    if ord == "fro":
        found: Tensor = row_function(TABLE["euclidean_norm"])(x, axis=axes, keepdims=keepdims)
        return found
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    shape = x.shape
    if (*rest, *axes) != tuple(range(x.ndim)):
        x = ops.permute_dims(x, (*rest, *axes))
    if ord == "nuc" or abs(ord) == 2:
        values = row_function(TABLE["svdvals"])(x)
        found = ops.sum(values, axis=-1) if ord == "nuc" else _extreme(values, -1, ord > 0)
    else:
        along, across = (-2, -1) if abs(ord) == 1 else (-1, -1)
        found = _extreme(ops.sum(ops.abs(x), axis=along), across, ord > 0)
    return ops.reshape(found, tuple(1 if i in axes else n for i, n in enumerate(shape))) if keepdims else found


def _extreme(values: Tensor, axis: int, largest: bool) -> Tensor:
    """Return the largest or smallest of magnitudes; of none the largest is zero."""
    if values.shape[axis] == 0:
        if not largest:
            raise ArgumentError("matrix_norm: matrices without elements have no smallest sum or singular value")
        return ops.sum(values, axis=axis)
    return ops.max(values, axis=axis) if largest else ops.min(values, axis=axis)


def norm(
    x: Tensor,
    /,
    ord: float | str | None = None,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return a vector norm or a matrix norm.

    Parameters
    ----------
    x : Tensor
        Floating-point.
    ord : int, float or str, optional
        As for `vector_norm` along one axis, as for `matrix_norm` over two. None: the root of the sum of squares.
    axis : int or tuple of int, optional
        One axis or a pair. Default: all, as one vector where `ord` is None; else `x` is a vector or a matrix. `dim` is
        a synonym.
    keepdims : bool
        Keep reduced axes with size one; `keepdim` is a synonym.
    dtype : DType, optional
        Convert `x` first.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.norm(cb.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    axis, keepdims = either(axis, dim, "norm"), keepdims or keepdim
    x = _converted("norm", x, dtype)
    check_floating("norm", x.dtype)
    if ord is None:
        return vector_norm(x, axis=axis, keepdims=keepdims)
    if axis is None and x.ndim not in (1, 2):
        raise ShapeError(f"norm: with ord={ord!r} and no axis x is a vector or a matrix, got shape {x.shape}")
    axes = axes_of(axis, x.ndim, "norm")
    if len(axes) == 1:
        order: Any = ord
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=order)
    if len(axes) != 2:
        raise AxisError(f"norm: with ord={ord!r} one axis or two are needed, got {axis!r}")
    return matrix_norm(x, ord, axes, keepdims)


def cond(x: Tensor, /, p: float | str | None = None) -> Tensor:
    """Return the condition numbers of matrices: ``norm(x, p) * norm(inv(x), p)``.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, M), floating-point; any (..., M, N) where `p` is None, 2 or -2.
    p : int, float or str, optional
        A norm of `matrix_norm`. None or 2: the largest over the smallest singular value; -2: the inverse of that.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linalg.cond(cb.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    if p is None or p in (2, -2):
        values = row_function(TABLE["svdvals"])(checked_matrices(x, "cond", square=False))
        if values.shape[-1] == 0:
            raise ShapeError(f"cond: matrices without elements have no condition number, got shape {x.shape}")
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    x = checked_matrices(x, "cond")
    return matrix_norm(x, ord=p) * matrix_norm(row_function(TABLE["inv"])(x), ord=p)
