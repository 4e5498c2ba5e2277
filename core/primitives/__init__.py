"""THE TABLE: every differentiable operation is one row, by family."""

from __future__ import annotations

from . import (
    convolution,
    creation,
    elementwise,
    indexing,
    linalg,
    neural,
    random,
    reduction,
    shape,
    sorting,
    update,
)  # noqa: F401
from .row import TABLE, Row

__all__ = ["TABLE", "Row"]
