"""Signals: `windows` holds those of torch.signal.windows."""

from __future__ import annotations

from .core.functions import signal_windows as windows
from .core.functions.guard import guard_names as _guard_names

__all__ = ["windows"]

_guard_names(vars(windows), windows.__all__)
