"""The samples and references of the families of rows: `samples_*.py` and `references_*.py` beside this file."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any


@functools.cache
def modules(prefix: str) -> tuple[ModuleType, ...]:
    """Return the modules of the suite whose names begin with a prefix."""
    found = sorted(path.stem for path in Path(__file__).parent.glob(f"{prefix}*.py"))
    return tuple(importlib.import_module(f"{__package__}.{name}") for name in found)


def find(prefix: str, name: str) -> Any:
    """Return what one of the modules calls `name`, or None; two that differ are an error."""
    values = [value for module in modules(prefix) if (value := vars(module).get(name)) is not None]
    if any(value is not values[0] for value in values):
        raise LookupError(f"{name} stands in two of {', '.join(m.__name__ for m in modules(prefix))}")
    return values[0] if values else None
