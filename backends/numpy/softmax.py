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
from . import parallel, softmax_small

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

# A product with ones is twice as fast as a sum along the rows, but adds one after the other: not for long rows.
_PRODUCT_LENGTH = 2048


def _axes(axis: int | tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return tuple(sorted({a % ndim for a in ((axis,) if isinstance(axis, int) else axis)})) if ndim else ()


def _by_rows(work: Callable[[int, int], None], rows: int, width: int) -> None:
    """Call ``work(start, stop)`` for blocks of rows of `width` elements."""
    if rows * width <= parallel.BLOCK:
        with np.errstate(all="ignore"):
            work(0, rows)
        return

    def each(spans: Iterator[tuple[int, int]]) -> None:
        with np.errstate(all="ignore"):
            for start, stop in spans:
                work(start, stop)

    parallel.for_blocks(each, rows, max(1, parallel.BLOCK // max(width, 1)))


# The blocks below hold rows (n, reduced) or (n, reduced, after) and reduce axis 1.


def _top(x: np.ndarray) -> np.ndarray:
    return np.maximum.reduce(x, axis=1, keepdims=True)


def _sum(x: np.ndarray) -> np.ndarray:
    """Sum over axis 1, without it."""
    if x.ndim == 2 and 32 < x.shape[1] <= _PRODUCT_LENGTH:
        return x @ np.ones((x.shape[1],), x.dtype)
    return np.add.reduce(x, axis=1)


def _softmax_block(x: np.ndarray, out: np.ndarray) -> None:
    np.subtract(x, _top(x), out=out)
    np.exp(out, out=out)
    np.multiply(out, np.reciprocal(_sum(out))[:, None], out=out)


def _log_softmax_block(x: np.ndarray, out: np.ndarray) -> None:
    np.subtract(x, _top(x), out=out)
    np.subtract(out, np.log(_sum(np.exp(out)))[:, None], out=out)


def _softmax_grad_block(y: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
    inner = np.vecdot(g, y) if y.ndim == 2 else np.einsum("abc,abc->ac", g, y)
    np.subtract(g, inner[:, None], out=out)
    np.multiply(out, y, out=out)


def _log_softmax_grad_block(y: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
    np.exp(y, out=out)
    np.multiply(out, _sum(g)[:, None], out=out)
    np.subtract(g, out, out=out)


def _over_axes(block: Callable[..., None], arrays: tuple[np.ndarray, ...], axis: int | tuple[int, ...]) -> np.ndarray:
    """Run `block` on rows of the arrays and of a fresh result."""
    first = arrays[0]
    shape = first.shape
    axes = _axes(axis, len(shape))
    start, stop = (axes[0], axes[-1] + 1) if axes else (len(shape), len(shape))
    if stop - start != len(axes):
        order = [a for a in range(len(shape)) if a not in axes] + list(axes)
        moved = tuple(array.transpose(order) for array in arrays)
        result = _over_axes(block, moved, tuple(range(len(shape) - len(axes), len(shape))))
        return result.transpose(np.argsort(order)).copy()
    out = np.empty(shape, first.dtype)
    if out.size:
        before, after = math.prod(shape[:start]), math.prod(shape[stop:])
        rows = (before, out.size // (before * after)) + ((after,) if after > 1 else ())
        views = [array.reshape(rows) for array in (*arrays, out)]
        width = out.size // before
        if out.size <= parallel.BLOCK:
            with np.errstate(all="ignore"):
                block(*views)
        else:
            _by_rows(lambda i, j: block(*[view[i:j] for view in views]), before, width)
    return out


def softmax(x: np.ndarray, /, *, axis: int | tuple[int, ...]) -> Any:
    """exp(x - max) / sum(exp(x - max)) over `axis`."""
    if (few := softmax_small.softmax(x, axis)) is not None:
        return few
    return _over_axes(_softmax_block, (x,), axis) if x.dtype in _FLOATS else NotImplemented


def softmax_vjp(xp: Any, g: np.ndarray, out: np.ndarray, axis: int | tuple[int, ...], wants: tuple[bool, ...]) -> Any:
    """out (g - sum(g out))."""
    if out.dtype not in _FLOATS:
        return NotImplemented
    if not wants[0]:
        return (None,)
    if axis == out.ndim - 1 and (few := softmax_small.softmax_grad(out, g)) is not None:
        return (few,)
    return (_over_axes(_softmax_grad_block, (out, g), axis),)


def log_softmax(x: np.ndarray, /, *, axis: int | tuple[int, ...]) -> Any:
    """x - logsumexp(x) over `axis`."""
    if (few := softmax_small.log_softmax(x, axis)) is not None:
        return few
    return _over_axes(_log_softmax_block, (x,), axis) if x.dtype in _FLOATS else NotImplemented


def log_softmax_vjp(
    xp: Any, g: np.ndarray, out: np.ndarray, axis: int | tuple[int, ...], wants: tuple[bool, ...]
) -> Any:
    """g - exp(out) sum(g)."""
    if out.dtype not in _FLOATS:
        return NotImplemented
    if not wants[0]:
        return (None,)
    if axis == out.ndim - 1 and (few := softmax_small.log_softmax_grad(out, g)) is not None:
        return (few,)
    return (_over_axes(_log_softmax_grad_block, (out, g), axis),)


def _without(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    if keepdims:
        return tuple(1 if a in axes else n for a, n in enumerate(shape))
    return tuple(n for a, n in enumerate(shape) if a not in axes)


def logsumexp(x: np.ndarray, /, *, axis: int | tuple[int, ...], keepdims: bool) -> Any:
    """log(sum(exp(x))) over `axis`: -inf where all are, inf where one is."""
    if x.dtype not in _FLOATS:
        return NotImplemented
    axes = _axes(axis, x.ndim)
    result_shape = _without(x.shape, axes, keepdims)
    start, stop = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    if stop - start != len(axes):
        x = x.transpose([a for a in range(x.ndim) if a not in axes] + list(axes))
        start, stop = x.ndim - len(axes), x.ndim
    before, reduced, after = (math.prod(n) for n in (x.shape[:start], x.shape[start:stop], x.shape[stop:]))
    out = np.empty((before, after) if after != 1 else (before,), x.dtype)
    if reduced == 0:
        out.fill(-np.inf)
    elif out.size:
        view = x.reshape((before, reduced, after) if after != 1 else (before, reduced))

        def work(i: int, j: int) -> None:
            rows = view[i:j]
            # An infinite maximum is no shift: exp(-inf) = 0 and exp(inf) = inf do what is wanted.
            top = _top(rows)
            top[np.isinf(top)] = 0
            total = _sum(np.exp(rows - top))
            np.add(np.log(total), top[:, 0], out=out[i:j])

        _by_rows(work, before, reduced * after)
    return out.reshape(result_shape)


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
    shape = _without(x.shape, _axes(axis, x.ndim), True)
    out, g = out.reshape(shape), g.reshape(shape)
    with np.errstate(all="ignore"):
        result = np.subtract(x, np.where(np.isneginf(out), out.dtype.type(0), out), out=np.empty(x.shape, x.dtype))
        np.exp(result, out=result)
        np.multiply(result, g, out=result)
    return (result,)


def labels(name: str, target: np.ndarray, classes: int, ignore_index: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Targets that are safe to index with (ignored ones become 0), and a mask of the others if any is ignored."""
    if not 0 <= ignore_index < classes and (target.size == 0 or target.view(np.uint64).max() < classes):
        return target, None
    valid = target != ignore_index
    kept = None if valid.all() else valid
    if kept is not None:
        target = np.where(valid, target, 0)
    if target.size:
        low, high = int(target.min()), int(target.max())
        if low < 0 or high >= classes:
            raise IndexOutOfRangeError(
                f"{name}: target {low if low < 0 else high} is out of range for {classes} classes; "
                f"a target must lie in [0, {classes - 1}] or equal ignore_index ({ignore_index})"
            )
    return target, kept


def targets_of(target: np.ndarray, n: int, classes: int, inner: int) -> np.ndarray:
    """The flat places of the targets (n, inner) in an array (n, classes, inner)."""
    places = np.arange(0, n * classes, classes)[:, None] + target
    if inner != 1:
        places *= inner
        places += np.arange(inner)
    return places.reshape(-1)


def _served(x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: str) -> bool:
    if x.ndim == 0 or x.dtype not in _FLOATS or target.dtype.kind not in "iu":
        return False
    return (weight is None or weight.dtype == x.dtype) and reduction in ("none", "mean", "sum")


def _cross_entropy(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
    keep: bool,
) -> Any:
    if not _served(x, target, weight, reduction):
        return NotImplemented
    if weight is None and not label_smoothing:
        few = softmax_small.cross_entropy(x, target, ignore_index, reduction)
        if few is not None:
            return few
    n, classes = x.shape[:2] if x.ndim > 1 else (1, x.shape[0])
    d = math.prod(x.shape[2:])
    # Without trailing axes everything below has one axis less: (n, classes) and (n,).
    inner = (d,) if d != 1 else ()
    rows = x.reshape((n, classes, *inner))
    target = target.reshape((n, *inner)).astype(np.int64, copy=False)
    target, kept = labels("cross_entropy", target, classes, ignore_index)
    places = targets_of(target.reshape((n, d)), n, classes, d).reshape((n, *inner))
    powers = np.empty(rows.shape, x.dtype) if keep else None
    sums, tops = np.empty((2, n, *inner), x.dtype)
    spread = np.empty((n, *inner), x.dtype) if label_smoothing else None

    def work(i: int, j: int) -> None:
        part, top = rows[i:j], tops[i:j]
        e = np.empty(part.shape, x.dtype) if powers is None else powers[i:j]
        np.maximum.reduce(part, axis=1, out=top)
        np.subtract(part, top[:, None], out=e)
        if spread is not None:
            spread[i:j] = _sum(e) if weight is None else weight @ e if inner else e @ weight
        np.exp(e, out=e)
        sums[i:j] = _sum(e)

    if x.size:
        _by_rows(work, n, classes * d)

    # How much each target counts: its class weight, and nothing where it is ignored.
    factors = kept if weight is None else weight[target] if kept is None else weight[target] * kept
    with np.errstate(all="ignore"):
        logs = np.log(sums)
        loss = np.subtract(rows.reshape(-1)[places], tops, out=tops)
        np.subtract(logs, loss, out=loss)
        if factors is not None:
            np.multiply(loss, factors, out=loss)
        if spread is not None:
            total = classes if weight is None else weight.sum()
            loss *= 1.0 - label_smoothing
            loss += (logs * total - spread) * (label_smoothing / classes)
        if kept is not None:
            # An ignored row takes no part even where it is not finite.
            loss[~kept] = 0
        scale = np.ones((), x.dtype)
        if reduction == "none":
            result = loss.reshape(x.shape[:1] + x.shape[2:] if x.ndim > 1 else ())
        else:
            result = np.asarray(loss.sum(), dtype=x.dtype)
            if reduction == "mean":
                count = loss.size if factors is None else factors.sum()
                scale = np.divide(1.0, count, out=..., dtype=x.dtype)
                result = np.divide(result, count, out=..., dtype=x.dtype)
    return result, (powers, sums, places, kept, factors, scale)


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
    """`cross_entropy`; what it keeps is exp(x - max), its sums, and where the targets are and how much each counts."""
    return _cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing, keep=True)


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
    found = _cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing, keep=False)
    return found if found is NotImplemented else found[0]


def cross_entropy_vjp(
    xp: Any,
    g: np.ndarray,
    x_shape: tuple[int, ...],
    weight: np.ndarray | None,
    powers: np.ndarray,
    sums: np.ndarray,
    places: np.ndarray,
    kept: np.ndarray | None,
    factors: np.ndarray | None,
    scale: np.ndarray,
    label_smoothing: float,
    wants: tuple[bool, ...],
) -> Any:
    """(softmax(x) - one_hot(target)) times what the target counts for and the cotangent."""
    if wants[2]:
        # Class weights are data, seldom differentiated: the row does it.
        return NotImplemented
    if not wants[0]:
        return None, None, None
    plain = factors is None and kept is None and not label_smoothing
    if plain and powers.size <= softmax_small.FEW and powers.ndim == 2:
        return softmax_small.cross_entropy_grad(g, powers, sums, places, scale).reshape(x_shape), None, None
    classes, dtype = powers.shape[1], powers.dtype
    share = counted = None
    with np.errstate(all="ignore"):
        each = np.multiply(g.reshape(sums.shape) if g.ndim else g, scale)
        spike = each if factors is None else each * factors
        if kept is not None:
            spike = np.where(kept, spike, dtype.type(0))
        total = spike
        if label_smoothing:
            # The loss is linear in the log-probabilities: -spike at the target, -share counted at every class.
            spike = spike * dtype.type(1.0 - label_smoothing)
            share = np.full((classes,), label_smoothing / classes, dtype)
            if weight is not None:
                share *= weight
            counted = np.broadcast_to(each, sums.shape) if kept is None else np.where(kept, each, dtype.type(0))
            total = spike + counted * share.sum()
        ratio = np.divide(total, sums)
    out = np.empty(powers.shape, dtype)

    def work(i: int, j: int) -> None:
        part = out[i:j]
        np.multiply(powers[i:j], ratio[i:j, None], out=part)
        if share is not None and counted is not None:
            part -= counted[i:j, None] * (share if part.ndim == 2 else share[:, None])

    if out.size:
        _by_rows(work, len(out), out.size // len(out))
        flat = out.reshape(-1)
        flat[places] -= spike
        if kept is not None:
            # Their share may have been 0 times infinity.
            np.moveaxis(out, 1, -1)[~kept] = 0
    return out.reshape(x_shape), None, None


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "softmax": Kernel(softmax, vjp=softmax_vjp),
    "log_softmax": Kernel(log_softmax, vjp=log_softmax_vjp),
    "logsumexp": Kernel(logsumexp, vjp=logsumexp_vjp),
    "cross_entropy": Kernel(
        cross_entropy,
        train=cross_entropy_train,
        vjp=cross_entropy_vjp,
        residuals=("powers", "sums", "places", "kept", "factors", "scale"),
    ),
}
