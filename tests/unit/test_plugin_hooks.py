"""What plugins bring beside devices and kernels: file formats by a suffix, and rows of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FORMATS = """
import json
import numpy
import candelabra as cb
from candelabra.plugins.hookspecs import CommunicatorSpec, ExporterSpec, SerializerSpec

class Zipped:
    def save(self, obj, path):
        numpy.savez(path, **{name: t.numpy() for name, t in obj.items()})
    def load(self, path):
        with numpy.load(path) as file:
            return {name: cb.asarray(file[name]) for name in file.files}

class Broken:
    def save(self, obj, path):
        with open(path, "w") as file:
            file.write("half")
            raise KeyError("no such thing")
    def load(self, path):
        raise ZeroDivisionError("of all things")

def gone():
    raise ImportError("libmsgpack is missing")

def candelabra_serializers():
    return [
        SerializerSpec(".npz", Zipped), SerializerSpec(".half", Broken), SerializerSpec(".gone", gone),
        SerializerSpec(".odd", dict), SerializerSpec(".tiny.npz", Broken),
    ]

def candelabra_exporters():
    return [ExporterSpec("onnx", dict)]

def candelabra_communicators():
    return [CommunicatorSpec("mpi", dict)]
"""
ROWS = """
import numpy as np
from candelabra.core.primitives.row import elementwise
from candelabra.plugins.hookspecs import RowsSpec

def declare():
    elementwise(
        "wave", "x, /", "Return ``sin(x) + cos(x)``.", d=lambda xp, x: xp.cos(x) - xp.sin(x),
        body=lambda xp, x: xp.sin(x) + xp.cos(x), category="floating-point", floating=True, samples="real",
        reference=lambda x: np.sin(x) + np.cos(x),
    )

def halfway():
    elementwise("quarter", "x, /", "Not for long.", d=lambda x: x, body=lambda xp, x: x)
    raise OSError("the disk is gone")

