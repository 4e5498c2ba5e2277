"""Methods that PyTorch calls in another form than the function of the same name: positions, `dims`, `unbiased`."""

from __future__ import annotations

from typing import Any

from . import inplace, ops
from .errors import ArgumentError, ArgumentTypeError, DTypeError
from .functions.torch_names import either
from .primitives.tools import shape_tuple
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
    unbiased: bool | None = None,
    keepdims: bool = False,
    *,
    correction: float | None = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the standard deviation over axes; the correction is 0 unless given, as in the standard."""
    if isinstance(axis, bool):
        axis, unbiased = None, axis
    found = _several((), axis, dim, "std")
    freedom = _correction(correction, unbiased, "std")
    return ops.std(self, axis=found, correction=freedom, keepdims=keepdims or keepdim)


def var(
    self: Tensor,
    axis: Any = None,
    unbiased: bool | None = None,
    keepdims: bool = False,
    *,
    correction: float | None = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the variance over axes; the correction is 0 unless given, as in the standard."""
    if isinstance(axis, bool):
        axis, unbiased = None, axis
    found = _several((), axis, dim, "var")
    freedom = _correction(correction, unbiased, "var")
    return ops.var(self, axis=found, correction=freedom, keepdims=keepdims or keepdim)


def index_select(self: Tensor, axis: int | None = None, index: Any = None, *, dim: int | None = None) -> Tensor:
    """Return the slices along an axis that `index` names."""
    return ops.take(self, index, axis=either(axis, dim, "index_select"))


def sub(self: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """Return ``self - alpha * other``."""
    return ops.subtract(self, other if alpha == 1 else alpha * other)


def transpose(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return the tensor with two axes exchanged."""
    return ops.transpose(self, dim0, dim1)


def swapdims(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return the tensor with two axes exchanged."""
    return ops.transpose(self, dim0, dim1)


def swapaxes(self: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return the tensor with two axes exchanged."""
    return ops.transpose(self, axis0, axis1)


def tile(self: Tensor, *repetitions: Any, dims: Any = None) -> Tensor:
    """Return the tensor repeated whole along each axis."""
    given = _several(repetitions, None, dims, "tile")
    return ops.tile(self, shape_tuple(given, "tile"))


def narrow(self: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """Return `length` slices along an axis, from `start` on."""
    return ops.narrow(self, dim, start, length)


def select(self: Tensor, dim: int, index: int) -> Tensor:
    """Return the slice at `index` along an axis, without that axis."""
    return ops.select(self, dim, index)


def unflatten(self: Tensor, dim: int, sizes: Any) -> Tensor:
    """Return the tensor with one axis taken apart into several."""
    return ops.unflatten(self, dim, sizes)


def mean(
    self: Tensor,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    out: None = None,
) -> Tensor:
    """Return the mean over axes, computed in another dtype if one is given."""
    if out is not None:
        raise ArgumentTypeError("mean: a result cannot be written into a given tensor; assign it instead of giving out")
    x = self if dtype is None else ops.astype(self, dtype, copy=False)
    return ops.mean(x, axis=_several((), axis, dim, "mean"), keepdims=keepdims or keepdim)


def softmax(self: Tensor, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Tensor:
    """Return ``exp(x) / sum(exp(x))`` along an axis, by default the last, computed in another dtype if one is given."""
    at = either(axis, dim, "softmax")
    x = self if dtype is None else ops.astype(self, dtype, copy=False)
    return ops.softmax(x, axis=-1 if at is None else at)


def log_softmax(self: Tensor, axis: Any = None, *, dtype: Any = None, dim: Any = None) -> Tensor:
    """Return the logarithm of `softmax` along an axis, by default the last, in another dtype if one is given."""
    at = either(axis, dim, "log_softmax")
    x = self if dtype is None else ops.astype(self, dtype, copy=False)
    return ops.log_softmax(x, axis=-1 if at is None else at)


def norm(
    self: Tensor,
    p: Any = 2.0,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    dim: Any = None,
    keepdim: bool = False,
) -> Tensor:
    """Return the vector norm over axes of the order `p`; "fro" is the second, "nuc" the sum of singular values."""
    return ops.norm(self, p, axis, keepdims, dtype=dtype, dim=dim, keepdim=keepdim)


def pow(self: Tensor, exponent: Any) -> Tensor:
    """Return the elements to the power `exponent`."""
    return ops.pow(self, exponent)


def pow_(self: Tensor, exponent: Any) -> Tensor:
    """Raise the elements to the power `exponent` in place."""
    return inplace.apply_(self, "pow", exponent)


def round(self: Tensor, *, decimals: int = 0) -> Tensor:
    """Return the elements rounded, ties to even, to so many places after the point, or before it where negative."""
    if decimals == 0:
        return ops.round(self)
    if not self.dtype.is_floating_point:
        raise DTypeError(f"round: decimals need a real floating-point tensor, not a {self.dtype.name} one")
    scale = 10.0 ** abs(decimals)
    return ops.round(self * scale) / scale if decimals > 0 else ops.round(self / scale) * scale


def round_(self: Tensor, *, decimals: int = 0) -> Tensor:
    """Round the elements in place."""
    return inplace.assign_(self, round(self, decimals=decimals), "round_")


def div(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Return the quotient, rounded down ("floor") or towards zero ("trunc") if asked for."""
    return ops.divide(self, other) if rounding_mode is None else ops.div(self, other, rounding_mode=rounding_mode)


def div_(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Divide in place, rounding down ("floor") or towards zero ("trunc") if asked for."""
    if rounding_mode is None:
        return inplace.apply_(self, "divide", other)
    return inplace.assign_(self, ops.div(self, other, rounding_mode=rounding_mode), "div_")


def polygamma(self: Tensor, n: int) -> Tensor:
    """Return the n-th derivative of `digamma`."""
    return ops.polygamma(n, self)


def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return the tensor in another dtype; without one, the name of its own."""
    return repr(self.dtype) if dtype is None else ops.astype(self, dtype, copy=False)


def new_empty(self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    """Return arbitrary values on the same device and in the same dtype."""
    shape = size if size is not None else sizes[0] if len(sizes) == 1 else sizes
    return ops.empty(shape, dtype=dtype or self.dtype, device=device or self.device.physical)


def is_floating_point(self: Tensor) -> bool:
    """Say whether the dtype is a real floating-point one."""
    return self.dtype.is_floating_point


def is_complex(self: Tensor) -> bool:
    """Say whether the dtype is complex."""
    return self.dtype.is_complex


FORMS = (
    flip, permute, roll, tril, triu, diff, where, std, var, index_select, sub, transpose, swapdims, swapaxes, tile,
    narrow, select, unflatten, mean, softmax, log_softmax, norm, pow, pow_, round, round_, div, div_, polygamma, type,
    new_empty, is_floating_point, is_complex,
)  # fmt: skip
