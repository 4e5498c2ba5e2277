"""Methods that gather and scatter along an axis, in PyTorch's form: the axis comes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import inplace, ops
from .errors import ArgumentError
from .functions.scatter import scattered
from .tensor import Tensor


def _in_place(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the form of a method that gives its result to the tensor itself."""
    operation = f"{method.__name__}_"

    def write(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        inplace.check_leaf(self, operation)
        inplace.warn_of_lost_write(self, operation, "write owner[key] = value instead")
        return inplace.assign_(self, method(self, *args, **kwargs), operation)

    write.__name__ = operation
    write.__qualname__ = f"Tensor.{operation}"
    write.__doc__ = f"Do the same as `{method.__name__}`, in place."
    write.__wrapped__ = method  # type: ignore[attr-defined]
    return write


def gather(self: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Return elements along an axis that `index` names."""
    if sparse_grad:
        raise ArgumentError("gather: sparse_grad=True is refused: gradients here are dense")
    return ops.gather(self, index, axis=dim)


def take_along_dim(self: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return elements along an axis that `indices` name, or of the flattened tensor."""
    return ops.take_along_dim(self, indices, dim)


def scatter(
    self: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """Return the tensor with `src` (or one value) written, added or multiplied where `index` says."""
    return scattered("scatter", self, index, src, value, dim, reduce)


def scatter_add(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return the tensor with `src` added where `index` says."""
    return ops.scatter_add(self, index, src, axis=dim)


def scatter_reduce(
    self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return the tensor with all of `src` that `index` sends to a place reduced into it."""
    return ops.scatter_reduce(self, index, src, axis=dim, reduce=reduce, include_self=include_self)


def index_add(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """Return the tensor with slices of `source`, times `alpha`, added at `index`."""
    return ops.index_add(self, index, source if alpha == 1 else alpha * source, axis=dim)


def index_copy(self: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return the tensor with slices of `source` written at `index`."""
    return ops.index_copy(self, index, source, axis=dim)


def index_fill(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Return the tensor with one value written at `index`."""
    return ops.index_fill(self, index, value, axis=dim)


def index_reduce(
    self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return the tensor with slices of `source` reduced into it at `index`."""
    return ops.index_reduce(self, index, source, axis=dim, reduce=reduce, include_self=include_self)


def index_put(self: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """Return the tensor with values written, or added, where a key of index tensors selects."""
    return ops.index_put(self, indices, values, accumulate)


def masked_scatter(self: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return the tensor with the first elements of `source`, in order, where the mask is true."""
    return ops.masked_scatter(self, mask, source)


def put(self: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return the tensor with elements written, or added, at places of the flattened tensor."""
    return ops.put(self, index, source, accumulate)


_BOTH: tuple[Callable[..., Tensor], ...] = (
    scatter, scatter_add, scatter_reduce, index_add, index_copy, index_fill, index_reduce, index_put, masked_scatter,
    put,
)  # fmt: skip
SCATTERING: tuple[Callable[..., Tensor], ...] = (gather, take_along_dim, *_BOTH, *map(_in_place, _BOTH))
