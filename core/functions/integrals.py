"""Sampled functions: integrals and derivatives along an axis, interpolation between samples, convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..primitives.tools import axes_of, axis_index
from ..tensor import Tensor
from .torch_names import either

__all__ = ["convolve", "cumulative_trapezoid", "gradient", "interp", "trapezoid", "trapz"]


def _cut(x: Tensor, axis: int, start: int | None, stop: int | None) -> Tensor:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _strips(operation: str, y: Tensor, x: Any, dx: Any, axis: Any, dim: Any) -> tuple[Tensor, int]:
    """Return twice the areas of the strips between neighbours, and the axis."""
    given = either(axis, dim, operation)
    if y.ndim == 0:
        raise ShapeError(f"{operation}: samples along an axis are needed, got a 0-d tensor")
    if y.dtype.kind == "bool":
        raise DTypeError(f"{operation}: takes numbers, not bool; convert first")
    at = axis_index(-1 if given is None else given, y.ndim, operation)
    pairs = _cut(y, at, None, -1) + _cut(y, at, 1, None)
    if x is None:
        width = 1.0 if dx is None else dx
        return pairs * width if isinstance(width, Tensor) or width != 1 else pairs, at
    if dx is not None:
        raise ArgumentError(f"{operation}: give the places x or their distance dx, not both")
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"{operation}: the places x are a tensor, not {type(x).__name__}; a distance is dx=")
    if x.dtype.kind == "bool":
        raise DTypeError(f"{operation}: the places are numbers, not bool; convert first")
    if x.ndim == 1:
        if x.shape[0] != y.shape[at]:
            raise ShapeError(f"{operation}: {x.shape[0]} places are given for {y.shape[at]} samples")
        x = ops.reshape(x, (-1,) + (1,) * (y.ndim - at - 1))
        return (x[1:] - x[:-1]) * pairs, at
    lifted = ops.reshape(x, (1,) * (y.ndim - x.ndim) + tuple(x.shape)) if x.ndim < y.ndim else x
    return (_cut(lifted, at, 1, None) - _cut(lifted, at, None, -1)) * pairs, at


def trapezoid(
    y: Tensor,
    x: Tensor | None = None,
    *,
    dx: float | Tensor | None = None,
    axis: int | None = None,
    dim: int | None = None,
) -> Tensor:
    """Return the integral along an axis by the trapezoidal rule.

    Parameters
    ----------
    y : Tensor
        The samples.
    x : Tensor, optional
        Their places: one for each along the axis, or a tensor that broadcasts with `y`.
    dx : float, optional
        The distance between places, by default 1.
    axis : int, optional
        By default the last; `dim` is a synonym.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.trapezoid(cb.tensor([1.0, 5.0, 3.0]), cb.tensor([0.0, 1.0, 3.0]))
    tensor(11.)
    """
    strips, at = _strips("trapezoid", y, x, dx, axis, dim)
    return ops.sum(strips, axis=at) / 2.0


trapz = trapezoid


def cumulative_trapezoid(
    y: Tensor,
    x: Tensor | None = None,
    *,
    dx: float | Tensor | None = None,
    axis: int | None = None,
    dim: int | None = None,
) -> Tensor:
    """Return the running integral along an axis by the trapezoidal rule; the axis gets shorter by one.

    The arguments are those of `trapezoid`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cumulative_trapezoid(cb.tensor([1.0, 5.0, 3.0]))
    tensor([3., 7.])
    """
    strips, at = _strips("cumulative_trapezoid", y, x, dx, axis, dim)
    return ops.cumulative_sum(strips, axis=at) / 2.0


def gradient(
    x: Tensor, *, spacing: float | Tensor | Sequence[Any] = 1, axis: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Return the derivatives of a sampled function along axes, by central differences of second order.

    Parameters
    ----------
    x : Tensor
        The samples; floating-point, or integers, which become so.
    spacing : float, sequence of float, or sequence of Tensor
        The distance between samples, one for each axis, or for each axis a vector of the samples' coordinates.
    axis : int or sequence of int, optional
        By default all; `dim` is a synonym.
    edge_order : {1, 2}
        The order of the differences at both ends.

    Returns
    -------
    tuple of Tensor
        One of the shape of `x` for each axis.

    Notes
    -----
    Quarteroni, Sacco and Saleri, Numerical Mathematics (2007); the same as NumPy's and PyTorch's functions.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.gradient(cb.tensor([1.0, 4.0, 9.0, 16.0]))[0]
    tensor([3., 4., 6., 7.])
    """
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order is 1 or 2, not {edge_order!r}")
    if x.dtype.kind == "bool":
        raise DTypeError("gradient: takes numbers, not bool; convert first")
    over = either(axis, dim, "gradient")
    axes = axes_of(list(over) if isinstance(over, (tuple, list)) else over, x.ndim, "gradient")
    if isinstance(spacing, (tuple, list)):
        steps = list(spacing)
        if len(steps) != len(axes):
            raise ArgumentError(f"gradient: {len(steps)} spacings are given for {len(axes)} axes")
    else:
        steps = [spacing] * len(axes)
    if x.dtype.rank < 2:
        x = ops.astype(x, dtypes.get_default_dtype())
    return tuple(_derivative(x, at, step, edge_order) for at, step in zip(axes, steps, strict=True))


