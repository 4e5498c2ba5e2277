"""Loops that add to indexed places, and those along an axis.

Arrays have three axes: those before the one that is indexed as one, that one, and those behind it as one. Threads take
parts of the first, so that each place has one owner, who goes by the order of the indices. These are known to fit.
"""

from __future__ import annotations

import numpy as np
from numba import uintp

from ..compiled import signature


@signature("b1(int64[::1], int64)")
def inside(index, n):
    """Whether all indices count from the first element and lie in an axis of that size."""
    wrong = np.uint64(0)
    for i in range(index.size):
        wrong |= np.uint64(index[i] < 0) | np.uint64(index[i] >= n)
    return wrong == 0


@signature("void(intp, intp, T[:, :, ::1], int64[::1], T[:, :, ::1])")
def add_slices(start, stop, out, index, source):
    """Add each slice of the source where its index says."""
    for b in range(start, stop):
        for i in range(index.size):
            row = uintp(index[i])
            for c in range(out.shape[2]):
                out[uintp(b), row, uintp(c)] += source[uintp(b), uintp(i), uintp(c)]


@signature("void(intp, intp, T[:, :, ::1], int64[:, :, ::1], T[:, :, ::1], int64)")
def fold(start, stop, out, index, source, how):
    """Add (0), multiply (1), or take the larger (2) or the smaller (3); NaN stays."""
    for b in range(start, stop):
        for i in range(index.shape[1]):
            for c in range(out.shape[2]):
                row, value = uintp(index[uintp(b), uintp(i), uintp(c)]), source[uintp(b), uintp(i), uintp(c)]
                held = out[uintp(b), row, uintp(c)]
                if how == 0:
                    held += value
                elif how == 1:
                    held *= value
                elif how == 2:
                    held = value if (value > held) | (value != value) else held
                else:
                    held = value if (value < held) | (value != value) else held
                out[uintp(b), row, uintp(c)] = held


@signature("void(intp, intp, T[:, :, ::1], int64[:, :, ::1], T[::1])")
def fill(start, stop, out, index, value):
    """Write one value to all places that are named."""
    for b in range(start, stop):
        for i in range(index.shape[1]):
            for c in range(out.shape[2]):
                out[uintp(b), uintp(index[uintp(b), uintp(i), uintp(c)]), uintp(c)] = value[0]


@signature("void(intp, intp, T[:, ::1], int64[::1], T[:, ::1], int64)")
def rows_back(start, stop, table, index, g, without):
    """Write to some rows of a table the sums of the cotangents of where they went, and zero to one row."""
    table[start:stop] = 0
    for i in range(index.size):
        row = index[i]
        if row >= start and row < stop and row != without:
            for c in range(g.shape[1]):
                table[uintp(row), uintp(c)] += g[uintp(i), uintp(c)]


@signature("void(intp, intp, T[:, ::1], int64[::1], int64[::1], T[:, ::1], int64)")
def segments(start, stop, x, ends, lengths, out, how):
    """Reduce consecutive rows as `fold` does; of segments without rows nothing is written."""
    for s in range(start, stop):
        first = ends[s] - lengths[s]
        for c in range(x.shape[1] if lengths[s] > 0 else 0):
            out[uintp(s), uintp(c)] = x[uintp(first), uintp(c)]
        for i in range(first + 1, ends[s]):
            if how == 0:
                for c in range(x.shape[1]):
                    out[uintp(s), uintp(c)] += x[uintp(i), uintp(c)]
            elif how == 1:
                for c in range(x.shape[1]):
                    out[uintp(s), uintp(c)] *= x[uintp(i), uintp(c)]
            elif how == 2:
                for c in range(x.shape[1]):
                    value, held = x[uintp(i), uintp(c)], out[uintp(s), uintp(c)]
                    out[uintp(s), uintp(c)] = value if (value > held) | (value != value) else held
            else:
                for c in range(x.shape[1]):
                    value, held = x[uintp(i), uintp(c)], out[uintp(s), uintp(c)]
                    out[uintp(s), uintp(c)] = value if (value < held) | (value != value) else held


@signature("void(intp, intp, T[:, :, ::1], T[:, :, ::1], b1)")
def running_sum(start, stop, x, out, backwards):
    """Sums so far along the axis, or from its end."""
    n = x.shape[1]
    for b in range(start, stop):
        if x.shape[2] == 1:
            # Many numbers in a row are summed in double precision, which takes no longer.
            total = 0.0
            for i in range(n):
                at = uintp(n - 1 - i if backwards else i)
                total += x[uintp(b), at, uintp(0)]
                out[uintp(b), at, uintp(0)] = total
            continue
        for i in range(n):
            at = n - 1 - i if backwards else i
            before = at + 1 if backwards else at - 1
            if i == 0:
                for c in range(out.shape[2]):
                    out[uintp(b), uintp(at), uintp(c)] = x[uintp(b), uintp(at), uintp(c)]
            else:
                for c in range(out.shape[2]):
                    value = out[uintp(b), uintp(before), uintp(c)] + x[uintp(b), uintp(at), uintp(c)]
                    out[uintp(b), uintp(at), uintp(c)] = value
