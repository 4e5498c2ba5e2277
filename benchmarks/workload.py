"""What a workload is: the same work for several libraries, on the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Arrays = dict[str, Any]
Step = Callable[[], Any]


@dataclass(frozen=True)
class Workload:
    """One piece of work, written once per library.

    Parameters
    ----------
    name, title : str
        What to type, and what the table says.
    ceiling : float
        The largest ratio, candelabra over `against`, that is good enough.
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
    """

    name: str
    title: str
    ceiling: float
    inputs: Callable[..., Arrays]
    variants: Mapping[str, Callable[[Arrays], Step]]
    against: str = "torch"
    small: Mapping[str, int] = field(default_factory=dict)
    self_timed: bool = False

    def build(self, library: str, seed: int = 0, *, small: bool = False) -> Step:
        """Make the step of one library.

        NumPy is imported here and not before: importing candelabra first lets it choose its allocator and BLAS kernels.
        """
        if self.self_timed:
            return self.variants[library]({})
        import numpy as np

        rng = np.random.default_rng(seed)
        return self.variants[library](self.inputs(rng, **(self.small if small else {})))
