"""One tensor laid over a part of another: a slice, a range of slices, a diagonal."""

from __future__ import annotations

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, IndexOutOfRangeError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import axis_index
from ..tensor import Tensor
from .matrices import _two_axes, on_diagonal
from .torch_names import either

__all__ = ["diagonal_scatter", "select_scatter", "slice_scatter"]


def _laid(operation: str, x: Tensor, src: Tensor, expected: tuple[int, ...]) -> Tensor:
    if tuple(src.shape) != expected:
        raise ShapeError(f"{operation}: src has shape {tuple(src.shape)}, the place for it {expected}")
    if src.dtype.is_complex and not x.dtype.is_complex:
        raise ArgumentTypeError(f"{operation}: complex values cannot be written into a tensor of {x.dtype.name}")
    return src if src.dtype is x.dtype else ops.astype(src, x.dtype)


def select_scatter(
    x: Tensor, src: Tensor, axis: int | None = None, index: int | None = None, *, dim: int | None = None
) -> Tensor:
    """Return `x` with `src` as its slice number `index` along an axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.select_scatter(cb.zeros((2, 2)), cb.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    given = either(axis, dim, "select_scatter")
    if given is None or index is None:
        raise ArgumentTypeError("select_scatter: an axis and an index are needed")
    at = axis_index(given, x.ndim, "select_scatter")
    n = x.shape[at]
    if not -n <= index < n:
        raise IndexOutOfRangeError(f"select_scatter: index {index} is out of range for axis {at} of size {n}")
    src = _laid("select_scatter", x, src, (*x.shape[:at], *x.shape[at + 1 :]))
    key = (*(("slice", None, None, None),) * at, index)
    return row_function(TABLE["setitem"])(x, src, [], key=key)


def slice_scatter(
    x: Tensor,
    src: Tensor,
    axis: int | None = None,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    dim: int | None = None,
) -> Tensor:
    """Return `x` with `src` in place of the slices ``start:end:step`` along an axis, by default the first.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.slice_scatter(cb.zeros(4), cb.ones(2), 0, 0, 4, 2)
    tensor([1., 0., 1., 0.])
    """
    given = either(axis, dim, "slice_scatter")
    at = axis_index(0 if given is None else given, x.ndim, "slice_scatter")
    if step < 1:
        raise ArgumentError(f"slice_scatter: the step is positive, got {step}")
    width = len(range(*slice(start, end, step).indices(x.shape[at])))
    src = _laid("slice_scatter", x, src, (*x.shape[:at], width, *x.shape[at + 1 :]))
    key = (*(("slice", None, None, None),) * at, ("slice", start, end, step))
    return row_function(TABLE["setitem"])(x, src, [], key=key)


def diagonal_scatter(
    x: Tensor,
    src: Tensor,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    *,
    dim1: int | None = None,
    dim2: int | None = None,
) -> Tensor:
    """Return `x` with `src` in place of its diagonals (see `diagonal`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.diagonal_scatter(cb.zeros((2, 2)), cb.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    if x.ndim < 2:
        raise ShapeError(f"diagonal_scatter: at least two axes are needed, got shape {tuple(x.shape)}")
    plane = (axis1 if dim1 is None else dim1, axis2 if dim2 is None else dim2)
    plane = _two_axes("diagonal_scatter", *plane, x.ndim)
    rest = tuple(n for i, n in enumerate(x.shape) if i not in plane)
    rows, columns = x.shape[plane[0]], x.shape[plane[1]]
    top = max(-offset, 0)
    n = max(min(rows - top, columns - max(offset, 0)), 0)
    src = _laid("diagonal_scatter", x, src, (*rest, n))
    turned = ops.moveaxis(x, plane, (-2, -1))
    return ops.moveaxis(on_diagonal(turned, src, offset), (-2, -1), plane)
