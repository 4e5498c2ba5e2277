"""Softmax, log-softmax, logsumexp and cross entropy on NumPy arrays.

A softmax is a handful of passes over the same rows: they run in blocks of rows that stay in cache, on several threads
where the array is large. Only an outer axis is reduced without moving it last, since NumPy's sums over it are fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from ...core.errors import IndexOutOfRangeError
from . import parallel

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

# A product with ones is twice as fast as a sum along the rows, but adds one after the other: not for long rows.
_PRODUCT_LENGTH = 2048


def _axes(axis: int | tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return tuple(sorted({a % ndim for a in ((axis,) if isinstance(axis, int) else axis)})) if ndim else ()


def _three(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(before, reduced, after) sizes where the axes stand side by side, else None."""
    if axes and axes[-1] - axes[0] != len(axes) - 1:
        return None
    first, last = (axes[0], axes[-1] + 1) if axes else (len(shape), len(shape))
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


def _by_rows(work: Callable[[int, int], None], rows: int, width: int) -> None:
    """Call ``work(start, stop)`` for blocks of rows of `width` elements."""
    step = max(1, parallel.BLOCK // max(width, 1))

    def each(spans: Iterator[tuple[int, int]]) -> None:
        with np.errstate(all="ignore"):
            for start, stop in spans:
                work(start, stop)

    parallel.for_blocks(each, rows, step)


def _maxima(x: np.ndarray) -> np.ndarray:
    """Finite shifts: the maxima over axis 1, and 0 where a row has none that is finite."""
    shift = x.max(axis=1, keepdims=True)
    bad = np.isinf(shift)
    if bad.any():
        shift[bad] = 0
    return shift


def _sum(x: np.ndarray) -> np.ndarray:
    """Sum over axis 1 of (before, reduced, after), kept."""
    if x.shape[2] == 1 and x.shape[1] <= _PRODUCT_LENGTH and x.flags.c_contiguous:
        return (x[:, :, 0] @ np.ones((x.shape[1],), x.dtype))[:, None, None]
    return x.sum(axis=1, keepdims=True)


def _dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sum of x y over axis 1, kept."""
    if x.shape[2] == 1:
        return np.vecdot(x[:, :, 0], y[:, :, 0])[:, None, None]
    return np.einsum("abc,abc->ac", x, y)[:, None, :]


def _softmax_block(x: np.ndarray, out: np.ndarray) -> None:
    np.subtract(x, x.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=out)
    np.multiply(out, 1.0 / _sum(out), out=out)


def _log_softmax_block(x: np.ndarray, out: np.ndarray) -> None:
    np.subtract(x, x.max(axis=1, keepdims=True), out=out)
    out -= np.log(_sum(np.exp(out)))


def _softmax_grad_block(y: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
    np.subtract(g, _dot(g, y), out=out)
    np.multiply(out, y, out=out)


def _log_softmax_grad_block(y: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
    np.exp(y, out=out)
    np.multiply(out, _sum(g), out=out)
    np.subtract(g, out, out=out)


def _over_axes(
    block: Callable[..., None], arrays: tuple[np.ndarray, ...], axis: int | tuple[int, ...]
) -> np.ndarray:
    """Run `block` on (before, reduced, after) views of the arrays and of a fresh result."""
    first = arrays[0]
    axes = _axes(axis, first.ndim)
    three = _three(first.shape, axes)
    if three is None:
        order = [a for a in range(first.ndim) if a not in axes] + list(axes)
        moved = tuple(array.transpose(order) for array in arrays)
        result = _over_axes(block, moved, tuple(range(first.ndim - len(axes), first.ndim)))
        return result.transpose(np.argsort(order)).copy()
    out = np.empty(first.shape, first.dtype)
    if out.size:
        views = [array.reshape(three) for array in (*arrays, out)]
        _by_rows(lambda start, stop: block(*[view[start:stop] for view in views]), three[0], three[1] * three[2])
    return out


def softmax(x: np.ndarray, /, *, axis: int | tuple[int, ...]) -> Any:
    """exp(x - max) / sum(exp(x - max)) over `axis`."""
    return _over_axes(_softmax_block, (x,), axis) if x.dtype in _FLOATS else NotImplemented


def softmax_vjp(
    xp: Any, g: np.ndarray, out: np.ndarray, axis: int | tuple[int, ...], wants: tuple[bool, ...]
) -> tuple[np.ndarray | None]:
    """out (g - sum(g out))."""
    return (_over_axes(_softmax_grad_block, (out, g), axis) if wants[0] else None,)


def log_softmax(x: np.ndarray, /, *, axis: int | tuple[int, ...]) -> Any:
    """x - logsumexp(x) over `axis`."""
    return _over_axes(_log_softmax_block, (x,), axis) if x.dtype in _FLOATS else NotImplemented


def log_softmax_vjp(
    xp: Any, g: np.ndarray, out: np.ndarray, axis: int | tuple[int, ...], wants: tuple[bool, ...]
) -> tuple[np.ndarray | None]:
    """g - exp(out) sum(g)."""
    return (_over_axes(_log_softmax_grad_block, (out, g), axis) if wants[0] else None,)


# --- logsumexp ------------------------------------------------------------------------------------------------------


def logsumexp(x: np.ndarray, /, *, axis: int | tuple[int, ...], keepdims: bool) -> Any:
    """log(sum(exp(x))) over `axis`: -inf where all are, inf where one is."""
    if x.dtype not in _FLOATS:
        return NotImplemented
    axes = _axes(axis, x.ndim)
    three = _three(x.shape, axes)
    if three is None:
        order = [a for a in range(x.ndim) if a not in axes] + list(axes)
        x_moved = x.transpose(order)
        three = (math.prod(x_moved.shape[: x.ndim - len(axes)]), math.prod(x_moved.shape[x.ndim - len(axes) :]), 1)
    else:
        x_moved = x
    before, reduced, after = three
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    if not keepdims:
        shape = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    out = np.empty((before, 1, after), x.dtype)
    if reduced == 0:
        out.fill(-np.inf)
    elif out.size:
        view = x_moved.reshape(three)

        def work(start: int, stop: int) -> None:
            part = view[start:stop]
            shift = _maxima(part)
            total = _sum(np.exp(part - shift))
            np.log(total, out=total)
            np.add(total, shift, out=out[start:stop])

        _by_rows(work, before, reduced * after)
    return out.reshape(shape)


def logsumexp_vjp(
    xp: Any,
    g: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
    axis: int | tuple[int, ...],
    keepdims: bool,
    wants: tuple[bool, ...],
) -> tuple[np.ndarray | None]:
    """g exp(x - out), and 0 where the result is -inf."""
    if not wants[0]:
        return (None,)
    axes = _axes(axis, x.ndim)
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    out, g = out.reshape(shape), g.reshape(shape)
    shift = np.where(np.isneginf(out), out.dtype.type(0), out)
    with np.errstate(all="ignore"):
        result = np.subtract(x, shift, out=np.empty(x.shape, x.dtype))
        np.exp(result, out=result)
        np.multiply(result, g, out=result)
    return (result,)


# --- cross entropy --------------------------------------------------------------------------------------------------


def _gather(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """rows[i, labels[i, j], j] for rows (N, C, D) and labels (N, D)."""
    if rows.shape[2] == 1:
        return rows[np.arange(rows.shape[0]), labels[:, 0]]
    return np.take_along_axis(rows, labels[:, None, :], axis=1)[:, 0, :]


def _labels(target: np.ndarray, classes: int, ignore_index: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Targets that are safe to index with (ignored ones become 0), and a mask of the others if any is ignored."""
    valid = target != ignore_index
    kept = None if valid.all() else valid
    if kept is not None:
        target = np.where(valid, target, 0)
    if target.size:
        low, high = int(target.min()), int(target.max())
        if low < 0 or high >= classes:
            raise IndexOutOfRangeError(
                f"cross_entropy: target {low if low < 0 else high} is out of range for {classes} classes; "
                f"a target must lie in [0, {classes - 1}] or equal ignore_index ({ignore_index})"
            )
    return target, kept


def _served(x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: str) -> bool:
    if x.ndim == 0 or x.dtype not in _FLOATS or target.dtype.kind not in "iu":
        return False
    return (weight is None or weight.dtype == x.dtype) and reduction in ("none", "mean", "sum")


def cross_entropy_train(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    /,
    *,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Any:
    """`cross_entropy`; what it keeps is exp(x - max), its sums, and how much each target counts."""
    if not _served(x, target, weight, reduction):
        return NotImplemented
    if x.ndim == 1:
        n, classes, d = 1, x.shape[0], 1
    else:
        n, classes, d = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    rows = x.reshape(n, classes, d)
    labels, kept = _labels(target.reshape(n, d), classes, ignore_index)
    powers = np.empty((n, classes, d), x.dtype)
    sums, picked = np.empty((2, n, d), x.dtype)
    spread = np.empty((n, d), x.dtype) if label_smoothing else None

    def work(start: int, stop: int) -> None:
        part, e = rows[start:stop], powers[start:stop]
        np.subtract(part, part.max(axis=1, keepdims=True), out=e)
        picked[start:stop] = _gather(e, labels[start:stop])
        if spread is not None:
            spread[start:stop] = e.sum(axis=1) if weight is None else np.einsum("ncd,c->nd", e, weight)
        np.exp(e, out=e)
        sums[start:stop] = _sum(e)[:, 0, :]

    if powers.size:
        _by_rows(work, n, classes * d)

    # How much each target counts: its class weight, and nothing where it is ignored.
    factors = kept if weight is None else weight[labels] if kept is None else weight[labels] * kept
    with np.errstate(all="ignore"):
        logs = np.log(sums)
        loss = np.subtract(logs, picked, out=picked)
        if factors is not None:
            loss = np.multiply(loss, factors, out=loss)
        if spread is not None:
            total = classes if weight is None else weight.sum()
            loss *= 1.0 - label_smoothing
            loss += (logs * total - spread) * (label_smoothing / classes)
        if kept is not None:
            # An ignored row takes no part even where it is not finite.
            loss[~kept] = 0
        if reduction == "none":
            scale = np.ones((), x.dtype)
            result = loss.reshape(x.shape[:1] + x.shape[2:] if x.ndim > 1 else ())
        else:
            result = np.asarray(loss.sum(), dtype=x.dtype)
            scale = np.ones((), x.dtype)
            if reduction == "mean":
                count = loss.size if factors is None else factors.sum()
                scale = np.asarray(np.divide(1.0, count), dtype=x.dtype)
                result = np.asarray(np.divide(result, count), dtype=x.dtype)
    return result, (powers, sums, labels, kept, factors, scale)


def cross_entropy(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    /,
    *,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Any:
    """-weight[target] log_softmax(x)[target] for class indices; classes stand along axis 1, or 0 of a single sample."""
    result = cross_entropy_train(
        x, target, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )
    return result if result is NotImplemented else result[0]


def cross_entropy_vjp(
    xp: Any,
    g: np.ndarray,
    x_shape: tuple[int, ...],
    weight: np.ndarray | None,
    powers: np.ndarray,
    sums: np.ndarray,
    labels: np.ndarray,
    kept: np.ndarray | None,
    factors: np.ndarray | None,
    scale: np.ndarray,
    label_smoothing: float,
    wants: tuple[bool, ...],
) -> tuple[np.ndarray | None, None, None]:
    """(softmax(x) - one_hot(target)) times what the target counts for and the cotangent."""
    if not wants[0]:
        return None, None, None
    n, classes, d = powers.shape
    dtype = powers.dtype
    with np.errstate(all="ignore"):
        each = np.multiply(g.reshape(n, d) if g.ndim else g, scale)
        spike = np.empty((n, d), dtype)
        np.copyto(spike, each if factors is None else each * factors)
        if kept is not None:
            spike[~kept] = 0
        total, smooth = spike, None
        if label_smoothing:
            # The loss is linear in the log-probabilities: -spike at the target, -smooth at every class.
            spike *= 1.0 - label_smoothing
            share = np.full((classes,), label_smoothing / classes, dtype)
            if weight is not None:
                share *= weight
            counted = np.broadcast_to(each, (n, d)) if kept is None else np.where(kept, each, dtype.type(0))
            smooth = (share[:, None], counted[:, None, :])
            total = spike + counted * share.sum()
        ratio = np.divide(total, sums)
        if kept is not None:
            ratio[~kept] = 0
    out = np.empty(powers.shape, dtype)

    def work(start: int, stop: int) -> None:
        part = out[start:stop]
        np.multiply(powers[start:stop], ratio[start:stop, None, :], out=part)
        if smooth is not None:
            part -= smooth[0] * smooth[1][start:stop]
        if d == 1:
            part[np.arange(stop - start), labels[start:stop, 0], 0] -= spike[start:stop, 0]
        else:
            part[np.arange(stop - start)[:, None], labels[start:stop], np.arange(d)] -= spike[start:stop]

    if out.size:
        _by_rows(work, n, classes * d)
    if kept is not None:
        ignored = ~kept
        if np.isnan(powers).any():
            out.transpose(0, 2, 1)[ignored] = 0
    return out.reshape(x_shape), None, None


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "softmax": Kernel(softmax, vjp=softmax_vjp),
    "log_softmax": Kernel(log_softmax, vjp=log_softmax_vjp),
    "logsumexp": Kernel(logsumexp, vjp=logsumexp_vjp),
    "cross_entropy": Kernel(
        cross_entropy,
        train=cross_entropy_train,
        vjp=cross_entropy_vjp,
        residuals=("powers", "sums", "labels", "kept", "factors", "scale"),
    ),
}
