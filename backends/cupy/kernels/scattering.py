"""Adding and writing where indices say, on a card; an index out of range is told at the next synchronisation.

Sums of 16-bit floats, and all sums under `use_deterministic_algorithms`, are made in the order of their indices, sorted
stably; others by atomic additions, whose order nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..launch import TYPES, Launcher, int64, name_of, nothing
from .places import counter, indices_of, judged, places_along, units

# As in scattering.cu.
CHUNK = 64
# What an atomic addition takes.
_ADDED = ("float32", "float64", "int32", "int64", "uint32", "uint64")
_REDUCED = {"prod": "Multiplying", "amax": "Greater", "amin": "Less"}


def add_rows(gpu: Launcher, operation: str, out: Any, index: Any, source: Any, axis: int) -> Any:
    """Add to `out`, in C order and nobody else's, slices of `source` where an index names them along an axis.

    The index may have any shape; its axes take the axis's place in `source`.
    """
    count, size = index.size, out.shape[axis]
    before, after = math.prod(out.shape[:axis]), math.prod(out.shape[axis + 1 :])
    total = before * count * after
    if not total:
        return out
    if not size:
        return NotImplemented
    index, source = indices_of(gpu, index), gpu.contiguous(source)
    kind = name_of(out.dtype)
    if kind in ("complex64", "complex128"):
        kind, after, total = kind.replace("complex64", "float32").replace("complex128", "float64"), 2 * after, 2 * total
    if kind not in TYPES or kind == "bool":
        return NotImplemented
    if kind in _ADDED and (not gpu.deterministic or kind[:5] != "float"):
        expression = f"index_add<{TYPES[kind]}, {TYPES[name_of(index.dtype)]}, {counter(total)}>"
        told = (int64(total), int64(size), int64(count), int64(after), *judged(gpu, operation))
        gpu.run_each("scattering", expression, total, out, index, source, *told)
        return out
    places = clamped(gpu, operation, index, size)
    return join_rows(gpu, out, places, source, kind, "Adding", (before, size, after), fresh=False)


def clamped(gpu: Launcher, operation: str, index: Any, size: int) -> Any:
    """Return indices counted from the front, one axis of them, none out of range."""
    places = gpu.empty((index.size,), np.int64)
    told = (int64(index.size), int64(size), *judged(gpu, operation))
    gpu.run_each("scattering", f"clamped<{TYPES[name_of(index.dtype)]}>", index.size, index, places, *told)
    return places


def join_rows(
    gpu: Launcher, out: Any, places: Any, source: Any, kind: str, join: str, shape: tuple[int, int, int], fresh: bool
) -> Any:
    """Join slices of `source` with those of `out`, or with each other alone (`fresh`), always in one order."""
    before, size, after = shape
    count = places.size
    order = gpu.contiguous(gpu.xp.argsort(places, kind="stable").astype(np.int64, copy=False))
    places = gpu.contiguous(places[order])
    chunks = -(-count // CHUNK)
    wide = "float32" if kind in ("float16", "bfloat16") else kind
    edges = gpu.empty((before, chunks, 2, after), np.dtype(wide))
    threads = before * chunks * after
    told = (int64(threads), int64(chunks), int64(count), int64(size), int64(after), np.bool_(fresh))
    kinds = f"<{TYPES[kind]}, {join}>"
    gpu.run_each("scattering", f"join_chunks{kinds}", threads, out, places, order, source, edges, *told)
    if chunks > 1:
        gpu.run_each("scattering", f"join_edges{kinds}", threads, out, places, edges, *told)
    return out


def write_rows(gpu: Launcher, out: Any, places: Any, value: Any, shape: tuple[int, ...], after: int) -> Any:
    """Write into `out`, in C order, `value`, which broadcasts to `shape`; the last of a place stays."""
    count = places.size
    if not count * after:
        return out
    if count >= 1 << 31:
        return NotImplemented
    single = value.size == 1
    last = None
    if single:
        kind, width = units(gpu, out.itemsize, 1, out, value)
        width = after if width == 1 else 0
        if not width:
            return NotImplemented
        value = gpu.contiguous(value)
    else:
        value = gpu.contiguous(gpu.xp.broadcast_to(value, shape))
        kind, width = units(gpu, out.itemsize, after, out, value)
        last = gpu.zeros((out.size // after,), np.int32)
        gpu.run_each("scattering", "claim", count, places, last, int64(count))
    size = count * width
    told = (int64(size), int64(width), np.bool_(single))
    gpu.run_each("scattering", f"write_at<{kind}>", size, out, places, nothing(last), value, *told)
    return out


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def index_add(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
        if source.dtype != x.dtype or not x.ndim:
            return NotImplemented
        return add_rows(gpu, "index_add", gpu.copied(x), index, source, axis)

    def along(operation: str, x: Any, index: Any, source: Any, axis: int, join: Callable[[Any, Any], Any]) -> Any:
        """What `join` makes of the places that an index names along an axis, and of what goes there."""
        if source.dtype != x.dtype:
            return NotImplemented
        if not index.size:
            return gpu.copied(x)
        places = places_along(gpu, operation, x.shape, index, axis) if x.size else NotImplemented
        if places is NotImplemented:
            return places
        if source.shape != index.shape:
            source = source[tuple(slice(0, n) for n in index.shape)]
        return join(places, source)

    def scatter_add(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
        def join(places: Any, source: Any) -> Any:
            found = add_rows(gpu, "scatter_add", gpu.copied(x).reshape(-1), places, source, 0)
            return found if found is NotImplemented else found.reshape(x.shape)

        return along("scatter_add", x, index, source, axis, join)

    def scatter(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
        def join(places: Any, source: Any) -> Any:
            return write_rows(gpu, gpu.copied(x), places, source, index.shape, 1)

        return along("scatter", x, index, source, axis, join)

    def scatter_reduce(
        x: Any, index: Any, source: Any, /, *, axis: int, reduce: str, include_self: bool = True
    ) -> Any:
        kind = name_of(x.dtype)
        if reduce not in _REDUCED or kind not in TYPES or kind == "bool":
            return NotImplemented

        def join(places: Any, source: Any) -> Any:
            source, shape = gpu.contiguous(source), (1, x.size, 1)
            return join_rows(
                gpu, gpu.copied(x), places, source, kind, _REDUCED[reduce], shape, fresh=not include_self
            )

        return along("scatter_reduce", x, index, source, axis, join)

    return {"index_add": index_add, "scatter_add": scatter_add, "scatter": scatter, "scatter_reduce": scatter_reduce}
