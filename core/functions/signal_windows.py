"""Windows by the names of torch.signal.windows: there a window is symmetric, and `sym=False` makes it periodic."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError
from ..tensor import Tensor
from .windows import shaped

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann",
    "kaiser", "nuttall",
]  # fmt: skip


def _sum_of_cosines(factors: Sequence[float], i: Tensor, n: int) -> Tensor:
    total: Any = factors[0]
    for k, factor in enumerate(factors[1:], start=1):
        total = total + ((-1) ** k * factor) * ops.cos(i * (2.0 * math.pi * k / n))
    return total * ops.ones_like(i) if len(factors) == 1 else total


def _cosines(name: str, M: int, factors: Sequence[float], sym: bool, options: Any) -> Tensor:
    return _window(name, M, sym, functools.partial(_sum_of_cosines, factors), options)


def _window(name: str, M: int, sym: bool, shape: Callable[[Tensor, int], Tensor], options: Any) -> Tensor:
    return shaped(name, "M", M, not sym, shape, *options)


def general_cosine(
    M: int, *, a: Sequence[float], sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a window that is a sum of cosines, ``sum_k (-1)^k a[k] cos(2 pi k i / N)``.

    Parameters
    ----------
    M : int
        How many values, not negative.
    a : sequence of float
        The factors of the cosines.
    sym : bool
        Whether the window is symmetric, N one less than M; else N is M, as a spectrum wants it.
    dtype : DType, optional
        Real floating-point. Default: the default dtype.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether the window is learned.

    Returns
    -------
    Tensor
        Shape (M,).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, (list, tuple)) or not all(isinstance(v, (int, float)) for v in a):
        raise ArgumentTypeError(f"general_cosine: a is a sequence of numbers, not {a!r}")
    if not a:
        raise ArgumentError("general_cosine: at least one factor is needed")
    return _cosines("general_cosine", M, a, sym, (dtype, device, requires_grad))


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ``alpha - (1 - alpha) cos(2 pi i / N)``; the other arguments are those of `general_cosine`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.general_hamming(3, alpha=0.75)
    tensor([0.5000, 1.0000, 0.5000])
    """
    return _cosines("general_hamming", M, (alpha, 1.0 - alpha), sym, (dtype, device, requires_grad))


def hamming(
    M: int, *, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:  # fmt: skip
    """Return Hamming's window ``0.54 - 0.46 cos(2 pi i / N)``; the arguments are those of `general_cosine`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return _cosines("hamming", M, (0.54, 0.46), sym, (dtype, device, requires_grad))


def hann(M: int, *, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return Hann's window ``0.5 - 0.5 cos(2 pi i / N)``; the arguments are those of `general_cosine`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.hann(3)
    tensor([0., 1., 0.])
    """
    return _cosines("hann", M, (0.5, 0.5), sym, (dtype, device, requires_grad))


def blackman(
    M: int, *, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:  # fmt: skip
    """Return Blackman's window, of three cosines; the arguments are those of `general_cosine`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.blackman(4)[1]
    tensor(0.6300)
    """
    return _cosines("blackman", M, (0.42, 0.5, 0.08), sym, (dtype, device, requires_grad))


def nuttall(
    M: int, *, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:  # fmt: skip
    """Return Nuttall's window, of four cosines; the arguments are those of `general_cosine`.

    Source: A. Nuttall, "Some windows with very good sidelobe behavior" (1981).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.nuttall(4)[1]
    tensor(0.5292)
    """
    factors = (0.3635819, 0.4891775, 0.1365995, 0.0106411)
    return _cosines("nuttall", M, factors, sym, (dtype, device, requires_grad))


def bartlett(
    M: int, *, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:  # fmt: skip
    """Return Bartlett's window ``1 - abs(2 i / N - 1)``; the arguments are those of `general_cosine`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.bartlett(3)
    tensor([0., 1., 0.])
    """
    shape = lambda i, n: 1.0 - ops.abs(i * (2.0 / n) - 1.0)
    return _window("bartlett", M, sym, shape, (dtype, device, requires_grad))


def cosine(M: int, *, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return half a wave ``sin(pi (i + 0.5) / (N + 1))``; the arguments are those of `general_cosine`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    shape = lambda i, n: ops.sin((i + 0.5) * (math.pi / (n + 1)))
    return _window("cosine", M, sym, shape, (dtype, device, requires_grad))


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return ``exp(-abs(i - center) / tau)``; the other arguments are those of `general_cosine`.

    Parameters
    ----------
    center : float, optional
        Where the window is one. Default: ``N / 2``; a symmetric window has no other.
    tau : float
        How far from there it falls by e, positive.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if not tau > 0:
        raise ArgumentError(f"exponential: tau must be positive, got {tau}")
    if sym and center is not None:
        raise ArgumentError("exponential: a symmetric window has its center in its middle; leave center out")
    shape = lambda i, n: ops.exp(ops.abs(i - (n / 2 if center is None else center)) * (-1.0 / tau))
    if M == 1 and center is not None:
        # One value is not always the window's middle.
        return ops.full((1,), math.exp(-abs(center) / tau), dtype=dtype, device=device, requires_grad=requires_grad)
    return _window("exponential", M, sym, shape, (dtype, device, requires_grad))


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ``exp(-(i - N / 2)^2 / (2 std^2))``; the other arguments are those of `general_cosine`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if not std > 0:
        raise ArgumentError(f"gaussian: std must be positive, got {std}")
    shape = lambda i, n: ops.exp((i - n / 2) ** 2 * (-0.5 / (std * std)))
    return _window("gaussian", M, sym, shape, (dtype, device, requires_grad))


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return Kaiser's window `kaiser_window`; the other arguments are those of `general_cosine`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.signal.windows.kaiser(3, beta=0.0)
    tensor([1., 1., 1.])
    """
    if beta < 0:
        raise ArgumentError(f"kaiser: beta must not be negative, got {beta}")

    def shape(i: Tensor, n: int) -> Tensor:
        across = i * (2.0 / n) - 1.0
        inside = ops.sqrt(ops.clip(1.0 - across * across, 0.0, None))
        return ops.i0(inside * float(beta)) / ops.i0(ops.full_like(inside[:1], float(beta)))

    return _window("kaiser", M, sym, shape, (dtype, device, requires_grad))
