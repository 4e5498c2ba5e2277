"""A fork server with candelabra and the main module in it, so that a worker starts in milliseconds.

The server is Python's own (`multiprocessing.forkserver`), started once in the life of a process. It imports the main
module as each worker would have to: by a name that is not ``"__main__"``.
"""

from __future__ import annotations

import json
import sys
from multiprocessing import process, spawn
from typing import Any

from ..core.random_state import default_generator

VARIABLE = "CANDELABRA_FORKSERVER"
"""The environment variable that tells the server, and nobody else, which program it serves."""


serving = False
"""Whether this process is a server that imports the main module at this moment."""


class GuardReached(BaseException):
    """The import of the main module came to where it needs workers: it has no guard."""


def importing_main() -> bool:
    """Say whether this process is one of `multiprocessing`'s that imports the main module at this moment."""
    return bool(getattr(process.current_process(), "_inheriting", False))


def main_has_a_file() -> bool:
    """Say whether another process can import this program's main module, as `multiprocessing` will have it do."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    return getattr(spec, "name", None) is not None or getattr(main, "__file__", None) is not None


def describe_main() -> str:
    """Return what a server has to know of this program."""
    facts = spawn.get_preparation_data("candelabra")
    names = ("sys_path", "sys_argv", "init_main_from_name", "init_main_from_path")
    return json.dumps({name: facts[name] for name in names if name in facts})


def import_main(facts: dict[str, Any]) -> None:
    """Import the program's main module; where that fails it is left to the workers, whose errors are reported."""
    global serving
    sys.path[:] = facts["sys_path"]
    arguments, sys.argv = sys.argv, facts["sys_argv"]
    current: Any = process.current_process()
    current._inheriting = serving = True
    try:
        if "init_main_from_name" in facts:
            spawn._fixup_main_from_name(facts["init_main_from_name"])  # type: ignore[attr-defined]
        elif "init_main_from_path" in facts:
            spawn.import_main_path(facts["init_main_from_path"])
    except BaseException:
        sys.argv = arguments
    finally:
        serving = False
        del current._inheriting


def draw_apart() -> None:
    """Seed what was loaded here anew in each process that is forked, as if it had been loaded there."""
    default_generator.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
