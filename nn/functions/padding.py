"""Padding: constant, reflecting, replicating and circular."""

from __future__ import annotations

from collections.abc import Sequence

from ...core import dtypes, ops
from ...core.errors import ArgumentError, ShapeError
from ...core.tensor import Tensor

__all__ = ["pad"]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Pad the last axes of a tensor.

    Parameters
    ----------
    input : Tensor
        Any shape.
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
    widths = tuple(int(w) for w in pad)
    if len(widths) % 2 or len(widths) // 2 > input.ndim:
        raise ArgumentError(
            f"pad: pairs (before, after) for at most the {input.ndim} axes of shape {tuple(input.shape)} are needed, "
            f"got {widths}"
        )
    pairs = list(zip(widths[0::2], widths[1::2]))
    if mode == "constant":
        return _constant(input, pairs, 0.0 if value is None else value)
    if mode not in _SOURCES:
        raise ArgumentError(f"pad: mode is 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if value is not None and value != 0:
        raise ArgumentError(f"pad: value={value!r} has a meaning in mode 'constant' only, not in {mode!r}")
    for i, (before, after) in enumerate(pairs):
        if before < 0 or after < 0:
            raise ArgumentError(f"pad: mode {mode!r} takes no negative widths, got {(before, after)}")
        if before or after:
            axis = input.ndim - 1 - i
            places = _SOURCES[mode](input.shape[axis], before, after)
            input = ops.take(input, ops.asarray(places, dtype=dtypes.int64, device=input.device), axis=axis)
    return input


def _constant(input: Tensor, pairs: list[tuple[int, int]], value: float) -> Tensor:
    if not any(w for pair in pairs for w in pair):
        return input
    widths = ((0, 0),) * (input.ndim - len(pairs)) + tuple(reversed(pairs))
    return ops.pad(input, widths=widths, value=value)


def _reflect(size: int, before: int, after: int) -> list[int]:
    if max(before, after) >= size:
        raise ShapeError(f"pad: reflecting {(before, after)} needs an axis longer than that, got {size} elements")
    return [abs(i) if i < size else 2 * (size - 1) - i for i in range(-before, size + after)]


def _replicate(size: int, before: int, after: int) -> list[int]:
    if size == 0:
        raise ShapeError("pad: an axis without elements cannot be replicated")
    return [min(max(i, 0), size - 1) for i in range(-before, size + after)]


def _circular(size: int, before: int, after: int) -> list[int]:
    if max(before, after) > size:
        raise ShapeError(f"pad: circular padding {(before, after)} wraps more than once around {size} elements")
    return [i % size for i in range(-before, size + after)]


_SOURCES = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}
