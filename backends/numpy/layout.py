"""The order of an array's elements in memory."""

from __future__ import annotations

import numpy as np


def is_dense(x: np.ndarray) -> bool:
    """Say whether there are no gaps between the elements, in any order of axes."""
    return x.flags.c_contiguous or x.flags.f_contiguous or np.empty_like(x).strides == x.strides


def laid_out_as(x: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Return `x`, or a copy of it, laid out and of the dtype as the dense `template` is."""
    if x.strides == template.strides and x.dtype == template.dtype:
        return x
    copy = np.empty_like(template)
    copy[...] = x
    return copy
