"""Discrete Fourier transforms along several axes, by the names of the array API standard and of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..errors import ArgumentTypeError, AxisError, ShapeError
from ..primitives.tools import axes_of
from ..tensor import Tensor
from .fourier import as_complex, as_real, factor_of, real_size_along, size_along, sized


def fftn(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int | None = None,
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return the discrete Fourier transform along several axes.

    Parameters
    ----------
    x : Tensor
        Complex; real numbers and integers become complex ones.
    s : sequence of ints, optional
        The lengths of the transforms: `x` is cut, or gets zeros at its ends; -1 means the axis's size.
        Default: the axes' sizes.
    axes : sequence of ints, optional
        The axes to transform, no one twice; `dim` is a synonym. Default: all, or the last ones where `s` is given.
    norm : str
        ``"backward"`` leaves the sum as it is, ``"forward"`` divides it by the product of `s`,
        ``"ortho"`` by the root of that.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Sizes `s` along the axes, complex of the same precision.

    Raises
    ------
    AxisError
        If an axis is out of bounds, or stands twice.
    ArgumentError
        If a size is less than 1, or `norm` none of the three.
    ShapeError
        If there are not as many sizes as axes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.fftn(cb.tensor([[1.0, 3.0], [0.0, 0.0]]))
    tensor([[ 4.+0.j, -2.+0.j],
            [ 4.+0.j, -2.+0.j]])
    """
    return _along_many("fftn", x, s, axes if dim is None else dim, norm, inverse=False)


