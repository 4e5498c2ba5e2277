"""Strides and dilations taken apart into plain windows.

Along one axis, tap ``i`` of a window over output place ``h`` lies at ``h * stride + i * dilation - before``. Modulo
the stride this is the same for all ``h``: the places ``start::stride`` of the input form a *phase* which the taps
``tap::step`` see in steps of one, at ``h + shift + m * dilation``. So the transposes of a strided convolution fall
apart into plain ones, one for each phase, on views of the arrays.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Triple = tuple[int, int, int]


class Phase(NamedTuple):
    """The places of an axis that some of the taps see."""

    start: int
    stride: int
    tap: int
    step: int
    number: int
    shift: int
    dilation: int


def axis_phases(kernel: int, stride: int, dilation: int, before: int) -> list[Phase]:
    """Return the phases of one axis that have a tap."""
    common = math.gcd(stride, dilation)
    step = stride // common
    found = []
    for tap in range(min(step, kernel)):
        shift, start = divmod(tap * dilation - before, stride)
        found.append(Phase(start, stride, tap, step, -(-(kernel - tap) // step), shift, dilation // common))
    return found


def phases(kernel: Triple, stride: Triple, dilation: Triple, before: Triple) -> list[tuple[Phase, Phase, Phase]]:
    """Return the phases of all three axes, combined."""
    axes = [axis_phases(*numbers) for numbers in zip(kernel, stride, dilation, before)]
    return list(itertools.product(*axes))  # type: ignore[arg-type]


def places(x: Array, phase: tuple[Phase, ...]) -> Array:
    """Return the view of an array (N, C, *spatial) that a phase sees."""
    return x[(slice(None), slice(None), *(slice(p.start, None, p.stride) for p in phase))]


def taps(weight: Array, phase: tuple[Phase, ...]) -> Array:
    """Return the view of a weight (O, C, *kernel) that belongs to a phase."""
    return weight[(slice(None), slice(None), *(slice(p.tap, None, p.step) for p in phase))]
