"""Discrete Fourier transforms as sums, every term written out."""

from __future__ import annotations

import cmath
from typing import Any

import numpy as np


def _line(values: Any, n: int, sign: int) -> list[complex]:
    """The sums ``sum_j values[j] exp(sign 2 pi i j k / n)`` for k below n."""
    return [
        sum((complex(v) * cmath.exp(sign * 2j * cmath.pi * ((j * k) % n) / n) for j, v in enumerate(values)), 0j)
        for k in range(n)
    ]


def fft_c2c(x: Any, *, axis: Any = None, inverse: bool = False, scale: float = 1.0) -> Any:
    found = np.asarray(x, dtype=np.complex128)
    for a in range(found.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis:
        n = found.shape[a]
        found = np.apply_along_axis(lambda line, n=n: np.asarray(_line(line, n, 1 if inverse else -1)), a, found)
    return found * scale


def fft_r2c(x: Any, *, axis: int = -1, scale: float = 1.0) -> Any:
    n = x.shape[axis]
    shape = list(x.shape)
    shape[axis] = n // 2 + 1
    found = np.zeros(shape, dtype=np.complex128)
    for place in np.ndindex(*np.moveaxis(x, axis, -1).shape[:-1]):
        np.moveaxis(found, axis, -1)[place] = _line(np.moveaxis(x, axis, -1)[place], n, -1)[: n // 2 + 1]
    return found * scale


def fft_c2r(x: Any, *, n: int, axis: int = -1, scale: float = 1.0) -> Any:
    shape = list(x.shape)
    shape[axis] = n
    found = np.zeros(shape)
    for place in np.ndindex(*np.moveaxis(x, axis, -1).shape[:-1]):
        line = np.moveaxis(x, axis, -1)[place]
        for j in range(n):
            total = 0.0
            for k, value in enumerate(line):
                turn = value * cmath.exp(2j * cmath.pi * ((j * k) % n) / n)
                # What stands between the ends has a conjugate in the other half.
                total += turn.real * (1 if k == 0 or 2 * k == n else 2)
            np.moveaxis(found, axis, -1)[(*place, j)] = total
    return found * scale
