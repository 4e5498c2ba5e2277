"""The cases of all layers, read from the files beside this one, and how their arguments become a library's.

The format is told in `conftest.py`.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np


@functools.cache
def listed(name: str) -> list[Any]:
    """Return what the lists of a name hold, in all files ``test_*_classes.py``."""
    found: list[Any] = []
    for path in sorted(Path(__file__).parent.glob("test_*_classes.py")):
        spec = importlib.util.spec_from_file_location(f"listed_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += getattr(module, name, [])
    return found


def draw(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def materialize(value: Any, seed: int) -> Any:
    """Draw the inputs that are given as shapes."""
    if isinstance(value, tuple) and all(isinstance(n, int) and not isinstance(n, bool) for n in value):
        return draw(value, seed)
    if isinstance(value, (list, tuple)):
        return [materialize(v, seed + 17 * (i + 1)) for i, v in enumerate(value)]
    return value


def give(library: Any, value: Any, leaves: list[Any] | None = None) -> Any:
    """Turn arrays into a library's tensors; those of floats are noted in `leaves` and differentiated."""
    if isinstance(value, functools.partial):
        return value(library)
    if isinstance(value, np.ndarray):
        wanted = leaves is not None and value.dtype.kind == "f"
        tensor = library.tensor(value, requires_grad=wanted)
        if wanted:
            leaves.append(tensor)  # type: ignore[union-attr]
        return tensor
    if isinstance(value, tuple):
        return tuple(give(library, v, leaves) for v in value)
    if isinstance(value, list):
        return [give(library, v, leaves) for v in value]
    if isinstance(value, dict):
        return {k: give(library, v, leaves) for k, v in value.items()}
    return value


def flat(value: Any) -> list[Any]:
    """Return all tensors in nested containers."""
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in flat(v)]
    return [] if value is None else [value]
