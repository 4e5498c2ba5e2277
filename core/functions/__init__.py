"""Composites: plain code over rows, by family. `COMPOSITES` holds their public functions by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

COMPOSITES: dict[str, Callable[..., Any]] = {}
_FAMILIES = (
    "counting", "creation", "data_types", "distance", "indexing", "manipulation", "mathematics", "matrices",
    "random", "scatter", "short_time", "selection", "special", "torch_names", "windows",
)  # fmt: skip


def _collect() -> None:
    from importlib import import_module

    for family in _FAMILIES:
        module = import_module(f".{family}", __name__)
        for name in module.__all__:
            COMPOSITES[name] = getattr(module, name)


_collect()
