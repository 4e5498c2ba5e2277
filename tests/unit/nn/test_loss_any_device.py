"""Every loss on a backend without a single kernel: the values and gradients are the CPU's.

The cases are those of the comparison with PyTorch.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import candelabra as cb
import numpy as np
import pytest

PARITY = Path(__file__).parents[2] / "parity" / "nn"


pytestmark = pytest.mark.host


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"cases_{name}", PARITY / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = [
    case
    for name in ("test_loss_classes", "test_distance_classes")
    for case in load(name).CASES
    if (case[4] if len(case) > 4 else {}).get("run") is None or case[0] == "CTCLoss"
]


def given(value: Any, device: str, leaves: list[Any], seed: int) -> Any:
    if isinstance(value, functools.partial):
        make = functools.partial(cb.tensor, device=device)
        return value(SimpleNamespace(tensor=make, nn=cb.nn))
    if isinstance(value, tuple) and all(isinstance(n, int) for n in value):
        value = np.asarray(np.random.default_rng(seed).standard_normal(value))
    if isinstance(value, np.ndarray):
        made = cb.tensor(value, device=device, requires_grad=value.dtype.kind == "f")
        leaves += [made] if made.requires_grad else []
        return made
    return value


def run(case: Any, device: str) -> list[np.ndarray]:
    name, args, kwargs, inputs, *rest = case
    leaves: list[Any] = []

    def argument(value: Any) -> Any:
        return given(value, device, [], 0) if isinstance(value, (np.ndarray, functools.partial)) else value

    made = getattr(cb.nn, name)(*map(argument, args), **{k: argument(v) for k, v in kwargs.items()})
    layer = made.double().to(device)
    for i, parameter in enumerate(layer.parameters()):
        values = np.asarray(np.random.default_rng(100 + i).standard_normal(parameter.shape))
        with cb.no_grad():
            parameter.copy_(cb.tensor(values))
    tensors = [given(v, device, leaves, 3 * i) for i, v in enumerate(inputs)]
    if rest and rest[0].get("run"):
        tensors[0] = cb.nn.functional.log_softmax(tensors[0], dim=-1)
    found = layer(*tensors)
    found = found[0] if isinstance(found, tuple) else found
    if found.requires_grad:
        (found * found).sum().backward()
    leaves += list(layer.parameters())
    here = cb.zeros(1, device=device).device
    assert all(t.device == here for t in (found, *leaves))
    return [t.detach().cpu().numpy() for t in (found, *(leaf.grad for leaf in leaves if leaf.grad is not None))]


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_the_same_everywhere(elsewhere: str, index: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, other = (run(CASES[index], device) for device in ("cpu", elsewhere))
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-8)
