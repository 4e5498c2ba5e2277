"""docs/operations.md says what the rows say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import candelabra as cb
from candelabra.core.primitives import TABLE
from candelabra.core.ways import batching, forward_mode, reverse_mode

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_not_stale() -> None:
    # In an interpreter of its own: other tests register rows.
    script = ROOT / "docs" / "make_operations.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_whatever_the_front_door_shows_stands_there() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`cb\.([\w.]+)`", text))
    home = "candelabra.core.functions"
    functions = {name for name in dir(cb) if getattr(getattr(cb, name), "__module__", "").startswith(home)}
    assert sorted(functions - named) == []


def test_ways_are_those_of_the_table() -> None:
    found = {name: (reverse_mode(TABLE[name]), forward_mode(TABLE[name]), batching(TABLE[name])) for name in (
        "multiply", "matmul", "reshape", "sort", "argmax", "zeros", "nonzero", "mish", "max_pool", "sgd_step",
    )}  # fmt: skip
    assert found == {
        "multiply": ("partials", "partials", "elementwise"), "matmul": ("transpose", "product rule", "rule"),
        "reshape": ("transpose", "itself", "rule"), "sort": ("rule", "rule", "axis"), "argmax": ("", "", "axis"),
        "zeros": ("", "", ""), "nonzero": ("", "", "refused"), "mish": ("body", "body", "elementwise"),
        "max_pool": ("body", "body", "merge"), "sgd_step": ("", "", ""),
    }  # fmt: skip


def test_a_loop_is_the_last_resort() -> None:
    # A row that runs once per element must say here why nothing better exists.
    assert [row.name for row in TABLE.values() if batching(row) == "loop"] == []
