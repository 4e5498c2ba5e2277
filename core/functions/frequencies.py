"""What goes with the discrete Fourier transform: frequencies, and the order in which they stand."""

from __future__ import annotations

from typing import Any

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..primitives.tools import axes_of
from ..tensor import Tensor
from .torch_names import either


def fftfreq(
    n: int, /, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the frequencies of a discrete Fourier transform of length n: ``[0, 1, ..., -2, -1] / (n * d)``.

    Parameters
    ----------
    n : int
        The length of the transform.
    d : float
        The time between two samples.
    dtype : DType, optional
        Real floating-point. Default: the default dtype.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether gradients are recorded.

    Returns
    -------
    Tensor
        Shape (n,), in cycles per unit of `d`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    kind = _frequency_dtype("fftfreq", n, dtype)
    positive = ops.arange((n - 1) // 2 + 1, dtype=kind, device=device)
    negative = ops.arange(-(n // 2), 0, dtype=kind, device=device)
    found = ops.divide(ops.concat([positive, negative]), n * d)
    return found.requires_grad_() if requires_grad else found


def rfftfreq(
    n: int, /, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the frequencies of a discrete Fourier transform of n real numbers: ``[0, 1, ..., n // 2] / (n * d)``.

    Parameters
    ----------
    n : int
        The length of the transform.
    d : float
        The time between two samples.
    dtype : DType, optional
        Real floating-point. Default: the default dtype.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether gradients are recorded.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    kind = _frequency_dtype("rfftfreq", n, dtype)
    found = ops.divide(ops.arange(n // 2 + 1, dtype=kind, device=device), n * d)
    return found.requires_grad_() if requires_grad else found


def fftshift(x: Tensor, /, axes: Any = None, *, dim: Any = None) -> Tensor:
    """Return `x` with frequency zero moved to the middle of axes; no axes means all.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.fftshift(cb.tensor([0, 1, -2, -1]))
    tensor([-2, -1,  0,  1])
    """
    return _shifted(x, either(axes, dim, "fftshift"), "fftshift", lambda n: n // 2)


def ifftshift(x: Tensor, /, axes: Any = None, *, dim: Any = None) -> Tensor:
    """Return `x` with frequency zero moved from the middle of axes to their start: the inverse of `fftshift`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fft.ifftshift(cb.fft.fftshift(cb.arange(3)))
    tensor([0, 1, 2])
    """
    return _shifted(x, either(axes, dim, "ifftshift"), "ifftshift", lambda n: -(n // 2))


def _shifted(x: Tensor, axes: Any, name: str, shift: Any) -> Tensor:
    found = axes_of(axes, x.ndim, name)
    return ops.roll(x, tuple(shift(x.shape[a]) for a in found), axis=found) if found else ops.positive(x)


def _frequency_dtype(name: str, n: Any, dtype: Any) -> dtypes.DType:
    if not isinstance(n, int) or isinstance(n, bool):
        raise ArgumentTypeError(f"{name}: n is an int, not {n!r}")
    if n < 1:
        raise ArgumentError(f"{name}: n must be positive, got {n}")
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not kind.is_floating_point:
        raise DTypeError(f"{name}: a real floating-point dtype is needed, got {kind.name}")
    return kind
