"""Interleaved rounds: one process per library, one of them running at a time, the others frozen.

Idle OpenMP and BLAS threads spin, and take the cores from whoever is being timed: a worker that is not at its turn is
stopped (SIGSTOP) and continued (SIGCONT) for its turn. Ratios are taken pair by pair within a round, so that what slows
the machine down for a while slows both.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Any

from .quiet import Watch
from .workload import Workload

QUIET = 0.1
"""Cores kept busy by others up to which a turn counts as undisturbed; the clock of `/proc` is no finer."""

ROOT = Path(__file__).resolve().parent.parent


class WorkerError(RuntimeError):
    """A worker died; the text is what it printed last."""


class Worker:
    """A library's process, frozen except while it answers."""

    def __init__(self, library: str, workload: str):
        self.library = library
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in `end`
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            bufsize=1,
            cwd=ROOT,
        )

    def ask(self, command: str, argument: Any = None) -> Any:
        """Wake the process, let it answer one command, and freeze it again."""
        try:
            self.process.send_signal(signal.SIGCONT)
            self.process.stdin.write(json.dumps([command, argument]) + "\n")
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise WorkerError(self.last_words())
        self.process.send_signal(signal.SIGSTOP)
        return json.loads(answer)

    def timed(self, repetitions: int, patience: float) -> tuple[float, float]:
        """Take a turn: seconds of one repetition, and how many cores others kept busy meanwhile.

        A turn that others disturbed is taken again, for at most `patience` seconds; the least disturbed one counts.
        """
        deadline = perf_counter() + patience
        turns: list[tuple[float, float]] = []
        while True:
            watch = Watch(self.process.pid)
            seconds = self.ask("run", repetitions)
            turns.append((watch.others(), seconds))
            if turns[-1][0] <= QUIET or perf_counter() > deadline:
                others, seconds = min(turns)
                return seconds, others

    def last_words(self) -> str:
        """What a process that died said last."""
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        return lines[-1] if lines else f"exit status {status}"

    def end(self) -> None:
        """End the process, frozen or not: kindly, so that it can clean up, or else by force."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:  # it is dead already
            pass
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def spread(ratios: Sequence[float]) -> dict[str, float]:
    """Least, median and greatest of the rounds' ratios."""
    return {"min": min(ratios), "median": statistics.median(ratios), "max": max(ratios)}


@dataclass
class Outcome:
    """What a workload's rounds gave.

    `ratios` maps "candelabra/torch" and so on to min, median and max over the rounds; `seconds` are medians of one
    step, for orientation only; `memory` is in bytes, resident after the import and at the peak; `about` is what each
    library says of itself; `others` is how many cores other processes kept busy in the most disturbed turn.
    """

    name: str
    title: str
    ceiling: float
    against: str
    ratios: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, dict[str, int]] = field(default_factory=dict)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: float = 0.0
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The median that the ceiling is about."""
        pair = self.ratios.get(f"candelabra/{self.against}")
        return pair["median"] if pair else None

    @property
    def met(self) -> bool | None:
        return None if self.ratio is None else self.ratio <= self.ceiling

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def race(
    workload: Workload, libraries: Sequence[str], rounds: int = 7, seconds: float = 0.3, patience: float = 5.0
) -> Outcome:
    """Run one workload on several libraries in turn.

    Parameters
    ----------
    workload : Workload
    libraries : sequence of str
        Names of its variants; the ratios are taken for each pair in which an earlier name stands over a later one.
    rounds : int
        Turns of each library.
    seconds : float
        About how long one turn lasts.
    patience : float
        For how many seconds a turn is taken again while other processes disturb it.

    Returns
    -------
    Outcome
        A library that fails stands in `errors` and is left out of the ratios.
    """
    outcome = Outcome(workload.name, workload.title, workload.ceiling, workload.against)
    workers: dict[str, Worker] = {}
    times: dict[str, list[float]] = {}
    repetitions: dict[str, int] = {}

    def attempt(library: str, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except WorkerError as error:
            outcome.errors[library] = str(error)
            times.pop(library, None)
            return None

    try:
        for library in libraries:
            workers[library] = Worker(library, workload.name)
            times[library] = []
            about = attempt(library, workers[library].ask, "describe")
            if about:
                outcome.about[library] = about
            if library in times:
                repetitions[library] = attempt(library, workers[library].ask, "calibrate", seconds)
        for number in range(rounds):
            turn = list(times)
            first = number % max(1, len(turn))
            for library in turn[first:] + turn[:first]:
                taken = attempt(library, workers[library].timed, repetitions[library], patience)
                if taken is not None:
                    times[library].append(taken[0])
                    outcome.others = max(outcome.others, taken[1])
        for library in list(times):
            outcome.memory[library] = attempt(library, workers[library].ask, "memory") or {}
    finally:
        for worker in workers.values():
            worker.end()
    outcome.seconds = {library: statistics.median(taken) for library, taken in times.items()}
    for upper, lower in combinations(times, 2):
        pairs = [mine / theirs for mine, theirs in zip(times[upper], times[lower], strict=True)]
        outcome.ratios[f"{upper}/{lower}"] = spread(pairs)
    return outcome
