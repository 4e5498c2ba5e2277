"""Clipping gradients, by their norm or by value."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import reduce
from typing import Any

from ...core import dtypes, ops
from ...core.autograd import no_grad
from ...core.dtypes import promote_types
from ...core.errors import ArgumentError, ArgumentTypeError
from ...core.inplace import warn_of_lost_write
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
    values = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not values:
        return ops.asarray(0.0)
    with no_grad():
        total = _norm(values, norm_type)
    if error_if_nonfinite and not bool(ops.isfinite(total)):
        raise ArgumentError(
            f"the total norm of order {norm_type} is {total.item()}, so it cannot scale the gradients; "
            "set error_if_nonfinite=False to clip all the same"
        )
    return total


def _norm(values: list[Any], p: float) -> Any:
    """Return the p-norm of all elements, on the first tensor's device."""
    places: dict[Any, list[Any]] = {}
    for value in values:
        places.setdefault(value.device, []).append(value)
    if len(places) == 1:
        return ops.total_norm(values, norm_type=p)
    # An empty part would be a smallest magnitude of 0.
    filled = [part for part in ([v for v in group if v.size] for group in places.values()) if part]
    home, dtype = values[0].device, reduce(promote_types, [v.dtype.to_real() for v in values])
    # In 32 bits at least, so that a part may be beyond the range of 16.
    wide = promote_types(dtype, dtypes.float32)
    norms = [ops.astype(ops.total_norm(part, norm_type=p), wide).to(home) for part in filled]
    return ops.astype(_joined(norms, p) if norms else ops.zeros((), dtype=wide, device=home), dtype)


def _joined(norms: list[Any], p: float) -> Any:
    """Return the norm of what such norms are of; that of order 0 counts."""
    return ops.sum(ops.stack(norms)) if p == 0.0 else ops.total_norm(norms, norm_type=p)


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
    _changed(ops.clip_norm_step, _gradients(parameters), total_norm, max_norm=float(max_norm))


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
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    _changed(ops.clip_norm_step, grads, total, max_norm=float(max_norm))
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
    _changed(ops.clip_value_step, _gradients(parameters), bound=float(clip_value))


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Any]:
    found = []
    for value in [parameters] if isinstance(parameters, Tensor) else parameters:
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"parameters are tensors, got {type(value).__name__}")
        if (grad := value.grad) is not None:
            found.append(grad)
    return found


def _changed(step: Any, grads: list[Any], *operands: Any, **statics: Any) -> None:
    """Run an update of gradients."""
    for grad in grads:
        warn_of_lost_write(grad, step.__name__, "assign to its gradient what is clipped")
    step(grads, *operands, **statics)
