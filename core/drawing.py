"""A draw: the generator moves on, then a random row makes the numbers, on any device and inside transformations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from . import dtypes, ops
from .device import Device
from .dtypes import DType
from .errors import ArgumentError, ArgumentTypeError, DTypeError
from .random_state import Generator, default_generator
from .tensor import Tensor


def draw(
    kind: str, shape: tuple[int, ...], dtype: DType, device: Device, generator: Generator | None, **statics: Any
) -> Tensor:
    """Return a draw of one of the random rows.

    Parameters
    ----------
    kind : {"uniform", "normal", "bernoulli", "integers"}
        Which row.
    shape : tuple of int
        The sizes of the axes.
    dtype : DType
        The result's dtype, which also says how much of the stream it takes.
    device : Device
        Where it is made.
    generator : Generator, optional
        Default: the default generator.
    **statics
        The row's own, such as ``low`` and ``high``.
    """
    row = getattr(ops, f"random_{kind}")
    return _drawn(
        kind,
        math.prod(shape),
        dtype,
        generator,
        lambda at: row(shape=shape, dtype=dtype, device=device, **statics, **at),
    )


def draw_permutation(n: int, dtype: DType, device: Device, generator: Generator | None) -> Tensor:
    """Return the integers below `n` in a random order."""
    return _drawn(
        "permutation", n, dtype, generator, lambda at: ops.random_permutation(n=n, dtype=dtype, device=device, **at)
    )


def draw_standard(
    kind: str, shape: tuple[int, ...], dtype: DType, device: Device, generator: Generator | None
) -> Tensor:
    """Return standard draws, of a complex dtype as pairs of real ones."""
    if not dtype.is_complex:
        return draw(kind, shape, dtype, device, generator)
    statics = {"std": math.sqrt(0.5)} if kind == "normal" else {}
    parts = draw(kind, (*shape, 2), dtype.to_real(), device, generator, **statics)
    return ops.add(parts[..., 0], ops.multiply(parts[..., 1], 1j))


def _drawn(
    kind: str, n: int, dtype: DType, generator: Generator | None, make: Callable[[dict[str, int]], Tensor]
) -> Tensor:
    source = default_generator if generator is None else generator
    if not isinstance(source, Generator):
        raise ArgumentTypeError(f"a generator is a candelabra.Generator, not {type(source).__name__}")
    key, counter = source.draw(kind, n, dtype)
    try:
        return make({"key": key, "counter": counter})
    except Exception:
        # What failed took nothing from the stream.
        source.take_back(kind, n, dtype, key, counter)
        raise


def below(p: Tensor, shape: tuple[int, ...], device: Device, generator: Generator | None, name: str) -> Tensor:
    """Return whether a uniform draw lies below a tensor of probabilities."""
    if not p.dtype.is_floating_point:
        raise DTypeError(f"{name}: probabilities are floating-point, not {p.dtype.name}; convert them with .float()")
    p = p.detach()
    require(
        ops.logical_and(ops.greater_equal(p, 0), ops.less_equal(p, 1)), f"{name}: every probability must lie in [0, 1]"
    )
    wide = dtypes.float64 if p.dtype is dtypes.float64 else dtypes.float32
    return ops.less(draw("uniform", shape, wide, device, generator), ops.astype(p, wide))


def require(condition: Tensor, text: str) -> None:
    """Raise unless all is true; inside a transformation there are no values to look at."""
    if not condition.device.levels and not bool(ops.all(condition)):
        raise ArgumentError(text)


def number(name: str, argument: str, value: Any) -> float:
    """Return an argument that is a number."""
    try:
        if isinstance(value, str):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"{name}: {argument} is a number, not {value!r}") from None


def integer(name: str, argument: str, value: Any) -> int:
    """Return an argument that is an int."""
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name}: {argument} is an int, not {value!r}") from None


def largest_integer(dtype: DType) -> int:
    """Return the largest integer up to which a dtype holds each."""
    if dtype.is_floating_point:
        return {"float16": 1 << 11, "bfloat16": 1 << 8, "float32": 1 << 24}.get(dtype.name, 1 << 53)
    return (1 << (dtype.bits - (dtype.kind == "signed"))) - 1
