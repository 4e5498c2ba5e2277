"""The methods of tensors: each a thin name over the one function that does the work.

`dim` and `keepdim` are synonyms of `axis` and `keepdims`.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from . import device as devices
from . import dtypes, inplace, method_inplace, ops
from .absent import METHODS, Refused
from .errors import ArgumentError, ArgumentTypeError
from .functions.guard import guard
from .functions.indexing import get_item, set_item, written
from .method_facts import FACTS, PROPERTIES
from .method_forms import FORMS
from .method_names import ALIASES, CASTS, FORWARDED, IN_PLACE, OFTEN, spelled
from .method_scatter import SCATTERING
from .primitives.tools import size_of
from .tensor import Tensor
from .values_only import values_only


def _axis(axis: Any, dim: Any) -> Any:
    if dim is None:
        return axis
    if axis is not None:
        raise ArgumentError("give axis or its synonym dim, not both")
    return dim


def _axes(axis: Any, dim: Any) -> Any:
    axis = _axis(axis, dim)
    return tuple(axis) if isinstance(axis, list) else axis


def _no_buffer(name: str) -> ArgumentTypeError:
    """Return the refusal of a buffer; NumPy's reductions call a tensor's method with ``out=None``."""
    return ArgumentTypeError(f"{name}: a result cannot be written into a given tensor; assign it instead of giving out")


def _reduction(name: str) -> Callable[..., Tensor]:
    function: Any = None

    def method(
        self: Tensor,
        axis: Any = None,
        keepdims: bool = False,
        *,
        dim: Any = None,
        keepdim: bool = False,
        out: None = None,
    ) -> Tensor:
        nonlocal function
        if out is not None:
            raise _no_buffer(name)
        if dim is not None or type(axis) is list:
            axis = _axes(axis, dim)
        if function is None:
            function = getattr(ops, name)
        return function(self, axis=axis, keepdims=keepdims or keepdim)

    return method


def _extreme(name: str, indices: str) -> Callable[..., Tensor]:
    function: Any = None

    def method(
        self: Tensor,
        axis: Any = None,
        keepdims: bool = False,
        *,
        other: Any = None,
        dim: Any = None,
        keepdim: bool = False,
        out: None = None,
    ) -> Tensor:
        if out is not None:
            raise _no_buffer(name)
        nonlocal function
        if other is not None or dim is not None or type(axis) is list:
            axis = _axes(axis, dim) if other is None else other
        if isinstance(axis, Tensor):
            return getattr(ops, f"{name}imum")(self, axis)
        if function is None:
            function = getattr(ops, name)
        result = function(self, axis=axis, keepdims=keepdims or keepdim)
        return result if axis is None else values_only(result, f"x.{indices}(axis)")

    return method


def _sum_like(name: str) -> Callable[..., Tensor]:
    function: Any = None

    def method(
        self: Tensor,
        axis: Any = None,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        dim: Any = None,
        keepdim: bool = False,
        out: None = None,
    ) -> Tensor:
        nonlocal function
        if dim is not None or type(axis) is list:
            axis = _axes(axis, dim)
        if out is not None:
            raise _no_buffer(name)
        if function is None:
            function = getattr(ops, name)
        return function(self, axis=axis, dtype=dtype, keepdims=keepdims or keepdim)

    return method


def _forward(name: str) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = spelled(name, args, kwargs)
        return getattr(ops, name)(self, *args, **kwargs)

    return method


def _in_place(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor, *operands: Any, **named: Any) -> Tensor:
        if named:
            operands = spelled(name, operands, named)
            for unknown in named:
                raise ArgumentTypeError(f"in-place {name}: got an unexpected keyword argument {unknown!r}")
        return inplace.apply_(self, name, *operands)

    return method


def _running(name: str) -> Callable[..., Any]:
    def method(self: Tensor, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Any:
        return getattr(ops, name)(self, axis=_axis(axis, dim), dtype=dtype)

    return method


def _spread(sizes: tuple[Any, ...]) -> Any:
    """Return sizes that may come one by one or as one sequence."""
    only = sizes[0] if len(sizes) == 1 else None
    return only if isinstance(only, (tuple, list)) or (isinstance(only, Tensor) and only.ndim) else sizes


def reshape(self: Tensor, *sizes: Any, shape: Any = None, copy: bool | None = None) -> Tensor:
    """Return the elements in another shape; ints or one tuple."""
    return ops.reshape(self, tuple(_spread(sizes) if shape is None else shape), copy=copy)


def view(self: Tensor, *shape: Any) -> Tensor:
    """Return the elements in another shape, or another dtype's cast is refused: use `reshape`, `to`."""
    if len(shape) == 1 and isinstance(shape[0], dtypes.DType | type):
        if dtypes.as_dtype(shape[0]) is self.dtype:
            return ops.reshape(self, self.shape)
        raise ArgumentTypeError("view: reinterpreting memory as another dtype is not offered; convert with x.to(dtype)")
    return ops.reshape(self, tuple(_spread(shape)))


