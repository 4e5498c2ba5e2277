"""The rows of losses. Beside each stands its generic body, which is its meaning."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, DTypeError, ShapeError
from .row import general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _prepare_cross_entropy(
    device: Any, x: Any, target: Any, weight: Any, ignore_index: Any, reduction: Any, label_smoothing: Any
) -> tuple[Any, ...]:
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentError(f"cross_entropy: reduction is 'none', 'mean' or 'sum', not {reduction!r}")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"cross_entropy: label_smoothing lies between 0 and 1, not {label_smoothing}")
    if not x.shape:
        raise ShapeError("cross_entropy: the input needs a class axis")
    classes = x.shape[0] if len(x.shape) == 1 else x.shape[1]
    expected = () if len(x.shape) == 1 else (x.shape[0], *x.shape[2:])
    if tuple(target.shape) != tuple(expected):
        raise ShapeError(
            f"cross_entropy: input of shape {tuple(x.shape)} wants class indices of shape {tuple(expected)}, "
            f"got target of shape {tuple(target.shape)}"
        )
    if device.dtype_of[target.dtype].kind not in ("signed", "unsigned"):
        raise DTypeError(f"cross_entropy: class indices are integers, not {device.dtype_of[target.dtype].name}")
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(f"cross_entropy: weight has shape {tuple(weight.shape)}, there are {classes} classes")
    return ignore_index, reduction, label_smoothing


def _cross_entropy_body(
    xp: Any, x: Any, target: Any, weight: Any, *, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    alone = len(x.shape) == 1
    if alone:
        x, target = xp.expand_dims(x, axis=0), xp.expand_dims(target, axis=0)
    log_p = xp.moveaxis(xp.log_softmax(x, axis=1), 1, -1)
    keep = target != ignore_index
    # Ignored targets are masked before they index: -100 is no index.
    index = xp.where(keep, target, xp.zeros_like(target))
    picked = xp.squeeze(xp.gather(log_p, xp.expand_dims(index, axis=-1), axis=len(log_p.shape) - 1), -1)
    kept = xp.astype(keep, log_p.dtype)
    share = kept if weight is None else kept * xp.reshape(
        xp.take(weight, xp.reshape(index, (-1,)), axis=0), tuple(index.shape)
    )  # fmt: skip
    loss = -picked if weight is None else -picked * share
    if label_smoothing:
        smooth = -xp.sum(log_p if weight is None else log_p * weight, axis=-1)
        loss = (1 - label_smoothing) * loss + (label_smoothing / x.shape[1]) * smooth
    # Chosen and not multiplied: without any target the mean is no number, and its gradient zero.
    loss = xp.where(keep, loss, xp.zeros_like(loss))
    if reduction == "none":
        return xp.squeeze(loss, 0) if alone else loss
    total = xp.sum(loss)
    return total if reduction == "sum" else total / xp.sum(share)


cross_entropy = general(
    "cross_entropy", "x, target, weight=None, /, *, ignore_index=-100, reduction='mean', label_smoothing=0.0",
    "Return the negative log likelihood of class indices under ``softmax(x)``: x (N, C, ...) or (C,), target (N, ...) or ().",
    body=_cross_entropy_body, prepare=_prepare_cross_entropy, promote=("x", "weight"), **FLOAT,
)  # fmt: skip


def _prepare_mse(device: Any, x: Any, target: Any, reduction: Any) -> tuple[str]:
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentError(f"mse_loss: reduction is 'none', 'mean' or 'sum', not {reduction!r}")
    return (reduction,)


def _mse_body(xp: Any, x: Any, target: Any, *, reduction: str) -> Any:
    d = x - target
    loss = d * d
    return loss if reduction == "none" else xp.sum(loss) if reduction == "sum" else xp.mean(loss)


mse_loss = general(
    "mse_loss", "x, target, /, *, reduction='mean'", "Return the squared difference, its mean or its sum.",
    body=_mse_body, prepare=_prepare_mse, category="real floating-point", floating=True, samples="paired",
)  # fmt: skip
