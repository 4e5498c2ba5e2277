"""`Parameter` and `Buffer`: tensors that a module registers when they are assigned to one of its attributes."""

from __future__ import annotations

from typing import Any

from ..core import ops
from ..core.errors import ArgumentTypeError
from ..core.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


class Parameter(Tensor):
    """A tensor that a module counts among its parameters.

    Parameters
    ----------
    data : Tensor, optional
        The values; an empty tensor if not given. The parameter does not share later writes with it.
    requires_grad : bool
        Whether backward computes a gradient for it, also where the parameter is made inside `no_grad`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> nn.Parameter(cb.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        return _make(cls, data, requires_grad)

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that a module counts among its buffers: state that is saved and moved, but not trained.

    Parameters
    ----------
    data : Tensor, optional
        The values; an empty tensor if not given.
    persistent : bool
        Whether the buffer is part of the module's `state_dict`.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra import nn
    >>> module = nn.Module()
    >>> module.scale = nn.Buffer(cb.ones(2))
    >>> list(module.state_dict())
    ['scale']
    """

    __slots__ = ("persistent",)

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        return _make(cls, data, False)

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        self.persistent = persistent

    def __reduce__(self) -> tuple[Any, ...]:
        return (_buffer, (self.detach(), self.persistent))

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        known = id(self) in memo
        made: Any = super().__deepcopy__(memo)
        if not known:
            made.persistent = self.persistent
        return made


def _buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)


def _make(cls: Any, data: Any, requires_grad: bool) -> Any:
    if data is None:
        data = ops.empty((0,))
    if not isinstance(data, Tensor):
        raise ArgumentTypeError(
            f"{cls.__name__}: a tensor is needed, got {type(data).__name__}; wrap it with candelabra.tensor(...)"
        )
    made = Tensor.__new__(cls)
    made.array, made.device, made.node = data.array, data.device, None
    if requires_grad:
        made.requires_grad_(True)
    return made
