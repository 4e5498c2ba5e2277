"""The benchmarks: every variant of a workload computes the same, and the race is run as it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # `benchmarks` runs from the checkout, it is not installed

from benchmarks import __main__ as command  # noqa: E402
from benchmarks.quiet import STAT, Watch, own_seconds  # noqa: E402
from benchmarks.race import Course, Outcome, Worker, WorkerError, race, spread  # noqa: E402
from benchmarks.report import markdown, table, time_text  # noqa: E402
from benchmarks.workload import Goal  # noqa: E402
from benchmarks.workloads import WORKLOADS, gpt2, resnet18  # noqa: E402

COMPUTING = [name for name, workload in WORKLOADS.items() if not workload.self_timed and "numpy" in workload.variants]
FOR_CARDS = [name for name, workload in WORKLOADS.items() if "numpy" not in workload.variants]
# Relative to the largest: what 16 bits give away, and what batch norms of four images enlarge.
CLOSE = {"bfloat16": 3e-2, "float16": 4e-3, "resnet18": 5e-3}
RACING = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot freeze a process")


def numbers(name: str, library: str) -> list[np.ndarray]:
    """What three steps of a variant end with, on the small size."""
    step = WORKLOADS[name].build(library, small=True)
    for _ in range(3):
        result = step()
    parts = result if isinstance(result, list | tuple) else [result]
    return [in_numpy(part) for part in parts]


def in_numpy(part) -> np.ndarray:
    return (
        (part.detach().float() if part.dtype.itemsize == 2 else part.detach()).numpy()
        if hasattr(part, "detach")
        else np.asarray(part)
    )


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


@pytest.mark.parametrize("name", FOR_CARDS)
def test_candelabra_and_torch_agree_on_what_is_for_cards(name, torch):
    close = next((bound for part, bound in CLOSE.items() if part in WORKLOADS[name].title + name), 1e-4)
    found, expected = numbers(name, "candelabra"), numbers(name, "torch")
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=close * max(1e-3, float(np.abs(theirs).max())))


def test_every_workload_has_its_variants_and_its_goal():
    assert len(COMPUTING) + len(FOR_CARDS) == len(WORKLOADS) - 1 == 51
    for name, workload in WORKLOADS.items():
        assert workload.name == name
        if name in FOR_CARDS:
            assert set(workload.variants) == {"candelabra", "torch"}
            assert not workload.runs_on(True) and workload.runs_on(False)
            goal = workload.goal(False)
            assert goal.ceiling is None or 0 < goal.ceiling <= 1.3
            assert goal.fraction is None or (goal.fraction == 0.85 and workload.moved is not None)
            assert goal != Goal()
        else:
            assert set(workload.variants) == {"candelabra", "torch", "numpy"}
            assert 0 < workload.ceiling < 2


def test_a_card_has_its_own_goals():
    assert WORKLOADS["small-operations"].goal(False) == Goal(ceiling=1.3)
    assert WORKLOADS["cnn"].goal(False) == Goal(ceiling=1.0) and WORKLOADS["cnn"].goal(True) == Goal(ceiling=1.35)
    assert command.chosen([], "cpu")[0] == "multiply" and "resnet18" not in command.chosen([], "cpu")
    assert "resnet18" in command.chosen([], "cuda") and "multiply" not in command.chosen([], "cuda:1")
    assert command.chosen(["multiply"], "cuda") == ["multiply"]


def test_what_must_be_moved_and_computed_is_counted():
    adam = WORKLOADS["adam-large"]
    assert adam.moved(adam.arrays(small=True)) == 7 * 3 * 81 * 4
    product = WORKLOADS["bmm-scores"]
    assert product.operations(product.arrays(small=True)) == 2 * 2 * 24 * 40 * 16
    norm = WORKLOADS["layer-norm-2048"]
    assert norm.moved(norm.arrays(small=True)) == 5 * 20 * 48 * 4


def test_gpt2_and_resnet18_are_as_large_as_they_should_be():
    small = {"vocabulary": 50257, "length": 1024, "width": 768, "layers": 1, "batch": 1}
    sizes = {name: array.shape for name, array in gpt2.inputs(np.random.default_rng(0), **small)["parameters"].items()}
    within = sum(int(np.prod(shape)) for name, shape in sizes.items() if name.startswith("h.0."))
    assert sum(int(np.prod(shape)) for shape in sizes.values()) + 11 * within == 124_439_808
    weights = resnet18.inputs(np.random.default_rng(0), batch=1, size=8)["parameters"].values()
    # Without the norms and the last bias, which the libraries make.
    assert sum(array.size for array in weights) == 11_689_512 - 9_600 - 1_000


def state(worker: Worker) -> str:
    """The one-letter state of a process, as Linux gives it."""
    return Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@RACING
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_worker_is_frozen_after_its_answer():
    worker = Worker("numpy")
    try:
        worker.build("multiply")
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
    worker = Worker("no_such_library")
    try:
        with pytest.raises(WorkerError, match="No module named 'no_such_library'"):
            worker.build("multiply")
    finally:
        worker.end()


@RACING
def test_a_library_without_the_device_says_so():
    worker = Worker("numpy", "cuda")
    try:
        with pytest.raises(WorkerError, match="numpy has no device cuda"):
            worker.build("multiply")
    finally:
        worker.end()


@RACING
def test_a_race_takes_the_ratio_of_each_pair_and_leaves_out_who_fails(monkeypatch):
    work = replace(WORKLOADS["multiply"], variants={"no_such_library": None, **WORKLOADS["multiply"].variants})
    monkeypatch.setitem(WORKLOADS, "multiply", work)
    libraries = ["no_such_library", "candelabra", "numpy"]
    course = Course(rounds=3, seconds=0.01, patience=0.0)
    outcome = race(work, libraries, course)
    assert not course.workers
    assert "No module named" in outcome.errors["no_such_library"]
    assert list(outcome.ratios) == ["candelabra/numpy"]
    ratio = outcome.ratios["candelabra/numpy"]
    assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
    assert set(outcome.seconds) == set(outcome.memory) == set(outcome.about) == {"candelabra", "numpy"}
    assert outcome.about["numpy"]["version"] == np.__version__
    assert outcome.ratio is None and outcome.met is None


@RACING
def test_the_command_writes_json_and_results(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "FOLDER", tmp_path)
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


@RACING
def test_on_a_device_processes_are_kept_and_bandwidth_is_measured():
    course = Course(rounds=2, seconds=0.01, patience=0.0, device="strict", names={"torch": "cpu"}, small=True)
    try:
        first = race(WORKLOADS["chain"], ["candelabra"], course)
        process = course.workers["candelabra"].process
        second = race(WORKLOADS["matmul-bfloat16"], ["candelabra"], course)
        third = race(WORKLOADS["softmax-512"], ["candelabra"], course)
        assert process.poll() is not None and course.workers["candelabra"].process is not process
        fourth = race(WORKLOADS["cnn"], ["candelabra"], course)
    finally:
        course.end()
    assert not course.workers
    for outcome in (first, third):
        assert not outcome.errors and outcome.device == "strict" and outcome.fraction == 0.85
        assert outcome.moved > 0 and outcome.copy["candelabra"] > 0
        share = outcome.moved / outcome.seconds["candelabra"] / outcome.copy["candelabra"]
        assert outcome.share("candelabra") == share and outcome.met == (share >= 0.85)
    # The device has no bfloat16: that workload alone fails.
    assert "bfloat16" in second.errors["candelabra"] and second.met is None
    assert not fourth.errors and not fourth.copy and fourth.about["candelabra"]["device"] == "CPU_DEVICE"


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
        (["--small", "--write-results"], "--small shows that it runs"),
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


def test_a_fraction_of_the_copy_is_a_goal_too():
    moving = {
        "moved": 1.2e6,
        "fraction": 0.85,
        "ceiling": None,
        "device": "cuda",
        "copy": {"candelabra": 1e9, "torch": 1e9},
    }
    fast, slow = outcome(0.5, **moving), outcome(0.5, **{**moving, "moved": 1.2e5})
    assert fast.share("candelabra") == pytest.approx(0.8) and not fast.met
    assert outcome(0.5, **{**moving, "fraction": 0.79}).met
    assert not outcome(0.7, **{**moving, "fraction": 0.79, "ceiling": 0.6}).met
    assert outcome(0.5, **{**moving, "copy": {}}).met is None
    lines = table([fast, slow, outcome(0.5)]).splitlines()
    assert "candelabra, of copy" in lines[0] and "80 %" in lines[2] and "≥ 85 % of copy" in lines[2]
    assert "8 %" in lines[3] and lines[3].endswith("missed") and "–" in lines[4]


def test_results_of_a_card_name_it_and_tell_bandwidth_and_memory():
    moving = {"moved": 1.5e6, "fraction": 0.85, "ceiling": None, "device": "cuda", "copy": {"candelabra": 1.1e9}}
    memory = {"candelabra": {"before": 1, "peak": 2, "device": 7_000_000, "held": 9_000_000}}
    memory["torch"] = {"before": 1, "peak": 2}
    run = {
        "date": "2030-01-01",
        "device": "cuda",
        "machine": {"processor": "a processor", "cores": 2, "system": "Linux", "python": "3.11"},
        "rounds": 5,
        "seconds": 0.2,
        "libraries": {"candelabra": {"version": "1", "device": "A Card"}},
        "outcomes": [outcome(0.5, memory=memory, operations=3e9, **moving).as_dict()],
    }
    text = markdown(json.loads(json.dumps(run)))
    assert "1 of 1 ceilings met, on 2030-01-01, device cuda (A Card), a processor" in text
    assert "| 91 % | ≥ 85 % of copy | met |" in text
    assert "| work | candelabra | 1.5 ms | 0 MB | 0 MB | 7 MB | 9 MB | 2.0 TFLOP, 1 GB |" in text
    assert "- candelabra's copy moves 1 GB/s" in text
    assert "python -m benchmarks --device cuda --json results.json --write-results" in text


def test_numbers_of_another_device_are_not_mixed(tmp_path, capsys):
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"device": "cuda", "libraries": {}, "outcomes": []}))
    with pytest.raises(SystemExit):
        command.main(["multiply", "--json", str(file)])
    assert "holds the numbers of device cuda" in capsys.readouterr().err


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
