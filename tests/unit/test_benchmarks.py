"""The benchmarks: every variant of a workload computes the same, and the race is run as it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # `benchmarks` runs from the checkout, it is not installed

from benchmarks import __main__ as command  # noqa: E402
from benchmarks.quiet import STAT, Watch, own_seconds  # noqa: E402
from benchmarks.race import Outcome, Worker, WorkerError, race, spread  # noqa: E402
from benchmarks.report import markdown, table, time_text  # noqa: E402
from benchmarks.workloads import WORKLOADS  # noqa: E402

COMPUTING = [name for name, workload in WORKLOADS.items() if not workload.self_timed]
RACING = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot freeze a process")


def numbers(name: str, library: str) -> list[np.ndarray]:
    """What three steps of a variant end with, on the small size."""
    step = WORKLOADS[name].build(library, small=True)
    for _ in range(3):
        result = step()
    parts = result if isinstance(result, list | tuple) else [result]
    return [part.detach().numpy() if hasattr(part, "detach") else np.asarray(part) for part in parts]


def assert_agree(name: str, library: str) -> None:
    expected = numbers(name, "numpy")
    actual = numbers(name, library)
    assert len(actual) == len(expected)
    for mine, theirs in zip(actual, expected, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5 * max(1.0, float(np.abs(theirs).max())))


@pytest.mark.parametrize("name", COMPUTING)
def test_candelabra_and_the_hand_written_step_agree(name):
    assert_agree(name, "candelabra")


@pytest.mark.parametrize("name", COMPUTING)
def test_torch_and_the_hand_written_step_agree(name, torch):
    assert_agree(name, "torch")


def test_every_workload_has_three_variants_and_a_ceiling():
    assert len(WORKLOADS) == 27
    for name, workload in WORKLOADS.items():
        assert workload.name == name
        assert set(workload.variants) == {"candelabra", "torch", "numpy"}
        assert 0 < workload.ceiling < 2


def state(worker: Worker) -> str:
    """The one-letter state of a process, as Linux gives it."""
    return Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@RACING
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_worker_is_frozen_after_its_answer():
    worker = Worker("numpy", "multiply")
    try:
        assert worker.ask("calibrate", 0.01) >= 1
        assert worker.ask("run", 10) > 0
        deadline = time.monotonic() + 5
        while state(worker) != "T" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert state(worker) == "T"
        memory = worker.ask("memory")
        assert 0 < memory["before"] <= memory["peak"]
    finally:
        worker.end()
    assert worker.process.poll() is not None


@RACING
def test_a_disturbed_turn_is_taken_again_and_the_quietest_counts(monkeypatch):
    worker = object.__new__(Worker)
    worker.process = type("Process", (), {"pid": 1})
    turns = iter([(1.5, 30.0), (0.6, 20.0), (0.02, 10.0)])
    monkeypatch.setattr("benchmarks.race.Watch", lambda pid: type("Watch", (), {"others": lambda self: now[0]})())
    now: list[float] = []

    def ask(command: str, argument: int) -> float:
        assert (command, argument) == ("run", 7)
        now[:] = next(turns)
        return now[1]

    worker.ask = ask
    assert worker.timed(7, patience=60.0) == (10.0, 0.02)
    turns = iter([(1.5, 30.0), (0.6, 20.0)])
    assert worker.timed(7, patience=0.0) == (30.0, 1.5)


@pytest.mark.skipif(not STAT.exists(), reason="reads /proc")
def test_what_others_do_is_seen_and_what_oneself_does_is_not():
    before = own_seconds(os.getpid())
    script = "import time; start = time.time()\nwhile time.time() < start + {}: pass"
    subprocess.run([sys.executable, "-c", script.format(0.5)], check=True)
    assert own_seconds(os.getpid()) - before > 0.2  # an ended child counts as one's own
    neighbour = subprocess.Popen([sys.executable, "-c", script.format(20)])
    try:
        watch = Watch(os.getpid())
        time.sleep(0.5)
        assert watch.others() > 0.2
    finally:
        neighbour.kill()
        neighbour.wait()


@RACING
def test_a_worker_that_dies_says_why():
    worker = Worker("no_such_library", "multiply")
    try:
        with pytest.raises(WorkerError, match="No module named 'no_such_library'"):
            worker.ask("describe")
    finally:
        worker.end()


@RACING
def test_a_race_takes_the_ratio_of_each_pair_and_leaves_out_who_fails():
    libraries = ["no_such_library", "candelabra", "numpy"]
    outcome = race(WORKLOADS["multiply"], libraries, rounds=3, seconds=0.01, patience=0.0)
    assert "No module named" in outcome.errors["no_such_library"]
    assert list(outcome.ratios) == ["candelabra/numpy"]
    ratio = outcome.ratios["candelabra/numpy"]
    assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
    assert set(outcome.seconds) == set(outcome.memory) == set(outcome.about) == {"candelabra", "numpy"}
    assert outcome.about["numpy"]["version"] == np.__version__
    assert outcome.ratio is None and outcome.met is None


@RACING
def test_the_command_writes_json_and_results(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    file = tmp_path / "run.json"
    before = signal.getsignal(signal.SIGTERM)
    arguments = ["multiply", "--peers", "numpy", "--rounds", "2", "--seconds", "0.01", "--patience", "0"]
    try:
        assert command.main([*arguments, "--json", str(file), "--write-results"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    run = json.loads(file.read_text())
    assert run["rounds"] == 2
    assert Outcome(**run["outcomes"][0]).title == "multiply, 10 floats"
    assert "multiply, 10 floats" in (tmp_path / "RESULTS.md").read_text()
    assert "candelabra/numpy" in capsys.readouterr().out


def test_a_run_of_some_workloads_keeps_the_others_numbers():
    former = {"libraries": {"torch": {"version": "1"}}, "outcomes": [{"name": "adam", "v": 1}, {"name": "cnn", "v": 1}]}
    newer = [{"name": "multiply", "v": 2}, {"name": "cnn", "v": 2}]
    latest = {"libraries": {"numpy": {}}, "rounds": 5, "outcomes": newer}
    assert command.merged(former, latest) == {
        "libraries": {"torch": {"version": "1"}, "numpy": {}},
        "rounds": 5,
        "outcomes": [{"name": "multiply", "v": 2}, {"name": "cnn", "v": 2}, {"name": "adam", "v": 1}],
    }


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["multipy"], "no workload is called multipy; there are: multiply, multiply-grad"),
        (["--peers", "jax"], "--peers takes some of torch, numpy"),
        (["--rounds", "0"], "--rounds takes a whole number of at least 1"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(arguments, text, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert exit_.value.code == 2
    assert text in capsys.readouterr().err


def outcome(ratio: float, **changes) -> Outcome:
    values = {
        "name": "w",
        "title": "work",
        "ceiling": 0.6,
        "against": "torch",
        "ratios": {"torch/numpy": spread([2.0]), "candelabra/torch": spread([ratio / 2, ratio, ratio * 2])},
        "seconds": {"candelabra": 0.0015, "torch": 2.0},
        "memory": {"candelabra": {"before": 1, "peak": 42_000_000}, "torch": {"before": 1, "peak": 2}},
    }
    return Outcome(**{**values, **changes})


def test_the_table_says_what_was_met():
    lines = table([outcome(0.5), outcome(0.7, title="more work"), outcome(0.5, ratios={}, errors={"torch": "no"})])
    header, _, met, missed, not_run, failure = lines.splitlines()
    assert header.split() == ["workload", "candelabra/torch", "torch/numpy", "ceiling"]
    assert met.endswith("met") and "0.50 (0.25–1.00)" in met and "0.60" in met
    assert missed.endswith("missed")
    assert not_run.endswith("not run")
    assert failure == "work: torch: no"


def test_the_ceiling_may_be_about_another_peer():
    other = outcome(9.0, against="numpy", ratios={"candelabra/torch": spread([9.0]), "candelabra/numpy": spread([0.5])})
    assert other.met
    assert "0.60 × numpy" in table([other])


def test_results_are_written_from_a_run():
    run = {
        "date": "2030-01-01",
        "machine": {"processor": "a processor", "cores": 2, "system": "Linux", "python": "3.11"},
        "rounds": 7,
        "seconds": 0.3,
        "libraries": {"torch": {"version": "2", "threads": 2}},
        "outcomes": [outcome(0.5).as_dict(), outcome(0.7).as_dict()],
        "remarks": "## What holds it back",
    }
    text = markdown(json.loads(json.dumps(run)))
    assert text.startswith("# Benchmark results\n\n1 of 2 ceilings met, on 2030-01-01, a processor, 2 cores")
    assert "| work | 0.50 (0.25–1.00) | 2.00 (2.00–2.00) | 0.60 | met |" in text
    assert "| work | candelabra | 1.5 ms | 42 MB | 0 MB |" in text
    assert "- torch: version 2, threads 2" in text
    assert "## What holds it back" in text
    assert "python -m benchmarks --json results.json --write-results" in text


def test_times_are_written_with_their_unit():
    assert [time_text(t) for t in (2.0, 0.0123, 4.56e-6, 7e-9)] == ["2 s", "12.3 ms", "4.56 µs", "7 ns"]
