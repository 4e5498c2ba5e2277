"""Generators of valid calls for decompositions of matrices."""

from __future__ import annotations

from candelabra.conformance.drawing import Draw, Sample


def draw_qr(d: Draw) -> Sample:
    lead = d.shape(0, 2, empty=False)
    m, n = d.integer(1, 4), d.integer(1, 4)
    return Sample((d.array((*lead, m, n)),), {"mode": d.choice(("reduced", "complete"))})
