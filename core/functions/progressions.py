"""Vectors that grow by a factor, and matrices of powers."""

from __future__ import annotations

import math
import operator
from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..tensor import Tensor

__all__ = ["geomspace", "logspace", "range", "vander"]


def logspace(
    start: float | Tensor,
    end: float | Tensor,
    steps: int | None = None,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    num: int | None = None,
) -> Tensor:
    """Return ``base ** e`` for evenly spaced exponents from `start` to `end`, both included.

    Parameters
    ----------
    start, end : float or 0-d Tensor
        The first and the last exponent.
    steps : int
        How many; `num` is NumPy's name for it.
    base : float
        The base.
    dtype : DType, optional
        By default the default floating-point dtype; integers are cut off behind the point.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    number = _steps("logspace", steps, num)
    first, last = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    if isinstance(first, complex) or isinstance(last, complex):
        raise ArgumentTypeError("logspace: the exponents are real numbers")
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    # In double precision on the host: each value is then the nearest of its dtype.
    gap = (last - first) / (number - 1) if number > 1 else 0.0
    exponents = [last if i and i == number - 1 else first + i * gap for i in _upto(number)]
    return _filled([float(base) ** e for e in exponents], wanted, device, requires_grad)


def geomspace(
    start: float,
    end: float,
    steps: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    num: int | None = None,
) -> Tensor:
    """Return numbers from `start` to `end`, both included, each the same multiple of the one before (NumPy's function).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.geomspace(1, 8, 4)
    tensor([1., 2., 4., 8.])
    """
    number = _steps("geomspace", steps, num)
    first, last = float(start), float(end)
    if not first * last > 0 or not math.isfinite(first * last):
        raise ArgumentError(f"geomspace: two finite numbers of one sign are needed, got {start} and {end}")
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    growth = math.log(last / first) / (number - 1) if number > 1 else 0.0
    found = [last if i and i == number - 1 else first * math.exp(i * growth) for i in _upto(number)]
    return _filled(found, wanted, device, requires_grad)


def _steps(operation: str, steps: Any, num: Any) -> int:
    given = num if steps is None else steps
    if given is None or (steps is not None and num is not None):
        raise ArgumentTypeError(f"{operation}: the number of values is needed, as steps")
    try:
        number = operator.index(given)
    except TypeError:
        raise ArgumentTypeError(f"{operation}: the number of values is an int, not {given!r}") from None
    if number < 0:
        raise ArgumentError(f"{operation}: the number of values is not negative, got {number}")
    return number


def _upto(number: int) -> list[int]:
    # `range` is a function of this file.
    return [i for i, _ in enumerate((None,) * number)]


def _filled(values: list[float], dtype: dtypes.DType, device: Any, requires_grad: bool) -> Tensor:
    numbers: list[Any] = [int(v) for v in values] if dtype.rank == 1 else values
    found = ops.asarray(numbers, dtype=dtype, device=device)
    return found.requires_grad_() if requires_grad else found


def range(
    start: float = 0,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers from `start` to `end`, the end included; `arange`, which leaves it out, is the better habit.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.range(1, 3)
    tensor([1., 2., 3.])
    """
    if end is None:
        start, end = 0, start
    if not step or not 0 <= (end - start) / step < math.inf:
        raise ArgumentError(f"range: a step from {start} towards {end} is needed, got {step}")
    number = math.floor((end - start) / step) + 1
    wanted = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    found = ops.arange(number, dtype=None if wanted.rank < 2 else wanted, device=device) * step + start
    found = ops.astype(found, wanted, copy=False)
    return found.requires_grad_() if requires_grad else found


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the Vandermonde matrix of a vector: its columns are powers, the highest first.

    Parameters
    ----------
    x : Tensor
        A vector of M numbers; integers become int64.
    N : int, optional
        How many columns, by default M.
    increasing : bool
        Whether the lowest power comes first.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.vander(cb.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise ShapeError(f"vander: a vector is needed, got shape {tuple(x.shape)}")
    if x.dtype.rank < 2:
        x = ops.astype(x, x.device.whole, copy=False)
    columns = x.shape[0] if N is None else operator.index(N)
    if columns < 0:
        raise ArgumentError(f"vander: the number of columns is not negative, got {columns}")
    powers = [ops.ones_like(x)]
    for _ in _upto(columns - 1):
        powers.append(powers[-1] * x)
    if not columns:
        return ops.zeros((x.shape[0], 0), dtype=x.dtype, device=x.device.physical)
    return ops.stack(powers if increasing else powers[::-1], axis=1)
