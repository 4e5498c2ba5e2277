"""Introductions to PyTorch run with nothing changed but their imports, each page's snippets in one namespace."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import candelabra as cb
import pytest
from candelabra.core.errors import DeviceError

SEEDS = Path(__file__).resolve().parents[2] / "examples" / "seeds"


def run(name: str) -> dict[str, Any]:
    """Run a page statement by statement; without a card what asks for one must say so, and its results are not used."""
    path = SEEDS / f"{name}.py"
    code = path.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": name}
    missing: set[str] = set()
    for statement in ast.parse(code, str(path)).body:
        compiled = compile(ast.Module([statement], []), str(path), "exec")
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if names & missing:
            continue
        if ".to('cuda')" in ast.get_source_segment(code, statement) and not cb.cuda.is_available():
            with pytest.raises(DeviceError, match=r"device 'cuda' cannot be used: backend 'cupy' .* does not load: "):
                exec(compiled, namespace)
            missing |= {target.id for target in statement.targets}
            continue
        exec(compiled, namespace)
    return namespace


def test_no_page_is_forgotten() -> None:
    assert sorted(path.stem for path in SEEDS.glob("*.py")) == [f"pytorch_00{i}" for i in range(4)]


def test_only_imports_are_changed() -> None:
    for path in SEEDS.glob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert "candelabra" not in line or re.match(r"(import|from) candelabra", line), line


def test_a_training_step() -> None:
    found = run("pytorch_000")
    assert found["outputs"].shape == (5, 1)
    assert all(p.grad is not None for p in found["model"].parameters())
    assert found["model"](found["inputs"]).shape == (5, 1)


def test_a_short_training() -> None:
    found = run("pytorch_001")
    first = found["loss_fn"](cb.nn.Linear(1, 1)(found["a"]), found["a"])
    assert found["loss"].item() < max(first.item(), 1.0)


def test_gradient_descent_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    run("pytorch_002")
    lines = capsys.readouterr().out.splitlines()
    # The numbers are PyTorch's.
    assert lines[0] == "Epoch 1: Loss = 41.0000"
    assert lines[9] == "Epoch 10: Loss = 1.5412"
    assert lines[10] == "Trained weight: 1.7572, Trained bias: 0.6071"


def test_a_whole_tour(capsys: pytest.CaptureFixture[str]) -> None:
    found = run("pytorch_003")
    out = capsys.readouterr().out
    assert out.startswith("tensor([5, 7, 9])\n")
    assert len(re.findall(r"^Epoch \d+0?, Loss: [\d.]+$", out, re.MULTILINE)) == 10
    assert "tensor(4.)\ntensor([1., 4., 9.])\n" in out
    assert len(found["dataloader"]) == 10
    assert [tuple(part.shape) for part in found["batch"]] == [(10, 10), (10, 1)]


def test_a_card_that_is_missing_is_named() -> None:
    if cb.cuda.is_available():
        pytest.skip("there is a card")
    with pytest.raises(DeviceError) as caught:
        cb.tensor([1, 2, 3]).to("cuda")
    assert re.search(
        r"CUDA devices need CuPy, .*; pip install 'candelabra\[cuda\]'|CuPy .* finds no CUDA device", str(caught.value)
    )
