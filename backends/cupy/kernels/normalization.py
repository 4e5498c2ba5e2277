"""Layer, group, root-mean-square and batch normalization on a card."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.backend import Kernel
from ..launch import (
    MULTIPROCESSORS,
    THREADS,
    Launcher,
    float64,
    int64,
    nothing,
    rows_of_channels,
    threads_for,
    type_of,
    without_residuals,
)
from .places import packed

_COLUMN_THREADS = 256
# About so many blocks sum the columns of a gradient.
_BLOCKS = 512
# The most blocks along the second axis of a grid.
_DOWN = 65535
# A block of a channel's sums moves at least so much a thread.
_LEAST = 4


def shared(channels: int, count: int, each: int) -> tuple[int, int]:
    """Return among how many blocks a channel's elements are shared, and how many each of them takes."""
    packs = -(-count // each)
    most = min(-(-8 * MULTIPROCESSORS // channels), packs // (_LEAST * THREADS), _DOWN)
    chunk = -(-packs // max(1, most))
    return -(-packs // chunk), chunk * each


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def declines(x: Any, *others: Any) -> bool:
        return type_of(x) is None or x.size == 0 or any(a is not None and a.dtype != x.dtype for a in others)

    def forward(x: Any, weight: Any, bias: Any, width: int, groups: int, inner: int, eps: float, centred: bool) -> Any:
        x, weight, bias = (a if a is None else gpu.contiguous(a) for a in (x, weight, bias))
        rows = x.size // width
        out, computed = gpu.empty(x.shape, x.dtype), gpu.computed(x)
        means = gpu.empty((rows if centred else 0,), computed)
        rstds = gpu.empty((rows,), computed)
        # Of longer channels one number serves a pack, wherever it lies.
        beside = (weight, bias) if inner == 1 else ()
        wide, each = packed(gpu, width if inner == 1 else inner, x, out, *beside)
        kernel = f"norm_rows<{type_of(x)}, {str(centred).lower()}, {wide}>"
        gpu.run(
            "normalization", kernel, rows, threads_for(width // each), x, nothing(weight), nothing(bias), out, means,
            rstds, int64(width), int64(groups), int64(inner), float64(eps),
        )  # fmt: skip
        return out, means, rstds

    def back(
        g: Any, x: Any, weight: Any, means: Any, rstds: Any, width: int, groups: int, inner: int, centred: bool
    ) -> Any:
        g, x, weight = (a if a is None else gpu.contiguous(a) for a in (g, x, weight))
        out = gpu.empty(x.shape, x.dtype)
        beside = (weight,) if inner == 1 else ()
        wide, each = packed(gpu, width if inner == 1 else inner, x, g, out, *beside)
        kernel = f"norm_grad_rows<{type_of(x)}, {str(centred).lower()}, {wide}>"
        gpu.run(
            "normalization", kernel, x.size // width, threads_for(width // each), x, g, nothing(weight), means, rstds,
            out, int64(width), int64(groups), int64(inner),
        )  # fmt: skip
        return out

    def columns(g: Any, x: Any, means: Any, rstds: Any, width: int, centred: bool) -> tuple[Any, Any]:
        g, x = gpu.contiguous(g), gpu.contiguous(x)
        rows, tiles = x.size // width, -(-width // 32)
        parts = max(1, min(-(-rows // 32), _BLOCKS // tiles, _DOWN))
        chunk = -(-rows // parts)
        sums = gpu.empty((2, parts, width), gpu.computed(x))
        gpu.run(
            "normalization", f"norm_weight_columns<{type_of(x)}, {str(centred).lower()}>", (tiles, parts),
            _COLUMN_THREADS, x, g, means, rstds, sums[0], sums[1], int64(rows), int64(width), int64(chunk),
        )  # fmt: skip
        return together(sums)

    def together(sums: Any) -> tuple[Any, Any]:
        """Return the sums of what blocks have left, (2, blocks, columns)."""
        found = sums[:, 0] if sums.shape[1] == 1 else gpu.xp.sum(sums, axis=1)
        return found[0], found[1]

    def channels(g: Any, x: Any, means: Any, rstds: Any, groups: int, of_batch: bool) -> tuple[Any, Any]:
        g, x = gpu.contiguous(g), gpu.contiguous(x)
        samples, count, inner = rows_of_channels(x.shape)
        wide, each = packed(gpu, inner, x, g)
        shares, chunk = shared(count, samples * inner, each)
        sums = gpu.empty((2, shares, count), gpu.computed(x))
        gpu.run(
            "normalization", f"norm_weight_channels<{type_of(x)}, {wide}>", (count, shares),
            threads_for(chunk // each, THREADS), x, g, means, rstds, sums[0], sums[1], int64(samples), int64(count),
            int64(inner), int64(groups), int64(chunk), np.bool_(of_batch),
        )  # fmt: skip
        return together(sums)

    def layer_norm_train(x: Any, weight: Any = None, bias: Any = None, /, *, axes: int, eps: float) -> Any:
        if declines(x, weight, bias):
            return NotImplemented
        out, *kept = forward(x, weight, bias, math.prod(x.shape[x.ndim - axes :]), 1, 1, eps, True)
        return out, tuple(kept)

    def layer_norm_vjp(
        xp: Any, g: Any, x: Any, weight: Any, axes: int, means: Any, rstds: Any, wants: tuple[bool, ...]
    ) -> Any:
        if g.dtype != x.dtype:
            return NotImplemented
        wants, trailing = (*wants, False, False)[:3], x.shape[x.ndim - axes :]
        width = math.prod(trailing)
        gx = back(g, x, weight, means, rstds, width, 1, 1, True) if wants[0] else None
        gw = gb = None
        if wants[1] or wants[2]:
            gw, gb = (a.astype(x.dtype).reshape(trailing) for a in columns(g, x, means, rstds, width, True))
        return gx, gw if wants[1] else None, gb if wants[2] else None

    def rms_norm_train(x: Any, weight: Any = None, /, *, axes: int, eps: float) -> Any:
        if declines(x, weight):
            return NotImplemented
        out, _, rstds = forward(x, weight, None, math.prod(x.shape[x.ndim - axes :]), 1, 1, eps, False)
        return out, (rstds,)

    def rms_norm_vjp(xp: Any, g: Any, x: Any, weight: Any, axes: int, rstds: Any, wants: tuple[bool, ...]) -> Any:
        if g.dtype != x.dtype:
            return NotImplemented
        wants, trailing = (*wants, False)[:2], x.shape[x.ndim - axes :]
        width = math.prod(trailing)
        gx = back(g, x, weight, rstds, rstds, width, 1, 1, False) if wants[0] else None
        gw = columns(g, x, rstds, rstds, width, False)[0].astype(x.dtype).reshape(trailing) if wants[1] else None
        return gx, gw

    def group_norm_train(x: Any, weight: Any = None, bias: Any = None, /, *, num_groups: int, eps: float) -> Any:
        if declines(x, weight, bias):
            return NotImplemented
        width = math.prod(x.shape[1:]) // num_groups
        out, *kept = forward(x, weight, bias, width, num_groups, math.prod(x.shape[2:]), eps, True)
        return out, tuple(kept)

    def group_norm_vjp(
        xp: Any, g: Any, x: Any, weight: Any, num_groups: int, means: Any, rstds: Any, wants: tuple[bool, ...]
    ) -> Any:
        if g.dtype != x.dtype:
            return NotImplemented
        wants = (*wants, False, False)[:3]
        width = math.prod(x.shape[1:]) // num_groups
        inner = math.prod(x.shape[2:])
        gx = back(g, x, weight, means, rstds, width, num_groups, inner, True) if wants[0] else None
        gw = gb = None
        if wants[1] or wants[2]:
            gw, gb = (a.astype(x.dtype) for a in channels(g, x, means, rstds, num_groups, False))
        return gx, gw if wants[1] else None, gb if wants[2] else None

    def batch_norm_train(x: Any, weight: Any = None, bias: Any = None, /, *, eps: float) -> Any:
        if declines(x, weight, bias):
            return NotImplemented
        x, weight, bias = (a if a is None else gpu.contiguous(a) for a in (x, weight, bias))
        samples, count, inner = rows_of_channels(x.shape)
        mean, var = (gpu.empty((count,), x.dtype) for _ in range(2))
        means, rstds = (gpu.empty((count,), gpu.computed(x)) for _ in range(2))
        kind, out = type_of(x), gpu.empty(x.shape, x.dtype)
        wide, each = packed(gpu, inner, x, out)
        shares, chunk = shared(count, samples * inner, each)
        parts = gpu.empty((3, shares, count), means.dtype)
        gpu.run(
            "normalization", f"batch_moments<{kind}, {wide}>", (count, shares), threads_for(chunk // each, THREADS), x,
            parts, int64(samples), int64(count), int64(inner), int64(chunk),
        )  # fmt: skip
        gpu.run(
            "normalization", f"batch_statistics<{kind}>", -(-count // 8), 256, parts, mean, var, means, rstds,
            int64(count), int64(shares), float64(eps),
        )  # fmt: skip
        gpu.run_each(
            "normalization", f"batch_norm<{kind}, {wide}>", x.size // each, x, nothing(weight), nothing(bias), means,
            rstds, out, int64(x.size), int64(count), int64(inner),
        )  # fmt: skip
        return (out, mean, var), (means, rstds)

    def batch_norm_vjp(
        xp: Any, g: Any, x: Any, weight: Any, means: Any, rstds: Any, wants: tuple[bool, ...]
    ) -> Any:
        g = g[0] if isinstance(g, (tuple, list)) else g
        if g.dtype != x.dtype:
            return NotImplemented
        wants = (*wants, False, False)[:3]
        g, x = gpu.contiguous(g), gpu.contiguous(x)
        _, count, inner = rows_of_channels(x.shape)
        by_weight, by_bias = channels(g, x, means, rstds, count, True)
        gx = None
        if wants[0]:
            gx = gpu.empty(x.shape, x.dtype)
            weight = weight if weight is None else gpu.contiguous(weight)
            wide, each = packed(gpu, inner, x, g, gx)
            gpu.run_each(
                "normalization", f"batch_norm_grad<{type_of(x)}, {wide}>", x.size // each, x, g, nothing(weight),
                means, rstds, by_weight, by_bias, gx, int64(x.size), int64(count), int64(inner),
            )  # fmt: skip
        gw, gb = (a.astype(x.dtype) if want else None for a, want in zip((by_weight, by_bias), wants[1:], strict=True))
        return gx, gw, gb

    return {
        "layer_norm": Kernel(without_residuals(layer_norm_train), layer_norm_train, layer_norm_vjp, ("means", "rstds")),
        "rms_norm": Kernel(without_residuals(rms_norm_train), rms_norm_train, rms_norm_vjp, ("rstds",)),
        "group_norm": Kernel(without_residuals(group_norm_train), group_norm_train, group_norm_vjp, ("means", "rstds")),
        "batch_norm": Kernel(without_residuals(batch_norm_train), batch_norm_train, batch_norm_vjp, ("means", "rstds")),
    }
