"""One text for both libraries, where what a workload calls has the same name in each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from ..workload import Arrays, Step

LIBRARIES = ("candelabra", "torch")


def both(build: Callable[[Any, Arrays], Step]) -> dict[str, Callable[[Arrays], Step]]:
    """Return the variants of both libraries.

    Parameters
    ----------
    build : callable
        Takes a library's `tensor`, `module` (the package itself), `nn`, `functional`, `optim` as attributes of one
        object, and the arrays, and returns the step.
    """
    return {name: _variant(name, build) for name in LIBRARIES}


def _variant(name: str, build: Callable[[Any, Arrays], Step]) -> Callable[[Arrays], Step]:
    def variant(arrays: Arrays) -> Step:
        module: Any = importlib.import_module(name)
        rest = {
            last.rpartition(".")[2]: importlib.import_module(f"{name}.{last}")
            for last in ("nn", "nn.functional", "optim")
        }
        return build(SimpleNamespace(module=module, tensor=module.tensor, **rest), arrays)

    return variant


@contextmanager
def products(lib: Any, precision: str) -> Iterator[None]:
    """Let float32 products, convolutions too, be as precise as `precision` says, then as exact as before."""
    before = lib.module.get_float32_matmul_precision()
    backends = getattr(lib.module, "backends", None)
    convolutions = getattr(backends, "cudnn", None)
    held = getattr(convolutions, "allow_tf32", None)
    lib.module.set_float32_matmul_precision(precision)
    if held is not None:
        convolutions.allow_tf32 = precision != "highest"
    try:
        yield
    finally:
        lib.module.set_float32_matmul_precision(before)
        if held is not None:
            convolutions.allow_tf32 = held
