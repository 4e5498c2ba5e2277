"""Runs Python where CuPy is the stand-in, and cards are pretended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from stand_in import COMPILER  # noqa: E402

NEEDED = os.environ.get("CANDELABRA_REQUIRE_PEERS") == "1"


def python(code: Sequence[str], folder: Path, cards: int = 1, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments such as ``["-c", text]`` in a folder, with so many cards."""
    if COMPILER is None:
        assert not NEEDED, "there is no C++ compiler"
        pytest.skip("there is no C++ compiler")
    path = os.pathsep.join([str(HERE / "fake"), str(HERE)])
    # A compiler takes seconds for each kernel that is generated: fused chains have tests of their own.
    usual = {"PYTHONPATH": path, "CANDELABRA_FAKE_CARDS": str(cards), "CANDELABRA_FUSION": "0"}
    environment = {**usual, **environment}
    return subprocess.run(
        [sys.executable, *code], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )
