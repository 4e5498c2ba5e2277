"""Containers against PyTorch's; the format is told in `conftest.py`."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def layers(library: Any) -> list[Any]:
    nn = library.nn
    return [nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Tanh()]


def named(library: Any) -> Any:
    return OrderedDict(zip(("first", "second", "third", "fourth"), layers(library), strict=True))


def one(index: int) -> Any:
    return functools.partial(lambda library: layers(library)[index])


def through(library: Any, container: Any, x: Any) -> Any:
    for layer in container:
        x = layer(x)
    return x


def through_values(library: Any, container: Any, x: Any) -> Any:
    for layer in container.values():
        x = layer(x)
    return x


def scaled(library: Any, container: Any, x: Any) -> Any:
    values = container.values() if hasattr(container, "values") else container
    for value in values:
        x = x * value
    return x


def tensors(library: Any) -> list[Any]:
    return [library.tensor(np.arange(1.0, 4.0)), library.tensor(np.ones((2, 3)))]


def named_tensors(library: Any) -> dict[str, Any]:
    return dict(zip("ba", tensors(library), strict=True))


CASES: list[tuple[Any, ...]] = [
    ("Sequential", (one(0), one(1), one(2)), {}, [(5, 3)], {"order": 2}),
    ("Sequential", (functools.partial(named),), {}, [(5, 3)]),
    ("Sequential", (), {}, [(5, 3)]),
    ("ModuleList", (functools.partial(layers),), {}, [(5, 3)], {"run": through}),
    ("ModuleDict", (functools.partial(named),), {}, [(5, 3)], {"run": through_values}),
    ("ParameterList", (functools.partial(tensors),), {}, [(2, 3)], {"run": scaled, "same_repr": False}),
    ("ParameterDict", (functools.partial(named_tensors),), {}, [(2, 3)], {"run": scaled, "same_repr": False}),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_layer(check_layer: Callable[..., None], case: tuple[Any, ...]) -> None:
    check_layer(*case)


def _edit(library: Any) -> list[list[str]]:
    """Use everything that containers are used with, and write down what they then hold."""
    nn = library.nn
    seen: list[list[str]] = []

    def note(container: Any) -> None:
        seen.append([type(container).__name__] + [f"{k}:{type(v).__name__}" for k, v in container.named_children()])

    net = nn.Sequential(named(library))
    net.append(nn.Sigmoid())
    note(net)
    net.extend([nn.ELU(), nn.SELU()])
    net += nn.Sequential(nn.GELU())
    note(net)
    note(net[1:3])
    net[0] = nn.Identity()
    note(net)
    note(net + nn.Sequential(nn.ReLU()))
    del net[1]
    note(net)
    net.insert(2, nn.Mish()).insert(-1, nn.SiLU())
    note(net)
    net.pop(0)
    note(net.pop(slice(1, 3)))
    note(net)
    note(nn.Sequential(nn.ReLU(), nn.Tanh()) * 2)
    rows = nn.ModuleList(layers(library))
    rows.append(nn.ELU())
    rows.insert(1, nn.Mish())
    rows.extend([nn.SELU()])
    rows += [nn.GELU()]
    note(rows)
    note(rows[::2])
    note(rows + [nn.SiLU()])
    rows.pop(2)
    del rows[-1]
    rows[0] = nn.Identity()
    note(rows)
    names = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Tanh()})
    names.update([("c", nn.ELU()), ("a", nn.SELU())])
    names.update({"z": nn.GELU(), "y": nn.Mish()})
    names.pop("b")
    del names["z"]
    note(names)
    seen.append([f"{len(names)} {list(names)} {'a' in names} {list(names.keys())}"])
    return seen


def test_lists_and_names_after_edits(torch: Any) -> None:
    import candelabra

    assert _edit(candelabra) == _edit(torch)
