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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Any

from .devices import HOST
from .quiet import Watch
from .workload import Workload

QUIET = 0.1
"""Cores kept busy by others up to which a turn counts as undisturbed; the clock of `/proc` is no finer."""

COPY, SMALL_COPY = 2**30, 2**16
"""Bytes of the copies by which a device's bandwidth is measured; the small ones show that it can be done."""

ROOT = Path(__file__).resolve().parent.parent


class WorkerError(RuntimeError):
    """A worker died; the text is what it printed last."""


class Worker:
    """A library's process, frozen except while it answers.

    Parameters
    ----------
    library : str
    device : str
        What the library calls the device.
    python : str
        The interpreter that has the library.
    """

    def __init__(self, library: str, device: str = HOST, python: str = sys.executable):
        self.library, self.device = library, device
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in `end`
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", library, device],
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

    def build(self, workload: str, small: bool = False) -> None:
        """Make the step of a workload, in place of the last one's."""
        self.ask("build", {"name": workload, "small": small})

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
    step, for orientation only; `memory` is in bytes, resident after the import and at the peak, and of the device what
    arrays took at most during a step and what was held for them; `about` is what each library says of itself; `others`
    is how many cores other processes kept busy in the most disturbed turn. `moved` bytes and `operations` are what one
    step must move and compute, `copy` is how many bytes a second each library's copy from the device to itself moves,
    and `fraction` the least part of that which is good enough.
    """

    name: str
    title: str
    ceiling: float | None
    against: str
    ratios: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, dict[str, int]] = field(default_factory=dict)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: float = 0.0
    errors: dict[str, str] = field(default_factory=dict)
    device: str = HOST
    fraction: float | None = None
    moved: float = 0.0
    operations: float = 0.0
    copy: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The median that the ceiling is about."""
        pair = self.ratios.get(f"candelabra/{self.against}")
        return pair["median"] if pair else None

    def share(self, library: str) -> float | None:
        """Return at which part of its copy's speed a library moves what must be moved."""
        if not self.moved or library not in self.copy or library not in self.seconds:
            return None
        return self.moved / self.seconds[library] / self.copy[library]

    @property
    def met(self) -> bool | None:
        """Whether all that is asked for is reached, as far as it was measured."""
        share, judged = self.share("candelabra"), []
        if self.ceiling is not None and self.ratio is not None:
            judged.append(self.ratio <= self.ceiling)
        if self.fraction is not None and share is not None:
            judged.append(share >= self.fraction)
        return all(judged) if judged else None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Course:
    """Where and how long is raced.

    Parameters
    ----------
    rounds : int
        Turns of each library.
    seconds : float
        About how long one turn lasts.
    patience : float
        For how many seconds a turn is taken again while other processes disturb it.
    device : str
        The device; on the host each workload gets processes of its own, on another they are kept, since starting a
        card up takes longer than most turns.
    names : mapping of str to str
        By library, what it calls the device, where that differs.
    interpreters : mapping of str to str
        By library, the Python that has it, where that differs.
    small : bool
        Whether at the size of tests, to see that it runs.
    """

    rounds: int = 7
    seconds: float = 0.3
    patience: float = 5.0
    device: str = HOST
    names: Mapping[str, str] = field(default_factory=dict)
    interpreters: Mapping[str, str] = field(default_factory=dict)
    small: bool = False
    workers: dict[str, Worker] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def on_host(self) -> bool:
        return self.device == HOST

    def worker(self, library: str) -> Worker:
        """Return a library's process, made when it is first wanted."""
        if library not in self.workers:
            device, python = self.names.get(library, self.device), self.interpreters.get(library, sys.executable)
            self.workers[library] = Worker(library, device, python)
        return self.workers[library]

    def rate(self, library: str) -> float:
        """Return how many bytes a second a library's copy on the device moves, measured once."""
        if library not in self.rates:
            self.rates[library] = self.worker(library).ask("copy", SMALL_COPY if self.small else COPY)
        return self.rates[library]

    def lose(self, library: str) -> None:
        """End a library's process, which has failed; the next workload gets a new one."""
        if library in self.workers:
            self.workers.pop(library).end()

    def end(self) -> None:
        """End all processes."""
        for library in list(self.workers):
            self.lose(library)


def race(workload: Workload, libraries: Sequence[str], course: Course) -> Outcome:
    """Run one workload on several libraries in turn.

    Parameters
    ----------
    workload : Workload
    libraries : sequence of str
        Names of its variants; the ratios are taken for each pair in which an earlier name stands over a later one.
    course : Course

    Returns
    -------
    Outcome
        A library that fails stands in `errors` and is left out of the ratios.
    """
    goal = workload.goal(course.on_host)
    outcome = Outcome(
        workload.name, workload.title, goal.ceiling, workload.against, device=course.device, fraction=goal.fraction
    )
    times: dict[str, list[float]] = {}
    repetitions: dict[str, int] = {}

    def attempt(library: str, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except WorkerError as error:
            outcome.errors[library] = str(error)
            times.pop(library, None)
            course.lose(library)
            return None

    def prepare(library: str) -> None:
        worker = course.worker(library)
        worker.build(workload.name, course.small)
        outcome.about[library] = worker.ask("describe")
        figures = worker.ask("figures")
        outcome.moved = outcome.moved or figures.get("moved", 0.0)
        outcome.operations = outcome.operations or figures.get("operations", 0.0)
        repetitions[library] = worker.ask("calibrate", course.seconds)

    try:
        for library in libraries:
            if library in workload.variants:
                times[library] = []
                attempt(library, prepare, library)
        for number in range(course.rounds):
            turn = list(times)
            first = number % max(1, len(turn))
            for library in turn[first:] + turn[:first]:
                taken = attempt(library, course.worker(library).timed, repetitions[library], course.patience)
                if taken is not None:
                    times[library].append(taken[0])
                    outcome.others = max(outcome.others, taken[1])
        for library in list(times):
            outcome.memory[library] = attempt(library, course.worker(library).ask, "memory") or {}
            # Last, since it takes memory.
            if outcome.moved and not course.on_host and library in times:
                rate = attempt(library, course.rate, library)
                outcome.copy |= {library: rate} if rate else {}
    finally:
        if course.on_host:
            course.end()
    outcome.seconds = {library: statistics.median(taken) for library, taken in times.items()}
    for upper, lower in combinations(times, 2):
        pairs = [mine / theirs for mine, theirs in zip(times[upper], times[lower], strict=True)]
        outcome.ratios[f"{upper}/{lower}"] = spread(pairs)
    return outcome
