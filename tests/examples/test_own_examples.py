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


def test_character_lstm(capsys, tmp_path):
    picture = tmp_path / "losses.png"
    arguments = ["--steps", "120", "--hidden", "48", "--batch-size", "16", "--sample", "60", "--picture", str(picture)]
    found = example("character_lstm").main(arguments)
    assert found["first"] == pytest.approx(math.log(23), abs=0.2)
    assert found["possible"] < found["unseen"] < 0.8
    out = capsys.readouterr().out
    assert "step 50: loss" in out and "[####################] step 120: loss" in out
    assert f"a perplexity of {math.exp(found['possible']):.3f}" in out and "sentences are right" in out
    if importlib.util.find_spec("PIL"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    else:
        assert "not drawn" in out


def test_the_language_of_character_lstm():
    module = example("character_lstm")
    language = module.Language(seed=3)
    lines = language.write(5000).splitlines()
    assert all(module.grammar().fullmatch(line) for line in lines) and len(set(lines)) > 100
    for wrong in ("the dog run home.", "the dogs that the cat see run home.", "the dogs runs home.", "the dog runs"):
        assert not module.grammar().fullmatch(wrong)
    assert module.grammar().fullmatch("the children that the cat follows sleep in the garden.")
