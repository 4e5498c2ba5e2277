"""The summary of a conformance run, by family and by row: a table for the terminal, and JSON. `page.py` is the HTML."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from candelabra.core.device import as_device
from candelabra.core.errors import CandelabraError
from candelabra.core.implementation import implementation
from candelabra.core.primitives import TABLE
from candelabra.core.primitives.row import Row
from candelabra.core.ways import batching

FORMAT = 2
# What a row can do, and by which checks that is seen.
WAYS = {
    "forward": ("values", "magnitudes", "layouts", "aliasing", "kernel_against_body"),
    "reverse": ("vjp", "graph_rule", "saved_arrays"),
    "double": ("double_backward", "third_derivative", "across_levels"),
    "forward mode": ("jvp",),
    "vmap": ("vmap", "vmap_of_data_dependent_shapes"),
}
COLUMNS = ("rows", "passed", *WAYS, "loop", "generic fallback", "host fallback", "failed")
SLOWEST = 10
SHOWN_FAILURES = 40


@dataclass
class Outcome:
    """What the checks of a row, or of a group of tests that are of no row, gave on a device."""

    checks: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    # Whether vmap ran it once per element: known to the process that ran it.
    loops: bool = False

    @property
    def time(self) -> float:
        """Seconds that all the checks took."""
        return sum(self.seconds.values())


@dataclass
class Run:
    """What was run: with which versions and options, when, and how far it came."""

    candelabra: str = ""
    python: str = ""
    platform: str = ""
    started: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: str = "running"
    selected: int = 0
    done: int = 0
    elapsed: float = 0.0

    def partial(self) -> str:
        """What to say of a run that did not come to its end, "" for one that did."""
        if self.state == "complete":
            return ""
        how = {
            "running": "is still running, or was killed,", "interrupted": "was interrupted",
            "stopped": "was stopped early",
        }.get(self.state, self.state)  # fmt: skip
        return f"PARTIAL: the run {how} after {self.done} of {self.selected} checks"


class Outcomes:
    """The outcomes of a run, by device and row, or by a group of tests that are of no row."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Outcome]] = {}
        self.run = Run()

    def add(
        self, device: str, row: str, check: str, outcome: str, text: str = "", reason: str = "", seconds: float = 0.0,
        loops: bool = False,
    ) -> None:  # fmt: skip
        """Note one check's outcome, and add the time that a part of it took."""
        place = self.found.setdefault(device, {}).setdefault(row, Outcome())
        if outcome:
            place.checks[check] = outcome
        if text:
            place.failures[check] = text
            place.reasons[check] = reason or text.strip().rpartition("\n")[2]
        place.seconds[check] = place.seconds.get(check, 0.0) + seconds
        place.loops = place.loops or loops

    def devices(self) -> list[str]:
        """Return the devices that were tested."""
        return list(self.found)

    def rows(self, device: str) -> Iterator[tuple[str, str, Outcome, dict[str, bool]]]:
        """Yield family, name, outcome and columns of each row."""
        for name, outcome in self.found[device].items():
            row = TABLE.get(name)
            if row is None:
                continue
            source = source_of(row, device)
            columns = {
                "rows": True,
                "passed": not outcome.failures,
                **{way: state in ("passed", "loop") for way, state in ways_of(row, outcome).items()},
                "loop": outcome.loops,
                "generic fallback": source == "generic",
                "host fallback": source == "host",
                "failed": bool(outcome.failures),
            }
            yield family_of(row), name, outcome, columns

    def groups(self, device: str) -> Iterator[tuple[str, Outcome]]:
        """Yield the tests that are of no row, by group."""
        for name, outcome in self.found[device].items():
            if name not in TABLE:
                yield name, outcome

    def failing(self, device: str) -> list[tuple[str, Outcome]]:
        """Return the rows and groups in which something failed."""
        return [(name, o) for name, o in self.found[device].items() if o.failures]


def ways_of(row: Row, outcome: Outcome) -> dict[str, str]:
    """Return, for each way, "passed", "failed", "loop" or "refused" (vmap), or "" where nothing was there to check."""
    found = {}
    for way, checks in WAYS.items():
        states = {outcome.checks[check] for check in checks if check in outcome.checks} - {"skipped"}
        found[way] = "failed" if states - {"passed"} else "passed" if states else ""
    if found["vmap"] == "passed":
        found["vmap"] = "loop" if outcome.loops else "refused" if batching(row) == "refused" else "passed"
    return found


def family_of(row: Row) -> str:
    """Return the family of a row: the file that it stands in."""
    file = Path(row.place.rpartition(":")[0])
    return file.parent.name if file.stem == "__init__" else file.stem


def source_of(row: Row, device: str) -> str:
    """Return where a row's forward comes from on a device: a kernel, the library, the generic body or the host."""
    try:
        return implementation(row, as_device(device)).source
    except CandelabraError:
        return "missing"


def plugins_of(device: str, row: str) -> list[str]:
    """Return the plugins whose kernels lie over the device's own for a row, the first asked first."""
    from candelabra.plugins.manager import manager

    return [str(source) for source in manager.kernel_sources(device.partition(":")[0]).get(row, ())]


