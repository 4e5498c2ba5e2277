"""Generators of valid calls for attention."""

from __future__ import annotations

from candelabra.conformance.drawing import Draw, Sample


def draw_attention(d: Draw) -> Sample:
    lead = d.shape(0, 2, empty=False, side=2)
    rows, columns, e, ev = d.side(), d.side(), d.side(), d.side()
    mask = None
    causal = d.integer(0, 2) == 0
    if not causal and d.flag():
        # Any axis of the scores may be repeated.
        place = (rows, columns) if d.flag() else (*lead, rows, columns)
        place = tuple(1 if d.integer(0, 4) == 4 else n for n in place)
        mask = d.array(place) if d.flag() else d.array(place, dtype="bool")
    # Keys and values may be shared by several queries.
    shared = tuple(1 if d.integer(0, 3) == 3 else n for n in lead)
    statics = {"is_causal": causal, "scale": d.choice((None, 0.7))}
    q, k, v = d.array((*lead, rows, e)), d.array((*shared, columns, e)), d.array((*shared, columns, ev))
    return Sample((q, k, v, mask), statics)
