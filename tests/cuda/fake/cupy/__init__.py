"""A stand-in for CuPy: its names and manners, NumPy's arithmetic, cards that are not there.

Put the folder above on ``PYTHONPATH`` and candelabra's own backend of CUDA devices runs on it. Only what CuPy has is
here (`offers.json`, recorded by `record.py` from a real one), and it refuses what CuPy refuses: NumPy's arrays in
arithmetic, dtypes without a loop, arrays of another card. `cuda.counts` tells how often the host waited for a card.
"""

from __future__ import annotations

import builtins
import functools
import importlib
from typing import Any

import numpy as np
from numpy import (  # noqa: F401
    bool_,
    complex64,
    complex128,
    complexfloating,
    e,
    euler_gamma,
    float16,
    float32,
    float64,
    floating,
    generic,
    inexact,
    inf,
    int8,
    int16,
    int32,
    int64,
    integer,
    intp,
    nan,
    newaxis,
    number,
    pi,
    signedinteger,
    uint8,
    uint16,
    uint32,
    uint64,
    uintp,
    unsignedinteger,
)  # fmt: skip

from . import _calls, _manners, cuda
from ._array import bare, made, ndarray, reach
from ._calls import OFFERS, ufunc  # noqa: F401
from ._kernels import RawKernel, RawModule  # noqa: F401
from .cuda import counts

__version__ = OFFERS["version"]
bool = np.bool_
dtype, finfo, iinfo = np.dtype, np.finfo, np.iinfo

globals().update(_calls.offered(""))
for _name in ("can_cast", "issubdtype", "promote_types", "result_type", "isscalar"):
    globals()[_name] = getattr(np, _name)


def result_type(*given: Any) -> Any:
    return np.result_type(*[x.dtype if isinstance(x, ndarray) else x for x in given])


def can_cast(given: Any, to: Any, casting: str = "safe") -> Any:
    return np.can_cast(given.dtype if isinstance(given, ndarray) else given, to, casting)


def array(
    obj: Any, dtype: Any = None, copy: Any = True, order: str = "K", subok: Any = False, ndmin: int = 0, *,
    blocking: Any = False,
) -> ndarray:  # fmt: skip
    if isinstance(obj, ndarray):
        there = obj.device.id != cuda.get_device_id()
        changed = dtype is not None and np.dtype(dtype) != obj.dtype
        if not copy and not there and not changed and obj.ndim >= ndmin and _in_order(obj, order):
            return obj
        if copy is False and (there or changed):
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        obj._at.use()
        return made(np.array(obj._host, dtype=dtype, copy=True, order=order, ndmin=ndmin))
    if isinstance(obj, tuple | list) and _calls.arrays_in(obj):
        return made(np.array(bare(_as_list(obj)), dtype=dtype, order=order, ndmin=ndmin))
    host = np.array(obj, dtype=dtype, order=order, ndmin=ndmin)
    if host.dtype.char not in "?bhilqBHILQefdFDE":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    counts["uploads"] += 1
    found = made(host.copy(order="K"))
    if blocking:
        cuda.get_current_stream().synchronize()
    return found


def _in_order(obj: ndarray, order: str) -> Any:
    return order not in ("C", "F") or (obj.flags.c_contiguous if order == "C" else obj.flags.f_contiguous)


def _as_list(value: Any) -> Any:
    return [_as_list(v) for v in value] if isinstance(value, tuple | list) else value


def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: Any = False) -> ndarray:
    return array(a, dtype, copy=copy if copy is not None else None, order=order or "K", blocking=blocking)


def asanyarray(a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: Any = False) -> ndarray:
    return asarray(a, dtype, order, copy=copy)


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    found = asarray(a, dtype, "C")
    return found.reshape(1) if found.ndim == 0 else found


def asfortranarray(a: Any, dtype: Any = None) -> ndarray:
    return asarray(a, dtype, "F")


def copy(a: Any, order: str = "K") -> ndarray:
    return array(a, copy=True, order=order)


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: Any = True) -> np.ndarray:
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a, order=order)


