"""Which of the plugins' devices are installed, and the parameters by which tests meet each of them and each pair."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import pytest
from candelabra.plugins.manager import plugins_disabled

ARMS = ("strict", "torch", "jax", "mlx")
ALL = ("cpu", *ARMS)
TRIOS = [("cpu", "jax", "torch"), ("torch", "cpu", "jax"), ("jax", "torch", "cpu"), ("cpu", "strict", "cpu"),
         ("mlx", "cpu", "torch"), ("jax", "mlx", "torch")]  # fmt: skip
PAIRS = [(source, target) for source in ALL for target in ALL if source != target]


def missing(name: str) -> bool:
    """Say whether a device's plugin is absent; one that is there and broken is none to skip."""
    return name != "cpu" and (plugins_disabled() or importlib.util.find_spec(f"candelabra_{name}") is None)


def parameters(choices: Sequence[Any]) -> list[Any]:
    """Return pytest's parameters for devices, or tuples of them; those of plugins that are absent skip."""
    made = []
    for choice in choices:
        names = choice if isinstance(choice, tuple) else (choice,)
        absent = [f"candelabra-{name}" for name in names if missing(name)]
        marks = [pytest.mark.skip(reason=f"not installed: {', '.join(absent)}")] if absent else []
        made.append(pytest.param(choice, id="-".join(names), marks=marks))
    return made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, choices in (("arm", ARMS), ("place", ALL), ("pair", PAIRS), ("trio", TRIOS)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, parameters(choices))


@pytest.fixture
def installed() -> list[str]:
    """The devices of the plugins that are installed."""
    return [name for name in ARMS if not missing(name)]
