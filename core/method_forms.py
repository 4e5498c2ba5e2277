"""Methods that PyTorch calls in another form than the function of the same name: positions, `dims`, `unbiased`."""

from __future__ import annotations

from typing import Any

from . import inplace, ops
from .errors import ArgumentError, ArgumentTypeError
from .functions.torch_names import either
from .tensor import Tensor


def _several(axes: tuple[Any, ...], axis: Any, dims: Any, operation: str) -> Any:
    """Return axes that are given one by one, as one sequence, or by name."""
    given: Any = axes[0] if len(axes) == 1 else axes or None
    found = either(either(given, axis, operation), dims, operation)
    return tuple(found) if isinstance(found, (list, tuple)) else found


def flip(self: Tensor, *axes: Any, axis: Any = None, dims: Any = None) -> Tensor:
    """Return the tensor with the order along axes reversed; no axis means all."""
    return ops.flip(self, axis=_several(axes, axis, dims, "flip"))


def permute(self: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """Return the tensor with its axes in another order."""
    return ops.permute_dims(self, _several(axes, None, dims, "permute"))


def roll(self: Tensor, shift: Any = None, axis: Any = None, *, shifts: Any = None, dims: Any = None) -> Tensor:
    """Return the tensor with elements shifted round along axes, flattened without one."""
    by = either(shift, shifts, "roll")
    if by is None:
        raise ArgumentTypeError("roll: a shift is needed, such as x.roll(1, axis=0)")
    return ops.roll(self, by, axis=either(axis, dims, "roll"))


def tril(self: Tensor, k: int = 0, *, diagonal: int = 0) -> Tensor:
    """Return the lower triangle of the last two axes, zeros above the diagonal `k`."""
    return ops.tril(self, k=k or diagonal)


def triu(self: Tensor, k: int = 0, *, diagonal: int = 0) -> Tensor:
    """Return the upper triangle of the last two axes, zeros below the diagonal `k`."""
    return ops.triu(self, k=k or diagonal)


def diff(
    self: Tensor,
    n: int = 1,
    axis: int | None = None,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    dim: int | None = None,
) -> Tensor:
    """Return the n-th differences of neighbours along an axis, by default the last."""
    at = either(axis, dim, "diff")
    return ops.diff(self, axis=-1 if at is None else at, n=n, prepend=prepend, append=append)


def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """Return the tensor's elements where the condition holds, those of `other` elsewhere."""
    return ops.where(condition, self, other)


def _correction(correction: float | None, unbiased: bool | None, operation: str) -> float:
    if unbiased is not None:
        if correction is not None:
            raise ArgumentError(f"{operation}: give correction or PyTorch's older unbiased, not both")
        return 1.0 if unbiased else 0.0
    return 0.0 if correction is None else correction


def std(
    self: Tensor,
    axis: Any = None,
    keepdims: bool = False,
    *,
    correction: float | None = None,
    unbiased: bool | None = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the standard deviation over axes; the correction is 0 unless given, as in the standard."""
    found = _several((), axis, dim, "std")
    freedom = _correction(correction, unbiased, "std")
    return ops.std(self, axis=found, correction=freedom, keepdims=keepdims or keepdim)


def var(
    self: Tensor,
    axis: Any = None,
    keepdims: bool = False,
    *,
    correction: float | None = None,
    unbiased: bool | None = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the variance over axes; the correction is 0 unless given, as in the standard."""
    found = _several((), axis, dim, "var")
    freedom = _correction(correction, unbiased, "var")
    return ops.var(self, axis=found, correction=freedom, keepdims=keepdims or keepdim)


def index_select(self: Tensor, axis: int | None = None, index: Any = None, *, dim: int | None = None) -> Tensor:
    """Return the slices along an axis that `index` names."""
    return ops.take(self, index, axis=either(axis, dim, "index_select"))


def sub(self: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """Return ``self - alpha * other``."""
    return ops.subtract(self, other if alpha == 1 else alpha * other)


def polygamma(self: Tensor, n: int) -> Tensor:
    """Return the n-th derivative of `digamma`."""
    return ops.polygamma(n, self)


def addcmul(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Return ``self + value * tensor1 * tensor2``."""
    return self + (tensor1 * tensor2 if value == 1 else value * tensor1 * tensor2)


def addcdiv(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Return ``self + value * tensor1 / tensor2``."""
    return self + (tensor1 / tensor2 if value == 1 else value * tensor1 / tensor2)


def addcdiv_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Add ``value * tensor1 / tensor2`` in place."""
    return inplace.apply_(self, "add", tensor1 / tensor2 if value == 1 else value * tensor1 / tensor2)


def type(self: Tensor, dtype: Any) -> Tensor:
    """Return the tensor in another dtype."""
    return ops.astype(self, dtype, copy=False)


def new_empty(self: Tensor, *size: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Return arbitrary values on the same device and in the same dtype."""
    shape = size[0] if len(size) == 1 else size
    return ops.empty(shape, dtype=dtype or self.dtype, device=device or self.device.physical)


def is_floating_point(self: Tensor) -> bool:
    """Say whether the dtype is a real floating-point one."""
    return self.dtype.is_floating_point


def is_complex(self: Tensor) -> bool:
    """Say whether the dtype is complex."""
    return self.dtype.is_complex


FORMS = (
    flip, permute, roll, tril, triu, diff, where, std, var, index_select, sub, polygamma, addcmul, addcdiv, addcdiv_,
    type, new_empty, is_floating_point, is_complex,
)  # fmt: skip
