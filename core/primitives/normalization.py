"""Normalization of layers and batches. Beside each row stands its generic body, which is its meaning."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from .row import general

FLOAT: dict[str, Any] = {"category": "real floating-point", "floating": True}


def _prepare_layer_norm(device: Any, x: Any, weight: Any, bias: Any, axes: Any, eps: Any) -> tuple[int, float]:
    if not 1 <= axes <= len(x.shape):
        raise ShapeError(f"layer_norm: {axes} trailing axes of a tensor of shape {tuple(x.shape)}")
    tail = tuple(x.shape)[-axes:]
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != tail:
            raise ShapeError(f"layer_norm: {name} has shape {tuple(p.shape)}, the normalized shape is {tail}")
    return axes, eps


def _layer_norm_body(xp: Any, x: Any, weight: Any, bias: Any, *, axes: int, eps: float) -> Any:
    over = tuple(range(len(x.shape) - axes, len(x.shape)))
    centred = x - xp.mean(x, axis=over, keepdims=True)
    out = centred / xp.sqrt(xp.mean(centred * centred, axis=over, keepdims=True) + eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


layer_norm = general(
    "layer_norm", "x, weight=None, bias=None, /, *, axes=1, eps=1e-05",
    "Return ``(x - mean) / sqrt(var + eps) * weight + bias`` over the last `axes` axes (Ba et al., 2016).",
    body=_layer_norm_body, prepare=_prepare_layer_norm, **FLOAT,
)  # fmt: skip


def _prepare_batch_norm(device: Any, x: Any, weight: Any, bias: Any, eps: Any) -> tuple[float]:
    if len(x.shape) < 2:
        raise ShapeError(f"batch_norm: at least (batch, channels) axes are needed, got shape {tuple(x.shape)}")
    if x.shape[1] and _per_channel(x) <= 1:
        raise ShapeError(
            f"batch_norm: expected more than one value per channel in training, got input of shape {tuple(x.shape)}; "
            "use a larger batch or eval()"
        )
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != (x.shape[1],):
            raise ShapeError(f"batch_norm: {name} has shape {tuple(p.shape)}, the input has {x.shape[1]} channels")
    return (eps,)


def _per_channel(x: Any) -> int:
    total = x.shape[0]
    for n in x.shape[2:]:
        total *= n
    return total


def _batch_norm_body(xp: Any, x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    over = (0, *range(2, len(x.shape)))
    shape = (1, x.shape[1], *(1,) * (len(x.shape) - 2))
    mean = xp.mean(x, axis=over, keepdims=True)
    centred = x - mean
    var = xp.mean(centred * centred, axis=over, keepdims=True)
    out = centred / xp.sqrt(var + eps)
    if weight is not None:
        out = out * xp.reshape(weight, shape)
    if bias is not None:
        out = out + xp.reshape(bias, shape)
    return out, xp.reshape(mean, (x.shape[1],)), xp.reshape(var, (x.shape[1],))


batch_norm = general(
    "batch_norm", "x, weight=None, bias=None, /, *, eps=1e-05",
    "Normalize each channel (axis 1) over the batch; also return the batch's mean and biased variance (Ioffe and Szegedy, 2015).",
    body=_batch_norm_body, outputs=("out", "mean", "var"), differentiable=(True, False, False),
    prepare=_prepare_batch_norm, **FLOAT,
)  # fmt: skip
