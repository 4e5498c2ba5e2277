"""What surrounds products of matrices on a card: biases, activations, sums of columns, products of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..launch import MULTIPROCESSORS, THREADS, Launcher, int64, nothing, rows_of_channels, threads_for, type_of

# A block of sums of columns is so many lines of a warp each.
_LINES = 8
# Vectors up to this length are a thread's; a longer one keeps a block busy for so many elements.
_SHORT, _LONG = 32, 16384
# The largest grid along y.
_DOWN = 65535


def _packs(gpu: Launcher, width: int, *arrays: Any) -> tuple[str, int]:
    """Return whether threads move sixteen bytes of each array at once, and how many such a row has."""
    size = 16 // arrays[0].itemsize
    wide = width % size == 0 and all(gpu.address(array) % 16 == 0 for array in arrays)
    return ("true", width // size) if wide else ("false", width)


def _rows(rows: int, packs: int) -> tuple[tuple[int, int], Any]:
    """Return the grid of what goes over a matrix by rows, and how many threads stand beside each other."""
    across = min(THREADS, 1 << (packs - 1).bit_length())
    blocks = -(-packs // across)
    down = min(-(-rows * across // THREADS), max(1, 16 * MULTIPROCESSORS // blocks), _DOWN)
    return (blocks, down), np.int32(across)


def _columns(rows: int, packs: int) -> tuple[int, int]:
    """Return the grid of what goes over a matrix by columns, in bands of rows."""
    blocks = -(-packs // 32)
    return blocks, max(1, min(-(-rows // (8 * _LINES)), 8 * MULTIPROCESSORS // blocks, _DOWN))


def fill_rows(gpu: Launcher, bias: Any, out: Any) -> None:
    """Write the bias into every row of a matrix in C order.

    A product that is added to it needs no pass of its own for the bias, and is rounded once.
    """
    rows, width = out.shape
    if out.size:
        wide, packs = _packs(gpu, width, out)
        grid, across = _rows(rows, packs)
        kernel = f"fill_rows<{type_of(bias)}, {wide}>"
        gpu.run("epilogue", kernel, grid, THREADS, gpu.contiguous(bias), out, int64(rows), int64(width), across)


def activate_rows(gpu: Launcher, function: str, x: Any, bias: Any, out: Any, keep: bool) -> None:
    """Write an activation of a matrix and the bias of each column.

    Parameters
    ----------
    gpu : Launcher
        Runs it.
    function : str
        One of activation.cuh.
    x, out : array
        In C order, perhaps the same one.
    bias : array or None
        Of a row's length.
    keep : bool
        Whether to write into `x` what the activation is of.
    """
    rows, width = out.shape
    if out.size:
        wide, packs = _packs(gpu, width, x, out)
        grid, across = _rows(rows, packs)
        given = None if bias is None else gpu.contiguous(bias)
        gpu.run(
            "epilogue", f"activate_rows<{function}, {type_of(x)}, {wide}>", grid, THREADS, x, nothing(given), out,
            np.bool_(keep), int64(rows), int64(width), across,
        )  # fmt: skip


def activation_columns(gpu: Launcher, function: str, inner: Any, g: Any, summed: bool) -> tuple[Any, Any]:
    """Return the cotangent of what an activation is of, and the sums of its columns, None where they are not wanted.

    Parameters
    ----------
    gpu : Launcher
        Runs it.
    function : str
        One of activation.cuh.
    inner, g : array
        What it is of, and the cotangent of what it gives; matrices in C order.
    summed : bool
        Whether the sums are wanted; they are always added in the same order.
    """
    rows, width = g.shape
    out, sums = gpu.empty(g.shape, g.dtype), gpu.empty((width,), g.dtype) if summed else None
    if not out.size:
        if sums is not None:
            sums.fill(0)
        return out, sums
    wide, packs = _packs(gpu, width, inner, g, out)
    grid = _columns(rows, packs)
    parts = gpu.empty((grid[1], width), gpu.computed(g)) if summed else None
    gpu.run(
        "epilogue", f"activation_columns<{function}, {type_of(g)}, {wide}>", grid, 32 * _LINES, inner, g, out,
        nothing(parts), int64(rows), int64(width),
    )  # fmt: skip
    if parts is not None:
        _finish(gpu, parts, sums)
    return out, sums


def column_sums(gpu: Launcher, x: Any) -> Any:
    """Return the sums of the columns of a matrix, always added in the same order."""
    x = gpu.contiguous(x)
    rows, width = x.shape
    out = gpu.empty((width,), x.dtype)
    if not rows:
        out.fill(0)
    elif width:
        wide, packs = _packs(gpu, width, x)
        grid = _columns(rows, packs)
        parts = gpu.empty((grid[1], width), gpu.computed(x))
        kernel = f"column_sums<{type_of(x)}, {wide}>"
        gpu.run("epilogue", kernel, grid, 32 * _LINES, x, parts, int64(rows), int64(width))
        _finish(gpu, parts, out)
    return out


def channel_sums(gpu: Launcher, x: Any) -> Any:
    """Return the sums of (N, C, ...) over all but channels, always added in the same order."""
    x = gpu.contiguous(x)
    rows, channels, together = rows_of_channels(x.shape)
    out = gpu.empty((channels,), x.dtype)
    if not x.size:
        out.fill(0)
        return out
    wide, packs = _packs(gpu, together, x)
    total = rows * packs
    bands = max(1, min(-(-total // (4 * THREADS)), 8 * MULTIPROCESSORS // channels, _DOWN))
    parts = gpu.empty((bands, channels), gpu.computed(x))
    counted = "unsigned" if total < 1 << 31 else "long long"
    gpu.run(
        "epilogue", f"channel_sums<{type_of(x)}, {wide}, {counted}>", (channels, bands), threads_for(total, THREADS),
        x, parts, int64(total), int64(packs),
    )  # fmt: skip
    _finish(gpu, parts, out)
    return out


def _finish(gpu: Launcher, parts: Any, out: Any) -> None:
    count, width = parts.shape
    kernel = f"finish_columns<{type_of(out)}>"
    gpu.run("epilogue", kernel, -(-width // 32), 32 * _LINES, parts, out, int64(count), int64(width))


def dots(gpu: Launcher, a: Any, b: Any, shape: Sequence[int]) -> Any:
    """Return the products of vectors: the rows of two arrays in C order, of which one may be a single row.

    Parameters
    ----------
    gpu : Launcher
        Runs it.
    a, b : array
        (..., K), in C order.
    shape : sequence of int
        The result's.
    """
    width, rows = a.shape[-1], math.prod(shape)
    out = gpu.empty(shape, a.dtype)
    if not width:
        out.fill(0)
        return out
    steps = [int64(0 if x.size == width else width) for x in (a, b)]
    if width <= _SHORT:
        kernel = f"short_dots<{type_of(a)}>"
        gpu.run_each("epilogue", kernel, rows, a, b, out, int64(rows), int64(width), *steps)
    elif rows:
        bands = max(1, min(-(-width // _LONG), 8 * MULTIPROCESSORS // rows, _DOWN))
        parts = gpu.empty((bands, rows) if bands > 1 else (0, 0), gpu.computed(a))
        kernel = f"dots<{type_of(a)}>"
        gpu.run("epilogue", kernel, (rows, bands), threads_for(width), a, b, out, parts, int64(width), *steps)
        if bands > 1:
            _finish(gpu, parts, out.reshape(rows))
    return out
