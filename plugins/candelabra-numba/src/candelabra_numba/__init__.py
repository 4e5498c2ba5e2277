"""Kernels for candelabra's CPU that numba compiles: norms, softmax, losses, activations, pooling, scatter, steps."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from candelabra.plugins.hookspecs import KernelSpec

FAMILIES = ("activation", "elementwise", "loss", "normalization", "optimizer", "pooling", "scatter", "softmax")


def candelabra_kernels() -> list[KernelSpec]:
    """Announce the kernels; none where numba is not installed. It is not imported before a kernel computes."""
    if find_spec("numba") is None:
        return []
    found = []
    for family in FAMILIES:
        module = import_module(f".{family}", __package__)
        found += [KernelSpec("cpu", row, kernel, module.PRIORITIES.get(row, 1)) for row, kernel in module.KERNELS.items()]
    return found
