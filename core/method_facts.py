"""Methods and properties that say something about a tensor, and some of PyTorch's lesser names: `H`, `get_device`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import device as devices
from . import memory, ops
from .errors import ArgumentTypeError, ShapeError
from .primitives.tools import shape_tuple
from .stream import Stream
from .tensor import Tensor, concrete


def data_ptr(self: Tensor) -> int:
    """Return the address of the first element, which holds until the tensor is next written.

    Raises
    ------
    ArgumentTypeError
        If the backend's arrays do not tell it.
    """
    array = concrete(self, "data_ptr")
    for protocol in ("__array_interface__", "__cuda_array_interface__"):
        told = getattr(array, protocol, None)
        if told is not None:
            return int(told["data"][0])
    raise ArgumentTypeError(f"data_ptr: arrays of backend {self.device.backend.name!r} do not tell where they lie")


def const_data_ptr(self: Tensor) -> int:
    """Return what `data_ptr` returns."""
    return data_ptr(self)


def get_device(self: Tensor) -> int:
    """Return the index of the tensor's device; -1 on the host."""
    return ops.get_device(self)


def ndimension(self: Tensor) -> int:
    """Return the number of axes."""
    return self.ndim


def is_signed(self: Tensor) -> bool:
    """Say whether the dtype has negative numbers."""
    return ops.is_signed(self)


def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Say whether two tensors have the same shape."""
    return self.shape == other.shape


def is_conj(self: Tensor) -> bool:
    """Return False: a conjugate is computed at once."""
    return False


def is_neg(self: Tensor) -> bool:
    """Return False: a negative is computed at once."""
    return False


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Say whether the tensor lies in pinned memory of the host, from which a device copies by itself."""
    return memory.is_pinned(self, device)


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Return the tensor in pinned memory of the host, so that ``x.to(device, non_blocking=True)`` need not wait.

    Parameters
    ----------
    device : Device or str, optional
        For which device; default: one that is in use, else any that takes pinned memory. Where there is none, the
        tensor itself is returned, and a warning says so.
    """
    return memory.pin_memory(self, device)


def record_stream(self: Tensor, stream: Any) -> None:
    """Tell that a stream uses this tensor, which is not the one on which it was made.

    When the tensor is let go, its memory then serves nobody else before that stream has done what it was asked. On a
    device that does at once what it is asked, nothing is to be done.
    """
    if not isinstance(stream, Stream):
        raise ArgumentTypeError(f"record_stream: a Stream is needed, got {type(stream).__name__}")
    if stream.device is not self.device.physical:
        raise devices.mismatch("record_stream", [self.device, stream.device])
    stream.device.backend.streams.keep(concrete(self, "record_stream"), stream.native, stream.device.index or 0)


def resolve_conj(self: Tensor) -> Tensor:
    """Return the tensor itself: a conjugate is computed at once."""
    return self


def resolve_neg(self: Tensor) -> Tensor:
    """Return the tensor itself: a negative is computed at once."""
    return self


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the elements in another tensor's shape."""
    return ops.reshape(self, other.shape)


def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Return the sum over the axes along which `size` would broadcast to the tensor's shape.

    Raises
    ------
    ShapeError
        If it would not.
    """
    wanted = shape_tuple(size[0] if len(size) == 1 else size, "sum_to_size")
    lead = self.ndim - len(wanted)
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, self.shape[lead:], strict=True)):
        raise ShapeError(f"sum_to_size: size {wanted} does not broadcast to the tensor's shape {self.shape}")
    kept = tuple(i + lead for i, n in enumerate(wanted) if n == 1 and self.shape[i + lead] != 1)
    axes = (*range(lead), *kept)
    return ops.reshape(ops.sum(self, axis=axes, dtype=self.dtype), wanted) if axes else self


def as_subclass(self: Tensor, cls: type[Any]) -> Any:
    """Return the tensor, with its place in the graph, as an instance of a subclass of Tensor."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise ArgumentTypeError(f"as_subclass: a subclass of Tensor is needed, got {cls!r}")
    found, made = ops.alias(self), object.__new__(cls)
    made.array, made.device, made.node = found.array, found.device, found.node
    return made


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """Return the tensor, which is dense, in another dtype if one is given."""
    return self if dtype is None else ops.astype(self, dtype, copy=False)


def prelu(self: Tensor, weight: Tensor) -> Tensor:
    """Return the tensor with negative elements times `weight`, one or one for each channel (the second axis)."""
    if weight.ndim > 1:
        raise ShapeError(f"prelu: weight has one axis or none, got shape {weight.shape}")
    if weight.ndim == 1 and self.ndim > 1:
        weight = ops.reshape(weight, (-1, *(1,) * (self.ndim - 2)))
    return ops.prelu(self, weight)


def hardshrink(self: Tensor, lambd: float = 0.5) -> Tensor:
    """Return the tensor with zeros where the absolute value is at most `lambd`."""
    return ops.where(ops.logical_and(self >= -lambd, self <= lambd), 0, self)


def _adjoint(self: Tensor) -> Tensor:
    transposed = ops.matrix_transpose(self)
    return ops.conj(transposed) if self.dtype.is_complex else transposed


def _hermitian(self: Tensor) -> Tensor:
    if self.ndim not in (0, 2):
        raise ShapeError(f"H: a matrix is needed, got shape {self.shape}; x.mH transposes the last two axes")
    return _adjoint(self) if self.ndim else ops.conj(self) if self.dtype.is_complex else self


def _on(kind: str) -> Callable[[Tensor], bool]:
    def lies_there(self: Tensor) -> bool:
        return self.device.type == kind

    return lies_there


def _never(self: Tensor) -> bool:
    return False


_KINDS = ("cpu", "cuda", "ipu", "maia", "meta", "mps", "mtia", "vulkan", "xla", "xpu")
PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    "H": _hermitian,
    "mH": _adjoint,
    **{f"is_{kind}": _on(kind) for kind in _KINDS},
    **{f"is_{kind}": _never for kind in ("mkldnn", "nested", "quantized", "sparse", "sparse_csr")},
}
FACTS = (
    data_ptr, const_data_ptr, get_device, ndimension, is_signed, is_same_size, is_conj, is_neg, is_pinned, pin_memory,
    record_stream, resolve_conj, resolve_neg, reshape_as, sum_to_size, as_subclass, to_dense, prelu, hardshrink,
)  # fmt: skip
