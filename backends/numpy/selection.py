"""Sorting and selecting by order on NumPy arrays.

NumPy sorts values with vector instructions, but not stably and not indices of 32-bit numbers with their values. Here
a value of at most 32 bits and its index stand in one 64-bit integer, so that one fast sort gives a stable order. What
is selected from long lines is looked for among few candidates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Below this many elements NumPy's own stable sort is faster than packing.
_FEW = 1 << 10
# From so many elements of a line on a radix sort of 16 bits is fastest, and from so many two of them.
_RADIX = 1 << 7
_LONG = 1 << 12


def _lines(x: np.ndarray, axis: int) -> np.ndarray:
    return x if axis % x.ndim == x.ndim - 1 else np.ascontiguousarray(np.moveaxis(x, axis, -1))


def _back(found: np.ndarray, axis: int) -> np.ndarray:
    return found if axis % found.ndim == found.ndim - 1 else np.moveaxis(found, -1, axis)


def _narrow(x: np.ndarray) -> bool:
    """Whether a number of this dtype fits beside its index in 64 bits."""
    return x.dtype.kind in "iufb" and x.dtype.itemsize <= 4


def _offsets(lines: np.ndarray) -> tuple[np.ndarray, int] | None:
    """Integers of a small range as numbers of 16 bits above the least, which NumPy sorts by radix; None for others."""
    if lines.dtype.kind not in "iu" or lines.shape[-1] < _RADIX:
        return None
    low, high = int(lines.min()), int(lines.max())
    if high - low >= 1 << 16:
        return None
    wide = lines.astype(np.int32) if lines.dtype.itemsize <= 2 else lines
    return (wide - wide.dtype.type(low)).astype(np.uint16), low


def _ranks(lines: np.ndarray) -> np.ndarray:
    """Signed 64-bit integers of 32 significant bits, in the order of the values."""
    if lines.dtype.kind == "f":
        # Adding zero makes zeros alike.
        values = lines.astype(np.float32, copy=False) + np.float32(0)
        bits = values.view(np.int32)
        missing = np.isnan(values)
        if missing.any():
            bits[missing] = np.int32(0x7FC00000)
        bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
        return bits.astype(np.int64)
    ranks = lines.astype(np.int64)
    if lines.dtype.kind == "u":
        ranks -= 1 << 31
    return ranks


def _by_halves(ranks: np.ndarray) -> np.ndarray:
    """The stable order by two radix sorts, of the lower and of the upper 16 bits."""
    order = np.argsort((ranks & 0xFFFF).astype(np.uint16), axis=-1, kind="stable")
    upper = ((ranks >> 16) + (1 << 15)).astype(np.uint16)
    rest = np.argsort(np.take_along_axis(upper, order, axis=-1), axis=-1, kind="stable")
    return np.take_along_axis(order, rest, axis=-1)


def _stable_order(lines: np.ndarray, descending: bool) -> np.ndarray:
    """The indices that sort along the last axis, those of equal values ascending, NaN as the largest number."""
    n = lines.shape[-1]
    if lines.size >= _FEW:
        small = _offsets(lines)
        if small is not None:
            return np.argsort(np.invert(small[0]) if descending else small[0], axis=-1, kind="stable")
        if _narrow(lines) and n < 1 << 31:
            ranks = _ranks(lines)
            if descending:
                np.invert(ranks, out=ranks)
            if n >= _LONG:
                return _by_halves(ranks)
            ranks <<= 32
            ranks |= np.arange(n)
            ranks.sort(axis=-1)
            ranks &= 0xFFFFFFFF
            return ranks
    if not descending:
        if lines.size >= _FEW and lines.dtype.itemsize == 8:
            order = np.argsort(lines, axis=-1)
            ordered = np.take_along_axis(lines, order, axis=-1)
            # Only where values meet, or are no numbers, does the sort's order matter.
            tied = ~(ordered[..., 1:] > ordered[..., :-1]).all(axis=-1)
            if tied.any():
                order[tied] = np.argsort(lines[tied], axis=-1, kind="stable")
            return order
        return np.argsort(lines, axis=-1, kind="stable")
    return np.subtract(n - 1, _stable_order(lines[..., ::-1], False)[..., ::-1])


def _wide(x: np.ndarray) -> np.ndarray:
    """A dtype that NumPy knows as a number: bfloat16 is not sorted well."""
    return x if x.dtype.kind in "biufc" else x.astype(np.float32)


def sort(x: np.ndarray, /, *, axis: int, descending: bool, stable: bool) -> Any:
    """The values in order; equal ones cannot be told apart, so that no stable sort is needed."""
    given = _wide(x)
    small = _offsets(given) if given.size >= _FEW and axis == given.ndim - 1 else None
    if small is None:
        found = np.sort(given, axis=axis)
    else:
        found = np.sort(small[0], axis=-1, kind="stable").astype(x.dtype)
        found += x.dtype.type(small[1])
    if descending:
        found = np.flip(found, axis)
    return found if given is x else found.astype(x.dtype)


def argsort(x: np.ndarray, /, *, axis: int, descending: bool, stable: bool) -> Any:
    """The indices that sort."""
    lines = _lines(_wide(x), axis)
    if lines.size < _FEW and not descending:
        return _back(np.argsort(lines, axis=-1, kind="stable"), axis)
    return _back(_stable_order(lines, descending), axis)


def _take_best(values: np.ndarray, count: int, descending: bool) -> np.ndarray:
    """The places of the best of each short line, of equal ones the first."""
    return _stable_order(values, descending)[..., :count]


def top_indices(x: np.ndarray, /, *, count: int, axis: int, descending: bool) -> Any:
    """The indices of the best values in order, the first ones of equals.

    A line is folded again and again, the better of two elements stays: the best of the few that are left bound the
    best of all, and whatever is worse is out.
    """
    n = x.shape[axis]
    if count == 0 or not x.size:
        return NotImplemented
    lines = _lines(_wide(x), axis)
    if lines.size < _FEW:
        if descending:
            order = lines[..., ::-1].argsort(axis=-1, kind="stable")
            return _back(np.subtract(n - 1, order[..., : -count - 1 : -1]), axis)
        return _back(lines.argsort(axis=-1, kind="stable")[..., :count], axis)
    flat = lines.reshape(-1, n)
    if count * 8 > n or lines.dtype.kind not in "iuf":
        return _back(np.ascontiguousarray(_take_best(lines, count, descending)), axis)
    best, better = flat, np.maximum if descending else np.minimum
    while best.shape[1] >= 8 * count:
        half = best.shape[1] // 2
        best = better(best[:, :half], best[:, half : 2 * half])
    edge = best.shape[1] - count if descending else count - 1
    bound = np.partition(best, edge, axis=-1)[:, edge]
    if lines.dtype.kind == "f" and np.isnan(flat.max()):
        return _back(np.ascontiguousarray(_take_best(lines, count, descending)), axis)
    places = np.flatnonzero(flat >= bound[:, None] if descending else flat <= bound[:, None])
    if places.size * 4 > flat.size:
        return _back(np.ascontiguousarray(_take_best(lines, count, descending)), axis)
    # Candidates as the rows of a matrix, filled up with the bound's opposite.
    rows = places // n
    numbers = np.bincount(rows, minlength=len(flat))
    starts = np.cumsum(numbers) - numbers
    width = int(numbers.max())
    values, columns = flat.reshape(-1)[places], places - rows * n
    if width * len(flat) != places.size:
        within = np.arange(places.size) - np.repeat(starts, numbers)
        filled = np.empty((len(flat), width), flat.dtype)
        filled[...] = _worst(flat.dtype, descending)
        filled[rows, within] = values
        named = np.zeros((len(flat), width), np.int64)
        named[rows, within] = columns
    else:
        filled, named = values.reshape(len(flat), width), columns.reshape(len(flat), width)
    found = np.take_along_axis(named, _take_best(filled, count, descending), axis=-1)
    return _back(found.reshape(*lines.shape[:-1], count), axis)


def _worst(dtype: np.dtype, descending: bool) -> Any:
    if dtype.kind == "f":
        return -np.inf if descending else np.inf
    return np.iinfo(dtype).min if descending else np.iinfo(dtype).max


def _rank_of(flat: np.ndarray, rank: int, missing: bool) -> np.ndarray:
    """The place of the value of a rank in each line, of equal ones the first."""
    value = np.partition(flat, rank, axis=-1)[:, rank : rank + 1]
    found = (flat == value).argmax(axis=-1)
    if missing:
        lost = np.isnan(value[:, 0])
        found[lost] = np.isnan(flat[lost]).argmax(axis=-1)
    return found


def rank_index(x: np.ndarray, /, *, rank: int | None, axis: int, nan: str) -> Any:
    """The place of the value of a rank along an axis, or of the lower median."""
    lines = _lines(_wide(x), axis)
    n = lines.shape[-1]
    if not lines.size:
        return NotImplemented
    flat = lines.reshape(-1, n)
    place = (n - 1) // 2 if rank is None else rank
    # A NaN anywhere is the largest number.
    some = flat.dtype.kind == "f" and (top := flat.max()) != top
    if not some or nan == "last":
        return _back(_rank_of(flat, place, some).reshape(*lines.shape[:-1], 1), axis)
    missing = np.isnan(flat)
    if nan == "wins":
        whole = ~missing.any(axis=-1)
        found = missing.argmax(axis=-1)
        found[whole] = _rank_of(flat[whole], place, False)
    else:
        numbers = n - np.count_nonzero(missing, axis=-1)
        found = np.empty(len(flat), np.int64)
        for number in np.unique(numbers):
            alike = numbers == number
            found[alike] = _rank_of(flat[alike], max(int(number) - 1, 0) // 2, True)
    return _back(found.reshape(*lines.shape[:-1], 1), axis)


KERNELS = {"argsort": argsort, "rank_index": rank_index, "sort": sort, "top_indices": top_indices}
