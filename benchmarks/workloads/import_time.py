"""What `import candelabra` takes, against `import numpy`: a fresh interpreter each time, its own start not counted."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from ..workload import Arrays, Step, Workload

SCRIPT = "from time import perf_counter; start = perf_counter(); import {}; print(perf_counter() - start)"


def import_of(arrays: Arrays, library: str) -> Step:
    command = [sys.executable, "-c", SCRIPT.format(library)]

    def step() -> float:
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

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
