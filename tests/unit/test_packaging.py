"""The wheel that users get: one package, every module, nothing heavy on import."""

from __future__ import annotations

import configparser
import importlib.util
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "PIL", "array_api_strict", "cupy", "hypothesis", "importlib.metadata", "jax", "matplotlib", "mpmath",
    "multiprocessing", "numba", "onnx", "pytest", "safetensors", "scipy", "sklearn", "torch", "tqdm",
}  # fmt: skip


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_wheel", ROOT / ".ci" / "build_wheel.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builder().build_wheel(ROOT, tmp_path_factory.mktemp("wheel"), ["--no-build-isolation", "--no-index"])


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's package, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder)]
    subprocess.run([*command, str(wheel)], check=True)
    return folder


def modules_of_the_tree() -> set[str]:
    """Every Python file of the rooms, as the path that it has in a wheel."""
    mounts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    found = set()
    for package, folder in mounts.items():
        for path in (ROOT / folder).rglob("*.py"):
            inside = path.relative_to(ROOT / folder)
            if inside.parts[0].startswith("candelabra-") or "__pycache__" in inside.parts:
                continue
            found.add(PurePosixPath(package.replace(".", "/"), inside.as_posix()).as_posix())
    return found


def run(code: str, site: Path) -> str:
    """Run code in an interpreter that sees the installed wheel and works outside the checkout."""
    prelude = f"import sys; sys.path.insert(0, {str(site)!r}); "
    done = subprocess.run([sys.executable, "-c", prelude + code], cwd=site, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_one_package_and_every_module(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"candelabra"}
    expected = modules_of_the_tree()
    assert {name for name in names if name.endswith(".py")} == expected
    assert len(expected) > 60
    assert "candelabra/py.typed" in names
    stubs = {"candelabra/__init__.pyi", "candelabra/core/installed.pyi", "candelabra/core/ops.pyi"}
    assert {name for name in names if name.endswith(".pyi")} == stubs


def test_the_wheel_carries_licence_and_entry_point(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    information = next(name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name)
    assert archive.read(f"{information}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    entries = configparser.ConfigParser()
    entries.read_string(archive.read(f"{information}/entry_points.txt").decode())
    assert {section: dict(entries[section]) for section in entries.sections()} == {
        "console_scripts": {"candelabra": "candelabra.cli:main"}
    }
    metadata = archive.read(f"{information}/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata


def test_every_installed_module_can_be_imported(installed: Path) -> None:
    code = """
import importlib, json, pkgutil, candelabra
assert candelabra.__file__.startswith(sys.path[0]), candelabra.__file__
names = [m.name for m in pkgutil.walk_packages(candelabra.__path__, "candelabra.")]
from candelabra.core.errors import MissingDependencyError
for name in names:
    if not name.endswith("__main__"):
        try:
            importlib.import_module(name)
        except MissingDependencyError as error:
            # A bridge to an optional library, which names the extra.
            assert name.startswith("candelabra.interop.") and "pip install candelabra[" in str(error), error
print(json.dumps(names))
"""
    expected = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in modules_of_the_tree()}
    assert set(json.loads(run(code, installed))) | {"candelabra"} == expected


def test_importing_candelabra_imports_nothing_heavy(installed: Path) -> None:
    loaded = set(json.loads(run("import candelabra, json; print(json.dumps(list(sys.modules)))", installed)))
    before = set(json.loads(run("import numpy, json; print(json.dumps(list(sys.modules)))", installed)))
    assert (loaded - before) & HEAVY == set()


def test_versions_agree(installed: Path) -> None:
    code = "import candelabra, importlib.metadata as m; print(candelabra.__version__, m.version('candelabra'))"
    ours, theirs = run(code, installed).split()
    assert ours == theirs


def test_it_runs_from_inside_the_checkout() -> None:
    command = [sys.executable, "-m", "candelabra", "--help"]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "train" in shown
    assert "devices" in shown


def test_a_clean_copy_leaves_build_products_behind(tmp_path: Path) -> None:
    project = tmp_path / "project"
    for name in ("core/tensor.py", "build/lib/core/deleted.py", "x.egg-info/PKG-INFO", "core/__pycache__/tensor.pyc"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    builder().copy_sources(project, tmp_path / "copy")
    copied = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert copied == [tmp_path / "copy" / "core" / "tensor.py"]
