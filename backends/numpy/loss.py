"""Losses in one pass over NumPy arrays, block by block where that keeps them in cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.backend import Kernel
from ...core.errors import ArgumentError
from .blockwise import blockwise, constants, exp_of_negative, level, served
from .softmax import labels, targets_of

Pair = tuple[np.ndarray | None, np.ndarray | None]


def mse_loss(x: np.ndarray, target: np.ndarray, *, reduction: str) -> Any:
    """Return the squared difference, its mean or its sum."""
    return mse_loss_train(x, target, reduction=reduction)[0] if x.dtype.itemsize > 2 else NotImplemented


def mse_loss_train(x: np.ndarray, target: np.ndarray, *, reduction: str) -> Any:
    """Do the same and keep the difference."""
    if x.dtype.itemsize == 2:
        return NotImplemented
    d = np.subtract(x, target)
    if reduction == "none":
        return d * d, (d,)
    flat = d.ravel()
    total = np.dot(flat, flat)
    if reduction == "mean":
        total = total / x.dtype.type(d.size) if d.size else x.dtype.type(np.nan)
    return np.asarray(total), (d,)


def mse_loss_vjp(g: np.ndarray, difference: np.ndarray, reduction: str, wants: tuple[bool, bool]) -> Pair:
    """Return the cotangents: twice the difference, and its negative."""
    scale = g * difference.dtype.type(2.0 / difference.size if reduction == "mean" and difference.size else 2.0)
    one = difference * scale
    return (one if wants[0] else None), (-one if wants[1] else None)


def _alike(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    return (x, target) if x.shape == target.shape else tuple(np.broadcast_arrays(x, target))


def _total(parts: list[Any], size: int, reduction: str, dtype: np.dtype) -> np.ndarray:
    """Return the sum or the mean of what the blocks have summed."""
    total = float(sum(map(float, parts)))
    if reduction == "mean":
        total = total / size if size else math.nan
    return np.asarray(total, dtype=dtype)


def _scaled(g: np.ndarray, size: int, reduction: str) -> np.ndarray:
    """Return the cotangent of each element's loss."""
    return g * g.dtype.type(1.0 / size) if reduction == "mean" and size else g


def _bounded(d: np.ndarray, width: float, out: np.ndarray) -> None:
    """Keep differences between minus and plus the width; for a width of zero, return their signs."""
    if width:
        d.clip(-width, width, out=out)
    else:
        np.sign(d, out=out)


def smooth_l1_loss(x: np.ndarray, target: np.ndarray, *, reduction: str, width: float) -> Any:
    """Return the square of small differences and the magnitude of large ones, its mean or its sum."""
    found = _smooth_l1(x, target, reduction, width, keep=False)
    return found if found is NotImplemented else found[0]


def smooth_l1_loss_train(x: np.ndarray, target: np.ndarray, *, reduction: str, width: float) -> Any:
    """Do the same and keep the bounded difference, which is the slope times the width."""
    return _smooth_l1(x, target, reduction, width, keep=True)


def _smooth_l1(x: np.ndarray, target: np.ndarray, reduction: str, width: float, keep: bool) -> Any:
    if not served(x):
        return NotImplemented
    pair = _alike(x, target)
    # With m the bounded difference d, the loss is m (d - m / 2) over the width; for a width of zero it is m d.
    if reduction == "none":

        def each(x: np.ndarray, t: np.ndarray, m: np.ndarray, out: np.ndarray) -> None:
            np.subtract(x, t, out=out)
            _bounded(out, width, m)
            if width:
                np.multiply(out, constants(x.dtype, 2.0)[0], out=out)
                np.subtract(out, m, out=out)
                np.multiply(out, constants(x.dtype, 0.5 / width)[0], out=out)
            np.multiply(out, m, out=out)

        bounded, loss = blockwise(each, pair, 2)
        return loss, (bounded,)
    parts: list[Any] = []
    if not (width or keep):

        def magnitudes(x: np.ndarray, t: np.ndarray, d: np.ndarray) -> None:
            np.subtract(x, t, out=d)
            np.abs(d, out=d)
            parts.append(np.add.reduce(d))

        blockwise(magnitudes, pair, 0, 1)
        return _total(parts, pair[0].size, reduction, x.dtype), ()

    def summed(x: np.ndarray, t: np.ndarray, m: np.ndarray, d: np.ndarray) -> None:
        np.subtract(x, t, out=d)
        _bounded(d, width, m)
        parts.append((np.dot(d, m) - 0.5 * np.dot(m, m)) / width if width else np.dot(d, m))

    made = blockwise(summed, pair, 1 if keep else 0, 1 if keep else 2)
    return _total(parts, pair[0].size, reduction, x.dtype), tuple(made)


