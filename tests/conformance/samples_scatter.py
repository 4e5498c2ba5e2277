"""Generators of valid calls of scattering."""

from __future__ import annotations

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def _call(d: Draw, *, distinct: bool = False, domain: str = "real") -> tuple[Sample, int]:
    shape = d.shape(1, empty=False)
    axis = d.axis(len(shape))
    at = axis % len(shape)
    n = shape[at]
    where = tuple(d.integer(1, n) if i == at and distinct else d.side() if i == at else d.integer(1, m)
                  for i, m in enumerate(shape))  # fmt: skip
    index = d.indices(where, n, negative=False)
    if distinct:
        lanes = np.moveaxis(index, at, -1)
        for place in np.ndindex(lanes.shape[:-1]):
            lanes[place] = d.values.permutation(n)[: where[at]]
    source = tuple(m + d.integer(0, 1) for m in where)
    return Sample((d.array(shape, domain), index, d.array(source, domain)), {"axis": axis}), at


def draw_scatter(d: Draw) -> Sample:
    # Where a place is named twice the last value stays, and the gradient has a convention.
    return _call(d, distinct=d.smooth)[0]


def draw_scatter_reduce(d: Draw) -> Sample:
    reduce = d.choice(("sum", "prod", "mean", "amax", "amin"))
    found, _ = _call(d, domain="nonzero" if reduce == "prod" and d.flag() else "real")
    return Sample(found.operands, {**found.statics, "reduce": reduce, "include_self": d.flag()})
