"""The card that tests of one run on."""

from __future__ import annotations

import candelabra as cb
import pytest


@pytest.fixture
def card(request: pytest.FixtureRequest) -> cb.Device:
    """The CUDA device that was asked for."""
    asked = [name for name in request.config.getoption("--device") or [] if name.partition(":")[0] == "cuda"]
    if not asked:
        pytest.skip("no CUDA device was asked for")
    return cb.device(asked[0]).resolved()
