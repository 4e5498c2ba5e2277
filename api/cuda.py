"""CUDA devices: what there is, the memory in use, and waiting for them. Without a card the answers are False and 0."""

from __future__ import annotations

from typing import Any

from .core.backend import Backend
from .core.device import Device, as_device, resolver
from .core.errors import DeviceError
from .core.random_state import manual_seed

__all__ = [
    "current_device", "device_count", "empty_cache", "get_device_name", "is_available", "manual_seed",
    "manual_seed_all", "memory_allocated", "memory_reserved", "synchronize",
]  # fmt: skip

_TYPE = "cuda"


def _backend() -> Backend | None:
    """Return the backend that serves the device type, or None where there is none that works."""
    try:
        backend = resolver().resolve(_TYPE)
    except DeviceError:
        return None
    return backend if backend.devices() else None


def _index(device: Any, backend: Backend) -> int:
    if device is None:
        return backend.current_index()
    chosen = as_device(f"{_TYPE}:{device}" if isinstance(device, int) else device)
    if chosen.backend is not backend:
        raise DeviceError(f"cuda: device {str(chosen)!r} is none of CUDA's; write an index, or 'cuda:0'")
    return chosen.index or 0


def is_available() -> bool:
    """Say whether a CUDA device can be used; loads CuPy to find out.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cuda.is_available() == (cb.cuda.device_count() > 0)
    True
    """
    return _backend() is not None


def device_count() -> int:
    """Return the number of CUDA devices."""
    backend = _backend()
    return 0 if backend is None else len(backend.devices())


def current_device() -> int:
    """Return the index that the device ``"cuda"`` stands for; 0 without a card."""
    backend = _backend()
    return 0 if backend is None else backend.current_index()


def get_device_name(device: Device | str | int | None = None) -> str:
    """Return the name of a CUDA device, by default of the current one.

    Raises
    ------
    DeviceError
        If there is none.
    """
    backend = resolver().resolve(_TYPE)
    return backend.device_name(_index(device, backend))


def synchronize(device: Device | str | int | None = None) -> None:
    """Wait until a CUDA device, by default the current one, has done what was asked of it."""
    backend = _backend()
    if backend is not None:
        backend.synchronize(_index(device, backend))


def memory_allocated(device: Device | str | int | None = None) -> int:
    """Return the bytes that tensors take on a CUDA device, by default on the current one."""
    backend = _backend()
    return 0 if backend is None else backend.memory(_index(device, backend))["allocated"]


def memory_reserved(device: Device | str | int | None = None) -> int:
    """Return the bytes that are held for tensors on a CUDA device, in use or not."""
    backend = _backend()
    return 0 if backend is None else backend.memory(_index(device, backend))["reserved"]


def empty_cache() -> None:
    """Give memory that is held and not in use back to the CUDA devices."""
    backend = _backend()
    if backend is not None:
        for index in range(len(backend.devices())):
            backend.release_memory(index)


def manual_seed_all(seed: int) -> None:
    """Seed the default generator: the same stream serves every device."""
    manual_seed(seed)
