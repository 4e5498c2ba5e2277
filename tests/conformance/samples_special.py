"""Generators of valid calls of special functions."""

from __future__ import annotations

from candelabra.conformance.drawing import Draw, Sample


def draw_polygamma(d: Draw) -> Sample:
    return Sample((d.array(d.shape(), "(0.6, 6)"),), {"n": d.integer(0, 3)})
