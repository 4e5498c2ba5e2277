"""`vmap` of every row against a loop."""

from __future__ import annotations

import pytest
from candelabra.conformance.batching import check_vmap
from candelabra.conformance.checks import arrays_in
from candelabra.conformance.drawing import Draw
from candelabra.conformance.harness import Examples, for_rows
from candelabra.conformance.samples import sample
from candelabra.conformance.subject import Subject
from candelabra.core.errors import TransformError
from candelabra.core.ways import DATA_DEPENDENT, batching


@for_rows(lambda row: batching(row) not in ("", "refused"))
def test_vmap(subject: Subject, examples: Examples) -> None:
    def at(d: Draw) -> None:
        drawn = sample(subject.row, d)
        count = len(arrays_in(drawn.operands))
        if not count:
            return
        # All of the operands, or one of them, along the first or the last axis.
        alone = d.integer(0, count)
        axis = d.choice((0, -1))
        check_vmap(subject, drawn, [axis if alone in (0, i + 1) else None for i in range(count)])

    for dtype in [name for name in subject.dtypes() if name in ("float64", "int64")] or subject.dtypes()[:1]:
        examples(at, dtype, share=1.5)


@for_rows(lambda row: row.name in DATA_DEPENDENT)
def test_vmap_of_data_dependent_shapes(subject: Subject, examples: Examples) -> None:
    def at(d: Draw) -> None:
        with pytest.raises(TransformError, match=f"{subject.row.name} inside vmap: the result's shape would depend"):
            check_vmap(subject, sample(subject.row, d), [0])

    examples(at, "int64", share=0.1)
