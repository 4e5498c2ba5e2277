"""Generators of valid calls of selecting by rank, running extrema and reductions of segments."""

from __future__ import annotations

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def draw_rank_index(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    axis = d.axis(len(shape))
    rank = d.choice((None, d.integer(0, shape[axis] - 1)))
    return Sample((d.array(shape),), {"rank": rank, "axis": axis, "nan": d.choice(("last", "wins", "skipped"))})


def draw_running_extremum(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    return Sample((d.array(shape),), {"axis": d.axis(len(shape)), "maxima": d.flag()})


def draw_running_logsumexp(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    return Sample((d.array(shape),), {"axis": d.axis(len(shape))})


def _segments(d: Draw, domain: str) -> tuple[np.ndarray, np.ndarray]:
    shape = d.shape(1, empty=False)
    cuts = sorted(d.integer(0, shape[0]) for _ in range(d.integer(1, 4)))
    return d.array(shape, domain), np.diff(np.asarray([0, *cuts], dtype="int64"))


def draw_segment_reduction(d: Draw) -> Sample:
    by = d.choice(("sum", "prod", "max", "min"))
    return Sample(_segments(d, "nonzero" if by == "prod" else "real"), {"by": by})


def draw_segment_argmax(d: Draw) -> Sample:
    return Sample(_segments(d, "real"), {})
