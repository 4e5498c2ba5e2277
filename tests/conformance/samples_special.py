"""Generators of valid calls of special functions."""

from __future__ import annotations

from candelabra.conformance.drawing import Draw, Sample


def draw_polygamma(d: Draw) -> Sample:
    return Sample((d.array(d.shape(), "(0.6, 6)"),), {"n": d.integer(0, 3)})


def draw_top_indices(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    axis = d.axis(len(shape))
    return Sample((d.array(shape),), {"count": d.integer(0, shape[axis]), "axis": axis, "descending": d.flag()})
