"""Each row's function explains itself: a summary, every argument, and an example that runs."""

from __future__ import annotations

import doctest
import inspect

import candelabra as cb
import pytest
from candelabra.core import ops
from candelabra.core.primitives import INTERNAL, TABLE, is_internal

# Tests of registration add rows of their own.
ROWS = sorted(name for name, row in TABLE.items() if "candelabra" in (row.function or ops.row_function(row)).__module__)


def test_the_table_is_whole():
    assert len(ROWS) >= 160
    assert set(ROWS) >= INTERNAL


@pytest.mark.parametrize("name", ROWS)
def test_the_docstring_of_a_row(name):
    function = ops.row_function(TABLE[name])
    text = inspect.getdoc(function)
    summary = text.partition("\n")[0]
    assert summary.endswith((".", ";")) and len(summary) > 10
    for parameter in inspect.signature(function).parameters:
        assert f"\n{parameter} : " in text, parameter
    example = doctest.DocTestParser().get_doctest(text, {"cb": cb}, name, None, None)
    assert len(example.examples) >= 2
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
    assert result.failed == 0


def test_the_front_door_does_not_show_what_functions_are_made_of():
    internal = [name for name in ROWS if is_internal(name)]
    assert {*INTERNAL, "adam_step"} <= set(internal)
    for name in internal:
        assert not hasattr(cb, name)
        assert name not in dir(cb)
