"""Adding to indexed places, segments, and running sums.

Sums are added up in the order of the indices, whatever the number of threads. An index that is out of
range is the backend's, which tells of it, and so is what else these loops do not serve.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from candelabra.backends.numpy import parallel
from candelabra.backends.numpy.segments import segment_reduction_vjp
from candelabra.core.backend import Kernel

from .compiled import SHARED, Array, Loop, in_training, least, over_rows, plain

LEAST = least(1 << 11)

_INSIDE = Loop("scatter", "inside", "l")
_ADD_SLICES, _FOLD, _FILL = (Loop("scatter", name, "fdil") for name in ("add_slices", "fold", "fill"))
_ROWS_BACK = Loop("scatter", "rows_back")
_SEGMENTS, _RUNNING = Loop("scatter", "segments"), Loop("scatter", "running_sum")

_HOW = {"sum": 0, "prod": 1, "amax": 2, "amin": 3, "max": 2, "min": 3}


def _indices(index: Array, n: int) -> Array | None:
    """Return indices as the loops take them; None if one is not inside an axis of that size."""
    found = plain(index.astype(np.int64, copy=False))
    return found if _INSIDE["l"](found.reshape(-1), n) else None


def _apart(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _like(x: Array, index: Array, axis: int) -> bool:
    """Say whether an index has the sizes of what it indexes but along the axis."""
    return x.ndim > 0 and index.ndim == x.ndim and all(
        a == axis or index.shape[a] == n for a, n in enumerate(x.shape)
    )  # fmt: skip


def index_add(x: Array, index: Array, source: Array, /, *, axis: int) -> Any:
    """`x` with the slices of `source` added at `index` along `axis`."""
    if source.size < LEAST or x.dtype.char not in "fdil" or source.dtype != x.dtype or index.dtype.kind not in "iu":
        return NotImplemented
    axis %= max(x.ndim, 1)
    # Single numbers NumPy adds as fast.
    if x.ndim == 0 or (x.ndim == 1 and LEAST):
        return NotImplemented
    before, n, after = _apart(x.shape, axis)
    places = _indices(index, n)
    if places is None:
        return NotImplemented
    out = np.array(x, order="C")
    operands = out.reshape(before, n, after), places, plain(source).reshape(before, len(places), after)
    over_rows(_ADD_SLICES[x.dtype.char], before, source.size, *operands)
    return out


def scatter_reduce(
    x: Array, index: Array, source: Array, /, *, axis: int, reduce: str = "sum", include_self: bool = True
) -> Any:
    """`x` with the sum, product, maximum or minimum of all that an index sends to a place."""
    if index.size < LEAST or x.dtype.char not in "fdil" or source.dtype != x.dtype or reduce not in _HOW:
        return NotImplemented
    axis %= max(x.ndim, 1)
    if index.dtype.kind not in "iu" or not _like(x, index, axis) or (x.ndim == 1 and LEAST):
        return NotImplemented
    before, n, after = _apart(x.shape, axis)
    places = _indices(index, n)
    if places is None:
        return NotImplemented
    if source.shape != index.shape:
        source = source[tuple(slice(0, k) for k in index.shape)]
    out = np.array(x, order="C")
    shape = (before, index.shape[axis], after)
    target, places = out.reshape(before, n, after), places.reshape(shape)
    char = x.dtype.char
    if not include_self:
        over_rows(_FILL[char], before, index.size, target, places, _neutral(x.dtype, reduce))
    over_rows(_FOLD[char], before, index.size, target, places, plain(source).reshape(shape), _HOW[reduce])
    return out


def _neutral(dtype: np.dtype, reduce: str) -> Array:
    """What a reduction over nothing but one element leaves as it is."""
    if reduce in ("sum", "prod"):
        return np.array([reduce == "prod"], dtype)
    if dtype.kind == "f":
        return np.array([-np.inf if reduce in ("amax", "max") else np.inf], dtype)
    limits = np.iinfo(dtype)
    return np.array([limits.min if reduce in ("amax", "max") else limits.max], dtype)


def scatter_add(x: Array, index: Array, source: Array, /, *, axis: int) -> Any:
    """`x` with `source` added where `index` says along an axis."""
    return scatter_reduce(x, index, source, axis=axis)


def embedding(weight: Array, indices: Array, /, *, padding_idx: int | None) -> Any:
    """The rows of `weight` that integers name."""
    n, width = weight.shape
    if weight.dtype.char not in "fd" or indices.size * width < LEAST:
        return NotImplemented
    places = _indices(indices, n)
    if places is None:
        return NotImplemented
    return weight.take(places, axis=0)


def embedding_vjp(
    xp: Any, g: Array, indices: Array, weight_shape: tuple[int, int], padding_idx: int | None, wants: tuple[bool, ...]
) -> Any:
    """The sums of the cotangents of each row."""
    n, width = weight_shape
    places = _indices(indices, n)
    if not wants[0] or places is None:
        return (None, None) if not wants[0] else NotImplemented
    table, places = np.empty((n, width), g.dtype), places.reshape(-1)
    function = _ROWS_BACK[g.dtype.char]
    operands = table, places, plain(g).reshape(len(places), width), -1 if padding_idx is None else padding_idx
    threads = parallel.get_num_threads()
    if max(g.size, table.size >> 1) < SHARED or threads < 2:
        function(0, n, *operands)
        return (table, None)

    def work(spans: Iterator[tuple[int, int]]) -> None:
        for start, stop in spans:
            function(start, stop, *operands)

    # Each block looks at all indices.
    parallel.for_blocks(work, n, -(-n // (2 * threads)), 1)
    return (table, None)


def segment_reduction(x: Array, lengths: Array, /, *, by: str) -> Any:
    """The reduction of each of consecutive segments; rows behind the last one take no part."""
    if x.dtype.char not in "fd" or x.size < LEAST:
        return NotImplemented
    sizes = plain(lengths.astype(np.int64, copy=False))
    ends = np.cumsum(sizes)
    if len(ends) and (sizes.min() < 0 or ends[-1] > len(x)):
        return NotImplemented
    width = math.prod(x.shape[1:])
    out = np.full((len(sizes), width), _neutral(x.dtype, by)[0])
    rows = plain(x).reshape(len(x), width)
    over_rows(_SEGMENTS[x.dtype.char], len(sizes), x.size, rows, ends, sizes, out, _HOW[by])
    return out.reshape(len(sizes), *x.shape[1:])


def _running_sum(x: Array, axis: int, backwards: bool) -> Array:
    before, n, after = _apart(x.shape, axis)
    given, out = plain(x), np.empty(x.shape, x.dtype)
    operands = given.reshape(before, n, after), out.reshape(before, n, after), backwards
    over_rows(_RUNNING[x.dtype.char], before, x.size, *operands)
    return out


def cumulative_sum(x: Array, /, *, axis: int, dtype: Any, include_initial: bool) -> Any:
    """The running sum along an axis."""
    if x.dtype.char not in "fd" or x.size < LEAST or include_initial or (dtype is not None and dtype != x.dtype):
        return NotImplemented
    return _running_sum(x, axis % x.ndim, False)


def cumulative_sum_vjp(xp: Any, g: Array, axis: int, wants: tuple[bool, ...]) -> Any:
    """The sums of the cotangents from each place on."""
    return (_running_sum(g, axis % g.ndim, True),) if wants[0] else (None,)


KERNELS: dict[str, Any] = {
    "cumulative_sum": Kernel(cumulative_sum, in_training(cumulative_sum), cumulative_sum_vjp),
    "embedding": Kernel(embedding, in_training(embedding), embedding_vjp),
    "index_add": index_add,
    "scatter_add": scatter_add,
    "scatter_reduce": scatter_reduce,
    "segment_reduction": Kernel(segment_reduction, in_training(segment_reduction), segment_reduction_vjp),
}
