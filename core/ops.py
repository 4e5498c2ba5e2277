"""Every function of candelabra by name: rows of the table, built on first use, and the composites on top of them."""

from __future__ import annotations

from typing import Any

from . import device as devices
from . import primitives  # noqa: F401
from .primitives.row import TABLE, Row


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        # The import system asks for `__path__`; the table need not be read for it.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import functions

    # A composite of a row's name is the row's friendlier front: `zeros(2, 3, requires_grad=True)`.
    function = functions.find(name)
    if function is None:
        row = TABLE.get(name)
        if row is None and devices.resolver().find_row(name):
            row = TABLE.get(name)
        if row is None:
            raise AttributeError(f"candelabra has no function named {name!r}")
        function = row_function(row)
    globals()[name] = function
    return function


def __dir__() -> list[str]:
    from . import functions

    return sorted({*TABLE, *functions.read_all()})


def row_function(row: Row) -> Any:
    """Return the public function of a row, with its documentation."""
    if row.function is None:
        from . import dispatch, documentation

        function = dispatch.build(row)
        documentation.dress(function, row)
        row.function = function
    return row.function
