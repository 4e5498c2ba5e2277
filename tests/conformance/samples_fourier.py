"""Generators of valid calls for discrete Fourier transforms."""

from __future__ import annotations

from typing import Any

from candelabra.conformance.drawing import Draw, Sample


def _scale(d: Draw, n: int) -> dict[str, Any]:
    """A factor: one of the three normalizations', or any other."""
    scale = d.choice((None, 1.0 / n, n**-0.5, 0.3))
    return {} if scale is None else {"scale": scale}


def _length(d: Draw) -> int:
    # Small ones, and now and then one that a matrix alone does not do.
    return d.choice((33, 36, 37, 40)) if not d.smooth and d.integer(0, 9) == 9 else d.integer(1, 6)


def draw_fft_c2c(d: Draw) -> Sample:
    shape = tuple(_length(d) if i == 0 else d.integer(1, 4) for i in range(d.integer(1, 3)))
    rank = len(shape)
    axis = d.choice((0, -1, rank - 1, (0,), tuple(range(rank)), (-1, *range(rank - 1)), (), None))
    n = 1
    for a in range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis:
        n *= shape[a]
    return Sample((d.array(shape),), {"axis": axis, "inverse": d.flag(), **_scale(d, n)})


def _one_axis(d: Draw, n: int) -> tuple[tuple[int, ...], int]:
    """A shape with n elements along a drawn axis."""
    shape = list(d.shape(1, 3))
    axis = d.axis(len(shape))
    shape[axis] = n
    return tuple(shape), axis


def draw_fft_r2c(d: Draw) -> Sample:
    n = _length(d)
    shape, axis = _one_axis(d, n)
    return Sample((d.array(shape),), {"axis": axis, **_scale(d, n)})


def draw_fft_c2r(d: Draw) -> Sample:
    n = _length(d)
    shape, axis = _one_axis(d, n // 2 + 1)
    return Sample((d.array(shape),), {"n": n, "axis": axis, **_scale(d, n)})
