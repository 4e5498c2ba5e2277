"""Write docs/operations.md: every operation, and how it differentiates and batches, from the rows themselves.

``python docs/make_operations.py`` writes the page, ``--check`` says whether it is stale and exits with 1.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import candelabra
from candelabra.conformance.composites import CASES as FRONT
from candelabra.conformance.composites import Case
from candelabra.conformance.composites_extensions import CASES as EXTENSIONS
from candelabra.core import functions, ops
from candelabra.core.primitives import TABLE, is_internal
from candelabra.core.primitives.row import Row
from candelabra.core.ways import batching, forward_mode, reverse_mode

PAGE = Path(__file__).resolve().parent / "operations.md"
NAMESPACES = ("linalg", "fft", "special")
HEAD = """# Operations

<!-- Written by docs/make_operations.py; do not edit. -->

Every function of candelabra is a **row** of the table in `core/primitives/`, or a **composite**: plain code over rows.
A row says once how it differentiates and batches, and that holds on every device. `candelabra conformance DEVICE`
checks each entry of these tables there, against numerical derivatives and a loop, and shows what it saw in the same
columns (`--html`). Composites follow below.

**reverse, double**: by what a cotangent goes back; what holds once holds twice and more often, since rules are recorded
under `create_graph`.

- *partials*: one partial derivative per operand
- *transpose* of a linear operation
- *rule* of its own
- *body*: through what the row is made of

**forward mode**: by what a tangent goes through.

- *partials*, *rule*, *body*: as above
- *itself*: a linear operation, applied to the tangent; *product rule*: to one tangent at a time
- *transposed*: the transpose of the reverse rule

**vmap**: by what the row runs on a batch.

- *elementwise*; *axis*: its axes move one place; *leading*: one more leading axis
- *merge*: into the operation's own batch axis
- *rule*, *body*: as above
- *loop*: once per element
- *refused*: the result's shape would depend on the data

A dot means that there is nothing to differentiate (integers, comparisons, creation) or no operand to batch.
"""
COMPOSITES = """## Composites

✓ is checked on every device by `candelabra conformance DEVICE -k composites`: derivatives against numerical ones, twice
and in both modes, complex operands where it takes them, and `vmap` against a loop. The rest makes tensors, draws them
or answers with a fact; or its result's shape depends on the data, so that it cannot be batched.
"""


def place(name: str) -> str:
    """Return where a user finds a row: its name behind `cb.`, or as it stands where other functions are made of it."""
    if not is_internal(name) or name in functions.read_all():
        return f"`cb.{name}`"
    for space in NAMESPACES:
        if hasattr(getattr(candelabra, space, None), name):
            return f"`cb.{space}.{name}`"
    return name


def sentence(text: str | None) -> str:
    """Return the first sentence of a docstring, safe inside a table."""
    return " ".join((text or "").split("\n\n")[0].split()).replace("|", "\\|")


def families() -> dict[str, list[Row]]:
    """Return the rows by the file that they stand in."""
    found: dict[str, list[Row]] = {}
    for row in TABLE.values():
        found.setdefault(Path(row.place.rpartition(":")[0]).stem, []).append(row)
    return dict(sorted(found.items()))


def summary() -> Iterator[str]:
    """Yield the counts of all rows."""
    rows = list(TABLE.values())
    both = sum(1 for row in rows if reverse_mode(row))
    yield f"{len(rows)} rows; {both} differentiate, in reverse, twice and forward.\n"
    for title, way in (("reverse, double", reverse_mode), ("forward mode", forward_mode), ("vmap", batching)):
        counted = Counter(way(row) for row in rows)
        counted.pop("", None)
        yield f"- **{title}**: " + ", ".join(f"{name} {number}" for name, number in counted.most_common()) + "."
    yield ""


def composite_table(space: str, names: list[str], cases: dict[str, Case]) -> Iterator[str]:
    """Yield the table of a family of composites."""
    home = ops if space == "cb" else getattr(candelabra, space.removeprefix("cb."))
    yield "| function | reverse, double, forward mode | vmap | |"
    yield "|---|---|---|---|"
    for name in names:
        function = getattr(home, name)
        case = cases.get(name if space == "cb" else f"{space.removeprefix('cb.')}.{name}") or FRONT.get(name)
        marks = ("·", "·") if case is None else tuple("✓" if holds else "·" for holds in (case.derivative, case.batch))
        yield f"| `{space}.{name}` | {marks[0]} | {marks[1]} | {sentence(inspect.getdoc(function))} |"
    yield ""


def page() -> str:
    """Return the text of the page."""
    lines = [HEAD, *summary(), "## Rows", ""]
    for family, rows in families().items():
        lines += [f"### {family}", "", "| row | reverse, double | forward mode | vmap | |", "|---|---|---|---|---|"]
        for row in sorted(rows, key=lambda found: found.name):
            ways = [way(row) or "·" for way in (reverse_mode, forward_mode, batching)]
            lines.append(f"| {place(row.name)} | {' | '.join(ways)} | {sentence(row.doc)} |")
        lines.append("")
    lines += [COMPOSITES]
    for family in sorted({*functions.EARLY, *functions.LATE}):
        module = import_module(f"{functions.__name__}.{family}")
        lines += [f"### {family}", "", *composite_table("cb", sorted(module.__all__), FRONT)]
    for space in NAMESPACES:
        lines += [
            f"### cb.{space}",
            "",
            *composite_table(f"cb.{space}", sorted(getattr(candelabra, space).__all__), EXTENSIONS),
        ]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write the page, or say that it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the page is stale")
    options = parser.parse_args(arguments)
    text = page()
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print("docs/operations.md is stale: run python docs/make_operations.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
