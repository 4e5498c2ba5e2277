"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentTypeError, DeviceMismatchError, ShapeError
from ...core.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all elements of some parameters as one vector, through which gradients flow.

    Examples
    --------
    >>> from candelabra import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    chosen = _on_one_device(parameters)
    return ops.concat([ops.reshape(parameter, (-1,)) for parameter in chosen], axis=0)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a vector's elements into parameters, one after the other.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> layer = nn.Linear(1, 2)
    >>> nn.utils.vector_to_parameters(cb.arange(4.0), layer.parameters())
    >>> layer.bias
    Parameter containing:
    tensor([2., 3.], requires_grad=True)
    """
    if not isinstance(vec, Tensor):
        raise ArgumentTypeError(f"vector_to_parameters: a tensor is needed, got {type(vec).__name__}")
    chosen = _on_one_device(parameters)
    needed = sum(parameter.size for parameter in chosen)
    if vec.ndim != 1 or vec.shape[0] < needed:
        raise ShapeError(
            f"vector_to_parameters: a vector of {needed} numbers is needed for these parameters, "
            f"got shape {tuple(vec.shape)}"
        )
    start = 0
    with no_grad():
        for parameter in chosen:
            part = ops.reshape(vec.detach()[start : start + parameter.size], parameter.shape)
            # As PyTorch, the vector's dtype and device too.
            parameter._rebind(part.array, part.device)
            start += parameter.size


def _on_one_device(parameters: Iterable[Tensor]) -> list[Tensor]:
    chosen = list(parameters)
    for parameter in chosen:
        if parameter.device != chosen[0].device:
            raise DeviceMismatchError(
                f"parameters of one vector are on one device, got {chosen[0].device} and {parameter.device}; "
                "move them with .to(device)"
            )
    return chosen
