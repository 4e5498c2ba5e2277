"""The pytest plugin of the conformance suite: its options, its subjects (a row on a device), and its summary.

Loaded by name (``-p candelabra.conformance.plugin``), never by an entry point: a project's own ``--device`` clashes.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from candelabra.conformance import page, report
from candelabra.conformance.harness import Examples
from candelabra.conformance.progress import KINDS, Progress
from candelabra.conformance.subject import Subject
from candelabra.core.device import Device, as_device
from candelabra.core.errors import CandelabraError
from candelabra.core.primitives import TABLE
from candelabra.plugins.manager import manager

PROPERTY = "candelabra-conformance"
LOOPS = "candelabra-conformance-loops"
EXAMPLES = 4
# Seconds between two partial reports, for a run that is killed.
KEEP = 10.0
SUITE = Path(__file__).resolve().parent


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("candelabra conformance")
    group.addoption(
        "--device", action="append", metavar="DEVICE", help="a device to test, such as cpu or cuda:0; may be repeated"
    )
    group.addoption(
        "--max-examples",
        type=int,
        default=EXAMPLES,
        metavar="N",
        help=f"examples per check and dtype (default {EXAMPLES})",
    )
    group.addoption("--json", metavar="FILE", help="write the summary as JSON")
    group.addoption("--html", metavar="FILE", help="write the summary as one HTML page")
    group.addoption("--progress", choices=KINDS, default="off", help="in place of pytest's dots (default off)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "conformance_rows(choose): run for each row of the table that `choose` accepts")
    if config.getoption("--max-examples") < 1:
        raise pytest.UsageError("--max-examples: at least one example is needed")
    try:
        for device in devices_of(config):
            # A device that makes no array would fail each check in the same words.
            _ = device.native
    except CandelabraError as error:
        raise pytest.UsageError(f"--device: {error}") from error
    # Rows that plugins bring are rows like others.
    for failed in manager.read_rows():
        raise pytest.UsageError(f"a plugin's row: {failed}") from failed
    # The workers of pytest-xdist report to the process that writes.
    if hasattr(config, "workerinput"):
        return
    for option in ("--json", "--html"):
        path = config.getoption(option)
        try:
            if path is not None:
                report.refuse_unwritable(Path(path))
        except OSError as error:
            raise pytest.UsageError(f"{option}: cannot write {path}: {error.strerror or error}") from error
    config.pluginmanager.register(Summary(config), "candelabra-conformance-summary")


def devices_of(config: pytest.Config) -> list[Device]:
    """Return the devices that are tested."""
    return [as_device(name).resolved() for name in config.getoption("--device") or ["cpu"]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("conformance_rows")
        if marker is None:
            return
        chosen = [row for row in TABLE.values() if marker.args[0](row)]
        pairs = [(device, row) for device in devices_of(metafunc.config) for row in chosen]
        metafunc.parametrize("subject", pairs, indirect=True, ids=[f"{device}-{row.name}" for device, row in pairs])
    elif "conformance_device" in metafunc.fixturenames:
        devices = devices_of(metafunc.config)
        metafunc.parametrize("conformance_device", devices, ids=[str(d) for d in devices])


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Subject:
    """A row on a device."""
    device, row = request.param
    return Subject(row, device)


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> Examples:
    """What runs a check on examples."""
    return Examples(request.config.getoption("--max-examples"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    check = getattr(item, "originalname", item.name).removeprefix("test_")
    group = item.path.stem.removeprefix("test_").replace("_", " ")
    if "subject" in parameters:
        device, row = parameters["subject"]
        item.user_properties.append((PROPERTY, [str(device), row.name, check]))
    elif "conformance_device" in parameters:
        item.user_properties.append((PROPERTY, [str(parameters["conformance_device"]), group, item.name]))
    elif item.path.resolve().parent == SUITE:
        # Of the suite itself, and so of every device.
        item.user_properties.append((PROPERTY, ["", group, item.name]))


def pytest_runtest_teardown(item: pytest.Item) -> None:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if "subject" in parameters and parameters["subject"][1].fallback.get("vmap") == "loop":
        item.user_properties.append((LOOPS, True))


class Summary:
    """Collects the outcomes by device and row, shows progress, and writes reports on the way and at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.outcomes = report.Outcomes()
        # The terminal's plugin comes later.
        writer = config.get_terminal_writer
        self.progress = Progress(
            config.getoption("--progress"), lambda text: writer().write(text, flush=True), lambda: writer().fullwidth
        )
        self.ways = [("--json", report.write_json), ("--html", page.write_html)]
        self.written = 0.0
        self.interrupted = False
        run = self.outcomes.run
        run.candelabra, run.python, run.platform = _version(), platform.python_version(), platform.platform()
        run.started = datetime.now(UTC).isoformat(timespec="seconds")
        run.options = {
            name: value
            for name, value in (
                ("-k", config.getoption("-k", "")), ("--max-examples", config.getoption("--max-examples")),
            )
            if value
        }  # fmt: skip

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:
            self._begin(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        if not self.progress.total:
            self._begin(len(ids))

    def _begin(self, total: int) -> None:
        run = self.outcomes.run
        run.selected = total
        run.devices = {str(device): _about(device) for device in devices_of(self.config)}
        self.progress.start(total)
        self._write()

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        if self.progress.kind == "off" or self.config.getoption("verbose") > 0:
            return None
        category = report.outcome if report.when == "call" or report.outcome != "passed" else ""
        # What has no letter is counted, and pytest prints nothing.
        return "error" if report.failed and report.when != "call" else category, "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties: dict[str, Any] = dict(report.user_properties)
        found = properties.get(PROPERTY)
        self.outcomes.run.done += report.when == "teardown"
        self.outcomes.run.elapsed = self.progress.elapsed
        if found is None:
            if report.when == "teardown":
                self.progress.step("other tests", report.failed)
            return
        device, row, check = found
        tells = report.when == "call" or report.outcome != "passed"
        text = report.longreprtext if report.failed else ""
        reason = getattr(getattr(report.longrepr, "reprcrash", None), "message", "") if text else ""
        for name in [device] if device else self.outcomes.run.devices:
            self.outcomes.add(
                name, row, check, report.outcome if tells else "", text, reason, report.duration, LOOPS in properties
            )
        if text:
            self.progress.say(f"failed: {row} {check}" + (f" on {device}" if device else ""))
        if report.when == "teardown":
            self.progress.step(_family(row), bool(device) and check in self.outcomes.found[device][row].failures)
            if time.monotonic() - self.written > KEEP:
                self._write()

    def pytest_keyboard_interrupt(self) -> None:
        self.interrupted = True

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for device in self.outcomes.devices():
            terminalreporter.section(f"conformance of {device}")
            for line in report.table(self.outcomes, device):
                terminalreporter.write_line(line)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Iterator[None]:
        self.progress.close()
        run = self.outcomes.run
        run.elapsed = self.progress.elapsed
        if self.interrupted:
            run.state = "interrupted"
        else:
            run.state = "complete" if run.done >= run.selected else "stopped"
        if run.selected:
            self._write()
        if self.progress.kind != "off" and self.config.getoption("verbose") <= 0:
            # The reports hold what failed whole, the table in short.
            self.config.option.tbstyle = "no"
        yield

    def _write(self) -> None:
        for option, write in self.ways:
            path = self.config.getoption(option)
            if path is not None:
                write(self.outcomes, Path(path))
        self.written = time.monotonic()


def _family(row: str) -> str:
    return report.family_of(TABLE[row]) if row in TABLE else row


def _version() -> str:
    from importlib.metadata import version

    return version("candelabra")


def _about(device: Device) -> dict[str, Any]:
    """Return what stands behind a device: its backend and library, the plugin, and whose kernels lie over it."""
    backend = device.backend
    found: dict[str, Any] = {"backend": backend.name, "plugin": str(manager.source_of(device.type))}
    try:
        found["name"] = backend.device_name(device.index or 0)
        found["facts"] = {str(key): str(value) for key, value in backend.describe().items()}
    except Exception as error:  # a third party's code
        found["facts"] = {"error": f"{type(error).__name__}: {error}"}
    found["kernels"] = sorted({
        str(source) for sources in manager.kernel_sources(device.type).values() for source in sources
    })  # fmt: skip
    return found
