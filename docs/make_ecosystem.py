"""Write into docs/ecosystem.md what becomes of other libraries' functions on Tensors.

The calls stand in ``tests/ecosystem/calls/``; ``tests/ecosystem/child.py`` makes them. What it finds replaces what
stands between a library's two marks on the page.

Usage, with SciPy, scikit-learn and the plugin `strict` installed beside candelabra: ``python docs/make_ecosystem.py``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "ecosystem.md"
CHILD = ROOT / "tests" / "ecosystem" / "child.py"
LIBRARIES = {"scipy": "SciPy", "sklearn": "scikit-learn", "extra": "array-api-extra"}
WIDTH = 120

Report = dict[str, Any]
# What a list on the page says of its calls, and which belong to it, by their outcome on `cpu` and their gradient.
LISTS = {
    ("computes", "flows"): "In functions of candelabra, differentiable",
    ("host", "flows"): "Differentiable, with a look at values in host memory",
    ("computes", "none"): "In functions of candelabra, nothing to differentiate",
    ("computes", "nan"): "In functions of candelabra, the gradient is not a number",
    ("host", "none"): "Through host memory, nothing to differentiate",
    ("host", "refused"): "Through host memory, a gradient is refused",
    ("host", "partial"): "Partly with Python numbers, a gradient comes of the rest only",
    ("leaves", "none"): "Answers in NumPy arrays or Python numbers",
    ("leaves", "refused"): "Answers in NumPy arrays or Python numbers, a gradient is refused",
    ("views", "none"): "Writes through views",
    ("views", "views"): "Writes through views",
    ("refuses", "refused"): "Refuses",
    ("refuses", "error"): "Refuses",
}


def look(library: str) -> Report:
    """Return what a process of its own has found out about a library's functions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment.pop("CANDELABRA_DEFAULT_DEVICE", None)
        command = [sys.executable, str(CHILD), str(path), library]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return json.loads(path.read_text(encoding="utf-8"))


def wrapped(names: list[str]) -> str:
    """Return names as lines of a list, in code marks."""
    lines, line = [], ""
    for i, name in enumerate(names):
        piece = f"`{name}`" + ("," if i + 1 < len(names) else "")
        if line and len(line) + 1 + len(piece) > WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {piece}" if line else piece
    return "\n".join([*lines, line])


def lists(report: Report) -> dict[str, list[str]]:
    """Return the names of the calls by what is said of them; an outcome that the page has no list for is an error."""
    found: dict[str, list[str]] = {title: [] for title in LISTS.values()}
    for name, outcomes in report["found"].items():
        key = (outcomes["cpu"][0], outcomes["gradient"][0])
        if key not in LISTS:
            raise ValueError(f"{name} on cpu: {outcomes['cpu']}, its gradient: {outcomes['gradient']}")
        found[LISTS[key]].append(name)
    return {title: sorted(names, key=str.lower) for title, names in found.items() if names}


def devices(report: Report) -> tuple[int, list[str], list[str]]:
    """Return how many follow their input to another device, which need it as default, and which fail there."""
    follow, need, fail = 0, [], []
    for name, outcomes in sorted(report["found"].items()):
        if outcomes["cpu"][0] not in ("computes", "host"):
            continue
        if outcomes["strict"][0] == outcomes["cpu"][0]:
            follow += 1
        elif outcomes["default"][0] == outcomes["cpu"][0]:
            if outcomes["cpu"][0] == "computes":
                need.append(name)
        else:
            fail.append(name)
    return follow, need, fail


def section(library: str, report: Report) -> str:
    """Return what the page says of a library."""
    version = ".".join(report["version"].split(".")[:2])
    found = lists(report)
    text = [f"{len(report['found'])} calls of {LIBRARIES[library]} {version}:"]
    text += ["", "| what happens | calls |", "|---|---|"]
    text += [f"| {title} | {len(names)} |" for title, names in found.items()]
    for title, names in found.items():
        text += ["", f"**{title}.**", wrapped(names)]
    follow, need, fail = devices(report)
    text += ["", f"**On a second device** (`strict`) {follow} of them follow their input."]
    if need:
        text[-1] += " These make constants on the default device, and so need it\nto be the second:"
        text.append(wrapped(need))
    agree = sum(outcomes.get("forward", [""])[0] == "agrees" for outcomes in report["found"].values())
    maps = sum(outcomes.get("vmap", [""])[0] == "maps" for outcomes in report["found"].values())
    asks = [name for name, outcomes in report["found"].items() if outcomes.get("vmap", ["maps"])[0] != "maps"]
    text += [
        "",
        f"**Transformations.** Forward mode goes through {agree} of the differentiable, `vmap` through {maps}.",
    ]
    if asks:
        text[-1] += " These\nask for values (a NaN somewhere?) or for shapes that depend on them, which `vmap` refuses:"
        text.append(wrapped(sorted(asks, key=str.lower)))
    if fail:
        text += ["", "**Not on a second device**, NumPy arrays meet Tensors in them:", wrapped(fail)]
    return "\n".join(text)


def replaced(page: str, library: str, report: Report) -> str:
    """Return the page with what was found between the library's marks."""
    start, end = f"<!-- {library} -->\n", f"<!-- end of {library} -->"
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(page)) != 1:
        raise ValueError(f"docs/ecosystem.md has not one place for {library}")
    return pattern.sub(lambda _: start + section(library, report) + "\n" + end, page)


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for library in LIBRARIES:
        page = replaced(page, library, look(library))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
