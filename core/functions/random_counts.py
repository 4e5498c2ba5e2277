"""Draws from Poisson, binomial, geometric, Cauchy and log-normal distributions, from the stream of `docs/random.md`."""

from __future__ import annotations

import math
from typing import Any

from .. import device as devices
from .. import dtypes, ops
from ..drawing import draw, number, require
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..inplace import assign_, warn_of_lost_write
from ..random_state import Generator
from ..tensor import Tensor
from .random_inplace import check_writable

__all__ = ["binomial", "cauchy_", "geometric_", "log_normal_", "poisson"]

_MEND = "write owner[key] = values instead, or fill the owner"
# Up to this mean, probabilities are added up from zero; beyond it Poisson's quantile is expanded in powers of 1/sqrt.
_SUMMED = 64.0


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Return draws from Poisson distributions, one for each rate; not differentiated.

    Each is the quantile of one uniform number: probabilities are added up for rates up to 64, and beyond that the
    quantile is expanded in powers of ``1 / sqrt(rate)`` (Giles, "Algorithm 955", ACM TOMS 42, 2016).

    Parameters
    ----------
    input : Tensor
        The rates: real floating-point, not negative and finite.
    generator : Generator, optional
        Default: the default generator.

    Returns
    -------
    Tensor
        Whole numbers in the dtype and shape of `input`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.poisson(cb.zeros(3))
    tensor([0., 0., 0.])
    """
    _rates("poisson", input)
    require(ops.logical_and(input >= 0, input < math.inf), "poisson: every rate must be finite and not negative")
    place = input.device.physical
    if dtypes.float64 not in place.native:
        # The stream fixes the arithmetic to float64, which the host has.
        return ops.to_device(poisson(ops.to_device(input.detach(), devices.host_device()), generator), place)
    rate = ops.astype(input.detach(), dtypes.float64)
    u = draw("uniform", input.shape, dtypes.float64, place, generator)
    small = ops.where(rate > _SUMMED, 0.0, rate)
    count = _summed(u, ops.exp(-small), lambda k: small / k, _steps(small))
    if _may_exceed(rate, _SUMMED):
        large = ops.maximum(rate, _SUMMED)
        root = ops.sqrt(large)
        # The middle of the interval that u stands for: neither end is infinite.
        w = math.sqrt(2.0) * ops.erfinv(2.0 * u - (1.0 - 2.0**-53))
        square = w * w
        quantile = (
            large + root * w + (2.0 + square) / 6.0 - w * (2.0 + square) / (72.0 * root)
            + (square * (square * 3.0 + 7.0) - 16.0) / (810.0 * large)
        )  # fmt: skip
        count = ops.where(rate > _SUMMED, ops.floor(quantile), count)
    return ops.astype(count, input.dtype)


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Return how many of `count` trials succeed, each with probability `prob`; not differentiated.

    Each is the quantile of one uniform number, found by adding probabilities up within ten standard deviations of the
    mean.

    Parameters
    ----------
    count : Tensor
        Numbers of trials, whole and not negative, real floating-point.
    prob : Tensor
        Probabilities, of the same dtype; the two broadcast.
    generator : Generator, optional
        Default: the default generator.

    Returns
    -------
    Tensor
        Whole numbers in the operands' dtype.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.binomial(cb.tensor([3.0, 7.0]), cb.tensor([0.0, 1.0]))
    tensor([0., 7.])
    """
    for operand in (count, prob):
        _rates("binomial", operand)
    if count.dtype is not prob.dtype:
        raise DTypeError(f"binomial: count is {count.dtype.name} and prob {prob.dtype.name}; they need one dtype")
    whole = ops.logical_and(ops.logical_and(count >= 0, count < math.inf), count == ops.floor(count))
    require(whole, "binomial: every count must be whole and not negative")
    require(ops.logical_and(prob >= 0, prob <= 1), "binomial: every probability must lie in [0, 1]")
    place = count.device.physical
    if dtypes.float64 not in place.native:
        host = devices.host_device()
        made = binomial(ops.to_device(count.detach(), host), ops.to_device(prob.detach(), host), generator)
        return ops.to_device(made, place)
    n, p = ops.broadcast_arrays(ops.astype(count.detach(), dtypes.float64), ops.astype(prob.detach(), dtypes.float64))
    u = draw("uniform", n.shape, dtypes.float64, place, generator)
    turned = p > 0.5
    p = ops.where(turned, 1.0 - p, p)
    odds = p / (1.0 - p)
    mean = n * p
    spread = ops.sqrt(mean * (1.0 - p))
    start = ops.maximum(ops.floor(mean - 10.0 * spread - 10.0), 0.0)
    chosen = ops.lgamma(n + 1.0) - ops.lgamma(start + 1.0) - ops.lgamma(n - start + 1.0)
    # No success is certain where the probability is zero: 0 * log(0) is left out.
    first = ops.exp(chosen + start * ops.log(ops.where(p > 0, p, 1.0)) + (n - start) * ops.log1p(-p))
    steps = int(_largest(20.0 * spread + 22.0))
    above = _summed(u, first, lambda k: ops.maximum(n - start - k + 1.0, 0.0) / (start + k) * odds, steps)
    made = ops.minimum(start + above, n)
    return ops.astype(ops.where(turned, n - made, made), count.dtype)


