"""The summary of a conformance run: by family a table for the terminal, JSON, and one HTML page without scripts."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from candelabra.core.device import as_device
from candelabra.core.errors import CandelabraError
from candelabra.core.implementation import implementation
from candelabra.core.primitives import TABLE
from candelabra.core.primitives.row import Row
from candelabra.core.ways import batching

# What a row can do, and by which checks that is seen.
WAYS = {
    "forward": ("values", "magnitudes", "layouts", "aliasing", "kernel_against_body"),
    "reverse": ("vjp", "graph_rule", "saved_arrays"),
    "double": ("double_backward", "third_derivative", "across_levels"),
    "forward mode": ("jvp",),
    "vmap": ("vmap", "vmap_of_data_dependent_shapes"),
}
COLUMNS = ("rows", "passed", *WAYS, "loop", "generic fallback", "host fallback", "failed")


@dataclass
class Outcome:
    """What a row's checks gave on a device."""

    checks: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class Outcomes:
    """The outcomes of a run, by device and row, or by a group of tests that are of no row."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Outcome]] = {}

    def add(self, device: str, row: str, check: str, outcome: str, text: str) -> None:
        """Note one check's outcome."""
        place = self.found.setdefault(device, {}).setdefault(row, Outcome())
        place.checks[check] = outcome
        if text:
            place.failures[check] = text

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
                "loop": row.fallback.get("vmap") == "loop",
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
        found["vmap"] = row.fallback.get("vmap", "refused" if batching(row) == "refused" else "passed")
    return found


def family_of(row: Row) -> str:
    """Return the family of a row: the file that it stands in."""
    return Path(row.place.rpartition(":")[0]).stem


def source_of(row: Row, device: str) -> str:
    """Return where a row's forward comes from on a device: a kernel, the library, the generic body or the host."""
    try:
        return implementation(row, as_device(device)).source
    except CandelabraError:
        return "missing"


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


def table(outcomes: Outcomes, device: str) -> list[str]:
    """Return the table of a device as lines of text."""
    sums = counts(outcomes, device)
    width = max(map(len, sums), default=0)
    lines = ["  ".join([" " * width, *COLUMNS])]
    lines += [
        "  ".join([f"{name:<{width}}", *(f"{line[c]:>{len(c)}}" for c in COLUMNS)]) for name, line in sums.items()
    ]
    for name, o in outcomes.groups(device):
        lines.append(f"{name}: {len(o.checks) - len(o.failures)} of {len(o.checks)} passed")
    return lines + [f"failed: {name} ({', '.join(o.failures)})" for name, o in outcomes.failing(device)]


def as_data(outcomes: Outcomes) -> dict[str, Any]:
    """Return the summary as plain data."""
    return {
        device: {
            "families": counts(outcomes, device),
            "groups": {name: {"checks": o.checks, "failures": o.failures} for name, o in outcomes.groups(device)},
            "rows": {
                name: {
                    "family": family,
                    "source": source_of(TABLE[name], device),
                    "ways": ways_of(TABLE[name], outcome),
                    "checks": outcome.checks,
                    "failures": outcome.failures,
                }
                for family, name, outcome, _ in outcomes.rows(device)
            },
        }
        for device in outcomes.devices()
    }


def write_json(outcomes: Outcomes, path: Path) -> None:
    """Write the summary as JSON."""
    path.write_text(json.dumps(as_data(outcomes), indent=1) + "\n", encoding="utf-8")


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
.sums tr:last-child td { font-weight: 600; border-top: 2px solid #888; }
.zero { color: #bbb; } .loop, .refused { color: #8a5a00; } .failed { color: #b00020; font-weight: 600; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: 13px; }
"""


def write_html(outcomes: Outcomes, path: Path) -> None:
    """Write the summary as one HTML page: no script, nothing from elsewhere, every string escaped."""
    parts = [
        "<!doctype html>", '<html lang="en">', '<meta charset="utf-8">', "<title>candelabra conformance</title>",
        f"<style>{STYLE}</style>",
    ]  # fmt: skip
    for device in outcomes.devices():
        parts.append(f"<h1>Conformance of {html.escape(device)}</h1>")
        parts.append(
            '<table class="sums"><tr><th>family</th>' + "".join(f"<th>{html.escape(c)}</th>" for c in COLUMNS) + "</tr>"
        )
        for name, line in counts(outcomes, device).items():
            cells = "".join(_cell(column, line[column]) for column in COLUMNS)
            parts.append(f"<tr><td>{html.escape(name)}</td>{cells}</tr>")
        parts.append("</table>")
        parts += _matrix(outcomes, device)
        for name, outcome in outcomes.groups(device):
            done = len(outcome.checks) - len(outcome.failures)
            parts.append(f"<p>{html.escape(name)}: {done} of {len(outcome.checks)} passed</p>")
        for name, outcome in outcomes.failing(device):
            for check, text in outcome.failures.items():
                parts.append(f"<h2>{html.escape(name)}: {html.escape(check)}</h2>")
                parts.append(f"<pre>{html.escape(text)}</pre>")
    path.write_text("\n".join([*parts, "</html>", ""]), encoding="utf-8")


def _matrix(outcomes: Outcomes, device: str) -> Iterator[str]:
    """Yield the table of every operation by what it can do."""
    yield "<table><tr><th>operation</th>" + "".join(f"<th>{way}</th>" for way in (*WAYS, "by")) + "</tr>"
    for _, name, outcome, _ in sorted(outcomes.rows(device), key=lambda found: found[:2]):
        states = ways_of(TABLE[name], outcome).values()
        cells = "".join(f'<td class="{state or "zero"}">{state or "·"}</td>' for state in states)
        source = html.escape(source_of(TABLE[name], device))
        yield f"<tr><td>{html.escape(name)}</td>{cells}<td>{source}</td></tr>"
    yield "</table>"


def _cell(column: str, value: int) -> str:
    kind = "zero" if not value else "failed" if column == "failed" else ""
    return f'<td class="{kind}">{value}</td>' if kind else f"<td>{value}</td>"
