"""Linear algebra of the stand-in, of the dtypes that CuPy's libraries take."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import _calls


def _of_four(function: Callable[..., Any]) -> Callable[..., Any]:
    """cuSOLVER has single and double precision."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        for array in _calls.arrays_in(arguments):
            if array.dtype.name in ("float16", "bfloat16"):
                raise TypeError(f"{array.dtype} is unsupported")
        return function(*arguments, **options)

    return call


globals().update({name: _of_four(function) for name, function in _calls.offered("linalg").items()})
