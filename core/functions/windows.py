"""Windows for spectra, by PyTorch's names: Hann's, Hamming's, Blackman's, Bartlett's and Kaiser's."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..tensor import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return Hann's window ``0.5 - 0.5 cos(2 pi i / N)``.

    Parameters
    ----------
    window_length : int
        How many values, not negative.
    periodic : bool
        Whether N is `window_length`, as a spectrum wants it, or one less: then the window is symmetric.
    dtype : DType, optional
        Real floating-point. Default: the default dtype.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether the window is learned.

    Returns
    -------
    Tensor
        Shape (window_length,).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _cosines("hann_window", window_length, periodic, (0.5, -0.5), dtype, device, requires_grad)


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return Hamming's window ``alpha - beta cos(2 pi i / N)``; the arguments are those of `hann_window`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _cosines("hamming_window", window_length, periodic, (alpha, -beta), dtype, device, requires_grad)


def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return Blackman's window ``0.42 - 0.5 cos(2 pi i / N) + 0.08 cos(4 pi i / N)``; arguments as for `hann_window`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.blackman_window(6)[1:4]
    tensor([0.1300, 0.6300, 1.0000])
    """
    return _cosines("blackman_window", window_length, periodic, (0.42, -0.5, 0.08), dtype, device, requires_grad)


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return Bartlett's window, a triangle: ``1 - abs(2 i / N - 1)``; the arguments are those of `hann_window`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window(
        "bartlett_window", window_length, periodic, lambda i, n: 1.0 - ops.abs(i * (2.0 / n) - 1.0), dtype, device,
        requires_grad,
    )  # fmt: skip


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return Kaiser's window ``I0(beta sqrt(1 - (2 i / N - 1)^2)) / I0(beta)``; arguments as for `hann_window`.

    I0 is the modified Bessel function of order 0.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.kaiser_window(4, beta=2.0)
    tensor([0.4387, 0.8348, 1.0000, 0.8348])
    """

    def shape(i: Tensor, n: int) -> Tensor:
        across = i * (2.0 / n) - 1.0
        inside = ops.sqrt(ops.clip(1.0 - across * across, 0.0, None))
        return ops.i0(inside * float(beta)) / ops.i0(ops.full_like(inside[:1], float(beta)))

    return _window("kaiser_window", window_length, periodic, shape, dtype, device, requires_grad)


def _cosines(
    name: str, length: Any, periodic: bool, factors: tuple[float, ...], dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    """A sum of cosines of whole multiples of one turn."""

    def shape(i: Tensor, n: int) -> Tensor:
        total: Any = factors[0]
        for k, factor in enumerate(factors[1:], start=1):
            total = total + factor * ops.cos(i * (2.0 * math.pi * k / n))
        return total

    return _window(name, length, periodic, shape, dtype, device, requires_grad)


def _window(name: str, length: Any, periodic: bool, shape: Callable[[Tensor, int], Tensor], *rest: Any) -> Tensor:
    return shaped(name, "window_length", length, periodic, shape, *rest)


def shaped(
    name: str,
    what: str,
    length: Any,
    periodic: bool,
    shape: Callable[[Tensor, int], Tensor],
    dtype: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    """Return the window whose values a function makes of their places and of N."""
    try:
        count = operator.index(length)
    except TypeError:
        raise ArgumentTypeError(f"{name}: {what} is an int, not {length!r}") from None
    if count < 0:
        raise ArgumentError(f"{name}: {what} must not be negative, got {count}")
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not kind.is_floating_point:
        raise DTypeError(f"{name}: a real floating-point dtype is needed, got {kind.name}")
    if count < 2:
        made = ops.ones((count,), dtype=kind, device=device)
    else:
        # Half precision has no room for the places of a long window.
        wide = kind if kind.bits >= 32 else dtypes.float32
        places = ops.arange(count, dtype=wide, device=device)
        made = ops.astype(shape(places, count if periodic else count - 1), kind)
    return made.requires_grad_() if requires_grad else made
