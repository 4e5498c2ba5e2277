"""Cross entropy of class indices, scores in rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from candelabra.backends.numpy import parallel
from candelabra.core.backend import Kernel

from .compiled import SHARED, Array, Loop, block_of, least, over_rows, plain, served

LEAST = least(256)

_CROSS, _CROSS_GRAD, _REDUCED = (Loop("softmax", name) for name in ("cross_entropy", "cross_entropy_grad", "reduced"))
_NONE = {char: np.empty(0, char) for char in "fd"}
_I64 = np.dtype(np.int64)


def _cross(
    x: Array, target: Array, weight: Array | None, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    ndim, char = x.ndim, x.dtype.char
    if not 0 < ndim < 3 or not x.size or not served(x, LEAST):
        return NotImplemented
    if weight is not None and (weight.dtype != x.dtype or not weight.flags.carray):
        return NotImplemented
    if target.dtype != _I64:
        if target.dtype.kind not in "iu" or target.dtype.char in "LQ":
            return NotImplemented
        target = target.astype(_I64)
    rows, classes = x.shape if ndim == 2 else (1, x.shape[0])
    scores, places = x.reshape(rows, classes), plain(target).reshape(rows)
    loss = np.empty(target.shape, char)
    factor, tops, shares = np.empty((3, rows), char)
    arguments = (
        scores, places, _NONE[char] if weight is None else weight, weight is not None, label_smoothing, ignore_index,
        loss.reshape(rows), factor, tops, shares,
    )  # fmt: skip
    if _counted(_CROSS[char], rows, x.size, arguments):
        # The backend says which target it is.
        return NotImplemented
    scale = np.empty(2, char)
    _REDUCED[char](loss.reshape(rows), factor, reduction == "mean", scale)
    if reduction != "none":
        loss = np.empty((), char)
        loss[()] = scale[0]
    return loss, (places, scale, factor, tops, shares)


def _counted(function: Any, rows: int, size: int, arguments: Any) -> int:
    """Return how many rows a loop found bad."""
    if size < SHARED or rows < 2 or parallel.get_num_threads() < 2:
        return function(0, rows, *arguments)
    found: list[int] = []

    def work(spans: Iterator[tuple[int, int]]) -> None:
        found.extend(function(start, stop, *arguments) for start, stop in spans)

    parallel.for_blocks(work, rows, block_of(rows, size), 1)
    return sum(found)


def cross_entropy_train(
    x: Array, target: Array, weight: Array | None = None, /, *, ignore_index: int, reduction: str,
    label_smoothing: float,
) -> Any:  # fmt: skip
    """`cross_entropy`, with the largest score of each row, one over its sum of powers, and how much it counts."""
    return _cross(x, target, weight, ignore_index, reduction, float(label_smoothing))


def cross_entropy(
    x: Array, target: Array, weight: Array | None = None, /, *, ignore_index: int, reduction: str,
    label_smoothing: float,
) -> Any:  # fmt: skip
    """-weight[target] log_softmax(x)[target], summed, averaged or one by one."""
    found = _cross(x, target, weight, ignore_index, reduction, float(label_smoothing))
    return found if found is NotImplemented else found[0]


def cross_entropy_vjp(
    g: Array, x: Array, weight: Array | None, places: Array, scale: Array, factor: Array, tops: Array, shares: Array,
    ignore_index: int, label_smoothing: float, wants: tuple[bool, ...],
) -> Any:  # fmt: skip
    """(softmax(x) - one_hot(target)) times what a row counts and the cotangent."""
    if wants[2]:
        # Class weights are data, seldom differentiated: the row does it.
        return NotImplemented
    if not wants[0]:
        return None, None, None
    char, rows = x.dtype.char, places.size
    gx, shape = np.empty(x.shape, char), (rows, x.size // rows)
    over_rows(
        _CROSS_GRAD[char], rows, x.size, x.reshape(shape), places, _NONE[char] if weight is None else weight,
        weight is not None, float(label_smoothing), ignore_index, plain(g).reshape(-1), g.ndim > 0 and g.size == rows,
        scale, factor, tops, shares, gx.reshape(shape),
    )  # fmt: skip
    return gx, None, None


KERNELS: dict[str, Any] = {
    "cross_entropy": Kernel(
        cross_entropy, cross_entropy_train, cross_entropy_vjp, ("places", "scale", "factor", "tops", "shares")
    ),
}
