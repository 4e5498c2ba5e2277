"""A draw: the generator moves on, then a random row makes the numbers, on any device and inside transformations."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

from . import dtypes, ops
from .device import Device
from .dtypes import DType
from .errors import ArgumentError, ArgumentTypeError, DTypeError, TransformError
from .explain import explain
from .implementation import implementations
from .primitives.row import TABLE
from .random_state import Generator, default_generator
from .tensor import Tensor
from .transforms.levels import active_levels, active_stack

_new = object.__new__


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
    if not active_stack.get():
        return _drawn(kind, shape, dtype, device, generator, statics)
    levels = _levels_with_own_draws(kind)
    sizes = tuple([level.size for level in levels])
    return _entered(_drawn(kind, (*sizes, *shape), dtype, device, generator, statics), levels)


def _drawn(
    kind: str,
    shape: tuple[int, ...],
    dtype: DType,
    device: Device,
    generator: Generator | None,
    statics: dict[str, Any],
) -> Tensor:
    source = default_generator if generator is None else _source(generator)
    n = math.prod(shape)
    key, counter = source.draw(kind, n, dtype)
    try:
        impl = _implementations(kind)[device]
        native = device.native.get(dtype)
        if native is not None and impl.source == "kernel":
            # What the row's function does.
            if statics:
                array = impl.run(key=key, counter=counter, shape=shape, dtype=native, **statics)
            else:
                array = impl.run(key=key, counter=counter, shape=shape, dtype=native)
            if type(array) is impl.array_type:
                made: Tensor = _new(Tensor)
                made.array, made.device, made.node = array, device, None
                return made
        return _row(kind)(key=key, counter=counter, shape=shape, dtype=dtype, device=device, **statics)
    except Exception as error:
        # What failed took nothing from the stream.
        source.take_back(kind, n, dtype, key, counter)
        raise explain(TABLE[f"random_{kind}"], (), error, {"shape": shape, **statics}, device) from error


def drop(x: Tensor, keep: float, generator: Generator | None) -> Tensor | None:
    """Return `x` with a share of its elements kept, and scaled, where a kernel of the device draws, too; else None."""
    if active_stack.get() or x.device.levels or _implementations("dropout")[x.device].source != "kernel":
        return None
    source = default_generator if generator is None else _source(generator)
    n, dtype = x.size, x.dtype.to_real()
    key, counter = source.draw("bernoulli", n, dtype)
    try:
        return ops.random_dropout(x, key=key, counter=counter, keep=keep, wide=dtype.bits == 64)
    except Exception:
        source.take_back("bernoulli", n, dtype, key, counter)
        raise


def draw_permutation(n: int, dtype: DType, device: Device, generator: Generator | None) -> Tensor:
    """Return the integers below `n` in a random order."""
    levels = _levels_with_own_draws("permutation") if active_stack.get() else ()
    source = _source(generator)
    if levels:
        sizes = tuple([level.size for level in levels])
        total = math.prod(sizes) * n
        key, counter = source.draw("bits", total)
        keys = ops.reshape(ops.random_bits(key=key, counter=counter, n=total, device=device), (*sizes, n))
        return _entered(ops.astype(ops.argsort(keys, axis=-1, stable=True), dtype), levels)
    key, counter = source.draw("permutation", n, dtype)
    try:
        return ops.random_permutation(key=key, counter=counter, n=n, dtype=dtype, device=device)
    except Exception:
        source.take_back("permutation", n, dtype, key, counter)
        raise


def _levels_with_own_draws(kind: str) -> tuple[Any, ...]:
    """Return the active transformations in which each sample draws for itself, oldest first."""
    found = []
    for level in active_levels():
        randomness = getattr(level, "randomness", "same")
        if randomness == "error":
            raise TransformError(
                f"a draw ({kind}) inside {level}, which does not say what it means; write "
                "vmap(..., randomness='different') for a draw of each sample's own, or 'same' for one that all share"
            )
        if randomness == "different":
            found.append(level)
    return tuple(found)


def _entered(tensor: Tensor, levels: tuple[Any, ...]) -> Tensor:
    """Hide the leading axes of a draw, one for each level, oldest first."""
    for level in levels:
        tensor = level.hide(tensor, 0)
    return tensor


def _source(generator: Any) -> Generator:
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise ArgumentTypeError(f"a generator is a candelabra.Generator, not {type(generator).__name__}")
    return generator


@functools.cache
def _implementations(kind: str) -> Any:
    return implementations(TABLE[f"random_{kind}"])


@functools.cache
def _row(kind: str) -> Callable[..., Tensor]:
    return getattr(ops, f"random_{kind}")


def draw_standard(
    kind: str, shape: tuple[int, ...], dtype: DType, device: Device, generator: Generator | None
) -> Tensor:
    """Return standard draws, of a complex dtype as pairs of real ones."""
    if dtype.rank < 3:
        return draw(kind, shape, dtype, device, generator)
    statics = {"std": math.sqrt(0.5)} if kind == "normal" else {}
    parts: Any = draw(kind, (*shape, 2), dtype.to_real(), device, generator, **statics)
    return ops.add(parts[..., 0], ops.multiply(parts[..., 1], 1j))


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
    return 1 if dtype.kind == "bool" else (1 << (dtype.bits - (dtype.kind == "signed"))) - 1
