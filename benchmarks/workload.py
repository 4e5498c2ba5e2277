"""What a workload is: the same work for several libraries, on the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Arrays = dict[str, Any]
Step = Callable[[], Any]


@dataclass(frozen=True)
class Goal:
    """What is good enough.

    Parameters
    ----------
    ceiling : float, optional
        The largest ratio of times, candelabra over the peer.
    fraction : float, optional
        The least fraction of the device's own copy bandwidth at which candelabra moves what must be moved.
    """

    ceiling: float | None = None
    fraction: float | None = None


@dataclass(frozen=True)
class Workload:
    """One piece of work, written once per library.

    Parameters
    ----------
    name, title : str
        What to type, and what the table says.
    ceiling : float, optional
        The largest ratio, candelabra over `against`, that is good enough on the host; None for work that is too large
        for it.
    inputs : callable
        Takes a `numpy.random.Generator` and the keyword arguments of `small`, and returns the arrays that every variant
        starts from: data, and parameters under PyTorch's state dict names.
    variants : mapping of str to callable
        Library name to a builder: it takes the arrays and returns `step`, which does the work once and hands back the
        numbers that the variants must agree on.
    against : str
        The peer that the ceiling is about.
    small : mapping
        Keyword arguments of `inputs` for a size that a test can afford.
    self_timed : bool
        `step` returns the seconds that count, instead of being timed from outside.
    card : Goal, optional
        What is good enough on a device of its own memory; None for work that is about the host.
    moved : callable, optional
        Takes the arrays and returns how many bytes one step must read and write at least.
    operations : callable, optional
        Takes the arrays and returns how many floating-point operations one step is.
    """

    name: str
    title: str
    ceiling: float | None
    inputs: Callable[..., Arrays]
    variants: Mapping[str, Callable[[Arrays], Step]]
    against: str = "torch"
    small: Mapping[str, int] = field(default_factory=dict)
    self_timed: bool = False
    card: Goal | None = None
    moved: Callable[[Arrays], float] | None = None
    operations: Callable[[Arrays], float] | None = None

    def build(self, library: str, seed: int = 0, *, small: bool = False) -> Step:
        """Make the step of one library.

        NumPy is imported here and not before: importing candelabra first lets it choose its allocator and BLAS kernels.
        """
        return self.variants[library](self.arrays(seed, small=small))

    def arrays(self, seed: int = 0, *, small: bool = False) -> Arrays:
        """Return the arrays that every variant starts from."""
        if self.self_timed:
            return {}
        import numpy as np

        return self.inputs(np.random.default_rng(seed), **(self.small if small else {}))

    def runs_on(self, host: bool) -> bool:
        """Say whether the work is for the host, or for a device of its own memory."""
        return (self.ceiling if host else self.card) is not None

    def goal(self, host: bool) -> Goal:
        """Return what is good enough there."""
        return Goal(self.ceiling) if host else self.card or Goal()
