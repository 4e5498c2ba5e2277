"""PyTorch's commonest names for what the standard calls otherwise or has not; these take `dim` and `keepdim`, too."""

from __future__ import annotations

from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import size_of
from ..tensor import Tensor

__all__ = [
    "amax", "amin", "cumprod", "cumsum", "div", "eq", "ge", "gt", "le", "log_softmax", "logsumexp", "lt", "ne", "neg",
    "numel", "round", "softmax",
]  # fmt: skip


def either(axis: Any, dim: Any, operation: str) -> Any:
    """Return the axis that is given under one of its two names."""
    if dim is None:
        return axis
    if axis is not None:
        raise ArgumentError(f"{operation}: give axis or its synonym dim, not both")
    return dim


def needed(axis: Any, dim: Any, operation: str) -> Any:
    """Return the axis that must be given under one of its two names."""
    found = either(axis, dim, operation)
    if found is None:
        raise ArgumentTypeError(f"{operation}: an axis is needed, such as {operation}(x, axis=-1)")
    return found


def div(x1: Any, x2: Any, /, *, rounding_mode: str | None = None) -> Tensor:
    """Return the quotient (PyTorch's name for `divide`).

    Parameters
    ----------
    x1, x2 : Tensor or number
        They broadcast.
    rounding_mode : {None, "floor", "trunc"}
        Round the quotient down, or towards zero; the dtype is then that of the operands, and the gradient zero.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.div(cb.tensor([-7, 7]), 2, rounding_mode="trunc")
    tensor([-3,  3])
    """
    if rounding_mode is None:
        return ops.divide(x1, x2)
    if rounding_mode not in ("floor", "trunc"):
        raise ArgumentError(f'div: rounding_mode is None, "floor" or "trunc", got {rounding_mode!r}')
    down = ops.floor_divide(x1, x2)
    if rounding_mode == "floor":
        return down
    if down.dtype.is_floating_point:
        return ops.trunc(ops.divide(x1, x2))
    # One up where the exact quotient is negative and no whole number.
    left = ops.subtract(x1, ops.multiply(down, x2))
    return ops.where(ops.logical_and(ops.less(down, 0), ops.not_equal(left, 0)), down + 1, down)


def neg(x: Tensor, /) -> Tensor:
    """Return ``-x`` (PyTorch's name for `negative`)."""
    return ops.negative(x)


def eq(x1: Any, x2: Any, /) -> Tensor:
    """Say where the operands are equal (PyTorch's name for `equal`)."""
    return ops.equal(x1, x2)


def ne(x1: Any, x2: Any, /) -> Tensor:
    """Say where the operands differ (PyTorch's name for `not_equal`)."""
    return ops.not_equal(x1, x2)


def lt(x1: Any, x2: Any, /) -> Tensor:
    """Say where ``x1 < x2`` (PyTorch's name for `less`)."""
    return ops.less(x1, x2)


def le(x1: Any, x2: Any, /) -> Tensor:
    """Say where ``x1 <= x2`` (PyTorch's name for `less_equal`)."""
    return ops.less_equal(x1, x2)


def gt(x1: Any, x2: Any, /) -> Tensor:
    """Say where ``x1 > x2`` (PyTorch's name for `greater`)."""
    return ops.greater(x1, x2)


def ge(x1: Any, x2: Any, /) -> Tensor:
    """Say where ``x1 >= x2`` (PyTorch's name for `greater_equal`)."""
    return ops.greater_equal(x1, x2)


def numel(x: Tensor, /) -> int:
    """Return the number of elements (PyTorch's name for `x.size`)."""
    return size_of(x.shape)


def amax(x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return the largest values over axes (PyTorch's name for `max`)."""
    return ops.max(x, axis=either(axis, dim, "amax"), keepdims=keepdims or keepdim)


def amin(x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return the smallest values over axes (PyTorch's name for `min`)."""
    return ops.min(x, axis=either(axis, dim, "amin"), keepdims=keepdims or keepdim)


def cumsum(x: Tensor, /, axis: int | None = None, *, dtype: Any = None, dim: int | None = None) -> Tensor:
    """Return the running sum along an axis (PyTorch's name for `cumulative_sum`)."""
    return ops.cumulative_sum(x, axis=needed(axis, dim, "cumsum"), dtype=dtype)


def cumprod(x: Tensor, /, axis: int | None = None, *, dtype: Any = None, dim: int | None = None) -> Tensor:
    """Return the running product along an axis (PyTorch's name for `cumulative_prod`)."""
    return ops.cumulative_prod(x, axis=needed(axis, dim, "cumprod"), dtype=dtype)


def softmax(x: Tensor, /, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Return ``exp(x) / sum(exp(x))`` along an axis, without overflow.

    Parameters
    ----------
    x : Tensor
        Floating-point.
    axis : int
        The axis along which the results add up to one; `dim` is a synonym.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.softmax(cb.zeros(2), axis=0)
    tensor([0.5000, 0.5000])
    """
    return row_function(TABLE["softmax"])(x, axis=needed(axis, dim, "softmax"))


def log_softmax(x: Tensor, /, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Return the logarithm of `softmax` along an axis, without overflow.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.log_softmax(cb.zeros(2), axis=0)
    tensor([-0.6931, -0.6931])
    """
    return row_function(TABLE["log_softmax"])(x, axis=needed(axis, dim, "log_softmax"))


def logsumexp(
    x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = None, keepdim: bool = False
) -> Tensor:
    """Return ``log(sum(exp(x)))`` over axes, without overflow; no axis means all.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.logsumexp(cb.zeros(2))
    tensor(0.6931)
    """
    found = either(axis, dim, "logsumexp")
    return row_function(TABLE["logsumexp"])(x, axis=found, keepdims=keepdims or keepdim)


def round(x: Tensor, /, *, decimals: int = 0) -> Tensor:
    """Round to the nearest number of so many decimals, halves to even; the gradient is zero.

    Parameters
    ----------
    x : Tensor
        Numeric dtypes; integers only to whole numbers.
    decimals : int
        How many digits stay behind the point; negative ones stand before it.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.round(cb.tensor([2.5, -1.75])), cb.round(cb.tensor([3.14159]), decimals=2)
    (tensor([ 2., -2.]), tensor([3.1400]))
    """
    nearest = row_function(TABLE["round"])
    if decimals == 0:
        return nearest(x)
    if isinstance(decimals, bool) or not isinstance(decimals, int):
        raise ArgumentTypeError(f"round: decimals is an int, not {decimals!r}")
    if x.dtype.rank < 2:
        raise DTypeError(f"round: decimals are of floating-point numbers, not of {x.dtype.name}; convert first")
    if x.dtype.bits == 16:
        return ops.astype(round(ops.astype(x, dtypes.float32), decimals=decimals), x.dtype)
    scale = 10.0 ** abs(decimals)
    return nearest(x * scale) / scale if decimals > 0 else nearest(x / scale) * scale
