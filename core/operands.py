"""Operands before a row computes: brought to one device, made tensors of numbers and arrays, cast to one dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import device as devices
from . import dtypes
from .errors import ArgumentTypeError, DTypeError, OutOfRangeError
from .implementation import Implementation
from .primitives.row import Row
from .tensor import Tensor


def align(operation: str, tensors: Sequence[Any]) -> list[Any]:
    """Lift tensors of one physical device to their common levels, or refuse a mixture of devices."""
    from .transforms.levels import lift

    given = [t.device for t in tensors if t is not None]
    target = given[0]
    for device in given:
        if device is target:
            continue
        if device.physical is not target.physical:
            raise devices.mismatch(operation, given, [t.shape for t in tensors if t is not None])
        if device.parent is target or not target.levels:
            target = device
        elif device.levels and target.parent is not device:
            target = target.at_levels({*target.levels, *device.levels})
    return [t if t is None or t.device is target else lift(t, target) for t in tensors]


def _is_host_scalar(value: Any) -> bool:
    return getattr(value, "shape", None) == () and hasattr(value, "item") and hasattr(value, "dtype")


_SCALARS = frozenset((bool, int, float, complex))


def _python_scalar(value: Any) -> Any:
    """Return a Python scalar for a Python or NumPy scalar, or None."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (bool, int, float, complex)):
        kinds: tuple[Any, ...] = (bool, int, float, complex)
        for kind in kinds:
            if isinstance(value, kind):
                return value if type(value) is kind else kind(value)
    if _is_host_scalar(value) and not isinstance(value, devices.host_backend().array_type):
        return value.item()
    return None


def scalar_operand(row: Row, impl: Implementation, tensor: Any, value: Any) -> Sequence[Any]:
    """Return (array of the tensor, array of the other operand), promoted, for an operand that is no Tensor."""
    scalar = _python_scalar(value)
    device = impl.device
    array = tensor.array
    if scalar is None:
        other = _foreign(row, value, device)
        return promote(row, impl, (array, other))
    here = device.dtype_of[array.dtype]
    target = computed(row, dtypes.promote_scalar(here, scalar))
    native = device.best_native_dtype(target)
    if native != array.dtype:
        array = impl.xp.astype(array, native)
    try:
        physical = device.physical
        return array, physical.backend.asarray(scalar, native, physical.index or 0)
    except (OverflowError, ValueError, TypeError) as error:
        raise DTypeError(f"{row.name}: the Python scalar {scalar!r} does not fit {target.name}: {error}") from error


def _foreign(row: Row, value: Any, device: devices.Device) -> Any:
    """Return the raw array of an operand that is another library's array in host memory."""
    backend = device.physical.backend
    if isinstance(value, backend.array_type) and backend.array_type is not object:
        return devices.adopt(value, device.physical, row.name)
    raise ArgumentTypeError(
        f"{row.name}: an operand is a {type(value).__module__}.{type(value).__name__}, not a Tensor on "
        f"{str(device)!r}; convert it with candelabra.asarray(value, device={str(device)!r})"
    )


def _kind(operand: Any) -> str:
    kind = type(operand)
    # Other libraries have Tensors, too.
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def coerce(row: Row, operands: Sequence[Any]) -> list[Any]:
    """Return operands as tensors, given that one is a Tensor or an array of a device's library."""
    tensors = [o for o in operands if isinstance(o, Tensor)]
    if not tensors:
        host = devices.host_device()
        arrays = [o for o in operands if isinstance(o, host.backend.array_type)]
        if not arrays:
            kinds = ", ".join(map(_kind, operands)) or "no operands"
            raise ArgumentTypeError(
                f"{row.name}: at least one operand must be a Tensor, got {kinds}; make one with candelabra.asarray(...)"
            )
        tensors = [Tensor(arrays[0], host)]
    device = tensors[0].device
    target: Any = None
    result: list[Any] = []
    for i, operand in enumerate(operands):
        if operand is None:
            place = row.operands[min(i, len(row.operands) - 1)]
            if not place.optional:
                raise ArgumentTypeError(f"{row.name}: {place.name} must be a Tensor, got None")
        if operand is None or isinstance(operand, Tensor):
            result.append(operand)
            continue
        scalar = _python_scalar(operand)
        if scalar is None:
            result.append(Tensor(_foreign(row, operand, device), device.physical))
            continue
        if target is None:
            target = tensors[0].dtype
            for other in tensors:
                if other.dtype is not target:
                    target = dtypes.promote_types(target, other.dtype)
        native = device.best_native_dtype(dtypes.promote_scalar(target, scalar))
        physical = device.physical
        try:
            array = physical.backend.asarray(scalar, native, physical.index or 0)
        except OverflowError as error:
            raise OutOfRangeError(f"{row.name}: the Python scalar {scalar!r} is too large: {error}") from error
        result.append(Tensor(array, physical))
    return result


def computed(row: Row, dtype: dtypes.DType) -> dtypes.DType:
    """Return the dtype in which a row computes for operands that promote to `dtype`."""
    if dtype.is_complex and not row.takes_complex:
        raise DTypeError(
            f"{row.name}: takes {row.category} dtypes, not {dtype.name}; take x.real, x.imag or abs(x) first"
        )
    return dtypes.float_for(dtype) if row.floating else dtype


def promote(row: Row, impl: Implementation, arrays: Sequence[Any], which: Sequence[int] | None = None) -> list[Any]:
    """Cast raw operands to their common dtype."""
    kinds = impl.device.dtype_of
    chosen = range(len(arrays)) if which is None else which
    target: dtypes.DType | None = None
    for i in chosen:
        if arrays[i] is not None:
            here = kinds[arrays[i].dtype]
            try:
                target = here if target is None else dtypes.promote_types(target, here)
            except DTypeError as error:
                raise DTypeError(f"{row.name}: {error}") from None
    if target is None:
        return list(arrays)
    native = impl.device.best_native_dtype(computed(row, target))
    return [
        impl.xp.astype(a, native) if a is not None and i in chosen and a.dtype != native else a
        for i, a in enumerate(arrays)
    ]
