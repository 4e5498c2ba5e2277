"""Modules that move between devices, whole or in parts, and the state of their optimizers, which follows."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra import nn, optim
from candelabra.core.errors import DeviceMismatchError


def at(name: str) -> cb.device:
    return cb.device(name).resolved()


class Tied(nn.Module):
    """Two names of one weight, a batch norm with its buffers, and a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4, bias=False)
        self.norm = nn.BatchNorm1d(4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("scale", cb.full((4,), 0.5))

    def forward(self, x: cb.Tensor) -> cb.Tensor:
        return self.second(cb.tanh(self.norm(self.first(x))) * self.scale)


def test_everything_moves_and_keeps_its_identity(pair):
    source, target = pair
    cb.manual_seed(0)
    model = Tied().to(source)
    held = {name: (t, t.detach().cpu().numpy().copy()) for name, t in model.state_dict(keep_vars=True).items()}
    model(cb.ones(3, 4, device=source)).sum().backward()
    grads = [p.grad.cpu().numpy().copy() for p in model.parameters()]
    calls = []
    model.first.weight.register_hook(lambda g: calls.append(g.device))
    assert model.to(target, non_blocking=True) is model
    for name, t in model.state_dict(keep_vars=True).items():
        assert t is held[name][0] and t.device == at(target)
        assert np.array_equal(t.detach().cpu().numpy(), held[name][1]) or "running" in name or "num_" in name
    assert model.second.weight is model.first.weight and isinstance(model.first.weight, nn.Parameter)
    assert all(p.is_leaf and p.requires_grad for p in model.parameters())
    # Gradients move, too, as PyTorch's do.
    for p, g in zip(model.parameters(), grads, strict=True):
        assert p.grad.device == at(target) and np.array_equal(p.grad.cpu().numpy(), g)
    model.zero_grad()
    model(cb.ones(3, 4, device=target)).sum().backward()
    assert calls == [at(target)] and model.first.weight.grad.device == at(target)
    assert all(t.device == at("cpu") for t in model.cpu().state_dict().values())
    assert next(model.to(cb.zeros(1, device=target)).parameters()).device == at(target)


def test_device_and_dtype_at_once(arm):
    model = Tied().double()
    model.to(arm, cb.float32)
    assert {t.dtype.name for t in model.parameters()} == {"float32"}
    assert model.norm.num_batches_tracked.dtype.name in ("int64", "int32")
    assert model.norm.num_batches_tracked.device == at(arm)
    assert model(cb.ones(3, 4, device=arm)).dtype is cb.float32


def test_a_move_that_fails_changes_nothing():
    pytest.importorskip("candelabra_strict")
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())
    with pytest.raises(cb.core.errors.DTypeError, match=r"has no float64"):
        model.to("strict:no_float64")
    assert {str(p.device) for p in model.parameters()} == {"cpu"}


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "ASGD": {"t0": 1, "lambd": 0.1}, "Adadelta": {"weight_decay": 0.1}, "Adafactor": {"lr": 0.1},
    "Adagrad": {"lr_decay": 0.1}, "Adam": {"amsgrad": True}, "AdamW": {}, "Adamax": {},
    "LBFGS": {"max_iter": 3, "line_search_fn": "strong_wolfe", "lr": 0.5}, "Muon": {},
    "NAdam": {"decoupled_weight_decay": True, "weight_decay": 0.1}, "RAdam": {"betas": (0.9, 0.9)},
    "RMSprop": {"momentum": 0.9, "centered": True}, "Rprop": {}, "SGD": {"momentum": 0.9, "nesterov": True},
}  # fmt: skip


def made(kind: str) -> tuple[nn.Module, Any]:
    cb.manual_seed(0)
    model = nn.Linear(5, 4, bias=kind != "Muon")
    return model, getattr(optim, kind)(model.parameters(), **{"lr": 0.05, **OPTIMIZERS[kind]})


def steps(model: nn.Module, optimizer: Any, count: int = 2) -> list[float]:
    where = model.weight.device
    x, y = cb.linspace(-1, 1, 30).reshape((6, 5)).to(where), cb.linspace(0, 2, 24).reshape((6, 4)).to(where)

    def closure() -> cb.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    return [float(optimizer.step(closure)) for _ in range(count)]


