"""All schedulers without PyTorch: state dicts that do not fit, bad arguments, and edges that schedules can reach."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import candelabra as cb
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, StateDictError
from candelabra.optim import lr_scheduler as schedules
from candelabra.optim.swa_utils import SWALR


def optimizer(*rates: float, kind: str = "SGD") -> Any:
    more = {"momentum": 0.9} if kind == "SGD" else {}
    groups = [{"params": [cb.ones(2, requires_grad=True)], "lr": rate} for rate in rates or (1.0,)]
    return getattr(cb.optim, kind)(groups, lr=1.0, **more)


MAKE: dict[str, Any] = {
    "LambdaLR": lambda o: schedules.LambdaLR(o, lambda t: 0.5**t),
    "MultiplicativeLR": lambda o: schedules.MultiplicativeLR(o, lambda t: 0.5),
    "StepLR": lambda o: schedules.StepLR(o, 2),
    "MultiStepLR": lambda o: schedules.MultiStepLR(o, [1, 3]),
    "ConstantLR": lambda o: schedules.ConstantLR(o),
    "LinearLR": lambda o: schedules.LinearLR(o),
    "ExponentialLR": lambda o: schedules.ExponentialLR(o, 0.5),
    "PolynomialLR": lambda o: schedules.PolynomialLR(o),
    "CosineAnnealingLR": lambda o: schedules.CosineAnnealingLR(o, 5),
    "CosineAnnealingWarmRestarts": lambda o: schedules.CosineAnnealingWarmRestarts(o, 5),
    "CyclicLR": lambda o: schedules.CyclicLR(o, 0.1, 1.0),
    "OneCycleLR": lambda o: schedules.OneCycleLR(o, 1.0, 10),
    "ReduceLROnPlateau": lambda o: schedules.ReduceLROnPlateau(o),
    "SequentialLR": lambda o: schedules.SequentialLR(
        o, [schedules.ConstantLR(o), schedules.ExponentialLR(o, 0.5)], milestones=[3]
    ),
    "ChainedScheduler": lambda o: schedules.ChainedScheduler(
        [schedules.ConstantLR(o), schedules.ExponentialLR(o, 0.5)]
    ),
    "SWALR": lambda o: SWALR(o, 0.1),
}
KINDS = list(MAKE)


def advance(opt: Any, scheduler: Any, epochs: int) -> list[Any]:
    rates = []
    for _ in range(epochs):
        opt.step()
        if isinstance(scheduler, schedules.ReduceLROnPlateau):
            scheduler.step(1.0)
        else:
            scheduler.step()
        rates.append(scheduler.get_last_lr())
    return rates


def test_the_table_is_whole() -> None:
    assert {*KINDS} == {*schedules.__all__} - {"LRScheduler"} | {"SWALR"}


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("ReduceLROnPlateau", "CosineAnnealingWarmRestarts")])
def test_stepping_before_the_optimizer_warns(kind: str) -> None:
    scheduler = MAKE[kind](optimizer())
    with pytest.warns(UserWarning, match=r"\.step\(\) was called before optimizer\.step\(\).*call optimizer\.step\(\)"):
        scheduler.step()


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_order_does_not_warn(kind: str) -> None:
    opt = optimizer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        advance(opt, MAKE[kind](opt), 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_the_state_of_another_kind_is_refused(kind: str, other: str) -> None:
    opt = optimizer()
    scheduler = MAKE[kind](opt)
    advance(opt, scheduler, 2)
    before = scheduler.state_dict()
    saved = MAKE[other](optimizer()).state_dict()
    if saved.keys() == before.keys():
        scheduler.load_state_dict(saved)
        return
    with pytest.raises(StateDictError, match="belongs to another kind of scheduler"):
        scheduler.load_state_dict(saved)
    assert scheduler.state_dict() == before


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_of_other_groups_is_refused(kind: str) -> None:
    scheduler = MAKE[kind](optimizer(1.0, 2.0))
    before = scheduler.state_dict()
    with pytest.raises(
        StateDictError, match=r"1 .*, the optimizer 2 parameter groups; build the optimizer over|functions"
    ):
        scheduler.load_state_dict(MAKE[kind](optimizer(1.0)).state_dict())
    assert scheduler.state_dict() == before


@pytest.mark.parametrize("kind", ["SequentialLR", "ChainedScheduler"])
def test_no_part_is_loaded_where_one_does_not_fit(kind: str) -> None:
    opt = optimizer()
    scheduler = MAKE[kind](opt)
    advance(opt, scheduler, 2)
    before, saved = scheduler.state_dict(), MAKE[kind](optimizer()).state_dict()
    del saved["_schedulers"][1]["gamma"]
    with pytest.raises(StateDictError, match=r"ExponentialLR.load_state_dict: the state dict lacks gamma"):
        scheduler.load_state_dict(saved)
    assert scheduler.state_dict() == before
    saved["_schedulers"].pop()
    with pytest.raises(StateDictError, match="has 1 schedulers, this one 2"):
        scheduler.load_state_dict(saved)


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("LambdaLR", "MultiplicativeLR")])
def test_pickled_with_its_optimizer(kind: str) -> None:
    opt = optimizer()
    scheduler = MAKE[kind](opt)
    advance(opt, scheduler, 2)
    other = pickle.loads(pickle.dumps(scheduler))
    for group in other.optimizer.param_groups:
        for p in group["params"]:
            p.grad = cb.ones(2)
    assert advance(other.optimizer, other, 3) == advance(opt, scheduler, 3)


def test_a_step_beyond_the_cycle_changes_nothing() -> None:
    opt = optimizer()
    scheduler = schedules.OneCycleLR(opt, 1.0, total_steps=3)
    advance(opt, scheduler, 3)
    before, rate = scheduler.state_dict(), opt.param_groups[0]["lr"]
    opt.step()
    with pytest.raises(ArgumentError, match=r"OneCycleLR.step: the cycle has 3 steps, and this would be step 4"):
        scheduler.step()
    assert scheduler.state_dict() == before and opt.param_groups[0]["lr"] == rate


def test_a_phase_of_no_length_is_at_its_end() -> None:
    opt = optimizer()
    scheduler = schedules.OneCycleLR(opt, 1.0, total_steps=10, pct_start=0.1)
    assert scheduler.get_last_lr() == [1.0]
    rates = advance(opt, scheduler, 9)
    assert rates == sorted(rates, reverse=True) and rates[-1] == pytest.approx([1.0 / 25 / 1e4])


def test_a_constant_factor_of_zero_ends() -> None:
    opt = optimizer(0.5)
    scheduler = schedules.ConstantLR(opt, factor=0.0, total_iters=2)
    assert [scheduler.get_last_lr(), *advance(opt, scheduler, 3)] == [[0.0], [0.0], [0.5], [0.5]]


def test_momentum_runs_against_the_learning_rate() -> None:
    for kind, momentum in (("SGD", lambda g: g["momentum"]), ("Adam", lambda g: g["betas"][0])):
        opt = optimizer(kind=kind)
        scheduler = schedules.CyclicLR(opt, 0.0, 1.0, step_size_up=4, base_momentum=0.5, max_momentum=0.9)
        seen = [(opt.param_groups[0]["lr"], momentum(opt.param_groups[0]))]
        for _ in range(4):
            advance(opt, scheduler, 1)
            seen.append((opt.param_groups[0]["lr"], momentum(opt.param_groups[0])))
        assert [rate for rate, _ in seen] == [0.0, 0.25, 0.5, 0.75, 1.0]
        assert [m for _, m in seen] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])


class Half:
    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, x: float) -> float:
        return self.share


def test_a_callable_scale_keeps_its_attributes() -> None:
    saved = schedules.CyclicLR(optimizer(), 0.1, 1.0, scale_fn=Half(0.25)).state_dict()
    assert saved["_scale_fn_custom"] == {"share": 0.25}
    other = schedules.CyclicLR(optimizer(), 0.1, 1.0, scale_fn=Half(0.75))
    other.load_state_dict(saved)
    assert other.scale_fn(1.0) == 0.25


def test_a_plateau_with_a_group_added_later() -> None:
    opt = optimizer(1.0)
    scheduler = schedules.ReduceLROnPlateau(opt, factor=0.5, patience=0)
    opt.add_param_group({"params": [cb.ones(1, requires_grad=True)], "lr": 3.0})
    assert advance(opt, scheduler, 2)[-1] == [0.5, 1.5]
    fixed = schedules.ReduceLROnPlateau(opt, factor=0.5, patience=0, min_lr=[0.1, 0.1])
    opt.add_param_group({"params": [cb.ones(1, requires_grad=True)]})
    with pytest.raises(ArgumentError, match="2 values of min_lr for 3 parameter groups, since a group was added"):
        advance(opt, fixed, 2)
    with pytest.warns(UserWarning, match="call step\\(metrics\\) without an epoch"):
        scheduler.step(cb.tensor(2.0), 7)
    assert scheduler.last_epoch == 7


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda o: schedules.MultiplicativeLR(o, 0.5), ArgumentTypeError, "MultiplicativeLR: lr_lambda holds a float"),
    (lambda o: schedules.MultiStepLR(o, [1], "x"), ArgumentTypeError, "MultiStepLR: gamma is of type str"),
    (lambda o: schedules.ConstantLR(o, 1.5), ArgumentError, "ConstantLR: factor=1.5 is not between 0 and 1"),
    (lambda o: schedules.LinearLR(o, 0.0), ArgumentError, "start_factor=0.0 is not above 0 and at most 1"),
    (lambda o: schedules.LinearLR(o, 0.5, 1.5), ArgumentError, "end_factor=1.5 is not between 0 and 1"),
    (lambda o: schedules.ExponentialLR(o, "x"), ArgumentTypeError, "ExponentialLR: gamma is of type str"),
    (lambda o: schedules.CosineAnnealingWarmRestarts(o, 0), ArgumentError, "T_0=0 is not a positive integer"),
    (lambda o: schedules.CosineAnnealingWarmRestarts(o, 3, 1.5), ArgumentError, "T_mult=1.5 is not a positive integer"),
    (lambda o: schedules.CosineAnnealingWarmRestarts(o, 3).step(-1), ArgumentError, "step: epoch=-1 is negative"),
    (lambda o: schedules.SequentialLR(o, [], []), ArgumentError, "is not a list of at least one scheduler"),
    (
        lambda o: schedules.SequentialLR(o, [MAKE["StepLR"](o)], [3]),
        ArgumentError,
        "1 schedulers take 0 milestones; got 1",
    ),
    (
        lambda o: schedules.SequentialLR(o, [MAKE["StepLR"](o), MAKE["ReduceLROnPlateau"](o)], [3]),
        ArgumentError,
        "scheduler 1 is a ReduceLROnPlateau, whose step takes a metric",
    ),
    (
        lambda o: schedules.ChainedScheduler([MAKE["StepLR"](o), MAKE["StepLR"](optimizer())]),
        ArgumentError,
        "scheduler 1, a StepLR, acts on another optimizer",
    ),
    (lambda o: schedules.ChainedScheduler([o]), ArgumentTypeError, "scheduler 0 is of type SGD"),
    (lambda o: MAKE["ChainedScheduler"](o).step(3), ArgumentError, "takes no epoch"),
    (lambda o: MAKE["SequentialLR"](o).step(3), ArgumentError, "takes no epoch"),
    (lambda o: schedules.ReduceLROnPlateau(o, "less"), ArgumentError, "mode='less' is neither 'min' nor 'max'"),
    (lambda o: schedules.ReduceLROnPlateau(o, factor=1.0), ArgumentError, "factor=1.0 is not below 1"),
    (lambda o: schedules.ReduceLROnPlateau(o, threshold_mode="x"), ArgumentError, "threshold_mode='x' is neither"),
    (
        lambda o: schedules.ReduceLROnPlateau(o, min_lr=[0, 0]),
        ArgumentError,
        "2 values of min_lr for 1 parameter groups",
    ),
    (lambda o: schedules.ReduceLROnPlateau("o"), ArgumentTypeError, "optimizer is of type str"),
    (lambda o: schedules.CyclicLR(o, 0.1, 1.0, mode="square"), ArgumentError, "mode='square' is none of 'triangular'"),
    (lambda o: schedules.CyclicLR(o, [0.1, 0.2], 1.0), ArgumentError, "base_lr has 2 values for 1 parameter groups"),
    (lambda o: schedules.CyclicLR(o, 0.1, 1.0, 0), ArgumentError, "step_size_up=0 and step_size_down=0 are not both"),
    (lambda o: schedules.CyclicLR(o, 0.1, 1.0, scale_fn=3), ArgumentTypeError, "scale_fn is of type int"),
    (lambda o: schedules.OneCycleLR(o, 1.0), ArgumentError, "give total_steps, or both epochs and steps_per_epoch"),
    (lambda o: schedules.OneCycleLR(o, 1.0, epochs=3), ArgumentError, "or both epochs and steps_per_epoch"),
    (lambda o: schedules.OneCycleLR(o, 1.0, 2.5), ArgumentError, "total_steps=2.5 is not a positive integer"),
    (lambda o: schedules.OneCycleLR(o, 1.0, 9, pct_start=2), ArgumentError, "pct_start=2 is not between 0 and 1"),
    (lambda o: schedules.OneCycleLR(o, 1.0, 9, anneal_strategy="x"), ArgumentError, "anneal_strategy='x' is neither"),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("make", "error", "text"), BAD)
def test_bad_arguments(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make(optimizer())


@pytest.mark.parametrize("make", [lambda o: schedules.CyclicLR(o, 0.1, 1.0), lambda o: schedules.OneCycleLR(o, 1.0, 9)])
def test_an_optimizer_without_momentum_is_left_alone(make: Any) -> None:
    opt = cb.optim.Adagrad([cb.ones(1, requires_grad=True)], lr=0.5)
    before = dict(opt.param_groups[0])
    with pytest.raises(
        ArgumentError, match=r"cycles momentum or betas\[0\], and Adagrad has neither; give cycle_momentum"
    ):
        make(opt)
    assert opt.param_groups[0] == before
