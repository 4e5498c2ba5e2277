"""The table at the end of a run, and `RESULTS.md` from a run's JSON file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .race import QUIET, Outcome

MEGABYTE = 1_000_000


def verdict(outcome: Outcome) -> str:
    if outcome.met is None:
        return "not run"
    disturbed = f" (others took {outcome.others:.1f} cores)" if outcome.others > 2 * QUIET else ""
    return ("met" if outcome.met else "missed") + disturbed


def ratio_text(outcome: Outcome, pair: str) -> str:
    """Median and, in brackets, least and greatest ratio."""
    spread = outcome.ratios.get(pair)
    if spread is None:
        return "–"
    return f"{spread['median']:.2f} ({spread['min']:.2f}–{spread['max']:.2f})"


def time_text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def pairs_of(outcomes: Iterable[Outcome]) -> list[str]:
    """Every pair that occurs, candelabra's first."""
    pairs = dict.fromkeys(pair for outcome in outcomes for pair in outcome.ratios)
    return sorted(pairs, key=lambda pair: not pair.startswith("candelabra/"))


def cells(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """Header and rows of the table."""
    pairs = pairs_of(outcomes)
    rows = [["workload", *pairs, "ceiling", ""]]
    for outcome in outcomes:
        ceiling = f"{outcome.ceiling:.2f}" + ("" if outcome.against == "torch" else f" × {outcome.against}")
        rows.append([outcome.title, *(ratio_text(outcome, pair) for pair in pairs), ceiling, verdict(outcome)])
    return rows


def table(outcomes: Sequence[Outcome]) -> str:
    """The table for a terminal."""
    rows = cells(outcomes)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("─" * width for width in widths))
    failures = [
        f"{outcome.title}: {library}: {text}" for outcome in outcomes for library, text in outcome.errors.items()
    ]
    return "\n".join(lines + failures)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def markdown(run: dict[str, Any]) -> str:
    """The text of `RESULTS.md`, from what ``--json`` wrote."""
    outcomes = [Outcome(**outcome) for outcome in run["outcomes"]]
    machine = run["machine"]
    judged = [outcome for outcome in outcomes if outcome.met is not None]
    others = max((outcome.others for outcome in outcomes), default=0.0)
    costs = [["workload", "library", "median of one step", "memory at the peak", "of that after the import"]]
    for outcome in outcomes:
        for library, seconds in outcome.seconds.items():
            memory = [f"{outcome.memory[library][key] / MEGABYTE:.0f} MB" for key in ("peak", "before")]
            costs.append([outcome.title, library, time_text(seconds), *memory])
    libraries = [
        f"- {name}: " + ", ".join(f"{key} {value}" for key, value in about.items())
        for name, about in run["libraries"].items()
    ]
    failures = [f"- {outcome.title}: {name}: {text}" for outcome in outcomes for name, text in outcome.errors.items()]
    return "\n".join(
        [
            "# Benchmark results",
            "",
            f"{sum(bool(outcome.met) for outcome in judged)} of {len(judged)} ceilings met, on {run['date']}, "
            f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}.",
            "",
            "Ratios of times, the first library over the second, smaller is better: the median over "
            f"{run['rounds']} interleaved rounds of about {run['seconds']} s and, in brackets, the least and the "
            "greatest; a round is the median of ten parts. One process per library, the idle ones frozen. "
            f"Other processes kept at most {others:.2f} cores busy meanwhile. The ceiling is about candelabra over "
            'torch, unless it says otherwise; "numpy" is the same work written by hand.',
            "",
            markdown_table(cells(outcomes)),
            "",
            *(["These failed:", "", *failures, ""] if failures else []),
            "To repeat it, from the checkout, with candelabra and the extra `peers` installed:",
            "",
            "```sh",
            "python -m benchmarks --json results.json --write-results",
            "```",
            "",
            *([run["remarks"], ""] if run.get("remarks") else []),
            "## Libraries",
            "",
            *libraries,
            "",
            "## Times and memory, for orientation",
            "",
            markdown_table(costs),
            "",
        ]
    )
