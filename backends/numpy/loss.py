"""Losses in one pass over NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import parallel


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


def mse_loss_vjp(g: np.ndarray, difference: np.ndarray, reduction: str, wants: tuple[bool, bool]) -> tuple[Any, Any]:
    """Return the cotangents: twice the difference, and its negative."""
    scale = g * difference.dtype.type(2.0 / difference.size if reduction == "mean" and difference.size else 2.0)
    one = difference * scale
    return (one if wants[0] else None), (-one if wants[1] else None)


def smooth_l1_loss(x: np.ndarray, target: np.ndarray, *, reduction: str, width: float) -> Any:
    """Return the square of small differences and the magnitude of large ones, its mean or its sum."""
    found = smooth_l1_loss_train(x, target, reduction=reduction, width=width)
    return found if found is NotImplemented else found[0]


def smooth_l1_loss_train(x: np.ndarray, target: np.ndarray, *, reduction: str, width: float) -> Any:
    """Do the same and keep the difference."""
    if x.dtype.itemsize == 2:
        return NotImplemented
    d = np.subtract(x, target)
    if reduction == "none":
        size = np.abs(d)
        if width:
            # m (|d| - m / 2) with m, the lesser of |d| and the width, is the loss times the width on either side.
            least = np.minimum(size, width)
            size -= 0.5 * least
            size *= least
            size *= 1.0 / width
        return size, (d,)
    flat = d.reshape(-1) if d.flags.c_contiguous else d.ravel(order="K")
    total = 0.0
    step = min(max(flat.size, 1), parallel.BLOCK)
    size, least = np.empty((2, step), d.dtype)
    for start in range(0, flat.size, step):
        part = flat[start : start + step]
        a, m = size[: part.size], least[: part.size]
        np.abs(part, out=a)
        if width:
            np.minimum(a, width, out=m)
            total += (np.dot(a, m) - 0.5 * np.dot(m, m)) / width
        else:
            total += np.add.reduce(a)
    if reduction == "mean":
        total = total / flat.size if flat.size else np.nan
    return np.asarray(total, dtype=d.dtype), (d,)


def smooth_l1_loss_vjp(
    g: np.ndarray, difference: np.ndarray, reduction: str, width: float, wants: tuple[bool, bool]
) -> tuple[Any, Any]:
    """Return the cotangents: the difference, cut at the width, over the width, and its negative."""
    share = difference.dtype.type(1.0 / difference.size if reduction == "mean" and difference.size else 1.0)
    if width:
        one = np.clip(difference, -width, width, out=np.empty_like(difference))
        share = share / difference.dtype.type(width)
    else:
        one = np.sign(difference, out=np.empty_like(difference))
    one *= g * share
    return (one if wants[0] else None), (np.negative(one) if wants[1] else None)


KERNELS: dict[str, Any] = {
    "mse_loss": Kernel(mse_loss, train=mse_loss_train, vjp=mse_loss_vjp, residuals=("difference",)),
    "smooth_l1_loss": Kernel(
        smooth_l1_loss, train=smooth_l1_loss_train, vjp=smooth_l1_loss_vjp, residuals=("difference",)
    ),
}
