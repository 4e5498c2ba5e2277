"""THE TABLE: every differentiable operation is one row, by family."""

from __future__ import annotations

from . import creation, elementwise, indexing, linalg, reduction, shape, sorting  # noqa: F401
from .row import TABLE, Row

__all__ = ["TABLE", "Row"]
