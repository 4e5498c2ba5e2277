"""``candelabra new-plugin NAME``: a distribution that makes a device of an array library, ready to be checked."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from .core.errors import ArgumentError

_PYPROJECT = Template("""[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "candelabra-$name"
version = "0.1.0"
description = "$library as a device of candelabra"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["candelabra", $requirements]

[project.optional-dependencies]
test = ["candelabra[conformance]"]

[project.entry-points.candelabra]
$name = "candelabra_$name"

[tool.setuptools.packages.find]
where = ["src"]

[tool.setuptools.package-data]
candelabra_$name = ["py.typed"]
""")

_MODULE = Template('''"""$library as a device of candelabra."""

from __future__ import annotations

from typing import Any

from candelabra.core.backend import Backend, BackendSpec


class $class_name(Backend):
    """Devices ``$name:0``, ``$name:1`` and so on."""

    api_version = 1
    name = "$name"
    device_types = ("$name",)
    # The library's functions may take truth values as numbers, which the standard leaves open.
    lenient = True

    def __init__(self) -> None:
        import $library as namespace

        super().__init__(namespace)
        self.info = namespace.__array_namespace_info__()
        self.array_type = type(namespace.asarray(0))

    def devices(self) -> list[str]:
        return [str(device) for device in self.info.devices()]

    def native_device(self, index: int) -> Any:
        return self.info.devices()[index]

    def dtypes(self, index: int = 0) -> dict[str, Any]:
        return dict(self.info.dtypes(device=self.native_device(index)))


def candelabra_backends() -> list[BackendSpec]:
    return [BackendSpec("$name", ("$name",), $class_name)]
''')

_TEST = Template('''"""The device computes what it should, by candelabra's own conformance suite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import candelabra as cb


def test_gradients_stay_on_the_device() -> None:
    x = cb.asarray([1.0, 2.0, 3.0], device="$name", requires_grad=True)
    (x * x).sum().backward()
    assert x.grad is not None and x.grad.device == x.device
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_conformance(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "candelabra", "conformance", "$name", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
''')

_README = Template("""# candelabra-$name

`$library` as a device of [candelabra](https://pypi.org/project/candelabra/).

```
pip install -e ".[test]"
candelabra devices
candelabra conformance $name
```

`src/candelabra_$name/__init__.py` is the device. Where `candelabra conformance` finds that the library answers
otherwise, mend it there: override a method of `Backend`, or put a function of your own for a row into `kernels`.
""")


def new_plugin(name: str, library: str, folder: Path) -> list[Path]:
    """Write a plugin's distribution to a new folder.

    Parameters
    ----------
    name : str
        The device type: a Python identifier in lower case.
    library : str
        The module that is a namespace of the array API standard, such as ``"array_api_strict"`` or ``"jax.numpy"``.
    folder : Path
        Where the folder ``candelabra-<name>`` is made.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ArgumentError
        If the name is no identifier, is taken, or the library's is no module's name.
    FileExistsError
        If the folder is there already: nothing is overwritten.
    OSError
        If the files cannot be written; nothing of them is left.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ArgumentError(
            f"new-plugin: {name!r} cannot be a device type; give an identifier in lower case, such as mylib"
        )
    if name in _taken():
        raise ArgumentError(f"new-plugin: there is a device type {name!r} already; choose another name")
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in library.split(".")):
        raise ArgumentError(f"new-plugin: {library!r} is no module's name; give one such as array_api_strict")
    root = folder / f"candelabra-{name}"
    class_name = "".join(part.capitalize() for part in name.split("_")) + "Backend"
    values = {
        "name": name, "library": library, "class_name": class_name,
        "requirements": ", ".join(f'"{part.replace("_", "-")}"' for part in _requirements(library)),
    }  # fmt: skip
    package = root / "src" / f"candelabra_{name}"
    texts = {
        root / "pyproject.toml": _PYPROJECT, root / "README.md": _README, package / "__init__.py": _MODULE,
        package / "py.typed": Template(""), root / "tests" / f"test_{name}.py": _TEST,
    }  # fmt: skip
    if root.exists():
        raise FileExistsError(f"{root} is there already")
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file")
    folder.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed: what is there is whole.
    with TemporaryDirectory(dir=folder, prefix=f".{root.name}-") as aside:
        for path, text in texts.items():
            place = Path(aside) / root.name / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text.substitute(values), encoding="utf-8")
        (Path(aside) / root.name).rename(root)
    return list(texts)


def _requirements(library: str) -> list[str]:
    """Return the distributions that a namespace needs, by the modules' names."""
    parts = library.split(".")
    # A wrapper names the library that it wraps.
    return parts[:2] if parts[0] == "array_api_compat" else parts[:1]


def _taken() -> set[str]:
    from .plugins.manager import manager

    return {kind for status in manager.statuses() for kind in status.device_types}
