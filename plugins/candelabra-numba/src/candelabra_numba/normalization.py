"""Layer, root-mean-square, group and batch normalization: a row's passes while it lies in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from candelabra.backends.numpy import parallel
from candelabra.core.backend import Kernel

from .compiled import SHARED, Array, Loop, block_of, least, over_rows, past_caches, plain, served

LEAST = least(256)
# Channels whose numbers lie in shorter runs are left to the backend.
SHORT = least(16)

_LAYER, _LAYER_GRAD = Loop("normalization", "layer_norm"), Loop("normalization", "layer_norm_grad")
_RMS, _RMS_GRAD = Loop("normalization", "rms_norm"), Loop("normalization", "rms_norm_grad")
_GROUP, _GROUP_GRAD = Loop("normalization", "group_norm"), Loop("normalization", "group_norm_grad")
_BATCH, _BATCH_GRAD = Loop("normalization", "batch_norm"), Loop("normalization", "batch_norm_grad")

_FILLED: dict[tuple[str, int, int], Array] = {}
_NONE = {char: np.empty(0, char) for char in "fd"}


def _served(x: Array, *others: Array | None) -> bool:
    dtype = x.dtype
    if not x.size or not served(x, LEAST):
        return False
    for a in others:  # noqa: SIM110 - a generator costs twice as much
        if a is not None and (a.dtype != dtype or not a.flags.carray):
            return False
    return True


def _line(a: Array | None, char: str) -> Array:
    return _NONE[char] if a is None else a.reshape(-1)


def _filled(a: Array | None, char: str, width: int, value: int) -> Array:
    """Return an array as a line; one of a number where there is none."""
    if a is not None:
        return a.reshape(-1)
    key = char, width, value
    if key not in _FILLED:
        if len(_FILLED) > 64:
            _FILLED.clear()
        _FILLED[key] = np.full(width, value, char)
    return _FILLED[key]


def _over_rows_summing(function: Any, rows: int, width: int, lines: int, *arguments: Any) -> list[Array]:
    """Call a loop that adds up lines of its own for each block; return their sums over the blocks, in order."""
    char = arguments[0].dtype.char
    size = rows * width
    shared = size >= SHARED and rows > 1 and parallel.get_num_threads() > 1 and lines
    if not shared:
        lone = [np.zeros(width, char) for _ in range(lines)]
        function(0, rows, rows, *arguments, *(s.reshape(1, width) for s in lone))
        return lone
    block = block_of(rows, size)
    sums = [np.zeros((-(-rows // block), width), char) for _ in range(lines)]

    def work(spans: Iterator[tuple[int, int]]) -> None:
        for start, stop in spans:
            function(start, stop, block, *arguments, *sums)

    parallel.for_blocks(work, rows, block, 1)
    return [np.add.reduce(s, axis=0) for s in sums]


def layer_norm_train(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, axes: int, eps: float
) -> Any:
    """`layer_norm`, with the mean and the reciprocal standard deviation of each row."""
    if not _served(x, weight, bias):
        return NotImplemented
    char, width = x.dtype.char, math.prod(x.shape[-axes:])
    rows = x.size // width
    out, mean, rstd = np.empty(x.shape, char), np.empty(rows, char), np.empty(rows, char)
    over_rows(
        _LAYER[char], rows, x.size, x.reshape(rows, width), _filled(weight, char, width, 1),
        _filled(bias, char, width, 0), eps, past_caches(out), out.reshape(rows, width), mean, rstd,
    )  # fmt: skip
    return out, (mean, rstd)


def layer_norm(x: Array, weight: Array | None = None, bias: Array | None = None, /, *, axes: int, eps: float) -> Any:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` over the last axes."""
    found = layer_norm_train(x, weight, bias, axes=axes, eps=eps)
    return found if found is NotImplemented else found[0]


def layer_norm_vjp(
    g: Array, x: Array, weight: Array | None, axes: int, mean: Array, rstd: Array, wants: tuple[bool, ...]
) -> Any:
    """Cotangents of x, weight and bias."""
    char, shape = x.dtype.char, x.shape[-axes:]
    rows, width = mean.size, math.prod(shape)
    want_x, want_w, want_b = (*wants, False, False)[:3]
    gx = np.empty(x.shape, char) if want_x else None
    sums = _over_rows_summing(
        _LAYER_GRAD[char], rows, width, 2, plain(g).reshape(rows, width), x.reshape(rows, width),
        _filled(weight, char, width, 1), mean, rstd, past_caches(x), want_x,
        (x if gx is None else gx).reshape(rows, width), want_w or want_b,
    )  # fmt: skip
    return gx, sums[0].reshape(shape) if want_w else None, sums[1].reshape(shape) if want_b else None


def rms_norm_train(x: Array, weight: Array | None = None, /, *, axes: int, eps: float) -> Any:
    """`rms_norm`, with the reciprocal root mean square of each row."""
    if not _served(x, weight):
        return NotImplemented
    char, width = x.dtype.char, math.prod(x.shape[-axes:])
    rows = x.size // width
    out, rstd = np.empty(x.shape, char), np.empty(rows, char)
    over_rows(
        _RMS[char], rows, x.size, x.reshape(rows, width), _filled(weight, char, width, 1), eps, past_caches(out),
        out.reshape(rows, width), rstd,
    )  # fmt: skip
    return out, (rstd,)


def rms_norm(x: Array, weight: Array | None = None, /, *, axes: int, eps: float) -> Any:
    """``x / sqrt(mean(x * x) + eps) * weight`` over the last axes."""
    found = rms_norm_train(x, weight, axes=axes, eps=eps)
    return found if found is NotImplemented else found[0]


