"""Announces CuPy as the backend of CUDA devices."""

from __future__ import annotations

from ...core.backend import Backend, BackendSpec


def load() -> Backend:
    """Import CuPy and return its backend, or raise with what is missing."""
    from .library import load_backend

    return load_backend()


def candelabra_backends() -> list[BackendSpec]:
    """Return the backend that this plugin brings."""
    return [BackendSpec("cupy", ("cuda",), load)]
