"""Where indices and keys point, and how elements are counted and moved."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.primitives.indexing import ARRAY, expanded_key
from ..launch import TYPES, Launcher, int64, name_of

# As in indexing.cu.
AXES, ARRAYS = 12, 8
KEY = np.dtype(
    [
        ("sizes", np.int64, AXES), ("steps", np.int64, AXES), ("indices", np.uint64, ARRAYS),
        ("index_steps", np.int64, (ARRAYS, AXES)), ("index_sizes", np.int64, ARRAYS), ("index_goes", np.int64, ARRAYS),
        ("start", np.int64), ("axes", np.int32), ("arrays", np.int32),
    ]
)  # fmt: skip
# What is moved at once, by its bytes.
_UNITS = {16: "Sixteen", 8: "unsigned long long", 4: "unsigned", 2: "unsigned short", 1: "unsigned char"}
# Whose indices may count from the end.
_FROM_THE_END = frozenset(("take", "take_along_axis", "embedding", "getitem", "setitem"))
WHOLE = ("slice", None, None, None)


def judged(gpu: Launcher, operation: str) -> tuple[Any, Any]:
    """Return whether an operation's indices may count from the end, and where those out of range are written down."""
    return np.bool_(operation in _FROM_THE_END), gpu.fault(operation)


def counter(size: int) -> str:
    """Return in what kernels count so many elements: divisions by 64 bits take several times as long."""
    return "unsigned" if size < 1 << 31 else "long long"


def indices_of(gpu: Launcher, array: Any) -> Any:
    """Return indices in C order, of a dtype that kernels take."""
    return gpu.contiguous(array if name_of(array.dtype) in ("int32", "int64") else array.astype(np.int64))


def units(gpu: Launcher, itemsize: int, after: int, *arrays: Any) -> tuple[str, int]:
    """Return what is moved at once where `after` elements lie together, and how many of these there are."""
    wide = math.gcd(16, itemsize * after, *(gpu.address(a) for a in arrays))
    return _UNITS[wide], itemsize * after // wide


def packed(gpu: Launcher, together: int, *arrays: Any) -> tuple[str, int]:
    """Return whether kernels move sixteen bytes at once, as C++ has it, and how many elements that are.

    `together` elements are not to be parted; absent arrays are None.
    """
    each = 16 // arrays[0].itemsize
    wide = together % each == 0 and not any(gpu.address(a) % 16 for a in arrays if a is not None)
    return ("true", each) if wide else ("false", 1)


def places_along(gpu: Launcher, operation: str, shape: tuple[int, ...], index: Any, axis: int) -> Any:
    """Return the place in an array of each element that an index of as many axes names."""
    if not 0 < len(shape) <= AXES:
        return NotImplemented
    index = indices_of(gpu, index)
    table = np.zeros((), KEY)
    table["sizes"][: index.ndim] = index.shape
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    table["steps"][: index.ndim] = [0 if i == axis else n for i, n in enumerate(strides)]
    table["indices"][0] = gpu.address(index)
    table["index_steps"][0, : index.ndim] = [math.prod(index.shape[i + 1 :]) for i in range(index.ndim)]
    table["index_sizes"][0], table["index_goes"][0] = shape[axis], strides[axis]
    table["axes"], table["arrays"] = index.ndim, 1
    places = gpu.empty((index.size,), np.int64)
    expression = f"positions<{TYPES[name_of(index.dtype)]}>"
    gpu.run_each("indexing", expression, index.size, table, places, int64(index.size), *judged(gpu, operation))
    return places


def selected(gpu: Launcher, operation: str, x_shape: tuple[int, ...], indices: list[Any], key: Any) -> Any:
    """Return the places that a key selects, the shape in which it does, and how many elements each place has.

    The places are those of an array whose last axes, which the key leaves whole, are one element.
    """
    parts = expanded_key(key, len(x_shape))
    whole = 0
    while whole < len(parts) and parts[-1 - whole] == WHOLE:
        whole += 1
    parts, rest = parts[: len(parts) - whole], x_shape[len(x_shape) - whole :] if whole else ()
    lead = x_shape[: len(x_shape) - whole]
    table, sizes = np.zeros((), KEY), []
    width = max((a.ndim for a in indices), default=0)
    common = np.broadcast_shapes(*(a.shape for a in indices)) if indices else ()
    advanced = [i for i, p in enumerate(parts) if p == ARRAY or (indices and isinstance(p, int))]
    apart = bool(advanced) and advanced[-1] - advanced[0] + 1 != len(advanced)
    group = 0 if apart else None
    steps: list[int] = []
    if apart:
        sizes, steps = list(common), [0] * width
    axis, start, arrays = 0, 0, []
    given = iter(indices)
    for i, part in enumerate(parts):
        if i in advanced and group is None:
            group = len(sizes)
            sizes, steps = [*sizes, *common], [*steps, *[0] * width]
        if part is None:
            sizes, steps = [*sizes, 1], [*steps, 0]
            continue
        n, stride = lead[axis], math.prod(lead[axis + 1 :])
        axis += 1
        if part == ARRAY:
            arrays.append((next(given), n, stride))
        elif isinstance(part, int):
            start += (part % n if n else 0) * stride
        else:
            first, stop, step = slice(*part[1:]).indices(n)
            count = len(range(first, stop, step))
            start += first * stride if count else 0
            sizes, steps = [*sizes, count], [*steps, step * stride]
    if len(sizes) > AXES or len(arrays) > ARRAYS:
        return NotImplemented
    size = math.prod(sizes)
    places = gpu.empty((size,), np.int64)
    if size and not math.prod(lead):
        return NotImplemented
    kind = "int32" if all(name_of(a.dtype) == "int32" for a, _, _ in arrays) else "int64"
    held = []
    for k, (index, n, stride) in enumerate(arrays):
        index = gpu.contiguous(index if name_of(index.dtype) == kind else index.astype(np.int64))
        held.append(index)
        table["indices"][k] = gpu.address(index)
        table["index_sizes"][k], table["index_goes"][k] = n, stride
        step = 1
        for d in reversed(range(index.ndim)):
            if index.shape[d] != 1:
                table["index_steps"][k, (group or 0) + width - index.ndim + d] = step
            step *= index.shape[d]
    table["sizes"][: len(sizes)], table["steps"][: len(steps)] = sizes, steps
    table["start"], table["axes"], table["arrays"] = start, len(sizes), len(arrays)
    gpu.run_each("indexing", f"positions<{TYPES[kind]}>", size, table, places, int64(size), *judged(gpu, operation))
    return places, (*sizes, *rest), math.prod(rest)


def one_axis(key: Any, ndim: int) -> int | None:
    """Return the axis that a key takes from by its one array, if it leaves the others whole."""
    parts = expanded_key(key, ndim)
    found = [i for i, part in enumerate(parts) if part != WHOLE]
    return found[0] if len(found) == 1 and parts[found[0]] == ARRAY else None
