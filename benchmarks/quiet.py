"""How much of the machine other processes took while one was timed, from Linux's `/proc`.

A busy neighbour does not slow two libraries down alike: whoever waits at a barrier between threads loses most. So a
turn during which others worked is repeated.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter

STAT = Path("/proc/stat")


def busy_seconds() -> float:
    """Seconds that all cores together have spent on work, another machine's on the same hardware included."""
    fields = [int(field) for field in STAT.read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _waiting, *interrupts_and_steal = fields
    return (user + nice + system + sum(interrupts_and_steal)) / os.sysconf("SC_CLK_TCK")


def own_seconds(pid: int) -> float:
    """Seconds of work of a process, its threads and its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Counts from its making what others than process `pid` do."""

    def __init__(self, pid: int):
        self.pid = pid
        self.possible = STAT.exists()
        if self.possible:
            self.start, self.busy, self.own = perf_counter(), busy_seconds(), own_seconds(pid)

    def others(self) -> float:
        """Return the cores that others kept busy on average; 0 where the system does not tell."""
        if not self.possible:
            return 0.0
        wall = perf_counter() - self.start
        spent = (busy_seconds() - self.busy) - (own_seconds(self.pid) - self.own)
        return max(0.0, spent / wall)
