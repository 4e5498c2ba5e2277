"""How a check meets examples: hypothesis draws them, always the same ones, without a deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from candelabra.conformance.derivatives import Kink
from candelabra.conformance.drawing import Draw
from candelabra.conformance.subject import Unanswered
from candelabra.core.primitives.row import Row


def for_rows(choose: Callable[[Row], bool]) -> Any:
    """Mark a test that takes a `subject`: it runs for each row that `choose` accepts, on each device."""
    return pytest.mark.conformance_rows.with_args(choose)


class Examples:
    """Runs a check on examples. They are small as they are drawn: a failing one is shown without being shrunk first.

    Parameters
    ----------
    count : int
        How many examples to draw per check and dtype.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, check: Callable[[Draw], None], dtype: str, *, smooth: bool = False, share: float = 1.0) -> None:
        """Run `check` on drawn examples of a dtype; `share` of the usual number, at least one that is not trivial."""

        @hypothesis.settings(
            max_examples=max(2, round(self.count * share)), derandomize=True, deadline=None, database=None,
            suppress_health_check=list(hypothesis.HealthCheck), report_multiple_bugs=False,
            verbosity=hypothesis.Verbosity.quiet, phases=[hypothesis.Phase.generate],
        )  # fmt: skip
        @hypothesis.given(st.data())
        def run(data: Any) -> None:
            def integer(low: int, high: int) -> int:
                return data.draw(st.integers(low, high))

            try:
                check(Draw(integer, dtype, smooth=smooth))
            except Kink:
                hypothesis.reject()
            except Unanswered:
                check(Draw(integer, "float32", smooth=smooth))

        run()
