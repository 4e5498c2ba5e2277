"""Derivatives of every differentiable row, first to third, in reverse and forward mode and across levels."""

from __future__ import annotations

from collections.abc import Callable

from candelabra.conformance import derivatives
from candelabra.conformance.derivatives import Point
from candelabra.conformance.drawing import Draw
from candelabra.conformance.harness import Examples, for_rows
from candelabra.conformance.samples import sample
from candelabra.conformance.subject import Subject
from candelabra.core.primitives.row import Row
from candelabra.core.ways import reverse_mode


def differentiable(row: Row) -> bool:
    return reverse_mode(row) != ""


def run(subject: Subject, examples: Examples, check: Callable[[Point], None], share: float = 1.0) -> None:
    """Run a check at drawn points, in the most precise dtypes that the device has."""

    def at(d: Draw) -> None:
        point = Point(subject, sample(subject.row, d), d.integer(0, 2**32 - 1))
        if point.arrays and point.outputs:
            check(point)

    for dtype in subject.smooth_dtypes():
        examples(at, dtype, smooth=True, share=share)


@for_rows(differentiable)
def test_vjp(subject: Subject, examples: Examples) -> None:
    run(subject, examples, derivatives.check_vjp)


@for_rows(differentiable)
def test_graph_rule(subject: Subject, examples: Examples) -> None:
    run(subject, examples, derivatives.check_graph_rule)


@for_rows(differentiable)
def test_double_backward(subject: Subject, examples: Examples) -> None:
    run(subject, examples, derivatives.check_double_backward, 0.75)


@for_rows(differentiable)
def test_third_derivative(subject: Subject, examples: Examples) -> None:
    run(subject, examples, derivatives.check_third, 0.5)


@for_rows(differentiable)
def test_jvp(subject: Subject, examples: Examples) -> None:
    run(subject, examples, derivatives.check_jvp, 0.75)


@for_rows(differentiable)
def test_across_levels(subject: Subject, examples: Examples) -> None:
    run(subject, examples, derivatives.check_levels, 0.5)
