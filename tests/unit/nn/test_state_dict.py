"""State dicts: the keys, loading strictly or not, and that a state dict that does not fit changes nothing."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentTypeError, StateDictError


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))


def values(module: nn.Module) -> dict[str, Any]:
    return {name: value.tolist() for name, value in module.state_dict().items()}


def test_keys_and_versions() -> None:
    state = model().state_dict()
    assert list(state) == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
        "2.weight",
        "2.bias",
    ]
    assert state._metadata[""] == {"version": 1} and state._metadata["1"] == {"version": 2}
    assert not any(value.requires_grad for value in state.values())


def test_round_trip_and_identity() -> None:
    one, two = model(), model()
    weight = two[0].weight
    result = two.load_state_dict(one.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert values(one) == values(two) and two[0].weight is weight and weight.requires_grad


def test_a_state_dict_is_a_snapshot() -> None:
    layer = nn.Linear(2, 1)
    state = layer.state_dict()
    before = state["weight"].tolist()
    with cb.no_grad():
        layer.weight.zero_()
    assert state["weight"].tolist() == before
    layer.load_state_dict(state)
    with cb.no_grad():
        layer.weight.mul_(2.0)
    assert state["weight"].tolist() == before


def test_keep_vars_prefix_and_destination() -> None:
    layer = nn.Linear(2, 1)
    destination: dict[str, Any] = {"old": 1}
    state = layer.state_dict(destination=destination, prefix="fc.", keep_vars=True)
    assert state is destination and list(state) == ["old", "fc.weight", "fc.bias"]
    assert state["fc.weight"] is layer.weight


def test_all_problems_are_told_at_once_and_nothing_is_changed() -> None:
    target = model()
    before = values(target)
    state = OrderedDict(model().state_dict())
    del state["0.bias"], state["1.running_var"]
    state["0.weight"] = cb.zeros(4, 2)
    state["2.bias"] = "text"
    state["extra"] = cb.ones(1)
    state["2.extra"] = cb.ones(1)
    with pytest.raises(StateDictError) as caught:
        target.load_state_dict(state)
    text = str(caught.value)
    assert "Error(s) in loading state_dict for Sequential (nothing was changed)" in text
    assert 'Missing key(s) in state_dict: "0.bias", "1.running_var".' in text
    assert 'Unexpected key(s) in state_dict: "extra", "2.extra".' in text
    assert "size mismatch for 0.weight: the state dict has shape (4, 2), the module (3, 2)" in text
    assert "2.bias: a tensor is needed, got str" in text
    assert "strict=False" in text
    assert values(target) == before


def test_not_strict() -> None:
    target = model()
    source = model().state_dict()
    missing = source.pop("0.bias")
    source["extra"] = cb.ones(1)
    result = target.load_state_dict(source, strict=False)
    assert result.missing_keys == ["0.bias"] and result.unexpected_keys == ["extra"]
    assert "extra" in repr(result)
    assert target[0].weight.tolist() == source["0.weight"].tolist()
    assert target[0].bias.tolist() != missing.tolist()
    before = values(target)
    with pytest.raises(StateDictError, match=r"size mismatch"):
        target.load_state_dict({**source, "0.weight": cb.zeros(1)}, strict=False)
    assert values(target) == before


def test_dtype_is_kept_unless_assigned() -> None:
    source = nn.Linear(2, 1).double()
    target = nn.Linear(2, 1)
    target.load_state_dict(source.state_dict())
    assert target.weight.dtype is cb.float32
    target.requires_grad_(False)
    old = target.weight
    target.load_state_dict(source.state_dict(), assign=True)
    assert target.weight is not old and target.weight.dtype is cb.float64
    assert isinstance(target.weight, nn.Parameter) and not target.weight.requires_grad
    holder = nn.Linear(2, 1)
    target.load_state_dict(holder.state_dict(keep_vars=True), assign=True)
    assert target.weight is holder.weight
    with pytest.raises(StateDictError, match=r"complex64"):
        nn.Linear(2, 1).load_state_dict({"weight": cb.ones(1, 2, dtype=cb.complex64), "bias": cb.ones(1)})


def test_a_scalar_may_come_with_an_axis() -> None:
    module = nn.Module()
    module.scale = nn.Parameter(cb.zeros(()))
    module.load_state_dict({"scale": cb.asarray([3.0])})
    assert float(module.scale) == 3.0


def test_host_arrays_load() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": cb.ones(1, 2).numpy(), "bias": cb.zeros(1).numpy()})
    assert layer.weight.tolist() == [[1.0, 1.0]]


def test_not_a_mapping() -> None:
    with pytest.raises(ArgumentTypeError, match=r"a state dict is needed, got list"):
        nn.Linear(2, 1).load_state_dict([1])


class Counting(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 1)
        self.count = 0

    def get_extra_state(self) -> Any:
        return {"count": self.count}

    def set_extra_state(self, state: Any) -> None:
        self.count = state["count"]


def test_extra_state() -> None:
    source, target = Counting(), Counting()
    source.count = 7
    state = source.state_dict()
    assert list(state) == ["weight", "bias", "_extra_state"]
    target.load_state_dict(state)
    assert target.count == 7
    target.count = 0
    with pytest.raises(StateDictError, match=r"size mismatch"):
        target.load_state_dict({**state, "bias": cb.zeros(5)})
    assert target.count == 0
    del state["_extra_state"]
    with pytest.raises(StateDictError, match=r'Missing.*"_extra_state"'):
        target.load_state_dict(state)
    with pytest.raises(StateDictError, match=r'Unexpected.*"_extra_state"'):
        nn.Linear(2, 1).load_state_dict(source.state_dict())


def test_batch_norm_without_a_version_needs_no_count() -> None:
    layer = nn.BatchNorm1d(2)
    state = dict(layer.state_dict())
    del state["num_batches_tracked"]
    layer.load_state_dict(state)
    versioned = layer.state_dict()
    del versioned["num_batches_tracked"]
    with pytest.raises(StateDictError, match=r"num_batches_tracked"):
        layer.load_state_dict(versioned)


def test_hooks_of_saving_and_loading() -> None:
    layer = nn.Linear(2, 1)
    calls: list[Any] = []
    layer.register_state_dict_pre_hook(lambda module, prefix, keep: calls.append(("pre", prefix, keep)))

    def rename(module: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
        state[prefix + "w"] = state.pop(prefix + "weight")

    handle = layer.register_state_dict_post_hook(rename)
    state = nn.Sequential(layer).state_dict()
    assert calls == [("pre", "0.", False)] and sorted(state) == ["0.bias", "0.w"]

    def back(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        state[prefix + "weight"] = state.pop(prefix + "w")

    layer.register_load_state_dict_pre_hook(back)
    layer.register_load_state_dict_post_hook(lambda module, keys: calls.append(keys.missing_keys))
    nn.Sequential(layer).load_state_dict(state)
    assert calls[-1] == []
    handle.remove()
    handle.remove()
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_a_load_hook_may_strike_keys() -> None:
    layer = nn.Linear(2, 1)
    layer.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    layer.load_state_dict({"weight": cb.ones(1, 2)})
    assert layer.weight.tolist() == [[1.0, 1.0]]


def test_a_load_hook_sees_the_loaded_values() -> None:
    layer = nn.Linear(2, 1)
    seen: list[Any] = []
    layer.register_load_state_dict_post_hook(lambda module, keys: seen.append(module.weight.tolist()))
    layer.load_state_dict({"weight": cb.ones(1, 2), "bias": cb.zeros(1)})
    assert seen == [[[1.0, 1.0]]]
