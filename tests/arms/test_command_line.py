"""``candelabra train digits`` on every device, and ``candelabra devices``."""

from __future__ import annotations

import json

import candelabra as cb
import numpy as np
import pytest
from candelabra.cli import main


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_the_digits_are_trained_on_the_device(arm, model, tmp_path, capsys):
    for library in ("sklearn", "tqdm", "PIL"):
        pytest.importorskip(library)
    curves = {}
    for device in ("cpu", arm):
        folder = tmp_path / device
        options = [
            "--model",
            model,
            "--epochs",
            "1",
            "--batch-size",
            "256",
            "--device",
            device,
            "--output",
            str(folder),
        ]
        assert main(["train", "digits", *options]) == 0
        out = capsys.readouterr().out
        curves[device] = float(out.split("loss ")[1].split()[0])
        assert "epoch 1/1" in out and "wrote" in out
        assert (folder / "training.png").read_bytes().startswith(b"\x89PNG")
    # Printed to four places, after six steps.
    assert np.isclose(curves[arm], curves["cpu"], rtol=2e-3), curves
    saved = cb.load(tmp_path / arm / "model.safetensors")
    assert {t.device.type for t in saved.values()} == {arm}
    home = cb.load(tmp_path / arm / "model.safetensors", map_location="cpu")
    plain = cb.load(tmp_path / "cpu" / "model.safetensors")
    assert home.keys() == plain.keys() and all(home[k].shape == plain[k].shape for k in plain)


def test_devices_are_listed(arm, capsys):
    assert main(["devices", "--json"]) == 0
    records = {r["backend"]: r for r in json.loads(capsys.readouterr().out)["backends"]}
    assert records[arm]["state"] == "loaded" and records[arm]["distribution"] == f"candelabra-{arm}"
    assert records[arm]["devices"] and records[arm]["facts"]["version"]
