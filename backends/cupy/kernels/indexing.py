"""Taking and adding along an axis on a card; an index out of range is told at the next synchronisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..launch import TYPES, Launcher, int64

_INDICES = ("int32", "int64")
# The most blocks along the second axis of a grid.
MOST_BLOCKS_BEHIND = 65535
# What an atomic addition takes.
_ADDED = ("float16", "bfloat16", "float32", "float64", "int32", "int64", "uint32", "uint64")


def _places(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def indices(array: Any) -> Any:
        """Indices in C order, of a dtype that kernels take."""
        if array.dtype.name not in _INDICES:
            array = array.astype(np.int64)
        return gpu.contiguous(array)

    def taken(operation: str, x: Any, index: Any, axis: int, shape: tuple[int, ...]) -> Any:
        kind = TYPES.get(x.dtype.name)
        if kind is None:
            return NotImplemented
        x, index = gpu.contiguous(x), indices(index)
        _, size, after = _places(x.shape, axis)
        out = gpu.empty(shape, x.dtype)
        if out.size and not size:
            return NotImplemented
        gpu.run_each(
            "indexing", f"take<{kind}, {TYPES[index.dtype.name]}>", out.size, x, index, out, int64(out.size),
            int64(size), int64(index.size), int64(after), gpu.fault(operation),
        )  # fmt: skip
        return out

    def take(x: Any, indices_: Any, /, *, axis: int | None = None) -> Any:
        axis = 0 if axis is None else axis % x.ndim
        return taken("take", x, indices_, axis, (*x.shape[:axis], *indices_.shape, *x.shape[axis + 1 :]))

    def embedding(weight: Any, indices_: Any, /, *, padding_idx: int | None) -> Any:
        return taken("embedding", weight, indices_, 0, (*indices_.shape, *weight.shape[1:]))

    def along(operation: str, x: Any, index: Any, axis: int) -> Any:
        axis %= x.ndim
        kind, beside = TYPES.get(x.dtype.name), [n for i, n in enumerate(x.shape) if i != axis]
        if kind is None or beside != [n for i, n in enumerate(index.shape) if i != axis]:
            return NotImplemented
        x, index = gpu.contiguous(x), indices(index)
        _, size, after = _places(x.shape, axis)
        out = gpu.empty(index.shape, x.dtype)
        if out.size and not size:
            return NotImplemented
        gpu.run_each(
            "indexing", f"gather<{kind}, {TYPES[index.dtype.name]}>", out.size, x, index, out, int64(out.size),
            int64(size), int64(index.shape[axis]), int64(after), gpu.fault(operation),
        )  # fmt: skip
        return out

    def gather(x: Any, index: Any, /, *, axis: int) -> Any:
        return along("gather", x, index, axis) if x.ndim else NotImplemented

    def take_along_axis(x: Any, index: Any, /, *, axis: int = -1) -> Any:
        return along("take_along_axis", x, index, axis) if x.ndim and index.ndim == x.ndim else NotImplemented

    def index_add(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
        if x.dtype.name not in _ADDED or source.dtype != x.dtype:
            return NotImplemented
        out, index, source = gpu.copied(x), indices(index), gpu.contiguous(source)
        before, size, after = _places(x.shape, axis)
        told = (int64(size), int64(index.size), int64(after), gpu.fault("index_add"))
        kinds = f"<{TYPES[x.dtype.name]}, {TYPES[index.dtype.name]}>"
        if not size:
            return NotImplemented if source.size else out
        if gpu.deterministic and x.dtype.kind not in "iu" and before > MOST_BLOCKS_BEHIND:
            return NotImplemented
        if gpu.deterministic and x.dtype.kind not in "iu":
            order = gpu.xp.argsort(index, kind="stable").astype(np.int64)
            gpu.run(
                "indexing", f"index_add_in_order{kinds}", (index.size, before), 128, out, index[order], order, source,
                *told,
            )  # fmt: skip
        else:
            gpu.run_each("indexing", f"index_add{kinds}", source.size, out, index, source, int64(source.size), *told)
        return out

    def scatter_add(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
        if x.ndim == 0 or gpu.deterministic:
            return NotImplemented
        beside = [[n for i, n in enumerate(a.shape) if i != axis] for a in (x, index)]
        if x.dtype.name not in _ADDED or source.dtype != x.dtype or beside[0] != beside[1] or not x.shape[axis]:
            return NotImplemented
        if source.shape != index.shape:
            source = source[tuple(slice(0, n) for n in index.shape)]
        out, index, source = gpu.copied(x), indices(index), gpu.contiguous(source)
        _, size, after = _places(x.shape, axis)
        gpu.run_each(
            "indexing", f"scatter_add<{TYPES[x.dtype.name]}, {TYPES[index.dtype.name]}>", source.size, out, index,
            source, int64(source.size), int64(size), int64(index.shape[axis]), int64(after), gpu.fault("scatter_add"),
        )  # fmt: skip
        return out

    return {
        "take": take,
        "embedding": embedding,
        "gather": gather,
        "take_along_axis": take_along_axis,
        "index_add": index_add,
        "scatter_add": scatter_add,
    }
