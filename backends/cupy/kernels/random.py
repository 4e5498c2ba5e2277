"""The random stream of `docs/random.md` on a card, bit for bit that of the host."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....core.errors import ArgumentError
from ...numpy.random import bounds, check_range, threshold
from ..launch import TYPES, Launcher, float64, int64, name_of, type_of_dtype

MASK = 0xFFFFFFFFFFFFFFFF


def stream(key: int, counter: int) -> tuple[Any, ...]:
    """Return key and counter as kernels take them, the counter's least significant word first."""
    words = [(counter >> shift) & MASK for shift in (0, 64, 128, 192)]
    return tuple(np.uint64(word) for word in (key, *words))


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def draw(expression: str, shape: tuple[int, ...], dtype: Any, each: int, stream: Any, *told: Any) -> Any:
        out = gpu.empty(shape, dtype)
        size = math.prod(shape)
        gpu.run_each("random", expression, -(-size // each), out, int64(size), *stream, *told)
        return out

    def random_bits(*, key: int, counter: int, n: int) -> Any:
        return draw("bits", (n,), np.uint64, 4, stream(key, counter))

    def random_uniform(
        *, key: int, counter: int, shape: tuple[int, ...], dtype: Any, low: float = 0.0, high: float = 1.0
    ) -> Any:
        kind = type_of_dtype(dtype)
        if kind is None:
            return NotImplemented
        unit = low == 0 and high == 1
        told: tuple[Any, ...] = (float64(0), float64(1), float64(1))
        if not unit:
            compute = np.dtype(np.float64 if name_of(dtype) == "float64" else np.float32)
            told = tuple(float64(value) for value in bounds(low, high, dtype, compute))
        each = 4 if kind == "double" else 8
        return draw(f"uniform<{kind}>", shape, dtype, each, stream(key, counter), *told, np.bool_(unit))

    def random_normal(
        *, key: int, counter: int, shape: tuple[int, ...], dtype: Any, mean: float = 0.0, std: float = 1.0
    ) -> Any:
        kind = type_of_dtype(dtype)
        if kind is None:
            return NotImplemented
        if not std >= 0:
            raise ArgumentError(f"normal: the standard deviation must not be negative, got {std}")
        each = 4 if kind == "double" else 8
        return draw(f"normal<{kind}>", shape, dtype, each, stream(key, counter), float64(mean), float64(std))

    def random_bernoulli(*, key: int, counter: int, shape: tuple[int, ...], dtype: Any, p: float) -> Any:
        if not 0 <= p <= 1:
            raise ArgumentError(f"bernoulli: p must lie in [0, 1], got {p}")
        kind, wide = TYPES.get(name_of(dtype)), name_of(dtype) == "float64"
        if kind is None:
            return NotImplemented
        bound = threshold(p, wide)
        if bound is None:
            return gpu.xp.ones(shape, dtype)
        told = (np.uint64(bound), np.bool_(wide))
        return draw(f"bernoulli<{kind}>", shape, dtype, 4 if wide else 8, stream(key, counter), *told)

    def random_integers(*, key: int, counter: int, shape: tuple[int, ...], dtype: Any, low: int, high: int) -> Any:
        kind = TYPES.get(name_of(dtype))
        if kind is None:
            return NotImplemented
        check_range(low, high, dtype)
        told = (np.uint64(low & MASK), np.uint64((high - low) & MASK), np.bool_(high > 1 << 63))
        return draw(f"integers<{kind}>", shape, dtype, 4, stream(key, counter), *told)

    def random_permutation(*, key: int, counter: int, n: int, dtype: Any) -> Any:
        words = random_bits(key=key, counter=counter, n=n)
        return gpu.xp.argsort(words, kind="stable").astype(dtype, copy=False)

    def there(kernel: Any) -> Any:
        """A kernel that draws on the card which it is told."""

        def run(*, device: Any = None, **statics: Any) -> Any:
            if device is None or device.id == gpu.card():
                return kernel(**statics)
            with device:
                return kernel(**statics)

        return run

    drawing = (random_bits, random_uniform, random_normal, random_bernoulli, random_integers, random_permutation)
    return {kernel.__name__: there(kernel) for kernel in drawing}
