"""The code in README, CONTRIBUTING, docs/plugins.md and docs/training.md runs as it stands, each in an interpreter."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

USE_WHAT_CONTRIBUTING_ADDS = """
import types
import candelabra as cb
from candelabra.core import ops
from candelabra.plugins.hookspecs import KernelSpec
from candelabra.plugins.manager import Source, manager

def slope(device):
    x = cb.asarray([0.0, 1.5], dtype=cb.float64, device=device, requires_grad=True)
    ops.squareplus(x).sum().backward()
    return [float(value) for value in x.grad]

manager.register(types.SimpleNamespace(candelabra_backends=candelabra_backends), Source("mine", "mine", "1"))
expected = [0.5, 0.8]
assert slope("cpu") == expected
assert slope("mine") == expected

calls = []
def counted(x):
    calls.append(x)
    return squareplus_kernel(x)
kernels = [KernelSpec("mine", "squareplus", counted)]
manager.register(types.SimpleNamespace(candelabra_kernels=lambda: kernels), Source("fast", "fast", "1"))
assert slope("cpu") == expected and not calls
assert slope("mine") == expected and len(calls) == 1
"""


def blocks(page: str) -> str:
    """The Python blocks of a page, joined."""
    found = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found
    return "\n".join(found)


def run(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_example_learns(tmp_path: Path) -> None:
    shown = re.search(r"([\d.]+)% of the test digits are recognised", run(blocks("README.md"), tmp_path))
    assert shown is not None and float(shown[1]) > 93
    assert (tmp_path / "digits.safetensors").stat().st_size > 10_000


def test_what_contributing_shows_works(tmp_path: Path) -> None:
    run(blocks("CONTRIBUTING.md") + USE_WHAT_CONTRIBUTING_ADDS, tmp_path)


def test_the_page_on_training_runs(tmp_path: Path) -> None:
    shown = re.findall(r"epoch \d: loss ([\d.]+)", run(blocks("docs/training.md"), tmp_path))
    assert len(shown) == 3 and float(shown[-1]) < float(shown[0])


def test_the_page_on_cuda_runs_anywhere(tmp_path: Path) -> None:
    shown = run(blocks("docs/cuda.md"), tmp_path).splitlines()
    assert shown[0] == "cpu True" and shown[-1] == "2000.0"


USE_WHAT_PLUGINS_ADD = """
import os, tempfile
assert cb.asarray([1e-6], device="mended").log1p().item() > 0
x = cb.randn(4, 5, dtype=cb.float64).to("mine").requires_grad_()
w = cb.rand(5, dtype=cb.float64).to("mine").requires_grad_()
y = cb.nn.functional.rms_norm(x, (5,), w)
assert y.node.impl.train is train
assert cb.autograd.gradcheck(lambda a, b: cb.nn.functional.rms_norm(a, (5,), b), (x, w))
y.sum().backward()
a, b = (v.detach().to("cpu").requires_grad_() for v in (x, w))
cb.nn.functional.rms_norm(a, (5,), b).sum().backward()
for found, wanted in ((x, a), (w, b)):
    assert float(cb.max(cb.abs(found.grad.to("cpu") - wanted.grad))) < 1e-12
assert cb.wave(cb.zeros(1)).tolist() == [1.0]
path = os.path.join(tempfile.mkdtemp(), "state.npz")
cb.save({"w": w.detach().to("cpu")}, path)
assert cb.load(path)["w"].tolist() == w.tolist()
assert [spec.format for spec in manager.records("candelabra_exporters")] == ["mine"]
"""


def test_the_page_on_plugins_runs(tmp_path: Path) -> None:
    shown = run(blocks("docs/plugins.md") + USE_WHAT_PLUGINS_ADD, tmp_path).splitlines()
    assert shown[0] == "tensor([2., 4.], device='mine:0')"
    assert shown[-1] == "tensor([1.], device='mine:0') {\"plugin 'more' of candelabra 0.1.0\": ['.npz']}"
    device = blocks("docs/plugins.md").partition("import sys\n")[0]
    assert len([line for line in device.splitlines() if line.strip()]) <= 15


def test_every_member_of_a_backend_is_taught() -> None:
    from candelabra.core.backend import Backend

    text = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    table = text.partition("## What a backend says")[2].partition("## ")[0]
    named = set(re.findall(r"`(\w+)", table))
    # What only makes two of the others.
    beside = {"normalize", "normalizer", "is_view_of_live_owner", "device_name", "index_of"}
    members = {name for name in vars(Backend) if not name.startswith("_")} - beside
    assert sorted(members - named) == []


@pytest.mark.parametrize(
    "page",
    [
        "README.md", "CONTRIBUTING.md", "docs/conformance.md", "docs/cuda.md", "docs/ecosystem.md", "docs/plugins.md",
        "docs/training.md",
    ],
)  # fmt: skip
def test_links_and_paths_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((?!https?:)([^)#]+)\)", text))
    named |= {path for path in re.findall(r"`([\w./-]+/[\w./-]*)`", text) if not path.startswith("runs/")}
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_first_screen_has_the_two_commands() -> None:
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:24]
    commands = [line.split("#")[0].strip() for line in first_screen if line.startswith("make ")]
    assert commands == ["make demo", "make test"]