def from_dlpack(x: Any, *, device: Any = None, copy: Any = None) -> ndarray:
    if device is not None:
        raise NotImplementedError("from_dlpack() does not support device yet.")
    kind, card = x.__dlpack_device__()
    if kind not in (2, 13):
        raise TypeError("CPU arrays cannot be directly imported to CuPy. Use `cupy.array(numpy.from_dlpack(input))` "
                        "instead.")  # fmt: skip
    with cuda.Device(card):
        # As CuPy, which hands the current stream over and takes the producer's capsule.
        stream = cuda.get_current_stream().ptr or 1
        try:
            capsule = x.__dlpack__(stream=stream, max_version=(1, 0), copy=copy)
        except TypeError:
            if copy is not None:
                raise
            capsule = x.__dlpack__(stream=stream)
        return made(capsule._host, cuda.DLPackMemory(capsule))


def get_array_module(*given: Any) -> Any:
    import sys

    return sys.modules[__name__] if builtins.any(isinstance(x, ndarray) for x in given) else np


def shares_memory(a: Any, b: Any, max_work: Any = None) -> Any:
    return np.shares_memory(a._host, b._host)


def may_share_memory(a: Any, b: Any, max_work: Any = None) -> Any:
    return np.may_share_memory(a._host, b._host)


_numpys_product = globals()["matmul"]


def matmul(*operands: Any, out: Any = None, **options: Any) -> ndarray:
    if builtins.any(x.dtype.name == "bfloat16" for x in operands) and builtins.max(x.ndim for x in operands) > 2:
        # https://github.com/cupy/cupy/issues/10317
        raise TypeError("bfloat16 in products of more than two axes takes the path of integers, and fails")
    if builtins.any(x.dtype.itemsize == 2 and x.dtype.kind in "fV" for x in operands):
        kind = np.result_type(*[x.dtype for x in operands])
        _calls.refuse_host(operands)
        found = made(np.asarray(np.matmul(*[bare(x).astype(np.float32) for x in operands])).astype(kind))
        if out is None:
            return found
        out._host[...] = found._host
        return out
    _calls.refuse_host(operands)
    counts["calls"] += 1
    found = np.matmul(*bare(operands))
    if out is None:
        return _calls.wrap(found, [])
    out._host[...] = found
    return out


def get_default_memory_pool() -> cuda.MemoryPool:
    return cuda.default_pool


def _method(name: str) -> Any:
    function = globals()[name]

    def method(self: ndarray, *arguments: Any, **options: Any) -> Any:
        return function(self, *arguments, **options)

    method.__name__ = name
    return method


for _name in ("all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "compress", "cumprod",
              "cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "ptp", "repeat", "round",
              "searchsorted", "std", "sum", "take", "trace", "var"):  # fmt: skip
    if _name in globals():
        setattr(ndarray, _name, _method(_name))


def conj(self: ndarray) -> ndarray:
    return globals()["conjugate"](self)


ndarray.conj = ndarray.conjugate = conj  # type: ignore[attr-defined]


def _sort(self: ndarray, axis: int = -1, kind: Any = None) -> None:
    reach(self)
    self._host.sort(axis=axis, kind="stable")


def _partition(self: ndarray, kth: Any, axis: int = -1) -> None:
    reach(self)
    self._host.partition(kth, axis)


ndarray.sort, ndarray.partition = _sort, _partition  # type: ignore[attr-defined]


def sort(a: ndarray, axis: Any = -1, kind: Any = None) -> ndarray:
    # CuPy sorts stably, and takes no other kind.
    if kind not in (None, "stable"):
        raise ValueError(f"kind can only be None or 'stable': {kind!r}")
    return made(np.sort(bare(a), axis=axis, kind="stable"))


def argsort(a: ndarray, axis: Any = -1, kind: Any = None) -> ndarray:
    if kind not in (None, "stable"):
        raise ValueError(f"kind can only be None or 'stable': {kind!r}")
    return made(np.argsort(bare(a), axis=axis, kind="stable"))


