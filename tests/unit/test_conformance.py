"""The conformance suite as a program: its options, its summary, and what it writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from candelabra.conformance import page, report
from candelabra.conformance.report import Outcomes
from candelabra.core.primitives import TABLE

FAULT = """
import numpy as np
from candelabra.core.device import as_device

backend = as_device("cpu").backend
backend.kernels = {**backend.kernels, "tanh": lambda x: np.tanh(x) + 1e-3}
"""


def conformance(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "candelabra.conformance.plugin",
            "--pyargs", "candelabra.conformance", "--import-mode=importlib", *arguments,
        ],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_a_row_passes_and_a_planted_fault_fails(tmp_path: Path) -> None:
    right = conformance(
        tmp_path, "--device", "cpu", "-k", "tanh and not atanh and not hardtanh",
        "--json", "right.json", "--html", "right.html",
    )  # fmt: skip
    assert right.returncode == 0, right.stdout + right.stderr
    assert "conformance of cpu" in right.stdout
    found = json.loads((tmp_path / "right.json").read_text())["devices"]["cpu"]
    assert found["families"]["in all"].pop("seconds") > 0
    assert found["families"]["in all"] == {
        "rows": 1, "passed": 1, "forward": 1, "reverse": 1, "double": 1, "forward mode": 1, "vmap": 1, "loop": 0,
        "generic fallback": 0, "host fallback": 0, "failed": 0,
    }  # fmt: skip
    assert set(found["rows"]["tanh"]["checks"]) >= {
        "values", "layouts", "aliasing", "vjp", "double_backward", "third_derivative", "jvp", "across_levels", "vmap",
    }  # fmt: skip

    (tmp_path / "planted.py").write_text(FAULT)
    wrong = conformance(
        tmp_path,
        "--device",
        "cpu",
        "-k",
        "tanh and not atanh and not hardtanh",
        "-p",
        "planted",
        "--json",
        "wrong.json",
        "--html",
        "wrong.html",
    )
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "failed: tanh (" in wrong.stdout
    row = json.loads((tmp_path / "wrong.json").read_text())["devices"]["cpu"]["rows"]["tanh"]
    assert "values" in row["failures"] and row["source"] == "kernel"
    text = (tmp_path / "wrong.html").read_text()
    assert "<h3>tanh: values</h3>" in text and "<script" not in text and "http" not in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--device", "nowhere"), "--device: .*nowhere"),
        (("--device", "cpu:7"), "--device: .*cpu"),
        (("--max-examples", "0"), "--max-examples: at least one example is needed"),
    ],
)
def test_bad_options(tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    found = conformance(tmp_path, *arguments)
    assert found.returncode == 4
    assert re.search(text, found.stdout + found.stderr), found.stdout + found.stderr


def test_every_string_of_the_page_is_escaped(tmp_path: Path) -> None:
    outcomes = Outcomes()
    outcomes.add("cpu", "tanh", "values", "failed", "<script>alert('x')</script> & \"more\"")
    outcomes.add("cpu", "<layers>", "test_<b>", "failed", "<img src=x>")
    page.write_html(outcomes, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "&lt;script&gt;" in text and "&lt;layers&gt;: test_&lt;b&gt;" in text
    for raw in ("<script", "<img", "<b>", "<layers>", "http:", "https:"):
        assert raw not in text


def test_table_counts_rows_by_family() -> None:
    outcomes = Outcomes()
    outcomes.add("cpu", "tanh", "values", "passed", seconds=0.5)
    outcomes.add("cpu", "tanh", "vjp", "failed", "trace\nAssertionError: no", seconds=70.25)
    outcomes.add("cpu", "layer_norm", "values", "passed", seconds=2.0)
    outcomes.add("cpu", "layers", "test_training", "passed", seconds=12.5)
    lines = report.table(outcomes, "cpu")
    assert lines[0].split()[-2:] == ["failed", "time"]
    assert [line.split() for line in lines[1:4]] == [
        ["elementwise", "1", "0", "1", "0", "0", "0", "0", "0", "0", "0", "1", "1:11"],
        ["normalization", "1", "1", "1", "0", "0", "0", "0", "0", "0", "0", "0", "2.0", "s"],
        ["in", "all", "2", "1", "2", "0", "0", "0", "0", "0", "0", "0", "1", "1:13"],
    ]
    assert lines[4:] == [
        "layers: 1 of 1 passed (12 s)",
        "slowest checks: tanh vjp 1:10, layers test_training 12 s, layer_norm values 2.0 s, tanh values 0.5 s",
        "failed: tanh (vjp)",
        "    vjp: AssertionError: no",
    ]
    slowest = report.as_data(outcomes)["devices"]["cpu"]["slowest"]
    assert slowest["rows"][0] == ["tanh", 70.75] and slowest["checks"][0] == ["tanh", "vjp", 70.25]
    assert report.as_data(outcomes)["devices"]["cpu"]["families"]["elementwise"]["seconds"] == 70.75


def test_what_each_row_can_do_stands_in_the_reports(tmp_path: Path) -> None:
    run = conformance(
        tmp_path, "--device", "cpu", "-k", "cpu-tanh or cpu-nonzero or cpu-argmax",
        "--json", "a.json", "--html", "a.html",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    rows = json.loads((tmp_path / "a.json").read_text())["devices"]["cpu"]["rows"]
    passed = dict.fromkeys(("forward", "reverse", "double", "forward mode", "vmap"), "passed")
    without = {"reverse": "", "double": "", "forward mode": ""}
    assert rows["tanh"]["ways"] == passed
    assert rows["argmax"]["ways"] == {**passed, **without}
    assert rows["nonzero"]["ways"] == {**passed, **without, "vmap": "refused"}
    text = (tmp_path / "a.html").read_text()
    assert '<td class="refused">– refused</td>' in text and "<td><code>tanh</code></td>" in text


def test_a_way_fails_with_any_of_its_checks() -> None:
    outcomes = Outcomes()
    for check, outcome in {"values": "passed", "vjp": "passed", "graph_rule": "failed", "jvp": "skipped"}.items():
        outcomes.add("cpu", "tanh", check, outcome, "no" if outcome == "failed" else "")
    (_, _, outcome, columns) = next(outcomes.rows("cpu"))
    assert report.ways_of(TABLE["tanh"], outcome) == {
        "forward": "passed", "reverse": "failed", "double": "", "forward mode": "", "vmap": "",
    }  # fmt: skip
    assert (columns["forward"], columns["reverse"], columns["forward mode"]) == (True, False, False)
