"""What each row gives, said once more: explicit loops and plain NumPy in float64, sharing no code with the rows.

A row's ``reference=`` names one ("numpy.tanh", "math.erf", "references.name"), or one has the row's name; what the
array API standard names is compared with NumPy's function of that name.
"""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from candelabra.conformance.families import find
from candelabra.core.primitives.row import Row


def reference(row: Row) -> Callable[..., Any] | None:
    """Return what a row's values are compared with, or None where nothing is named."""
    if callable(row.reference):
        return row.reference
    module, _, name = row.reference.partition(".")
    if module == "numpy":
        return getattr(np, name)
    if module == "math":
        return each(getattr(math, name))
    name = name or row.name
    own = globals().get(name) or find("references_", name)
    return own or (getattr(np, name, None) if row.standard and not row.reference else None)


def each(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of Python scalars as one of arrays that broadcast."""

    def apply(*arrays: Any) -> np.ndarray:
        wide = np.broadcast_arrays(*[np.asarray(a) for a in arrays])
        values = [function(*[v.item() for v in element]) for element in zip(*[w.flat for w in wide], strict=True)]
        return np.asarray(values, dtype=np.float64).reshape(wide[0].shape)

    return apply


def native_key(key: Any, arrays: Any) -> tuple[Any, ...]:
    """Return a static key as NumPy's."""
    rest = iter(arrays)
    return tuple(next(rest) if k == ("array",) else builtins.slice(*k[1:]) if isinstance(k, tuple) else k for k in key)


# Elementwise.


def rsqrt(x: Any) -> Any:
    return 1 / np.sqrt(x)


def reciprocal(x: Any) -> Any:
    return 1 / x


def sign(x: Any) -> Any:
    if x.dtype.kind == "c":
        return np.where(x == 0, 0, x / np.where(x == 0, 1, np.abs(x)))
    return np.where(x > 0, 1, np.where(x < 0, -1, x)).astype(x.dtype)


def clip(x: Any, low: Any, high: Any) -> Any:
    found = x if low is None else np.where(x < low, low, x)
    return found if high is None else np.where(found > high, high, found)


def identity(x: Any) -> Any:
    return np.array(x)


def astype(x: Any, dtype: str) -> Any:
    real = x.real if x.dtype.kind == "c" and not dtype.startswith("c") else x
    return np.asarray(real).astype(dtype)


def nextafter(x1: Any, x2: Any) -> Any:
    return np.nextafter(x1, x2)


def relu(x: Any) -> Any:
    return np.where(x < 0, 0, x).astype(x.dtype)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def silu(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def softplus(x: Any, *, beta: float, threshold: float) -> Any:
    return np.where(beta * x > threshold, x, np.log1p(np.exp(beta * x)) / beta)


def mish(x: Any) -> Any:
    return x * np.tanh(np.where(x > 50, x, np.log1p(np.exp(x))))


def gelu(x: Any, *, approximate: str) -> Any:
    if approximate == "tanh":
        return each(lambda v: 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))))(x)
    return each(lambda v: v * 0.5 * math.erfc(-v / math.sqrt(2)))(x)


def leaky_relu(x: Any, *, negative_slope: float) -> Any:
    return np.where(x > 0, x, negative_slope * x)


def mse_loss(x: Any, target: Any, *, reduction: str) -> Any:
    squares = [(a - b) ** 2 for a, b in zip(x.flat, target.flat, strict=True)]
    if reduction == "none":
        return np.asarray(squares).reshape(x.shape)
    return np.asarray(math.fsum(squares) / (len(squares) if reduction == "mean" else 1))


# Along axes.


def softmax(x: Any, *, axis: int) -> Any:
    def line(values: Any) -> Any:
        e = [math.exp(v) for v in values]
        return [v / math.fsum(e) for v in e]

    return np.apply_along_axis(line, axis, x) if x.ndim else np.ones(())


def log_softmax(x: Any, *, axis: int) -> Any:
    return np.log(softmax(x, axis=axis))


