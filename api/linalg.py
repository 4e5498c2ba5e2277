"""Linear algebra, by the names of the array API standard's extension."""

from __future__ import annotations

from .core.errors import LinAlgError
from .core.functions.decompositions import cholesky, cholesky_ex, eig, eigh, eigvals, eigvalsh, matrix_power
from .core.functions.elimination import (
    inv_ex,
    ldl_factor,
    ldl_factor_ex,
    ldl_solve,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    solve,
    solve_ex,
)
from .core.functions.guard import guard_names as _guard_names
from .core.functions.linear_algebra import cross, diagonal, outer, trace, vecdot
from .core.functions.linear_systems import lstsq, multi_dot, solve_triangular, tensorinv, tensorsolve, vander
from .core.functions.norms import cond, matrix_norm, norm, vector_norm
from .core.functions.reflections import householder_product, qr
from .core.functions.singular_values import matrix_rank, pinv, svd, svdvals
from .core.ops import inv, matmul, matrix_transpose, row_function, tensordot
from .core.primitives.row import TABLE as _TABLE

det = row_function(_TABLE["det"])
matrix_exp = row_function(_TABLE["matrix_exp"])
slogdet = row_function(_TABLE["slogdet"])
del row_function

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular",
    "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vander", "vecdot", "vector_norm",
]  # fmt: skip

_guard_names(globals(), __all__)