def candelabra_rows():
    return [RowsSpec("wave", declare), RowsSpec("middle", halfway), RowsSpec("nothing", lambda: None)]
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[str]]:
    """Run code, or a module with arguments, beside a plugin, and return the lines that it printed."""

    def go(source: str, code: str = "", *arguments: str, group: str = "candelabra", code_of: int = 0) -> list[str]:
        (tmp_path / "cbtest_elm.py").write_text(source)
        info = tmp_path / "cbtest_elm-1.5.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cbtest-elm\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[{group}]\nelm = cbtest_elm\n")
        kept = {k: v for k, v in os.environ.items() if k != "CANDELABRA_DISABLE_PLUGINS"}
        command = [sys.executable, "-c", code] if code else [sys.executable, "-m", *arguments]
        done = subprocess.run(
            command, env={**kept, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == code_of, done.stdout + done.stderr
        return done.stdout.splitlines()

    return go


TOLD = """
import os, sys
import candelabra as cb

def told(call):
    try:
        print("no error:", call())
    except Exception as error:
        print(f"{type(error).__name__} < {type(error.__cause__).__name__}: {error}")
"""
WHOSE = "plugin 'elm' of cbtest-elm 1.5"


def test_files_in_a_plugins_format(run: Callable[..., list[str]]) -> None:
    code = TOLD + """
state = {"weight": cb.ones(2), "bias": cb.zeros(1)}
cb.save(state, "a.safetensors")
print("cbtest_elm" in sys.modules)
cb.save(state, "a.npz")
found = cb.load("a.npz", map_location="cpu")
print(found)
import zipfile
print(sorted(zipfile.ZipFile("a.npz").namelist()))
print(cb.load("a.safetensors")["weight"])
# A name that no plugin claims is candelabra's, as it was.
cb.save(state, "a.whatever")
print(sorted(cb.load("a.whatever")))
open("b.half", "w").write("before")
told(lambda: cb.save(state, "b.half"))
told(lambda: cb.save(state, "new.half"))
told(lambda: cb.load("b.half"))
told(lambda: cb.load("absent.npz"))
told(lambda: cb.save(state, "c.gone"))
told(lambda: cb.load("c.odd"))
told(lambda: cb.save(state, "d.tiny.npz"))
try:
    cb.save(state, os.path.join("nowhere", "a.npz"))
except OSError as error:
    print(type(error).__name__)
print(open("b.half").read(), sorted(name for name in os.listdir() if "cbtest" not in name and name[0] != "_"))
"""
    assert run(FORMATS, code) == [
        "False",
        "{'weight': tensor([1., 1.]), 'bias': tensor([0.])}",
        "['bias.npy', 'weight.npy']",
        "tensor([1., 1.])",
        "['bias', 'weight']",
        f"PluginError < KeyError: save: b.half: {WHOSE} cannot write it: KeyError: 'no such thing'",
        f"PluginError < KeyError: save: new.half: {WHOSE} cannot write it: KeyError: 'no such thing'",
        f"PluginError < ZeroDivisionError: load: b.half: {WHOSE} cannot read it: ZeroDivisionError: of all things",
        "FileNotFoundError < NoneType: [Errno 2] No such file or directory: 'absent.npz'",
        f"PluginError < ImportError: files named *.gone belong to {WHOSE}, which does not load: ImportError: "
        "libmsgpack is missing",
        f"PluginError < PluginError: files named *.odd belong to {WHOSE}, which does not load: load() must return what "
        "has save and load, got {}",
        # The longest suffix decides.
        f"PluginError < KeyError: save: d.tiny.npz: {WHOSE} cannot write it: KeyError: 'no such thing'",
        "FileNotFoundError",
        "before ['a.npz', 'a.safetensors', 'a.whatever', 'b.half']",
    ]  # fmt: skip


def test_a_row_of_a_plugin_is_a_function_like_any_other(run: Callable[..., list[str]]) -> None:
    code = TOLD + """
print("cbtest_elm" in sys.modules)
x = cb.asarray([0.0, 0.0], dtype=cb.float64, requires_grad=True)
y = cb.wave(x)
y.sum().backward()
print("cbtest_elm" in sys.modules, y.tolist(), x.grad.tolist())
print(cb.func.vmap(cb.func.grad(lambda v: cb.wave(v)))(x.detach()).tolist(), cb.wave.__doc__.split("\\n")[0])
told(lambda: cb.middle)
told(lambda: cb.middle)
told(lambda: cb.quarter)
told(lambda: cb.nothing)
told(lambda: cb.nosuch)
print(cb.tanh(x).shape)
"""
    half = f"PluginError < OSError: row 'middle' of {WHOSE} does not load: OSError: the disk is gone"
    assert run(ROWS, code, group="candelabra.rows") == [
        "False",
        "True [1.0, 1.0] [1.0, 1.0]",
        "[1.0, 1.0] Return ``sin(x) + cos(x)``.",
        half,
        half,
        "AttributeError < NoneType: module 'candelabra' has no attribute 'quarter'",
        f"PluginError < PluginError: row 'nothing' of {WHOSE} does not load: load() has declared no row of that name",
        "AttributeError < NoneType: module 'candelabra' has no attribute 'nosuch'",
        "(2,)",
    ]


def test_conformance_checks_a_plugins_row(run: Callable[..., list[str]]) -> None:
    good = ROWS.replace(', RowsSpec("middle", halfway), RowsSpec("nothing", lambda: None)', "")
    arguments = ("candelabra", "conformance", "cpu", "-k", "wave", "--json", "r.json")
    lines = run(good, "", *arguments, group="candelabra.rows")
    row = next(line.split() for line in lines if line.startswith("cbtest_elm"))
    assert row[1:9] == ["1", "1", "1", "1", "1", "1", "1", "0"]
    wrong = good.replace("xp.cos(x) - xp.sin(x)", "xp.cos(x) + xp.sin(x)")
    lines = run(wrong, "", *arguments, group="candelabra.rows", code_of=1)
    assert any(line.startswith("failed: wave (vjp") for line in lines)


def test_a_row_cannot_take_a_name_that_is_there(run: Callable[..., list[str]]) -> None:
    taken = ROWS.replace('"middle"', '"tanh"')
    lines = run(taken, TOLD + "told(lambda: cb.wave)\nprint(cb.tanh(cb.zeros(1)))", group="candelabra.rows")
    assert lines == ["AttributeError < NoneType: module 'candelabra' has no attribute 'wave'", "tensor([0.])"]
    listed = run(taken, "", "candelabra", "devices", group="candelabra.rows")
    assert any("a row cannot be named 'tanh': it is no identifier, or there is one already" in line for line in listed)


def test_what_plugins_bring_is_listed(run: Callable[..., list[str]]) -> None:
    listed = run(FORMATS, "", "candelabra", "devices")
    assert listed[-5:-2] == [
        f"file formats: .gone, .half, .npz, .odd, .tiny.npz ({WHOSE})",
        f"export formats, which nothing asks for yet: onnx ({WHOSE})",
        f"communicators, which nothing asks for yet: mpi ({WHOSE})",
    ]
    found = json.loads("\n".join(run(FORMATS, "", "candelabra", "devices", "--json")))
    assert found["announced"]["candelabra_exporters"] == {WHOSE: ["onnx"]}


def test_one_module_may_stand_in_several_groups(run: Callable[..., list[str]]) -> None:
    source = ROWS + """
from candelabra.plugins.hookspecs import KernelSpec
def candelabra_kernels():
    return [KernelSpec("cpu", "wave", lambda x: 0 * x + 7)]
"""
    group = "candelabra.rows]\nelm = cbtest_elm\n[candelabra.kernels"
    lines = run(source, TOLD + "print(cb.wave(cb.zeros(1)))", group=group)
    assert lines == ["tensor([7.])"]
    listed = run(source, "", "candelabra", "devices", group=group)
    assert f"kernels: 1 for cpu ({WHOSE})" in listed and not any("refused" in line for line in listed)
