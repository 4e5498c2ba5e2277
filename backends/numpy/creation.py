"""Small tensors without NumPy's functions around two steps: an empty array, and what stands in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def ones(shape: tuple[int, ...], *, dtype: Any) -> np.ndarray:
    """Return an array of ones."""
    made = np.empty(shape, dtype)
    made.fill(1)
    return made


def full(shape: tuple[int, ...], fill_value: Any, *, dtype: Any) -> np.ndarray:
    """Return an array of one value; what the dtype may not hold is NumPy's to judge."""
    kind = type(fill_value)
    if not (kind is bool or (kind is float and dtype.kind in "fc") or (kind is int and 0 <= fill_value < 128)):
        return np.full(shape, fill_value, dtype)
    made = np.empty(shape, dtype)
    made.fill(fill_value)
    return made


def eye(n_rows: int, n_cols: int | None = None, *, k: int = 0, dtype: Any = None) -> np.ndarray:
    """Return a matrix with ones on a diagonal: every (n + 1)-th element, as far as the diagonal reaches."""
    if n_cols is None and k == 0 and type(n_rows) is int and n_rows > 0:
        made = np.zeros((n_rows, n_rows), dtype)
        made.reshape(-1)[:: n_rows + 1] = 1
        return made
    columns = n_rows if n_cols is None else n_cols
    if not (type(n_rows) is int and type(columns) is int and type(k) is int) or n_rows < 0 or columns < 0:
        return np.eye(n_rows, n_cols, k=k, dtype=dtype)
    made = np.zeros((n_rows, columns), dtype)
    if -n_rows < k < columns:
        first, rows = (k, min(n_rows, columns - k)) if k >= 0 else (-k * columns, min(n_rows + k, columns))
        made.reshape(-1)[first : first + rows * (columns + 1) : columns + 1] = 1
    return made


_COUNT = np.arange(256.0)


def linspace(start: Any, stop: Any, num: int, *, dtype: Any, endpoint: bool = True) -> np.ndarray:
    """Return evenly spaced values, by the steps of `numpy.linspace` for two numbers."""
    step = 0.0
    if type(start) is float and type(stop) is float and type(num) is int and num > 1 and dtype.kind == "f":
        step = (stop - start) / (num - 1 if endpoint else num)
    if not step:
        return np.linspace(start, stop, num, dtype=dtype, endpoint=endpoint)
    # Multiplied as an array, which NumPy does faster than a number.
    made = np.multiply(_COUNT[:num] if num <= _COUNT.size else np.arange(0.0, num), np.array(step))
    if start or step < 0:
        np.add(made, np.array(start), made)
    if endpoint:
        made[-1] = stop
    return made.astype(dtype, copy=False)


KERNELS: dict[str, Callable[..., Any]] = {"eye": eye, "full": full, "linspace": linspace, "ones": ones}
