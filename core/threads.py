"""How many threads a device's library computes with."""

from __future__ import annotations

from collections.abc import Callable

from .device import host_backend
from .errors import ArgumentError, ArgumentTypeError

_followers: list[Callable[[int], object]] = []
_pools: dict[str, Callable[[], str]] = {}


def follow(function: Callable[[int], object], name: str = "", describe: Callable[[], str] | None = None) -> None:
    """Call `function` with the number of threads whenever it is set: for kernels with a pool of their own.

    What `describe` then says of the pool stands in ``candelabra devices``, after its `name`.
    """
    _followers.append(function)
    if describe is not None:
        _pools[name] = describe


def pools() -> dict[str, str]:
    """Return what kernels with a pool of their own say of it."""
    return {name: describe() for name, describe in _pools.items()}


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
    for function in _followers:
        function(n)


def get_num_threads() -> int:
    """Return the number of threads that the CPU's library computes with."""
    return host_backend().get_num_threads()
