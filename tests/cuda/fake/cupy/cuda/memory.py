"""CuPy's module of memory."""

from __future__ import annotations

from . import Memory, MemoryPointer, MemoryPool, OutOfMemoryError  # noqa: F401
