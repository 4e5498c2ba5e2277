"""The committed type stubs say what is there at run time."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "make_stubs.py"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_stubs", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_stub_is_stale() -> None:
    # In an interpreter of its own: other tests register rows.
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_stub_is_named(
    generator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in generator.STUBS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0
    with (tmp_path / "core" / "ops.pyi").open("a", encoding="utf-8") as stub:
        stub.write("def planted() -> None: ...\n")
    capsys.readouterr()
    assert generator.main(["--check"]) == 1
    assert capsys.readouterr().out == "core/ops.pyi is stale: run python docs/make_stubs.py\n"


def test_signatures_are_those_of_run_time(generator: ModuleType) -> None:
    functions, members, names = (make() for make in generator.STUBS.values())
    assert "def add(x1: Tensor | builtins.complex, x2: Tensor | builtins.complex, /) -> Tensor:" in functions
    assert "padding: int | tuple[int | tuple[int, int], ...] = 0" in functions
    assert "class unique_all_result(NamedTuple):" in functions
    assert "    arange as arange," in functions
    assert "    def __radd__(self, x2: Tensor | complex, /) -> Tensor: ..." in members
    assert "    def exp(self) -> Tensor:" in members
    assert "    def mul_(self, other: Tensor | complex) -> Tensor:" in members
    # A method named `int` hides the builtin in the class body.
    assert "    def numel(self) -> builtins.int:" in members
    assert "    def backward" not in members
    assert "    vmap as vmap," in names and "float: DType" in names and "pi: _builtins.float" in names
