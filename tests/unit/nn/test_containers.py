"""Containers."""

from __future__ import annotations

from collections import OrderedDict

import candelabra as cb
import pytest
from candelabra import nn
from candelabra.core.errors import ArgumentError, ArgumentTypeError, IndexOutOfRangeError


def names(module: nn.Module) -> list[str]:
    return [f"{name}:{type(child).__name__}" for name, child in module.named_children()]


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
