"""What `import candelabra.X` finds, which devices there are, and what CUDA answers without a card."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.backends.cupy import library
from candelabra.core.errors import DeviceError, MissingDependencyError

MODULES = {
    "nn.functional": ("relu", "cross_entropy"),
    "nn.init": ("kaiming_uniform_",),
    "optim.lr_scheduler": ("StepLR", "CosineAnnealingLR"),
    "data": ("DataLoader", "TensorDataset"),
    "func": ("grad", "vmap", "hessian"),
    "linalg": ("vector_norm", "diagonal"),
    "fft": ("fftfreq", "fftshift"),
    "autograd": ("Function", "gradcheck"),
    "random": ("Generator", "manual_seed", "randn"),
    "cuda": ("is_available", "device_count"),
}


@pytest.mark.parametrize("name", MODULES)
def test_submodules(name: str) -> None:
    module = importlib.import_module(f"candelabra.{name}")
    assert [n for n in MODULES[name] if not hasattr(module, n)] == []
    assert set(getattr(module, "__all__", ())) <= set(dir(module))
    found: Any = cb
    for part in name.split("."):
        found = getattr(found, part)
    assert found is module


def test_one_import_brings_what_the_attribute_names() -> None:
    names = ("nn.functional.relu", "optim.SGD", "data.DataLoader", "cuda.is_available", "func.vmap")
    code = "import candelabra as torch; " + "; ".join(f"torch.{name}" for name in names)
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_importing_is_light() -> None:
    code = (
        "import sys, candelabra; heavy = 'torch scipy cupy jax sklearn onnx numba pytest array_api_strict'.split();"
        "print(sorted(set(heavy) & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'candelabra' has no attribute 'nosuch'"):
        cb.nosuch
    assert {"add", "Tensor", "nn", "cuda", "vmap"} <= set(dir(cb))


def test_the_random_module_is_the_front_door_s() -> None:
    assert all(getattr(cb.random, name) is getattr(cb, name) for name in cb.random.__all__)


def test_devices() -> None:
    found = cb.devices()
    assert found[0] == cb.device("cpu") and len(set(found)) == len(found)
    for device in found:
        assert cb.ones(2, device=device).device == device


needs_no_card = pytest.mark.skipif(cb.cuda.is_available(), reason="there is a card")


@needs_no_card
def test_cuda_answers_without_a_card() -> None:
    assert cb.cuda.is_available() is False
    assert cb.cuda.device_count() == cb.cuda.current_device() == 0
    assert cb.cuda.memory_allocated() == cb.cuda.memory_reserved(0) == 0
    assert cb.cuda.synchronize() is cb.cuda.empty_cache() is None
    cb.cuda.manual_seed_all(0)
    first = cb.rand(2)
    cb.cuda.manual_seed(0)
    assert cb.rand(2).tolist() == first.tolist()
    with pytest.raises(DeviceError, match=r"device 'cuda' cannot be used: backend 'cupy' \(plugin 'cupy'"):
        cb.cuda.get_device_name()


@needs_no_card
def test_a_tensor_says_why_it_cannot_go_to_cuda() -> None:
    for move in (lambda: cb.zeros(2).to("cuda"), lambda: cb.zeros(2).cuda(), lambda: cb.zeros(2, device="cuda:0")):
        with pytest.raises(DeviceError, match=r"device 'cuda' cannot be used: .* does not load: ") as caught:
            move()
        assert isinstance(caught.value.__cause__, MissingDependencyError | DeviceError)


def test_without_cupy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(MissingDependencyError, match=r"CUDA devices need CuPy, .*; pip install 'candelabra\[cuda\]'"):
        library.load_backend()


def test_without_a_driver_or_card_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class CUDARuntimeError(RuntimeError):
        pass

    def no_driver() -> int:
        raise CUDARuntimeError("CUDA driver version is insufficient")

    for count, text in (
        (no_driver, "finds no CUDA device: CUDA driver version is insufficient; install NVIDIA's driver"),
        (lambda: 0, "finds no CUDA device; `nvidia-smi` must list one"),
    ):
        runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=CUDARuntimeError)
        stand_in = SimpleNamespace(__version__="14.2.0", cuda=SimpleNamespace(runtime=runtime))
        monkeypatch.setitem(sys.modules, "cupy", stand_in)
        with pytest.raises(DeviceError) as caught:
            library.load_backend()
        assert f"CuPy 14.2.0 is installed, but {text}" in str(caught.value)


class Card:
    """A CUDA device of the stand-in below."""

    used: list[int] = []

    def __init__(self, index: int) -> None:
        self.index = index

    def __enter__(self) -> None:
        self.used.append(self.index)

    def __exit__(self, *error: object) -> None:
        self.used.append(-1)

    def synchronize(self) -> None:
        self.used.append(100 + self.index)


def test_the_backend_names_its_device_where_it_creates(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy's place taken by NumPy: what is asked of the card's context, without a card."""
    pool = SimpleNamespace(used_bytes=lambda: 10, total_bytes=lambda: 20, free_all_blocks=lambda: None)
    runtime = SimpleNamespace(
        getDeviceCount=lambda: 2, getDevice=lambda: 1, runtimeGetVersion=lambda: 12040, driverGetVersion=lambda: 12040,
        getDeviceProperties=lambda index: {"name": f"card {index}".encode()}, CUDARuntimeError=RuntimeError,
    )  # fmt: skip
    stand_in = SimpleNamespace(
        __version__="14.2.0", cuda=SimpleNamespace(runtime=runtime, Device=Card), ndarray=np.ndarray, dtype=np.dtype,
        asarray=np.asarray, asnumpy=np.asarray, from_dlpack=np.from_dlpack, get_default_memory_pool=lambda: pool,
    )  # fmt: skip
    compat = SimpleNamespace(**{name: getattr(np, name) for name in (*library._CREATION, "add", "reshape", "asarray")})
    monkeypatch.setitem(sys.modules, "cupy", stand_in)
    import array_api_compat

    monkeypatch.setattr(array_api_compat, "cupy", compat, raising=False)
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", compat)
    backend = library.load_backend()
    assert backend.devices() == ["", ""] and backend.current_index() == 1
    assert backend.device_name(1) == "card 1" and backend.memory(0) == {"allocated": 10, "reserved": 20}
    assert "bfloat16" in backend.dtypes() and backend.describe()["version"] == "14.2.0"
    Card.used.clear()
    assert backend.namespace.zeros(3, device=Card(1)).shape == (3,)
    assert backend.asarray([1.0], index=1).tolist() == [1.0]
    assert backend.to_device(np.ones(2), 0).tolist() == [1.0, 1.0]
    backend.release_memory(0)
    backend.synchronize(1)
    assert Card.used == [1, -1, 1, -1, 0, -1, 0, -1, 101, 1, -1]
