"""Losses in one pass over NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.backend import Kernel


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


KERNELS: dict[str, Any] = {
    "mse_loss": Kernel(mse_loss, train=mse_loss_train, vjp=mse_loss_vjp, residuals=("difference",))
}
