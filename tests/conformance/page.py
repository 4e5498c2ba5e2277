"""The summary of a conformance run as one HTML page: no script, nothing from elsewhere, every string escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from candelabra.conformance import report
from candelabra.conformance.report import COLUMNS, WAYS, Outcome, Outcomes, Run, duration
from candelabra.core.primitives import TABLE

# What a cell shows; the signs differ without colours, too.
SIGNS = {"passed": "✓", "failed": "✗ failed", "loop": "↻ loop", "refused": "– refused", "": "·"}
LEGEND = (
    ("passed", "every check passed"),
    ("failed", "a check failed; follow the link"),
    ("loop", "right, but vmap runs it once per element"),
    ("refused", "refused by design: the shape of the result depends on the data"),
    ("", "nothing there to check"),
)
SOURCES = {
    "library": "the library's own function", "kernel": "a kernel of the backend or of a plugin",
    "generic": "the generic body, in other functions of the array API", "host": "a round trip through the host",
    "missing": "nothing",
}  # fmt: skip

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1d1d1f; }
h1 { margin-bottom: .3rem; } h2 { margin-top: 2.2rem; }
a { color: #0b57a4; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 1rem 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .55rem; border-bottom: 1px solid #ddd; }
th { font-weight: 600; vertical-align: bottom; }
thead th { position: sticky; top: 0; background: #fff; box-shadow: inset 0 -2px #888; }
th:first-child, td:first-child { text-align: left; }
.sums tr:last-child td { font-weight: 600; border-top: 2px solid #888; }
.matrix td, .matrix th { text-align: center; white-space: nowrap; }
.matrix th:first-child, .matrix td:first-child, .matrix td:nth-child(7), .matrix th:nth-child(7) { text-align: left; }
.matrix td:last-child, .matrix th:last-child { text-align: right; }
.matrix tbody th:first-child { background: #eef1f4; padding-top: .6rem; text-align: left; }
.matrix tbody tr:hover td { background: #f3f7fb; }
code { font: 13px ui-monospace, monospace; }
.zero { color: #aaa; }
.passed { color: #11632a; }
.loop, .refused { color: #7a4b00; background: #fff6df; }
.failed { color: #fff; background: #b00020; font-weight: 700; }
.failed a { color: #fff; }
.verdict { font-size: 1.25rem; font-weight: 600; padding: .5rem .9rem; border-left: 8px solid #11632a; background: #f0f7f2; }
.verdict.bad { border-left-color: #b00020; border-left-style: double; background: #fdf0f1; }
.partial { padding: .5rem .9rem; border: 3px dashed #7a4b00; background: #fff6df; font-weight: 600; }
.legend span { display: inline-block; margin-right: 1.4rem; } .legend b { padding: 0 .4rem; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 2rem; }
pre { background: #f6f6f6; padding: .8rem; overflow: auto; font-size: 13px; max-height: 40rem; border: 1px solid #ddd; }
:target { outline: 3px solid #0b57a4; outline-offset: 4px; }
@media print { thead th { position: static; } pre { max-height: none; white-space: pre-wrap; } }
"""  # noqa: E501


def write_html(outcomes: Outcomes, path: Path) -> None:
    """Write the summary as one HTML page."""
    report.write_whole(path, "\n".join([*_page(outcomes), ""]))


def _page(outcomes: Outcomes) -> Iterator[str]:
    devices = outcomes.devices()
    title = f"candelabra conformance of {', '.join(devices)}" if devices else "candelabra conformance"
    yield from ("<!doctype html>", '<html lang="en">', '<meta charset="utf-8">')
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title>"
    yield f"<style>{STYLE}</style>"
    partial = outcomes.run.selected and outcomes.run.partial()
    if partial:
        yield f'<p class="partial">{escape(partial)}</p>'
    for number, device in enumerate(devices):
        yield from _device(outcomes, device, f"d{number}-")
    if not devices:
        yield "<h1>Conformance</h1><p>No check has run.</p>"
    yield "</html>"


def _device(outcomes: Outcomes, device: str, prefix: str) -> Iterator[str]:
    rows = sum(name in TABLE for name in outcomes.found[device])
    failing = outcomes.failing(device)
    wrong = sum(name in TABLE for name, _ in failing)
    checks = sum(len(o.checks) for o in outcomes.found[device].values())
    failures = sum(len(o.failures) for o in outcomes.found[device].values())
    yield f"<h1>Conformance of {escape(device)}</h1>"
    if failing:
        text = f"{failures} of {checks} checks failed, in {wrong} of {rows} operations"
        others = len(failing) - wrong
        text += f" and {others} other group{'s' if others > 1 else ''}" if others else ""
        yield f'<p class="verdict bad">✗ {text}: <a href="#{prefix}failures">what failed</a></p>'
    elif outcomes.run.selected and outcomes.run.partial():
        yield f'<p class="verdict">No check of {checks} failed so far</p>'
    else:
        yield f'<p class="verdict">✓ All {checks} checks passed, of {rows} operations and what is made of them</p>'
    yield from _facts(outcomes.run, device)
    anchors = {name: f"{prefix}f{number}" for number, (name, _) in enumerate(failing)}
    yield "<h2>By family</h2>"
    yield from _sums(outcomes, device)
    yield from _groups(outcomes, device, anchors)
    yield from _slowest(outcomes, device)
    if rows:
        yield "<h2>By operation</h2>"
        signs = [
            f'<span><b class="{state or "zero"}">{SIGNS[state].partition(" ")[0]}</b> {text}</span>'
            for state, text in LEGEND
        ]
        yield f'<p class="legend">{" ".join(signs)}</p>'
        yield from _matrix(outcomes, device, anchors)
    if failing:
        yield f'<h2 id="{prefix}failures">What failed</h2>'
    for name, outcome in failing:
        yield f'<section id="{anchors[name]}">'
        for check, text in outcome.failures.items():
            yield f"<h3>{escape(name)}: {escape(check)}</h3>"
            yield f"<pre>{escape(text)}</pre>"
        yield "</section>"


