"""The process of one library: builds workloads and obeys commands, one line of JSON each, until its input ends.

``python -m benchmarks.worker LIBRARY DEVICE`` answers on the descriptor that was its standard output; what libraries
print goes to standard error. It never answers before its device has done what was asked, so that it may be frozen.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import repeat
from time import perf_counter
from typing import Any

from .devices import Place, place_of
from .workload import Step, Workload
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


def timed(step: Step, repetitions: int, self_timed: bool, wait: Callable[[], None]) -> float:
    """Seconds that `repetitions` of the step take, until the device has done them."""
    if self_timed:
        return sum(step() for _ in range(repetitions))
    wait()
    start = perf_counter()
    for _ in repeat(None, repetitions):
        step()
    wait()
    return perf_counter() - start


def turn(step: Step, repetitions: int, self_timed: bool, wait: Callable[[], None]) -> float:
    """Seconds of one repetition: the median over up to ten parts of a turn, which a short stall cannot move."""
    parts = min(10, repetitions)
    each = repetitions // parts
    return statistics.median(timed(step, each, self_timed, wait) / each for _ in range(parts))


def calibrated(step: Step, seconds: float, self_timed: bool, wait: Callable[[], None]) -> int:
    """How many repetitions take about `seconds`, found on a step that has been warmed up."""
    timed(step, 2, self_timed, wait)
    repetitions = 1
    while True:
        taken = timed(step, repetitions, self_timed, wait)
        if taken >= seconds / 4:
            return max(1, round(repetitions * seconds / taken))
        repetitions *= 2


class Job:
    """One workload on one library's device.

    Parameters
    ----------
    workload : Workload
    place : Place
    small : bool
        Whether at the size of tests.
    """

    def __init__(self, workload: Workload, place: Place, small: bool) -> None:
        self.workload, self.place = workload, place
        building: AbstractContextManager[Any] = nullcontext()
        if not workload.self_timed:
            importlib.import_module(place.library)
            building = place.building()
            place.start()
        self.before = peak_memory()
        arrays = workload.arrays(small=small)
        self.figures = {
            kind: float(count(arrays))
            for kind, count in (("moved", workload.moved), ("operations", workload.operations))
            if count is not None
        }
        with building:
            self.step: Step = workload.variants[place.library](arrays)

    def wait(self) -> None:
        """Wait for the device."""
        if not self.workload.self_timed:
            self.place.synchronize()

    def answer(self, command: str, argument: Any) -> Any:
        """Obey one command."""
        self_timed = self.workload.self_timed
        if command == "calibrate":
            return calibrated(self.step, argument, self_timed, self.wait)
        if command == "run":
            # Caches went cold while it was frozen.
            timed(self.step, max(1, argument // 20), self_timed, self.wait)
            return turn(self.step, argument, self_timed, self.wait)
        if command == "memory":
            return {
                "before": self.before,
                "peak": peak_memory(),
                **({} if self_timed else self.place.memory(self.step)),
            }
        if command == "copy":
            return self.place.copy_rate(argument)
        if command == "figures":
            return self.figures
        return {} if self_timed else self.place.describe()


def main(library: str, device: str) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    place = place_of(library, device)
    job: Any = None
    for line in sys.stdin:
        command, argument = json.loads(line)
        if command == "build":
            job = None
            job = Job(WORKLOADS[argument["name"]], place, argument["small"])
            answer = True
        else:
            answer = job.answer(command, argument)
        if job is not None:
            job.wait()
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
