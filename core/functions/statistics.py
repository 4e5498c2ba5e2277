"""Statistics: two at once, covariances, what is commonest, and reductions that leave NaN out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import dtypes, ops
from ..device import checks_values
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..primitives.tools import axes_of, axis_index
from ..tensor import Tensor
from .counting import nansum
from .selection import ValuesAndIndices
from .torch_names import either

__all__ = [
    "aminmax", "corrcoef", "cov", "mode", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmin",
    "nanprod", "nanstd", "nanvar", "renorm", "std_mean", "var_mean",
]  # fmt: skip


class MinMax(NamedTuple):
    """The smallest and the largest values."""

    min: Tensor
    max: Tensor


def aminmax(
    x: Tensor, *, axis: int | None = None, keepdims: bool = False, dim: int | None = None, keepdim: bool = False
) -> MinMax:
    """Return the smallest and the largest values, of all elements or along an axis; NaN wins.

    Equal extrema share the gradient.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.aminmax(cb.tensor([3, 1, 2]))
    MinMax(min=tensor(1), max=tensor(3))
    """
    over, keep = either(axis, dim, "aminmax"), keepdims or keepdim
    if not x.ndim and over is not None:
        axis_index(over, 1, "aminmax")
        over = None
    return MinMax(ops.min(x, axis=over, keepdims=keep), ops.max(x, axis=over, keepdims=keep))


def _spread_and_mean(
    operation: str,
    spread: Callable[..., Tensor],
    x: Tensor,
    axis: Any,
    correction: float | None,
    keepdims: bool,
    unbiased: bool | None,
) -> tuple[Tensor, Tensor]:
    if isinstance(axis, bool):
        # PyTorch's oldest form has `unbiased` where the axis stands now.
        axis, unbiased = None, axis
    if unbiased is not None:
        if correction is not None:
            raise ArgumentError(f"{operation}: give correction or unbiased, not both")
        correction = int(unbiased)
    if x.dtype.kind not in ("float", "complex"):
        raise DTypeError(f"{operation}: takes floating-point numbers, not {x.dtype.name}; convert first")
    over = tuple(axis) if isinstance(axis, list) else axis
    found = spread(x, axis=over, correction=1.0 if correction is None else float(correction), keepdims=keepdims)
    return found, ops.mean(x, axis=over, keepdims=keepdims)


def std_mean(
    x: Tensor,
    axis: Any = None,
    *,
    correction: float | None = None,
    keepdims: bool = False,
    unbiased: bool | None = None,
    dim: Any = None,
    keepdim: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the standard deviation and the mean over axes.

    This is PyTorch's function and divides by ``n - 1`` unless told otherwise; `std`, the standard's, divides by ``n``.

    Parameters
    ----------
    x : Tensor
        Floating-point, any shape.
    axis : int or sequence of int, optional
        No axis means all; `dim` is a synonym.
    correction : float, optional
        What is taken off ``n``, by default 1. ``unbiased=False`` means 0.
    keepdims : bool
        Keep the axes with size one.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.std_mean(cb.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(2.))
    """
    keep, over = keepdims or keepdim, either(axis, dim, "std_mean")
    return _spread_and_mean("std_mean", ops.std, x, over, correction, keep, unbiased)


