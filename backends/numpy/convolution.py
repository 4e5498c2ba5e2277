"""Convolution over one to three axes, and its transposes: which kernel serves which case.

All work on arrays (N, C, D, H, W), of which one or two axes may be of size one. Kernels of height 3 take half the
multiplications (`winograd`), other dense ones are matrix products (`convolution_dense`), depthwise ones have files of
their own. The transposes of strided convolutions are plain ones, phase by phase (`convolution_phases`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import convolution_dense as dense
from . import convolution_depthwise as depthwise
from . import winograd
from .convolution_phases import Triple, phases, places, taps

Array = np.ndarray
Pair = tuple[int, int]

# With so few patch rows (a first layer's) the products are cheap and what counts is to write the output but once.
_SMALL_K = 32
# So many numbers in all patches cost less than the calls of the other kernels.
_FEW_NUMBERS = 1 << 15
# Channels of a group from which on groups are convolved one by one.
_WIDE_GROUP = 16
# Channels of the input up to which the weight's cotangent is made from patches.
_FEW_CHANNELS = 8


def _declines(*arrays: Array | None) -> bool:
    return arrays[0].ndim not in (3, 4, 5) or any(a is not None and a.dtype.char not in "fdFD" for a in arrays)  # type: ignore[union-attr]


def _lifted(a: Array) -> Array:
    """View (N, C, W) or (N, C, H, W) as (N, C, D, H, W)."""
    return a.reshape(*a.shape[:2], *(1,) * (5 - a.ndim), *a.shape[2:])


def _triple(values: tuple[int, ...], fill: int) -> Triple:
    return (*(fill,) * (3 - len(values)), *values)  # type: ignore[return-value]


def _statics(
    stride: tuple[int, ...], padding: tuple[Pair, ...], dilation: tuple[int, ...]
) -> tuple[Triple, Triple, Triple]:
    return _triple(stride, 1), _triple(tuple(before for before, _ in padding), 0), _triple(dilation, 1)


def _out_shape(x: Array, weight: Array, stride: Any, padding: Any, dilation: Any) -> tuple[int, ...]:
    return tuple(
        (n + a + b - d * (k - 1) - 1) // s + 1
        for n, k, s, (a, b), d in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    )


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    /,
    *,
    stride: tuple[int, ...],
    padding: tuple[Pair, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Array:
    """Cross-correlate x (N, C, *spatial) with weight (O, C / groups, *kernel)."""
    if _declines(x, weight, bias):
        return NotImplemented
    out = np.empty((x.shape[0], weight.shape[0], *_out_shape(x, weight, stride, padding, dilation)), x.dtype)
    _correlate(_lifted(x), _lifted(weight), bias, _lifted(out), *_statics(stride, padding, dilation), groups)
    return out


def _correlate(
    x: Array, weight: Array, bias: Array | None, out: Array, stride: Triple, before: Triple, dilation: Triple,
    groups: int,
) -> None:  # fmt: skip
    """Write the cross-correlation to out, which may be a strided view; `before` may be negative."""
    o, cg, *kernel = weight.shape
    if not (x.size and weight.size and out.size):
        out[...] = 0 if bias is None else bias[:, None, None, None]
        return
    if groups > 1 and cg == 1:
        depthwise.correlate(x, weight, bias, out, stride, before, dilation)
        return
    if groups > 1 and min(cg, o // groups) >= _WIDE_GROUP:
        og = o // groups
        for k in range(groups):
            of, to = slice(k * cg, (k + 1) * cg), slice(k * og, (k + 1) * og)
            part = None if bias is None else bias[to]
            _correlate(x[:, of], weight[to], part, out[:, to], stride, before, dilation, 1)
        return
    if groups == 1 and kernel == [1, 1, 1] and min(before) >= 0 == max(before) and _covers(x, out, stride):
        seen = x[:, :, :: stride[0], :: stride[1], :: stride[2]]
        dense.pointwise(seen, weight.reshape(o, cg), bias, out)
        return
    if dilation[1] > 1 and stride[1] == 1 and kernel[1] > 1 and groups == 1:
        _correlate_phases(x, weight, bias, out, stride, before, dilation)
        return
    if groups == 1 and _has_few_patches(cg * math.prod(kernel), out) and out.flags.c_contiguous:
        dense.correlate_few(x, weight, bias, out, stride, before, dilation)
        return
    if groups == 1 and winograd.applies(tuple(kernel), stride, dilation, (o, cg), out.shape[3]):
        winograd.convolve(x, weight, bias, out, before, dilation)
        return
    dense.correlate(x, weight, bias, out, stride, before, dilation, groups)


def _has_few_patches(k: int, out: Array) -> bool:
    return k <= _SMALL_K or k * (out.size // out.shape[1]) <= _FEW_NUMBERS


def _covers(x: Array, out: Array, stride: Triple) -> bool:
    """Whether windows of one place that begin at the first see exactly the output's places."""
    return all(-(-n // s) == m for n, s, m in zip(x.shape[2:], stride, out.shape[2:]))


def _correlate_phases(
    x: Array, weight: Array, bias: Array | None, out: Array, stride: Triple, before: Triple, dilation: Triple
) -> None:
    """Convolve with rows that lie apart: those of one residue are a convolution with neighbouring rows."""
    d = dilation[1]
    for p in range(min(d, out.shape[3])):
        top, start = divmod(p - before[1], d)
        _correlate(
            x[:, :, :, start::d], weight, bias, out[:, :, :, p::d], stride, (before[0], -top, before[2]),
            (dilation[0], 1, dilation[2]), 1,
        )  # fmt: skip


def conv_input(
    c: Array,
    weight: Array,
    /,
    *,
    x_shape: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[Pair, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Array:
    """The cotangent of a convolution's input, from the cotangent of its output (N, O, *spatial)."""
    if _declines(c, weight):
        return NotImplemented
    gx = np.empty(x_shape, c.dtype)
    _inputs(_lifted(c), _lifted(weight), _lifted(gx), *_statics(stride, padding, dilation), groups)
    return gx


def _inputs(
    g: Array, weight: Array, gx: Array, stride: Triple, before: Triple, dilation: Triple, groups: int
) -> None:
    o, cg, *kernel = weight.shape
    if groups > 1 and cg == 1 and g.size and weight.size:
        depthwise.inputs(g, weight, gx, stride, before, dilation)
        return
    og = o // groups
    turned = weight.reshape(groups, og, cg, *kernel).swapaxes(1, 2).reshape(groups * cg, og, *kernel)
    combined = phases(tuple(kernel), stride, dilation, before)  # type: ignore[arg-type]
    if len(combined) < stride[0] * stride[1] * stride[2]:
        gx[...] = 0
    for phase in combined:
        first = tuple(p.shift + (p.number - 1) * p.dilation for p in phase)
        each = tuple(p.dilation for p in phase)
        part = taps(turned, phase)[:, :, ::-1, ::-1, ::-1]
        _correlate(g, part, None, places(gx, phase), (1, 1, 1), first, each, groups)  # type: ignore[arg-type]


def conv_weight(
    x: Array,
    c: Array,
    /,
    *,
    weight_shape: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[Pair, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Array:
    """The cotangent of a convolution's weight, from its input and the cotangent of its output."""
    if _declines(x, c):
        return NotImplemented
    lifted = (*weight_shape[:2], *_triple(tuple(weight_shape[2:]), 1))
    found, _ = _weights(_lifted(x), _lifted(c), lifted, *_statics(stride, padding, dilation), groups, False)
    return found.reshape(weight_shape)


def _weights(
    x: Array, g: Array, shape: tuple[int, ...], stride: Triple, before: Triple, dilation: Triple, groups: int,
    bias: bool,
) -> tuple[Array, Array | None]:  # fmt: skip
    """Cotangents of the weight, and of the bias where that comes for nothing."""
    o, cg, *kernel = shape
    if not (x.size and g.size):
        return np.zeros(shape, g.dtype), None
    if groups > 1 and cg == 1 and g.dtype.kind == "f":
        return depthwise.weights(x, g, shape, stride, before, dilation), None
    og = o // groups
    if groups > 1 and min(cg, og) >= _WIDE_GROUP and x.shape[0] > 1:
        found = np.empty(shape, g.dtype)
        for k in range(groups):
            of, to = slice(k * cg, (k + 1) * cg), slice(k * og, (k + 1) * og)
            part = (og, cg, *kernel)
            found[to] = _weights(x[:, of], g[:, to], part, stride, before, dilation, 1, False)[0]
        return found, None
    if groups == 1 and g.flags.c_contiguous and (cg < _FEW_CHANNELS or _has_few_patches(cg * math.prod(kernel), g)):
        return dense.few_weights(x, g, shape, stride, before, dilation)
    if groups == 1 and winograd.applies(tuple(kernel), stride, dilation, (o, cg), g.shape[3]):
        cotangents = winograd.cotangents(x, g, None, x.shape, shape, before, dilation, bias)
        return cotangents[1], cotangents[2]  # type: ignore[return-value]
    found = np.empty(shape, g.dtype)
    for phase in phases(tuple(kernel), stride, dilation, before):  # type: ignore[arg-type]
        count, first = tuple(p.number for p in phase), tuple(-p.shift for p in phase)
        each = tuple(p.dilation for p in phase)
        taps(found, phase)[...] = dense.weight_by_taps(places(x, phase), g, count, first, each, groups)  # type: ignore[arg-type]
    return found, None


def conv_vjp(
    xp: Any,
    g: Array,
    x: Array,
    weight: Array,
    stride: tuple[int, ...],
    padding: tuple[Pair, ...],
    dilation: tuple[int, ...],
    groups: int,
    wants: tuple[bool, ...],
) -> Any:
    """Cotangents of x, weight and bias."""
    if _declines(g, x, weight) or g.dtype.kind != "f":
        return NotImplemented
    want_x, want_w, want_b = (*wants, False)[:3]
    gx = gw = gb = None
    how = _statics(stride, padding, dilation)
    lifted_x, lifted_g, lifted_w = _lifted(x), _lifted(g), _lifted(weight)
    kernel = lifted_w.shape[2:]
    if (
        groups == 1 and x.ndim == 4 and x.size and g.size and want_x and want_w
        and not _has_few_patches(weight[0].size, g)
        and winograd.applies(kernel, how[0], how[2], weight.shape[:2], g.shape[2])
    ):  # fmt: skip
        gx, gw, gb = winograd.cotangents(
            lifted_x, lifted_g, lifted_w, lifted_x.shape, lifted_w.shape, how[1], how[2], want_b
        )
        return gx.reshape(x.shape), gw.reshape(weight.shape), gb  # type: ignore[union-attr]
    if want_x:
        gx = np.empty(x.shape, g.dtype)
        _inputs(lifted_g, lifted_w, _lifted(gx), *how, groups)
    if want_w:
        gw, gb = _weights(lifted_x, lifted_g, lifted_w.shape, *how, groups, want_b)
        gw = gw.reshape(weight.shape)
    if want_b and gb is None:
        planes = g.reshape(*g.shape[:2], math.prod(g.shape[2:]))
        gb = np.add.reduce(planes @ np.ones(planes.shape[2], g.dtype), axis=0)
    return gx, gw, gb if want_b else None


KERNELS: dict[str, Any] = {
    "conv": Kernel(conv, vjp=conv_vjp),
    "conv_input": conv_input,
    "conv_weight": conv_weight,
}
