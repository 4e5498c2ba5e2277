"""What becomes of SciPy's, scikit-learn's and array-api-extra's functions on Tensors is what docs/ecosystem.md says.

One process for each library makes all its calls; see `child.py`.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = {"scipy": "scipy", "sklearn": "sklearn", "extra": "array_api_extra"}


def read(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


writer = read("make_ecosystem", ROOT / "docs" / "make_ecosystem.py")
CALLS = [
    (library, line.partition(": ")[0].partition("(")[0])
    for library in PACKAGES
    for line in (HERE / "calls" / f"{library}.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("[")
]


@functools.cache
def looked(library: str) -> dict[str, Any] | RuntimeError:
    """Return what was found, or why the process failed: once for all tests."""
    try:
        return writer.look(library)
    except RuntimeError as error:
        return error


@pytest.fixture
def report(request: pytest.FixtureRequest, require_peer: Any) -> Any:
    """What was found out about a library, in a process that is started once."""
    pytest.importorskip("candelabra_strict")
    for package in ("scipy", PACKAGES[request.param]):
        require_peer(package)
    found = looked(request.param)
    if isinstance(found, RuntimeError):
        pytest.fail(str(found), pytrace=False)
    return found


@pytest.mark.parametrize(("report", "name"), CALLS, ids=[name for _, name in CALLS], indirect=["report"])
def test_nothing_is_wrong_without_a_word(report: dict[str, Any], name: str) -> None:
    if name not in report["found"]:
        pytest.skip(f"{report['version']} has no such function")
    outcomes = report["found"][name]
    cpu, strict, default, gradient = (outcomes[key] for key in ("cpu", "strict", "default", "gradient"))
    assert cpu[0] != "wrong" and gradient[0] != "wrong", outcomes
    # Only a backend that can tell views warns of writes through them.
    assert (strict[0] != "wrong" and default[0] != "wrong") or cpu[0] == "views", outcomes
    # A gradient never stops in silence at host memory.
    assert cpu[0] != "host" or gradient[0] in ("refused", "none", "flows", "partial"), outcomes
    # Forward mode goes where backward goes; vmap maps or refuses.
    assert outcomes.get("forward", ["agrees"])[0] == "agrees", outcomes
    assert outcomes.get("vmap", ["maps"])[0] in ("maps", "refused", "error"), outcomes


@pytest.mark.parametrize("report", PACKAGES, indirect=True)
def test_the_page_says_what_is_found(report: dict[str, Any], request: pytest.FixtureRequest) -> None:
    library = request.node.callspec.params["report"]
    page = writer.PAGE.read_text(encoding="utf-8")
    version = ".".join(report["version"].split(".")[:2])
    if f"calls of {writer.LIBRARIES[library]} {version}:" not in page:
        pytest.skip(f"the page speaks of another version than {version}")
    assert writer.replaced(page, library, report) == page, "run python docs/make_ecosystem.py"


def test_most_of_the_calls_are_made_and_many_differentiate() -> None:
    page = writer.PAGE.read_text(encoding="utf-8")
    assert len(CALLS) > 600 and sys.getsizeof(page) > 10_000
    for library, least in (("scipy", 190), ("sklearn", 35), ("extra", 29)):
        part = page.partition(f"<!-- {library} -->")[2].partition(f"<!-- end of {library} -->")[0]
        count = part.partition("| In functions of candelabra, differentiable | ")[2].partition(" |")[0]
        assert int(count) >= least, library
