"""Averages of models without PyTorch: values by hand, devices, state dicts and errors."""

from __future__ import annotations

import copy
from pathlib import Path

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ShapeError
from candelabra.optim.swa_utils import (
    SWALR,
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))


def fill(module: nn.Module, value: float) -> None:
    for p in module.parameters():
        p.data = cb.full(p.shape, value)


def test_equal_weights_are_the_default() -> None:
    net = model()
    averaged = AveragedModel(net)
    for value in (1.0, 2.0, 6.0):
        fill(net, value)
        averaged.update_parameters(net)
    assert averaged.n_averaged.item() == 3
    for p in averaged.module.parameters():
        assert cb.allclose(p.detach(), cb.full(p.shape, 3.0))
        assert p.requires_grad and p.is_leaf
    assert [p.mean().item() for p in net.parameters()] == [6.0] * 4


@pytest.mark.parametrize(
    "options",
    [
        {"avg_fn": get_ema_avg_fn(0.5)},
        {"multi_avg_fn": get_ema_multi_avg_fn(0.5)},
        {"avg_fn": lambda average, value, n: average + (value - average) * 0.5},
    ],
)
def test_exponential_averages(options) -> None:
    net = model()
    averaged = AveragedModel(net, **options)
    for value in (1.0, 2.0, 6.0):
        fill(net, value)
        averaged.update_parameters(net)
    assert [p.mean().item() for p in averaged.module.parameters()] == [3.75] * 4


def test_functions_of_one_and_of_many_agree() -> None:
    a, b = cb.tensor([1.0, -2.0]), cb.tensor([3.0, 5.0])
    for one, many in ((get_swa_avg_fn(), get_swa_multi_avg_fn()), (get_ema_avg_fn(0.9), get_ema_multi_avg_fn(0.9))):
        lists = [a.clone(), a.clone()], [b, b]
        many(*lists, 3)
        for got in lists[0]:
            assert cb.allclose(got, one(a, b, 3))
    counter = cb.tensor(7)
    get_swa_multi_avg_fn()([counter], [cb.tensor(10)], 1)
    assert counter.item() == 8 and counter.dtype == cb.int64


def test_buffers_are_copied_or_averaged() -> None:
    for averaging in (False, True):
        net = model()
        averaged = AveragedModel(net, use_buffers=averaging)
        for value in (1.0, 3.0):
            net[1].running_mean.fill_(value)
            averaged.update_parameters(net)
        assert averaged.module[1].running_mean.tolist() == ([2.0] * 2 if averaging else [3.0] * 2)
        assert net[1].running_mean.tolist() == [3.0] * 2


def test_update_bn_means_over_all_batches_and_restores_what_it_changed() -> None:
    net = model().eval()
    batches = [(cb.randn(4, 2), cb.zeros(4)), [cb.randn(4, 2)]]
    update_bn(batches, net)
    seen = [net[0](batch[0]).detach() for batch in batches]
    assert cb.allclose(net[1].running_mean, (seen[0].mean(axis=0) + seen[1].mean(axis=0)) / 2, atol=1e-6)
    assert net[1].num_batches_tracked.item() == 2 and net[1].momentum == 0.1 and not net.training
    with pytest.raises(RuntimeError, match="torn"):
        update_bn(iter_that_fails(), net)
    assert net[1].momentum == 0.1 and not net.training
    update_bn([cb.ones(2)], nn.Linear(2, 2))


def iter_that_fails():
    yield cb.ones(4, 2)
    raise RuntimeError("torn")


def test_state_dict_and_copies(tmp_path: Path) -> None:
    net = model()
    averaged = AveragedModel(net)
    averaged.update_parameters(net)
    assert set(averaged.state_dict()) == {"n_averaged", *(f"module.{name}" for name in net.state_dict())}
    cb.save(averaged.state_dict(), tmp_path / "averaged.safetensors")
    other = AveragedModel(model())
    other.load_state_dict(cb.load(tmp_path / "averaged.safetensors"))
    x = cb.randn(3, 2)
    assert other.n_averaged.item() == 1
    assert cb.all(other.eval()(x) == averaged.eval()(x))
    twin = copy.deepcopy(averaged)
    fill(net, 0.0)
    twin.update_parameters(net)
    assert (twin.n_averaged.item(), averaged.n_averaged.item()) == (2, 1)


def test_an_average_may_live_on_another_device() -> None:
    pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")
    net = nn.Linear(2, 1)
    averaged = AveragedModel(net, device="strict")
    for value in (1.0, 2.0):
        fill(net, value)
        averaged.update_parameters(net)
    assert str(averaged.module.weight.device) == "strict:0" and str(averaged.n_averaged.device) == "strict:0"
    assert averaged.module.weight.tolist() == [[1.5, 1.5]]


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="avg_fn and multi_avg_fn exclude each other"):
        AveragedModel(model(), avg_fn=get_swa_avg_fn(), multi_avg_fn=get_swa_multi_avg_fn())
    for make in (get_ema_avg_fn, get_ema_multi_avg_fn):
        with pytest.raises(ArgumentError, match=r"decay=1.5 is not between 0 and 1"):
            make(1.5)
    averaged = AveragedModel(model())
    with pytest.raises(ShapeError, match="give the model that the average was made of"):
        averaged.update_parameters(nn.Linear(3, 2))
    assert averaged.n_averaged.item() == 0
    opt = cb.optim.SGD([cb.zeros(1, requires_grad=True)], lr=1.0)
    with pytest.raises(ArgumentError, match="anneal_strategy='step' is neither 'cos' nor 'linear'"):
        SWALR(opt, 0.1, anneal_strategy="step")
    with pytest.raises(ArgumentError, match="anneal_epochs=-1 is not an integer"):
        SWALR(opt, 0.1, anneal_epochs=-1)
    with pytest.raises(ArgumentError, match="swa_lr has 2 values for 1 parameter groups"):
        SWALR(opt, [0.1, 0.2])
    assert "swa_lr" not in opt.param_groups[0]
