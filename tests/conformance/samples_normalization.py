"""Generators of valid calls for the rows of normalization."""

from __future__ import annotations

from candelabra.conformance.drawing import Draw, Sample


def draw_rms_norm(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    axes = d.integer(1, len(shape))
    weight = d.array(shape[-axes:]) if d.flag() else None
    return Sample((d.array(shape), weight), {"axes": axes, "eps": d.choice((None, 1e-5, 0.1))})


def draw_group_norm(d: Draw) -> Sample:
    groups, per_group = d.integer(1, 2), d.integer(1, 2)
    channels = groups * per_group
    rest = d.shape(0, 2, empty=False)
    # A group of one value has a derivative of zero, and nothing to see.
    rest = (*rest, 2) if per_group == 1 else rest
    weight, bias = (d.array((channels,)) if d.flag() else None for _ in range(2))
    x = d.array((d.integer(1, 3), channels, *rest))
    return Sample((x, weight, bias), {"num_groups": groups, "eps": d.choice((1e-5, 0.1))})
