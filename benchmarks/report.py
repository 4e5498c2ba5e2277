"""The table at the end of a run, and `RESULTS.md` from a run's JSON file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .devices import HOST
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


def share_text(outcome: Outcome, library: str) -> str:
    """The part of the copy's speed at which a library moves what must be moved."""
    share = outcome.share(library)
    return "–" if share is None else f"{100 * share:.0f} %"


def judged_share(outcome: Outcome) -> list[str]:
    """The same in words, where there is one to tell."""
    shares = [f"{library} {share_text(outcome, library)}" for library in outcome.seconds if outcome.share(library)]
    return [" and ".join(shares) + " of the copy's speed"] if shares else []


def goal_text(outcome: Outcome) -> str:
    """What was asked for."""
    against = "" if outcome.against == "torch" else f" × {outcome.against}"
    goals = [] if outcome.ceiling is None else [f"{outcome.ceiling:.2f}{against}"]
    goals += [] if outcome.fraction is None else [f"≥ {100 * outcome.fraction:.0f} % of copy"]
    return ", ".join(goals) or "–"


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
    movers = sorted({library for outcome in outcomes for library in outcome.copy})
    rows = [["workload", *pairs, *(f"{library}, of copy" for library in movers), "ceiling", ""]]
    for outcome in outcomes:
        ratios = [ratio_text(outcome, pair) for pair in pairs]
        shares = [share_text(outcome, library) for library in movers]
        rows.append([outcome.title, *ratios, *shares, goal_text(outcome), verdict(outcome)])
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


def costs(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """Times and memory, and what a device does in a second."""
    on_card = any(outcome.device != HOST for outcome in outcomes)
    more = ["memory of the device at the peak", "held for it", "per second"] if on_card else []
    rows = [["workload", "library", "median of one step", "memory at the peak", "of that after the import", *more]]
    for outcome in outcomes:
        for library, seconds in outcome.seconds.items():
            held = outcome.memory.get(library, {})
            memory = [f"{held[key] / MEGABYTE:.0f} MB" if key in held else "–" for key in ("peak", "before")]
            if on_card:
                memory += [f"{held[key] / MEGABYTE:.0f} MB" if key in held else "–" for key in ("device", "held")]
                rates = [f"{outcome.operations / seconds / 1e12:.1f} TFLOP"] if outcome.operations else []
                rates += [f"{outcome.moved / seconds / 1e9:.0f} GB"] if outcome.moved else []
                memory.append(", ".join(rates) or "–")
            rows.append([outcome.title, library, time_text(seconds), *memory])
    return rows


def method(run: dict[str, Any], others: float) -> str:
    """How the numbers came about."""
    text = (
        "Ratios of times, the first library over the second, smaller is better: the median over "
        f"{run['rounds']} interleaved rounds of about {run['seconds']} s and, in brackets, the least and the "
        "greatest; a round is the median of ten parts. One process per library, the idle ones frozen. "
        f"Other processes kept at most {others:.2f} cores busy meanwhile. The ceiling is about candelabra over "
        "torch, unless it says otherwise; "
    )
    if run.get("device", HOST) == HOST:
        return text + '"numpy" is the same work written by hand.'
    return text + (
        '"of copy" is how fast what must at least be read and written is, relative to a copy of 1 GiB from the device '
        "to itself in the same process. Each part of a round begins and ends with the device idle, and a process is "
        "frozen only once its device has done what was asked; it keeps its memory. Memory of the device is what "
        "arrays took at most during a step, and what the library held for them."
    )


def markdown(run: dict[str, Any]) -> str:
    """The text of `RESULTS.md`, from what ``--json`` wrote."""
    outcomes = [Outcome(**outcome) for outcome in run["outcomes"]]
    machine, device = run["machine"], run.get("device", HOST)
    judged = [outcome for outcome in outcomes if outcome.met is not None]
    others = max((outcome.others for outcome in outcomes), default=0.0)
    libraries = [
        f"- {name}: " + ", ".join(f"{key} {value}" for key, value in about.items())
        for name, about in run["libraries"].items()
    ]
    copies = {library: rate for outcome in outcomes for library, rate in outcome.copy.items()}
    libraries += [f"- {library}'s copy moves {rate / 1e9:.0f} GB/s" for library, rate in sorted(copies.items())]
    failures = [f"- {outcome.title}: {name}: {text}" for outcome in outcomes for name, text in outcome.errors.items()]
    on_host = device == HOST
    where = "" if on_host else f"device {device} ({run['libraries'].get('candelabra', {}).get('device', 'unnamed')}), "
    again = "python -m benchmarks" + ("" if on_host else f" --device {device}") + " --json results.json --write-results"
    return "\n".join(
        [
            "# Benchmark results" + ("" if on_host else f" on {device}"),
            "",
            f"{sum(bool(outcome.met) for outcome in judged)} of {len(judged)} ceilings met, on {run['date']}, {where}"
            f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}.",
            "",
            method(run, others),
            "",
            markdown_table(cells(outcomes)),
            "",
            *(["These failed:", "", *failures, ""] if failures else []),
            "To repeat it, from the checkout, with candelabra and the extra `peers` installed:",
            "",
            "```sh",
            again,
            "```",
            "",
            *([run["remarks"], ""] if run.get("remarks") else []),
            "## Libraries",
            "",
            *libraries,
            "",
            "## Times and memory, for orientation",
            "",
            markdown_table(costs(outcomes)),
            "",
        ]
    )