def _derivative(x: Tensor, at: int, step: Any, edge_order: int) -> Tensor:
    n = x.shape[at]
    if n < edge_order + 1:
        raise ShapeError(f"gradient: {edge_order + 1} samples are needed along axis {at}, got shape {tuple(x.shape)}")

    def sample(start: int | None, stop: int | None = None) -> Tensor:
        return _cut(x, at, start, stop)

    def first(i: int) -> Tensor:
        return _cut(x, at, i, i + 1 if i != -1 else None)

    if isinstance(step, Tensor) and step.ndim:
        if step.ndim != 1 or step.shape[0] != n:
            raise ShapeError(f"gradient: {n} coordinates are needed along axis {at}, got shape {tuple(step.shape)}")
        widths = ops.astype(step[1:] - step[:-1], ops.real(x).dtype if x.dtype.is_complex else x.dtype, copy=False)
        line = ops.reshape(widths, (-1,) + (1,) * (x.ndim - at - 1))
        left, right = line[:-1], line[1:]
        ends = [line[0], line[-1]]
        inside = (
            -right / (left * (left + right)) * sample(None, -2)
            + (right - left) / (left * right) * sample(1, -1)
            + left / (right * (left + right)) * sample(2)
        )
        if edge_order == 2:
            a, b = line[0], line[1]
            begin = (
                -(2.0 * a + b) / (a * (a + b)) * first(0)
                + (a + b) / (a * b) * first(1)
                - a / (b * (a + b)) * first(2)
            )
            a, b = line[-2], line[-1]
            end = (
                b / (a * (a + b)) * first(-3)
                - (a + b) / (a * b) * first(-2)
                + (2.0 * b + a) / (b * (a + b)) * first(-1)
            )
    else:
        inside = (sample(2) - sample(None, -2)) / (2.0 * step)
        ends = [step, step]
        if edge_order == 2:
            begin = (-1.5 * first(0) + 2.0 * first(1) - 0.5 * first(2)) / step
            end = (1.5 * first(-1) - 2.0 * first(-2) + 0.5 * first(-3)) / step
    if edge_order == 1:
        begin, end = (first(1) - first(0)) / ends[0], (first(-1) - first(-2)) / ends[1]
    return ops.concat([begin, inside, end], axis=at)