def rms_norm_vjp(g: Array, x: Array, weight: Array | None, axes: int, rstd: Array, wants: tuple[bool, ...]) -> Any:
    """Cotangents of x and weight."""
    char, shape = x.dtype.char, x.shape[-axes:]
    rows, width = rstd.size, math.prod(shape)
    want_x, want_w = (*wants, False)[:2]
    gx = np.empty(x.shape, char) if want_x else None
    sums = _over_rows_summing(
        _RMS_GRAD[char], rows, width, 1, plain(g).reshape(rows, width), x.reshape(rows, width),
        _filled(weight, char, width, 1), rstd, past_caches(x), want_x, (x if gx is None else gx).reshape(rows, width),
        want_w,
    )  # fmt: skip
    return gx, sums[0].reshape(shape) if want_w else None


def group_norm_train(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, num_groups: int, eps: float
) -> Any:
    """`group_norm`, with the mean and the reciprocal standard deviation of each sample's groups."""
    if not _served(x, weight, bias) or math.prod(x.shape[2:]) < SHORT:
        return NotImplemented
    char, rows, channels = x.dtype.char, x.shape[0] * num_groups, x.shape[1] // num_groups
    shape = (rows, channels, x.size // (rows * channels))
    out, mean, rstd = np.empty(x.shape, char), np.empty(rows, char), np.empty(rows, char)
    over_rows(
        _GROUP[char], rows, x.size, x.reshape(shape), _line(weight, char), _line(bias, char), eps, weight is not None,
        bias is not None, out.reshape(shape), mean, rstd,
    )  # fmt: skip
    return out, (mean, rstd)


def group_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, /, *, num_groups: int, eps: float
) -> Any:
    """Normalize each sample's groups of channels by their own mean and variance."""
    found = group_norm_train(x, weight, bias, num_groups=num_groups, eps=eps)
    return found if found is NotImplemented else found[0]


def group_norm_vjp(
    g: Array, x: Array, weight: Array | None, num_groups: int, mean: Array, rstd: Array, wants: tuple[bool, ...]
) -> Any:
    """Cotangents of x, weight and bias."""
    char, rows, channels = x.dtype.char, mean.size, x.shape[1] // num_groups
    shape = (rows, channels, x.size // (rows * channels))
    want_x, want_w, want_b = (*wants, False, False)[:3]
    gx = np.empty(x.shape, char) if want_x else None
    by_weight, by_bias = np.empty((rows, channels), char), np.empty((rows, channels), char)
    over_rows(
        _GROUP_GRAD[char], rows, x.size, plain(g).reshape(shape), x.reshape(shape), _line(weight, char),
        weight is not None, mean, rstd, want_x, (x if gx is None else gx).reshape(shape), by_weight, by_bias,
    )  # fmt: skip
    return (
        gx,
        np.add.reduce(by_weight.reshape(x.shape[:2]), axis=0) if want_w else None,
        np.add.reduce(by_bias.reshape(x.shape[:2]), axis=0) if want_b else None,
    )


def batch_norm_train(x: Array, weight: Array | None = None, bias: Array | None = None, /, *, eps: float) -> Any:
    """`batch_norm`, with the mean and the reciprocal standard deviation of each channel."""
    if not _served(x, weight, bias) or math.prod(x.shape[2:]) < SHORT:
        return NotImplemented
    char, (samples, channels) = x.dtype.char, x.shape[:2]
    shape = (samples, channels, x.size // (samples * channels))
    out = np.empty(x.shape, char)
    mean, var, rstd = (np.empty(channels, char) for _ in range(3))
    over_rows(
        _BATCH[char], channels, x.size, x.reshape(shape), _line(weight, char), _line(bias, char), eps,
        weight is not None, bias is not None, out.reshape(shape), mean, var, rstd,
    )  # fmt: skip
    return (out, mean, var), (mean.copy(), rstd)


def batch_norm(x: Array, weight: Array | None = None, bias: Array | None = None, /, *, eps: float) -> Any:
    """Normalize each channel over the batch; also the batch's mean and biased variance."""
    found = batch_norm_train(x, weight, bias, eps=eps)
    return found if found is NotImplemented else found[0]


def batch_norm_vjp(
    g: tuple[Array, Any, Any], x: Array, weight: Array | None, batch_mean: Array, rstd: Array, wants: tuple[bool, ...]
) -> Any:
    """Cotangents of x, weight and bias."""
    char, (samples, channels) = x.dtype.char, x.shape[:2]
    shape = (samples, channels, x.size // (samples * channels))
    want_x, want_w, want_b = (*wants, False, False)[:3]
    gx = np.empty(x.shape, char) if want_x else None
    by_weight, by_bias = np.empty(channels, char), np.empty(channels, char)
    over_rows(
        _BATCH_GRAD[char], channels, x.size, plain(g[0]).reshape(shape), x.reshape(shape), _line(weight, char),
        weight is not None, batch_mean, rstd, want_x, (x if gx is None else gx).reshape(shape), by_weight, by_bias,
    )  # fmt: skip
    return gx, by_weight if want_w else None, by_bias if want_b else None


KERNELS: dict[str, Any] = {
    "batch_norm": Kernel(batch_norm, batch_norm_train, batch_norm_vjp, ("batch_mean", "rstd")),
    "group_norm": Kernel(group_norm, group_norm_train, group_norm_vjp, ("mean", "rstd")),
    "layer_norm": Kernel(layer_norm, layer_norm_train, layer_norm_vjp, ("mean", "rstd")),
    "rms_norm": Kernel(rms_norm, rms_norm_train, rms_norm_vjp, ("rstd",)),
}
