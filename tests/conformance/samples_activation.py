"""Generators of valid calls for the rows of activations."""

from __future__ import annotations

from candelabra.conformance.drawing import Draw, Sample


def draw_elu(d: Draw) -> Sample:
    statics = {"alpha": d.choice((1.0, 1.7)), "scale": d.choice((1.0, 1.0507)), "input_scale": d.choice((1.0, 0.6))}
    return Sample((d.array(d.shape()),), statics)


def draw_hardtanh(d: Draw) -> Sample:
    low, high = d.choice(((-1.0, 1.0), (0.0, 6.0), (-0.3, 2.2)))
    return Sample((d.array(d.shape()),), {"min_val": low, "max_val": high})


def draw_prelu(d: Draw) -> Sample:
    shape = d.shape()
    return Sample((d.array(shape), d.array(d.choice(((), shape, shape[1:], (1,) * len(shape))), "positive")))
