"""Every scheduler of `torch.optim.lr_scheduler`, and SWALR, with every argument at a value that is not its default.

`ROWS` is the table. A class without a row fails, an argument that no row of its class sets fails, and so does a
signature that is not PyTorch's. Learning rates and momenta are Python floats and must be equal, not close.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import candelabra as cb
import pytest


class Made:
    """An argument that is made from the library and the optimizer."""

    def __init__(self, make: Callable[[Any, Any], Any]) -> None:
        self.make = make


def halving(epoch: int) -> float:
    return 0.5**epoch


def wave(epoch: int) -> float:
    return 1 + (epoch % 3) / 4


def falling(x: float) -> float:
    return 1 / (1 + x)


def first_two(library: Any, opt: Any) -> list[Any]:
    schedulers = library.optim.lr_scheduler
    return [schedulers.ConstantLR(opt, 0.5, 4), schedulers.ExponentialLR(opt, 0.9)]


def restarts_last(library: Any, opt: Any) -> list[Any]:
    schedulers = library.optim.lr_scheduler
    warm = schedulers.LinearLR(opt, 0.25, total_iters=5)
    return [warm, schedulers.CosineAnnealingLR(opt, 10), schedulers.CosineAnnealingWarmRestarts(opt, 7)]


ROWS: dict[str, list[dict[str, Any]]] = {
    "LambdaLR": [{"lr_lambda": halving}, {"lr_lambda": [halving, wave], "last_epoch": 4}],
    "MultiplicativeLR": [{"lr_lambda": wave}, {"lr_lambda": [falling, wave], "last_epoch": 4}],
    "StepLR": [{"step_size": 3}, {"step_size": 4, "gamma": 0.5, "last_epoch": 4}],
    "MultiStepLR": [{"milestones": [3, 5, 5, 40]}, {"milestones": (6, 9), "gamma": 0.5, "last_epoch": 4}],
    "ConstantLR": [{"factor": 0.25}, {"total_iters": 9, "last_epoch": 4}],
    "LinearLR": [{"start_factor": 0.1, "end_factor": 0.7}, {"total_iters": 30, "last_epoch": 4}],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 0.97, "last_epoch": 4}],
    "PolynomialLR": [{"total_iters": 60}, {"total_iters": 20, "power": 2.0, "last_epoch": 4}],
    "CosineAnnealingLR": [{"T_max": 7}, {"T_max": 30, "eta_min": 0.01, "last_epoch": 4}],
    "CosineAnnealingWarmRestarts": [
        {"T_0": 7},
        {"T_0": 3, "T_mult": 2, "eta_min": 0.01},
        {"T_0": 9, "last_epoch": 4},
    ],
    "SequentialLR": [
        {"schedulers": Made(first_two), "milestones": [6]},
        {"schedulers": Made(restarts_last), "milestones": [5, 20]},
        {"schedulers": Made(first_two), "milestones": [6], "last_epoch": 2},
    ],
    "ChainedScheduler": [
        {"schedulers": Made(first_two)},
        {"schedulers": Made(first_two), "optimizer": Made(lambda library, opt: opt)},
    ],
    "CyclicLR": [
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 7},
        {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 4, "step_size_down": 9, "mode": "triangular2"},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5, "mode": "exp_range", "gamma": 0.9, "cycle_momentum": False},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5, "scale_fn": falling, "scale_mode": "iterations"},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5, "base_momentum": 0.7, "max_momentum": 0.99},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5, "last_epoch": 4},
    ],
    "OneCycleLR": [
        {"max_lr": 0.1, "total_steps": 110},
        {"max_lr": [0.1, 0.2], "epochs": 11, "steps_per_epoch": 10, "pct_start": 0.45, "anneal_strategy": "linear"},
        {"max_lr": 0.1, "total_steps": 110, "three_phase": True, "div_factor": 10.0, "final_div_factor": 50.0},
        {"max_lr": 0.1, "total_steps": 110, "base_momentum": [0.7, 0.6], "max_momentum": 0.99},
        {"max_lr": 0.1, "total_steps": 110, "cycle_momentum": False},
        {"max_lr": 0.1, "total_steps": 110, "last_epoch": 4},
    ],
    "ReduceLROnPlateau": [
        {},
        {"mode": "max", "factor": 0.5, "patience": 3, "cooldown": 2},
        {"threshold": 0.2, "threshold_mode": "abs", "patience": 1, "min_lr": [0.05, 1e-3]},
        {"mode": "max", "threshold": 0.1, "threshold_mode": "abs", "patience": 2, "min_lr": 0.01},
        {"patience": 0, "eps": 0.01},
    ],
    "SWALR": [
        {"swa_lr": 0.05},
        {"swa_lr": [0.01, 0.02], "anneal_epochs": 20, "anneal_strategy": "linear"},
        {"swa_lr": 0.05, "anneal_epochs": 0},
        {"swa_lr": 0.05, "last_epoch": 4},
    ],
}
CASES = [(kind, i) for kind, rows in ROWS.items() for i in range(len(rows))]


def class_of(library: Any, kind: str) -> Any:
    return getattr(library.optim.swa_utils if kind == "SWALR" else library.optim.lr_scheduler, kind)


def optimizer_of(library: Any, optimizer: str, options: dict[str, Any]) -> Any:
    params = [library.ones(2, requires_grad=True), library.ones(3, requires_grad=True)]
    groups = [{"params": [params[0]], "lr": 0.4}, {"params": [params[1]]}]
    more = {"momentum": 0.9} if optimizer == "SGD" else {}
    opt = getattr(library.optim, optimizer)(groups, lr=0.1, **more)
    if options.get("last_epoch", -1) != -1:
        # What the state dict of the optimizer brings to a schedule that goes on.
        for group in opt.param_groups:
            group.update(initial_lr=group["lr"], max_lr=0.3, min_lr=0.001, max_momentum=0.95, base_momentum=0.8)
    return opt


def build(library: Any, kind: str, options: dict[str, Any], optimizer: str = "SGD") -> tuple[Any, Any]:
    opt = optimizer_of(library, optimizer, options)
    given = {k: v.make(library, opt) if isinstance(v, Made) else deepcopy(v) for k, v in options.items()}
    if kind == "ChainedScheduler":
        return opt, class_of(library, kind)(**given)
    return opt, class_of(library, kind)(opt, **given)


def advance(library: Any, kind: str, opt: Any, scheduler: Any, step: int) -> list[Any]:
    for group in opt.param_groups:
        for p in group["params"]:
            p.grad = library.ones_like(p.detach())
    opt.step()
    if kind == "ReduceLROnPlateau":
        scheduler.step([3.0, 2.5, 2.4, 2.6, 2.3, 2.3, 2.31, 2.29][step % 8] + (step // 30))
    else:
        scheduler.step()
    return settings(opt, scheduler)


def settings(opt: Any, scheduler: Any) -> list[Any]:
    """What a scheduler sets: learning rates, and momenta or betas."""
    found = [[g["lr"], g.get("momentum", g.get("betas"))] for g in opt.param_groups]
    return [*found, list(scheduler.get_last_lr())]


# The table


def test_every_class_has_a_row(torch: Any) -> None:
    assert {*torch.optim.lr_scheduler.__all__} == ({*ROWS} - {"SWALR"}) | {"LRScheduler"}
    assert {*torch.optim.lr_scheduler.__all__} == {*cb.optim.lr_scheduler.__all__}
    assert {*torch.optim.swa_utils.__all__} == {*cb.optim.swa_utils.__all__}


@pytest.mark.parametrize("kind", [*ROWS, "LRScheduler"])
def test_the_signature_is_pytorchs(torch: Any, kind: str) -> None:
    def plain(owner: Any) -> list[tuple[Any, ...]]:
        return [(p.name, p.kind, p.default) for p in inspect.signature(class_of(owner, kind)).parameters.values()]

    assert plain(cb) == plain(torch)


@pytest.mark.parametrize("kind", ROWS)
def test_every_argument_has_a_row(torch: Any, kind: str) -> None:
    for name, parameter in inspect.signature(class_of(torch, kind)).parameters.items():
        if name == "optimizer" and kind != "ChainedScheduler":
            continue
        values = [row[name] for row in ROWS[kind] if name in row]
        if (kind, name) == ("OneCycleLR", "cycle_momentum"):
            assert False in values
        assert any(value != parameter.default for value in values), f"{kind}: no row sets {name}"


# Numbers


@pytest.mark.parametrize(("kind", "row"), CASES)
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_a_hundred_steps(torch: Any, kind: str, row: int, optimizer: str) -> None:
    options = ROWS[kind][row]
    opt, scheduler = build(cb, kind, options, optimizer)
    ref, reference = build(torch, kind, options, optimizer)
    assert settings(opt, scheduler) == settings(ref, reference)
    for step in range(100):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            mine = advance(cb, kind, opt, scheduler, step)
        assert mine == advance(torch, kind, ref, reference, step), step
    assert scheduler.state_dict() == reference.state_dict()


@pytest.mark.parametrize(("kind", "row"), CASES)
def test_resumed_from_the_middle(kind: str, row: int, tmp_path: Path) -> None:
    options = ROWS[kind][row]
    opt, scheduler = build(cb, kind, options)
    straight = [advance(cb, kind, opt, scheduler, step) for step in range(100)]
    opt, scheduler = build(cb, kind, options)
    for step in range(50):
        advance(cb, kind, opt, scheduler, step)
    cb.save({"optimizer": opt.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "middle.safetensors")
    saved = cb.load(tmp_path / "middle.safetensors")
    opt, scheduler = build(cb, kind, options)
    opt.load_state_dict(saved["optimizer"])
    scheduler.load_state_dict(saved["scheduler"])
    assert [advance(cb, kind, opt, scheduler, step) for step in range(50, 100)] == straight[50:]


@pytest.mark.parametrize(("kind", "row"), CASES)
def test_state_dicts_load_both_ways(torch: Any, kind: str, row: int) -> None:
    options = ROWS[kind][row]
    opt, scheduler = build(cb, kind, options)
    ref, reference = build(torch, kind, options)
    for step in range(10):
        advance(cb, kind, opt, scheduler, step)
        advance(torch, kind, ref, reference, step)
    taken, back = build(cb, kind, options), build(torch, kind, options)
    taken[1].load_state_dict(reference.state_dict())
    back[1].load_state_dict(scheduler.state_dict())
    for new, old in ((taken[0], ref), (back[0], opt)):
        for group, other in zip(new.param_groups, old.param_groups, strict=True):
            group.update({k: v for k, v in other.items() if k != "params"})
    for step in range(10, 20):
        assert advance(cb, kind, *taken, step) == advance(torch, kind, *back, step)


@pytest.mark.parametrize(("kind", "row"), CASES)
def test_a_checkpoint_of_pytorch_loads(torch: Any, kind: str, row: int, tmp_path: Path) -> None:
    ref, reference = build(torch, kind, ROWS[kind][row])
    advance(torch, kind, ref, reference, 0)
    torch.save({"scheduler": reference.state_dict()}, tmp_path / "checkpoint.pt")
    _, scheduler = build(cb, kind, ROWS[kind][row])
    scheduler.load_state_dict(cb.load(tmp_path / "checkpoint.pt")["scheduler"])
    assert scheduler.state_dict() == reference.state_dict()


CLOSED = [
    (kind, row)
    for kind, row in CASES
    if kind not in ("SequentialLR", "ChainedScheduler", "ReduceLROnPlateau", "SWALR", "MultiplicativeLR")
]


@pytest.mark.parametrize(("kind", "row"), CLOSED)
def test_step_to_an_epoch(torch: Any, kind: str, row: int) -> None:
    found = []
    for library in (cb, torch):
        opt, scheduler = build(library, kind, ROWS[kind][row])
        opt.step()
        rates = []
        for epoch in (3, 1, 12, 40):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                scheduler.step(epoch)
            rates.append([settings(opt, scheduler), len([w for w in caught if w.category is UserWarning])])
        found.append(rates)
    assert found[0] == found[1]


@pytest.mark.parametrize("epoch", [0.5, 2.75, 6.0, 20.25])
def test_warm_restarts_between_epochs(torch: Any, epoch: float) -> None:
    rates = []
    for library in (cb, torch):
        _, scheduler = build(library, "CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2})
        scheduler.step(epoch)
        rates.append([scheduler.get_last_lr(), scheduler.T_cur, scheduler.T_i, scheduler.last_epoch])
    assert rates[0] == rates[1]


@pytest.mark.parametrize(("kind", "row"), [(k, i) for k, i in CASES if i == 0])
def test_a_tensor_learning_rate(torch: Any, kind: str, row: int) -> None:
    found = []
    for library in (cb, torch):
        params = [library.ones(2, requires_grad=True), library.ones(3, requires_grad=True)]
        rates = [library.tensor(0.4, dtype=library.float64), library.tensor(0.1, dtype=library.float64)]
        groups = [{"params": [p], "lr": rate} for p, rate in zip(params, rates, strict=True)]
        opt = library.optim.SGD(groups, momentum=0.9)
        given = {k: v.make(library, opt) if isinstance(v, Made) else deepcopy(v) for k, v in ROWS[kind][row].items()}
        scheduler = (
            class_of(library, kind)(**given) if kind == "ChainedScheduler" else class_of(library, kind)(opt, **given)
        )
        run = []
        for step in range(20):
            advance(library, kind, opt, scheduler, step)
            assert all(g["lr"] is rate for g, rate in zip(opt.param_groups, rates, strict=True))
            run.append([float(rate) for rate in scheduler.get_last_lr()])
        found.append(run)
    for mine, other in zip(*found, strict=True):
        assert mine == pytest.approx(other, rel=1e-12)


@pytest.mark.parametrize("kind", [k for k in ROWS if k not in ("ReduceLROnPlateau", "CosineAnnealingWarmRestarts")])
def test_stepping_before_the_optimizer_warns_as_pytorch_does(torch: Any, kind: str) -> None:
    counts = []
    for library in (cb, torch):
        _, scheduler = build(library, kind, ROWS[kind][0])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scheduler.step()
        counts.append(sum("before" in str(w.message) for w in caught))
        if library is cb:
            assert all("call optimizer.step() first" in str(w.message) for w in caught)
    assert counts[0] == counts[1] > 0
