"""Generators of valid calls of the special functions that have more than arrays of one kind."""

from __future__ import annotations

from candelabra.conformance.drawing import Draw, Sample
from candelabra.core.primitives.special_polynomials import FAMILIES


def draw_zeta(d: Draw) -> Sample:
    one, two = d.broadcastable(2)
    return Sample((d.array(one, "(1.5, 5)"), d.array(two, "(0.4, 4)")), {"order": d.integer(0, 2)})


def draw_gammainc_slope(d: Draw) -> Sample:
    one, two = d.broadcastable(2)
    return Sample((d.array(one, "(0.6, 6)"), d.array(two, "(0.4, 8)")), {"order": d.integer(1, 2)})


def draw_orthogonal_polynomial(d: Draw) -> Sample:
    one, two = d.broadcastable(2)
    degrees = d.array(two, "(-1, 6)", "int64")
    return Sample(
        (d.array(one, "(-1.5, 1.5)"), degrees), {"family": d.choice(list(FAMILIES)), "order": d.integer(0, 2)}
    )


def draw_fmod(d: Draw) -> Sample:
    """Quotients that are no integers: there the remainder jumps."""
    one, two = d.broadcastable(2)
    if d.kind in "iu":
        return Sample((d.array(one, "(-100, 100)"), d.array(two, "(1, 9)")))
    divisor = d.array(two, "nonzero")
    share = d.array(one, "(0.1, 0.9)")
    whole = d.array(one, "(0, 3)", "int32")
    sign = d.values.choice([-1.0, 1.0], one)
    if one != two:
        return Sample(((sign * (share + whole)).astype(d.dtype), d.values.choice([-1.0, 1.0], two).astype(d.dtype)))
    return Sample(((sign * (share + whole) * abs(divisor)).astype(d.dtype), divisor))