def tensors(state: Any) -> Iterator[tuple[str, cb.Tensor]]:
    for entry in state.values():
        for name, value in entry.items():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, cb.Tensor):
                    yield name, one


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizer_state_follows(arm, kind):
    still_model, still = made(kind)
    expected = steps(still_model, still) + steps(still_model, still) + steps(still_model, still)
    model, optimizer = made(kind)
    found = steps(model, optimizer)
    model.to(arm)
    found += steps(model, optimizer)
    moved = [t for name, t in tensors(optimizer.state) if name not in {"step", *optimizer.numbers} and t.ndim]
    assert all(t.device == at(arm) for t in moved) and (moved or kind in ("LBFGS",))
    model.cpu()
    found += steps(model, optimizer)
    tolerance = 2e-3 if kind == "Muon" else 2e-4
    assert np.allclose(found, expected, rtol=tolerance, atol=1e-5), (found, expected)
    for p, q in zip(model.parameters(), still_model.parameters(), strict=True):
        assert np.allclose(p.detach().numpy(), q.detach().numpy(), rtol=5e-3 if kind == "Muon" else 5e-4, atol=1e-4)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizer_state_dicts_load_across_devices(pair, kind):
    source, target = pair
    model, optimizer = made(kind)
    model.to(source)
    steps(model, optimizer)
    twin, other = made(kind)
    twin.to(target)
    twin.load_state_dict(model.state_dict())
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert all(p.device == at(target) for p in twin.parameters())
    for name, t in tensors(other.state):
        if name in ("step", *other.numbers):
            assert t.device == at("cpu") and t.dtype is cb.float32
        else:
            assert t.device == at(target), name
    assert np.allclose(steps(twin, other), steps(model, optimizer), rtol=2e-3 if kind == "Muon" else 2e-4, atol=1e-5)


def test_schedules_averages_and_clipping_over_devices(arm):
    def run(device: str) -> tuple[list[float], list[float], nn.Module]:
        cb.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 8, bias=False), nn.BatchNorm1d(8), nn.Linear(8, 4)).to(device)
        optimizer = optim.AdamW(model.parameters(), lr=0.1)
        schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
        averaged = optim.swa_utils.AveragedModel(model, multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(0.5))
        x, y = cb.randn(12, 5), cb.randn(12, 4)
        losses, norms = [], []
        for number in range(6):
            if number == 3 and device != "cpu":
                model.cpu()
            where = model[0].weight.device
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x.to(where)), y.to(where))
            loss.backward()
            norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 0.5)))
            optimizer.step()
            schedule.step()
            averaged.update_parameters(model)
            losses.append(loss.item())
        data = [x[:6].to(averaged.module[0].weight.device), x[6:].to(averaged.module[0].weight.device)]
        optim.swa_utils.update_bn(data, averaged)
        assert {p.device for p in averaged.parameters()} == {at(device)}
        return losses, norms, averaged

    expected_losses, expected_norms, expected = run("cpu")
    losses, norms, averaged = run(arm)
    assert np.allclose(losses, expected_losses, rtol=1e-3) and np.allclose(norms, expected_norms, rtol=1e-3)
    for (name, a), b in zip(averaged.state_dict().items(), expected.state_dict().values(), strict=True):
        assert np.allclose(a.cpu().numpy(), b.numpy(), rtol=2e-3, atol=1e-3), name


@pytest.mark.parametrize("kind", ["AdamW", "SGD", "LBFGS"])
def test_one_optimizer_over_parameters_of_several_devices(installed, kind):
    def run(places: list[str], kind: str) -> tuple[list[Any], float]:
        params = [cb.linspace(-1, 1, 6).to(p).requires_grad_() for p in places]
        optimizer = getattr(optim, kind)(params, lr=0.1, **(OPTIMIZERS[kind] if kind == "SGD" else {}))
        norms = []

        def closure() -> cb.Tensor:
            optimizer.zero_grad()
            loss = cb.zeros(())
            for i, p in enumerate(params):
                loss = loss + ((p - i) ** 2).sum().cpu()
            loss.backward()
            # A line of clipped gradients is no line that L-BFGS could follow.
            norms.append(float(nn.utils.clip_grad_norm_(params, 1e6 if kind == "LBFGS" else 1.0)))
            return loss

        for _ in range(4):
            optimizer.step(closure)
        assert [p.device for p in params] == [at(p) for p in places] == [p.grad.device for p in params]
        return [p.tolist() for p in params], norms[-1]

    places = ["cpu", *installed, "cpu"]
    mixed, norm = run(places, kind)
    plain, wanted = run(["cpu"] * len(places), kind)
    assert np.isfinite(mixed).all() and np.allclose(mixed, plain, rtol=1e-4, atol=1e-5)
    assert np.isclose(norm, wanted, rtol=1e-3, atol=1e-5)


def test_gradients_of_another_device_are_refused(arm):
    p = nn.Parameter(cb.ones(2))
    with pytest.raises(DeviceMismatchError, match=rf"grad: .* cpu and {arm}"):
        p.grad = cb.ones(2, device=arm)
    p.node.grad = cb.ones(2, device=arm)
    with pytest.raises(
        DeviceMismatchError,
        match=rf"SGD.step: parameter 'weight' of group 0 is on cpu, its gradient on {arm}.*; move the model before",
    ):
        optim.SGD([("weight", p)], lr=0.1).step()
    assert p.tolist() == [1.0, 1.0]
