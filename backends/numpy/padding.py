"""Padding: the tensor is copied once into its place, and the slabs around it are filled axis by axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.backend import Kernel
from .pooling_grid import block_of, for_planes, planes_of

Array = np.ndarray
Pairs = tuple[tuple[int, int], ...]


def _along(axis: int, cut: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, cut)


def pad(x: Array, /, *, widths: Pairs, value: Any = 0.0, mode: str = "constant") -> Array:
    """x with constants or its own elements before and after along each axis."""
    cuts = any(b < 0 or a < 0 for b, a in widths)
    if cuts and mode in ("reflect", "replicate"):
        # These look at what is cut off, too.
        return NotImplemented
    if cuts:
        x = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(widths, x.shape, strict=True))]
        widths = tuple((max(b, 0), max(a, 0)) for b, a in widths)
    out = np.empty(tuple(b + n + a for (b, a), n in zip(widths, x.shape, strict=True)), x.dtype)
    lead = next((i for i, pair in enumerate(widths) if pair != (0, 0)), len(widths))
    if lead == len(widths) or lead == 0:
        _fill(out, x, widths, value, mode)
        return out
    # Block by block, so that the slabs are filled from what lies in the cache.
    sources, targets = planes_of(x, x.ndim - lead), planes_of(out, x.ndim - lead)
    rest = ((0, 0), *widths[lead:])

    def work(blocks: Iterator[tuple[int, int]]) -> None:
        for start, stop in blocks:
            _fill(targets[start:stop], sources[start:stop], rest, value, mode)

    for_planes(work, len(targets), block_of(len(targets), out.nbytes // max(len(targets), 1)))
    return out


def _fill(out: Array, x: Array, widths: Pairs, value: Any, mode: str) -> None:
    inner = tuple(slice(b, b + n) for (b, _), n in zip(widths, x.shape, strict=True))
    out[inner] = x
    for axis, (before, after) in enumerate(widths):
        if not before and not after:
            continue
        # Axes that come later are filled from these slabs.
        own = out[(*(slice(None),) * axis, slice(None), *inner[axis + 1 :])]
        for to, of in _slabs(x.shape[axis], before, after, mode):
            own[_along(axis, to)] = value if of is None else own[_along(axis, of)]


def _slabs(n: int, before: int, after: int, mode: str) -> list[tuple[slice, slice | None]]:
    """Which places of a padded axis are filled, and from which others."""
    end = before + n
    if mode == "constant":
        pairs: list[tuple[slice, slice | None]] = [(slice(0, before), None), (slice(end, end + after), None)]
    elif mode == "replicate":
        pairs = [(slice(0, before), slice(before, before + 1)), (slice(end, end + after), slice(end - 1, end))]
    elif mode == "circular":
        pairs = [(slice(0, before), slice(n, n + before)), (slice(end, end + after), slice(before, before + after))]
    else:
        back = slice(end - 2, end - 2 - after if end - 2 - after >= 0 else None, -1)
        pairs = [(slice(0, before), slice(2 * before, before, -1)), (slice(end, end + after), back)]
    return [pair for pair, width in zip(pairs, (before, after), strict=True) if width]


def pad_vjp(
    xp: Any, g: Array, x_shape: tuple[int, ...], widths: Pairs, mode: str, wants: tuple[bool, ...]
) -> Any:
    """Cut the slabs off, and add them where their elements came from."""
    cuts = any(b < 0 or a < 0 for b, a in widths)
    if mode == "constant":
        if cuts:
            return (pad(g, widths=tuple((-b, -a) for b, a in widths)),)
        return (g[tuple(slice(b, b + n) for (b, _), n in zip(widths, x_shape, strict=True))].copy(),)
    # What is cut off is seen in the mirror; sums of 16-bit floats are made in 32 bits.
    if cuts or g.dtype.kind not in "fc" or g.dtype.itemsize == 2:
        return NotImplemented
    return (_fold(g, x_shape, widths, mode, len(x_shape) - 1),)


def _fold(g: Array, x_shape: tuple[int, ...], widths: Pairs, mode: str, axis: int) -> Array:
    """Fold the slabs of this axis and all before it back into the middle."""
    while axis >= 0 and widths[axis] == (0, 0):
        axis -= 1
    if axis < 0:
        return g.copy()
    before, after = widths[axis]
    n = x_shape[axis]
    middle = _fold(g[_along(axis, slice(before, before + n))], x_shape, widths, mode, axis - 1)
    for to, of in _slabs(n, before, after, mode):
        slab = _fold(g[_along(axis, to)], x_shape, widths, mode, axis - 1)
        if mode == "replicate":
            slab = slab.sum(axis=axis, keepdims=True)
        assert of is not None
        stop = None if of.stop is None or of.stop < before else of.stop - before
        target = middle[_along(axis, slice(of.start - before, stop, of.step))]
        target += slab
    return middle


KERNELS: dict[str, Any] = {"pad": Kernel(pad, vjp=pad_vjp)}
