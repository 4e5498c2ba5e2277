"""Layers know no backend: what they compute on another device is what they compute on the CPU, from the same seed."""

from __future__ import annotations

import warnings
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from layer_cases import draw, flat, give, listed, materialize

pytestmark = pytest.mark.host

CASES = listed("CASES")


def moved(value: Any, device: str) -> Any:
    """Move the tensors among arguments."""
    if isinstance(value, cb.Tensor):
        return value.to(device).detach().requires_grad_(value.requires_grad)
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(moved(v, device) for v in value)
    if isinstance(value, dict):
        return {k: moved(v, device) for k, v in value.items()}
    return value


def leaves_of(value: Any) -> list[Any]:
    return [t for t in flat(list(value.values()) if isinstance(value, dict) else value) if _is_leaf(t)]


def _is_leaf(value: Any) -> bool:
    return isinstance(value, cb.Tensor) and value.requires_grad


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_elsewhere(elsewhere: str, index: int) -> None:
    name, args, kwargs, inputs, *rest = CASES[index]
    options = rest[0] if rest else {}
    cb.manual_seed(3)
    here = getattr(cb.nn, name)(*give(cb, list(args)), **give(cb, kwargs)).double()
    cb.manual_seed(3)
    there = getattr(cb.nn, name)(*give(cb, list(args)), **give(cb, kwargs)).double().to(elsewhere)
    values = [materialize(v, 3 * i) for i, v in enumerate(inputs)]
    for mode in options.get("modes", ("train", "eval")):
        found = []
        for layer, device in ((here, "cpu"), (there, elsewhere)):
            layer.train(mode == "train")
            layer.zero_grad()
            # Modules and functions among the inputs are made where the layer lives.
            with cb.device(device), warnings.catch_warnings():
                given = moved(give(cb, values, []), device)
                call = moved(give(cb, options.get("call", {}), []), device)
                if kwargs.get("inplace"):
                    given = [x * 1 for x in given]
                cb.manual_seed(5)
                output = options["run"](cb, layer, *given) if "run" in options else layer(*given, **call)
            tensors = [t for t in flat(output) if isinstance(t, cb.Tensor)]
            live = [t for t in tensors if t.requires_grad]
            wanted = [p for p in layer.parameters() if p.requires_grad]
            if not kwargs.get("inplace"):
                wanted += leaves_of(given) + leaves_of(call)
            gradients: list[Any] = []
            if live and wanted:
                seeds = [cb.tensor(draw(tuple(t.shape), i), device=t.device) for i, t in enumerate(live)]
                gradients = list(cb.grad(live, wanted, seeds, allow_unused=True, materialize_grads=True))
            found.append((tensors, gradients, list(layer.buffers())))
        assert found[0][0], "nothing was compared"
        for kind, one, other in zip(("output", "gradient", "buffer"), *found):
            assert len(one) == len(other)
            for i, (a, b) in enumerate(zip(one, other)):
                assert a.dtype is b.dtype and a.shape == b.shape
                np.testing.assert_allclose(
                    b.detach().cpu().numpy(), a.detach().numpy(), rtol=1e-8, atol=1e-9, err_msg=f"{mode}: {kind} {i}"
                )


def test_there_is_something_to_run() -> None:
    assert len(CASES) > 100
