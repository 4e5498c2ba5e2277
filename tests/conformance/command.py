"""``candelabra conformance DEVICE``: the suite in a pytest of its own, apart from whatever project is around."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from candelabra.conformance import report

# What pytest ends with, and what the command does: 1 where a check failed, 2 for bad input, 3 where the suite broke.
CODES = {0: 0, 1: 1, 2: 3, 3: 3, 4: 2, 5: 2}
INTERRUPTED = 130


@dataclass
class Settings:
    """What to run, and where the reports go; a file that is None is not written."""

    device: str
    json: Path | None = None
    html: Path | None = None
    select: str = ""
    max_examples: int | None = None
    processes: str = ""
    first: bool = False
    rest: list[str] = field(default_factory=list)

    def reports(self) -> list[Path]:
        """Return the files that are written."""
        return [path for path in (self.json, self.html) if path is not None]


class Watch:
    """Notes what the exit code of pytest does not tell."""

    def __init__(self) -> None:
        self.interrupted = self.began = False

    def pytest_keyboard_interrupt(self) -> None:
        self.interrupted = True

    def pytest_runtest_logstart(self) -> None:
        self.began = True


def arguments(settings: Settings, live: bool) -> list[str]:
    """Return pytest's arguments: none of its own configuration, conftests or plugins is read."""
    found = ["-c", os.devnull, f"--rootdir={Path(report.__file__).parent}", "--noconftest", "-p", "no:cacheprovider"]
    found += ["-p", "candelabra.conformance.plugin", "--import-mode=importlib", "-q", "--no-header", "-rN"]
    found += ["--tb=short", "-W", "ignore::RuntimeWarning:candelabra", "--disable-warnings"]
    found += [f"--progress={'live' if live else 'plain'}", "--device", settings.device]
    found += [f"--{kind}={path}" for kind, path in (("json", settings.json), ("html", settings.html)) if path]
    if settings.select:
        found += ["-k", settings.select]
    if settings.max_examples is not None:
        found.append(f"--max-examples={settings.max_examples}")
    if settings.first:
        found.append("-x")
    if settings.processes:
        found += ["-p", "xdist.plugin", "-n", settings.processes]
    return [*found, *settings.rest, "--pyargs", "candelabra.conformance"]


def run(settings: Settings) -> int:
    """Run the suite, tell where the reports are, and return the command's exit code.

    Raises
    ------
    OSError
        If a report cannot be written; nothing has run then.
    """
    for path in settings.reports():
        report.refuse_unwritable(path)
    watch = Watch()
    with _apart(), _ended_by_signals():
        code = int(pytest.main(arguments(settings, sys.stdout.isatty()), plugins=[watch]))
    if watch.interrupted:
        code = INTERRUPTED
    elif code == 5:
        chosen = f"-k {settings.select!r}" if settings.select else "what is given"
        told = f"candelabra: conformance: {chosen} selects no check; `-k add` selects those with add in their names"
        print(told, file=sys.stderr)
    if watch.began and settings.reports():
        print("reports: " + " and ".join(map(str, settings.reports())))
    return CODES.get(code, code)


@contextmanager
def _apart() -> Iterator[None]:
    """Let pytest read nothing from the environment: what a project's own runs want is not for this one."""
    changes: dict[str, str | None] = {"PYTEST_ADDOPTS": None, "PYTEST_PLUGINS": None}
    changes["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # Hypothesis keeps notes in the working folder otherwise.
        changes["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        before = {name: os.environ.get(name) for name in changes}
        _set(changes)
        try:
            yield
        finally:
            _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a polite kill end the run as Ctrl-C does: with reports of what is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def paths(output: str, device: str, chosen: Sequence[str | None]) -> list[Path | None]:
    """Return the files of the reports, JSON and HTML: those that are named, and all where none is."""
    if any(chosen) and not output:
        return [Path(name) if name else None for name in chosen]
    stem = device.replace(":", "-").replace(os.sep, "-")
    folder = Path(output or "runs/conformance")
    return [
        Path(name) if name else folder / f"{stem}.{kind}" for name, kind in zip(chosen, ("json", "html"), strict=True)
    ]
