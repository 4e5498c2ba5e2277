"""Bodies and backwards that a backend compiles: once for each set of constants, never where one looks at values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from candelabra.core.compiled import MOST, VAIN, Compiled, NothingGained
from candelabra.core.errors import ShapeError


class Compiler:
    """Counts what it is given; what it makes refuses to look at values, as a tracer does."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.given += 1

        def run(*arrays: Any) -> Any:
            if any(a == "value" for a in arrays):
                raise TypeError("values are not known here")
            return ("compiled", function(*arrays))

        return run


def scaled(compiler: Compiler) -> Compiled:
    return Compiled(compiler, lambda factor: lambda x: x * factor)


def test_once_for_each_set_of_constants() -> None:
    compiler = Compiler()
    run = scaled(compiler)
    assert [run((3,), (2,)), run((3,), (5,)), run((4,), (2,))] == [("compiled", n) for n in (6, 15, 8)]
    assert compiler.given == 2


def test_constants_that_are_equal_may_differ() -> None:
    compiler = Compiler()
    run = scaled(compiler)
    found = [run((factor,), (2.0,))[1] for factor in (1, True, 1.0, 0.0, -0.0)]
    assert compiler.given == 5 and str(found[3:]) == "[0.0, -0.0]"


def test_a_constant_that_always_changes_is_not_compiled_for_ever() -> None:
    compiler = Compiler()
    run = scaled(compiler)
    found = [run((float(n),), (1,)) for n in range(MOST + 3)]
    assert compiler.given == MOST and found[-1] == MOST + 2.0


def test_what_looks_at_values_runs_as_it_is() -> None:
    compiler = Compiler()
    run = scaled(compiler)
    assert run((2,), (3,)) == ("compiled", 6)
    assert run((2,), ("value",)) == "valuevalue"
    assert run((2,), (3,)) == 6 and compiler.given == 1


def test_what_gains_nothing_runs_as_it_is() -> None:
    given = []

    def compile(function: Callable[..., Any]) -> Callable[..., Any]:
        given.append(function)

        def run(x: int) -> Any:
            if x < 10:
                raise NothingGained
            return ("compiled", function(x))

        return run

    run = Compiled(compile, lambda factor: lambda x: x * factor)
    assert [run((3,), (2,)), run((3,), (20,)), run((4,), (20,))] == [6, 60, ("compiled", 80)]
    assert not run.cannot and len(given) == 2
    never = Compiled(compile, lambda factor: lambda x: x * factor)
    assert [never((n,), (2,)) for n in range(VAIN + 2)] == [2 * n for n in range(VAIN + 2)]
    assert never.cannot and len(given) == 2 + VAIN


def test_errors_are_the_functions_own() -> None:
    def refuses(factor: int) -> Callable[..., Any]:
        def function(x: Any) -> Any:
            raise ShapeError("no such shape")

        return function

    run = Compiled(Compiler(), refuses)
    with pytest.raises(ShapeError, match="no such shape"):
        run((1,), (3,))
    assert not run.cannot
    with pytest.raises(TypeError):
        scaled(Compiler())((2,), (None,))
