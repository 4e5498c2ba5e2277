"""THE TABLE: every differentiable operation is one row, by family."""

from __future__ import annotations

from . import (  # noqa: F401
    activation,
    attention,
    convolution,
    creation,
    elementwise,
    indexing,
    linalg,
    loss,
    neural,
    normalization,
    pooling,
    random,
    recurrent,
    reduction,
    shape,
    softmax,
    sorting,
    update,
    update_adaptive,
    update_matrix,
)
from .row import TABLE, Row

# Rows that other functions are made of; the front door does not show them.
INTERNAL = frozenset(
    ("adam_step", "alias", "conv_input", "conv_weight", "getitem", "getitem_transpose", "random_bernoulli", "random_bits",
     "random_integers", "random_normal", "random_permutation", "random_uniform", "setitem", "sgd_step", "slice", "transfer")
)  # fmt: skip
INTERNAL |= {name for name, row in TABLE.items() if row.kind == "update"}

__all__ = ["INTERNAL", "TABLE", "Row"]
