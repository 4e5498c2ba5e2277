"""Embeddings as functions."""

from __future__ import annotations

import math
import warnings

from ...core import ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.functions.sets import one_hot
from ...core.tensor import Tensor

__all__ = ["embedding", "embedding_bag", "one_hot"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    r"""Look up rows of a table.

    .. math:: y_i = W_{x_i}

    Parameters
    ----------
    input : Tensor
        Integers, any shape.
    weight : Tensor
        The table, shape (V, E).
    padding_idx : int, optional
        A row that gets no gradient.
    max_norm : float, optional
        Rows looked up are first shortened in place to this norm.
    norm_type : float
        The p of that norm.
    scale_grad_by_freq : bool
        Whether a row's gradient is divided by how often it was looked up.
    sparse : bool
        Refused.

    Returns
    -------
    Tensor
        Shape (*input.shape, E).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.embedding(cb.asarray([1, 0]), cb.asarray([[0., 1.], [2., 3.]]))
    tensor([[2., 3.],
            [0., 1.]])
    """
    _refuse_sparse(sparse)
    count = weight.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise ArgumentError(f"embedding: padding_idx={padding_idx} is outside the table's {count} rows")
        padding_idx %= count
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    out = ops.embedding(weight, input, padding_idx=padding_idx)
    return _shared(out, weight, input) if scale_grad_by_freq else out


def _shared(out: Tensor, weight: Tensor, input: Tensor) -> Tensor:
    """Return rows looked up whose gradient is divided by how often each was."""
    if not out.requires_grad:
        return out
    flat = ops.reshape(input, (-1,))
    ones = ops.ones(flat.shape, dtype=weight.dtype, device=weight.device.physical)
    nothing = ops.zeros((weight.shape[0],), dtype=weight.dtype, device=weight.device.physical)
    counts = ops.index_add(nothing, flat, ones, axis=0)
    share = ops.expand_dims(ops.take(ops.divide(1.0, ops.maximum(counts, 1.0)), flat, axis=0), axis=-1)
    share = ops.reshape(share, (*input.shape, 1))
    # The value is that of `out`; only the gradient is scaled.
    fixed = out.detach()
    return ops.add(fixed, ops.multiply(share, ops.subtract(out, fixed)))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    r"""Look up rows of a table, and sum, average or maximize them over bags.

    .. math:: y_b = \sum_{i \in b} w_i W_{x_i}

    Parameters
    ----------
    input : Tensor
        Integers: shape (B, N) for B bags of N, or (N,), all bags one after the other.
    weight : Tensor
        The table, shape (V, E).
    offsets : Tensor, optional
        Where in an input of one axis each bag begins, shape (B,); the first is 0.
    max_norm : float, optional
        Rows looked up are first shortened in place to this norm.
    norm_type : float
        The p of that norm.
    scale_grad_by_freq : bool
        Whether a row's gradient is divided by how often it was looked up, not for the maximum. (PyTorch's kernel for
        the CPU divides by the count of another row.)
    mode : {"mean", "sum", "max"}
        What is done in a bag; an empty one gives zeros.
    sparse : bool
        Refused.
    per_sample_weights : Tensor, optional
        A factor for each of `input`, for sums only.
    include_last_offset : bool
        Whether `offsets` has an entry more, where the last bag ends.
    padding_idx : int, optional
        An index that is left out of its bag and gets no gradient.

    Returns
    -------
    Tensor
        Shape (B, E).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> table = cb.asarray([[0., 1.], [2., 3.], [4., 5.]])
    >>> F.embedding_bag(cb.asarray([0, 1, 2]), table, cb.asarray([0, 2]), mode="sum")
    tensor([[2., 4.],
            [4., 5.]])
    """
    if not weight.dtype.is_differentiable and input.dtype.is_differentiable:
        warnings.warn("embedding_bag: the input comes before the weight; the two are swapped", stacklevel=2)
        input, weight = weight, input
    _check_bag(input, weight, offsets, mode, scale_grad_by_freq, per_sample_weights)
    _refuse_sparse(sparse, "embedding_bag")
    count = weight.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise ArgumentError(f"embedding_bag: padding_idx={padding_idx} is outside the table's {count} rows")
        padding_idx %= count
    starts = None
    if offsets is not None:
        starts = _bounds(offsets, input, include_last_offset)
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    if starts is not None and mode == "max" and input.shape[0] and starts.shape[0] > 1:
        return _largest_of_bags(input, weight, starts, padding_idx)
    rows = ops.embedding(weight, input, padding_idx=padding_idx)
    if scale_grad_by_freq:
        rows = _shared(rows, weight, input)
    if per_sample_weights is not None:
        rows = ops.multiply(rows, ops.expand_dims(per_sample_weights, axis=-1))
    kept = None if padding_idx is None else ops.not_equal(input, padding_idx)
    shown = None if kept is None else ops.expand_dims(kept, axis=-1)
    if mode == "max" and input.ndim == 2:
        return _largest(rows, shown)
    if shown is not None:
        rows = ops.where(shown, rows, 0.0)
    if input.ndim == 2:
        total = ops.sum(rows, axis=1)
        if mode != "mean":
            return total
        if kept is None:
            return ops.divide(total, max(input.shape[1], 1))
        counts = ops.sum(ops.astype(kept, rows.dtype), axis=1)
    else:
        assert starts is not None
        lengths = ops.subtract(starts[1:], starts[:-1])
        total = ops.segment_reduction(rows, lengths, by="sum")
        if mode != "mean":
            return total
        if kept is None:
            counts = ops.astype(lengths, rows.dtype)
        else:
            counts = ops.segment_reduction(ops.astype(kept, rows.dtype), lengths, by="sum")
    return ops.divide(total, ops.expand_dims(ops.maximum(counts, 1.0), axis=-1))


def _check_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None, mode: str, by_freq: bool, factors: Tensor | None
) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"embedding_bag: mode is 'sum', 'mean' or 'max', got {mode!r}")
    if weight.ndim != 2:
        raise ShapeError(f"embedding_bag: the weight has 2 axes (rows, features), got shape {tuple(weight.shape)}")
    if input.ndim not in (1, 2):
        raise ShapeError(f"embedding_bag: an input (B, N) or (N,) is needed, got shape {tuple(input.shape)}")
    if input.ndim == 2 and offsets is not None:
        raise ArgumentError(
            "embedding_bag: an input of 2 axes holds bags of one length, so offsets must be None; flatten the input"
        )
    if input.ndim == 1 and offsets is None:
        raise ArgumentError("embedding_bag: an input of 1 axis needs offsets, where each bag begins")
    if offsets is not None and offsets.ndim != 1:
        raise ShapeError(f"embedding_bag: offsets have 1 axis, got shape {tuple(offsets.shape)}")
    if mode == "max" and by_freq:
        raise ArgumentError("embedding_bag: scale_grad_by_freq does not go with mode='max'")
    if factors is None:
        return
    if mode != "sum":
        raise ArgumentError(f"embedding_bag: per_sample_weights go with mode='sum' only, got mode={mode!r}")
    if factors.shape != input.shape:
        raise ShapeError(
            f"embedding_bag: per_sample_weights have shape {tuple(factors.shape)}, the input {tuple(input.shape)}"
        )
    if factors.dtype is not weight.dtype:
        raise DTypeError(
            f"embedding_bag: per_sample_weights are {factors.dtype.name}, the weight is {weight.dtype.name}; "
            f"convert them with .to(candelabra.{weight.dtype.name})"
        )


