"""`benchmarks/cuda.sh` without a card: it says so, and what it does on one is run on the stand-in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPT = HERE.parents[1] / "benchmarks" / "cuda.sh"
sys.path.insert(0, str(HERE))

from cards import NEEDED  # noqa: E402
from stand_in import COMPILER  # noqa: E402

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux" or shutil.which("timeout") is None, reason="a script for Linux"),
    pytest.mark.host,
]


def stand_in() -> dict[str, str]:
    """Return an environment in which there is a card, as far as candelabra can tell."""
    if COMPILER is None:
        assert not NEEDED, "there is no C++ compiler"
        pytest.skip("there is no C++ compiler")
    path = os.pathsep.join([str(HERE / "fake"), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path, "CANDELABRA_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), str(folder)], capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_its_text_is_clean() -> None:
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([checker, str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_without_a_card_it_says_so_at_once(tmp_path: Path) -> None:
    code = "import ctypes; driver = ctypes.CDLL('libcuda.so.1'); assert not driver.cuInit(0)"
    if subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0:
        pytest.skip("there is a card")
    done = run(tmp_path / "out", PYTHON=sys.executable)
    assert done.returncode == 2 and done.stderr.startswith("cuda.sh: no card: no NVIDIA driver: "), done.stderr
    assert not (tmp_path / "out").exists()
    done = run(tmp_path / "out", CANDELABRA_PYTHON=sys.executable, DEVICE="nonesuch")
    assert done.returncode == 2 and done.stderr.startswith("cuda.sh: no device nonesuch: "), done.stderr
    done = run(tmp_path / "out", PYTHON="/nonesuch/python")
    assert done.returncode == 2 and "/nonesuch/python is not Python 3.11 or newer" in done.stderr


def test_each_stage_runs_and_a_failure_does_not_end_it(tmp_path: Path, torch: object) -> None:
    chosen = {"SELECT": "cuda:0-tanh] and values", "WORKLOADS": "chain matmul-bfloat16", "SMALL": "1"}
    done = run(
        tmp_path / "out", TORCH_PYTHON=sys.executable, TORCH_DEVICE="cpu", LIMIT="400",
        STAGES="devices conformance benchmarks sharing", **chosen, **stand_in(),
    )  # fmt: skip
    summary = (tmp_path / "out" / "summary.txt").read_text()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[:2] for line in summary.splitlines()[2:6]] == [
        ["devices", "0"], ["benchmarks", "0"], ["sharing", "0"], ["conformance", "0"],
    ]  # fmt: skip
    assert "cuda:0" in (tmp_path / "out" / "devices.log").read_text()
    assert "1 skipped" in (tmp_path / "out" / "sharing.log").read_text()
    report = json.loads((tmp_path / "out" / "conformance.json").read_text())
    assert "tanh" in report["devices"]["cuda:0"]["rows"]
    numbers = json.loads((tmp_path / "out" / "benchmarks.json").read_text())
    assert numbers["device"] == "cuda" and numbers["small"] is True
    assert [set(outcome["seconds"]) for outcome in numbers["outcomes"]] == [{"candelabra", "torch"}] * 2
    assert set(numbers["outcomes"][0]["copy"]) == {"candelabra", "torch"}


def test_what_fails_or_has_no_time_is_told_at_the_end(tmp_path: Path) -> None:
    done = run(
        tmp_path / "out", STAGES="conformance benchmarks", SELECT="no_such_row", WORKLOADS="no-such-workload",
        LIMIT="300", **stand_in(),
    )  # fmt: skip
    assert done.returncode == 1
    lines = (tmp_path / "out" / "summary.txt").read_text().splitlines()
    assert [line.split()[:2] for line in lines[2:4]] == [["benchmarks", "2"], ["conformance", "2"]]
    assert "no workload is called no-such-workload" in lines[2]
    done = run(tmp_path / "out", STAGES="devices", LIMIT="1", **stand_in())
    assert done.returncode == 1 and "no time was left" in done.stdout
