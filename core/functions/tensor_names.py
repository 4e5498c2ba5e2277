"""PyTorch's functions of facts about tensors, and those that are methods elsewhere: `detach`, `is_signed`, `exp_`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import device as devices
from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, CandelabraError, ShapeError
from ..explain import named
from ..host import from_host
from ..tensor import Tensor
from .torch_names import either

# Methods that PyTorch also has as functions.
WRITING = (
    "abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_", "arcsinh_", "arctan_", "arctanh_", "asin_",
    "asinh_", "atan_", "atanh_", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "conj_physical_", "cos_",
    "cosh_", "deg2rad_", "erf_", "erfc_", "exp2_", "exp_", "expm1_", "fill_", "fix_", "floor_", "frac_", "gcd_", "i0_",
    "index_put_", "lcm_", "ldexp_", "log10_", "log1p_", "log2_", "log_", "logit_", "nan_to_num_", "neg_", "negative_",
    "rad2deg_", "reciprocal_", "relu_", "round_", "rsqrt_", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_", "square_",
    "tan_", "tanh_", "trunc_", "xlogy_", "zero_",
)  # fmt: skip

__all__ = [
    "detach", "detach_", "fill", "frombuffer", "get_device", "is_conj", "is_neg", "is_same_size", "is_signed",
    "nonzero_static", "resolve_conj", "resolve_neg", "scalar_tensor", "split_with_sizes", "to_dlpack", "unsafe_chunk",
    "unsafe_split", "unsafe_split_with_sizes", *WRITING,
]  # fmt: skip


def _tensor(x: Any, operation: str) -> Tensor:
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"{operation}: a Tensor is needed, got {type(x).__name__}")
    return x


def detach(x: Tensor, /) -> Tensor:
    """Return the same values without the graph.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.detach(cb.ones(2, requires_grad=True))
    tensor([1., 1.])
    """
    return _tensor(x, "detach").detach()


def detach_(x: Tensor, /) -> Tensor:
    """Take a tensor out of its graph; returns it.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.ones(2, requires_grad=True)
    >>> cb.detach_(x).requires_grad
    False
    """
    return _tensor(x, "detach_").detach_()


def fill(x: Tensor, value: Any) -> Tensor:
    """Return one value in the shape and dtype of a tensor; differentiable in a value that is a tensor.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fill(cb.ones(2), 3)
    tensor([3., 3.])
    """
    _tensor(x, "fill")
    if not isinstance(value, Tensor):
        return ops.full_like(x, value)
    if value.ndim:
        raise ShapeError(f"fill: the value has no axes, got shape {value.shape}")
    moved = value if value.device is x.device else ops.to_device(value, x.device.physical)
    return ops.broadcast_to(ops.astype(moved, x.dtype), x.shape)


def is_signed(x: Tensor, /) -> bool:
    """Say whether a tensor's dtype has negative numbers.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.is_signed(cb.ones(2)), cb.is_signed(cb.ones(2, dtype=cb.uint8))
    (True, False)
    """
    return _tensor(x, "is_signed").dtype.kind not in ("bool", "unsigned")


def is_same_size(x1: Tensor, x2: Tensor, /) -> bool:
    """Say whether two tensors have the same shape.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.is_same_size(cb.ones(2), cb.ones(3))
    False
    """
    return _tensor(x1, "is_same_size").shape == _tensor(x2, "is_same_size").shape


def get_device(x: Tensor, /) -> int:
    """Return the index of a tensor's device; -1 on the host.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.get_device(cb.ones(2))
    -1
    """
    place = _tensor(x, "get_device").device.physical
    return -1 if place is devices.host_device() else place.index or 0


def is_conj(x: Tensor, /) -> bool:
    """Return False: a conjugate is computed at once.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.is_conj(cb.conj(cb.tensor([1j])))
    False
    """
    _tensor(x, "is_conj")
    return False


def is_neg(x: Tensor, /) -> bool:
    """Return False: a negative is computed at once.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.is_neg(-cb.ones(2))
    False
    """
    _tensor(x, "is_neg")
    return False


def resolve_conj(x: Tensor, /) -> Tensor:
    """Return the tensor itself: a conjugate is computed at once.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.resolve_conj(cb.tensor([1.0 + 2.0j]).conj())
    tensor([1.-2.j])
    """
    return _tensor(x, "resolve_conj")


def resolve_neg(x: Tensor, /) -> Tensor:
    """Return the tensor itself: a negative is computed at once.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.resolve_neg(-cb.ones(2))
    tensor([-1., -1.])
    """
    return _tensor(x, "resolve_neg")


def scalar_tensor(s: complex, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a number as a tensor without axes, of the default dtype unless another is given.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.scalar_tensor(3)
    tensor(3.)
    """
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if dtype is None and isinstance(s, complex):
        kind = kind.to_complex()
    return ops.full((), s, dtype=kind, device=device).requires_grad_(requires_grad)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """Return a tensor of one axis over the bytes of a buffer, which it shares until it is first written.

    Parameters
    ----------
    buffer : object with Python's buffer protocol
        For example `bytes`, `bytearray` or `memoryview`, contiguous.
    dtype : DType
        What the bytes are numbers of, in the machine's order.
    count : int
        How many numbers; -1 takes all.
    offset : int
        How many bytes are left out at the beginning.
    requires_grad : bool
        Whether a gradient is wanted.

    Raises
    ------
    ArgumentError
        If the bytes are too few, or are no whole number of elements.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.frombuffer(b"abc", dtype=cb.uint8, offset=1)
    tensor([98, 99], dtype=candelabra.uint8)
    """
    kind = dtypes.as_dtype(dtype)
    try:
        data = memoryview(buffer).cast("B")
    except TypeError as error:
        raise ArgumentTypeError(f"frombuffer: a contiguous buffer is needed: {error}") from None
    left = len(data) - offset
    if offset < 0 or left <= 0 or count == 0 or count < -1:
        raise ArgumentError(
            f"frombuffer: the buffer has {len(data)} bytes; offset {offset} and count {count} leave nothing to read"
        )
    if count == -1 and left % kind.itemsize:
        raise ArgumentError(
            f"frombuffer: {left} bytes after the offset are no whole number of {kind.name}, which has "
            f"{kind.itemsize}; give count="
        )
    taken = left // kind.itemsize if count == -1 else count
    if taken * kind.itemsize > left:
        raise ArgumentError(
            f"frombuffer: {taken} elements of {kind.name} need {taken * kind.itemsize} bytes; {left} are left"
        )
    host = devices.host_device()
    data = data[offset : offset + taken * kind.itemsize]
    array = host.backend.asarray(data).view(host.native_dtype(kind, "frombuffer"))
    return from_host(array, copy=False).requires_grad_(requires_grad)


