"""The code of docs/ecosystem.md runs as it stands, in one interpreter."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_runs(tmp_path: Path, require_peer: Any) -> None:
    for package in ("scipy", "sklearn", "einops"):
        require_peer(package)
    page = (ROOT / "docs" / "ecosystem.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shapes, jacobians, fitted, weights, tokens = done.stdout.splitlines()
    assert shapes == "(2, 4) Tensor" and jacobians == "(3, 3) (2,) complex128"
    kind, components, score = re.fullmatch(r"(\w+) (\(.*\)) ([\d.]+)", fitted).groups()  # type: ignore[union-attr]
    assert kind == "Tensor" and components == "(100, 2)" and float(score) > 0.99
    assert weights == "(100,)" and tokens == "(8, 16, 32) True"