def _bounds(offsets: Tensor, input: Tensor, include_last: bool) -> Tensor:
    """Return where bags begin and, last, where they end."""
    if offsets.dtype.kind not in ("signed", "unsigned"):
        raise DTypeError(f"embedding_bag: offsets are integers, not {offsets.dtype.name}; convert them with .long()")
    n = input.shape[0]
    if offsets.shape[0]:
        first, last = int(offsets[0]), int(offsets[-1])
        if first != 0:
            raise ArgumentError(f"embedding_bag: the first bag begins at 0, but the first of the offsets is {first}")
        if last > n:
            raise ArgumentError(f"embedding_bag: the last of the offsets is {last}, the input has {n} indices")
    if include_last:
        if not offsets.shape[0]:
            raise ArgumentError("embedding_bag: include_last_offset=True needs at least one offset")
        return offsets
    end = ops.full((1,), n, dtype=offsets.dtype, device=offsets.device.physical)
    return ops.concat([offsets, end], axis=0)


def _largest_of_bags(input: Tensor, weight: Tensor, starts: Tensor, padding_idx: int | None) -> Tensor:
    """Return the largest of each bag and feature of an input of one axis; the gradient goes to the first."""
    n, lengths = input.shape[0], ops.subtract(starts[1:], starts[:-1])
    rows = ops.take(weight.detach(), input, axis=0)
    if padding_idx is not None:
        kept = ops.broadcast_to(ops.expand_dims(ops.not_equal(input, padding_idx), axis=-1), rows.shape)
        rows = ops.where(kept, rows, -math.inf)
    first = ops.segment_argmax(rows, lengths)
    found = ops.less(first, n)
    if padding_idx is not None:
        found = ops.logical_and(found, ops.take_along_axis(kept, ops.where(found, first, 0), axis=0))
    index = ops.take(input, ops.reshape(ops.where(found, first, 0), (-1,)), axis=0)
    top = ops.take_along_axis(weight, ops.reshape(index, first.shape), axis=0)
    return ops.where(found, top, 0.0)


def _largest(rows: Tensor, shown: Tensor | None) -> Tensor:
    """Return the largest of each bag and feature, zeros for a bag without any; the gradient goes to the first."""
    if not rows.shape[1]:
        return ops.sum(rows, axis=1)
    if shown is not None:
        rows = ops.where(shown, rows, -math.inf)
    at = ops.argmax(rows.detach(), axis=1, keepdims=True)
    top = ops.squeeze(ops.take_along_axis(rows, at, axis=1), 1)
    return top if shown is None else ops.where(ops.any(shown, axis=1), top, 0.0)


def _refuse_sparse(sparse: bool, operation: str = "embedding") -> None:
    """Refuse sparse gradients, with the reason."""
    if sparse:
        raise ArgumentError(
            f"{operation}: sparse=True is refused: there are no sparse tensors, and a gradient is dense; leave it False"
        )


@no_grad()
def _shorten_rows(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Shorten in place those of the rows looked up that are longer than `max_norm`."""
    flat = ops.reshape(indices, (-1,))
    rows = ops.take(weight.detach(), flat, axis=0)
    norms = ops.sum(ops.abs(rows) ** norm_type, axis=1, keepdims=True) ** (1.0 / norm_type)
    # The 1e-7 is PyTorch's.
    scale = ops.where(ops.greater(norms, max_norm), ops.divide(max_norm, ops.add(norms, 1e-7)), 1.0)
    weight[flat] = ops.multiply(rows, scale)
