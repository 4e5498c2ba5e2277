"""Adding to indexed places, duplicates included, on NumPy arrays.

`np.add.at` on whole rows visits them one by one. Here few elements go through its fast one-dimensional form; many are
sorted by target row, and rows with equally many sources are gathered and summed together, on several threads: no two of
those write to the same row.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from ...core.errors import IndexOutOfRangeError
from . import parallel

# Elements up to which one flat `add.at` is fastest, sorting included.
_FEW = 1 << 16


def _served(x: np.ndarray, index: np.ndarray, source: np.ndarray) -> bool:
    # 16-bit floats would be rounded at every addition: the generic body adds them in float32.
    kinds = x.dtype.kind in "iuc" or (x.dtype.kind == "f" and x.dtype.itemsize >= 4)
    return kinds and source.dtype == x.dtype and index.dtype.kind in "iu"


def _check(name: str, index: np.ndarray, n: int) -> None:
    if index.size:
        # Seen as unsigned, negative numbers are large: one pass finds that all is well.
        if index.dtype == np.int64 and index.view(np.uint64).max() < n:
            return
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= n:
            raise IndexOutOfRangeError(
                f"{name}: index {low if low < 0 else high} is out of range for an axis of size {n}"
            )


def _stable_order(index: np.ndarray, n: int) -> np.ndarray:
    """`argsort`, by halves of 16 bits: NumPy sorts those by radix, fifteen times faster."""
    if n <= 1 << 16:
        return np.argsort(index.astype(np.uint16), kind="stable")
    if n <= 1 << 32:
        order = np.argsort((index & 0xFFFF).astype(np.uint16), kind="stable")
        return order.take(np.argsort((index >> 16).astype(np.uint16).take(order), kind="stable"))
    return np.argsort(index, kind="stable")


def _add_elements(flat: np.ndarray, rows: np.ndarray, source: np.ndarray) -> None:
    """Row by row, each as its elements: `flat` is the target's memory, `source` (m, width)."""
    m, width = source.shape
    if width == 1:
        np.add.at(flat, rows, source.reshape(-1))
        return
    step = max(1, _FEW // max(width, 1))
    columns = np.arange(width)
    for start in range(0, m, step):
        places = rows[start : start + step, None] * width + columns
        np.add.at(flat, places.reshape(-1), source[start : start + step].reshape(-1))


def _starts_of_runs(values: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))


def _sum_of_runs(runs: np.ndarray) -> np.ndarray:
    """(runs, length, width) to (runs, width). A product with ones is four times faster than a sum over the middle."""
    if runs.dtype.kind in "fc":
        return np.matmul(np.ones((1, runs.shape[1]), runs.dtype), runs)[:, 0]
    return np.einsum("abc->ac", runs)


