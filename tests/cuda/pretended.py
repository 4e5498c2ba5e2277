"""What the tests share that run in a process where CuPy is the stand-in and cards are pretended."""

from __future__ import annotations

import gc
import json
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

_TEST = re.compile(r"^def (\w+)\(\) -> None:", re.MULTILINE)


def refused(kind: type[Exception], call: Callable[[], Any], *words: str) -> None:
    """Expect an error whose text has the words."""
    try:
        call()
    except kind as error:
        assert all(word in str(error) for word in words), str(error)
    else:
        raise AssertionError(f"{kind.__name__} was not raised")


def names(file: Path) -> list[str]:
    """Return the names of the tests in a file, its functions that take and return nothing, in their order."""
    return _TEST.findall(file.read_text(encoding="utf-8"))


def run(module: ModuleType) -> None:
    """Run every test of a module, and print as JSON what failed of each, an empty text where nothing did."""
    from cupy.cuda import order

    found = {}
    for name in names(Path(str(module.__file__))):
        order.hazards.clear()
        try:
            getattr(module, name)()
            gc.collect()
            found[name] = "; ".join(order.hazards)
        except Exception:
            found[name] = traceback.format_exc()
    print(json.dumps(found))
