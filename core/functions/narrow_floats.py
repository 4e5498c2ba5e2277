"""Composites of 16-bit floats: computed in float32, and rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtypes, ops
from ..tensor import Tensor

__all__: list[str] = []


def is_narrow(*operands: Any) -> bool:
    """Whether a tensor among operands is of 16-bit floats."""
    for x in operands:
        if isinstance(x, Tensor):
            dtype = x.dtype
            if dtype.bits == 16 and dtype.rank == 2:
                return True
    return False


def in_single(function: Callable[..., Any], *operands: Any, **options: Any) -> Any:
    """Call a composite with 16-bit floats widened to float32, and round its result to what the operands promote to."""
    tensors = [x for x in operands if isinstance(x, Tensor)]
    kind = ops.result_type(*tensors)
    result = function(*[ops.astype(x, dtypes.float32) if is_narrow(x) else x for x in operands], **options)
    return ops.astype(result, kind) if result.dtype is dtypes.float32 and kind.bits == 16 else result