def _add_rows(out: np.ndarray, rows: np.ndarray, source: np.ndarray) -> None:
    """out[rows] += source with duplicates, out (n, width) and source (m, width)."""
    m, width = source.shape
    # Of an array with gaps or repeated memory (the cotangent of a sum) every `take` would copy the whole.
    source = np.ascontiguousarray(source)
    order = _stable_order(rows, out.shape[0])
    ordered = rows.take(order)
    starts = _starts_of_runs(ordered)
    counts = np.diff(starts, append=m)
    targets = ordered.take(starts)
    # Runs of equal length stand together: a block of them is a (runs, length, width) array of half a megabyte.
    block = 8 * parallel.BLOCK // source.itemsize
    by_count = _stable_order(counts, m + 1)
    sorted_counts = counts.take(by_count)
    bounds = [*_starts_of_runs(sorted_counts).tolist(), len(sorted_counts)]
    jobs: list[tuple[int, int, int]] = []
    for first, last in itertools.pairwise(bounds):
        count = int(sorted_counts[first])
        step = max(1, block // (count * width))
        jobs += [(count, i, min(i + step, last)) for i in range(first, last, step)]

    def work(spans: Iterator[tuple[int, int]]) -> None:
        # Rows are gathered into memory that stays in cache; with mode "raise" `take` would make a copy of its own.
        buffer = np.empty((max(block // width, 1), width), source.dtype)
        for start, stop in spans:
            for count, first, last in jobs[start:stop]:
                runs = by_count[first:last]
                where = starts.take(runs)
                if count > 1:
                    where = (where[:, None] + np.arange(count)).reshape(-1)
                k = len(where)
                into = buffer[:k] if k <= len(buffer) else np.empty((k, width), source.dtype)
                gathered = source.take(order.take(where), axis=0, out=into, mode="clip")
                total = gathered if count == 1 else _sum_of_runs(gathered.reshape(last - first, count, width))
                place = targets.take(runs)
                total += out.take(place, axis=0)
                out[place] = total

    if m * width > 8 * parallel.BLOCK:
        parallel.for_blocks(work, len(jobs), 1)
    else:
        work(iter([(0, len(jobs))]))


def index_add(x: np.ndarray, index: np.ndarray, source: np.ndarray, /, *, axis: int) -> Any:
    """`x` with the slices of `source` (as `x`, but len(index) along `axis`) added at `index` along `axis`."""
    if not _served(x, index, source) or x.ndim == 0:
        return NotImplemented
    axis %= x.ndim
    n, m = x.shape[axis], index.shape[0]
    _check("index_add", index, n)
    out = np.array(x, order="C", copy=True)
    if source.size == 0:
        return out
    before, width = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    rows = index if index.dtype == np.int64 else index.astype(np.int64)
    if before != 1:
        rows = (np.arange(before)[:, None] * n + rows).reshape(-1)
    flat_source = source.reshape(before * m, width)
    if width == 1 or source.size <= (_FEW if width < 128 else _FEW >> 1):
        _add_elements(out.reshape(-1), rows, flat_source)
    else:
        _add_rows(out.reshape(before * n, width), rows, flat_source)
    return out


def _by_blocks(
    x: np.ndarray, index: np.ndarray, source: np.ndarray, axis: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places in `x`, flat, that an index names along an axis, with what goes there; blocks stay in cache."""
    if source.shape != index.shape:
        source = source[tuple(slice(0, n) for n in index.shape)]
    index = index.astype(np.int64, copy=False)
    strides = [math.prod(x.shape[a + 1 :]) for a in range(x.ndim)]
    if x.ndim == 1:
        yield index, source
        return
    lines = [
        np.arange(0, n * strides[a], strides[a]).reshape(-1, *(1,) * (x.ndim - a - 1)) if a != axis else None
        for a, n in enumerate(index.shape)
    ]
    step = max(1, _FEW // max(math.prod(index.shape[1:]), 1))
    for start in range(0, index.shape[0], step):
        block = slice(start, start + step)
        places = index[block] * strides[axis]
        for a, line in enumerate(lines):
            if line is not None:
                places += line if a else line[block]
        yield places.reshape(-1), source[block].reshape(-1)


def gather(x: np.ndarray, index: np.ndarray, /, *, axis: int) -> Any:
    """x[index[i, j, …], j, …] (for axis 0), as `torch.Tensor.gather`: indices count from the first element."""
    axis %= x.ndim
    _check("gather", index, x.shape[axis])
    if x.ndim == 1:
        return x.take(index)
    cut = tuple(slice(None) if a == axis else slice(0, n) for a, n in enumerate(index.shape))
    return _along(x[cut], index, axis)


def _along(x: np.ndarray, index: np.ndarray, axis: int) -> np.ndarray:
    """Elements along an axis by flat places, of other axes that are alike: half the time of indexing by all axes."""
    n = x.shape[axis]
    places = index.astype(np.int64) if index.dtype != np.int64 else index
    if axis == x.ndim - 1:
        if x.ndim > 1:
            line = np.arange(0, x.size, n) if x.size else np.arange(0)
            places = places + line.reshape(*x.shape[:-1], 1)
    else:
        after = math.prod(x.shape[axis + 1 :])
        places = places * after
        places += np.arange(after).reshape(x.shape[axis + 1 :])
        if axis:
            before = math.prod(x.shape[:axis])
            places += np.arange(0, before * n * after, n * after).reshape(*x.shape[:axis], *(1,) * (x.ndim - axis))
    return x.reshape(-1).take(places)


def take_along_axis(x: np.ndarray, indices: np.ndarray, /, *, axis: int) -> Any:
    """Along an axis the elements that an index tensor names; the other axes broadcast."""
    axis %= x.ndim
    n = x.shape[axis]
    rest, named = list(x.shape), list(indices.shape)
    rest[axis] = named[axis] = 1
    if indices.size < 512 or rest != named or indices.dtype.kind not in "iu" or not n:
        return np.take_along_axis(x, indices, axis=axis)
    low, high = int(indices.min()), int(indices.max())
    if low < -n or high >= n:
        raise IndexOutOfRangeError(
            f"take_along_axis: index {low if low < -n else high} is out of range for an axis of size {n}"
        )
    return _along(x, np.where(indices < 0, indices + n, indices) if low < 0 else indices, axis)


def scatter_add(x: np.ndarray, index: np.ndarray, source: np.ndarray, /, *, axis: int) -> Any:
    """`x` with every source[i, j, …] added at [index[i, j, …], j, …] (for axis 0), as `torch.Tensor.scatter_add`.

    `index` may be smaller than `source`, and than `x` along the other axes: the rest takes no part.
    """
    if not _served(x, index, source):
        return NotImplemented
    if x.ndim == 0:
        return scatter_add(x.reshape(1), index.reshape(-1), source.reshape(-1), axis=0).reshape(())
    axis %= x.ndim
    _check("scatter_add", index, x.shape[axis])
    out = np.array(x, order="C", copy=True)
    if index.size:
        for places, values in _by_blocks(x, index, source, axis):
            np.add.at(out.reshape(-1), places, values)
    return out


def scatter(x: np.ndarray, index: np.ndarray, source: np.ndarray, /, *, axis: int) -> Any:
    """`x` with every source[i, j, …] written at [index[i, j, …], j, …] (for axis 0); the last of several stays."""
    if source.dtype != x.dtype:
        return NotImplemented
    axis %= x.ndim
    _check("scatter", index, x.shape[axis])
    out = np.array(x, order="C", copy=True)
    if index.size:
        for places, values in _by_blocks(x, index, source, axis):
            out.reshape(-1)[places] = values
    return out


_REDUCTIONS: dict[str, tuple[np.ufunc, Any]] = {
    "sum": (np.add, 0),
    "mean": (np.add, 0),
    "prod": (np.multiply, 1),
    "amax": (np.maximum, None),
    "amin": (np.minimum, None),
}


def _neutral(dtype: np.dtype, reduce: str) -> Any:
    """What a reduction over nothing but one element leaves as it is."""
    value = _REDUCTIONS[reduce][1]
    if value is not None:
        return value
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    limits = np.iinfo(dtype)
    return limits.min if reduce == "amax" else limits.max


def scatter_reduce(
    x: np.ndarray, index: np.ndarray, source: np.ndarray, /, *, axis: int, reduce: str, include_self: bool
) -> Any:
    """`x` with the sum, product, mean, maximum or minimum of all that an index sends to a place."""
    if not _served(x, index, source):
        return NotImplemented
    axis %= x.ndim
    _check("scatter_reduce", index, x.shape[axis])
    out = np.array(x, order="C", copy=True)
    if not index.size:
        return out
    flat = out.reshape(-1)
    if not include_self:
        for places, _ in _by_blocks(x, index, source, axis):
            flat[places] = _neutral(x.dtype, reduce)
    counts = np.full(flat.shape, int(include_self)) if reduce == "mean" else None
    for places, values in _by_blocks(x, index, source, axis):
        _REDUCTIONS[reduce][0].at(flat, places, values)
        if counts is not None:
            np.add.at(counts, places, 1)
    if counts is not None:
        np.maximum(counts, 1, out=counts)
        (np.floor_divide if x.dtype.kind in "iu" else np.divide)(flat, counts.astype(x.dtype), out=flat)
    return out


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "gather": gather,
    "index_add": index_add,
    "scatter": scatter,
    "scatter_add": scatter_add,
    "scatter_reduce": scatter_reduce,
    "take_along_axis": take_along_axis,
}
