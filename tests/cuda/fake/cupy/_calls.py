"""NumPy's functions as CuPy offers them: its names, its parameters, its ufuncs' types, arrays of cards alone."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from . import _manners
from ._array import bare, made, ndarray, reach, view
from .cuda import counts

OFFERS = json.loads((Path(__file__).parent / "offers.json").read_text())
WAITS = {
    "allclose": 1, "argwhere": 1, "array_equal": 1, "compress": 1, "extract": 1, "flatnonzero": 1, "nonzero": 1,
    "unique": 1, "unique_values": 1, "unique_counts": 1, "unique_inverse": 1, "unique_all": 1, "trim_zeros": 1,
    "delete": 1, "bincount": 1, "array_equiv": 1, "place": 1, "copyto": 0, "in1d": 1, "union1d": 1, "setdiff1d": 1,
    "intersect1d": 1, "setxor1d": 1, "histogram": 1,
}  # fmt: skip
# What CuPy accumulates in float32 for 16-bit floats.
IN_FLOAT32 = {"sum", "prod", "mean", "var", "std", "nansum", "nanprod", "nanmean"}
_BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def arrays_in(value: Any) -> list[ndarray]:
    """Return the arrays among a call's arguments."""
    if isinstance(value, ndarray):
        return [value]
    if isinstance(value, tuple | list):
        return [a for v in value for a in arrays_in(v)]
    if isinstance(value, dict):
        return [a for v in value.values() for a in arrays_in(v)]
    return []


def refuse_host(value: Any) -> None:
    """CuPy does not take NumPy's arrays where it computes."""
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        for v in value:
            refuse_host(v)


def wrap(found: Any, given: list[ndarray]) -> Any:
    """Return what NumPy gave as CuPy gives it: arrays of the card, 0-d ones for scalars, views for views."""
    if isinstance(found, np.ndarray):
        for array in given:
            if found is array._host:
                return array
        if found.base is None or found.dtype == object:
            return made(found)
        for array in given:
            if np.may_share_memory(found, array._host) and np.shares_memory(found, array._host, max_work=10**6):
                return view(array, found)
        return made(found.copy(order="K"))
    if isinstance(found, np.generic):
        return made(np.array(found))
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return type(found)(*(wrap(f, given) for f in found))
    if isinstance(found, tuple | list):
        return type(found)([wrap(f, given) for f in found])
    return found