def ifftn(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int | None = None,
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return the inverse of `fftn`.

    Parameters
    ----------
    x : Tensor
        Complex; real numbers and integers become complex ones.
    s : sequence of ints, optional
        The lengths of the transforms: `x` is cut, or gets zeros at its ends; -1 means the axis's size.
        Default: the axes' sizes.
    axes : sequence of ints, optional
        The axes to transform, no one twice; `dim` is a synonym. Default: all, or the last ones where `s` is given.
    norm : str
        ``"backward"`` divides the sum by the product of `s`, ``"ortho"`` by its root, ``"forward"`` leaves it as it is.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Sizes `s` along the axes, complex of the same precision.

    Raises
    ------
    AxisError
        If an axis is out of bounds, or stands twice.
    ArgumentError
        If a size is less than 1, or `norm` none of the three.
    ShapeError
        If there are not as many sizes as axes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.ifftn(cb.tensor([[4.0, -2.0], [4.0, -2.0]]))
    tensor([[1.+0.j, 3.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _along_many("ifftn", x, s, axes if dim is None else dim, norm, inverse=True)


def rfftn(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int | None = None,
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return the discrete Fourier transform of real numbers along several axes; of the last of these its first half.

    Parameters
    ----------
    x : Tensor
        Real floating-point; integers become the default dtype.
    s : sequence of ints, optional
        The lengths of the transforms: `x` is cut, or gets zeros at its ends; -1 means the axis's size.
        Default: the axes' sizes.
    axes : sequence of ints, optional
        The axes to transform, no one twice; `dim` is a synonym. Default: all, or the last ones where `s` is given.
    norm : str
        ``"backward"`` leaves the sum as it is, ``"forward"`` divides it by the product of `s`,
        ``"ortho"`` by the root of that.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Sizes `s` along the axes, ``s[-1] // 2 + 1`` along the last, complex of the same precision.

    Raises
    ------
    AxisError
        If an axis is out of bounds, or stands twice.
    ArgumentError
        If a size is less than 1, or `norm` none of the three.
    ShapeError
        If there are not as many sizes as axes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.rfftn(cb.tensor([[1.0, 3.0], [0.0, 0.0]]))
    tensor([[ 4.+0.j, -2.+0.j],
            [ 4.+0.j, -2.+0.j]])
    """
    return _from_real_many("rfftn", x, s, axes if dim is None else dim, norm, inverse=False)


def irfftn(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int | None = None,
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return the inverse of `rfftn`.

    Parameters
    ----------
    x : Tensor
        Complex; real numbers and integers become complex ones.
    s : sequence of ints, optional
        The sizes of the result: of the last axis the first ``s[-1] // 2 + 1`` elements of `x` are used.
        Default: the axes' sizes, of the last ``2 * (M - 1)``; -1 means the default.
    axes : sequence of ints, optional
        The axes to transform, no one twice; `dim` is a synonym. Default: all, or the last ones where `s` is given.
    norm : str
        ``"backward"`` divides the sum by the product of `s`, ``"ortho"`` by its root, ``"forward"`` leaves it as it is.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Sizes `s` along the axes, real of the same precision.

    Raises
    ------
    AxisError
        If an axis is out of bounds, or stands twice.
    ArgumentError
        If a size is less than 1, or `norm` none of the three.
    ShapeError
        If there are not as many sizes as axes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.irfftn(cb.tensor([[4.0, -2.0], [4.0, -2.0]]))
    tensor([[1., 3.],
            [0., 0.]])
    """
    return _to_real_many("irfftn", x, s, axes if dim is None else dim, norm, inverse=True)


def fft2(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int = (-2, -1),
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return `fftn` along two axes, by default the last.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.fft2(cb.ones((5, 4, 4))).shape
    (5, 4, 4)
    """
    return _along_many("fft2", x, s, axes if dim is None else dim, norm, inverse=False)


def ifft2(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int = (-2, -1),
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return `ifftn` along two axes, by default the last.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.ifft2(cb.ones((5, 4, 4))).shape
    (5, 4, 4)
    """
    return _along_many("ifft2", x, s, axes if dim is None else dim, norm, inverse=True)


def rfft2(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int = (-2, -1),
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return `rfftn` along two axes, by default the last.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.rfft2(cb.ones((5, 4, 4))).shape
    (5, 4, 3)
    """
    return _from_real_many("rfft2", x, s, axes if dim is None else dim, norm, inverse=False)


def irfft2(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int = (-2, -1),
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return `irfftn` along two axes, by default the last.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.irfft2(cb.ones((5, 4, 4))).shape
    (5, 4, 6)
    """
    return _to_real_many("irfft2", x, s, axes if dim is None else dim, norm, inverse=True)


def hfftn(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int | None = None,
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return the discrete Fourier transform, along several axes, of a signal that is Hermitian along the last of them.

    The arguments are those of `irfftn`, with ``norm="backward"`` for no division.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.hfftn(cb.ones((5, 4, 4))).shape
    (5, 4, 6)
    """
    return _to_real_many("hfftn", x, s, axes if dim is None else dim, norm, inverse=False)


def ihfftn(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int | None = None,
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return the inverse of `hfftn`: of the last axis the first half.

    The arguments are those of `rfftn`, with ``norm="backward"`` for a division by the product of `s`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.ihfftn(cb.ones((5, 4, 4))).shape
    (5, 4, 3)
    """
    return _from_real_many("ihfftn", x, s, axes if dim is None else dim, norm, inverse=True)


def hfft2(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int = (-2, -1),
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return `hfftn` along two axes, by default the last.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.hfft2(cb.ones((5, 4, 4))).shape
    (5, 4, 6)
    """
    return _to_real_many("hfft2", x, s, axes if dim is None else dim, norm, inverse=False)


def ihfft2(
    x: Tensor,
    /,
    s: Sequence[int] | int | None = None,
    axes: Sequence[int] | int = (-2, -1),
    norm: str | None = "backward",
    *,
    dim: Sequence[int] | int | None = None,
) -> Tensor:
    """Return `ihfftn` along two axes, by default the last.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.ihfft2(cb.ones((5, 4, 4))).shape
    (5, 4, 3)
    """
    return _from_real_many("ihfft2", x, s, axes if dim is None else dim, norm, inverse=True)


def _along_many(name: str, x: Tensor, s: Any, axes: Any, norm: Any, *, inverse: bool) -> Tensor:
    found, sizes = _axes_and_sizes(name, x, s, axes)
    lengths = tuple(size_along(name, x, a, n) for a, n in zip(found, sizes, strict=True))
    factor = factor_of(name, norm, math.prod(lengths), inverse)
    given = as_complex(name, x)
    for a, n in zip(found, lengths, strict=True):
        given = sized(given, a, n)
    return ops.fft_c2c(given, axis=found, inverse=inverse, scale=factor)


def _from_real_many(name: str, x: Tensor, s: Any, axes: Any, norm: Any, *, inverse: bool) -> Tensor:
    found, sizes = _axes_and_sizes(name, x, s, axes, real=True)
    lengths = tuple(size_along(name, x, a, n) for a, n in zip(found, sizes, strict=True))
    factor = factor_of(name, norm, math.prod(lengths), inverse)
    given = as_real(name, x)
    for a, n in zip(found, lengths, strict=True):
        given = sized(given, a, n)
    half = ops.fft_r2c(given, axis=found[-1], scale=factor)
    half = ops.conj(half) if inverse else half
    return ops.fft_c2c(half, axis=found[:-1], inverse=inverse) if found[:-1] else half


def _to_real_many(name: str, x: Tensor, s: Any, axes: Any, norm: Any, *, inverse: bool) -> Tensor:
    found, sizes = _axes_and_sizes(name, x, s, axes, real=True)
    lengths = tuple(size_along(name, x, a, n) for a, n in zip(found[:-1], sizes[:-1], strict=True))
    last = real_size_along(name, x, found[-1], sizes[-1])
    factor = factor_of(name, norm, math.prod(lengths) * last, inverse)
    given = as_complex(name, x)
    for a, n in zip(found, (*lengths, last // 2 + 1), strict=True):
        given = sized(given, a, n)
    if lengths:
        given = ops.fft_c2c(given, axis=found[:-1], inverse=inverse)
    return ops.fft_c2r(given if inverse else ops.conj(given), n=last, axis=found[-1], scale=factor)


def _axes_and_sizes(
    name: str, x: Tensor, s: Any, axes: Any, *, real: bool = False
) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Return the axes, none negative, and for each a size or None."""
    given: tuple[Any, ...] | None = None
    if s is not None:
        if isinstance(s, int) and not isinstance(s, bool):
            s = (s,)
        if not isinstance(s, (tuple, list)):
            raise ArgumentTypeError(f"{name}: s is a sequence of ints, not {s!r}")
        given = tuple(None if n == -1 else n for n in s)
    if axes is None and given is not None:
        if len(given) > x.ndim:
            raise ShapeError(f"{name}: {len(given)} sizes are given for a tensor of {x.ndim} axes")
        axes = tuple(range(x.ndim - len(given), x.ndim))
    found = axes_of(axes, x.ndim, name)
    if given is None:
        given = (None,) * len(found)
    if len(given) != len(found):
        raise ShapeError(f"{name}: {len(given)} sizes are given for {len(found)} axes")
    if real and not found:
        raise AxisError(f"{name}: at least one axis is needed, of which half the spectrum is kept")
    return found, given
