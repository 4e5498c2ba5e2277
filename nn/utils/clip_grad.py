"""Clipping gradients, by their norm or by value."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

from ...core import dtypes, ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError, ArgumentTypeError
from ...core.functions.narrow_floats import is_narrow
from ...core.tensor import Tensor


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of several tensors as if they were one vector.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        Any shapes and devices.
    norm_type : float
        The p of the norm; infinity for the largest magnitude.
    error_if_nonfinite : bool
        Whether a norm that is nan or infinite is an error.
    foreach : bool, optional
        Accepted as PyTorch has it; there it chooses an implementation.

    Returns
    -------
    Tensor
        0-d, on the first tensor's device.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.utils.get_total_norm([cb.asarray([3.]), cb.asarray([[4.]])])
    tensor(5.)
    """
    # A tensor without elements adds nothing, whatever the order.
    values = [value for value in ([tensors] if isinstance(tensors, Tensor) else tensors) if value.size]
    norm_type = float(norm_type)
    if not values:
        return ops.asarray(0.0)
    with no_grad():
        total = _norm([value.detach() for value in values], norm_type)
    if error_if_nonfinite and not bool(ops.isfinite(total)):
        raise ArgumentError(
            f"the total norm of order {norm_type} is {total.item()}, so it cannot scale the gradients; "
            "set error_if_nonfinite=False to clip all the same"
        )
    return total


def _norm(values: list[Any], p: float) -> Any:
    """Return the p-norm of all elements, on the first tensor's device."""
    if is_narrow(*values):
        # Squares of 16-bit floats overflow long before their root does.
        total = _norm([ops.astype(value, dtypes.float32) if is_narrow(value) else value for value in values], p)
        return ops.astype(total, values[0].dtype) if all(map(is_narrow, values)) else total
    device = values[0].device
    parts = [_power_sum(value, p).to(device) for value in values]
    joined = ops.stack(parts)
    if p == math.inf:
        return ops.max(joined)
    if p == -math.inf:
        return ops.min(joined)
    total = ops.sum(joined)
    if p == 2.0:
        return ops.sqrt(total)
    return total if p in (0.0, 1.0) else total ** (1.0 / p)


def _power_sum(x: Any, p: float) -> Any:
    """Return what one tensor adds to the p-th power of the norm; for infinite p its largest (or smallest) magnitude."""
    if p == 2.0:
        flat = ops.reshape(ops.abs(x) if x.dtype.is_complex else x, (-1,))
        return ops.vecdot(flat, flat)
    if p == 0.0:
        return ops.sum(ops.astype(ops.not_equal(x, 0), x.dtype))
    size = ops.abs(x)
    if p == 1.0:
        return ops.sum(size)
    if p == math.inf:
        return ops.max(size)
    return ops.min(size) if p == -math.inf else ops.sum(size**p)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    r"""Scale the parameters' gradients by a norm that is known.

    .. math:: g \leftarrow g \cdot \min(1, \mathrm{max} / (\mathrm{total} + 10^{-6}))

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> w = nn.Parameter(cb.zeros(1))
    >>> w.grad = cb.asarray([4.])
    >>> nn.utils.clip_grads_with_norm_(w, 2.0, cb.asarray(8.))
    >>> w.grad
    tensor([1.0000])
    """
    with no_grad():
        # On the device, without waiting for the norm to arrive on the host.
        scale = ops.minimum(ops.divide(float(max_norm), ops.add(total_norm, 1e-6)), 1.0)
        scales: dict[Any, Any] = {}
        for parameter in _with_grad(parameters):
            grad = parameter.grad
            key = grad.device, grad.dtype
            if key not in scales:
                scales[key] = scale.to(grad.device).to(grad.dtype)
            grad.mul_(scales[key])


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    r"""Scale the parameters' gradients so that their common norm is at most `max_norm`.

    .. math:: g \leftarrow g \cdot \min(1, \mathrm{max} / (\lVert g \rVert + 10^{-6}))

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    max_norm : float
        The largest norm allowed.
    norm_type : float
        The p of the norm; infinity for the largest magnitude.
    error_if_nonfinite : bool
        Whether a norm that is nan or infinite is an error; the gradients are then unchanged.
    foreach : bool, optional
        Accepted as PyTorch has it; there it chooses an implementation.

    Returns
    -------
    Tensor
        The norm before clipping, 0-d.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> w = nn.Parameter(cb.zeros(2))
    >>> w.grad = cb.asarray([3., 4.])
    >>> nn.utils.clip_grad_norm_([w], 10.0)
    tensor(5.)
    """
    chosen = _with_grad(parameters)
    total = get_total_norm([p.grad for p in chosen], norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(chosen, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Call `clip_grad_norm_` under its deprecated name, which warns.

    Examples
    --------
    >>> import warnings
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     nn.utils.clip_grad_norm([nn.Parameter(cb.zeros(2))], 1.0)
    tensor(0.)
    """
    warnings.warn("nn.utils.clip_grad_norm is deprecated; use nn.utils.clip_grad_norm_", FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Cut the parameters' gradients off at ± `clip_value`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> w = nn.Parameter(cb.zeros(2))
    >>> w.grad = cb.asarray([3., -0.5])
    >>> nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([ 1.0000, -0.5000])
    """
    bound = float(clip_value)
    with no_grad():
        for parameter in _with_grad(parameters):
            parameter.grad.copy_(ops.clip(parameter.grad.detach(), -bound, bound))


def _with_grad(parameters: Tensor | Iterable[Tensor]) -> list[Any]:
    values: list[Any] = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for value in values:
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"parameters are tensors, got {type(value).__name__}")
    return [value for value in values if value.grad is not None]
