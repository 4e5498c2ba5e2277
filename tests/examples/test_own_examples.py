"""The project's own examples run as they stand, and learn."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name: str):
    """Import an example from its file."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_digits_cnn(capsys):
    pytest.importorskip("sklearn")
    assert example("digits_cnn").main(["--epochs", "3"]) > 0.95
    assert "epoch 3: last loss" in capsys.readouterr().out


def test_character_gpt(capsys):
    losses = example("character_gpt").main(["--steps", "60", "--batch-size", "8", "--sample", "20"])
    assert len(losses) == 60
    assert losses[0] == pytest.approx(math.log(103), abs=0.5)
    assert sum(losses[-10:]) / 10 < 3.4
    out = capsys.readouterr().out
    assert "step 50: loss" in out and "step 60: loss" in out
    assert len(out.rpartition("\nThe ")[2].rstrip("\n")) >= 10
