"""Generators of valid calls for the rows of recurrent layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def _layer(d: Draw, gates: int, *, cells: bool = False, project: bool = False) -> Sample:
    time, batch, features, n = d.side(0), d.side(0), d.side(), d.integer(1, 3)
    state = d.integer(1, n) if project else n
    shapes: list[tuple[int, ...]] = [(time, batch, features), (batch, state)]
    shapes += [(batch, n)] if cells else []
    shapes += [(gates * n, features), (gates * n, state)]
    arrays: list[Any] = [d.array(s, "(-1, 1)") for s in shapes]
    arrays += [d.array((gates * n,), "(-1, 1)") if d.flag() else None for _ in range(2)]
    if cells:
        arrays.append(d.array((state, n), "(-1, 1)") if project else None)
    statics: dict[str, Any] = {"reverse": d.flag(), "batch_sizes": None}
    if batch and time and d.flag():
        falling = np.sort(d.values.integers(1, batch + 1, time))[::-1]
        statics["batch_sizes"] = (batch, *(int(size) for size in falling[1:]))
    return Sample(tuple(arrays), statics)


def draw_rnn(d: Draw) -> Sample:
    found = _layer(d, 1)
    found.statics["nonlinearity"] = d.choice(("tanh", "relu"))
    return found


def draw_gru(d: Draw) -> Sample:
    return _layer(d, 3)


def draw_lstm(d: Draw) -> Sample:
    return _layer(d, 4, cells=True, project=d.flag())
