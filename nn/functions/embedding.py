"""Embeddings as functions."""

from __future__ import annotations

from ...core import dtypes, ops
from ...core.autograd import no_grad
from ...core.errors import ArgumentError, DTypeError
from ...core.tensor import Tensor

__all__ = ["embedding", "one_hot"]


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
    if scale_grad_by_freq and out.requires_grad:
        flat = ops.reshape(input, (-1,))
        ones = ops.ones(flat.shape, dtype=weight.dtype, device=weight.device)
        counts = ops.index_add(ops.zeros((count,), dtype=weight.dtype, device=weight.device), flat, ones, axis=0)
        share = ops.expand_dims(ops.take(ops.divide(1.0, ops.maximum(counts, 1.0)), input, axis=0), axis=-1)
        # The value is that of `out`; only the gradient is scaled.
        fixed = out.detach()
        out = ops.add(fixed, ops.multiply(share, ops.subtract(out, fixed)))
    return out


def _refuse_sparse(sparse: bool) -> None:
    """Refuse sparse gradients, with the reason."""
    if sparse:
        raise ArgumentError(
            "embedding: sparse=True is refused: there are no sparse tensors, and a gradient is dense; leave it False"
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


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Turn class indices into rows with a single one.

    .. math:: y_{i,k} = [x_i = k]

    Shapes: input any, output (*input.shape, num_classes) of int64; -1 takes the largest class.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.one_hot(cb.asarray([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype is not dtypes.int64:
        raise DTypeError(f"one_hot: class indices are int64, got {tensor.dtype.name}; use x.long()")
    empty = 0 in tensor.shape
    if num_classes == -1:
        if empty:
            raise ArgumentError("one_hot: num_classes cannot be inferred from a tensor without elements; give it")
        num_classes = int(ops.max(tensor)) + 1
    elif num_classes <= 0 and not (empty and num_classes == 0):
        raise ArgumentError(f"one_hot: num_classes is positive, got {num_classes}")
    if not empty:
        low, high = int(ops.min(tensor)), int(ops.max(tensor))
        if low < 0 or high >= num_classes:
            raise ArgumentError(
                f"one_hot: classes lie between 0 and num_classes - 1 = {num_classes - 1}, got {low} to {high}"
            )
    classes = ops.arange(num_classes, dtype=dtypes.int64, device=tensor.device)
    return ops.astype(ops.equal(ops.expand_dims(tensor, axis=-1), classes), dtypes.int64)
