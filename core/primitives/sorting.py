"""Sorting, searching and sets."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..errors import ShapeError
from .row import discrete, general, linear
from .tools import axis_index


def _prepare_sort(name: str) -> Any:
    def prepare(device: Any, x: Any, axis: Any, descending: Any, stable: Any) -> tuple[Any, ...]:
        return axis_index(axis, len(x.shape), name), bool(descending), bool(stable)

    return prepare


def _sort_vjp(xp: Any, g: Any, x: Any, axis: Any, descending: Any, stable: Any) -> Any:
    order = xp.argsort(x, axis=axis, descending=descending, stable=stable)
    return xp.scatter(xp.zeros_like(g), order, g, axis=axis)


def _search(xp: Any, x1: Any, x2: Any, sorter: Any, *, side: str) -> Any:
    """Count for each value the entries before its place."""
    line = x1 if sorter is None else xp.take(x1, sorter, axis=0)
    values = xp.expand_dims(x2, axis=-1)
    before = line < values if side == "left" else line <= values
    return xp.sum(xp.astype(before, xp.device.best_native_dtype(dtypes.int64)), axis=-1)


sort = general(
    "sort", "x, /, *, axis=-1, descending=False, stable=True", "Return the values in order along an axis.",
    category="real numeric", vjp=_sort_vjp, prepare=_prepare_sort("sort"), batch="axis",
    jvp=lambda xp, t, x, axis, descending, stable: xp.take_along_axis(
        t, xp.argsort(x, axis=axis, descending=descending, stable=stable), axis=axis
    ),
)  # fmt: skip
argsort = discrete(
    "argsort", "x, /, *, axis=-1, descending=False, stable=True", "Return the indices that sort along an axis.",
    category="real numeric", prepare=_prepare_sort("argsort"), batch="axis", samples="sort",
)  # fmt: skip
def _prepare_top(device: Any, x: Any, count: Any, axis: Any, descending: Any) -> tuple[int, int, bool]:
    at = axis_index(axis, len(x.shape), "top_indices")
    if not 0 <= count <= x.shape[at]:
        raise ShapeError(f"top_indices: {count} of the {x.shape[at]} elements along axis {at} cannot be taken")
    return count, at, bool(descending)


def _top_body(xp: Any, x: Any, *, count: int, axis: int, descending: bool) -> Any:
    order = xp.argsort(x, axis=axis, descending=descending, stable=True)
    return order[(slice(None),) * axis + (slice(0, count), ...)]


top_indices = discrete(
    "top_indices", "x, /, *, count, axis=-1, descending=True",
    "Return the indices of the first values in order along an axis, of equal ones the first.",
    category="real numeric", prepare=_prepare_top, body=_top_body, batch="axis",
)  # fmt: skip
nonzero = discrete("nonzero", "x, /", "Return one index tensor per axis of the elements that are not zero.", outputs=("*",), samples="repeated")
searchsorted = discrete(
    "searchsorted", "x1, x2, sorter=None, /, *, side='left'", "Return where values would go into a sorted tensor.",
    category="real numeric", promote=("x1", "x2"), beyond=_search,
)  # fmt: skip
unique_all = discrete(
    "unique_all", "x, /", "Return the distinct values, their first indices, the inverse and the counts.",
    outputs=("values", "indices", "inverse_indices", "counts"), samples="repeated",
)  # fmt: skip
unique_counts = discrete("unique_counts", "x, /", "Return the distinct values and their counts.", outputs=("values", "counts"), samples="repeated")
unique_inverse = discrete(
    "unique_inverse", "x, /", "Return the distinct values and the inverse.", outputs=("values", "inverse_indices"), samples="repeated",
)  # fmt: skip
unique_values = discrete("unique_values", "x, /", "Return the distinct values, in ascending order.", samples="repeated")
def _prepare_triangle(name: str) -> Any:
    def prepare(device: Any, x: Any, k: Any) -> tuple[Any]:
        if len(x.shape) < 2:
            raise ShapeError(f"{name}: matrices in the last two axes are needed, got shape {tuple(x.shape)}")
        return (k,)

    return prepare


tril = linear(
    "tril", "x, /, *, k=0", "Return the lower triangle of the last two axes, zeros above.",
    transpose=lambda xp, g, k: xp.tril(g, k=k), prepare=_prepare_triangle("tril"), batch="leading", samples="triangle",
)  # fmt: skip
triu = linear(
    "triu", "x, /, *, k=0", "Return the upper triangle of the last two axes, zeros below.",
    transpose=lambda xp, g, k: xp.triu(g, k=k), prepare=_prepare_triangle("triu"), batch="leading", samples="triangle",
)  # fmt: skip
