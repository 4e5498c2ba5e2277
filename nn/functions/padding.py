"""Padding: constant, reflecting, replicating and circular."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from ...core import ops
from ...core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ...core.tensor import Tensor

__all__ = ["pad"]

_MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Pad the last axes of a tensor.

    Parameters
    ----------
    input : Tensor
        Any shape; in a mode other than constant one or two more axes than are padded.
    pad : sequence of int
        Pairs (before, after), beginning with the last axis; negative ones crop.
    mode : {"constant", "reflect", "replicate", "circular"}
        What stands in the new places. All but constant take padding of the last 1, 2 or 3 axes.
    value : float, optional
        Fills the new places in constant mode; 0 if not given.

    Examples
    --------
    >>> import candelabra as cb
    >>> from candelabra.nn import functional as F
    >>> F.pad(cb.asarray([[1., 2., 3.]]), (1, 2), mode="reflect")
    tensor([[2., 1., 2., 3., 2., 1.]])
    """
    try:
        widths = tuple(map(operator.index, pad))
    except TypeError:
        raise ArgumentTypeError(f"pad: pairs of ints are needed, got {pad!r}") from None
    axes = len(widths) // 2
    if len(widths) % 2 or axes > input.ndim:
        raise ArgumentError(
            f"pad: pairs (before, after) for at most the {input.ndim} axes of shape {tuple(input.shape)} are needed, "
            f"got {widths}"
        )
    if mode not in _MODES:
        raise ArgumentError(f"pad: mode is 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if mode != "constant":
        if value is not None and value != 0:
            raise ArgumentError(f"pad: value={value!r} has a meaning in mode 'constant' only, not in {mode!r}")
        if not 1 <= axes <= 3 or input.ndim not in (axes + 1, axes + 2):
            raise ShapeError(
                f"pad: mode {mode!r} pads the last 1, 2 or 3 axes of a tensor with one or two axes more, got {axes} "
                f"pairs for shape {tuple(input.shape)}; use mode='constant', or add axes"
            )
    if not any(widths):
        return input
    pairs = tuple(zip(widths[0::2], widths[1::2]))[::-1]
    if mode != "constant" and all(n + a + b < 1 for n, (a, b) in zip(input.shape[-axes:], pairs)):
        raise ShapeError(f"pad: {widths} leaves nothing of shape {tuple(input.shape)} in mode {mode!r}")
    fill = 0.0 if value is None else value
    return ops.pad(input, widths=((0, 0),) * (input.ndim - axes) + pairs, value=fill, mode=mode)
