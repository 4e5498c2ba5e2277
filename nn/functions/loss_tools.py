"""What the losses share: reductions, weights, and checks of their operands."""

from __future__ import annotations

import warnings

from ...core import ops
from ...core.device import checks_values, host_device
from ...core.errors import ArgumentError, DTypeError, IndexOutOfRangeError, ShapeError
from ...core.tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")


def chosen_reduction(
    size_average: bool | None, reduce: bool | None, reduction: str, name: str, *more: str, stacklevel: int = 3
) -> str:
    """Return the reduction, which the two arguments of PyTorch's past may also state; `more` are further ones."""
    if size_average is not None or reduce is not None:
        summed = reduce is None or reduce
        reduction = ("mean" if size_average is None or size_average else "sum") if summed else "none"
        warnings.warn(
            f"{name}: size_average and reduce are deprecated; use reduction={reduction!r}", stacklevel=stacklevel
        )
    if reduction not in REDUCTIONS and reduction not in more:
        known = ", ".join(map(repr, (*more, *REDUCTIONS[:-1])))
        raise ArgumentError(f"{name}: reduction is {known} or 'none', got {reduction!r}")
    return reduction


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """Take the mean or the sum of losses, or leave them."""
    if reduction == "mean":
        return ops.mean(loss)
    return ops.sum(loss) if reduction == "sum" else loss


def check_weight(loss: Tensor, weight: Tensor, name: str) -> None:
    """Refuse weights that are not one for each loss."""
    if weight.shape != loss.shape:
        raise ShapeError(f"{name}: weight has shape {tuple(weight.shape)}, input and target {tuple(loss.shape)}")


def weighted(loss: Tensor, weight: Tensor | None, reduction: str, name: str) -> Tensor:
    """Reduce a loss whose elements carry weights: the mean divides by the weights' sum."""
    if weight is None:
        return reduced(loss, reduction)
    check_weight(loss, weight, name)
    loss = ops.multiply(loss, weight)
    return ops.divide(ops.sum(loss), ops.sum(weight)) if reduction == "mean" else reduced(loss, reduction)


def warn_of_broadcast(name: str, input: Tensor, target: Tensor) -> None:
    """Warn where input and target have different shapes."""
    warnings.warn(
        f"{name}: input {tuple(input.shape)} and target {tuple(target.shape)} have different shapes and are broadcast, "
        "which is likely to give wrong results; give them the same shape",
        stacklevel=3,
    )


def check_alike(name: str, input: Tensor, target: Tensor) -> None:
    """Refuse an input and a target of different shapes."""
    if input.shape != target.shape:
        raise ShapeError(
            f"{name}: input {tuple(input.shape)} and target {tuple(target.shape)} must have the same shape; "
            "reshape one of them, such as target.reshape(input.shape)"
        )


def check_classes(name: str, target: Tensor) -> None:
    """Refuse class numbers that are not integers."""
    if target.dtype.rank >= 2 or target.dtype.kind == "bool":
        raise DTypeError(f"{name}: class indices are integers, got {target.dtype.name}; convert them with .long()")


def positive_part(x: Tensor) -> Tensor:
    """Return ``max(x, 0)``, with slope one at zero; NaN stays."""
    return ops.where(ops.less(x, 0), 0.0, x)


def at_least(x: Tensor, least: float) -> Tensor:
    """Return `x`, but no less than a bound; the slope stays one below it, and NaN stays."""
    return ops.where(ops.less(x, least), ops.add(ops.subtract(x, x.detach()), least), x)


def in_host_memory(x: Tensor) -> bool:
    """Say whether looking at the values costs no synchronization."""
    return x.device is host_device()


def check_range(name: str, x: Tensor, low: float, high: float, text: str) -> None:
    """Refuse values outside an interval, where values are looked at."""
    if not checks_values(x.device) or not x.size:
        return
    values = x.detach()
    least, most = ops.min(values).item(), ops.max(values).item()
    if not (low <= least and most <= high):
        raise ArgumentError(f"{name}: {text}, got values from {least:.6g} to {most:.6g}")


def out_of_range(name: str, classes: int, error: Exception, more: str = "") -> IndexOutOfRangeError:
    """Return the error of a class that is not there, for what an indexing row said."""
    return IndexOutOfRangeError(
        f"{name}: a target is out of range for {classes} classes; it must lie in [0, {classes - 1}]{more} ({error})"
    )
