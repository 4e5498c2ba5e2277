"""Activations in straight pieces, on NumPy arrays.

A product with a boolean is ten times faster than `where` on a random mask: of two such products one is exact and the
other 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel
from . import parallel
from .blockwise import blockwise, constants, level, served


def _relu(x: np.ndarray, out: np.ndarray) -> None:
    np.maximum(x, level(x, 0.0), out=out)


def relu(x: np.ndarray, /) -> Any:
    """max(x, 0); NaN stays NaN."""
    if not served(x):
        return NotImplemented
    if x.size < 4096:
        return np.maximum(x, constants(x.dtype, 0.0)[0], out=np.empty_like(x))
    return blockwise(_relu, (x,), 1, quiet=False)[0]


def _relu_grad(y: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
    # A product with a boolean is ten times faster than `where` on a random mask.
    np.multiply(g, np.logical_not(y <= 0), out=out)


def relu_vjp(xp: Any, g: np.ndarray, out: np.ndarray, wants: tuple[bool, ...]) -> tuple[np.ndarray | None]:
    """The cotangent where the output is not 0."""
    if out.size <= parallel.BLOCK and wants[0]:
        return (np.multiply(g, np.logical_not(out <= 0), out=np.empty_like(out)),)
    return (blockwise(_relu_grad, (out, g), 1)[0] if wants[0] else None,)


def leaky_relu(x: np.ndarray, /, *, negative_slope: float) -> Any:
    """x where x > 0, else negative_slope x."""
    if not served(x):
        return NotImplemented
    if negative_slope == 0:
        return relu(x)
    pick = np.maximum if negative_slope <= 1 else np.minimum

    def body(x: np.ndarray, out: np.ndarray) -> None:
        np.multiply(x, negative_slope, out=out)
        pick(out, x, out=out)

    return blockwise(body, (x,), 1)[0]


def leaky_relu_vjp(
    xp: Any, g: np.ndarray, x: np.ndarray, negative_slope: float, wants: tuple[bool, ...]
) -> tuple[np.ndarray | None]:
    """The cotangent, times negative_slope where x <= 0."""

    def body(x: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
        slope, rise = constants(x.dtype, negative_slope, 1.0 - negative_slope)
        positive = x > 0
        if rise + slope == 1:
            # Exactly 1 or the slope, faster than by `where`.
            out[...] = positive
            np.multiply(out, rise, out=out)
            np.add(out, slope, out=out)
            np.multiply(out, g, out=out)
        else:
            np.multiply(g, np.where(positive, constants(x.dtype, 1.0)[0], slope), out=out)

    return (blockwise(body, (x, g), 1)[0] if wants[0] else None,)


def hardtanh(x: np.ndarray, /, *, min_val: float, max_val: float) -> Any:
    """min(max(x, min_val), max_val); NaN stays NaN."""
    if not served(x):
        return NotImplemented
    low, high = constants(x.dtype, min_val, max_val)
    return blockwise(lambda x, out: np.clip(x, low, high, out=out), (x,), 1, quiet=False)[0]


def hardtanh_vjp(
    xp: Any, g: np.ndarray, out: np.ndarray, min_val: float, max_val: float, wants: tuple[bool, ...]
) -> tuple[np.ndarray | None]:
    """The cotangent where the output is at neither bound."""

    def body(y: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
        cut = y <= min_val
        np.logical_or(cut, y >= max_val, out=cut)
        np.logical_not(cut, out=cut)
        np.multiply(g, cut, out=out)

    return (blockwise(body, (out, g), 1)[0] if wants[0] else None,)


def _hardsigmoid(x: np.ndarray, out: np.ndarray) -> None:
    zero, three, six = constants(x.dtype, 0.0, 3.0, 6.0)
    np.add(x, three, out=out)
    np.clip(out, zero, six, out=out)
    np.divide(out, six, out=out)


def hardsigmoid(x: np.ndarray, /) -> Any:
    """min(max(x + 3, 0), 6) / 6."""
    return blockwise(_hardsigmoid, (x,), 1)[0] if served(x) else NotImplemented


def hardsigmoid_vjp(xp: Any, g: np.ndarray, x: np.ndarray, wants: tuple[bool, ...]) -> tuple[np.ndarray | None]:
    """A sixth of the cotangent between -3 and 3."""

    def body(x: np.ndarray, g: np.ndarray, out: np.ndarray) -> None:
        three, six = constants(x.dtype, 3.0, 6.0)
        np.abs(x, out=out)
        np.multiply(g, out < three, out=out)
        np.divide(out, six, out=out)

    return (blockwise(body, (x, g), 1)[0] if wants[0] else None,)


def _hardswish(x: np.ndarray, out: np.ndarray) -> None:
    _hardsigmoid(x, out)
    np.multiply(out, x, out=out)


def hardswish(x: np.ndarray, /) -> Any:
    """x min(max(x + 3, 0), 6) / 6."""
    return blockwise(_hardswish, (x,), 1)[0] if served(x) else NotImplemented


def hardswish_vjp(xp: Any, g: np.ndarray, x: np.ndarray, wants: tuple[bool, ...]) -> tuple[np.ndarray | None]:
    """The derivative is x / 3 + 1 / 2 between -3 and 3, 0 from -3 down and 1 from 3 up."""

    def body(x: np.ndarray, g: np.ndarray, out: np.ndarray, t: np.ndarray) -> None:
        # With y = x / 3 cut off at -1 and 1 it is y + (1 - trunc(y)) / 2: trunc is 0 inside, and y itself at the ends.
        minus_three, three = constants(x.dtype, -3.0, 3.0)
        half, minus_half = constants(x.dtype, 0.5, -0.5)
        np.clip(x, minus_three, three, out=t)
        np.divide(t, three, out=t)
        np.trunc(t, out=out)
        np.multiply(out, minus_half, out=out)
        np.add(out, t, out=out)
        np.add(out, half, out=out)
        np.multiply(out, g, out=out)

    return (blockwise(body, (x, g), 1, 1)[0] if wants[0] else None,)


def prelu(x: np.ndarray, weight: np.ndarray, /) -> Any:
    """x where x > 0, else weight x."""
    if not served(x) or x.dtype != weight.dtype:
        return NotImplemented
    if weight.size == 1 and weight.ndim <= x.ndim:
        slope = float(weight.reshape(()))
        if 0 < slope <= 1:
            return leaky_relu(x, negative_slope=slope)
    if not np.isfinite(weight).all():
        return NotImplemented
    out = np.asarray(np.minimum(x, 0) * weight)
    out += np.maximum(x, 0)
    return out


def prelu_vjp(xp: Any, g: np.ndarray, x: np.ndarray, weight: np.ndarray, wants: tuple[bool, ...]) -> Any:
    """The cotangent, times the weight where x <= 0; and for the weight, times x there."""
    if not np.isfinite(weight).all():
        return NotImplemented
    left = right = None
    if wants[0]:
        positive = np.asarray(x > 0)
        left = np.asarray(g * weight)
        left *= ~positive
        left += g * positive
    if wants[1]:
        right = np.asarray(np.minimum(x, 0))
        right = np.asarray(right * g)
    return left, right


KERNELS: dict[str, Callable[..., Any] | Kernel] = {
    "relu": Kernel(relu, vjp=relu_vjp),
    "leaky_relu": Kernel(leaky_relu, vjp=leaky_relu_vjp),
    "hardtanh": Kernel(hardtanh, vjp=hardtanh_vjp),
    "hardsigmoid": Kernel(hardsigmoid, vjp=hardsigmoid_vjp),
    "hardswish": Kernel(hardswish, vjp=hardswish_vjp),
    "prelu": Kernel(prelu, vjp=prelu_vjp),
}