def _facts(run: Run, device: str) -> Iterator[str]:
    about = run.devices.get(device, {})
    facts: list[tuple[str, Any]] = [
        ("device", about.get("name")), ("plugin", about.get("plugin")),
        *[(f"library {key}", value) for key, value in about.get("facts", {}).items()],
        ("kernels of plugins", ", ".join(about.get("kernels", []))), ("candelabra", run.candelabra),
        ("python", " on ".join(filter(None, [run.python, run.platform]))), ("started", run.started),
        ("took", duration(run.elapsed) if run.elapsed else ""),
        ("options", ", ".join(f"{key} {value}" for key, value in run.options.items())),
    ]  # fmt: skip
    shown = [f"<dt>{escape(key)}</dt><dd>{escape(str(value))}</dd>" for key, value in facts if value]
    if shown:
        yield "<dl>" + "".join(shown) + "</dl>"


def _sums(outcomes: Outcomes, device: str) -> Iterator[str]:
    times = report.seconds_by_family(outcomes, device)
    heads = "".join(f"<th>{escape(c)}</th>" for c in (*COLUMNS, "time"))
    yield f'<table class="sums"><thead><tr><th>family</th>{heads}</tr></thead><tbody>'
    for name, line in report.counts(outcomes, device).items():
        cells = "".join(_sum(column, line[column]) for column in COLUMNS)
        yield f"<tr><td>{escape(name)}</td>{cells}<td>{duration(times[name])}</td></tr>"
    yield "</tbody></table>"


def _sum(column: str, value: int) -> str:
    kind = "zero" if not value else "failed" if column == "failed" else ""
    return f'<td class="{kind}">{value}</td>' if kind else f"<td>{value}</td>"


def _groups(outcomes: Outcomes, device: str, anchors: dict[str, str]) -> Iterator[str]:
    """Yield what is of no row, and what slows a run down."""
    groups = list(outcomes.groups(device))
    if not groups:
        return
    yield "<h2>Besides operations</h2><ul>"
    for name, outcome in groups:
        done = len(outcome.checks) - len(outcome.failures)
        text = f"{escape(name)}: {done} of {len(outcome.checks)} passed ({duration(outcome.time)})"
        link = f' <a class="failed" href="#{anchors[name]}">✗ failed</a>' if name in anchors else ""
        yield f"<li>{text}{link}</li>"
    yield "</ul>"


def _slowest(outcomes: Outcomes, device: str) -> Iterator[str]:
    yield '<h2>What took longest</h2><div class="columns"><table><thead><tr><th>all checks of</th><th>time</th></tr>'
    yield "</thead><tbody>"
    for name, seconds in report.slowest_rows(outcomes, device):
        yield f"<tr><td>{escape(name)}</td><td>{duration(seconds)}</td></tr>"
    yield "</tbody></table><table><thead><tr><th>check</th><th>time</th></tr></thead><tbody>"
    for name, check, seconds in report.slowest_checks(outcomes, device):
        yield f"<tr><td>{escape(name)}: {escape(check)}</td><td>{duration(seconds)}</td></tr>"
    yield "</tbody></table></div>"


def _matrix(outcomes: Outcomes, device: str, anchors: dict[str, str]) -> Iterator[str]:
    """Yield the table of every operation by what it can do."""
    heads = "".join(f"<th>{way}</th>" for way in (*WAYS, "computed by", "time"))
    yield f'<table class="matrix"><thead><tr><th>operation</th>{heads}</tr></thead><tbody>'
    last = ""
    for family, name, outcome, _ in sorted(outcomes.rows(device), key=lambda found: found[:2]):
        if family != last:
            yield f'<tr><th colspan="{len(WAYS) + 3}">{escape(family)}</th></tr>'
            last = family
        yield _operation(device, name, outcome, anchors.get(name, ""))
    yield "</tbody></table>"


def _operation(device: str, name: str, outcome: Outcome, anchor: str) -> str:
    cells = []
    states = report.ways_of(TABLE[name], outcome)
    for state in states.values():
        text = f'<a href="#{anchor}">{SIGNS[state]}</a>' if state == "failed" and anchor else SIGNS[state]
        cells.append(f'<td class="{state or "zero"}">{text}</td>')
    shown = f"<code>{escape(name)}</code>"
    if anchor and "failed" not in states.values():
        # A failure that belongs to no column, such as what a row says to bad input.
        shown += f' <a class="failed" href="#{anchor}">✗ {escape(", ".join(outcome.failures))}</a>'
    source = report.source_of(TABLE[name], device)
    plugins = report.plugins_of(device, name)
    by = escape(source + (f" ({', '.join(plugins)})" if plugins else ""))
    hint = escape(SOURCES.get(source, ""), quote=True)
    return f'<tr><td>{shown}</td>{"".join(cells)}<td title="{hint}">{by}</td><td>{duration(outcome.time)}</td></tr>'
