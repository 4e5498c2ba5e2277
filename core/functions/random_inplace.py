"""Tensors filled with random numbers in place, by PyTorch's method names."""

from __future__ import annotations

import math
from typing import Any

from .. import device as devices
from .. import dtypes, ops
from ..drawing import below, draw, draw_standard, integer, largest_integer, number
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..inplace import assign_, check_leaf, warn_of_lost_write
from ..random_state import Generator
from ..tensor import Tensor

_MEND = "write owner[key] = values instead, or fill the owner"


def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with uniform draws from [low, high); returns it."""
    check_writable(tensor, "uniform_", "real floating-point")
    warn_of_lost_write(tensor, "uniform_", _MEND)
    low, high = number("uniform_", "low", low), number("uniform_", "high", high)
    new = draw("uniform", tensor.shape, tensor.dtype, tensor.device.physical, generator, low=low, high=high)
    return assign_(tensor, new, "uniform_")


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with normal draws, a complex one with half the variance in each part; returns it."""
    check_writable(tensor, "normal_", "floating-point")
    warn_of_lost_write(tensor, "normal_", _MEND)
    place = tensor.device.physical
    if tensor.dtype.is_complex:
        if not number("normal_", "std", std) >= 0:
            raise ArgumentError(f"normal_: the standard deviation must not be negative, got {std}")
        new = ops.add(ops.multiply(draw_standard("normal", tensor.shape, tensor.dtype, place, generator), std), mean)
    else:
        mean, std = number("normal_", "mean", mean), number("normal_", "std", std)
        new = draw("normal", tensor.shape, tensor.dtype, place, generator, mean=mean, std=std)
    return assign_(tensor, new, "normal_")


def bernoulli_(tensor: Tensor, p: Tensor | float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with ones, each with probability `p` (a number, or a tensor that broadcasts), and zeros."""
    check_writable(tensor, "bernoulli_", "real")
    warn_of_lost_write(tensor, "bernoulli_", _MEND)
    place = tensor.device.physical
    if isinstance(p, Tensor):
        if p.device.physical is not place:
            raise devices.mismatch("bernoulli_", [tensor.device, p.device], [tensor.shape, p.shape])
        new = ops.astype(below(p, tensor.shape, place, generator, "bernoulli_"), tensor.dtype)
    else:
        p = number("bernoulli_", "p", p)
        new = draw("bernoulli", tensor.shape, tensor.dtype, place, generator, p=p)
    return assign_(tensor, new, "bernoulli_")


def random_(tensor: Tensor, low: Any = None, high: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with integers from [low, high); returns it.

    One number alone is `high`. Without any, the range goes from 0 to the largest integer up to which the dtype holds
    each.
    """
    check_writable(tensor, "random_", "real")
    warn_of_lost_write(tensor, "random_", _MEND)
    if low is None and high is None:
        low, high = 0, largest_integer(tensor.dtype) + 1
    elif low is None or high is None:
        low, high = 0, low if high is None else high
    low, high = integer("random_", "low", low), integer("random_", "high", high)
    new = draw("integers", tensor.shape, tensor.dtype, tensor.device.physical, generator, low=low, high=high)
    return assign_(tensor, new, "random_")


def exponential_(tensor: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with draws from the exponential distribution of rate `lambd`, all above 0; returns it."""
    check_writable(tensor, "exponential_", "real floating-point")
    warn_of_lost_write(tensor, "exponential_", _MEND)
    lambd = number("exponential_", "lambd", lambd)
    if not 0.0 < lambd < math.inf:
        raise ArgumentError(f"exponential_: lambd must be positive and finite, got {lambd}")
    wide = dtypes.float64 if tensor.dtype is dtypes.float64 else dtypes.float32
    u = draw("uniform", tensor.shape, wide, tensor.device.physical, generator)
    # u may be 0, an exponential draw not: half of what the next u gives stands for it.
    least = 2.0**-54 if wide is dtypes.float64 else 2.0**-25
    new = ops.divide(ops.maximum(ops.negative(ops.log1p(ops.negative(u))), least), lambd)
    return assign_(tensor, ops.astype(new, tensor.dtype), "exponential_")


def check_writable(tensor: Any, name: str, category: str) -> None:
    """Refuse, before anything is drawn, a tensor that cannot take the result."""
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"{name}: a Tensor is needed, got {type(tensor).__name__}")
    check_leaf(tensor, name)
    if tensor.dtype not in dtypes.CATEGORIES[category]:
        raise DTypeError(f"{name}: fills {category} tensors, not {tensor.dtype.name} ones")
