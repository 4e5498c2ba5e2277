"""Updates without a second moment: averaged descent, resilient backpropagation, and averages of parameters.

The kernels are called as those of `optimizer_adaptive`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .optimizer_blocks import Body, direction, each_parameter

_Lists = tuple[list[np.ndarray], ...]


def asgd_step(
    params: list[np.ndarray], grads: list[np.ndarray], averages: list[np.ndarray], /, *, etas: Sequence[float],
    mus: Sequence[float], lambd: float, weight_decay: float, maximize: bool, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of averaged stochastic gradient descent (Polyak and Juditsky, 1992)."""

    def make(key: tuple[float, float], dtype: np.dtype) -> Body:
        eta, mu = key
        turn = direction(weight_decay, maximize, dtype)
        size, keep, share = (np.array(x, dtype) for x in (-eta, 1.0 - lambd * eta, mu))

        def body(p: Any, g: Any, a: Any, p_out: Any, a_out: Any, t: Any) -> None:
            if turn is not None:
                g = turn(p, g, t)
            np.multiply(g, size, out=t)
            np.multiply(p, keep, out=p_out)
            np.add(p_out, t, out=p_out)
            if mu == 1:
                np.copyto(a_out, p_out)
            else:
                np.subtract(p_out, a, out=t)
                np.multiply(t, share, out=t)
                np.add(a, t, out=a_out)

        return body

    return each_parameter((params, grads, averages), list(zip(etas, mus)), make, scratch=1, donate=donate)


def rprop_step(
    params: list[np.ndarray], grads: list[np.ndarray], former: list[np.ndarray], step_sizes: list[np.ndarray], /, *,
    shrink: float, grow: float, smallest: float, largest: float, maximize: bool, donate: bool = False,
) -> _Lists:  # fmt: skip
    """One step of resilient backpropagation (Riedmiller and Braun, 1993)."""

    def make(_: Any, dtype: np.dtype) -> Body:
        low, high, plus, minus = (np.array(x, dtype) for x in (smallest, largest, grow, shrink))

        def body(
            p: Any, g: Any, old: Any, size: Any, p_out: Any, g_out: Any, size_out: Any, t: Any,
        ) -> None:  # fmt: skip
            np.multiply(g, old, out=t)
            if maximize:
                np.negative(t, out=t)
            np.sign(t, out=t)
            turned = t < 0
            (np.negative if maximize else np.positive)(g, out=g_out)
            np.copyto(g_out, 0, where=turned)
            # Zero becomes one; NaN stays and spreads.
            np.copyto(t, plus, where=t > 0)
            np.copyto(t, minus, where=turned)
            np.copyto(t, 1, where=t == 0)
            np.multiply(size, t, out=size_out)
            np.maximum(size_out, low, out=size_out)
            np.minimum(size_out, high, out=size_out)
            np.sign(g_out, out=t)
            np.multiply(t, size_out, out=t)
            np.subtract(p, t, out=p_out)

        return body

    return each_parameter((params, grads, former, step_sizes), [None] * len(params), make, scratch=1, donate=donate)


def average_step(
    averages: list[np.ndarray], values: list[np.ndarray], /, *, share: float, donate: bool = False
) -> tuple[list[np.ndarray]]:
    """Move averages towards new values by a share of the distance."""

    def make(_: Any, dtype: np.dtype) -> Body:
        part = np.array(share, dtype)

        def body(a: Any, v: Any, out: Any, t: Any) -> None:
            np.subtract(v, a, out=t)
            np.multiply(t, part, out=t)
            np.add(a, t, out=out)

        return body

    return (each_parameter((averages, values), [None] * len(averages), make, scratch=1, donate=donate)[0],)


def copy_step(
    targets: list[np.ndarray], values: list[np.ndarray], /, *, donate: bool = False
) -> tuple[list[np.ndarray]]:
    """Copy values, into the targets' memory where they may be overwritten."""
    if not donate:
        return ([np.array(v, order="C") for v in values],)
    for t, v in zip(targets, values, strict=True):
        np.copyto(t, v)
    return (targets,)


KERNELS: dict[str, Callable[..., Any]] = {
    "asgd_step": asgd_step,
    "rprop_step": rprop_step,
    "average_step": average_step,
    "copy_step": copy_step,
}
