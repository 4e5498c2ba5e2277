"""`candelabra new-plugin`: what it writes is a device at once; what it must not do, it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from candelabra import cli
from candelabra.new_plugin import new_plugin

pytest.importorskip("array_api_strict")


def test_what_it_writes_is_a_device_that_conforms(tmp_path: Path) -> None:
    new_plugin("fresh", "array_api_strict", tmp_path)
    root, site = tmp_path / "candelabra-fresh", tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(site), str(root)], check=True, capture_output=True)
    environment = {name: text for name, text in os.environ.items() if name != "CANDELABRA_DISABLE_PLUGINS"}
    environment["PYTHONPATH"] = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "fresh: backend fresh (candelabra-fresh 0.1.0)" in run("candelabra", "devices")
    chosen = "fresh:0-tanh or fresh:0-matmul or fresh:0-softmax or fresh:0-sort"
    shown = run("candelabra", "conformance", "fresh", "-k", chosen, "-p", "no:cacheprovider")
    assert "conformance of fresh:0" in shown and "failed:" not in shown
    # Its own tests, without the long one.
    run("pytest", "-q", "-p", "no:cacheprovider", str(root / "tests"), "-k", "gradients")


def test_the_command_names_what_it_wrote_and_overwrites_nothing(tmp_path: Path, capsys) -> None:
    arguments = ["new-plugin", "my_lib", "--library", "jax.numpy", "--output", str(tmp_path)]
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out.splitlines()
    root = tmp_path / "candelabra-my_lib"
    assert shown[:-1] == [str(p) for p in (
        root / "pyproject.toml", root / "README.md", root / "src/candelabra_my_lib/__init__.py",
        root / "src/candelabra_my_lib/py.typed", root / "tests/test_my_lib.py",
    )]  # fmt: skip
    assert shown[-1] == f"next: pip install -e '{root}[test]' && candelabra conformance my_lib"
    module = (root / "src/candelabra_my_lib/__init__.py").read_text()
    assert "import jax.numpy as namespace" in module and "class MyLibBackend(Backend):" in module
    assert 'dependencies = ["candelabra", "jax"]' in (root / "pyproject.toml").read_text()
    (root / "README.md").write_text("mine")
    assert cli.main(arguments) == 2
    assert f"{root} is there already, and nothing is overwritten" in capsys.readouterr().err
    assert (root / "README.md").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == [root.name]


def test_a_wrapped_library_is_required_beside_its_wrapper(tmp_path: Path) -> None:
    new_plugin("wrapped", "array_api_compat.torch", tmp_path)
    text = (tmp_path / "candelabra-wrapped/pyproject.toml").read_text()
    assert 'dependencies = ["candelabra", "array-api-compat", "torch"]' in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["../x"], "new-plugin: '../x' cannot be a device type; give an identifier in lower case, such as mylib"),
        (["class"], "'class' cannot be a device type"),
        (["My-Lib"], "'My-Lib' cannot be a device type"),
        (["cpu"], "new-plugin: there is a device type 'cpu' already; choose another name"),
        (["mine", "--library", "a b"], "new-plugin: 'a b' is no module's name; give one such as array_api_strict"),
        (["mine", "--library", "os; import sys"], "is no module's name"),
    ],
)
def test_what_it_refuses(arguments: list[str], text: str, tmp_path: Path, capsys) -> None:
    assert cli.main(["new-plugin", *arguments, "--output", str(tmp_path / "new")]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["new-plugin", "mine", "--output", str(tmp_path / "file")]) == 2
    assert f"cannot write to {tmp_path / 'file'}: {tmp_path / 'file'} is a file" in capsys.readouterr().err
