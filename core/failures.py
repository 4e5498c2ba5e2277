"""What to say when the library behind a device fails: whose it is, whether memory ran out or the device has gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import dtypes
from .errors import CandelabraError, DeviceError, KernelError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .device import Device


def origin(device: Device, row: str = "") -> str:
    """Return which plugin computes a row on a device, with its distribution and version; "" for what is built in."""
    from .device import resolver

    return resolver().origin(device.type, row)


def in_brackets(device: Device | None, row: str = "") -> str:
    """Return `origin` as it follows a sentence, "" where there is nothing to say."""
    found = origin(device, row) if device is not None else ""
    return f" ({found})" if found else ""


def reason_of(error: BaseException) -> str:
    """Return an error's text, after its class where that says more than a standard one's."""
    text = str(error)
    if isinstance(error, CandelabraError | MemoryError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def failure(what: str, device: Device, error: Exception, row: str = "") -> Exception:
    """Return the error for what a library or a kernel raised; what was raised on purpose is raised again.

    Parameters
    ----------
    what : str
        The operation, as a text begins with it: ``"to_device"`` or ``"add(x1: float32 (3,), x2: float32 (3,))"``.
    device : Device
        Where it ran.
    error : Exception
        What was raised.
    row : str
        The row's name, where a row was run.
    """
    if isinstance(error, CandelabraError) and not isinstance(error, KernelError):
        raise error
    physical = device.physical
    if physical.backend.is_out_of_memory(error):
        return out_of_memory(what, physical, error, row)
    gone = absence(physical)
    if gone:
        return DeviceError(f"{what}: {gone}; {reason_of(error)}")
    if isinstance(error, KernelError):
        return KernelError(f"{what} on {device}: {error}{in_brackets(physical, row)}")
    return KernelError(f"{what} on {device}: {reason_of(error)}{in_brackets(physical, row)}")


def out_of_memory(what: str, device: Device, error: BaseException, row: str = "") -> OutOfMemoryError:
    """Return the error for a device without enough memory, with who holds what its backend tells of."""
    reason = str(error).strip().rstrip(".") or "there is not enough memory"
    figures, mends = _figures(device, error)
    return OutOfMemoryError(
        f"{what}: {reason}: out of memory on {str(device)!r}{figures}{in_brackets(device, row)}; use smaller batches "
        "or a narrower dtype, let go of tensors that are no longer needed (a loss holds what its backward needs), "
        f"compute without a graph (no_grad) or keep less of it (candelabra.checkpoint){mends}"
    )


def _figures(device: Device, error: BaseException) -> tuple[str, str]:
    """Return who holds how much of a device's memory, and what that suggests."""
    backend = device.backend
    try:
        found = backend.memory(device.index or 0)
        wanted = backend.wanted(error)
    except Exception:  # a third party's code, which is in trouble already
        return "", ""
    allocated, total, limit = found.get("allocated", 0), found.get("total", 0), found.get("limit", 0)
    kept = max(0, found.get("reserved", 0) - allocated)
    others = max(0, total - found.get("free", 0) - allocated - kept) if total else 0
    parts, mends = [f"{_size(wanted)} wanted"] if wanted else [], ""
    if allocated:
        parts.append(f"{_size(allocated)} in tensors")
    if kept:
        parts.append(f"{_size(kept)} kept to use again")
    if total and (allocated or kept):
        parts.append(f"{_size(others)} held by others")
    if total:
        parts.append(f"{_size(found.get('free', 0))} of {_size(total)} free")
    if limit:
        parts.append(f"limited to {_size(limit)}")
        mends += ", or raise the limit (candelabra.set_memory_limit)"
    if total and others > total // 4:
        mends += "; other programs and libraries hold a good part of the device, too"
    return f", {', '.join(parts)}" if parts else "", mends


def _size(count: int) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.2f} {name}"
    return f"{count} bytes"


def absence(device: Device) -> str:
    """Return what to say of a device that is no longer there, "" for one that is."""
    backend = device.backend
    try:
        names = backend.devices()
    except Exception as error:  # a third party's code
        return f"device {str(device)!r} is no longer there: its devices cannot be listed ({reason_of(error)})"
    if (device.index or 0) < len(names):
        return ""
    return (
        f"device {str(device)!r} is no longer there: backend {backend.name!r}{in_brackets(device)} now has "
        f"{len(names) or 'no'} device{'' if len(names) == 1 else 's'}"
    )


def count(device: Device) -> int:
    """Return how many devices of its backend there are."""
    try:
        names = device.backend.devices()
        number = len(names)
    except Exception as error:
        raise _unusable(device, f"its devices cannot be listed: {reason_of(error)}") from error
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise _unusable(device, f"devices() must return a list of names, got {names!r:.60}")
    return number


def current(device: Device) -> int:
    """Return the index that a device without one gets."""
    try:
        index = device.backend.current_index()
    except CandelabraError:
        raise
    except Exception as error:
        raise _unusable(device, f"its current device cannot be told: {reason_of(error)}") from error
    if not isinstance(index, int):
        raise _unusable(device, f"current_index() must return an int, got {index!r:.60}")
    return index


def dtypes_of(device: Device) -> dict[dtypes.DType, Any]:
    """Return the library's dtype for each dtype of a device that is used for the first time, having tried one."""
    backend, index = device.backend, device.index or 0
    try:
        found = {dtypes.as_dtype(name): native for name, native in backend.dtypes(index).items()}
    except Exception as error:
        raise _unusable(device, f"its dtypes cannot be listed: {reason_of(error)}") from error
    real = next((d for d in (dtypes.float32, dtypes.float64) if d in found), None)
    if real is None or not any(d.kind == "signed" for d in found):
        raise _unusable(device, "dtypes() must name a signed integer and float32 or float64 at least, and names "
                        + (", ".join(d.name for d in found) or "none"))  # fmt: skip
    try:
        array = backend.asarray(1.0, found[real], index)
    except Exception as error:
        raise _unusable(device, f"asarray(1.0, {real.name}) fails there: {reason_of(error)}") from error
    native = getattr(array, "dtype", None)
    try:
        known = native in set(found.values())
    except TypeError as error:
        raise _unusable(device, f"a dtype of its library cannot be a key: {error}") from error
    if not known:
        made = f"of dtype {native!r}" if native is not None else f"without a dtype, a {type(array).__name__}"
        raise _unusable(
            device, f"dtypes() says {found[real]!r} for {real.name}, and what asarray makes of it is {made}"
        )
    return found


def _unusable(device: Device, why: str) -> DeviceError:
    whose = origin(device) or "built in"
    return DeviceError(f"device {str(device)!r} cannot be used: backend {device.backend.name!r} ({whose}): {why}")


def no_rubbish(normalize: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `normalize` for the code of others: what is neither an array nor a number is refused."""

    def checked(value: Any) -> Any:
        if not hasattr(value, "dtype") and not isinstance(value, bool | int | float | complex):
            raise KernelError(f"an array must be returned, got {type(value).__name__} {value!r:.60}")
        return normalize(value)

    return checked
