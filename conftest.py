"""What every pytest run from the checkout shares: hypothesis profiles, peers, devices, and defaults that are reset.

``--device cuda`` runs all tests on that device, conformance too: it is the default device, except of tests that are
marked `host`. Several devices, or none, leave the default at the CPU; a test that takes `any_device` runs on each of
them, one that takes `elsewhere` on each but the CPU.

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
# What comes with the base install, and the plugin that refuses whatever is not in the standard.
DEVICES = ("cpu", "strict")


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


def asked_devices(config: pytest.Config) -> list[str]:
    """Return the devices that were asked for."""
    return config.getoption("--device", None) or []


def default_device(request: pytest.FixtureRequest) -> str:
    """Return where a test makes its tensors unless it says otherwise."""
    asked, item = asked_devices(request.config), request.node
    # What documents show is the CPU's, and the conformance suite names its devices.
    says = isinstance(item, pytest.DoctestItem) or {"subject", "conformance_device"} & set(request.fixturenames)
    return asked[0] if len(asked) == 1 and not says and item.get_closest_marker("host") is None else "cpu"


class SharedFixtures:
    """Fixtures for all tests, wherever their files lie."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        devices = asked_devices(metafunc.config) or DEVICES
        others = [name for name in devices if name != "cpu"] or [name for name in DEVICES if name != "cpu"]
        for fixture, names in (("any_device", devices), ("elsewhere", others)):
            if fixture in metafunc.fixturenames:
                metafunc.parametrize(fixture, names, indirect=True)

    @pytest.fixture
    def any_device(self, request: pytest.FixtureRequest) -> str:
        """A device, each in turn of those that are tested."""
        if request.param == "strict":
            pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")
        return request.param

    @pytest.fixture
    def elsewhere(self, request: pytest.FixtureRequest) -> str:
        """The same without the CPU, for what must be as it is there."""
        if request.param == "strict":
            pytest.importorskip("candelabra_strict", reason="the plugin candelabra-strict is not installed")
        return request.param

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
    def _defaults(self, request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> Iterator[None]:
        import candelabra as cb

        doctest_namespace["cb"] = cb
        cb.set_default_dtype(cb.float32)
        cb.set_default_device(default_device(request))
        cb.manual_seed(0)
        yield
        assert cb.is_grad_enabled(), "the test left gradients switched off"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    asked = asked_devices(config)
    if len(asked) == 1 and asked != ["cpu"]:
        # Tests expect to be told of a bad index by the call that has it; before the device is looked for.
        os.environ.setdefault("CANDELABRA_SYNC_ERRORS", "1")
    config.addinivalue_line("markers", "host: about the host's own arrays; the default device is the CPU")
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if missing and peers_are_required():
        raise pytest.UsageError(f"CANDELABRA_REQUIRE_PEERS=1, but not installed: {', '.join(missing)} (extra `peers`)")
    config.pluginmanager.register(SharedFixtures(), "candelabra-shared-fixtures")