def counts(outcomes: Outcomes, device: str) -> dict[str, dict[str, int]]:
    """Return the columns' sums by family, and in all."""
    found: dict[str, dict[str, int]] = {}
    for family, _, _, columns in outcomes.rows(device):
        for name in (family, "in all"):
            line = found.setdefault(name, dict.fromkeys(COLUMNS, 0))
            for column, holds in columns.items():
                line[column] += holds
    if found:
        found["in all"] = found.pop("in all")
    return found


def seconds_by_family(outcomes: Outcomes, device: str) -> dict[str, float]:
    """Return the seconds that the rows' checks took, by family and in all, then by group of other tests."""
    found: dict[str, float] = {}
    for family, _, outcome, _ in outcomes.rows(device):
        for name in (family, "in all"):
            found[name] = found.get(name, 0.0) + outcome.time
    return {**found, **{name: outcome.time for name, outcome in outcomes.groups(device)}}


def slowest_rows(outcomes: Outcomes, device: str, count: int = SLOWEST) -> list[tuple[str, float]]:
    """Return the rows and groups whose checks took longest together."""
    times = [(name, o.time) for name, o in outcomes.found[device].items()]
    return sorted(times, key=lambda found: -found[1])[:count]


def slowest_checks(outcomes: Outcomes, device: str, count: int = SLOWEST) -> list[tuple[str, str, float]]:
    """Return the single checks that took longest, as row, check and seconds."""
    times = [(name, check, s) for name, o in outcomes.found[device].items() for check, s in o.seconds.items()]
    return sorted(times, key=lambda found: -found[2])[:count]


def duration(seconds: float) -> str:
    """Write a time for people: ``0.4 s``, ``12 s``, ``3:05``, ``1:02:03``."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def table(outcomes: Outcomes, device: str) -> list[str]:
    """Return the table of a device as lines of text."""
    sums, times = counts(outcomes, device), seconds_by_family(outcomes, device)
    width = max(map(len, sums), default=0)
    lines = ["  ".join([" " * width, *COLUMNS, "   time"])] if sums else []
    for name, line in sums.items():
        cells = [f"{line[column]:>{len(column)}}" for column in COLUMNS]
        lines.append("  ".join([f"{name:<{width}}", *cells, f"{duration(times[name]):>7}"]))
    for name, o in outcomes.groups(device):
        done = len(o.checks) - len(o.failures)
        lines.append(f"{name}: {done} of {len(o.checks)} passed ({duration(o.time)})")
    shown = ", ".join(f"{name} {check} {duration(s)}" for name, check, s in slowest_checks(outcomes, device, 5))
    if shown:
        lines.append(f"slowest checks: {shown}")
    failing = outcomes.failing(device)
    for name, o in failing[:SHOWN_FAILURES]:
        lines.append(f"failed: {name} ({', '.join(o.failures)})")
        lines += [f"    {check}: {_short(reason)}" for check, reason in o.reasons.items()]
    if len(failing) > SHOWN_FAILURES:
        lines.append(f"and {len(failing) - SHOWN_FAILURES} more that failed")
    if outcomes.run.selected and outcomes.run.partial():
        lines.append(outcomes.run.partial())
    return lines


def _short(reason: str, length: int = 200) -> str:
    first = reason.strip().partition("\n")[0]
    return first if len(first) <= length else first[: length - 1] + "…"


def as_data(outcomes: Outcomes) -> dict[str, Any]:
    """Return the summary as plain data."""
    return {
        "format": FORMAT,
        "run": {**asdict(outcomes.run), "partial": outcomes.run.state != "complete"},
        "devices": {device: _device_data(outcomes, device) for device in outcomes.devices()},
    }


def _device_data(outcomes: Outcomes, device: str) -> dict[str, Any]:
    times = seconds_by_family(outcomes, device)
    return {
        "families": {
            name: {**line, "seconds": round(times[name], 3)} for name, line in counts(outcomes, device).items()
        },
        "groups": {
            name: {"checks": o.checks, "failures": o.failures, "seconds": _rounded(o.seconds)}
            for name, o in outcomes.groups(device)
        },
        "rows": {
            name: {
                "family": family,
                "source": source_of(TABLE[name], device),
                "plugins": plugins_of(device, name),
                "ways": ways_of(TABLE[name], outcome),
                "checks": outcome.checks,
                "failures": outcome.failures,
                "seconds": _rounded(outcome.seconds),
            }
            for family, name, outcome, _ in outcomes.rows(device)
        },
        "slowest": {
            "rows": [[name, round(s, 3)] for name, s in slowest_rows(outcomes, device)],
            "checks": [[name, check, round(s, 3)] for name, check, s in slowest_checks(outcomes, device)],
        },
    }


def _rounded(times: dict[str, float]) -> dict[str, float]:
    return {name: round(seconds, 3) for name, seconds in times.items()}


def write_json(outcomes: Outcomes, path: Path) -> None:
    """Write the summary as JSON."""
    write_whole(path, json.dumps(as_data(outcomes), indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file under another name and rename it: who reads it meanwhile, or after a crash, finds a whole one."""
    into(path, lambda place: place.write_text(text, encoding="utf-8"))


def refuse_unwritable(path: Path) -> None:
    """Raise an OSError where a report cannot be written: asked before the run, not after."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    into(path, None)


def into(path: Path, write: Callable[[Path], Any] | None) -> None:
    """Let `write` fill a new file beside `path` that then takes its place; without `write` only try."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
    os.close(descriptor)
    temporary = Path(name)
    try:
        if write is not None:
            write(temporary)
            # Others may read it, as they might what `open` makes.
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
