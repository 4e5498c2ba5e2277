"""A device's memory: how much is in use and by whom, how much may be, and where it comes from."""

from __future__ import annotations

import math
import warnings
from typing import Any

from . import ops
from .backend import Backend
from .device import Device, as_device, host_device, resolver
from .errors import ArgumentError, ArgumentTypeError, CandelabraError
from .failures import failure
from .tensor import Tensor


def memory(device: str | Device | None = None) -> dict[str, int]:
    """Return what is known of a device's memory, in bytes.

    Parameters
    ----------
    device : str or Device, optional
        Default: the default device.

    Returns
    -------
    dict of str to int
        ``allocated``: what tensors hold; ``reserved``: that, and what the library keeps to use again; where the device
        tells, its ``free`` and ``total`` memory; where one is set, the ``limit`` of what may be reserved; where it is
        counted, the ``peak`` of what was allocated.
    """
    place = as_device(device).physical
    return dict(place.backend.memory(place.index or 0))


def release_memory(device: str | Device | None = None) -> None:
    """Give memory that a device's library keeps to use again back to the device.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.release_memory("cpu")
    """
    place = as_device(device).physical
    place.backend.release_memory(place.index or 0)


def reset_peak_memory(device: str | Device | None = None) -> None:
    """Count the peak of a device's allocated memory from here on; `memory` tells it.

    Raises
    ------
    DeviceError
        If the device's library does not count.
    """
    place = as_device(device).physical
    place.backend.reset_peak_memory(place.index or 0)


def set_memory_limit(limit: int | float | None, device: str | Device | None = None) -> None:
    """Let tensors take no more of a device's memory than this.

    Parameters
    ----------
    limit : int, float or None
        Bytes; or, as a float, a part of the device's memory; None for no limit.
    device : str or Device, optional
        Default: the default device.

    Raises
    ------
    ArgumentError
        If the limit is negative, or a part greater than 1.
    DeviceError
        If the device's library knows no limit.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float)):
        raise ArgumentTypeError(f"set_memory_limit: bytes, a part of the memory or None are needed, got {limit!r}")
    part = isinstance(limit, float)
    if limit is not None and (not math.isfinite(limit) or limit <= 0 or (part and limit > 1)):
        raise ArgumentError(
            f"set_memory_limit: {limit!r} is no limit; give bytes as a positive int, or a part of the memory as a "
            "float between 0 and 1"
        )
    place = as_device(device).physical
    index = place.index or 0
    if isinstance(limit, float):
        limit = int(limit * place.backend.memory(index).get("total", 0)) or None
    place.backend.set_memory_limit(limit, index)


def set_allocator(allocator: Any, device: str | Device | None = None) -> None:
    """Choose where a device's library takes memory from, for all of its devices in this process.

    What is in use stays where it came from, and goes back there.

    Parameters
    ----------
    allocator : str, callable or pair of callables
        A name that the device's library knows; or two functions, ``allocate(size, index)``, which returns an address,
        and ``free(address, index)``; or what the library itself takes for an allocator.
    device : str or Device, optional
        Default: the default device.

    Raises
    ------
    ArgumentError
        If the library does not know the name.
    DeviceError
        If the library has an allocator of its own and takes no other.
    """
    place = as_device(device).physical
    place.backend.set_allocator(allocator)


def is_pinned(x: Tensor, device: str | Device | None = None) -> bool:
    """Say whether a tensor lies in pinned memory of the host, of which a device, by default any, takes copies."""
    if x.device is not host_device():
        return False
    backends = resolver().in_use() if device is None else [as_device(device).backend]
    return any(backend.pins and backend.is_pinned(x.array) for backend in backends)


def pin_memory(x: Tensor, device: str | Device | None = None) -> Tensor:
    """Return a host tensor in pinned memory, itself where it lies there; see `Tensor.pin_memory`."""
    host = host_device()
    if x.device is not host:
        raise ArgumentTypeError(f"pin_memory: tensors of the host are pinned, this one is on {str(x.device)!r}")
    backend = pinning(device)
    if backend is None:
        where = "no device here takes" if device is None else f"device {str(device)!r} takes no"
        warnings.warn(
            f"pin_memory has no effect: {where} copies out of pinned memory; leave it out", UserWarning, stacklevel=3
        )
        return x
    if backend.is_pinned(x.array):
        return x
    try:
        array = backend.empty_pinned(x.array.shape, x.array.dtype)
    except CandelabraError:
        raise
    except Exception as error:
        raise failure(f"pin_memory(x of shape {x.shape})", host, error) from error
    array[...] = x.array
    if x.node is None:
        return Tensor(array, host)
    # Recorded as a copy, which it is.
    out = ops.clone(x)
    out.array = array
    return out


def pinning(device: str | Device | None = None) -> Backend | None:
    """Return the backend of a device, by default of one that is there, that takes copies out of pinned memory."""
    if device is not None:
        backend = as_device(device).backend
        return backend if backend.pins else None
    for found in (resolver().in_use, resolver().at_hand):
        for backend in found():
            if backend.pins:
                return backend
    return None
