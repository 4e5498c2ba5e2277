"""Linear maps as functions."""

from __future__ import annotations

from ...core import ops
from ...core.errors import ShapeError
from ...core.tensor import Tensor

__all__ = ["bilinear", "linear"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    r"""Map the last axis.

    .. math:: y = x W^\top + b

    Shapes: input (..., in), weight (out, in), bias (out,).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.linear(cb.ones(1, 3), cb.ones(2, 3))
    tensor([[3., 3.]])
    """
    return ops.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    r"""Map the last axes of two tensors, linearly in each.

    .. math:: y_k = x_1^\top W_k x_2 + b_k

    Shapes: input1 (..., in1), input2 (..., in2), weight (out, in1, in2), bias (out,), output (..., out).

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.bilinear(cb.ones(1, 2), cb.ones(1, 3), cb.ones(1, 2, 3))
    tensor([[6.]])
    """
    if weight.ndim != 3:
        raise ShapeError(f"bilinear: the weight has 3 axes (out, in1, in2), got shape {tuple(weight.shape)}")
    out, first, second = weight.shape
    lead = input1.shape[:-1]
    if not input1.ndim or not input2.ndim or input2.shape[:-1] != lead:
        raise ShapeError(
            f"bilinear: inputs of shapes {tuple(input1.shape)} and {tuple(input2.shape)} differ before their last axes"
        )
    if input1.shape[-1] != first or input2.shape[-1] != second:
        raise ShapeError(
            f"bilinear: inputs of {input1.shape[-1]} and {input2.shape[-1]} features do not fit the weight "
            f"{tuple(weight.shape)} (out, in1, in2)"
        )
    if bias is not None and bias.shape != (out,):
        raise ShapeError(f"bilinear: bias has shape {tuple(bias.shape)}, the weight wants {(out,)}")
    # One product for all outputs, x1 W, and then a product of matrix and vector for each sample.
    table = ops.reshape(ops.permute_dims(weight, (1, 0, 2)), (first, out * second))
    half = ops.reshape(ops.matmul(input1, table), (*lead, out, second))
    made = ops.squeeze(ops.matmul(half, ops.expand_dims(input2, axis=-1)), -1)
    return made if bias is None else ops.add(made, bias)
