"""Kernels of this family."""

from __future__ import annotations

from typing import Any

KERNELS: dict[str, Any] = {}
PRIORITIES: dict[str, int] = {}
