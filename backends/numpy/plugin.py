"""Announces NumPy as the backend of the CPU."""

from __future__ import annotations

from ...core.backend import Backend, BackendSpec


def load() -> Backend:
    """Import NumPy inside the CPU's memory and BLAS policies, and return its backend."""
    from . import memory

    memory.tune_allocator()
    with memory.blas_environment():
        import numpy  # noqa: F401
    from .library import NumpyBackend

    return NumpyBackend()


def candelabra_backends() -> list[BackendSpec]:
    """Return the backend that this plugin brings."""
    return [BackendSpec("numpy", ("cpu",), load, indexed=False)]