def logsumexp(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def cumulative_sum(x: Any, *, axis: int | None, include_initial: bool) -> Any:
    return np.cumulative_sum(x, axis=axis, include_initial=include_initial)


def sort(x: Any, *, axis: int, descending: bool, stable: bool) -> Any:
    return np.take_along_axis(x, argsort(x, axis=axis, descending=descending, stable=stable), axis)


def argsort(x: Any, *, axis: int, descending: bool, stable: bool) -> Any:
    def line(values: Any) -> Any:
        return sorted(range(len(values)), key=lambda i: -values[i].item() if descending else values[i].item())

    found = np.zeros(x.shape, dtype=np.int64)
    for place in np.ndindex(*(n for i, n in enumerate(x.shape) if i != axis % x.ndim)):
        at: list[Any] = list(place)
        at.insert(axis % x.ndim, builtins.slice(None))
        found[tuple(at)] = line(x[tuple(at)])
    return found


def unique_values(x: Any) -> Any:
    return np.asarray(sorted(set(x.ravel().tolist()), key=lambda v: (v.real, v.imag)), dtype=x.dtype)


def searchsorted(x1: Any, x2: Any, sorter: Any, *, side: str) -> Any:
    line = x1 if sorter is None else x1[sorter]

    def place(v: Any) -> int:
        return sum(1 for w in line if (w < v if side == "left" else w <= v))

    return np.asarray([place(v) for v in x2.flat], dtype=np.int64).reshape(x2.shape)


# Shapes and indexing.


def unstack(x: Any, *, axis: int) -> Any:
    return tuple(np.moveaxis(x, axis, 0))


def slice(x: Any, *, key: Any) -> Any:
    return np.array(x[native_key(key, ())])


def getitem(x: Any, indices: Any, *, key: Any) -> Any:
    return np.array(x[native_key(key, indices)])


def getitem_transpose(g: Any, indices: Any, *, x_shape: Any, key: Any) -> Any:
    places = np.arange(math.prod(x_shape)).reshape(x_shape)[native_key(key, indices)]
    found = np.zeros(math.prod(x_shape), dtype=g.dtype)
    for place, value in zip(places.flat, g.flat, strict=True):
        found[place] += value
    return found.reshape(x_shape)


def setitem(x: Any, value: Any, indices: Any, *, key: Any) -> Any:
    found = np.array(x)
    found[native_key(key, indices)] = value
    return found


def gather(x: Any, index: Any, *, axis: int) -> Any:
    found = np.zeros(index.shape, dtype=x.dtype)
    for place in np.ndindex(*index.shape):
        source = list(place)
        source[axis] = index[place]
        found[place] = x[tuple(source)]
    return found


def scatter_add(x: Any, index: Any, source: Any, *, axis: int) -> Any:
    found = np.array(x)
    for place in np.ndindex(*index.shape):
        target = list(place)
        target[axis] = index[place]
        found[tuple(target)] += source[place]
    return found


def index_add(x: Any, index: Any, source: Any, *, axis: int) -> Any:
    found = np.moveaxis(np.array(x), axis, 0)
    for i, line in zip(index, np.moveaxis(source, axis, 0), strict=True):
        found[i] += line
    return np.moveaxis(found, 0, axis)


def embedding(weight: Any, indices: Any, *, padding_idx: Any) -> Any:
    found = np.zeros((*indices.shape, weight.shape[1]), dtype=weight.dtype)
    for place in np.ndindex(*indices.shape):
        found[place] = weight[indices[place]]
    return found


# Products.


def matmul(x1: Any, x2: Any) -> Any:
    a = x1[None, :] if x1.ndim == 1 else x1
    b = x2[:, None] if x2.ndim == 1 else x2
    total = np.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2, dtype=np.result_type(x1, x2))
    total = total[..., 0, :] if x1.ndim == 1 else total
    return total[..., 0] if x2.ndim == 1 else total


def vecdot(x1: Any, x2: Any, *, axis: int) -> Any:
    wide = np.broadcast_arrays(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))
    return np.sum(np.conj(wide[0]) * wide[1], axis=-1, dtype=np.result_type(x1, x2))


# Creation.


def empty(shape: Any, dtype: str) -> Any:
    """Arbitrary values: only shape and dtype count."""
    return np.ma.masked_all(shape, dtype)


def arange(start: int, stop: int, step: int, dtype: str) -> Any:
    return np.asarray(list(range(start, stop, step)), dtype=dtype)


def linspace(start: float, stop: float, num: int, endpoint: bool, dtype: str) -> Any:
    steps = num - 1 if endpoint else num
    return np.asarray([start + (stop - start) * i / max(steps, 1) for i in range(num)], dtype=dtype)


def eye(n_rows: int, n_cols: int | None, k: int, dtype: str) -> Any:
    width = n_rows if n_cols is None else n_cols
    found = np.zeros((n_rows, width), dtype=dtype)
    for i, j in itertools.product(range(n_rows), range(width)):
        if j - i == k:
            found[i, j] = 1
    return found
