"""Progress of a conformance run: a line that is written over on a terminal, else a line every five per cent."""

from __future__ import annotations

import time
from collections.abc import Callable

from candelabra.conformance.report import duration

KINDS = ("off", "live", "plain")
EVERY = 0.1
PLAIN_EVERY = 1.0
STEP = 5


class Progress:
    """Tells how far a run is.

    Parameters
    ----------
    kind : str
        "live" for a terminal, "plain" for a file or a pipe, or "off".
    write : callable
        Takes a text, and writes it out at once.
    width : callable
        Returns the terminal's width.
    now : callable, optional
        The clock, in seconds.
    """

    def __init__(
        self,
        kind: str,
        write: Callable[[str], object],
        width: Callable[[], int],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind, self.write, self.width, self.now = kind, write, width, now
        self.total = self.done = self.failed = 0
        self.began = now()
        self._shown = -PLAIN_EVERY
        self._next = STEP
        self._open = False

    @property
    def elapsed(self) -> float:
        """Seconds since the first check began."""
        return self.now() - self.began

    def start(self, total: int) -> None:
        """Begin with a number of checks."""
        self.total, self.began = total, self.now()
        if self.kind == "plain":
            self.write(f"{total} checks\n")

    def step(self, place: str, failed: bool) -> None:
        """Note that a check of `place`, a family of rows or a group, is done."""
        self.done += 1
        self.failed += failed
        if self.kind == "live":
            if self.now() - self._shown >= EVERY or self.done == self.total:
                self._shown = self.now()
                self._over(self.line(place))
        elif self.kind == "plain" and self.total and 100 * self.done >= self._next * self.total:
            # A short run need not say it twenty times.
            if self.now() - self._shown >= PLAIN_EVERY or self.done == self.total:
                self._shown = self.now()
                self.write(self.line(place) + "\n")
            while 100 * self.done >= self._next * self.total:
                self._next += STEP

    def line(self, place: str) -> str:
        """Return how far the run is."""
        share = 100 * self.done // self.total if self.total else 0
        parts = [f"{share:3} %  {self.done}/{self.total}", f"{self.failed} failed", place, duration(self.elapsed)]
        left = self.elapsed / self.done * (self.total - self.done) if self.done else 0.0
        if self.done < self.total and self.elapsed > 2:
            parts.append(f"about {duration(left)} left")
        return "  ".join(parts)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if self.kind == "off":
            return
        self.close()
        self.write(text + "\n")

    def close(self) -> None:
        """Take the line away that is written over."""
        if self._open:
            self.write("\r\x1b[K")
            self._open = False

    def _over(self, text: str) -> None:
        self.write("\r" + text[: max(self.width() - 1, 1)] + "\x1b[K")
        self._open = True
