"""Normalization over axes, groups and batches. Beside each row stands its generic body, which is its meaning."""

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
            raise ShapeError(
                f"layer_norm: {name} has shape {tuple(p.shape)}, the last axes of an input of shape {tuple(x.shape)} are "
                f"{tail}; they must be the same"
            )
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


def _prepare_rms_norm(device: Any, x: Any, weight: Any, axes: Any, eps: Any) -> tuple[int, float]:
    if not 1 <= axes <= len(x.shape):
        raise ShapeError(f"rms_norm: {axes} trailing axes of a tensor of shape {tuple(x.shape)}")
    tail = tuple(x.shape)[-axes:]
    if weight is not None and tuple(weight.shape) != tail:
        raise ShapeError(
            f"rms_norm: weight has shape {tuple(weight.shape)}, the last axes of an input of shape {tuple(x.shape)} are "
            f"{tail}; they must be the same"
        )
    if eps is None:
        # Narrower floats are computed with in float32, and so is its epsilon theirs.
        eps = 2.0**-52 if device.dtype_of[x.dtype].name == "float64" else 2.0**-23
    return axes, eps


def _rms_norm_body(xp: Any, x: Any, weight: Any, *, axes: int, eps: float) -> Any:
    over = tuple(range(len(x.shape) - axes, len(x.shape)))
    out = x / xp.sqrt(xp.mean(x * x, axis=over, keepdims=True) + eps)
    return out if weight is None else out * weight


rms_norm = general(
    "rms_norm", "x, weight=None, /, *, axes=1, eps=None",
    "Return ``x / sqrt(mean(x * x) + eps) * weight`` over the last `axes` axes (Zhang and Sennrich, 2019).",
    body=_rms_norm_body, prepare=_prepare_rms_norm, **FLOAT,
)  # fmt: skip


def _prepare_group_norm(
    device: Any, x: Any, weight: Any, bias: Any, num_groups: Any, eps: Any
) -> tuple[int, float]:
    if len(x.shape) < 2:
        raise ShapeError(f"group_norm: at least (batch, channels) axes are needed, got shape {tuple(x.shape)}")
    channels = x.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(
            f"group_norm: num_groups={num_groups} must be positive and divide the {channels} channels (axis 1) of an "
            f"input of shape {tuple(x.shape)}"
        )
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != (channels,):
            raise ShapeError(
                f"group_norm: {name} has shape {tuple(p.shape)}, an input of shape {tuple(x.shape)} needs ({channels},), "
                "one value per channel"
            )
    return num_groups, eps


def _group_norm_body(xp: Any, x: Any, weight: Any, bias: Any, *, num_groups: int, eps: float) -> Any:
    shape = tuple(x.shape)
    size = shape[1] // num_groups
    for n in shape[2:]:
        size *= n
    grouped = xp.reshape(x, (shape[0], num_groups, size))
    centred = grouped - xp.mean(grouped, axis=2, keepdims=True)
    scaled = centred / xp.sqrt(xp.mean(centred * centred, axis=2, keepdims=True) + eps)
    out = xp.reshape(scaled, shape)
    column = (1, shape[1], *(1,) * (len(shape) - 2))
    if weight is not None:
        out = out * xp.reshape(weight, column)
    return out if bias is None else out + xp.reshape(bias, column)


group_norm = general(
    "group_norm", "x, weight=None, bias=None, /, *, num_groups, eps=1e-05",
    "Normalize each sample's groups of channels (axis 1) by their own mean and variance (Wu and He, 2018).",
    body=_group_norm_body, prepare=_prepare_group_norm, **FLOAT,
)  # fmt: skip


def _prepare_batch_norm(device: Any, x: Any, weight: Any, bias: Any, eps: Any) -> tuple[float]:
    if len(x.shape) < 2:
        raise ShapeError(f"batch_norm: at least (batch, channels) axes are needed, got shape {tuple(x.shape)}")
    if x.shape[1] and _per_channel(x) == 1:
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
