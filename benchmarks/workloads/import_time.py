"""What `import candelabra` takes, against `import numpy`: a fresh interpreter each time, its own start not counted.

Compiled modules are kept in a folder of this run, so that no library is measured compiling, whatever the environment
says about writing them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial

from ..workload import Arrays, Step, Workload

SCRIPT = "from time import perf_counter; start = perf_counter(); import {}; print(perf_counter() - start)"


def import_of(arrays: Arrays, library: str) -> Step:
    command = [sys.executable, "-c", SCRIPT.format(library)]
    compiled = tempfile.TemporaryDirectory(prefix="candelabra-import-")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def step() -> float:
        chosen = {**environment, "PYTHONPYCACHEPREFIX": compiled.name}
        return float(subprocess.run(command, env=chosen, capture_output=True, text=True, check=True).stdout)

    return step


WORKLOADS = [
    Workload(
        name="import",
        title="import, against import numpy",
        ceiling=1.6,
        inputs=lambda rng: {},
        variants={library: partial(import_of, library=library) for library in ("candelabra", "torch", "numpy")},
        against="numpy",
        self_timed=True,
    )
]