def smooth_l1_loss_vjp(
    g: np.ndarray, bounded: np.ndarray, reduction: str, width: float, wants: tuple[bool, bool]
) -> Pair:
    """Return the cotangents: the bounded difference over the width, and its negative."""
    share = _scaled(g, bounded.size, reduction)
    one = bounded * (share / share.dtype.type(width) if width else share)
    return (one if wants[0] else None), (np.negative(one) if wants[1] else None)


def binary_cross_entropy(x: np.ndarray, target: np.ndarray, *, reduction: str) -> Any:
    """-(target log(x) + (1 - target) log(1 - x)), with logarithms that stop at -100."""
    if not served(x):
        return NotImplemented
    parts: list[Any] = []
    bounds: list[Any] = []
    each = reduction == "none"

    def body(x: np.ndarray, t: np.ndarray, out: np.ndarray, u: np.ndarray) -> None:
        if x.size:
            bounds.append((np.minimum.reduce(x), np.maximum.reduce(x)))
        np.negative(x, out=out)
        np.log1p(out, out=out)
        np.maximum(out, level(x, -100.0), out=out)
        np.subtract(t, constants(x.dtype, 1.0)[0], out=u)
        np.multiply(out, u, out=out)
        np.log(x, out=u)
        np.maximum(u, level(x, -100.0), out=u)
        if each:
            np.multiply(u, t, out=u)
            np.subtract(out, u, out=out)
        else:
            parts.append(float(np.add.reduce(out)) - float(np.dot(u, t)))

    made = blockwise(body, (x, target), 1 if each else 0, 1 if each else 2)
    # Written so that NaN is refused, too.
    if not all(low >= 0 and high <= 1 for low, high in bounds):
        raise ArgumentError(
            "binary_cross_entropy: the input's values are probabilities, between 0 and 1, got values from "
            f"{min(low for low, _ in bounds):.6g} to {max(high for _, high in bounds):.6g}; take a sigmoid first, or "
            "binary_cross_entropy_with_logits"
        )
    return made[0] if each else _total(parts, x.size, reduction, x.dtype)


def binary_cross_entropy_vjp(
    g: np.ndarray, x: np.ndarray, target: np.ndarray, reduction: str, wants: tuple[bool, bool]
) -> Any:
    """(x - target) / (x (1 - x)), whose divisor is at least 1e-12."""
    if wants[1] or not served(x):
        return NotImplemented
    share = _scaled(g, x.size, reduction)

    def body(x: np.ndarray, t: np.ndarray, *rest: np.ndarray) -> None:
        *each, out, u = rest
        np.subtract(constants(x.dtype, 1.0)[0], x, out=u)
        np.multiply(u, x, out=u)
        np.maximum(u, level(x, 1e-12), out=u)
        np.subtract(x, t, out=out)
        np.divide(out, u, out=out)
        np.multiply(out, each[0] if each else share, out=out)

    return blockwise(body, (x, target, share) if share.ndim else (x, target), 1, 1)[0], None


def binary_cross_entropy_with_logits(x: np.ndarray, target: np.ndarray, *, reduction: str) -> Any:
    """(1 - target) x - log(sigmoid(x)), which is ((x > 0) - target) x + log(1 + exp(-abs(x)))."""
    if not served(x):
        return NotImplemented
    parts: list[Any] = []
    each = reduction == "none"

    def body(x: np.ndarray, t: np.ndarray, out: np.ndarray, u: np.ndarray) -> None:
        np.abs(x, out=out)
        exp_of_negative(out, out)
        np.log1p(out, out=out)
        # ((x > 0) - t) x beside it: neither side of zero takes large numbers from each other.
        half = constants(x.dtype, 0.5)[0]
        np.copysign(half, x, out=u)
        np.add(u, half, out=u)
        np.subtract(u, t, out=u)
        if each:
            np.multiply(u, x, out=u)
            np.add(out, u, out=out)
        else:
            parts.append(float(np.add.reduce(out)) + float(np.dot(u, x)))

    made = blockwise(body, (x, target), 1 if each else 0, 1 if each else 2)
    return made[0] if each else _total(parts, x.size, reduction, x.dtype)