def expand(self: Tensor, *sizes: Any) -> Tensor:
    """Return the tensor broadcast to sizes; -1 keeps an axis's size."""
    wanted = tuple(_spread(sizes))
    lead = len(wanted) - self.ndim
    if -1 in wanted[: max(lead, 0)]:
        raise ArgumentError(f"expand: -1 keeps the size of an axis, which the new axes of {wanted} do not have")
    if lead < 0:
        raise ArgumentError(f"expand: {wanted} has fewer axes than the tensor's shape {self.shape}")
    return ops.broadcast_to(self, tuple(self.shape[i - lead] if n == -1 else n for i, n in enumerate(wanted)))


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the tensor broadcast to another's shape."""
    return ops.broadcast_to(self, other.shape)


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the elements in another tensor's shape."""
    return ops.reshape(self, other.shape)


def squeeze(self: Tensor, axis: Any = None, *, dim: Any = None) -> Tensor:
    """Return the tensor without axes of size one: those named, or all of them."""
    axis = _axis(axis, dim)
    if axis is None:
        axis = tuple(i for i, n in enumerate(self.shape) if n == 1)
    return ops.squeeze(self, axis)


def unsqueeze(self: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Return the tensor with a new axis of size one."""
    return ops.expand_dims(self, axis=_axis(axis, dim))


def flatten(self: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with axes merged."""
    return ops.flatten(self, start_dim, end_dim)


def repeat(self: Tensor, *repeats: Any, axis: int | None = None, dim: int | None = None) -> Tensor:
    """Return the tensor with each element repeated; several counts, PyTorch's way to tile, are refused."""
    if len(repeats) != 1 or isinstance(repeats[0], (tuple, list)):
        raise ArgumentTypeError(
            f"repeat{repeats}: repeat repeats each element, as the array API standard has it; "
            f"to repeat the whole tensor write x.tile({tuple(_spread(repeats))})"
        )
    return ops.repeat(self, repeats[0], axis=_axis(axis, dim))


def split(self: Tensor, split_size: Any, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Return pieces along an axis."""
    return ops.split(self, split_size, axis if dim is None else dim)


def chunk(self: Tensor, chunks: int, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Return equal pieces along an axis."""
    return ops.chunk(self, chunks, axis if dim is None else dim)


def unbind(self: Tensor, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Return the slices along an axis."""
    return ops.unstack(self, axis=axis if dim is None else dim)


def sort(
    self: Tensor, axis: int = -1, descending: bool = False, stable: bool = True, *, dim: int | None = None
) -> Tensor:
    """Return the values in order along an axis."""
    return ops.sort(self, axis=axis if dim is None else dim, descending=descending, stable=stable)


def argsort(
    self: Tensor, axis: int = -1, descending: bool = False, stable: bool = True, *, dim: int | None = None
) -> Tensor:
    """Return the indices that sort along an axis."""
    return ops.argsort(self, axis=axis if dim is None else dim, descending=descending, stable=stable)


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Return the tensor on another device, in another dtype, or both.

    Parameters
    ----------
    *args : Device, str, DType or Tensor
        A device, a dtype, or another tensor whose device and dtype to take.
    **kwargs
        ``device=``, ``dtype=``, ``other=``, ``copy=``; ``non_blocking=True`` may return while a copy between pinned
        memory of the host and a device is under way, as `to_device` says.
    """
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    copy = kwargs.pop("copy", False)
    args = (*args, *((kwargs.pop("other"),) if "other" in kwargs else ()))
    non_blocking = kwargs.pop("non_blocking", False)
    if kwargs:
        raise ArgumentTypeError(f"to: unknown argument {next(iter(kwargs))!r}")
    for arg in args:
        if isinstance(arg, Tensor):
            device, dtype = arg.device.physical, arg.dtype
        elif isinstance(arg, (str, devices.Device)):
            if isinstance(arg, str) and arg in dtypes.DType._all:
                dtype = dtypes.as_dtype(arg)
            else:
                device = devices.as_device(arg)
        elif isinstance(arg, dtypes.DType) or arg in (float, int, bool, complex):
            dtype = dtypes.as_dtype(arg)
        elif isinstance(arg, bool):
            # PyTorch's third argument.
            non_blocking = arg
        elif arg is not None:
            raise ArgumentTypeError(f"to: a device, a dtype or a Tensor is needed, got {arg!r}")
    result = self
    if device is not None and device is not self.device:
        if dtype is not None and self.dtype not in devices.as_device(device).native:
            # The dtype that is asked for may be one that the device has.
            result = ops.astype(result, dtype)
        result = ops.to_device(result, device, non_blocking=bool(non_blocking))
    if dtype is not None and dtypes.as_dtype(dtype) is not result.dtype:
        result = ops.astype(result, dtype)
    return ops.clone(result) if copy and result is self else result


def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """Return the tensor on another device; differentiable."""
    return ops.to_device(self, device, stream=stream)


def cpu(self: Tensor) -> Tensor:
    """Return the tensor on the host's device."""
    return ops.to_device(self, devices.host_device())


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Return the tensor on a CUDA device."""
    if isinstance(device, int):
        device = f"cuda:{device}"
    return ops.to_device(self, "cuda" if device is None else device, non_blocking=non_blocking)


def clone(self: Tensor) -> Tensor:
    """Return a copy, recorded."""
    return ops.clone(self)


def numel(self: Tensor) -> int:
    """Return the number of elements."""
    return size_of(self.shape)


def dim(self: Tensor) -> int:
    """Return the number of axes."""
    return self.ndim


def element_size(self: Tensor) -> int:
    """Return the bytes of an element."""
    return self.itemsize


def contiguous(self: Tensor) -> Tensor:
    """Return the tensor itself: memory order is the backend's business."""
    return self


def is_contiguous(self: Tensor) -> bool:
    """Return True: memory order is the backend's business."""
    return True


def fill_(self: Tensor, value: Any) -> Tensor:
    """Fill with one value."""
    if isinstance(value, Tensor):
        return inplace.assign_(self, ops.broadcast_to(ops.astype(value, self.dtype), self.shape), "fill_")
    if written(self, ..., value):
        return self
    inplace.warn_of_lost_write(self, "fill_", "write owner[key] = value instead")
    return inplace.assign_(self, ops.full(self.shape, value, dtype=self.dtype, device=self.device.physical), "fill_")


def zero_(self: Tensor) -> Tensor:
    """Fill with zeros."""
    inplace.check_leaf(self, "zero_")
    return fill_(self, 0)


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Take another tensor's values, in the own dtype and on the own device; they broadcast."""
    if isinstance(src, Tensor) and src.array.shape == self.array.shape and written(self, ..., src):
        return self
    inplace.warn_of_lost_write(self, "copy_", "write owner[key] = value instead")
    if not isinstance(src, Tensor):
        src = ops.asarray(src)
    moved = ops.astype(ops.to_device(src, self.device.physical, non_blocking=non_blocking), self.dtype)
    return inplace.assign_(self, ops.broadcast_to(moved, self.shape), "copy_")


def clamp_(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Limit the values to an interval in place."""
    return inplace.assign_(self, ops.clip(self, min, max), "clamp_")


def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Write a value where the mask is true."""
    inplace.warn_of_lost_write(self, "masked_fill_", "write owner[key] = value instead")
    return inplace.assign_(self, ops.masked_fill(self, mask, value), "masked_fill_")


def add_(self: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """Add in place."""
    return inplace.apply_(self, "add", other if alpha == 1 else alpha * other)


def sub_(self: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """Subtract in place."""
    return inplace.apply_(self, "subtract", other if alpha == 1 else alpha * other)


def add(self: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """Return ``self + alpha * other``."""
    return ops.add(self, other if alpha == 1 else alpha * other)


def new_zeros(self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    """Return zeros on the same device and in the same dtype."""
    shape = sizes if size is None else (size,)
    return ops.zeros(tuple(_spread(shape)), dtype=dtype or self.dtype, device=device or self.device.physical)


def new_ones(self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    """Return ones on the same device and in the same dtype."""
    shape = sizes if size is None else (size,)
    return ops.ones(tuple(_spread(shape)), dtype=dtype or self.dtype, device=device or self.device.physical)


def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return one value on the same device and in the same dtype."""
    return ops.full(size, fill_value, dtype=dtype or self.dtype, device=device or self.device.physical)


def new_tensor(self: Tensor, data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return a tensor of the data on the same device and in the same dtype."""
    return ops.tensor(data, dtype=dtype or self.dtype, device=device or self.device.physical)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the tensor in another's dtype."""
    return ops.astype(self, other.dtype)


def _cast(name: str) -> Callable[[Tensor], Tensor]:
    def method(self: Tensor) -> Tensor:
        return ops.astype(self, dtypes.DType._all[name], copy=False) if self.dtype.name != name else self

    return method


def _real(self: Tensor) -> Tensor:
    return ops.real(self)


def _imag(self: Tensor) -> Tensor:
    return ops.imag(self)


def _transposed(self: Tensor) -> Tensor:
    return ops.permute_dims(self, tuple(reversed(range(self.ndim))))


def _matrix_transposed(self: Tensor) -> Tensor:
    return ops.matrix_transpose(self)


def _reversed(self: Tensor) -> Tensor:
    return ops.flip(self, axis=0) if self.ndim else self


def _dir(self: Tensor) -> list[str]:
    return sorted(set(object.__dir__(self)) - METHODS.keys())


def install() -> None:
    """Give Tensor its methods, and refuse those of PyTorch's that it has not."""
    for name in FORWARDED:
        _set(name, _forward(name), name)
    for name, function in ALIASES.items():
        _set(name, _forward(function), function)
    for name, function in IN_PLACE.items():
        _set(name, _in_place(function), f"{function}, in place")
    for name, target in CASTS.items():
        _set(name, _cast(target), f"a cast to {target}")
    for name in ("sum", "prod"):
        _set(name, _sum_like(name), name)
    for name in ("all", "any", "argmax", "argmin", "count_nonzero", "logsumexp"):
        _set(name, _reduction(name), name)
    _set("amax", _reduction("max"), "max")
    _set("amin", _reduction("min"), "min")
    _set("max", _extreme("max", "argmax"), "max")
    _set("min", _extreme("min", "argmin"), "min")
    for name, function in {"cumsum": "cumulative_sum", "cumprod": "cumulative_prod"}.items():
        _set(name, _running(function), function)
    methods: tuple[Callable[..., Any], ...] = (*_OWN, *FORMS, *SCATTERING, *FACTS)
    for method in methods:
        setattr(Tensor, method.__name__, method if method.__name__ in OFTEN else guard(method))
    for name in ("divide", "divide_", "subtract", "subtract_"):
        setattr(Tensor, name, getattr(Tensor, name.replace("ide", "").replace("tract", "")))
    method_inplace.install()
    for name, access in {
        "__getitem__": get_item,
        "__setitem__": set_item,
        "__dir__": _dir,
        "__reversed__": _reversed,
    }.items():
        setattr(Tensor, name, access)
    for name, getter in {
        "T": _transposed, "mT": _matrix_transposed, "real": _real, "imag": _imag, **PROPERTIES,
    }.items():  # fmt: skip
        setattr(Tensor, name, builtins.property(getter))
    for name in METHODS:
        setattr(Tensor, name, Refused(name))


def _set(name: str, method: Callable[..., Any], what: str) -> None:
    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"The method of `{what}`."
    setattr(Tensor, name, method)


_OWN = (
    reshape, view, expand, expand_as, view_as, squeeze, unsqueeze, flatten, repeat, split, chunk, unbind, sort, argsort,
    to, to_device, cpu, cuda, clone, numel, dim, element_size, contiguous, is_contiguous, fill_, zero_, copy_, clamp_,
    masked_fill_, add_, sub_, add, new_zeros, new_ones, new_full, new_tensor, type_as,
)  # fmt: skip
