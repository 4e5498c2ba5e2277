"""Generators of valid calls of the losses."""

from __future__ import annotations

import numpy as np
from candelabra.conformance.drawing import Draw, Sample


def draw_smooth_l1_loss(d: Draw) -> Sample:
    shape = d.shape(empty=False)
    statics = {"reduction": d.choice(("mean", "sum", "none")), "width": d.choice((1.0, 0.3, 0.0))}
    return Sample((d.array(shape), d.array(shape)), statics)


def draw_ctc_loss(d: Draw) -> Sample:
    steps, count, classes = d.integer(1, 4), d.integer(1, 2), d.integer(2, 4)
    labels = d.integer(0, 2)
    blank = d.integer(0, classes - 1)
    targets = d.indices((count, labels), classes - 1, negative=False)
    targets += targets >= blank
    # Repeated labels need a blank between them: where a target may be too long there is no derivative.
    most = min(labels, (steps + 1) // 2 if d.smooth else labels)
    lengths = np.asarray(d.values.integers(0, most + 1, (count,)), dtype="int64")
    least = 2 * most - 1 if d.smooth else 0
    given = np.asarray(d.values.integers(max(least, 0), steps + 1, (count,)), dtype="int64")
    return Sample((d.array((steps, count, classes), "(-2, 0)"), targets, given, lengths), {"blank": blank})


def draw_binary_cross_entropy(d: Draw) -> Sample:
    shape = d.shape(empty=False)
    reduction = d.choice(("mean", "sum", "none"))
    return Sample((d.array(shape, "(0.05, 0.95)"), d.array(shape, "(0.05, 0.95)")), {"reduction": reduction})


def draw_nll_loss(d: Draw) -> Sample:
    classes = d.integer(1, 4)
    alone = d.integer(0, 3) == 3
    rest = () if alone else (d.integer(1, 3), *d.shape(0, 1, empty=False))
    x = d.array((classes,) if alone else (rest[0], classes, *rest[1:]))
    target = d.indices(rest, classes, negative=False)
    statics = {"reduction": d.choice(("mean", "sum", "none")), "ignore_index": d.choice((-100, 0))}
    if statics["ignore_index"] == -100 and rest and d.flag():
        target.flat[-1] = -100
    if statics["reduction"] == "mean" and not (target != statics["ignore_index"]).any():
        statics["reduction"] = "sum"
    return Sample((x, target, d.array((classes,), "positive") if d.flag() else None), statics)
