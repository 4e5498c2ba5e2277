"""Set functions, by array-api-extra where it keeps to the operands' device; it computes with our own functions."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..tensor import Tensor

__all__ = ["nunique", "setdiff1d", "union1d"]


def _extra() -> Any:
    import array_api_extra

    return array_api_extra


def nunique(x: Tensor, /) -> Tensor:
    """Return the number of distinct elements, as an int64 tensor without axes.

    Parameters
    ----------
    x : Tensor
        Any shape; each NaN counts for itself.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nunique(cb.tensor([3, 1, 3]))
    tensor(2)
    """
    return _extra().nunique(x)


def union1d(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return the distinct elements that either operand has, in order (NumPy's function).

    Parameters
    ----------
    x1, x2 : Tensor
        One axis each, on the same device.

    Returns
    -------
    Tensor
        One axis; its length depends on the data.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.union1d(cb.tensor([3, 1]), cb.tensor([2, 3]))
    tensor([1, 2, 3])
    """
    return _extra().union1d(x1, x2)


def setdiff1d(x1: Tensor, x2: Tensor, /, *, assume_unique: bool = False) -> Tensor:
    """Return the elements of the first operand that the second has not, distinct and in order (NumPy's function).

    Parameters
    ----------
    x1, x2 : Tensor
        Any shape, on the same device.
    assume_unique : bool, optional
        Whether each operand's elements are known to be distinct; they then keep their order.

    Returns
    -------
    Tensor
        One axis; its length depends on the data.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.setdiff1d(cb.tensor([5, 1, 3, 1]), cb.tensor([3]))
    tensor([1, 5])
    """
    # array-api-extra 0.11 makes a constant on the default device here.
    values = ops.reshape(x1, (-1,)) if assume_unique else ops.unique_values(x1)
    return values[ops.isin(values, x2, invert=True)]