def to_dlpack(x: Tensor) -> Any:
    """Return a DLPack capsule over a tensor's memory; libraries that know DLPack take the tensor itself.

    Examples
    --------
    >>> import candelabra as cb
    >>> type(cb.to_dlpack(cb.ones(2))).__name__
    'PyCapsule'
    """
    return _tensor(x, "to_dlpack").__dlpack__()


def nonzero_static(x: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """Return the positions of the first `size` elements that are not zero, one in a row, as in PyTorch.

    The shape does not depend on the data, so this also runs inside `vmap`.

    Parameters
    ----------
    x : Tensor
        Any shape and dtype.
    size : int
        The number of rows.
    fill_value : int
        What stands in the rows that are left over.

    Returns
    -------
    Tensor
        int64 of shape (size, x.ndim).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nonzero_static(cb.tensor([0, 5, 7]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    _tensor(x, "nonzero_static")
    if size < 0:
        raise ArgumentError(f"nonzero_static: size must not be negative, got {size}")
    shape, n = x.shape, math.prod(x.shape)
    place = x.device.physical
    if n == 0 or size == 0:
        return ops.full((size, len(shape)), fill_value, dtype=place.whole, device=place)
    empty = ops.reshape(ops.equal(x, 0), (n,))
    first = ops.argsort(ops.astype(empty, dtypes.int8), stable=True)[: min(size, n)]
    found = ops.logical_not(ops.take(empty, first, axis=0))
    columns, left = [], n
    for extent in shape:
        left //= extent
        columns.append(ops.remainder(ops.floor_divide(first, left), extent))
    if not columns:
        rows = ops.zeros((min(size, n), 0), dtype=place.whole, device=place)
    else:
        rows = ops.where(ops.expand_dims(found, axis=1), ops.stack(columns, axis=1), fill_value)
    if size <= n:
        return rows
    return ops.concat([rows, ops.full((size - n, len(shape)), fill_value, dtype=place.whole, device=place)], axis=0)


def split_with_sizes(
    x: Tensor, split_sizes: Sequence[int], axis: int | None = None, *, dim: int | None = None
) -> tuple[Tensor, ...]:
    """Return pieces of the given sizes along an axis, by default the first.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.split_with_sizes(cb.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    at = either(axis, dim, "split_with_sizes")
    return ops.split(x, list(split_sizes), 0 if at is None else at)


def unsafe_chunk(x: Tensor, chunks: int, axis: int | None = None, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Return what `chunk` returns: no write is unsafe here.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.unsafe_chunk(cb.arange(2), 2)
    (tensor([0]), tensor([1]))
    """
    at = either(axis, dim, "unsafe_chunk")
    return ops.chunk(x, chunks, 0 if at is None else at)


def unsafe_split(x: Tensor, split_size: int, axis: int | None = None, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Return what `split` returns: no write is unsafe here.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.unsafe_split(cb.arange(2), 1)
    (tensor([0]), tensor([1]))
    """
    at = either(axis, dim, "unsafe_split")
    return ops.split(x, split_size, 0 if at is None else at)


def unsafe_split_with_sizes(
    x: Tensor, split_sizes: Sequence[int], axis: int | None = None, *, dim: int | None = None
) -> tuple[Tensor, ...]:
    """Return what `split_with_sizes` returns: no write is unsafe here.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.unsafe_split_with_sizes(cb.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return split_with_sizes(x, split_sizes, axis, dim=dim)


def _written(name: str) -> Callable[..., Tensor]:
    def function(x: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
        method = getattr(_tensor(x, name), name)
        try:
            return method(*args, **kwargs)
        except CandelabraError as error:
            named(error, name)
            raise
        except TypeError as error:
            # Python's own text names the function without the underscore.
            raise ArgumentTypeError(f"{name}: {error}") from error

    function.__name__ = function.__qualname__ = name
    # Made at run time, so that the stub holds its signature.
    function.__module__ = "candelabra"
    function.__doc__ = f"Do to a tensor what its method `{name}` does, and return it."
    return function


for _name in WRITING:
    globals()[_name] = _written(_name)
