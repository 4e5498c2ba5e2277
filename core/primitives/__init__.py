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
    "activation", "attention", "clipping", "convolution", "decomposition", "decompositions_solutions",
    "decompositions_spectral", "decompositions_square", "decompositions_symmetric", "decompositions_triangular",
    "elementwise_beyond", "folding", "fourier", "loss", "neural", "normalization", "pooling", "recurrent",
    "resampling", "segments", "selection", "softmax", "special", "special_bessel", "special_error", "special_gamma",
    "special_polynomials", "update", "update_adaptive", "update_matrix", "vectors",
)  # fmt: skip
TABLE.late = LATE

# Rows that other functions are made of; the front door does not show them.
INTERNAL = frozenset((
    "adjugate", "airy_ai_slope", "alias", "conv_input", "conv_weight", "cross_product", "definite_order", "eig",
    "eigh", "eigvals", "eigvalsh", "euclidean_norm", "fft_c2c", "fft_c2r", "fft_r2c", "frexp_exponent",
    "gammainc_slope", "getitem", "getitem_transpose", "hermitian_part", "interpolate_transpose", "inv",
    "ldl_packed", "ldl_solve", "linear_activation", "lstsq", "reflections", "lu_packed", "lu_triangles", "permutation",
    "orthogonal_polynomial", "pinv", "pivot_order", "random_bernoulli", "random_bits", "random_integers",
    "random_dropout", "random_normal", "random_permutation", "random_uniform", "rank_index", "running_extremum",
    "running_logsumexp", "segment_argmax", "segment_reduction", "setitem", "slice", "solve", "solve_triangular",
    "svdvals", "top_indices", "total_norm", "transfer",
))  # fmt: skip
# Composites that operators are made of.
_BEHIND_OPERATORS = frozenset(("get_item", "set_item", "take_item"))

__all__ = ["INTERNAL", "LATE", "TABLE", "Row", "is_internal"]


def is_internal(name: str) -> bool:
    """Whether other functions are made of one, and users do not see it; rows of kind "update" are called ``…_step``."""
    return name in INTERNAL or name in _BEHIND_OPERATORS or name.endswith("_step")
