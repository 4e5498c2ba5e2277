"""Linear algebra, by the names of the array API standard's extension."""

from __future__ import annotations

from .core.errors import LinAlgError
from .core.functions.decompositions import (
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    matrix_norm,
    matrix_power,
    matrix_rank,
    pinv,
)
from .core.functions.linear_algebra import cross, diagonal, outer, trace, vector_norm
from .core.ops import (
    det,
    inv,
    matmul,
    matrix_transpose,
    qr,
    slogdet,
    solve,
    svd,
    svdvals,
    tensordot,
    vecdot,
)

__all__ = [
    "LinAlgError", "cholesky", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "matmul",
    "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd",
    "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip
