"""`candelabra conformance` as a plugin's author meets it: progress, reports that survive, codes, no one's project."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from candelabra.conformance import page, report
from candelabra.conformance.progress import Progress
from candelabra.conformance.report import Outcomes

FAULTY = """
import numpy
from candelabra.core.backend import Backend, BackendSpec

class Faulty(Backend):
    name, device_types = "faulty", ("faulty",)
    array_type = numpy.ndarray
    kernels = {"tanh": lambda x: numpy.tanh(x) + 1e-3}
    def __init__(self):
        super().__init__(numpy)
    def dtypes(self, index=0):
        return {name: numpy.dtype(name) for name in ("bool", "int32", "int64", "float32", "float64")}

def candelabra_backends():
    return [BackendSpec("faulty", ("faulty",), Faulty, indexed=False)]
"""
HOSTILE = """
def pytest_collection_modifyitems(items):
    raise RuntimeError("a conftest of somebody's project was read")
"""


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "candelabra", "conformance", *arguments], cwd=folder, capture_output=True, text=True,
        env={**os.environ, **environment}, timeout=300,
    )  # fmt: skip


@pytest.fixture
def faulty(tmp_path: Path) -> dict[str, str]:
    """An environment with a device whose tanh is wrong."""
    site = tmp_path / "site"
    info = site / "cbtest_faulty-1.5.dist-info"
    info.mkdir(parents=True)
    (site / "cbtest_faulty.py").write_text(FAULTY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cbtest-faulty\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[candelabra]\nfaulty = cbtest_faulty\n")
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path, "CANDELABRA_DISABLE_PLUGINS": "0"}


def test_a_project_around_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(HOSTILE)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\nfilterwarnings = error\n")
    (tmp_path / "test_theirs.py").write_text("assert False")
    before = sorted(tmp_path.iterdir())
    done = command(tmp_path, "cpu", "-k", "cpu-negative", "--json", "r.json", PYTEST_ADDOPTS="--no-such-option")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("reports: r.json")
    # Neither caches nor the other report are left behind.
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "r.json"])
    # With -p the same runs in anybody's pytest.
    plain = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "candelabra.conformance.plugin", "-c",
            os.devnull, "--noconftest", "--pyargs", "candelabra.conformance", "--device", "cpu", "-k", "cpu-negative",
        ],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert "conformance of cpu" in plain.stdout


def test_a_faulty_device(tmp_path: Path, faulty: dict[str, str]) -> None:
    done = command(tmp_path, "faulty", "-k", "faulty-tanh", "--output", "out", "--max-examples", "2", **faulty)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"\d+ checks", lines[0])
    assert "failed: tanh values on faulty" in lines
    assert re.fullmatch(r"100 %  (\d+)/\1  \d+ failed  \w+  [\d.]+ s", next(x for x in lines if x.startswith("100 %")))
    assert re.search(r"^    values: AssertionError: .*off by", done.stdout, re.MULTILINE)
    # The whole tracebacks stand in the reports.
    assert "Traceback" not in done.stdout and "= FAILURES =" not in done.stdout
    assert lines[-1] == f"reports: {Path('out/faulty.json')} and {Path('out/faulty.html')}"
    found = json.loads((tmp_path / "out/faulty.json").read_text())
    run = found["run"]
    assert (run["state"], run["partial"], run["done"]) == ("complete", False, run["selected"])
    assert run["devices"]["faulty"]["plugin"] == "plugin 'faulty' of cbtest-faulty 1.5"
    assert run["options"] == {"-k": "faulty-tanh", "--max-examples": 2}
    row = found["devices"]["faulty"]["rows"]["tanh"]
    assert row["ways"]["forward"] == "failed" and "off by" in row["failures"]["values"]
    assert row["seconds"]["values"] > 0
    text = (tmp_path / "out/faulty.html").read_text()
    anchor = re.search(r'<td class="failed"><a href="#([\w-]+)">✗ failed</a>', text)
    assert anchor is not None and f'id="{anchor[1]}"' in text
    assert "plugin &#x27;faulty&#x27; of cbtest-faulty 1.5" in text
    assert '<p class="verdict bad">' in text and "PARTIAL" not in text
    first = command(tmp_path, "faulty", "-k", "faulty-tanh", "--json", "first.json", "-x", **faulty)
    assert first.returncode == 1
    stopped = json.loads((tmp_path / "first.json").read_text())["run"]
    assert stopped["state"] == "stopped" and 0 < stopped["done"] < stopped["selected"]
    assert "PARTIAL: the run was stopped early after" in first.stdout


def test_a_device_that_makes_no_array_is_told_once(tmp_path: Path, faulty: dict[str, str]) -> None:
    module = tmp_path / "site" / "cbtest_faulty.py"
    refuse = "\ndef refuse(self, data, dtype=None, index=0):\n    raise OSError('no card')\n\nFaulty.asarray = refuse\n"
    module.write_text(module.read_text() + refuse)
    done = command(tmp_path, "faulty", "--output", "out", **faulty)
    assert done.returncode == 2, done.stdout + done.stderr
    told = done.stdout + done.stderr
    assert told.count("no card") == 1 and "Traceback" not in told
    assert "backend 'faulty' (plugin 'faulty' of cbtest-faulty 1.5): asarray(1.0, float32) fails there" in told
    assert not (tmp_path / "out").exists()


def test_nothing_selected(tmp_path: Path) -> None:
    done = command(tmp_path, "cpu", "-k", "nosuchrow", "--json", "r.json")
    assert done.returncode == 2
    assert "candelabra: conformance: -k 'nosuchrow' selects no check" in done.stderr
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_an_unwritable_report_is_told_before_the_run(tmp_path: Path, option: str) -> None:
    (tmp_path / "folder").mkdir()
    done = command(tmp_path, "cpu", option, "folder")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == (
        "candelabra: cannot write to folder: it is no regular file; choose another file or --output\n"
    )


def started(folder: Path) -> subprocess.Popen[str]:
    """A run that has some checks done and many before it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "candelabra", "conformance", "cpu", "--json", "r.json", "--html", "r.html"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while " failed  " not in (line := process.stdout.readline()):
        assert line, "the run ended before it told how far it is"
    return process


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_reports_that_say_so(tmp_path: Path, number: signal.Signals) -> None:
    # A shell that starts jobs in the background lets them ignore Ctrl-C, and so their children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = started(tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    run = json.loads((tmp_path / "r.json").read_text())["run"]
    assert run["state"] == "interrupted" and run["partial"] and 0 < run["done"] < run["selected"]
    told = f"PARTIAL: the run was interrupted after {run['done']} of {run['selected']} checks"
    assert told in out and f'<p class="partial">{told}</p>' in (tmp_path / "r.html").read_text()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_killed_run_leaves_reports_that_say_so(tmp_path: Path) -> None:
    process = started(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    run = json.loads((tmp_path / "r.json").read_text())["run"]
    assert run["state"] == "running" and run["partial"]
    assert "PARTIAL: the run is still running, or was killed, after" in (tmp_path / "r.html").read_text()


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def told(kind: str, total: int, seconds: float, width: int = 80) -> list[str]:
    clock, written = Clock(), []
    progress = Progress(kind, written.append, lambda: width, clock)
    progress.start(total)
    for number in range(total):
        clock.time += seconds
        progress.step("elementwise", number == 1)
    progress.close()
    return written


def test_progress_in_lines() -> None:
    lines = told("plain", 200, 1.0)
    assert len(lines) == 21 and lines[0] == "200 checks\n"
    assert lines[1] == "  5 %  10/200  1 failed  elementwise  10 s  about 3:10 left\n"
    assert lines[-1] == "100 %  200/200  1 failed  elementwise  3:20\n"
    # A quick run says less.
    assert len(told("plain", 200, 0.01)) <= 5
    assert len(told("plain", 3, 1.0)) == 4
    assert told("off", 200, 1.0) == []


def test_progress_on_a_terminal_is_one_line() -> None:
    written = told("live", 10, 1.0, width=30)
    assert written[0] == "\r 10 %  1/10  0 failed  elemen\x1b[K"
    assert all(text.startswith("\r") and len(text) <= 30 + 3 and "\n" not in text for text in written)
    assert written[-1] == "\r\x1b[K"
    # Not more than ten times a second.
    assert len(told("live", 1000, 0.001)) < 15


class Tags(HTMLParser):
    """What is open, what refers where, and what there is."""

    VOID = ("meta", "br", "img", "link", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                assert value not in self.ids
                self.ids.add(str(value))
            if name == "href":
                self.links.add(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    outcomes = Outcomes()
    outcomes.run.selected, outcomes.run.state = 9, "complete"
    outcomes.run.devices = {"cpu": {"facts": {"<b>": '"x" & <y>'}, "plugin": "plugin '<i>'"}}
    for device in ("cpu", "cpu:<x>"):
        outcomes.add(device, "tanh", "values", "failed", "trace", "E <a>", 0.5)
        outcomes.add(device, "exp", "bad_input", "failed", "trace")
        outcomes.add(device, "nonzero", "values", "passed")
        outcomes.add(device, "layers <u>", "test", "failed", "</pre>")
    page.write_html(outcomes, tmp_path / "page.html")
    tags = Tags()
    tags.feed((tmp_path / "page.html").read_text())
    tags.close()
    assert tags.open == []
    assert not tags.seen & {"script", "img", "link", "iframe", "b>", "u", "i"}
    assert {link.removeprefix("#") for link in tags.links} <= tags.ids
    assert all(link.startswith("#") for link in tags.links)
    # Each thing that failed is linked to: by its way, by the check that has no column, by the group.
    assert len(tags.links) == 2 * (1 + 3)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1:00"), (3600, "1:00:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert report.duration(seconds) == text


def test_a_report_is_whole_or_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("before")

    def breaks(place: Path) -> None:
        place.write_text("half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        report.into(path, breaks)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
    began = time.monotonic()
    report.write_whole(path, "after")
    assert path.read_text() == "after" and time.monotonic() - began < 5
