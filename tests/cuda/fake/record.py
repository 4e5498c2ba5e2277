"""Writes `cupy/offers.json`: which functions CuPy has, their parameters, and the types that its ufuncs take.

``python record.py`` with a real CuPy installed; no driver is needed.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

OFFERS = Path(__file__).parent / "cupy" / "offers.json"


def offers(cupy: Any) -> dict[str, Any]:
    """Return what CuPy's namespaces offer by name: a ufunc's types, a function's parameters, or what else it is."""
    found: dict[str, Any] = {"version": cupy.__version__}
    for place in ("", "linalg", "fft"):
        module = getattr(cupy, place) if place else cupy
        found[place] = {name: _about(cupy, getattr(module, name)) for name in dir(module) if not name.startswith("_")}
        found[place] = {name: about for name, about in found[place].items() if about is not None}
    return found


def _about(cupy: Any, value: Any) -> str | None:
    """A ufunc's types, such as ``ff->f dd->d``, or a function's parameters, such as ``a, axis=0``."""
    if isinstance(value, cupy.ufunc):
        return " ".join(value.types)
    if isinstance(value, ModuleType | type) or not callable(value):
        return None
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return "*args, **kwargs"
    plain = [p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else 0)
             for p in signature.parameters.values()]  # fmt: skip
    return str(inspect.Signature(plain))[1:-1]


if __name__ == "__main__":
    import cupy

    OFFERS.write_text(json.dumps(offers(cupy), indent=0) + "\n")
