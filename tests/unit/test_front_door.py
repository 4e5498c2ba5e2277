"""What `import candelabra.X` finds, which devices there are, and what CUDA answers without a card."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import candelabra as cb
import pytest
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
