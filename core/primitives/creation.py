"""Creation: rows without operands, bound to a device by dispatch."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from .row import creation
from .tools import shape_tuple


def _prepare_shape(name: str) -> Any:
    def prepare(device: Any, shape: Any, dtype: Any) -> tuple[Any, Any]:
        if dtype is None:
            dtype = device.best_native_dtype(dtypes.get_default_dtype())
        return shape_tuple(shape, name), dtype

    return prepare


def _prepare_full(device: Any, shape: Any, fill_value: Any, dtype: Any) -> tuple[Any, ...]:
    if dtype is None:
        dtype = device.best_native_dtype(dtypes.python_dtype(fill_value))
    return shape_tuple(shape, "full"), fill_value, dtype


def _prepare_arange(device: Any, start: Any, stop: Any, step: Any, dtype: Any) -> tuple[Any, ...]:
    if dtype is None:
        real = isinstance(start, float) or isinstance(stop, float) or isinstance(step, float)
        dtype = device.best_native_dtype(dtypes.get_default_dtype() if real else dtypes.int64)
    return start, stop, step, dtype


def _prepare_linspace(device: Any, start: Any, stop: Any, num: Any, dtype: Any, endpoint: Any) -> tuple[Any, ...]:
    if dtype is None:
        kind = dtypes.get_default_dtype()
        if isinstance(start, complex) or isinstance(stop, complex):
            kind = kind.to_complex()
        dtype = device.best_native_dtype(kind)
    return start, stop, num, dtype, endpoint


def _prepare_eye(device: Any, n_rows: Any, n_cols: Any, k: Any, dtype: Any) -> tuple[Any, ...]:
    if dtype is None:
        dtype = device.best_native_dtype(dtypes.get_default_dtype())
    return n_rows, n_cols, k, dtype


empty = creation("empty", "shape, *, dtype=None", "Return a tensor of arbitrary values.", prepare=_prepare_shape("empty"), samples="filled")
zeros = creation("zeros", "shape, *, dtype=None", "Return a tensor of zeros.", prepare=_prepare_shape("zeros"), samples="filled")
ones = creation("ones", "shape, *, dtype=None", "Return a tensor of ones.", prepare=_prepare_shape("ones"), samples="filled")
full = creation("full", "shape, fill_value, *, dtype=None", "Return a tensor of one value.", prepare=_prepare_full)
arange = creation(
    "arange", "start, stop=None, step=1, *, dtype=None", "Return evenly spaced values from start up to, not including, stop.",
    prepare=_prepare_arange, category="real numeric",
)  # fmt: skip
linspace = creation(
    "linspace", "start, stop, num, *, dtype=None, endpoint=True", "Return a number of evenly spaced values of an interval.",
    prepare=_prepare_linspace, category="floating-point",
)  # fmt: skip
eye = creation(
    "eye", "n_rows, n_cols=None, *, k=0, dtype=None", "Return a matrix with ones on a diagonal and zeros elsewhere.",
    prepare=_prepare_eye,
)  # fmt: skip
