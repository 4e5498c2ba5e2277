"""What a step of one parameter group works on, kept from step to step."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ..core.tensor import Tensor


class Plan:
    """What a step of one group, or of one part of it, works on.

    Attributes
    ----------
    group : dict
        The parameter group.
    part : hashable
        Which part of the group; None where the optimizer treats all parameters alike.
    names : tuple of str
        The state tensors, by name, that each parameter has.
    params : list of Tensor
        The parameters that have a gradient.
    shapes : list of tuple of int
        Their shapes.
    buffers : dict of str to list of Tensor
        For each name the state tensors, one per parameter.
    steps : tuple of float or None
        How many updates each parameter has had; None where the optimizer does not count.
    numbers : dict of str to tuple of float
        Further numbers that each parameter has, by name.
    first : tuple of bool
        Whether a parameter's state is new, and its next update therefore its first.
    """

    __slots__ = ("buffers", "first", "group", "names", "numbers", "params", "part", "shapes", "steps")

    def __init__(self, group: dict[str, Any], part: Hashable, names: tuple[str, ...], params: list[Tensor]) -> None:
        self.group = group
        self.part = part
        self.names = names
        self.params = params
        self.shapes = [p.array.shape for p in params]
        self.buffers: dict[str, list[Tensor]] = {}
        self.steps: tuple[float, ...] | None = None
        self.numbers: dict[str, tuple[float, ...]] = {}
        self.first: tuple[bool, ...] = ()

    @property
    def key(self) -> Hashable:
        """What an optimizer finds the plan by."""
        return id(self.group) if self.part is None else (id(self.group), self.part)
