"""Taking and indexing on a card, and their ways back; an index out of range is told at the next synchronisation."""

from __future__ import annotations

import math
from typing import Any

from ....core.backend import Kernel
from ..launch import TYPES, Launcher, int64, name_of
from .places import counter, indices_of, judged, one_axis, selected, units
from .scattering import add_rows, write_rows


def _as_key(key: Any) -> tuple[Any, ...]:
    """Return a key without arrays as CuPy takes it."""
    return tuple(slice(*k[1:]) if isinstance(k, tuple) else k for k in key)


def set_in(gpu: Launcher, x: Any, value: Any, indices: list[Any], key: Any) -> Any:
    """Write into `x`, which is in C order and nobody else's, what broadcasts to what a key selects."""
    if not indices:
        x[_as_key(key)] = value
        return x
    if value.dtype != x.dtype:
        return NotImplemented
    found = selected(gpu, "setitem", x.shape, indices, key)
    if found is NotImplemented:
        return found
    places, shape, after = found
    return write_rows(gpu, x, places, value, shape, after)


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def taken(operation: str, x: Any, index: Any, axis: int, shape: tuple[int, ...]) -> Any:
        out = gpu.empty(shape, x.dtype)
        if not out.size:
            return out
        if not x.size:
            return NotImplemented
        x, index = gpu.contiguous(x), indices_of(gpu, index)
        kind, after = units(gpu, x.itemsize, math.prod(x.shape[axis + 1 :]), x, out)
        size = math.prod(x.shape[:axis]) * index.size * after
        gpu.run_each(
            "indexing", f"take<{kind}, {TYPES[name_of(index.dtype)]}, {counter(size)}>", size, x, index, out,
            int64(size), int64(x.shape[axis]), int64(index.size), int64(after),
            *judged(gpu, operation),
        )  # fmt: skip
        return out

    def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
        axis = 0 if axis is None else axis % x.ndim
        return taken("take", x, indices, axis, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))

    def embedding(weight: Any, indices: Any, /, *, padding_idx: int | None) -> Any:
        return taken("embedding", weight, indices, 0, (*indices.shape, *weight.shape[1:]))

    def back(operation: str, g: Any, index: Any, x_shape: tuple[int, ...], axis: int) -> Any:
        """Add the slices of `g` at what an index of any shape named along an axis."""
        out = gpu.zeros(x_shape, g.dtype)
        return add_rows(gpu, operation, out, index, g, axis)

    def take_vjp(xp: Any, g: Any, indices: Any, x_shape: Any, axis: Any, wants: tuple[bool, ...]) -> Any:
        found = back("take", g, indices, tuple(x_shape), 0 if axis is None else axis % len(x_shape))
        return found if found is NotImplemented else (found, None)

    def embedding_vjp(
        xp: Any, g: Any, indices: Any, weight_shape: Any, padding_idx: Any, wants: tuple[bool, ...]
    ) -> Any:
        found = back("embedding", g, indices, tuple(weight_shape), 0)
        if found is NotImplemented:
            return found
        if padding_idx is not None:
            found[padding_idx : padding_idx + 1] = 0
        return found, None

    def along(operation: str, x: Any, index: Any, axis: int) -> Any:
        axis %= x.ndim
        beside = [[n for i, n in enumerate(a.shape) if i != axis] for a in (x, index)]
        if beside[0] != beside[1]:
            return NotImplemented
        out = gpu.empty(index.shape, x.dtype)
        if not out.size:
            return out
        if not x.size:
            return NotImplemented
        x, index = gpu.contiguous(x), indices_of(gpu, index)
        kind, each = units(gpu, x.itemsize, 1, x, out)
        if each != 1:
            return NotImplemented
        gpu.run_each(
            "indexing", f"gather<{kind}, {TYPES[name_of(index.dtype)]}, {counter(out.size)}>", out.size, x, index, out,
            int64(out.size), int64(x.shape[axis]), int64(index.shape[axis]), int64(math.prod(x.shape[axis + 1 :])),
            *judged(gpu, operation),
        )  # fmt: skip
        return out

    def gather(x: Any, index: Any, /, *, axis: int) -> Any:
        if not x.ndim:
            return NotImplemented
        if index.shape[:axis] + index.shape[axis + 1 :] != x.shape[:axis] + x.shape[axis + 1 :]:
            x = x[tuple(slice(None) if i == axis else slice(0, n) for i, n in enumerate(index.shape))]
        return along("gather", x, index, axis)

    def take_along_axis(x: Any, index: Any, /, *, axis: int = -1) -> Any:
        if not x.ndim or index.ndim != x.ndim:
            return NotImplemented
        axis %= x.ndim
        beside = [1 if i == axis else max(n, m) for i, (n, m) in enumerate(zip(x.shape, index.shape, strict=True))]
        shapes = [tuple(a.shape[i] if i == axis else n for i, n in enumerate(beside)) for a in (x, index)]
        try:
            x, index = (gpu.xp.broadcast_to(a, shape) for a, shape in zip((x, index), shapes, strict=True))
        except ValueError:
            return NotImplemented
        return along("take_along_axis", x, index, axis)

    def getitem(x: Any, indices: list[Any], /, *, key: Any) -> Any:
        axis = one_axis(key, x.ndim)
        if axis is not None:
            (index,) = indices
            return taken("getitem", x, index, axis, (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))
        found = selected(gpu, "getitem", x.shape, indices, key)
        if found is NotImplemented:
            return found
        places, shape, after = found
        rows = gpu.contiguous(x).reshape((-1, after) if after else (0, 0))
        if not after:
            return gpu.empty(shape, x.dtype)
        return taken("getitem", rows, places, 0, (places.size, after)).reshape(shape)

    def getitem_transpose(g: Any, indices: list[Any], /, *, x_shape: Any, key: Any) -> Any:
        x_shape = tuple(x_shape)
        if not indices:
            out = gpu.zeros(x_shape, g.dtype)
            out[_as_key(key)] = g
            return out
        axis = one_axis(key, len(x_shape))
        if axis is not None:
            return back("getitem", g, indices[0], x_shape, axis)
        found = selected(gpu, "getitem", x_shape, indices, key)
        if found is NotImplemented:
            return found
        places, _, after = found
        if not after:
            return gpu.zeros(x_shape, g.dtype)
        total = gpu.zeros((math.prod(x_shape) // after, after), g.dtype)
        total = add_rows(gpu, "getitem", total, places, g, 0)
        return total if total is NotImplemented else total.reshape(x_shape)

    def setitem(x: Any, value: Any, indices: list[Any], /, *, key: Any) -> Any:
        return set_in(gpu, gpu.copied(x), value, indices, key)

    return {
        "take": Kernel(take, vjp=take_vjp),
        "embedding": Kernel(embedding, vjp=embedding_vjp),
        "gather": gather,
        "take_along_axis": take_along_axis,
        "getitem": getitem,
        "getitem_transpose": getitem_transpose,
        "setitem": setitem,
    }
