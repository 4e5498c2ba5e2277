"""Discrete Fourier transforms along one axis, by the names of the array API standard."""

from __future__ import annotations

import math
import operator
from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..primitives.tools import axis_index
from ..tensor import Tensor

_NORMS = ("backward", "ortho", "forward")


def fft(
    x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward", *, dim: int | None = None
) -> Tensor:
    """Return the discrete Fourier transform along an axis: ``out[k] = sum_j x[j] exp(-2 pi i j k / n)``.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, ...), complex; real numbers and integers become complex ones.
    n : int, optional
        The length of the transform: `x` is cut, or gets zeros at its end. Default: M.
    axis : int
        The axis to transform; `dim` is a synonym.
    norm : str
        ``"backward"`` leaves the sum as it is, ``"ortho"`` divides it by the root of n, ``"forward"`` by n.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Shape (..., n, ...), complex of the same precision.

    Raises
    ------
    AxisError
        If the axis is out of bounds.
    ArgumentError
        If n is less than 1, or `norm` none of the three.
    DTypeError
        If `x` is boolean.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.fft(cb.tensor([1.0, 3.0]))
    tensor([ 4.+0.j, -2.+0.j])
    """
    return _along_one("fft", x, n, axis if dim is None else dim, norm, inverse=False)


def ifft(
    x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward", *, dim: int | None = None
) -> Tensor:
    """Return the inverse of `fft`: ``out[j] = sum_k x[k] exp(2 pi i j k / n) / n``.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, ...), complex; real numbers and integers become complex ones.
    n : int, optional
        The length of the transform: `x` is cut, or gets zeros at its end. Default: M.
    axis : int
        The axis to transform; `dim` is a synonym.
    norm : str
        ``"backward"`` divides the sum by n, ``"ortho"`` by the root of n, ``"forward"`` leaves it as it is.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Shape (..., n, ...), complex of the same precision.

    Raises
    ------
    AxisError
        If the axis is out of bounds.
    ArgumentError
        If n is less than 1, or `norm` none of the three.
    DTypeError
        If `x` is boolean.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.ifft(cb.tensor([4.0 + 0.0j, -2.0 + 0.0j]))
    tensor([1.+0.j, 3.+0.j])
    """
    return _along_one("ifft", x, n, axis if dim is None else dim, norm, inverse=True)


def rfft(
    x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward", *, dim: int | None = None
) -> Tensor:
    """Return the first half of the discrete Fourier transform of real numbers; the rest are its conjugates.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, ...), real floating-point; integers become the default dtype.
    n : int, optional
        The length of the transform: `x` is cut, or gets zeros at its end. Default: M.
    axis : int
        The axis to transform; `dim` is a synonym.
    norm : str
        ``"backward"`` leaves the sum as it is, ``"ortho"`` divides it by the root of n, ``"forward"`` by n.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Shape (..., n // 2 + 1, ...), complex of the same precision.

    Raises
    ------
    AxisError
        If the axis is out of bounds.
    ArgumentError
        If n is less than 1, or `norm` none of the three.
    DTypeError
        If `x` is boolean, or complex.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.rfft(cb.tensor([1.0, 3.0]))
    tensor([ 4.+0.j, -2.+0.j])
    """
    return _from_real("rfft", x, n, axis if dim is None else dim, norm)


def irfft(
    x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward", *, dim: int | None = None
) -> Tensor:
    """Return the inverse of `rfft`: the real numbers whose transform has `x` as its first half.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, ...), complex; real numbers and integers become complex ones.
    n : int, optional
        How many real numbers: of `x` the first ``n // 2 + 1`` elements are used, and zeros beyond its end.
        Default: ``2 * (M - 1)``.
    axis : int
        The axis to transform; `dim` is a synonym.
    norm : str
        ``"backward"`` divides the sum by n, ``"ortho"`` by the root of n, ``"forward"`` leaves it as it is.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Shape (..., n, ...), real of the same precision.

    Raises
    ------
    AxisError
        If the axis is out of bounds.
    ArgumentError
        If n is less than 1, or `norm` none of the three.
    DTypeError
        If `x` is boolean.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.irfft(cb.tensor([4.0 + 0.0j, -2.0 + 0.0j]))
    tensor([1., 3.])
    """
    return _to_real("irfft", x, n, axis if dim is None else dim, norm, inverse=True)


def hfft(
    x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward", *, dim: int | None = None
) -> Tensor:
    """Return the discrete Fourier transform of a signal with Hermitian symmetry, of which `x` is the first half.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, ...), complex; real numbers and integers become complex ones.
    n : int, optional
        How many real numbers: of `x` the first ``n // 2 + 1`` elements are used, and zeros beyond its end.
        Default: ``2 * (M - 1)``.
    axis : int
        The axis to transform; `dim` is a synonym.
    norm : str
        ``"backward"`` leaves the sum as it is, ``"ortho"`` divides it by the root of n, ``"forward"`` by n.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Shape (..., n, ...), real of the same precision.

    Raises
    ------
    AxisError
        If the axis is out of bounds.
    ArgumentError
        If n is less than 1, or `norm` none of the three.
    DTypeError
        If `x` is boolean.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.hfft(cb.tensor([2.0 + 0.0j, -1.0 + 0.0j]))
    tensor([1., 3.])
    """
    return _to_real("hfft", x, n, axis if dim is None else dim, norm, inverse=False)


