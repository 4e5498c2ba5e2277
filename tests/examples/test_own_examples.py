"""The project's own examples run as they stand, and learn."""

from __future__ import annotations

import importlib.util
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
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


def test_autoencoder(capsys, tmp_path):
    pytest.importorskip("sklearn")
    picture = tmp_path / "digits.png"
    found = example("autoencoder").main(["--epochs", "10", "--picture", str(picture)])
    assert found["unseen"] < 0.4 * found["blank"]
    out = capsys.readouterr().out
    assert "epoch 10: last loss" in out and "8 numbers of 64 keep" in out
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG") and content.endswith(b"IEND\xaeB`\x82")
    if importlib.util.find_spec("PIL"):
        from PIL import Image

        with Image.open(picture) as image:
            # Two rows of twelve digits, the second like the first.
            assert image.size == (12 * 64, 2 * 64 + 6) and image.mode == "L"
            shades = np.asarray(image, dtype=float)
        above, below = shades[:64], shades[-64:]
        assert np.ptp(above) > 200 and np.corrcoef(above.ravel(), below.ravel())[0, 1] > 0.8


def test_fine_tuning(capsys):
    pytest.importorskip("sklearn")
    module = example("fine_tuning")
    assert module.CHECKPOINT.stat().st_size < 100_000
    found = module.main(["--epochs", "5"])
    assert found["old"] > 0.97 and found["before"] < 0.5
    assert found["head"] > 0.9 and found["all"] > 0.93
    out = capsys.readouterr().out
    assert "<All keys matched successfully>" in out and "the head trained on 150 images" in out


def test_custom_dataset(tmp_path):
    image = pytest.importorskip("PIL.Image")
    picture = tmp_path / "shapes.png"
    # As a program of its own: its workers import it by its file.
    options = ["--epochs", "4", "--samples", "1500", "--output", picture]
    command = [sys.executable, EXAMPLES / "custom_dataset.py", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    lines = done.stdout.splitlines()
    assert sorted(line.partition(":")[0] for line in lines[:2]) == ["worker 0 of 2", "worker 1 of 2"]
    assert len({line.partition("process ")[2] for line in lines[:2]}) == 2
    shares = [float(share) for share in re.findall(r"([\d.]+)% of unseen shapes recognised", done.stdout)]
    assert len(shares) == 4 and shares[-1] > 60
    with image.open(picture) as sheet:
        assert sheet.size == (832, 372) and len(set(sheet.convert("L").tobytes())) > 100


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


@pytest.mark.parametrize("task", ["reverse", "sort"])
def test_seq2seq_transformer(capsys, tmp_path, task):
    picture = tmp_path / "attention.png"
    arguments = ["--task", task, "--steps", "200", "--longest", "5", "--width", "32", "--batch-size", "32"]
    found = example("seq2seq_transformer").main([*arguments, "--picture", str(picture)])
    assert found["first"] == pytest.approx(math.log(13), abs=0.5)
    assert found["last"] < 0.5 < found["right"]
    out = capsys.readouterr().out
    assert "step 100: loss" in out and "step 200: loss" in out and "(right)" in out
    if importlib.util.find_spec("PIL"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    else:
        assert "not drawn" in out


def test_the_strings_of_seq2seq_transformer():
    module = example("seq2seq_transformer")
    for task, answer in (("reverse", lambda s: s[::-1]), ("sort", lambda s: "".join(sorted(s)))):
        source, right = module.draw_strings(50, 6, task)
        lengths = set()
        for given, wanted in zip(source.tolist(), right.tolist(), strict=True):
            assert wanted[0] == module.START and given.count(module.END) == wanted.count(module.END) == 1
            assert module.text(wanted[1:]) == answer(module.text(given))
            lengths.add(len(module.text(given)))
        assert lengths == {3, 4, 5, 6}


def test_per_sample_gradients(capsys):
    pytest.importorskip("sklearn")
    found = example("per_sample_gradients").main(["--epochs", "8"])
    assert found["read"] > 0.7 and found["found"] > 0.6
    assert "epoch 8: last loss" in capsys.readouterr().out


def test_scientific_python():
    for library in ("scipy", "sklearn"):
        pytest.importorskip(library)
    # As a program of its own: SciPy reads the environment when it is imported.
    command = [sys.executable, EXAMPLES / "scientific_python.py", "--steps", "200"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    turned, robust, regression = done.stdout.splitlines()
    assert float(re.search(r"off by ([\d.]+) degrees", turned)[1]) > 3
    assert float(re.search(r"through SciPy by ([\d.]+)$", robust)[1]) < 0.5
    plain, learned = map(float, re.search(r"R2 ([\d.]+), with learned features ([\d.]+)$", regression).groups())
    assert 0.4 < plain < 0.6 and learned > plain - 0.05


def test_mixed_devices(capsys, monkeypatch):
    module = example("mixed_devices")
    monkeypatch.setattr(module.cb, "devices", lambda: [module.cb.device("cpu")])
    assert module.main([]) == {}
    assert "Only the CPU is there. A plugin brings another: pip install candelabra-torch" in capsys.readouterr().out
    found = module.main(["--devices", "cpu", "cpu", "cpu", "--steps", "100"])
    assert found["last"] < 0.5 * found["first"] and found["accuracy"] > 0.8 and found["apart"] == 0
    assert "encoder   on cpu" in capsys.readouterr().out