def interp(
    x: Any,
    xp: Tensor,
    fp: Tensor,
    left: Any = None,
    right: Any = None,
    period: float | None = None,
) -> Tensor:
    """Return values between samples, by straight lines (NumPy's function).

    Parameters
    ----------
    x : Tensor or float
        Where the values are wanted, any shape.
    xp, fp : Tensor
        Vectors of one length: places, ascending unless there is a period, and the samples there.
    left, right : float or Tensor, optional
        What stands before the first and behind the last place; by default the first and last samples.
    period : float, optional
        The function repeats itself; `left` and `right` do not matter.

    Returns
    -------
    Tensor
        The shape of `x`. Gradients flow to `x`, `xp` and `fp`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.interp(cb.tensor([0.5, 3.0]), cb.tensor([0.0, 1.0]), cb.tensor([10.0, 20.0]))
    tensor([15., 20.])
    """
    if xp.ndim != 1 or fp.ndim != 1 or xp.shape != fp.shape or not xp.shape[0]:
        raise ShapeError(
            f"interp: places and samples are vectors of one length, got shapes {tuple(xp.shape)} and {tuple(fp.shape)}"
        )
    if xp.dtype.kind in ("complex", "bool"):
        raise DTypeError(f"interp: places are real numbers, not {xp.dtype.name}")
    kind = xp.dtype if xp.dtype.kind == "float" else dtypes.get_default_dtype()
    if isinstance(x, Tensor):
        kind = dtypes.promote_types(kind, x.dtype)
    x = ops.asarray(x, dtype=kind, device=xp.device.physical) if not isinstance(x, Tensor) else ops.astype(x, kind)
    xp = ops.astype(xp, kind, copy=False)
    fp = fp if fp.dtype.rank >= 2 else ops.astype(fp, kind)
    if period is not None:
        if not period or not math.isfinite(period):
            raise ArgumentError(f"interp: the period is a number other than zero, got {period}")
        size = abs(period)
        x, xp = ops.remainder(x, size), ops.remainder(xp, size)
        order = ops.argsort(xp.detach())
        xp, fp = ops.take(xp, order, axis=0), ops.take(fp, order, axis=0)
        xp = ops.concat([xp[-1:] - size, xp, xp[:1] + size])
        fp = ops.concat([fp[-1:], fp, fp[:1]])
        left = right = None
    n = xp.shape[0]
    flat = ops.reshape(x, (-1,))
    if n == 1:
        found = ops.broadcast_to(fp, flat.shape)
    else:
        place = ops.searchsorted(xp.detach(), flat.detach(), side="right") - 1
        place = ops.clip(place, 0, n - 2)
        here, there = ops.take(xp, place, axis=0), ops.take(xp, place + 1, axis=0)
        low, high = ops.take(fp, place, axis=0), ops.take(fp, place + 1, axis=0)
        width = there - here
        empty = ops.equal(width, 0)
        share = (flat - here) / ops.where(empty, 1.0, width)
        found = low + (high - low) * share
        # At a place itself the sample as it is, whatever its neighbour.
        found = ops.where(ops.logical_or(ops.equal(flat, here), empty), low, found)
        found = ops.where(ops.equal(flat, there), high, found)
    below, above = flat < xp[0], flat > xp[-1]
    found = ops.where(below, fp[0] if left is None else left, found)
    found = ops.where(above, fp[-1] if right is None else right, found)
    return ops.reshape(found, tuple(x.shape))


def convolve(x1: Tensor, x2: Tensor, mode: str = "full") -> Tensor:
    """Return the convolution of two vectors (NumPy's function).

    Parameters
    ----------
    x1, x2 : Tensor
        Vectors of M and N elements, numeric.
    mode : {"full", "same", "valid"}
        All ``M + N - 1`` places where the vectors meet, the middle ``max(M, N)`` of them, or those where they overlap
        wholly.

    Notes
    -----
    A sum of products for each place; for two long vectors a product of `fft.rfft` is faster and rounds more.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.convolve(cb.tensor([1, 2, 3]), cb.tensor([0, 1]))
    tensor([0, 1, 2, 3])
    """
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f"convolve: mode is 'full', 'same' or 'valid', not {mode!r}")
    if x1.ndim != 1 or x2.ndim != 1 or not x1.size or not x2.size:
        raise ShapeError(f"convolve: two vectors with elements are needed, got {tuple(x1.shape)} and {tuple(x2.shape)}")
    kind = ops.result_type(x1, x2)
    if kind.kind == "bool":
        raise DTypeError("convolve: takes numbers, not bool; convert first")
    long, short = (x1, x2) if x1.size >= x2.size else (x2, x1)
    long, short = ops.astype(long, kind, copy=False), ops.astype(short, kind, copy=False)
    m = short.shape[0]
    if mode == "full":
        margin = (m - 1, m - 1)
    elif mode == "same":
        # NumPy's middle: of two it is the earlier one.
        margin = (m // 2, (m - 1) // 2)
    else:
        margin = (0, 0)
    parts = [ops.zeros((k,), dtype=kind, device=long.device.physical) for k in margin]
    padded = ops.concat([parts[0], long, parts[1]]) if any(margin) else long
    turned = ops.flip(short)
    if kind.kind == "float":
        found = ops.conv(ops.reshape(padded, (1, 1, -1)), ops.reshape(turned, (1, 1, -1)))
        return ops.reshape(found, (-1,))
    return ops.matmul(ops.unfold(padded, 0, m, 1), turned)


