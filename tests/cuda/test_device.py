"""CUDA devices by a stand-in of CuPy: cards, streams, memory, batches; and what is said without a card."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from candelabra.backends.cupy import library, missing
from candelabra.core.errors import CandelabraError, DeviceError, MissingDependencyError

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from cards import python  # noqa: E402
from pretended import names  # noqa: E402

FILES = ("device_cases", "memory_cases")


@functools.cache
def results(file: str) -> dict[str, str]:
    """Run the tests of a file on two cards, in one process for all."""
    with tempfile.TemporaryDirectory() as folder:
        # As programs run, not as conftest.py has tests run: bad indices are told when somebody waits.
        settings = {"CANDELABRA_DISABLE_PLUGINS": "1", "CANDELABRA_SYNC_ERRORS": "0"}
        done = python([str(HERE / f"{file}.py")], Path(folder), cards=2, **settings)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("file", "name"), [(file, name) for file in FILES for name in names(HERE / f"{file}.py")])
def test_on_two_cards(file: str, name: str) -> None:
    assert results(file)[name] == ""


def test_on_one_card_nothing_is_wrapped(tmp_path: Path) -> None:
    code = """
import candelabra as cb
from candelabra.core.implementation import implementation
from candelabra.core.primitives.row import TABLE
x = cb.ones(3, device="cuda")
backend = x.device.backend
assert backend.within is None and backend.placed(len, 0) is len
assert implementation(TABLE["matmul"], x.device).run is not None
print((x + x).sum().item(), cb.device("cuda:0").memory()["allocated"] > 0, len(cb.devices()))
"""
    done = python(["-c", code], tmp_path, cards=1, CANDELABRA_DISABLE_PLUGINS="1")
    assert done.stdout.splitlines() == ["6.0 True 2"], done.stderr


class CUDARuntimeError(RuntimeError):
    """CuPy's error, with CUDA's number."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def told(monkeypatch: pytest.MonkeyPatch, count: Any, driver: int = 0, **more: Any) -> CandelabraError:
    """Return the error where CuPy finds these cards."""

    def get_count() -> int:
        if isinstance(count, Exception):
            raise count
        return count

    runtime = SimpleNamespace(
        getDeviceCount=get_count, CUDARuntimeError=CUDARuntimeError, driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: 12090,
    )  # fmt: skip
    stand_in = SimpleNamespace(__version__="14.2.0", cuda=SimpleNamespace(runtime=runtime, **more))
    monkeypatch.setitem(sys.modules, "cupy", stand_in)
    with pytest.raises(CandelabraError) as caught:
        library.load_backend()
    return caught.value


INSUFFICIENT = "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"


def test_without_cupy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(MissingDependencyError, match=r"CUDA devices need CuPy, .*; pip install 'candelabra\[cuda\]'"):
        library.load_backend()


def test_a_cupy_that_is_broken_is_told_apart() -> None:
    text = "\n====\nFailed to import CuPy.\n\nOriginal error:\n  ImportError: libx.so\n===="
    error = missing.no_cupy(ImportError(text))
    assert "cannot be imported (ImportError: libx.so)" in str(error) and "one distribution of CuPy alone" in str(error)


@pytest.mark.parametrize(
    ("status", "text", "driver", "words"),
    [
        (35, INSUFFICIENT, 0, ("install NVIDIA's driver", "`nvidia-smi` lists the card")),
        (35, INSUFFICIENT, 11040, ("the driver is one for CUDA 11.4", "built for 12.9", "install a newer driver")),
        (100, "cudaErrorNoDevice: no CUDA-capable device is detected", 12090, ("`nvidia-smi` must list one",)),
        (3, "cudaErrorInitializationError: initialization error", 12090, ("does not survive a fork", "'spawn'")),
        (999, "cudaErrorUnknown: unknown error", 12090, ("cudaErrorUnknown", "nvidia-smi")),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, status: int, text: str, driver: int, words: tuple[str, ...]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    error = told(monkeypatch, CUDARuntimeError(status, text), driver)
    assert isinstance(error, DeviceError)
    assert f"CuPy 14.2.0 is installed, but finds no CUDA device: {text}" in str(error)
    assert all(word in str(error) for word in words), str(error)


def test_without_a_card_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "finds no CUDA device; `nvidia-smi` must list one; CUDA_VISIBLE_DEVICES='' in the env" in str(
        told(monkeypatch, 0)
    )


def test_without_cudas_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks() -> None:
        raise RuntimeError("libnvrtc.so.12 is not found")

    monkeypatch.setitem(sys.modules, "cupy_backends", None)
    error = told(monkeypatch, 1, nvrtc=SimpleNamespace(getVersion=lacks))
    assert isinstance(error, MissingDependencyError)
    assert "not CUDA's libraries (NVRTC, cuBLAS); pip install 'candelabra[cuda]'" in str(error)


def test_without_cudas_headers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = SimpleNamespace(find_nvidia_header_directory=lambda name: None)
    for name, module in (("cuda", SimpleNamespace()), ("cuda.pathfinder", finder)):
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("cupy_backends", "cupy_backends.cuda", "cupy_backends.cuda.libs"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(cublas=None))
    error = told(monkeypatch, 1, nvrtc=SimpleNamespace(getVersion=lambda: (12, 9)))
    assert isinstance(error, MissingDependencyError)
    assert "not CUDA's libraries (the headers of its runtime); pip install 'candelabra[cuda]' brings them" in str(error)


def test_the_listing_says_why_there_is_no_card(tmp_path: Path) -> None:
    done = python(["-m", "candelabra", "devices"], tmp_path, cards=0, CANDELABRA_DISABLE_PLUGINS="1")
    assert done.returncode == 0, done.stderr
    assert "cuda: backend cupy" in done.stdout and "not usable" in done.stdout
    assert "why: CuPy 14.2.0 is installed, but finds no CUDA device: cudaErrorNoDevice" in " ".join(done.stdout.split())


def test_the_listing_shows_the_cards(tmp_path: Path) -> None:
    done = python(["-m", "candelabra", "devices"], tmp_path, cards=2, CANDELABRA_DISABLE_PLUGINS="1")
    for line in ("  cuda:0", "  cuda:1", "    card 1: Stand-in card 1, compute capability 9.0, 8.0 of 8.0 GiB free"):
        assert line in done.stdout.splitlines(), done.stdout


def test_a_real_cupy_without_a_driver_says_what_to_install() -> None:
    cupy = pytest.importorskip("cupy", reason="the extra `cuda-compile` is not installed")
    if cupy.cuda.is_available():
        pytest.skip("there is a card")
    with warnings.catch_warnings(), pytest.raises(DeviceError, match=r"finds no CUDA device: .*nvidia-smi"):
        library.load_backend()


def test_without_a_card_a_program_on_the_host_pays_nothing() -> None:
    code = "import candelabra as cb, sys; cb.ones(3).sum().item(); print('cupy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.stdout == "False\n", done.stderr
