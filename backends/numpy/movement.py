"""Strided copies with zeros around, from which patches and padding are made."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def span(size: int, count: int, start: int, step: int) -> tuple[int, int, int]:
    """The range lo:hi of 0..count for which ``start + step * k`` lies in 0..size, and where lo falls."""
    lo = min(count, max(0, -(start // step)))
    hi = max(lo, min(count, (size - 1 - start) // step + 1))
    return lo, hi, start + step * lo


def fill(dst: Array, src: Array, top: int, row_step: int, left: int, col_step: int) -> None:
    """Copy ``src[top + row_step * r, ..., left + col_step * w]`` to ``dst[r, ..., w]``; what lies outside is zero."""
    r0, r1, h0 = span(src.shape[0], dst.shape[0], top, row_step)
    w0, w1, v0 = span(src.shape[-1], dst.shape[-1], left, col_step)
    if r0 == r1 or w0 == w1:
        dst[...] = 0
        return
    dst[:r0] = 0
    dst[r1:] = 0
    if w0:
        dst[r0:r1, ..., :w0] = 0
    if w1 < dst.shape[-1]:
        dst[r0:r1, ..., w1:] = 0
    dst[r0:r1, ..., w0:w1] = src[
        h0 : h0 + (r1 - r0 - 1) * row_step + 1 : row_step, ..., v0 : v0 + (w1 - w0 - 1) * col_step + 1 : col_step
    ]


def place(dst: Array, src: Array, axes: tuple[int, ...], starts: tuple[int, ...], steps: tuple[int, ...]) -> None:
    """Copy ``src[..., start + step * k, ...]`` to ``dst[..., k, ...]`` along some axes; what lies outside is zero."""
    to: list[slice] = [slice(None)] * dst.ndim
    of = to.copy()
    for axis, start, step in zip(axes, starts, steps):
        lo, hi, at = span(src.shape[axis], dst.shape[axis], start, step)
        if lo == hi:
            dst[...] = 0
            return
        to[axis], of[axis] = slice(lo, hi), slice(at, at + (hi - lo - 1) * step + 1, step)
    outside = [slice(None)] * dst.ndim
    for axis in axes:
        for edge in (slice(0, to[axis].start), slice(to[axis].stop, dst.shape[axis])):
            if edge.start < edge.stop:
                outside[axis] = edge
                dst[tuple(outside)] = 0
        outside[axis] = to[axis]
    dst[tuple(to)] = src[tuple(of)]