def ihfft(
    x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward", *, dim: int | None = None
) -> Tensor:
    """Return the inverse of `hfft`: the first half of the inverse transform of real numbers.

    Parameters
    ----------
    x : Tensor
        Shape (..., M, ...), real floating-point; integers become the default dtype.
    n : int, optional
        The length of the transform: `x` is cut, or gets zeros at its end. Default: M.
    axis : int
        The axis to transform; `dim` is a synonym.
    norm : str
        ``"backward"`` divides the sum by n, ``"ortho"`` by the root of n, ``"forward"`` leaves it as it is.
        None means ``"backward"``.

    Returns
    -------
    Tensor
        Shape (..., n // 2 + 1, ...), complex of the same precision.

    Raises
    ------
    AxisError
        If the axis is out of bounds.
    ArgumentError
        If n is less than 1, or `norm` none of the three.
    DTypeError
        If `x` is boolean, or complex.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.ihfft(cb.tensor([1.0, 3.0]))
    tensor([ 2.-0.j, -1.-0.j])
    """
    return ops.conj(_from_real("ihfft", x, n, axis if dim is None else dim, _opposite("ihfft", norm)))


def _along_one(name: str, x: Tensor, n: Any, axis: Any, norm: Any, *, inverse: bool) -> Tensor:
    at = axis_index(axis, x.ndim, name)
    size = size_along(name, x, at, n)
    factor = factor_of(name, norm, size, inverse)
    return ops.fft_c2c(sized(as_complex(name, x), at, size), axis=at, inverse=inverse, scale=factor)


def _from_real(name: str, x: Tensor, n: Any, axis: Any, norm: Any) -> Tensor:
    at = axis_index(axis, x.ndim, name)
    size = size_along(name, x, at, n)
    return ops.fft_r2c(sized(as_real(name, x), at, size), axis=at, scale=factor_of(name, norm, size, False))


def _to_real(name: str, x: Tensor, n: Any, axis: Any, norm: Any, *, inverse: bool) -> Tensor:
    at = axis_index(axis, x.ndim, name)
    size = real_size_along(name, x, at, n)
    factor = factor_of(name, norm, size, inverse)
    half = sized(as_complex(name, x), at, size // 2 + 1)
    return ops.fft_c2r(half if inverse else ops.conj(half), n=size, axis=at, scale=factor)


def size_along(name: str, x: Tensor, axis: int, n: Any) -> int:
    """Return the length of the transform along an axis."""
    if n is None:
        if x.shape[axis] < 1:
            raise ShapeError(
                f"{name}: axis {axis} of shape {x.shape} is empty; a transform needs at least one element, or its "
                "length as an argument"
            )
        return x.shape[axis]
    return _positive(name, n)


def real_size_along(name: str, x: Tensor, axis: int, n: Any) -> int:
    """Return how many real numbers half a spectrum makes along an axis."""
    if n is not None:
        return _positive(name, n)
    if x.shape[axis] < 2:
        raise ShapeError(
            f"{name}: axis {axis} of shape {x.shape} is too short for half a spectrum; two elements are needed, or the "
            "number of results as an argument"
        )
    return 2 * (x.shape[axis] - 1)


def _positive(name: str, n: Any) -> int:
    try:
        size = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"{name}: the length of a transform is an int, not {n!r}") from None
    if size < 1:
        raise ArgumentError(f"{name}: the length of a transform must be positive, got {size}")
    return size


def sized(x: Tensor, axis: int, n: int) -> Tensor:
    """Return `x` cut to n elements along an axis, or with zeros behind it."""
    m = x.shape[axis]
    if m > n:
        return x[(*(slice(None),) * axis, slice(n), ...)]
    if m < n:
        return ops.pad(x, widths=tuple((0, n - m if i == axis else 0) for i in range(x.ndim)))
    return x


def factor_of(name: str, norm: Any, size: int, inverse: bool) -> float:
    """Return what a normalization multiplies by."""
    mode = "backward" if norm is None else norm
    if mode not in _NORMS:
        raise ArgumentError(f"{name}: norm is one of {', '.join(map(repr, _NORMS))}, not {norm!r}")
    if mode == "ortho":
        return 1.0 / math.sqrt(size)
    return 1.0 / size if (mode == "backward") is inverse else 1.0


def _opposite(name: str, norm: Any) -> Any:
    factor_of(name, norm, 1, False)
    return {"backward": "forward", None: "forward", "forward": "backward"}.get(norm, norm)


def as_complex(name: str, x: Tensor) -> Tensor:
    """Return numbers as complex ones, integers by the default dtype."""
    if x.dtype.is_complex:
        return x
    if x.dtype.kind == "bool":
        raise DTypeError(f"{name}: numbers are needed, got a tensor of bool; convert it with .float()")
    return ops.astype(x, dtypes.float_for(x.dtype).to_complex())


def as_real(name: str, x: Tensor) -> Tensor:
    """Return real numbers, integers in the default dtype."""
    if x.dtype.is_complex:
        raise DTypeError(
            f"{name}: real numbers are needed, got {x.dtype.name}; take their real part, or use {_WHOLE[name]}"
        )
    if x.dtype.kind == "bool":
        raise DTypeError(f"{name}: numbers are needed, got a tensor of bool; convert it with .float()")
    return x if x.dtype.is_floating_point else ops.astype(x, dtypes.float_for(x.dtype))


_WHOLE = {
    "rfft": "fft", "rfft2": "fft2", "rfftn": "fftn", "ihfft": "ifft", "ihfft2": "ifft2", "ihfftn": "ifftn",
}  # fmt: skip
