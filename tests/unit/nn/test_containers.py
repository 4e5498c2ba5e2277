"""Containers."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ArgumentTypeError, IndexOutOfRangeError


def names(module: nn.Module) -> list[str]:
    return [f"{name}:{type(child).__name__}" for name, child in module.named_children()]


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ParameterList([cb.ones(2), cb.ones(2)])
        self.named = nn.ParameterDict({"w": cb.ones(2)})

    def forward(self, x: cb.Tensor) -> cb.Tensor:
        return sum(self.parts, x) * self.named["w"]


def test_sequential() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x = cb.ones(4, 2)
    assert net(x).tolist() == net[2](cb.relu(net[0](x))).tolist()
    assert len(net) == 3 and isinstance(net[-1], nn.Linear) and isinstance(net[cb.asarray(1)], nn.ReLU)
    assert names(net[1:]) == ["1:ReLU", "2:Linear"]
    net[1] = nn.Tanh()
    assert names(net)[1] == "1:Tanh"
    del net[0]
    assert names(net) == ["0:Tanh", "1:Linear"]
    net.append(nn.Sigmoid()).insert(0, nn.Identity())
    assert names(net) == ["0:Identity", "1:Tanh", "2:Linear", "3:Sigmoid"]
    assert isinstance(net.pop(1), nn.Tanh) and names(net) == ["0:Identity", "1:Linear", "2:Sigmoid"]
    net.extend([nn.ReLU()])
    net += nn.Sequential(nn.ReLU())
    assert len(net) == 5
    assert len(net + nn.Sequential(nn.ReLU())) == 6 and len(net * 2) == 10 and len(2 * net) == 10
    net *= 2
    assert len(net) == 10
    del net[2:]
    assert names(net) == ["0:Identity", "1:Linear"]


def test_sequential_of_names() -> None:
    net = nn.Sequential(OrderedDict([("first", nn.Linear(2, 2)), ("second", nn.ReLU())]))
    assert net.first is net[0] and names(net[:1]) == ["first:Linear"]
    assert repr(net) == (
        "Sequential(\n  (first): Linear(in_features=2, out_features=2, bias=True)\n  (second): ReLU()\n)"
    )


def test_sequential_refuses() -> None:
    net = nn.Sequential(nn.ReLU())
    with pytest.raises(IndexOutOfRangeError, match=r"index 3 is outside its 1 modules"):
        net[3]
    with pytest.raises(ArgumentTypeError, match=r"an int or a slice is needed, got str"):
        net["0"]
    with pytest.raises(ArgumentTypeError, match=r"holds modules, got int"):
        net.extend([nn.ReLU(), 3])
    assert len(net) == 1
    with pytest.raises(ArgumentTypeError, match=r"is a child module"):
        nn.Sequential(3)
    with pytest.raises(ArgumentError, match=r"positive number of times"):
        net * 0


def test_module_list() -> None:
    modules = nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])
    modules.append(nn.Tanh()).extend([nn.Sigmoid()])
    assert [type(m).__name__ for m in modules] == ["Linear", "ReLU", "Tanh", "Sigmoid"]
    assert isinstance(modules[1:], nn.ModuleList) and names(modules[1:])[0] == "0:ReLU"
    modules.insert(0, nn.Identity())
    assert isinstance(modules.pop(), nn.Sigmoid)
    assert names(modules + [nn.Mish()])[-1] == "4:Mish"
    with pytest.raises(ArgumentTypeError, match=r"has no forward"):
        modules(cb.ones(1))
    assert repr(nn.ModuleList()) == "ModuleList()"
    runs = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])
    assert repr(runs) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)"


def test_module_dict() -> None:
    modules = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Tanh()})
    modules["c"] = nn.Sigmoid()
    modules.update([("a", nn.Mish())])
    assert list(modules) == ["b", "a", "c"] and "a" in modules and len(modules) == 3
    assert isinstance(modules["a"], nn.Mish) and [k for k, _ in modules.items()] == list(modules.keys())
    assert len(list(modules.values())) == 3
    del modules["c"]
    assert isinstance(modules.pop("a"), nn.Mish)
    with pytest.raises(ArgumentError, match=r"has no module 'z'; it has b"):
        modules["z"]
    with pytest.raises(ArgumentTypeError, match=r"takes a mapping or pairs"):
        modules.update(3)
    modules.clear()
    assert repr(modules) == "ModuleDict()"
    with pytest.raises(ArgumentTypeError, match=r"holds modules, got int under 'x'"):
        modules.update({"y": nn.ReLU(), "x": 3})
    assert not len(modules)


def test_a_slice_is_popped_and_names_stay() -> None:
    net = nn.Sequential(OrderedDict([("first", nn.Identity()), ("second", nn.ReLU())]))
    net.extend([nn.Tanh(), nn.Mish()])
    assert names(net) == ["first:Identity", "second:ReLU", "2:Tanh", "3:Mish"]
    taken = net.pop(slice(1, 3))
    assert names(taken) == ["second:ReLU", "2:Tanh"] and names(net) == ["0:Identity", "1:Mish"]
    with pytest.raises(IndexOutOfRangeError, match=r"3 is no place to insert"):
        net.insert(3, nn.ReLU())
    with pytest.raises(ArgumentTypeError, match=r"an iterable of modules is needed, got ReLU"):
        net.extend(nn.ReLU())


def test_parameter_list() -> None:
    values = nn.ParameterList([nn.Parameter(cb.ones(2)), cb.zeros(2, 3)])
    values.append("text").extend([cb.ones(1)])
    values += [cb.ones(4)]
    assert len(values) == 5 and [k for k, _ in values.named_parameters()] == ["0", "1", "3", "4"]
    assert isinstance(values[1], nn.Parameter) and values[-1].shape == (4,) and values[2] == "text"
    assert [v.shape for v in values[3:]] == [(1,), (4,)] and isinstance(values[::2], nn.ParameterList)
    kept = values[0]
    assert list(values)[0] is kept and values[:1][0] is kept
    values[0] = cb.zeros(3)
    assert values[0].shape == (3,) and isinstance(values[0], nn.Parameter)
    assert repr(nn.ParameterList([cb.ones(2, 3, device="cpu"), "a"])) == (
        "ParameterList(\n    (0): Parameter containing: [candelabra.float32 of size 2x3]\n"
        "    (1): Object of type: str\n)"
    )
    with pytest.raises(IndexOutOfRangeError, match=r"index 7 is outside its 5 values"):
        values[7]
    with pytest.raises(ArgumentTypeError, match=r"an int or a slice is needed, got str"):
        values["a"]
    with pytest.raises(ArgumentTypeError, match=r"takes an iterable of values, got Tensor; append"):
        values.extend(cb.ones(2))
    with pytest.raises(ArgumentTypeError, match=r"is not called"):
        values(1)


def test_parameter_dict() -> None:
    values = nn.ParameterDict({"b": cb.ones(2), "a": cb.zeros(3)})
    assert list(values) == ["a", "b"] and list(reversed(values)) == ["b", "a"]
    ordered = nn.ParameterDict([("b", cb.ones(2)), ("a", cb.zeros(3))])
    assert list(ordered.keys()) == ["b", "a"] and list(ordered.state_dict()) == ["b", "a"]
    assert values.get("z") is None and values.get("a").shape == (3,)
    assert values.setdefault("c", cb.ones(1)).shape == (1,) and isinstance(values["c"], nn.Parameter)
    assert values.copy()["c"] is values["c"] and "c" in values and len(values) == 3
    assert values.popitem()[0] == "c" and values.pop("a").shape == (3,)
    both = values | ordered
    assert list(both) == ["b", "a"] and both["b"] is ordered["b"]
    assert list({"q": cb.ones(1)} | values) == ["q", "b"]
    values |= {"d": 3}
    assert values["d"] == 3 and list(values.state_dict()) == ["b"]
    assert list(values.fromkeys(["x", "y"], 1).items()) == [("x", 1), ("y", 1)]
    with pytest.raises(ArgumentError, match=r"has no key 'z'; it has b, d"):
        values["z"]
    with pytest.raises(ArgumentError, match=r"an attribute 'keys' already"):
        values.update([("new", cb.ones(1)), ("keys", cb.ones(1))])
    assert "new" not in values
    with pytest.raises(ArgumentTypeError, match=r"a key is a string, got int"):
        values[3] = cb.ones(1)
    with pytest.raises(ArgumentTypeError, match=r"takes a mapping or pairs"):
        values.update(3)
    with pytest.raises(ArgumentTypeError, match=r"is not called"):
        values(1)
    del values["d"]
    place = "" if values["b"].device == cb.device("cpu") else f" ({values['b'].device})"
    assert f"(b): Parameter containing: [candelabra.float32 of size 2{place}]" in repr(values)
    values.clear()
    assert not len(values) and not list(values.parameters())
    with pytest.raises(ArgumentError, match=r"the dict is empty"):
        values.popitem()


def test_containers_of_parameters_are_copied_and_trained() -> None:
    model = Sum()
    assert list(model.state_dict()) == ["parts.0", "parts.1", "named.w"]
    twin = copy.deepcopy(model)
    model(cb.ones(2)).sum().backward()
    assert model.parts[1].grad.tolist() == [1.0, 1.0] and twin.parts[1].grad is None
    assert pickle.loads(pickle.dumps(model)).named["w"].tolist() == [1.0, 1.0]
    twin.double()
    assert twin.parts[0].dtype is cb.float64
