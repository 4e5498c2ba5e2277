"""THE TABLE: every differentiable operation is one row, by family."""

from __future__ import annotations

from . import (  # noqa: F401
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
)
from .row import TABLE, Row

__all__ = ["TABLE", "Row"]