def binary_cross_entropy_with_logits_vjp(
    g: np.ndarray, x: np.ndarray, target: np.ndarray, reduction: str, wants: tuple[bool, bool]
) -> Any:
    """The derivatives are sigmoid(x) - target, and -x."""
    if not served(x):
        return NotImplemented
    share = _scaled(g, x.size, reduction)

    def body(x: np.ndarray, t: np.ndarray, *rest: np.ndarray) -> None:
        *each, out = rest
        exp_of_negative(x, out)
        np.add(out, constants(x.dtype, 1.0)[0], out=out)
        np.reciprocal(out, out=out)
        np.subtract(out, t, out=out)
        np.multiply(out, each[0] if each else share, out=out)

    one = None
    if wants[0]:
        (one,) = blockwise(body, (x, target, share) if share.ndim else (x, target), 1)
    return one, (x * -share if wants[1] else None)


def nll_loss_train(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, /, *, ignore_index: int, reduction: str
) -> Any:
    """`nll_loss`; what it keeps is where the targets are and how much each counts."""
    if (
        x.ndim == 0
        or not served(x)
        or target.dtype.kind not in "iu"
        or (weight is not None and weight.dtype != x.dtype)
    ):
        return NotImplemented
    n, classes = x.shape[:2] if x.ndim > 1 else (1, x.shape[0])
    inner = math.prod(x.shape[2:])
    found, kept = labels("nll_loss", target.astype(np.int64, copy=False), classes, ignore_index)
    places = targets_of(found.reshape((n, inner)), n, classes, inner)
    # An element that is ignored counts nothing, whatever it is.
    factors = kept if weight is None else weight[found] if kept is None else weight[found] * kept
    with np.errstate(all="ignore"):
        loss = np.negative(x.reshape(-1)[places].reshape(target.shape), out=np.empty(target.shape, x.dtype))
        if factors is not None:
            np.multiply(loss, factors, out=loss)
        if kept is not None:
            loss = np.where(kept, loss, x.dtype.type(0))
        if reduction == "none":
            return loss, (places, factors, np.ones((), x.dtype))
        total = np.add.reduce(loss, axis=None)
        if reduction == "sum":
            return np.asarray(total, dtype=x.dtype), (places, factors, np.ones((), x.dtype))
        count = loss.size if factors is None else np.add.reduce(factors, axis=None)
        scale = np.divide(1.0, count, out=..., dtype=x.dtype)
        return np.divide(total, count, out=..., dtype=x.dtype), (places, factors, scale)


def nll_loss(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, /, *, ignore_index: int, reduction: str
) -> Any:
    """Minus the log probabilities of the targets; classes stand along axis 1, or 0 of a single sample."""
    found = nll_loss_train(x, target, weight, ignore_index=ignore_index, reduction=reduction)
    return found if found is NotImplemented else found[0]


def nll_loss_vjp(
    g: np.ndarray,
    x_shape: tuple[int, ...],
    places: np.ndarray,
    factors: np.ndarray | None,
    scale: np.ndarray,
    wants: tuple[bool, ...],
) -> Any:
    """Minus what a target counts for, at its place."""
    if wants[2]:
        return NotImplemented
    if not wants[0]:
        return None, None, None
    out = np.zeros(x_shape, g.dtype)
    with np.errstate(all="ignore"):
        each = np.multiply(g, -scale)
        if factors is not None:
            each = np.where(factors != 0, each * factors, g.dtype.type(0))
    out.reshape(-1)[places] = each.reshape(places.shape) if each.ndim else each
    return out, None, None


KERNELS: dict[str, Any] = {
    "binary_cross_entropy": Kernel(binary_cross_entropy, vjp=binary_cross_entropy_vjp),
    "binary_cross_entropy_with_logits": Kernel(
        binary_cross_entropy_with_logits, vjp=binary_cross_entropy_with_logits_vjp
    ),
    "mse_loss": Kernel(mse_loss, train=mse_loss_train, vjp=mse_loss_vjp, residuals=("difference",)),
    "nll_loss": Kernel(nll_loss, train=nll_loss_train, vjp=nll_loss_vjp, residuals=("places", "factors", "scale")),
    "smooth_l1_loss": Kernel(
        smooth_l1_loss, train=smooth_l1_loss_train, vjp=smooth_l1_loss_vjp, residuals=("bounded",)
    ),
}
