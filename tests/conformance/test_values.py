"""Values of every row: against its reference, in other memory layouts, and with memory that is written elsewhere."""

from __future__ import annotations

from candelabra.conformance import checks
from candelabra.conformance.harness import Examples, for_rows
from candelabra.conformance.samples import sample
from candelabra.conformance.subject import Subject
from candelabra.core import dtypes
from candelabra.core.implementation import implementation
from candelabra.core.primitives.row import Row

# One dtype of each kind, for what does not depend on its width.
KINDS = ("bool", "int64", "float32", "complex64")


@for_rows(lambda row: True)
def test_values(subject: Subject, examples: Examples) -> None:
    for dtype in subject.dtypes():
        examples(lambda d: checks.check_values(subject, sample(subject.row, d)), dtype)


def of_floats(row: Row) -> bool:
    """Rows of one or two operands that work element by element in real floating-point numbers."""
    # Libraries differ, and from the standard, in what floor_divide gives for infinities; gelu's formula loses its tail.
    left_out: tuple[str, ...] = ("where", "transfer", "floor_divide", "gelu", "complex", "orthogonal_polynomial")
    # Of airy's phase nothing is left far out; those of two arguments have edges of their own, which unit tests walk.
    left_out += ("airy_ai", "airy_ai_slope", "betaln", "gammainc_slope", "igamma", "igammac", "zeta")
    plain = not any(o.optional for o in row.operands) and row.name not in left_out
    return row.batch == "elementwise" and plain and dtypes.float32 in dtypes.CATEGORIES[row.category]


@for_rows(of_floats)
def test_magnitudes(subject: Subject, examples: Examples) -> None:
    for dtype in [name for name in subject.dtypes() if name in ("float32", "float64")]:
        examples(lambda d: checks.check_magnitudes(subject, sample(subject.row, d)), dtype, share=0.5)


@for_rows(lambda row: bool(row.operands) and row.kind != "update")
def test_layouts(subject: Subject, examples: Examples) -> None:
    for dtype in [name for name in subject.dtypes() if name in KINDS]:
        examples(lambda d: checks.check_layouts(subject, sample(subject.row, d)), dtype, share=0.5)


@for_rows(lambda row: bool(row.operands) and row.kind != "update")
def test_aliasing(subject: Subject, examples: Examples) -> None:
    for dtype in [name for name in subject.dtypes() if name in KINDS]:
        examples(lambda d: checks.check_aliasing(subject, sample(subject.row, d)), dtype, share=0.5)


@for_rows(lambda row: row.is_differentiable and bool(row.operands))
def test_saved_arrays(subject: Subject, examples: Examples) -> None:
    for dtype in [name for name in subject.dtypes() if name in ("float32", "complex64")]:
        examples(lambda d: checks.check_saved(subject, sample(subject.row, d)), dtype, share=0.5)


@for_rows(lambda row: row.body is not None and row.kind != "creation")
def test_kernel_against_body(subject: Subject, examples: Examples) -> None:
    if implementation(subject.row, subject.device).source != "kernel":
        return
    for dtype in subject.dtypes():
        examples(lambda d: checks.check_kernel(subject, sample(subject.row, d)), dtype)
