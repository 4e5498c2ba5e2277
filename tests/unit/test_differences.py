"""Each entry of docs/differences.md shows what it says."""

from __future__ import annotations

import doctest
import re
import warnings
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "differences.md").read_text(encoding="utf-8")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def entries() -> dict[str, str]:
    """The page by its headings; the first part is what all entries begin with."""
    parts = re.split(r"^#{2,3} (.+)\n", PAGE, flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


ENTRIES = entries()
SECTIONS = set(re.findall(r"^## (.+)$", PAGE, re.MULTILINE))
DIFFERENCES = [title for title in ENTRIES if title and title not in SECTIONS]


def shown(text: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(text)


@pytest.mark.parametrize("title", DIFFERENCES)
def test_difference(title: str, tmp_path: Path) -> None:
    # Earlier entries of the page have made what a later one uses.
    before = [e for t in list(ENTRIES)[: list(ENTRIES).index(title)] for e in shown(ENTRIES[t]) if not e.exc_msg]
    own = shown(ENTRIES[title])
    assert own, f"{title!r} shows nothing"
    scope = {"path": tmp_path / "state.safetensors"}
    with warnings.catch_warnings():
        for example in before:
            if re.match(r"import |[\w, ]+ = ", example.source) and "warnings" not in example.source:
                exec(example.source, scope)
        report: list[str] = []
        case = doctest.DocTest(own, scope, title, "docs/differences.md", 0, None)
        doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(case, out=report.append)
    assert report == [], "".join(report)


def test_the_page_holds_what_the_design_promises() -> None:
    promised = (
        "max min sort std var meshgrid nonzero repeat squeeze take numpy() size x.data from_numpy save".split()
    )
    titles = " ".join(DIFFERENCES)
    assert [name for name in promised if f"`{name}`" not in titles] == []
    assert len(DIFFERENCES) > 25
