"""What a generator of samples draws with: shapes and choices by hypothesis, values by a seeded NumPy generator."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

DOMAINS: dict[str, tuple[float, float]] = {
    "real": (-3.0, 3.0),
    "positive": (0.2, 4.0),
    "nonzero": (0.3, 3.0),  # of either sign
}
_INTERVAL = re.compile(r"\((-?[\d.]+), (-?[\d.]+)\)")


@dataclass
class Sample:
    """One valid call of a row: host arrays (or None, Python scalars, lists of arrays) and statics."""

    operands: tuple[Any, ...]
    statics: dict[str, Any] = field(default_factory=dict)


def host_dtype(name: str) -> np.dtype:
    """Return NumPy's dtype of a name."""
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


def kind_of(dtype: np.dtype) -> str:
    """Return a dtype's kind letter; bfloat16 is a float."""
    return "f" if dtype == ml_dtypes.bfloat16 else dtype.kind


class Draw:
    """Draws for one sample.

    Parameters
    ----------
    integer : callable
        Takes two ints and returns one between them, both included. Everything else is drawn through it.
    dtype : str
        The dtype of the operands that promote with each other.
    smooth : bool
        Whether the sample will be differentiated: few elements, and no convention in place of a derivative.
    """

    def __init__(self, integer: Callable[[int, int], int], dtype: str, *, smooth: bool = False) -> None:
        self.integer, self.smooth = integer, smooth
        self.dtype = host_dtype(dtype)
        self.kind = kind_of(self.dtype)
        self.values = np.random.default_rng(integer(0, 2**32 - 1))

    def flag(self) -> bool:
        """Draw a bool."""
        return self.integer(0, 1) == 1

    def choice(self, values: Sequence[Any]) -> Any:
        """Draw one of some values."""
        return values[self.integer(0, len(values) - 1)]

    def side(self, low: int = 1, high: int = 4) -> int:
        """Draw the size of an axis; now and then none at all, if `low` is 0."""
        if low == 0 and not self.smooth and self.integer(0, 7) == 7:
            return 0
        return self.integer(max(low, 1), high)

    def shape(self, low: int = 0, high: int = 3, *, empty: bool = True, side: int = 4) -> tuple[int, ...]:
        """Draw a shape of `low` to `high` axes."""
        sides = min(side, 3) if self.smooth else side
        return tuple(self.side(0 if empty else 1, sides) for _ in range(self.integer(low, high)))

    def broadcastable(self, count: int) -> list[tuple[int, ...]]:
        """Draw shapes that broadcast against each other."""
        full = self.shape()
        shapes = [tuple(1 if self.integer(0, 3) == 3 else n for n in full)[self.cut(full) :] for _ in range(count)]
        shapes[self.integer(0, count - 1)] = full
        return shapes

    def cut(self, shape: tuple[int, ...]) -> int:
        """Draw how many leading axes an operand does without."""
        return self.integer(0, len(shape)) if self.integer(0, 2) == 2 else 0

    def axis(self, rank: int) -> int:
        """Draw an axis, counted from either end."""
        return self.integer(-rank, rank - 1)

    def axes(self, rank: int) -> Any:
        """Draw None, an axis, or a tuple of axes."""
        if not rank or self.integer(0, 2) == 0:
            return None
        if self.flag():
            return self.axis(rank)
        return tuple(a for a in range(rank) if self.flag())

    def array(self, shape: tuple[int, ...], domain: str = "real", dtype: Any = None) -> np.ndarray:
        """Draw values of a domain: a name of `DOMAINS` or an open interval such as ``"(-1, 1)"``."""
        chosen = self.dtype if dtype is None else host_dtype(dtype) if isinstance(dtype, str) else dtype
        kind = kind_of(chosen)
        found = _INTERVAL.fullmatch(domain)
        low, high = (float(found[1]), float(found[2])) if found else DOMAINS[domain]
        sign = self.values.choice([-1, 1], shape) if domain == "nonzero" and kind != "u" else 1
        if kind == "b":
            return np.asarray(self.values.random(shape) < 0.5)
        if kind in "iu":
            first, last = int(np.ceil(low)), int(np.floor(high))
            first = max(first, 0) if kind == "u" else first
            return np.asarray(self.values.integers(first, max(last, first) + 1, shape) * sign).astype(chosen)
        real = self.values.uniform(low, high, shape) * sign
        if kind == "c":
            width = min(abs(low), abs(high), 1.0) if domain != "real" else high
            return np.asarray(real + 1j * self.values.uniform(-width, width, shape)).astype(chosen)
        return np.asarray(real).astype(chosen)

    def indices(self, shape: tuple[int, ...], size: int, *, negative: bool = True, dtype: str = "int64") -> np.ndarray:
        """Draw indices into an axis of `size` elements."""
        low = -size if negative and self.flag() else 0
        return np.asarray(self.values.integers(low, max(size, 1), shape), dtype=dtype)
