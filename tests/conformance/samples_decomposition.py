"""Generators of valid calls for decompositions of matrices."""

from __future__ import annotations

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def draw_qr(d: Draw) -> Sample:
    lead = d.shape(0, 2, empty=False)
    m, n = d.integer(1, 4), d.integer(1, 4)
    return Sample((d.array((*lead, m, n)),), {"mode": d.choice(("reduced", "complete"))})


def draw_solve(d: Draw) -> Sample:
    n, lead = d.integer(1, 4), d.shape(0, 1, empty=False)
    # Close to a multiple of the identity, so that no pivot is small.
    x1 = d.array((*lead, n, n), "(-1, 1)") + np.asarray(5 * np.eye(n), dtype=d.dtype)
    shape = d.choice(((n,), (n, d.integer(1, 3)), (*lead, n, d.integer(1, 3))))
    return Sample((x1.astype(d.dtype), d.array(shape)))
