"""Families of the table that a program may not need are read late, whoever asks first, and none is forgotten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import candelabra.core.primitives as primitives
import pytest
from candelabra.core.primitives import LATE, TABLE

FOLDER = Path(primitives.__file__).parent
KINDS = ("Row(", "elementwise(", "linear(", "bilinear(", "general(", "discrete(", "creation(")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_reads_no_late_family() -> None:
    code = "import candelabra, sys; print([m for m in sys.modules if m.rpartition('primitives.')[2] in {}])"
    assert run(code.format(LATE)) == "[]"


@pytest.mark.parametrize(
    "ask", ["TABLE['lstm']", "TABLE.get('lstm')", "'lstm' in TABLE", "len(TABLE)", "list(TABLE)", "dict(TABLE)['lstm']"]
)
def test_asking_reads_them(ask: str) -> None:
    code = f"import candelabra; from candelabra.core.primitives import TABLE; assert {ask}; print(len(TABLE.late))"
    assert run(code) == "0"


def test_a_row_of_ones_own_must_not_take_a_late_name() -> None:
    code = """
from candelabra.core.primitives.row import elementwise
from candelabra.core.errors import RegistrationError
try:
    elementwise("lstm", "x, /", "Mine.", body=lambda xp, x: x)
except RegistrationError as error:
    print("twice" in str(error) and "recurrent.py" in str(error))
"""
    assert run(code) == "True"


def test_many_threads_may_ask_first() -> None:
    code = """
import threading, candelabra as cb
start, found = threading.Barrier(8), []
def ask():
    start.wait()
    found.append(cb.softmax(cb.zeros(2), axis=0).tolist() == [0.5, 0.5])
threads = [threading.Thread(target=ask) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(found), all(found))
"""
    assert run(code) == "8 True"


def test_every_family_with_rows_is_read() -> None:
    """A file whose rows nobody would find is a mistake."""
    loaded = {Path(row.place.rpartition(":")[0]).stem for row in TABLE.values()}
    for path in FOLDER.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.stem != "row" and any(f"\n{kind}" in text or f"= {kind}" in text for kind in KINDS):
            assert path.stem in loaded, f"{path.name} is not read: name it in LATE or import it"


def test_composites_are_read_late_too() -> None:
    code = """
import candelabra as cb
from candelabra.core import functions
assert "topk" not in functions.COMPOSITES
print(cb.topk(cb.tensor([1.0, 3.0, 2.0]), 1).indices.tolist(), functions._waiting)
"""
    assert run(code) == "[1] []"


def test_a_late_composite_hides_no_early_row() -> None:
    code = """
import candelabra
from candelabra.core import functions
from candelabra.core.primitives import TABLE
early = set(dict.keys(TABLE))
late = set(functions.read_all()) - {name for f in functions.EARLY for name in
        __import__(f"candelabra.core.functions.{f}", fromlist=["x"]).__all__}
print(sorted(early & late))
"""
    assert run(code) == "[]"
