"""The command line: what it trains, lists and refuses, and the code that it ends with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import candelabra as cb
import pytest
from candelabra import cli, training_demo
from candelabra.core.errors import DeviceError
from candelabra.plugins.manager import BackendStatus, manager
from candelabra.training_demo import History, Settings
from candelabra.training_picture import HEIGHT, WIDTH, Picture, ticks

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("sklearn")
pytest.importorskip("tqdm")


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """The exit code, and what went to standard output and to standard error."""
    try:
        code = cli.main(arguments)
    except SystemExit as exit_:
        code = exit_.code
    return code, *capsys.readouterr()


def in_a_process(*arguments: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "candelabra", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"candelabra {version('candelabra')}\n", "")


def test_without_a_command_it_says_what_there_is(capsys):
    code, out, _ = run(capsys)
    assert code == 2
    assert all(command in out for command in ("train", "devices", "conformance", "new-plugin"))


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from candelabra.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'sklearn', 'PIL', 'tqdm', 'pytest', 'hypothesis', 'scipy', 'torch', 'cupy'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "train a small model on real data" in out
    assert out.endswith("[]\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--epochs", "0"], "argument --epochs: '0' is not a whole number of at least 1"),
        (["--batch-size", "2.5"], "argument --batch-size: '2.5' is not a whole number of at least 1"),
        (["--lr", "-1"], "argument --lr: '-1' is not a number above 0"),
        (["--lr", "nan"], "argument --lr: 'nan' is not a number above 0"),
        (["--lr", "fast"], "argument --lr: 'fast' is not a number above 0"),
        (["--model", "rnn"], "argument --model: invalid choice: 'rnn'"),
        (["--speed", "3"], "unrecognized arguments: --speed 3"),
    ],
)
def test_bad_arguments(arguments, text, capsys):
    code, _, error = run(capsys, "train", "digits", *arguments)
    assert code == 2
    assert text in error


def test_training_writes_a_model_and_a_picture(tmp_path, capsys):
    folder = tmp_path / "runs" / "digits"
    code, out, _ = run(capsys, "train", "digits", "--model", "mlp", "--epochs", "2", "--output", str(folder))
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 1/2  loss ") and "accuracy" in lines[0]
    assert lines[2].startswith("test accuracy ")
    assert lines[2].endswith(f"wrote {folder / 'model.safetensors'} and {folder / 'training.png'}")
    assert sorted(os.listdir(folder)) == ["model.safetensors", "training.png"]

    model = training_demo.build_model("mlp")
    model.load_state_dict(cb.load(folder / "model.safetensors"))
    unseen = cb.data.Digits(train=False)
    right = (training_demo.predicted(model, unseen.images) == unseen.labels).float().mean().item()
    assert f"test accuracy {right:.2%};" in lines[2]
    with Image.open(folder / "training.png") as picture:
        assert picture.size == (WIDTH, HEIGHT)
        picture.load()


def test_the_cnn_reads_more_than_97_percent(tmp_path):
    result = training_demo.train(Settings(epochs=4, output=tmp_path))
    assert result.accuracy > 0.97
    assert result.accuracy == result.history.test[-1]
    assert result.history.losses[-1] < result.history.losses[0] / 4


def test_the_same_seed_gives_the_same_run(tmp_path):
    first, second, other = (
        training_demo.train(Settings(model="mlp", epochs=1, seed=seed, output=tmp_path)).history.losses
        for seed in (3, 3, 4)
    )
    assert first == second != other


def test_a_device_that_is_not_there(tmp_path, capsys):
    code, out, error = run(capsys, "train", "digits", "--device", "nowhere", "--output", str(tmp_path / "run"))
    assert (code, out) == (2, "")
    assert error.startswith("candelabra: no backend serves device 'nowhere'")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("module", "name"), [("tqdm", "tqdm"), ("PIL", "pillow"), ("sklearn", "scikit-learn")])
def test_a_missing_library(module, name, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    code, out, error = run(capsys, "train", "digits", "--output", str(tmp_path / "run"))
    assert (code, out) == (2, "")
    expected = f"candelabra: train digits: it needs {name}, which is not installed; pip install candelabra[demo]\n"
    assert error == expected
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, _, error = run(capsys, "train", "digits", "--epochs", "1", "--output", str(tmp_path / "file"))
    assert code == 2
    assert error == f"candelabra: cannot write to {tmp_path / 'file'}: File exists; choose another --output\n"


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_control_c_leaves_no_file(tmp_path):
    process = in_a_process("train", "digits", "--model", "mlp", "--epochs", "100000", "--output", str(tmp_path))
    try:
        assert process.stdout.readline().startswith("epoch ")
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert error.endswith("candelabra: interrupted\n")
    assert "Traceback" not in error
    assert os.listdir(tmp_path) == []


def drawn(history: History, predictions: list[int], labels: list[int]) -> Picture:
    image = [[0.0, 1.0] * 4, [0.5] * 8] * 4
    return Picture("a run", history, [image] * len(labels), labels, predictions)


@pytest.mark.parametrize(
    ("history", "predictions"),
    [
        (History([1.0], [0.2], [0.3]), [1, 2, 3]),
        (History([1.0, float("nan")], [0.2, 0.1], [0.3, 0.3]), [3, 2, 1]),
        (History([float("inf")], [1.0], [1.0]), [1, 2, 3] * 30),
        (History([2.0, 1.0] * 60, [0.5] * 120, [0.5] * 120), [0, 0, 0] * 30),
    ],
)
def test_any_run_can_be_drawn(history, predictions, tmp_path):
    labels = [1, 2, 3] * (len(predictions) // 3)
    drawn(history, predictions, labels).save(tmp_path / "run.png")
    with Image.open(tmp_path / "run.png") as picture:
        assert picture.size == (WIDTH, HEIGHT)
    assert os.listdir(tmp_path) == ["run.png"]


def test_wrong_digits_are_marked_in_red():
    history = History([1.0], [0.2], [0.3])

    def red(predictions: list[int]) -> int:
        pixels = drawn(history, predictions, [1, 2]).draw().tobytes()
        return sum(r > 180 and g < 60 and b < 60 for r, g, b in zip(pixels[::3], pixels[1::3], pixels[2::3]))

    assert red([1, 2]) == 0
    assert red([1, 3]) > 200


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    class Interrupted:
        def save(self, file, **options):
            file.write(b"half")
            raise KeyboardInterrupt

    monkeypatch.setattr(Picture, "draw", lambda self: Interrupted())
    (tmp_path / "run.png").write_bytes(b"the last run")
    with pytest.raises(KeyboardInterrupt):
        drawn(History([1.0], [1.0], [1.0]), [1], [1]).save(tmp_path / "run.png")
    assert os.listdir(tmp_path) == ["run.png"]
    assert (tmp_path / "run.png").read_bytes() == b"the last run"


def test_ticks_are_round_numbers_that_cover():
    assert ticks(0, 1.1) == pytest.approx([0, 0.5, 1.0, 1.5])
    assert ticks(0.71, 1.0) == pytest.approx([0.7, 0.8, 0.9, 1.0])
    assert ticks(1, 12, 6) == [0, 2, 4, 6, 8, 10, 12]
    assert ticks(0.5, 0.5)[0] <= 0.5 <= ticks(0.5, 0.5)[-1]


def test_devices(capsys, monkeypatch):
    monkeypatch.delenv("CANDELABRA_DISABLE_PLUGINS", raising=False)
    code, out, _ = run(capsys, "devices")
    assert code == 0
    assert out.startswith(f"candelabra {version('candelabra')}, Python ")
    assert "\ncpu: backend numpy (candelabra" in out
    assert "\n  cpu\n" in out
    assert "cuda: backend cupy" in out
    assert out.endswith(
        "Listing imports the code of the installed plugins; CANDELABRA_DISABLE_PLUGINS=1 switches third parties off.\n"
    )


def test_devices_for_programs(capsys):
    code, out, _ = run(capsys, "devices", "--json")
    assert code == 0
    listing = json.loads(out)
    assert listing["candelabra"] == version("candelabra")
    cpu = next(record for record in listing["backends"] if "cpu" in record["device_types"])
    assert cpu["state"] == "loaded" and cpu["error"] == ""
    assert cpu["devices"] == [{"device": "cpu", "name": ""}]
    assert "numpy" in " ".join(map(str, cpu["facts"])).lower() or "version" in cpu["facts"]


def test_devices_says_why_one_does_not_load(capsys, monkeypatch):
    class Broken:
        def devices(self):
            raise OSError("the driver is gone")

    statuses = [
        BackendStatus("tpu", ("tpu",), "failed", "tpu", "candelabra-tpu", "2.0", "ImportError: no lib\nat all", None),
        BackendStatus("odd", (), "failed", "odd", "candelabra-odd", "0.1", "plugin 'odd' is refused", None),
        BackendStatus("half", ("half",), "loaded", "half", "candelabra-half", "1", "", Broken()),
    ]
    monkeypatch.setattr(manager, "statuses", lambda load=False: statuses)
    _, out, _ = run(capsys, "devices")
    assert "tpu: backend tpu (candelabra-tpu 2.0), not usable\n  why: ImportError: no lib\n       at all\n" in out
    assert "plugin odd (candelabra-odd 0.1) does not load\n  why: plugin 'odd' is refused\n" in out
    assert "half: backend half (candelabra-half 1), no device there\n  why: OSError: the driver is gone\n" in out


def test_devices_with_plugins_switched_off():
    process = in_a_process("devices", env={**os.environ, "CANDELABRA_DISABLE_PLUGINS": "1"})
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.endswith("Plugins of third parties are switched off by CANDELABRA_DISABLE_PLUGINS=1.\n")


def test_conformance_of_a_report_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for chosen in (["--output", str(tmp_path / "file")], ["--html", str(tmp_path / "file" / "a.html")]):
        code, _, error = run(capsys, "conformance", "cpu", *chosen)
        assert code == 2
        told = f"candelabra: cannot write to {tmp_path / 'file'}: File exists; choose another file or --output\n"
        assert error == told


def test_conformance_of_a_device_that_is_not_there(capsys):
    with pytest.raises(DeviceError) as expected:
        cb.zeros(1, device="nowhere")
    code, _, error = run(capsys, "conformance", "nowhere")
    assert code == 2
    assert error == f"candelabra: {expected.value}\n"


def test_conformance_without_its_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    code, _, error = run(capsys, "conformance", "cpu")
    assert code == 2
    assert error == (
        "candelabra: conformance: the suite needs hypothesis, which is not installed; "
        "pip install candelabra[conformance]\n"
    )


def test_conformance_in_several_processes_needs_their_library(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "xdist", None)
    code, _, error = run(capsys, "conformance", "cpu", "-n", "2")
    assert code == 2
    assert error == "candelabra: conformance: -n needs pytest-xdist, which is not installed; leave -n out\n"


def test_it_runs_from_inside_the_checkout():
    process = in_a_process("--version", cwd=Path(__file__).resolve().parents[2])
    out, _ = process.communicate(timeout=60)
    assert out == f"candelabra {version('candelabra')}\n"