class ufunc:
    """An elementwise function with the loops that CuPy has."""

    def __init__(self, name: str, types: str) -> None:
        self.__name__ = self.name = name
        self.types = types.split()
        self._loops = [tuple(map(_dtypes, loop.split("->"))) for loop in self.types]
        self.nin, self.nout = len(self._loops[0][0]), len(self._loops[0][1])
        self._numpy = getattr(np, name)

    def __call__(self, *operands: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind") -> Any:
        if len(operands) > self.nin:
            operands, out = operands[: self.nin], operands[self.nin]
        refuse_host(operands)
        takes, gives = self._loop(operands, dtype)
        values = [
            # Python's integers have to fit, as in NumPy.
            np.asarray(x, dtype=t) if type(x) is int else np.asarray(bare(x)).astype(t, copy=False)
            for x, t in zip(operands, takes, strict=True)
        ]
        counts["calls"] += 1
        with np.errstate(all="ignore"):
            try:
                found = _manners.answer(self.name, values)
                found = self._numpy(*values) if found is None else found
            except TypeError:
                # NumPy has no loop for a type that CuPy has one for.
                found = self._numpy(*[v.astype(np.float32) if v.dtype.itemsize == 2 else v for v in values])
        found = found if isinstance(found, tuple) else (found,)
        results = [np.array(f, dtype=g, copy=None) for f, g in zip(found, gives, strict=True)]
        if out is not None:
            out = out if isinstance(out, tuple) else (out,)
            for target, value in zip(out, results, strict=True):
                if not np.can_cast(value.dtype, target.dtype, casting):
                    raise TypeError(f"output (typecode '{value.dtype.char}') could not be coerced to provided output "
                                    f"parameter (typecode '{target.dtype.char}') according to {casting!r}")  # fmt: skip
                reach(target)
                target._host[...] = value
            return out[0] if self.nout == 1 else out
        wrapped = [made(r) for r in results]
        return wrapped[0] if self.nout == 1 else tuple(wrapped)

    def _loop(self, operands: Any, dtype: Any) -> tuple[Any, Any]:
        if dtype is not None:
            dtype = np.dtype(dtype)
            for takes, gives in self._loops:
                if gives[0] == dtype:
                    return takes, gives
            raise TypeError(f"No matching signature found for ufunc {self.name!r} with dtype {dtype}")
        known = [x.dtype for x in operands if isinstance(x, ndarray | np.generic)]
        weak = [x for x in operands if not isinstance(x, ndarray | np.generic)]
        wide = np.result_type(*known, *weak) if known or weak else None
        want = [x.dtype if isinstance(x, ndarray | np.generic) else wide for x in operands]
        for takes, gives in self._loops:
            if all(_fits(w, t) for w, t in zip(want, takes, strict=True)):
                return takes, gives
        raise TypeError(f"ufunc {self.name!r} not supported for the input types ({', '.join(map(str, want))})")

    def at(self, array: ndarray, index: Any, value: Any) -> None:
        """Only what CuPy adds, or takes the extremes of, by atomics."""
        allowed = {"add": "ilfdeIL", "subtract": "ilfdIL", "maximum": "ilfdIL", "minimum": "ilfdIL"}.get(self.name, "")
        if array.dtype.char not in allowed:
            raise TypeError(f"{self.name}.at does not support {array.dtype}")
        reach(array)
        self._numpy.at(array._host, bare(index), bare(value))

    def __repr__(self) -> str:
        return f"<ufunc {self.name!r}>"


def _dtypes(chars: str) -> list[np.dtype]:
    return [_BFLOAT16 if c == "E" else np.dtype(c) for c in chars]


def _fits(given: Any, taken: Any) -> bool:
    if given is not None and _BFLOAT16 in (given, taken) and given != taken:
        # bfloat16 and float16 meet in float32.
        return np.can_cast(given, taken) and taken.kind in "fcV"
    return given is None or bool(np.can_cast(given, taken))


def _is_narrow(dtype: Any) -> bool:
    return np.dtype(dtype).itemsize == 2 and np.dtype(dtype).kind in "fV"


def function(name: str, parameters: str, numpys: Callable[..., Any]) -> Callable[..., Any]:
    """Return one of NumPy's functions with CuPy's parameters."""
    signature = inspect.signature(eval(f"lambda {parameters}: None"))
    takes_all = parameters.startswith("*")

    def call(*arguments: Any, **options: Any) -> Any:
        if not takes_all:
            signature.bind(*arguments, **options)
        refuse_host(arguments)
        given = arrays_in((arguments, options))
        counts["calls"] += 1
        counts["synchronisations"] += WAITS.get(name, 0)
        if name == "where" and len(arguments) == 1:
            counts["synchronisations"] += 1
        out = options.get("out")
        asked = {k: bare(v) for k, v in options.items() if k != "blocking"}
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # Of slices without elements or degrees of freedom CuPy says nothing.
            warnings.simplefilter("ignore", RuntimeWarning)
            if name in IN_FLOAT32 and _is_narrow(given[0].dtype) and _is_narrow(asked.get("dtype") or given[0].dtype):
                wide = [x.astype(np.float32) if x is given[0]._host else x for x in bare(arguments)]
                to = asked.pop("dtype", None) or given[0].dtype
                found = np.asarray(numpys(*wide, **asked)).astype(to)
            else:
                found = numpys(*bare(arguments), **asked)
        return out if out is not None else wrap(found, given)

    call.__name__ = call.__qualname__ = name
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


def offered(place: str) -> dict[str, Any]:
    """Return the functions of one of CuPy's namespaces, by NumPy's of the same names."""
    numpys = getattr(np, place) if place else np
    found: dict[str, Any] = {}
    for name, about in OFFERS[place].items():
        theirs = getattr(numpys, name, None)
        if theirs is None:
            continue
        if "->" in about and not place:
            found[name] = ufunc(name, about)
        else:
            found[name] = function(name, about, theirs)
    return found
