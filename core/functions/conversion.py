"""Making tensors from what is there: Python's numbers and lists, other libraries' arrays."""

from __future__ import annotations

from typing import Any

from .. import device as devices
from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, ExchangeError, OutOfRangeError, ShapeError
from ..tensor import Tensor

__all__ = ["as_tensor", "asarray", "from_dlpack", "from_numpy", "tensor"]


def _finish(made: Tensor, requires_grad: bool) -> Tensor:
    return made.requires_grad_() if requires_grad else made


def _host_array(data: Any, operation: str, wanted: dtypes.DType | None = None) -> tuple[Any, bool]:
    """Return a host array for Python data or a foreign array, and whether its dtype was Python's to choose.

    Integers that `wanted`, or else int64, does not hold are refused.
    """
    host = devices.host_backend()
    array: Any
    if isinstance(data, host.array_type):
        array, inferred = data, False
    elif isinstance(data, (bool, int, float, complex, list, tuple, range)):
        inferred = not _holds_arrays(data)
        try:
            array = host.asarray(data)
            if inferred and _overflows(array, wanted, data):
                # The cast of Python's own integers refuses what the dtype does not hold.
                array = host.asarray(data, devices.host_device().native[wanted or dtypes.int64])
        except OverflowError as error:
            raise OutOfRangeError(f"{operation}: {error}; choose a dtype that holds it") from error
        except (ValueError, TypeError) as error:
            raise ShapeError(
                f"{operation}: the nested sequence is not rectangular or holds no numbers: {error}"
            ) from error
    elif hasattr(data, "__dlpack__"):
        try:
            array, inferred = host.from_dlpack(data), False
        except (BufferError, TypeError, ValueError, RuntimeError) as error:
            try:
                array, inferred = data.__array__(), False
            except (AttributeError, TypeError, ValueError, RuntimeError) as second:
                reason = error if isinstance(second, AttributeError) else second
                raise ArgumentTypeError(f"{operation}: {type(data).__name__} cannot be imported: {reason}") from error
    elif hasattr(data, "__array__"):
        array, inferred = data.__array__(), False
    elif hasattr(data, "__buffer__") or isinstance(data, (bytearray, memoryview)):
        array, inferred = host.asarray(data), False
    else:
        raise ArgumentTypeError(
            f"{operation}: cannot make a tensor of a {type(data).__name__}; pass numbers, nested lists, or an array"
        )
    if not _is_numeric(array):
        raise ArgumentTypeError(f"{operation}: the data has dtype {array.dtype}, which no tensor can hold")
    return array, inferred


def _overflows(array: Any, wanted: dtypes.DType | None, data: Any) -> bool:
    """Say whether Python's integers may be too large for an integer dtype, int64 where none is wanted."""
    if not array.size or (wanted is not None and wanted.rank >= 2 and _is_numeric(array)):
        return False
    if not _is_numeric(array) or dtypes.as_dtype(array.dtype).rank >= 2:
        return _whole_numbers(data)
    given = dtypes.as_dtype(array.dtype)
    return given.rank == 1 and given is not (wanted or dtypes.int64)


def _whole_numbers(data: Any) -> bool:
    return all(map(_whole_numbers, data)) if isinstance(data, (list, tuple)) else isinstance(data, int)


