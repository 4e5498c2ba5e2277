"""Parametrizations: what is computed when, what is refused, and that nothing is half changed."""

from __future__ import annotations

import copy
from typing import Any

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from candelabra.nn.utils import parametrize
from candelabra.nn.utils.parametrize import register_parametrization


class Doubled(nn.Module):
    calls = 0

    def forward(self, x: cb.Tensor) -> cb.Tensor:
        Doubled.calls += 1
        return x * 2.0

    def right_inverse(self, x: cb.Tensor) -> cb.Tensor:
        return x / 2.0


class OneWay(nn.Module):
    def __init__(self, change: Any) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: cb.Tensor) -> Any:
        return self.change(x)


def test_the_parameter_keeps_its_identity() -> None:
    layer = nn.Linear(2, 3)
    weight, value = layer.weight, layer.weight.detach()
    optimizer = cb.optim.SGD(layer.parameters(), lr=1.0)
    register_parametrization(layer, "weight", Doubled())
    assert layer.parametrizations.weight.original is weight
    assert (layer.weight == value).all() and (weight == value / 2.0).all()
    layer(cb.ones(1, 2)).sum().backward()
    optimizer.step()
    assert cb.allclose(layer.weight, value - 4.0)
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is weight and type(layer) is nn.Linear and "parametrizations" not in layer.__dict__


def test_each_module_has_properties_of_its_own() -> None:
    one = register_parametrization(nn.Linear(2, 2), "weight", Doubled())
    other = register_parametrization(nn.Linear(2, 2), "weight", Doubled())
    twin = copy.deepcopy(one)
    assert type(one) is type(other) is type(twin)
    parametrize.remove_parametrizations(one, "weight")
    assert other.weight.shape == twin.weight.shape == (2, 2) and type(other) is not nn.Linear
    register_parametrization(other, "bias", Doubled())
    assert parametrize.is_parametrized(other, "bias") and not parametrize.is_parametrized(twin, "bias")
    parametrize.remove_parametrizations(other, "weight")
    assert parametrize.is_parametrized(other) and not parametrize.is_parametrized(other, "weight")
    assert parametrize.type_before_parametrizations(other) is nn.Linear
    assert isinstance(other, nn.Linear) and other(cb.ones(1, 2)).shape == (1, 2)


def test_cached_computes_once() -> None:
    layer = register_parametrization(nn.Linear(2, 2), "weight", Doubled())
    Doubled.calls = 0
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first
    assert Doubled.calls == 1
    assert layer.weight is not first and Doubled.calls == 2


def test_training_mode_reaches_parametrizations() -> None:
    layer = nn.Linear(2, 2).eval()
    part = Doubled()
    register_parametrization(layer, "weight", part)
    assert not part.training
    layer.train()
    assert part.training


@pytest.mark.parametrize(
    ("part", "error", "pattern"),
    [
        (OneWay(lambda x: x[0]), ShapeError, r"the shape from \(2, 2\) to \(2,\); register it with unsafe=True"),
        (OneWay(lambda x: x.double()), DTypeError, r"changed the dtype from float32 to float64"),
        (OneWay(lambda x: 3), ArgumentTypeError, r"returns a tensor, got int"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_changes(part: nn.Module, error: Any, pattern: str) -> None:
    layer = nn.Linear(2, 2)
    weight, value = layer.weight, layer.weight.tolist()
    with pytest.raises(error, match=pattern):
        register_parametrization(layer, "weight", part)
    assert type(layer) is nn.Linear and layer.weight is weight and weight.tolist() == value
    register_parametrization(layer, "weight", Doubled())
    with pytest.raises(error, match=pattern):
        register_parametrization(layer, "weight", part)
    assert len(layer.parametrizations.weight) == 1


def test_unsafe_allows_another_shape() -> None:
    layer = register_parametrization(nn.Linear(2, 3), "weight", OneWay(lambda x: x.T), unsafe=True)
    assert layer.weight.shape == (2, 3) and layer.parametrizations.weight.unsafe


def test_refusals() -> None:
    layer = nn.Linear(2, 2, bias=False)
    with pytest.raises(ArgumentError, match=r"Linear has no parameter, buffer .* 'scale'; it has weight, bias"):
        register_parametrization(layer, "scale", Doubled())
    with pytest.raises(ArgumentError, match=r"Linear\.bias is None"):
        register_parametrization(layer, "bias", Doubled())
    with pytest.raises(ArgumentError, match=r"no parametrization of 'weight'"):
        parametrize.remove_parametrizations(layer, "weight")
    register_parametrization(layer, "weight", OneWay(lambda x: x * 1.0))
    with pytest.raises(ArgumentError, match=r"OneWay has no right_inverse"):
        layer.weight = cb.ones(2, 2)
    with pytest.raises(ArgumentError, match=r"has an attribute 'weight' already"):
        layer.weight = nn.Parameter(cb.ones(2, 2))
    with pytest.raises(ArgumentError, match=r"one parametrization is needed"):
        parametrize.ParametrizationList([], cb.ones(2))
    held = nn.Module()
    held.w, held.parametrizations = nn.Parameter(cb.ones(1)), nn.Identity()
    with pytest.raises(ArgumentError, match=r"has an attribute 'parametrizations'"):
        register_parametrization(held, "w", Doubled())


def test_state_moves_with_the_module() -> None:
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 3))
    kept = layer.parametrizations.weight.original
    layer.double()
    assert layer.weight.dtype is cb.float64 and layer.parametrizations.weight.original is kept
    assert layer.get_buffer("parametrizations.weight.0._u").dtype is cb.float64


def test_skip_init_draws_nothing() -> None:
    state = cb.get_rng_state()
    layer = nn.utils.skip_init(nn.Linear, 3, 4, dtype=cb.float64)
    assert (cb.get_rng_state() == state).all() if hasattr(state, "all") else cb.get_rng_state() == state
    assert layer.weight.shape == (4, 3) and layer.weight.dtype is cb.float64 and layer.weight.requires_grad
    assert nn.init.ones_(layer.weight).tolist() == [[1.0] * 3] * 4
    with pytest.raises(ArgumentError, match=r"the constructor of ReLU takes no device"):
        nn.utils.skip_init(nn.ReLU)
    with pytest.raises(ArgumentTypeError, match=r"a class of modules is needed"):
        nn.utils.skip_init(int)


def test_vectors_that_do_not_fit() -> None:
    layer = nn.Linear(2, 2)
    value = layer.weight.tolist()
    with pytest.raises(ShapeError, match=r"a vector of 6 numbers is needed"):
        nn.utils.vector_to_parameters(cb.ones(5), layer.parameters())
    with pytest.raises(ArgumentTypeError, match=r"a tensor is needed, got list"):
        nn.utils.vector_to_parameters([1.0], layer.parameters())
    assert layer.weight.tolist() == value
