"""Linear algebra of the stand-in, of the dtypes that CuPy's libraries take."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import cupyx
import numpy as np

from . import _calls
from ._array import made
from .cuda import counts

# Whose routines tell whether there is an answer.
_INFORMED = {"cholesky", "eigh", "eigvalsh", "inv", "qr", "solve", "svd"}


def _of_four(function: Callable[..., Any]) -> Callable[..., Any]:
    """cuSOLVER has single and double precision."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        for array in _calls.arrays_in(arguments):
            if array.dtype.name in ("float16", "bfloat16"):
                raise TypeError(f"{array.dtype} is unsupported")
        if cupyx.config.linalg == "raise" and function.__name__ in _INFORMED:
            counts["synchronisations"] += 1
            return function(*arguments, **options)
        try:
            return function(*arguments, **options)
        except np.linalg.LinAlgError:
            # Nobody looks at what cuSOLVER says, and its results are anything.
            first, *others = arguments
            easy = np.broadcast_to(np.eye(*first.shape[-2:], dtype=first.dtype), first.shape)
            found = function(made(easy.copy()), *others, **options)
            for array in _calls.arrays_in(found):
                array.fill(np.nan)
            return found

    return call


def _alike(function: Callable[..., Any]) -> Callable[..., Any]:
    """CuPy repeats no stack of matrices for another."""

    @functools.wraps(function)
    def call(a: Any, b: Any) -> Any:
        if b.ndim > 1 and a.shape[:-1] != b.shape[:-1]:
            raise ValueError("a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b")
        return function(a, b)

    return call


globals().update({name: _of_four(function) for name, function in _calls.offered("linalg").items()})
solve = _alike(globals()["solve"])