ndarray.argsort = lambda self, axis=-1, kind=None: globals()["argsort"](self, axis, kind)  # type: ignore[attr-defined]


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return globals()["nonzero"](condition)
    given = [v.dtype for v in (x, y) if isinstance(v, ndarray)]
    _calls.refuse_host((condition, x, y))
    counts["calls"] += 1
    found = np.asarray(np.where(condition.astype(bool, copy=False)._host, bare(x), bare(y)))
    # There is no loop of bfloat16.
    return made(found.astype(np.float32) if found.dtype == _manners.BFLOAT16 and given else found)


def var(
    a: ndarray, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False
) -> ndarray:
    with np.errstate(all="ignore"):
        return made(_manners.variance(bare(a), axis, dtype, ddof, keepdims))


def std(
    a: ndarray, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False
) -> ndarray:
    return globals()["sqrt"](var(a, axis, dtype, None, ddof, keepdims))


ndarray.var, ndarray.std = var, std  # type: ignore[attr-defined]


def _sorting(name: str) -> Any:
    function = globals()[name]

    @functools.wraps(function)
    def call(a: ndarray, *arguments: Any, **options: Any) -> Any:
        # Thrust is asked for no bfloat16.
        if builtins.any(x.dtype == _manners.BFLOAT16 for x in _calls.arrays_in((a, arguments))):
            raise NotImplementedError(f"Sorting arrays with dtype '{a.dtype}' is not supported")
        return function(a, *arguments, **options)

    return call


for _name in ("argpartition", "argsort", "isin", "lexsort", "median", "partition", "sort", "unique"):
    globals()[_name] = _sorting(_name)


_numpys_search = globals()["searchsorted"]


def searchsorted(a: ndarray, v: Any, side: str = "left", sorter: Any = None) -> ndarray:
    # A kernel of CuPy's own compares; NumPy does not know the NaNs of bfloat16.
    wide = [x.astype(np.float32) if getattr(x, "dtype", None) == _manners.BFLOAT16 else x for x in (a, v)]
    return _numpys_search(*wide, side, sorter)


ndarray.searchsorted = searchsorted  # type: ignore[attr-defined]


def take(a: ndarray, indices: Any, axis: Any = None, out: Any = None) -> ndarray:
    # Indices that are out of range wrap around.
    _calls.refuse_host((a, indices))
    found = made(np.array(np.take(bare(a), bare(indices), axis=axis, mode="wrap")))
    if out is not None:
        out._host[...] = found._host
        return out
    return found


ndarray.take = lambda self, indices, axis=None, out=None: take(self, indices, axis, out)  # type: ignore[attr-defined]

_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift", "divmod": "divmod", "matmul": "matmul",
}  # fmt: skip
_COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
                "ne": "not_equal"}  # fmt: skip


def _operator(name: str, reflected: Any = False, inplace: Any = False) -> Any:
    function = globals()[name]

    def operate(self: ndarray, other: Any) -> Any:
        if isinstance(other, np.ndarray) or not isinstance(
            other, ndarray | np.generic | int | float | complex | np.bool_
        ):
            if isinstance(other, np.ndarray):
                raise TypeError(f"Unsupported type {type(other)}")
            return NotImplemented
        if inplace:
            return function(self, other, out=self)
        return function(other, self) if reflected else function(self, other)

    return operate


for _short, _name in _OPERATORS.items():
    setattr(ndarray, f"__{_short}__", _operator(_name))
    setattr(ndarray, f"__r{_short}__", _operator(_name, reflected=True))
    if _short not in ("divmod",):
        setattr(ndarray, f"__i{_short}__", _operator(_name, inplace=True))
for _short, _name in _COMPARISONS.items():
    setattr(ndarray, f"__{_short}__", _operator(_name))
for _short, _name in {"neg": "negative", "abs": "absolute", "invert": "invert", "pos": "positive"}.items():
    if _name in globals():
        setattr(ndarray, f"__{_short}__", (lambda function: lambda self: function(self))(globals()[_name]))

from . import fft, linalg  # noqa: E402, F401

for _name in ("device", "memory", "pinned_memory", "stream"):
    importlib.import_module(f"{__name__}.cuda.{_name}")
