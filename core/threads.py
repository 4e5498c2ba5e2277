"""How many threads a device's library computes with."""

from __future__ import annotations

from .device import host_backend
from .errors import ArgumentError, ArgumentTypeError


def set_num_threads(n: int) -> None:
    """Set the number of threads that the CPU's library computes with.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.set_num_threads(cb.get_num_threads())
    """
    if not isinstance(n, int) or isinstance(n, bool):
        raise ArgumentTypeError(f"set_num_threads: an int is needed, got {n!r}")
    if n < 1:
        raise ArgumentError(f"set_num_threads: at least one thread is needed, got {n}")
    host_backend().set_num_threads(n)


def get_num_threads() -> int:
    """Return the number of threads that the CPU's library computes with."""
    return host_backend().get_num_threads()
