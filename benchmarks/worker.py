"""The process of one library: builds one workload, then obeys commands, one line of JSON each, until its input ends.

``python -m benchmarks.worker LIBRARY WORKLOAD`` answers on the descriptor that was its standard output; what libraries
print goes to standard error.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import statistics
import sys
from itertools import repeat
from time import perf_counter
from typing import Any

from .workload import Step
from .workloads import WORKLOADS


def peak_memory() -> int:
    """The largest resident size of this process so far, in bytes."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:  # not Linux
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def timed(step: Step, repetitions: int, self_timed: bool) -> float:
    """Seconds that `repetitions` of the step take."""
    if self_timed:
        return sum(step() for _ in range(repetitions))
    start = perf_counter()
    for _ in repeat(None, repetitions):
        step()
    return perf_counter() - start


def turn(step: Step, repetitions: int, self_timed: bool) -> float:
    """Seconds of one repetition: the median over up to ten parts of a turn, which a short stall cannot move."""
    parts = min(10, repetitions)
    each = repetitions // parts
    return statistics.median(timed(step, each, self_timed) / each for _ in range(parts))


def calibrated(step: Step, seconds: float, self_timed: bool) -> int:
    """How many repetitions take about `seconds`, found on a step that has been warmed up."""
    timed(step, 2, self_timed)
    repetitions = 1
    while True:
        taken = timed(step, repetitions, self_timed)
        if taken >= seconds / 4:
            return max(1, round(repetitions * seconds / taken))
        repetitions *= 2


def version_of(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def describe(library: str) -> dict[str, Any]:
    """Version and threads of the library that this process runs."""
    about: dict[str, Any] = {"version": version_of(library)}
    if library == "torch":
        import torch

        about["threads"] = torch.get_num_threads()
    if library == "candelabra":
        from candelabra.core.device import as_device

        facts = as_device("cpu").backend.describe()
        about |= {"numpy" if key == "version" else key: value for key, value in facts.items()}
    return about


def main(library: str, name: str) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    workload = WORKLOADS[name]
    if not workload.self_timed:
        importlib.import_module(library)
    before = peak_memory()
    step = workload.build(library)
    for line in sys.stdin:
        command, argument = json.loads(line)
        answer: Any
        if command == "calibrate":
            answer = calibrated(step, argument, workload.self_timed)
        elif command == "run":
            timed(step, max(1, argument // 20), workload.self_timed)  # caches went cold while it was frozen
            answer = turn(step, argument, workload.self_timed)
        elif command == "memory":
            answer = {"before": before, "peak": peak_memory()}
        else:
            answer = {} if workload.self_timed else describe(library)
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
