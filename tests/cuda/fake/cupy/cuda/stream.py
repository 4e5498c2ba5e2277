"""CuPy's module of streams."""

from __future__ import annotations

from . import Event, ExternalStream, Stream, get_current_stream, get_elapsed_time  # noqa: F401
