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
from .core.functions.elimination import lu, lu_factor, lu_solve
from .core.functions.guard import guard_names as _guard_names
from .core.functions.linear_algebra import cross, diagonal, outer, trace, vector_norm
from .core.functions.linear_systems import cond, lstsq, multi_dot, norm, solve_triangular
from .core.ops import (
    det,
    inv,
    matmul,
    matrix_exp,
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
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv",
    "lstsq", "lu", "lu_factor", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd",
    "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip

_guard_names(globals(), __all__)
