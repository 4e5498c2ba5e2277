"""Cross entropy of scores that a linear map gives, without holding all scores at once where that is asked for."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

from ...core import ops
from ...core.autograd.checkpoint import checkpoint
from ...core.dtypes import DType
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor
from .loss import cross_entropy
from .loss_tools import chosen_reduction

__all__ = ["linear_cross_entropy"]


@dataclass(frozen=True, slots=True)
class LinearCrossEntropyOptions:
    """How `linear_cross_entropy` cuts its batch into chunks, so that never all scores are in memory.

    Parameters
    ----------
    allow_retain_graph : bool
        Has no effect: backward computes a chunk's scores again, and may do so as often as it is asked.
    batch_chunk_size : int, optional
        Samples in a chunk.
    chunking_method : str, optional
        Chooses `batch_chunk_size` where that is None: "aspect_ratio" so that a chunk's scores take about the memory of
        the input, "aspect_ratio:N" one N-th of it, "auto" as "aspect_ratio:2"; None makes one chunk.
    acc_policy : {"auto", "accurate", "balanced", "compact"}
        Selects among PyTorch's implementations and has no effect: 16-bit floats are added up in float32 here.
    acc_dtype : DType, optional
        Selects among PyTorch's implementations and has no effect, for the same reason.

    Examples
    --------
    >>> from candelabra import nn
    >>> nn.LinearCrossEntropyOptions(batch_chunk_size=8, chunking_method=None).chunk(20, 4, 100)
    8
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ArgumentError(
                "LinearCrossEntropyOptions: acc_policy is 'auto', 'accurate', 'balanced' or 'compact', "
                f"not {self.acc_policy!r}"
            )
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ArgumentError(f"LinearCrossEntropyOptions: batch_chunk_size is a positive int or None, got {size!r}")
        if self.chunking_method not in (None, "auto"):
            self._factor()
        if self.acc_dtype is not None and not self.acc_dtype.is_floating_point:
            raise ArgumentError(f"LinearCrossEntropyOptions: acc_dtype is a floating-point one, got {self.acc_dtype}")

    def _factor(self) -> int:
        method = "aspect_ratio:2" if self.chunking_method == "auto" else str(self.chunking_method)
        name, colon, factor = method.partition(":")
        if name != "aspect_ratio" or (colon and not (factor.isdigit() and int(factor) > 0)):
            raise ArgumentError(
                "LinearCrossEntropyOptions: chunking_method is 'auto', 'aspect_ratio', 'aspect_ratio:N' or None, "
                f"not {self.chunking_method!r}"
            )
        return int(factor) if colon else 1

    def chunk(self, samples: int, features: int, classes: int) -> int:
        """Return the number of samples in a chunk."""
        if self.batch_chunk_size is not None:
            return self.batch_chunk_size
        if self.chunking_method is None:
            return max(samples, 1)
        ratio = -(-classes // max(features, 1))
        rows = max(-(-samples // max(ratio, 1)), 1)
        return max((1 << (rows - 1).bit_length()) // self._factor(), 1)


def _check(input: Tensor, linear_weight: Tensor, linear_bias: Tensor | None) -> None:
    if input.ndim not in (1, 2) or linear_weight.ndim < 2:
        raise ShapeError(
            "linear_cross_entropy: input (N, in_features) or (in_features,) and linear_weight (C, ..., in_features) "
            f"are needed, got {tuple(input.shape)} and {tuple(linear_weight.shape)}"
        )
    if input.shape[-1] != linear_weight.shape[-1]:
        raise ShapeError(
            f"linear_cross_entropy: input has {input.shape[-1]} features, linear_weight {linear_weight.shape[-1]}"
        )
    if linear_bias is not None and linear_bias.shape != linear_weight.shape[:-1]:
        raise ShapeError(
            f"linear_cross_entropy: linear_bias has shape {tuple(linear_bias.shape)}, linear_weight of shape "
            f"{tuple(linear_weight.shape)} needs {tuple(linear_weight.shape[:-1])}"
        )
    if linear_weight.ndim > 2 and input.ndim == 1:
        raise ShapeError(
            f"linear_cross_entropy: a loss of {linear_weight.ndim - 2} axes more needs a batch (N, in_features), got "
            f"input of shape {tuple(input.shape)}"
        )


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    r"""Compare the scores that a linear map gives with classes: `cross_entropy` of ``input @ linear_weight.T``.

    .. math:: \ell = \mathrm{cross\_entropy}(x W^\top + b, y)

    Parameters
    ----------
    input : Tensor
        Shape (N, in_features) or (in_features,).
    linear_weight : Tensor
        Shape (C, in_features), or (C, d1, ..., in_features) for scores (N, C, d1, ...).
    target : Tensor
        Class indices of shape (N, d1, ...) or (), or probabilities of the scores' shape.
    linear_bias : Tensor, optional
        The shape of `linear_weight` without its last axis.
    weight, reduction, label_smoothing
        As in `cross_entropy`.
    ignore_index : int, optional
        Targets of this value count for nothing; None means -100. Class indices only.
    options : LinearCrossEntropyOptions, optional
        Work on chunks of the batch, whose scores backward computes again.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.linear_cross_entropy(cb.ones(1, 3), cb.zeros(2, 3), cb.asarray([1]))
    tensor(0.6931)
    """
    reduction = chosen_reduction(None, None, reduction, "linear_cross_entropy")
    _check(input, linear_weight, linear_bias)
    classes, *places, features = linear_weight.shape
    shape = (*input.shape[:-1], classes, *places)
    if target.shape == shape and target.dtype.is_floating_point and ignore_index is not None:
        raise ArgumentError("linear_cross_entropy: ignore_index has no meaning where targets are probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        if places or label_smoothing or target.dtype.is_floating_point:
            warnings.warn(
                "linear_cross_entropy: options are of no effect here: chunks want class indices, no label_smoothing "
                "and linear_weight (C, in_features)",
                stacklevel=2,
            )
        elif input.ndim == 2 and target.shape == input.shape[:1]:
            return _in_chunks(
                input, linear_weight, target, linear_bias, weight, reduction, ignored,
                options.chunk(input.shape[0], features, classes),
            )  # fmt: skip
    if places:
        linear_weight = ops.reshape(linear_weight, (math.prod(shape[len(shape) - 1 - len(places) :]), features))
        linear_bias = None if linear_bias is None else ops.reshape(linear_bias, (-1,))
    scores = ops.linear(input, linear_weight, linear_bias)
    return cross_entropy(
        ops.reshape(scores, shape) if places else scores,
        target,
        weight,
        ignore_index=ignored,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _in_chunks(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None,
    weight: Tensor | None,
    reduction: str,
    ignored: int,
    size: int,
) -> Tensor:
    """Compute the losses of a chunk at a time, keeping no scores."""
    each = "none" if reduction == "none" else "sum"

    def losses(x: Tensor, w: Tensor, y: Tensor, b: Tensor | None) -> Tensor:
        return ops.cross_entropy(ops.linear(x, w, b), y, weight, ignore_index=ignored, reduction=each)

    found = [
        checkpoint(
            losses, input[i : i + size], linear_weight, target[i : i + size], linear_bias, preserve_rng_state=False
        )
        for i in range(0, max(input.shape[0], 1), size)
    ]
    if reduction == "none":
        return ops.concat(found, axis=0)
    total = ops.sum(ops.stack(found, axis=0))
    if reduction == "sum":
        return total
    counted = ops.not_equal(target, ignored)
    weights = ops.astype(counted, total.dtype)
    if weight is not None:
        weights = ops.multiply(weights, ops.take(weight, ops.where(counted, target, 0), axis=0))
    return ops.divide(total, ops.sum(weights))
