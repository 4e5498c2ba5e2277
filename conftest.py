"""What every pytest run from the checkout shares: hypothesis profiles, peers, and defaults reset between tests.

The fixtures hang on a plugin object and not on this folder, so that the doctests and the conformance suite of the
installed package get them too.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("dev", deadline=None, max_examples=25)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")

pytest_plugins = ["candelabra.conformance.plugin"] if importlib.util.find_spec("candelabra.conformance.plugin") else []

PEERS = ("torch", "scipy", "sklearn", "einops")


def peers_are_required() -> bool:
    """Whether a missing peer is a failure and not a skip."""
    return os.environ.get("CANDELABRA_REQUIRE_PEERS") == "1"


def import_peer(name: str) -> ModuleType:
    """Import a library that candelabra is compared with, or skip; with CANDELABRA_REQUIRE_PEERS=1 its absence fails."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = f"{name} is not installed (extra `peers`): {error}"
    if peers_are_required():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class SharedFixtures:
    """Fixtures for all tests, wherever their files lie."""

    @pytest.fixture
    def require_peer(self) -> Callable[[str], ModuleType]:
        return import_peer

    @pytest.fixture
    def torch(self) -> ModuleType:
        torch = import_peer("torch")
        # PyTorch's idle workers spin and starve NumPy's on a small machine.
        torch.set_num_threads(1)
        return torch

    @pytest.fixture
    def scipy(self) -> ModuleType:
        return import_peer("scipy")

    @pytest.fixture(autouse=True)
    def _defaults(self, doctest_namespace: dict[str, Any]) -> Iterator[None]:
        import candelabra as cb

        doctest_namespace["cb"] = cb
        cb.set_default_dtype(cb.float32)
        cb.set_default_device("cpu")
        cb.manual_seed(0)
        yield
        assert cb.is_grad_enabled(), "the test left gradients switched off"


def pytest_configure(config: pytest.Config) -> None:
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if missing and peers_are_required():
        raise pytest.UsageError(f"CANDELABRA_REQUIRE_PEERS=1, but not installed: {', '.join(missing)} (extra `peers`)")
    config.pluginmanager.register(SharedFixtures(), "candelabra-shared-fixtures")
