"""Run SciPy's and scikit-learn's own tests of array API support with Tensors as the arrays.

Both libraries' wheels bring their tests, and both choose array libraries by name. SciPy's fixture takes what it finds
under the name ``array_api_strict``; scikit-learn's parametrizations ask a generator. It is for people, not for
continuous integration, and docs/ecosystem.md says what was found.

Usage: ``python tests/ecosystem/own_suites.py scipy.stats`` or ``... sklearn.metrics``, with pytest's options after it,
and ``CANDELABRA_DEFAULT_DEVICE=strict`` for another device.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

if __name__ == "__main__":
    # Read when SciPy is imported; its tests take a list of libraries. Only here: doctests are collected from this file.
    os.environ["SCIPY_ARRAY_API"] = '["array_api_strict"]' if "scipy" in "".join(sys.argv[1:2]) else "1"

import candelabra as cb
import pytest

SCIPY = ["-m", "array_api_backends and not slow and not xslow"]


class AsScipysBackend:
    """Gives SciPy's `xp` fixture Tensors, in float64 as its tests expect."""

    def __init__(self) -> None:
        cb.set_default_dtype(cb.float64)
        stand_in: Any = cb
        stand_in.__version__ = "2.6.1"
        stand_in.set_array_api_strict_flags = lambda **flags: None
        sys.modules["array_api_strict"] = stand_in
        # The standard of 2025.12 has a tuple; SciPy's fixture adds a list to it.
        information = type(cb.__array_namespace_info__())
        told = information.devices
        information.devices = lambda asked: list(told(asked))

    def pytest_plugin_registered(self, plugin: object) -> None:
        known = getattr(plugin, "xp_known_backends", None)
        if known is not None:
            known.add(cb.__name__)


def become_scikit_learns_backend() -> None:
    """Let scikit-learn's parametrizations yield Tensors on two devices."""
    from sklearn.utils import _array_api, _testing

    def namespaces(include_numpy_namespaces: bool = True) -> Iterator[str]:
        yield cb.__name__

    def combinations(include_numpy_namespaces: bool = True) -> Iterator[tuple[str, str, str]]:
        yield cb.__name__, "cpu", "float64"
        yield cb.__name__, "strict", "float64"
        yield cb.__name__, "cpu", "float32"

    def arrays(namespace: str, device: str | None = None, dtype: str | None = None) -> tuple[Any, Any]:
        x = cb.asarray(1, device=device)
        return x.__array_namespace__(), x.device

    _array_api.yield_namespaces = namespaces
    _array_api.yield_namespace_device_dtype_combinations = combinations
    _testing._array_api_for_tests = arrays


def main() -> int:
    package, *options = sys.argv[1:]
    shared = ["-p", "no:cacheprovider", "-W", "ignore", "--pyargs", package, "-q", "--tb=short"]
    if package.partition(".")[0] == "scipy":
        return pytest.main([*shared, *SCIPY, *options], plugins=[AsScipysBackend()])
    become_scikit_learns_backend()
    return pytest.main([*shared, "-k", cb.__name__, *options])


if __name__ == "__main__":
    sys.exit(main())