def _holds_arrays(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return hasattr(data, "dtype")


def _is_numeric(array: Any) -> bool:
    try:
        dtypes.as_dtype(array.dtype)
    except ArgumentTypeError:
        return False
    return True


def _of_tensors(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        if isinstance(data[0], Tensor):
            return True
        data = data[0]
    return False


def _stack_tensors(data: Any) -> Tensor:
    return ops.stack([_stack_tensors(d) if isinstance(d, (list, tuple)) else asarray(d) for d in data])


def asarray(
    obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of Python data or of another library's array.

    Parameters
    ----------
    obj : Tensor, scalar, nested sequence, numpy.ndarray, or anything with DLPack
        The data. Memory is shared where that is possible; the first in-place write copies it.
    dtype : DType, optional
        Default: the array's own; for Python numbers bool, int64, the default float, or its complex counterpart.
    device : Device or str, optional
        Default: where a tensor, or another library's array on one of the devices, lies; else the default device.
    copy : bool, optional
        True always copies, False never does (an error where it would have to), None copies where needed.
    requires_grad : bool
        Whether a gradient is wanted.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If a nested sequence is not rectangular.
    ArgumentTypeError
        If the data holds no numbers.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.asarray([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    kind = type(obj)
    if kind in _SIMPLE and copy is not False and (simple := _simple(obj, dtype, device)) is not None:
        return simple.requires_grad_() if requires_grad else simple
    if isinstance(obj, (list, tuple)) and _of_tensors(obj):
        obj = _stack_tensors(obj)
    if isinstance(obj, Tensor):
        made = obj
        target = obj.device if device is None else devices.as_device(device)
        if target is not made.device:
            if copy is False:
                raise ArgumentError(f"asarray: a copy to {str(target)!r} is needed, but copy=False")
            made = ops.to_device(made, target)
        if dtype is not None and made.dtype is not dtypes.as_dtype(dtype):
            if copy is False:
                raise ArgumentError("asarray: another dtype needs a copy, but copy=False")
            made = ops.astype(made, dtype)
        if copy and made is obj:
            # What a transformation wraps is never written in place.
            made = Tensor(made.array if made.device.levels else made.device.backend.copy(made.array), made.device)
            made.node = obj.node if obj.node is not None and not obj.node.is_leaf else None
            if obj.node is not None and obj.node.is_leaf:
                made = ops.positive(obj)
        return _finish(made, requires_grad) if requires_grad and made.node is None else made
    if hasattr(obj, "__dlpack_device__") and devices.place_of(obj) is not None:
        # Shared where it lies; what else is wanted is done there.
        shared = from_dlpack(obj)
        return asarray(shared, dtype=dtype, device=device, copy=copy, requires_grad=requires_grad)
    target = devices.as_device(device)
    backend = target.backend
    own = kind is backend.array_type and target is devices.host_device()
    if own and dtype is None and obj.dtype in target.dtype_of:
        return _finish(Tensor(backend.copy(obj) if copy else obj, target), requires_grad)
    if (
        isinstance(obj, backend.array_type)
        and backend is not devices.host_backend()
        and backend.array_type is not object
    ):
        array = devices.adopt(obj, target, "asarray")
        if dtype is not None:
            array = ops_astype(array, target, dtype)
        return _finish(Tensor(backend.copy(array) if copy else array, target), requires_grad)
    chosen = None if dtype is None else dtypes.as_dtype(dtype)
    host_array, inferred = _host_array(obj, "asarray", chosen)
    given = dtypes.as_dtype(host_array.dtype)
    if chosen is not None:
        native = target.native_dtype(chosen, "asarray")
    else:
        chosen = _inferred(given) if inferred else given
        held = devices.narrowed_dtype(chosen, target, "asarray") if given.rank == 1 else chosen
        native = target.best_native_dtype(held)
    if copy is False and (inferred or target is not devices.host_device() or chosen is not given):
        raise ArgumentError("asarray: this data can only be copied, but copy=False")
    if given.is_complex and not chosen.is_complex:
        raise ArgumentTypeError(f"asarray: complex data cannot become {chosen.name}; take its real part first")
    if target is devices.host_device():
        array = backend.asarray(host_array, native)
    elif dtype is None and given not in target.native and given.rank == 1:
        # Wide integers are held by narrower ones, where they fit.
        array = devices.transfer(host_array, devices.host_device(), target)
    else:
        array = devices.from_host_memory(host_array, native, target)
        if copy and not inferred:
            # Whether it shares the user's memory, only the library knows.
            array = backend.copy(array)
    if copy and (array is host_array or (not inferred and getattr(array, "base", None) is not None)):
        array = backend.copy(array)
    return _finish(Tensor(array, target), requires_grad)


_SIMPLE = frozenset((bool, int, float, list))


def _simple(data: Any, dtype: Any, device: Any) -> Tensor | None:
    """Return a host tensor of Python's own numbers where nothing needs a thought, else None."""
    target = devices.get_default_device() if device is None else devices.as_device(device)
    if target is not devices.host_device():
        return None
    first = data
    while type(first) is list and first:
        first = first[0]
    if type(first) not in _NUMBERS:
        return None
    try:
        array = target.backend.asarray(data)
    except (ValueError, TypeError, OverflowError):
        return None
    kind = target.dtype_of.get(array.dtype)
    if kind is dtypes.float64:
        if type(first) is not float:
            # Integers that int64 does not hold may have become floats.
            return None
    elif kind is not dtypes.int64 and kind is not dtypes.bool_:
        return None
    chosen = None if dtype is None else dtypes.as_dtype(dtype)
    if chosen is None and kind is dtypes.float64:
        chosen = dtypes.get_default_dtype()
    if chosen is not None and chosen is not kind:
        if not chosen.is_floating_point or chosen not in target.native:
            # Integers that a dtype does not hold are refused.
            return None
        array = array.astype(target.native[chosen])
    return Tensor(array, target)


_NUMBERS = frozenset((bool, int, float))


def ops_astype(array: Any, target: devices.Device, dtype: Any) -> Any:
    """Cast a raw array of a device's library."""
    from ..implementation import namespace

    return namespace(target).astype(array, target.native_dtype(dtype))


def _inferred(kind: dtypes.DType) -> dtypes.DType:
    if kind is dtypes.float64:
        return dtypes.get_default_dtype()
    if kind is dtypes.complex128:
        return dtypes.get_default_dtype().to_complex()
    return kind


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a new tensor of the data, always a copy, without a graph.

    Parameters
    ----------
    data : scalar, nested sequence, array or Tensor
        The values.
    dtype : DType, optional
        Default: the array's own; for Python numbers bool, int64, the default float, or its complex counterpart.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether a gradient is wanted.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.tensor([[1.0, 2.0]], requires_grad=True)
    tensor([[1., 2.]], requires_grad=True)
    """
    if isinstance(data, Tensor):
        data = data.detach()
    elif type(data) in _SIMPLE and (simple := _simple(data, dtype, device)) is not None:
        return simple.requires_grad_() if requires_grad else simple
    made = asarray(data, dtype=dtype, device=device, copy=True)
    if made.node is not None:
        made = made.detach()
    return _finish(made, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Return a tensor of the data, sharing memory where that is possible (PyTorch's name for `asarray`)."""
    return asarray(data, dtype=dtype, device=device)


def from_numpy(array: Any) -> Tensor:
    """Return a CPU tensor over the memory of a `numpy.ndarray`; the first in-place write copies it.

    Examples
    --------
    >>> import candelabra as cb, numpy as np
    >>> cb.from_numpy(np.eye(2, dtype="float32"))
    tensor([[1., 0.],
            [0., 1.]])
    """
    host = devices.host_device()
    if not isinstance(array, host.backend.array_type):
        raise ArgumentTypeError(f"from_numpy: a numpy.ndarray is needed, got {type(array).__name__}")
    given: Any = array
    if given.dtype in host.dtype_of and type(given) is host.backend.array_type:
        return Tensor(given, host)
    return asarray(given, device=host)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Return a tensor over the memory of an object with ``__dlpack__``.

    Parameters
    ----------
    x : object
        Another library's array.
    device : Device or str, optional
        Where the result shall be; default: where the data is, as far as a backend reads it, else the default device.
    copy : bool, optional
        True always copies, False never does.

    Examples
    --------
    >>> import candelabra as cb, numpy as np
    >>> cb.from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    if isinstance(x, Tensor):
        return asarray(x, device=device, copy=copy)
    if not hasattr(x, "__dlpack__"):
        raise ArgumentTypeError(f"from_dlpack: an object with __dlpack__ is needed, got {type(x).__name__}")
    place = devices.place_of(x)
    target = devices.as_device(device) if place is None or device is not None else place
    if copy is False and place is not None and place is not target:
        raise ExchangeError(
            f"from_dlpack: {type(x).__name__} lies on {str(place)!r}, and a copy to {str(target)!r} is needed, but "
            "copy=False"
        )
    kind = target.backend.array_type
    if target is not devices.host_device() and kind is not object and isinstance(x, kind):
        x = devices.adopt(x, target, "from_dlpack")
    try:
        array = target.backend.from_dlpack(x, target.index or 0)
    except (BufferError, TypeError, ValueError, RuntimeError) as error:
        if copy is False:
            raise ExchangeError(f"from_dlpack: {type(x).__name__} cannot be shared, and copy=False: {error}") from error
        if place is target:
            raise ExchangeError(f"from_dlpack: {type(x).__name__} on {place} cannot be shared: {error}") from error
        if place is not None:
            return asarray(from_dlpack(x), device=target, copy=copy)
        return asarray(x, device=target, copy=copy)
    return Tensor(target.backend.copy(array) if copy else array, target)