def var_mean(
    x: Tensor,
    axis: Any = None,
    *,
    correction: float | None = None,
    keepdims: bool = False,
    unbiased: bool | None = None,
    dim: Any = None,
    keepdim: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the variance, by default divided by ``n - 1``, and the mean over axes (see `std_mean`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.var_mean(cb.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    keep, over = keepdims or keepdim, either(axis, dim, "var_mean")
    return _spread_and_mean("var_mean", ops.var, x, over, correction, keep, unbiased)


def cov(
    x: Tensor, *, correction: float = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Return the covariances of variables, of which each row holds the observations.

    Parameters
    ----------
    x : Tensor
        Shape (M, N): M variables of N observations each; a vector is one variable.
    correction : float
        What is taken off the number of observations; 0 divides by N.
    fweights : Tensor, optional
        How often each observation counts: integers of shape (N,).
    aweights : Tensor, optional
        How much each observation counts: floating-point, shape (N,).

    Returns
    -------
    Tensor
        Shape (M, M), of one variable 0-d. Complex: element (i, j) is that of ``x[i]`` with the conjugate of ``x[j]``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cov(cb.tensor([[0.0, 2.0], [3.0, 1.0]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    if x.ndim > 2:
        raise ShapeError(f"cov: a matrix of variables and observations is needed, got shape {tuple(x.shape)}")
    if x.dtype.kind == "bool":
        raise DTypeError("cov: takes numbers, not bool; convert first")
    rows = x if x.ndim == 2 else ops.reshape(x, (1, x.size))
    n = rows.shape[1]
    weights = _weights(fweights, aweights, n)
    if rows.dtype.rank < 2:
        rows = ops.astype(rows, dtypes.get_default_dtype())
    if weights is None:
        degrees: Any = max(n - correction, 0)
        if not degrees:
            warnings.warn(f"cov: {n} observations less {correction} leave no degree of freedom", stacklevel=2)
        centred = rows - (ops.mean(rows, axis=1, keepdims=True) if n else 0.0)
        right = centred
    else:
        real = ops.real(rows).dtype if rows.dtype.is_complex else rows.dtype
        weights = ops.astype(weights, real, copy=False)
        total = ops.sum(weights)
        if checks_values(total.device) and not bool(total.detach() != 0):
            raise ArgumentError("cov: the weights add up to zero")
        if aweights is not None and correction:
            share = ops.sum(weights * ops.astype(aweights, real, copy=False)) / total
            degrees = ops.maximum(total - correction * share, 0.0)
        else:
            degrees = ops.maximum(total - correction, 0.0)
        centred = rows - ops.sum(rows * weights, axis=1, keepdims=True) / total
        right = centred * weights
    product = ops.matmul(centred, ops.conj(right).mT if right.dtype.is_complex else right.mT)
    found = product / degrees
    return found if x.ndim == 2 and x.shape[0] != 1 else ops.reshape(found, ())


def _weights(fweights: Tensor | None, aweights: Tensor | None, n: int) -> Tensor | None:
    for name, given, kinds, what in (
        ("fweights", fweights, ("signed", "unsigned"), "integers"),
        ("aweights", aweights, ("float",), "floating-point numbers"),
    ):
        if given is None:
            continue
        if given.ndim > 1 or given.size != n:
            raise ShapeError(f"cov: {name} has shape {tuple(given.shape)}, there are {n} observations")
        if given.dtype.kind not in kinds:
            raise DTypeError(f"cov: {name} are {what}, not {given.dtype.name}")
        if checks_values(given.device) and n and bool(ops.any(given.detach() < 0)):
            raise ArgumentError(f"cov: {name} are not negative")
    if fweights is None or aweights is None:
        return fweights if aweights is None else aweights
    return ops.astype(fweights, aweights.dtype) * aweights


def corrcoef(x: Tensor) -> Tensor:
    """Return the correlation coefficients of variables, of which each row holds the observations (see `cov`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.corrcoef(cb.tensor([[0.0, 2.0], [3.0, 1.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if x.ndim > 2:
        raise ShapeError(f"corrcoef: a matrix of variables and observations is needed, got shape {tuple(x.shape)}")
    found = cov(x)
    if not found.ndim:
        return found / found
    scale = ops.sqrt(ops.real(ops.diagonal(found)) if found.dtype.is_complex else ops.diagonal(found))
    found = found / ops.expand_dims(scale, axis=1) / ops.expand_dims(scale, axis=0)
    if found.dtype.is_complex:
        return found
    return ops.clip(found, -1.0, 1.0)


def mode(
    x: Tensor, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False
) -> ValuesAndIndices:
    """Return the commonest value along an axis, the smallest of equally common ones, and its last index.

    Parameters
    ----------
    x : Tensor
        Real numbers, any shape; no NaN equals another.
    axis : int, optional
        The axis, by default the last; `dim` is a synonym.
    keepdims : bool
        Keep the axis with size one.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.mode(cb.tensor([3, 1, 3, 2])).values
    tensor(3)
    """
    from .selection import _gathered, _one_axis

    booleans = x.dtype.kind == "bool"
    lines, at, flat = _one_axis("mode", ops.astype(x, dtypes.uint8) if booleans else x, axis, dim)
    n = lines.shape[at]
    if n == 0:
        raise ShapeError(f"mode: at least one element is needed along the axis, got shape {tuple(x.shape)}")
    order = ops.argsort(lines.detach(), axis=at, stable=True)
    ordered = ops.take_along_axis(lines.detach(), order, axis=at)
    head = (slice(None),) * at
    place = ops.reshape(
        ops.arange(n, dtype=x.device.whole, device=x.device.physical), (n,) + (1,) * (lines.ndim - at - 1)
    )
    changed = ops.not_equal(ordered[(*head, slice(1, None))], ordered[(*head, slice(None, -1))])
    starts = ops.concat([ops.zeros_like(order[(*head, slice(0, 1))]), ops.where(changed, place[1:], 0)], axis=at)
    length = place - ops.cummax(starts, axis=at).values
    # Each run is longest at its end; there stands its last element.
    best = ops.argmax(length, axis=at, keepdims=True)
    found = _gathered(lines, ops.take_along_axis(order, best, axis=at), at, keepdims or keepdim, flat)
    return ValuesAndIndices(ops.astype(found.values, x.dtype), found.indices) if booleans else found


def renorm(
    x: Tensor,
    p: float,
    axis: int | None = None,
    maxnorm: float | None = None,
    *,
    dim: int | None = None,
) -> Tensor:
    """Return the tensor with every slice across an axis shortened to a largest p-norm; shorter ones stay.

    Parameters
    ----------
    x : Tensor
        Floating-point, at least two axes.
    p : float
        The norm's power, positive.
    axis : int
        The axis whose slices are taken; `dim` is a synonym.
    maxnorm : float
        Not negative.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.renorm(cb.tensor([[1.0, 1.0], [3.0, 3.0]]), 1, 0, 3.0)
    tensor([[1.0000, 1.0000],
            [1.5000, 1.5000]])
    """
    given = either(axis, dim, "renorm")
    if given is None or maxnorm is None:
        raise ArgumentTypeError("renorm: an axis and a largest norm are needed, such as renorm(x, 2, 0, 1.0)")
    if x.dtype.kind not in ("float", "complex"):
        raise DTypeError(f"renorm: takes floating-point numbers, not {x.dtype.name}; convert first")
    if not p > 0 or not maxnorm >= 0:
        raise ArgumentError(f"renorm: p is positive and maxnorm not negative, got {p} and {maxnorm}")
    if x.ndim < 2:
        raise ShapeError(f"renorm: at least two axes are needed, got shape {tuple(x.shape)}")
    at = axis_index(given, x.ndim, "renorm")
    lengths = ops.norm(x, float(p), axis=tuple(i for i in range(x.ndim) if i != at), keepdims=True)
    # The 1e-7 is PyTorch's.
    return x * ops.where(ops.greater(lengths, maxnorm), maxnorm / (lengths + 1e-7), 1.0)


def _without_nan(operation: str, x: Tensor, value: float) -> Tensor:
    if x.dtype.kind == "complex":
        raise DTypeError(f"{operation}: takes real numbers, not {x.dtype.name}; take x.real or x.imag first")
    return ops.where(ops.isnan(x), value, x) if x.dtype.kind == "float" else x


def _nan_extremum(operation: str, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    worst = -math.inf if operation == "nanmax" else math.inf
    kept = _without_nan(operation, x, worst)
    found = (ops.max if operation == "nanmax" else ops.min)(kept, axis=axis, keepdims=keepdims)
    if x.dtype.kind != "float":
        return found
    return ops.where(ops.all(ops.isnan(x), axis=axis, keepdims=keepdims), math.nan, found)


def nanmax(x: Tensor, axis: Any = None, keepdims: bool = False, *, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return the largest values over axes of what is no NaN; NaN where there is nothing else.

    Equal ones share the gradient.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanmax(cb.tensor([1.0, float("nan"), 2.0]))
    tensor(2.)
    """
    return _nan_extremum("nanmax", x, either(axis, dim, "nanmax"), keepdims or keepdim)


def nanmin(x: Tensor, axis: Any = None, keepdims: bool = False, *, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return the smallest values over axes of what is no NaN; NaN where there is nothing else.

    Equal ones share the gradient.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanmin(cb.tensor([1.0, float("nan"), 2.0]))
    tensor(1.)
    """
    return _nan_extremum("nanmin", x, either(axis, dim, "nanmin"), keepdims or keepdim)


def _nan_place(operation: str, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    x = x.detach()
    if x.dtype.kind != "float":
        return (ops.argmax if operation == "nanargmax" else ops.argmin)(x, axis=axis, keepdims=keepdims)
    best = _nan_extremum("nanmax" if operation == "nanargmax" else "nanmin", x, axis, True)
    if checks_values(x.device) and bool(ops.any(ops.isnan(best))):
        raise ArgumentError(f"{operation}: a slice holds nothing but NaN, and has no such index")
    return ops.argmax(ops.astype(ops.equal(x, best), dtypes.uint8), axis=axis, keepdims=keepdims)


def nanargmax(
    x: Tensor, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False
) -> Tensor:
    """Return the index of the first largest value of what is no NaN; without an axis, of all elements.

    A slice of nothing but NaN is refused where the tensor lies on the host, and gives 0 elsewhere.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanargmax(cb.tensor([1.0, float("nan"), 2.0]))
    tensor(2)
    """
    return _nan_place("nanargmax", x, either(axis, dim, "nanargmax"), keepdims or keepdim)


def nanargmin(
    x: Tensor, axis: int | None = None, keepdims: bool = False, *, dim: int | None = None, keepdim: bool = False
) -> Tensor:
    """Return the index of the first smallest value of what is no NaN (see `nanargmax`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanargmin(cb.tensor([float("nan"), 3.0, 2.0]))
    tensor(2)
    """
    return _nan_place("nanargmin", x, either(axis, dim, "nanargmin"), keepdims or keepdim)


def nanprod(
    x: Tensor, axis: Any = None, keepdims: bool = False, *, dtype: Any = None, dim: Any = None, keepdim: bool = False
) -> Tensor:
    """Return the product over axes of what is no NaN.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanprod(cb.tensor([2.0, float("nan"), 3.0]))
    tensor(6.)
    """
    over = either(axis, dim, "nanprod")
    return ops.prod(_without_nan("nanprod", x, 1.0), axis=over, dtype=dtype, keepdims=keepdims or keepdim)


def nancumsum(x: Tensor, axis: int | None = None, *, dtype: Any = None, dim: int | None = None) -> Tensor:
    """Return the running sum along an axis, in which NaN counts as zero.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nancumsum(cb.tensor([1.0, float("nan"), 2.0]), 0)
    tensor([1., 1., 3.])
    """
    kept = _without_nan("nancumsum", x, 0.0)
    return ops.cumsum(kept, either(axis, dim, "nancumsum"), dtype=dtype)


def nancumprod(x: Tensor, axis: int | None = None, *, dtype: Any = None, dim: int | None = None) -> Tensor:
    """Return the running product along an axis, in which NaN counts as one.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nancumprod(cb.tensor([2.0, float("nan"), 3.0]), 0)
    tensor([2., 2., 6.])
    """
    kept = _without_nan("nancumprod", x, 1.0)
    return ops.cumprod(kept, either(axis, dim, "nancumprod"), dtype=dtype)


def nanvar(
    x: Tensor,
    axis: Any = None,
    keepdims: bool = False,
    *,
    correction: float = 0.0,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the variance over axes of what is no NaN, divided by their number less `correction`.

    NaN where no degree of freedom is left.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanvar(cb.tensor([1.0, float("nan"), 3.0]))
    tensor(1.)
    """
    return _nan_variance("nanvar", x, either(axis, dim, "nanvar"), keepdims or keepdim, correction)


def nanstd(
    x: Tensor,
    axis: Any = None,
    keepdims: bool = False,
    *,
    correction: float = 0.0,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the standard deviation over axes of what is no NaN (see `nanvar`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nanstd(cb.tensor([1.0, float("nan"), 3.0]))
    tensor(1.)
    """
    found = _nan_variance("nanstd", x, either(axis, dim, "nanstd"), keepdims or keepdim, correction)
    # The gradient at zero is zero, as that of `std`.
    zero = ops.equal(found, 0.0)
    return ops.where(zero, 0.0, ops.sqrt(ops.where(zero, 1.0, found)))


def _nan_variance(operation: str, x: Tensor, axis: Any, keepdims: bool, correction: float) -> Tensor:
    if x.dtype.kind != "float":
        raise DTypeError(f"{operation}: takes floating-point numbers, not {x.dtype.name}; convert first, as x.float()")
    over = axes_of(list(axis) if isinstance(axis, (tuple, list)) else axis, x.ndim, operation)
    real = ops.logical_not(ops.isnan(x))
    number = ops.sum(ops.astype(real, x.dtype), axis=over, keepdims=True)
    mean = nansum(x, over, True) / number
    squares = ops.sum(ops.where(real, ops.square(ops.where(real, x, 0.0) - mean), 0.0), axis=over, keepdims=True)
    degrees = number - correction
    found = ops.where(ops.greater(degrees, 0), squares, math.nan) / ops.where(ops.greater(degrees, 0), degrees, 1.0)
    return found if keepdims else ops.squeeze(found, over)
