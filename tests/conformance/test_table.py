"""Every row carries what the suite needs."""

from __future__ import annotations

import pytest
from candelabra.conformance.references import reference
from candelabra.conformance.samples import domains_of, generator_of
from candelabra.core.primitives import TABLE
from candelabra.core.primitives.row import Row


@pytest.mark.parametrize("row", TABLE.values(), ids=list(TABLE))
def test_row_has_samples_and_a_reference(row: Row) -> None:
    assert generator_of(row) is not None or domains_of(row), (
        f"row {row.name} ({row.place}) has no samples: give it samples= (a domain such as 'positive', or the name of a "
        f"generator in candelabra.conformance.samples), or write the generator draw_{row.name}"
    )
    assert reference(row) is not None, (
        f"row {row.name} ({row.place}) has no reference: give it reference= ('numpy.name', 'math.name' or "
        f"'references.name'), or write {row.name} in candelabra.conformance.references"
    )
