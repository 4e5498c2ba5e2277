"""CuPy's module of devices."""

from __future__ import annotations

from . import Device, get_device_id


def get_cublas_handle() -> int:
    """A handle of the current card, which the stand-in of cuBLAS knows by its number."""
    return get_device_id() + 1


def get_compute_capability() -> str:
    return Device().compute_capability
