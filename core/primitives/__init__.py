"""THE TABLE: every differentiable operation is one row, by family.

The families that every program needs are read here. Those of `LATE` are read when the first of their rows is asked for:
they would be a tenth of the time that `import candelabra` takes.
"""

from __future__ import annotations

from . import (  # noqa: F401
    creation,
    elementwise,
    indexing,
    linalg,
    padding,
    random,
    reduction,
    scatter,
    shape,
    sorting,
)
from .row import TABLE, Row

LATE = (
    "activation", "attention", "convolution", "decomposition", "decompositions_spectral", "decompositions_square",
    "decompositions_triangular", "folding", "fourier", "loss", "neural", "normalization", "pooling", "recurrent",
    "resampling", "softmax", "special", "update", "update_adaptive", "update_matrix",
)  # fmt: skip
TABLE.late = LATE

# Rows that other functions are made of; the front door does not show them.
INTERNAL = frozenset((
    "alias", "cholesky", "conv_input", "conv_weight", "det", "eig", "eigh", "eigvals", "eigvalsh", "fft_c2c",
    "fft_c2r", "fft_r2c", "getitem", "getitem_transpose", "interpolate_transpose", "inv", "lu_packed", "matrix_exp",
    "pinv", "qr", "random_bernoulli", "random_bits", "random_integers", "random_normal", "random_permutation",
    "random_uniform", "setitem", "slice", "slogdet", "solve", "svd", "svdvals", "top_indices", "transfer",
))  # fmt: skip

__all__ = ["INTERNAL", "LATE", "TABLE", "Row", "is_internal"]


def is_internal(name: str) -> bool:
    """Whether a row is one that other functions are made of; those of kind "update" are called ``…_step``."""
    return name in INTERNAL or name.endswith("_step")
