"""A device's memory: how much is in use and by whom, how much may be, and where it comes from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .device import as_device
from .errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from .device import Device


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
