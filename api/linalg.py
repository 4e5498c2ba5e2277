"""Linear algebra, by the names of the array API standard's extension."""

from __future__ import annotations

from .core.functions.linear_algebra import cross, diagonal, outer, trace, vector_norm
from .core.ops import matmul, matrix_transpose, qr, solve, tensordot, vecdot

__all__ = [
    "cross", "diagonal", "matmul", "matrix_transpose", "outer", "qr", "solve", "tensordot", "trace", "vecdot",
    "vector_norm",
]  # fmt: skip
