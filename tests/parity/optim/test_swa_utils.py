"""Averages of models against PyTorch's: values, buffers, state dicts both ways, statistics of batch normalization."""

from __future__ import annotations

import inspect
from typing import Any

import candelabra as cb
import candelabra.nn
import candelabra.optim.swa_utils
import numpy as np
import pytest

NAMES = ["AveragedModel", "update_bn", "get_ema_multi_avg_fn", "get_swa_multi_avg_fn", "get_ema_avg_fn"]
NAMES += ["get_swa_avg_fn"]

# Name of the averaging function and its decay, as which argument it is given, and the other arguments.
CASES: list[tuple[str | None, float | None, dict[str, Any]]] = [
    (None, None, {}),
    (None, None, {"use_buffers": True}),
    ("get_swa_avg_fn", None, {}),
    # With integer buffers PyTorch's own function fails.
    ("get_swa_multi_avg_fn", None, {}),
    ("get_ema_avg_fn", 0.7, {"device": "cpu"}),
    ("get_ema_multi_avg_fn", 0.7, {"use_buffers": True}),
    ("get_ema_multi_avg_fn", None, {}),
]


def network(library: Any) -> Any:
    nn = library.nn
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def averaged(library: Any, model: Any, case: tuple[str | None, float | None, dict[str, Any]]) -> Any:
    name, decay, options = case
    swa = library.optim.swa_utils
    given = dict(options)
    if name is not None:
        function = getattr(swa, name)(*([] if decay is None else [decay]))
        given["multi_avg_fn" if "multi" in name else "avg_fn"] = function
    return swa.AveragedModel(model, **given)


def as_arrays(state: Any) -> dict[str, np.ndarray]:
    return {k: np.array(v.detach().numpy()) for k, v in state.items()}


def step_state(model: Any, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {}
    for name, value in as_arrays(model.state_dict()).items():
        found[name] = (
            np.asarray(seed * 3) if value.dtype.kind == "i" else abs(rng.standard_normal(value.shape)).astype("float32")
        )
    return found


def load(library: Any, model: Any, arrays: dict[str, np.ndarray]) -> None:
    model.load_state_dict({k: library.tensor(v) for k, v in arrays.items()})


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_is_pytorchs(torch: Any, name: str) -> None:
    def plain(owner: Any) -> list[tuple[Any, ...]]:
        function = getattr(owner.optim.swa_utils, name)
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    assert plain(cb) == plain(torch)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_averages(torch: Any, case: Any) -> None:
    ours, theirs = network(cb), network(torch)
    mine, reference = averaged(cb, ours, case), averaged(torch, theirs, case)
    for seed in range(1, 6):
        arrays = step_state(ours, seed)
        load(cb, ours, arrays)
        load(torch, theirs, arrays)
        mine.update_parameters(ours)
        reference.update_parameters(theirs)
        found, wanted = as_arrays(mine.state_dict()), as_arrays(reference.state_dict())
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert found[name].dtype == value.dtype
            np.testing.assert_allclose(found[name], value, rtol=2e-6, atol=1e-6, err_msg=name)
    x = np.random.default_rng(0).standard_normal((5, 3)).astype("float32")
    out = mine.eval()(cb.tensor(x)), reference.eval()(torch.tensor(x))
    np.testing.assert_allclose(out[0].detach().numpy(), out[1].detach().numpy(), rtol=1e-5, atol=1e-6)
    other, back = averaged(cb, network(cb), case), averaged(torch, network(torch), case)
    load(cb, other, wanted)
    load(torch, back, found)
    for module, library in ((other, cb), (back, torch)):
        module.update_parameters(ours if library is cb else theirs)
    for name, value in as_arrays(back.state_dict()).items():
        np.testing.assert_allclose(as_arrays(other.state_dict())[name], value, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_statistics_of_batch_normalization(torch: Any, device: str | None) -> None:
    ours, theirs = network(cb), network(torch)
    arrays = step_state(ours, 1)
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((6, 3)).astype("float32") for _ in range(3)]
    for library, model in ((cb, ours), (torch, theirs)):
        load(library, model, arrays)
        loader = [(library.tensor(x), library.zeros(6)) for x in batches]
        library.optim.swa_utils.update_bn(loader, model, device)
    found = as_arrays(ours.state_dict())
    for name, value in as_arrays(theirs.state_dict()).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    assert ours[1].momentum == theirs[1].momentum
