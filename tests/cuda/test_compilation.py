"""Every instance of every kernel compiles for cards, without one."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from candelabra.backends.cupy.launch import OPTIONS, source

sys.path.insert(0, str(Path(__file__).parent))

from instances import files, instances


def cuda_headers() -> list[str]:
    """The folders of CUDA's headers, as NVIDIA's wheels bring them."""
    spec = importlib.util.find_spec("nvidia")
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    return [f"-I{found}" for root in roots for found in root.glob("*/include")]


@pytest.mark.parametrize("architecture", ["compute_80", "compute_90"])
@pytest.mark.parametrize("file", files())
def test_every_instance_compiles_for_a_card(file: str, architecture: str) -> None:
    nvrtc = pytest.importorskip("cupy", reason="the extra `cuda-compile` is not installed").cuda.nvrtc
    program = nvrtc.createProgram(source(file), f"{file}.cu", [], [])
    expressions = instances(source(file))
    assert expressions
    for expression in expressions:
        nvrtc.addNameExpression(program, expression)
    try:
        nvrtc.compileProgram(program, [f"--gpu-architecture={architecture}", *OPTIONS, *cuda_headers()])
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    # A kernel that spills its registers in sight of the compiler would say so here.
    assert "warning" not in nvrtc.getProgramLog(program)
    assert len(nvrtc.getPTX(program)) > 1000


def test_the_stand_in_offers_what_cupy_does() -> None:
    cupy = pytest.importorskip("cupy", reason="the extra `cuda-compile` is not installed")
    # Its folder on the path would put the stand-in before the library.
    spec = importlib.util.spec_from_file_location("record", Path(__file__).parent / "fake" / "record.py")
    assert spec is not None and spec.loader is not None
    record = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(record)
    kept = json.loads(record.OFFERS.read_text())
    if kept["version"].split(".")[:2] != cupy.__version__.split(".")[:2]:
        pytest.skip(f"recorded from CuPy {kept['version']}")
    found = record.offers(cupy)
    for place in ("", "linalg", "fft"):
        gone = {name: about for name, about in kept[place].items() if found[place].get(name) != about}
        assert not gone, "python tests/cuda/fake/record.py records anew"
