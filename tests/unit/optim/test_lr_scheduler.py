"""Schedulers without PyTorch: values, warnings, errors, state dicts."""

from __future__ import annotations

import math
import warnings

import candelabra as cb
import candelabra.optim.lr_scheduler
import pytest
from candelabra.core.errors import ArgumentError, ArgumentTypeError, StateDictError
from candelabra.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, StepLR


def optimizer(*rates: float) -> cb.optim.SGD:
    return cb.optim.SGD([{"params": [cb.ones(2, requires_grad=True)], "lr": rate} for rate in rates], lr=1.0)


def run(opt: cb.optim.SGD, scheduler: LRScheduler, epochs: int) -> list[list[float]]:
    rates = []
    for _ in range(epochs):
        opt.step()
        scheduler.step()
        rates.append(scheduler.get_last_lr())
    return rates


def test_the_module_is_reached_both_ways() -> None:
    assert candelabra.optim.lr_scheduler.StepLR is cb.optim.lr_scheduler.StepLR is StepLR


def test_step_lr() -> None:
    opt = optimizer(0.4, 0.2)
    assert run(opt, StepLR(opt, step_size=2, gamma=0.5), 4) == [[0.4, 0.2], [0.2, 0.1], [0.2, 0.1], [0.1, 0.05]]
    assert [group["initial_lr"] for group in opt.param_groups] == [0.4, 0.2]


def test_cosine_follows_the_closed_formula_down_and_up() -> None:
    opt = optimizer(1.0)
    rates = run(opt, CosineAnnealingLR(opt, T_max=5, eta_min=0.1), 10)
    expected = [0.1 + 0.9 * (1 + math.cos(math.pi * t / 5)) / 2 for t in range(1, 11)]
    assert [rate for [rate] in rates] == pytest.approx(expected)


def test_lambda_lr_takes_one_function_per_group() -> None:
    opt = optimizer(0.4, 0.2)
    scheduler = LambdaLR(opt, [lambda t: 1 / (1 + t), lambda t: 2.0])
    assert scheduler.get_last_lr() == [0.4, 0.4]
    assert run(opt, scheduler, 1) == [[0.2, 0.4]]


class Warmup:
    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, epoch: int) -> float:
        return min(1.0, (epoch + 1) / self.length)


def test_state_dict_keeps_the_attributes_of_callable_objects() -> None:
    opt = optimizer(1.0)
    saved = LambdaLR(opt, Warmup(8)).state_dict()
    assert saved["lr_lambdas"] == [{"length": 8}]
    other = LambdaLR(optimizer(1.0), Warmup(2))
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].length == 8
    assert LambdaLR(opt, [lambda t: 1.0]).state_dict()["lr_lambdas"] == [None]
    assert LambdaLR(opt, [abs]).state_dict()["lr_lambdas"] == [None]


def test_state_dict_resumes() -> None:
    opt = optimizer(1.0)
    scheduler = StepLR(opt, 3, 0.5)
    run(opt, scheduler, 4)
    opt2 = optimizer(1.0)
    resumed = StepLR(opt2, 1)
    resumed.load_state_dict(scheduler.state_dict())
    opt2.load_state_dict(opt.state_dict())
    assert resumed.last_epoch == 4 and resumed.step_size == 3
    assert run(opt2, resumed, 4) == run(opt, scheduler, 4)


def test_a_state_dict_is_a_snapshot() -> None:
    opt = optimizer(1.0)
    scheduler = StepLR(opt, 1, 0.5)
    saved = scheduler.state_dict()
    run(opt, scheduler, 2)
    assert saved["last_epoch"] == 0 and saved["_last_lr"] == [1.0]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.pop("gamma"), r"lacks gamma"),
        (lambda d: d.update(T_max=3), r"has T_max"),
        (lambda d: d.update(base_lrs=[1.0, 2.0]), "2 base_lrs, the optimizer 1 parameter groups"),
    ],
)
def test_state_dicts_that_do_not_fit_change_nothing(change, text: str) -> None:
    scheduler = StepLR(optimizer(1.0), 3)
    saved = {**scheduler.state_dict(), "last_epoch": 7}
    change(saved)
    with pytest.raises(StateDictError, match=text):
        scheduler.load_state_dict(saved)
    assert scheduler.last_epoch == 0


def test_the_wrong_order_warns() -> None:
    opt = optimizer(1.0)
    scheduler = StepLR(opt, 3)
    with pytest.warns(UserWarning, match=r"StepLR.step\(\) was called before optimizer.step\(\)"):
        scheduler.step()


def test_the_right_order_does_not_warn() -> None:
    opt = optimizer(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(opt, StepLR(opt, 3), 3)


def test_an_epoch_and_get_lr_outside_a_step_warn() -> None:
    opt = optimizer(1.0)
    scheduler = StepLR(opt, 2, 0.5)
    opt.step()
    with pytest.warns(UserWarning, match="step\\(epoch\\) is deprecated"):
        scheduler.step(4)
    assert scheduler.get_last_lr() == [0.25]
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda o: StepLR("SGD", 3), ArgumentTypeError, "StepLR: optimizer is of type str"),
        (lambda o: StepLR(o, 0), ArgumentError, "step_size=0 is not a positive integer"),
        (lambda o: StepLR(o, 3, "0.1"), ArgumentTypeError, "gamma is of type str"),
        (lambda o: StepLR(o, 3, last_epoch=4), ArgumentError, "group 0 has no 'initial_lr'; load the optimizer's"),
        (lambda o: StepLR(o, 3, last_epoch=-2), ArgumentError, "last_epoch=-2"),
        (lambda o: CosineAnnealingLR(o, 0), ArgumentError, "T_max=0 is not a positive number"),
        (lambda o: LambdaLR(o, [abs, abs]), ArgumentError, "2 functions for 1 parameter groups"),
        (lambda o: LambdaLR(o, 0.5), ArgumentTypeError, "lr_lambda holds a float"),
    ],
)
def test_bad_arguments(make, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make(optimizer(1.0))


def test_a_tensor_learning_rate_is_filled_in_place() -> None:
    rate = cb.tensor(1.0)
    opt = cb.optim.SGD([cb.ones(2, requires_grad=True)], lr=rate)
    scheduler = StepLR(opt, 1, 0.5)
    opt.step()
    scheduler.step()
    assert opt.param_groups[0]["lr"] is rate and rate.item() == 0.5
    before = scheduler.get_last_lr()
    opt.step()
    scheduler.step()
    assert before[0].item() == 0.5