def cauchy_(tensor: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with draws from the Cauchy distribution; returns it.

    Examples
    --------
    >>> import candelabra as cb
    >>> bool(cb.isfinite(cb.zeros(5).cauchy_()).all())
    True
    """
    check_writable(tensor, "cauchy_", "real floating-point")
    warn_of_lost_write(tensor, "cauchy_", _MEND)
    median, sigma = number("cauchy_", "median", median), number("cauchy_", "sigma", sigma)
    if not 0.0 < sigma < math.inf:
        raise ArgumentError(f"cauchy_: sigma must be positive and finite, got {sigma}")
    new = median + sigma * ops.tan(math.pi * (_open_uniform(tensor, generator) - 0.5))
    return assign_(tensor, ops.astype(new, tensor.dtype), "cauchy_")


def geometric_(tensor: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with how many trials it took, each with probability `p`, until one succeeds; returns it.

    Examples
    --------
    >>> import candelabra as cb
    >>> bool((cb.zeros(5).geometric_(0.5) >= 1).all())
    True
    """
    check_writable(tensor, "geometric_", "real")
    warn_of_lost_write(tensor, "geometric_", _MEND)
    p = number("geometric_", "p", p)
    if not 0.0 < p < 1.0:
        raise ArgumentError(f"geometric_: p must lie between 0 and 1, got {p}")
    new = ops.maximum(ops.ceil(ops.log(_open_uniform(tensor, generator)) / math.log1p(-p)), 1.0)
    return assign_(tensor, ops.astype(new, tensor.dtype), "geometric_")


def log_normal_(tensor: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with exponentials of normal draws, whose mean and deviation are given; returns it.

    Examples
    --------
    >>> import candelabra as cb
    >>> bool((cb.zeros(5).log_normal_() > 0).all())
    True
    """
    check_writable(tensor, "log_normal_", "real floating-point")
    warn_of_lost_write(tensor, "log_normal_", _MEND)
    mean, std = number("log_normal_", "mean", mean), number("log_normal_", "std", std)
    if not 0.0 < std < math.inf:
        raise ArgumentError(f"log_normal_: std must be positive and finite, got {std}")
    new = draw("normal", tensor.shape, tensor.dtype, tensor.device.physical, generator, mean=mean, std=std)
    return assign_(tensor, ops.exp(new), "log_normal_")


def _open_uniform(tensor: Tensor, generator: Generator | None) -> Tensor:
    """Return uniform draws moved by half a step, so that neither 0 nor 1 is among them."""
    wide = dtypes.float64 if tensor.dtype is dtypes.float64 else dtypes.float32
    u = draw("uniform", tensor.shape, wide, tensor.device.physical, generator)
    step = 2.0**-53 if wide is dtypes.float64 else 2.0**-24
    # The largest sum would round to 1.
    return ops.minimum(u + 0.5 * step, 1.0 - step)


def _rates(operation: str, x: Any) -> None:
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"{operation}: a Tensor is needed, got {type(x).__name__}")
    if not x.dtype.is_floating_point:
        raise DTypeError(f"{operation}: takes real floating-point tensors, not {x.dtype.name} ones; call .float()")


def _summed(u: Tensor, first: Tensor, ratio: Any, steps: int) -> Tensor:
    """Return how many of the probabilities ``first, first * ratio(1), ...`` are needed to exceed u, less one."""
    term = total = first
    count = ops.astype(u >= total, dtypes.float64)
    looked_at = not (u.device.levels or first.device.levels)
    for k in range(1, steps):
        if looked_at and k % 8 == 0 and not bool(ops.any(u >= total)):
            break
        term = term * ratio(float(k))
        total = total + term
        count = count + ops.astype(u >= total, dtypes.float64)
    return count


def _largest(x: Tensor) -> float:
    return float(ops.max(x)) if int(x.size) else 0.0


def _steps(rate: Tensor) -> int:
    """Return how many probabilities are added up: what is left beyond is below the resolution of a uniform number."""
    most = _SUMMED if rate.device.levels else _largest(rate)
    return int(most + 11.0 * math.sqrt(most) + 25.0)


def _may_exceed(x: Tensor, limit: float) -> bool:
    # Inside a transformation there are no values to look at.
    return bool(x.device.levels) or _largest(x) > limit
