"""Padding: constants, or elements of the tensor itself, before and after along each axis."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from .row import linear

MODES = ("constant", "reflect", "replicate", "circular")


def _prepare_pad(device: Any, x: Any, widths: Any, value: Any, mode: Any) -> tuple[Any, Any, Any]:
    n = len(x.shape)
    if isinstance(widths, int):
        pairs: tuple[Any, ...] = ((widths, widths),) * n
    else:
        pairs = tuple((w, w) if isinstance(w, int) else tuple(w) for w in widths)
    if len(pairs) != n:
        raise ShapeError(f"pad: {len(pairs)} (before, after) pairs are given for a tensor of {n} axes")
    if mode not in MODES:
        raise ArgumentError(f"pad: mode is one of {', '.join(map(repr, MODES))}, not {mode!r}")
    if mode != "constant" and value:
        raise ArgumentError(f"pad: value={value!r} has a meaning in mode 'constant' only, not in {mode!r}")
    for i, (pair, size) in enumerate(zip(pairs, x.shape, strict=True)):
        kept = size + min(pair[0], 0) + min(pair[1], 0)
        if size + sum(pair) < 0 or size + min(pair) < 0 or (mode == "circular" and kept < 0):
            raise ShapeError(f"pad: {pair} cuts more off axis {i} than its size {size}")
        widest = max(pair)
        if mode == "reflect" and widest >= max(size, 1):
            raise ShapeError(f"pad: reflecting {pair} needs more elements than that along axis {i}, not {size}")
        if mode == "circular" and widest > kept:
            raise ShapeError(f"pad: circular padding {pair} wraps more than once around the {kept} elements of axis {i}")
        if mode == "replicate" and widest > 0 and size == 0:
            raise ShapeError(f"pad: axis {i} has no element to replicate")
    return pairs, value, mode


def _pad_body(xp: Any, x: Any, *, widths: Any, value: Any, mode: str) -> Any:
    """Concatenate with constants, or take the elements that stand there, axis by axis; negative widths cut."""
    for axis, (before, after) in enumerate(widths):
        if mode != "constant":
            if before or after:
                x = xp.take(x, _sources(xp, x.shape[axis], before, after, mode), axis=axis)
            continue
        if before < 0 or after < 0:
            cut = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
            x = x[(slice(None),) * axis + (cut, ...)]
        if before > 0 or after > 0:
            shape = list(x.shape)
            parts: list[Any] = []
            for width, place in ((before, 0), (after, 1)):
                if width > 0:
                    shape[axis] = width
                    parts.insert(0 if place == 0 else 2, xp.full(tuple(shape), value, dtype=x.dtype))
            x = xp.concat([parts[0], x, *parts[1:]] if before > 0 else [x, *parts], axis=axis)
    return x


def _sources(xp: Any, n: int, before: int, after: int, mode: str) -> Any:
    """The index of the element that stands at each place of a padded axis of n elements."""
    places = xp.arange(-before, n + after)
    if mode == "reflect":
        return (n - 1) - xp.abs((n - 1) - xp.abs(places))
    if mode == "replicate":
        return xp.clip(places, 0, n - 1)
    # What is cut off does not come round again.
    first = max(-before, 0)
    kept = n - first - max(-after, 0)
    return xp.remainder(places - first, xp.full((), max(kept, 1), dtype=places.dtype)) + first


def _unpad(xp: Any, g: Any, x_shape: Any, widths: Any, mode: str) -> Any:
    if mode == "constant":
        return xp.pad(g, widths=tuple((-b, -a) for b, a in widths))
    for axis, (before, after) in enumerate(widths):
        if before or after:
            n = x_shape[axis]
            shape = (*tuple(g.shape)[:axis], n, *tuple(g.shape)[axis + 1 :])
            sources = _sources(xp, n, before, after, mode)
            g = xp.index_add(xp.zeros(shape, dtype=g.dtype), sources, g, axis=axis)
    return g


def _batch_pad(xp: Any, size: int, x: Any, *, widths: Any, value: Any, mode: str) -> Any:
    return xp.pad(x, widths=((0, 0), *widths), value=value, mode=mode)


pad = linear(
    "pad", "x, /, *, widths, value=0.0, mode='constant'",
    "Return the tensor with constants, or with elements of its own, put before and after along each axis.",
    transpose=_unpad, prepare=_prepare_pad, body=_pad_body, batch=_batch_pad,
    jvp=lambda xp, t, widths, mode: xp.pad(t, widths=widths, mode=mode),
)  # fmt: skip
