"""Windows of an image as columns, and back, as functions."""

from __future__ import annotations

from typing import Any

from ...core import ops
from ...core.errors import ShapeError
from ...core.tensor import Tensor
from .convolution import ints
from .pooling import IntOrInts, on_batch

__all__ = ["fold", "unfold"]


def unfold(
    input: Tensor,
    kernel_size: IntOrInts,
    dilation: IntOrInts = 1,
    padding: IntOrInts = 0,
    stride: IntOrInts = 1,
) -> Tensor:
    """Lay out the windows of images as columns, as `nn.Unfold`.

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C·kH·kW, windows) or without N.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.unfold(cb.ones(1, 3, 10, 12), (4, 5)).shape
    (1, 60, 56)
    """
    how = _statics("unfold", kernel_size, dilation, padding, stride)
    return on_batch(ops.im2col, input, 2, "unfold", **how)  # type: ignore[no-any-return]


def fold(
    input: Tensor,
    output_size: IntOrInts,
    kernel_size: IntOrInts,
    dilation: IntOrInts = 1,
    padding: IntOrInts = 0,
    stride: IntOrInts = 1,
) -> Tensor:
    """Add up columns where their windows stand, as `nn.Fold`.

    Shapes: input (N, C·kH·kW, windows) or (C·kH·kW, windows), result (N, C, *output_size) or without N.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.fold(cb.ones(1, 12, 12), (4, 5), (2, 2)).shape
    (1, 3, 4, 5)
    """
    if input.ndim not in (2, 3):
        raise ShapeError(
            f"fold: columns (N, C * kH * kW, windows) or (C * kH * kW, windows) are needed, got shape "
            f"{tuple(input.shape)}"
        )
    how = _statics("fold", kernel_size, dilation, padding, stride)
    how["output_size"] = ints(output_size, 2, "fold: output_size")
    if input.ndim == 3:
        return ops.col2im(input, **how)
    return ops.squeeze(ops.col2im(ops.expand_dims(input, axis=0), **how), 0)


def _statics(name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    given = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    return {k: ints(v, 2, f"{name}: {k}") for k, v in given.items()}
