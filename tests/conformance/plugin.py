"""The pytest plugin of the conformance suite: its options, its subjects (a row on a device), and its summary.

Loaded by name (``-p candelabra.conformance.plugin``), never by an entry point: a project's own ``--device`` clashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from candelabra.conformance import report
from candelabra.conformance.harness import Examples
from candelabra.conformance.subject import Subject
from candelabra.core.device import Device, as_device
from candelabra.core.errors import CandelabraError
from candelabra.core.primitives import TABLE

PROPERTY = "candelabra-conformance"
EXAMPLES = 4


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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "conformance_rows(choose): run for each row of the table that `choose` accepts")
    if config.getoption("--max-examples") < 1:
        raise pytest.UsageError("--max-examples: at least one example is needed")
    try:
        devices_of(config)
    except CandelabraError as error:
        raise pytest.UsageError(f"--device: {error}") from error
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
    if "subject" in parameters:
        device, row = parameters["subject"]
        item.user_properties.append((PROPERTY, [str(device), row.name, check]))
    elif "conformance_device" in parameters:
        group = Path(str(item.path)).stem.removeprefix("test_").replace("_", " ")
        item.user_properties.append((PROPERTY, [str(parameters["conformance_device"]), group, item.name]))


class Summary:
    """Collects the outcomes by device and row, and shows and writes them at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.outcomes = report.Outcomes()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found: Any = dict(report.user_properties).get(PROPERTY)
        if found is not None and (report.when == "call" or report.failed):
            device, row, check = found
            self.outcomes.add(device, row, check, report.outcome, report.longreprtext if report.failed else "")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for device in self.outcomes.devices():
            terminalreporter.section(f"conformance of {device}")
            for line in report.table(self.outcomes, device):
                terminalreporter.write_line(line)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Iterator[None]:
        yield
        for option, write in (("--json", report.write_json), ("--html", report.write_html)):
            path = self.config.getoption(option)
            if path is not None:
                write(self.outcomes, Path(path))
