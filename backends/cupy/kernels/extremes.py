"""Where the greatest and the least elements stand, on a card: CuPy's own functions err among infinities and NaNs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..launch import MULTIPROCESSORS, THREADS, TYPES, Launcher, int64, name_of, threads_for

# Shorter rows are given to single threads; longer ones are cut, where there are few.
_SHORT, _LONG = 32, 1 << 15
_FEW = 4 * MULTIPROCESSORS


def kernels(gpu: Launcher) -> dict[str, Any]:
    """Return the kernels by row."""

    def extreme(x: Any, axis: int | None, keepdims: bool, most: bool) -> Any:
        shape = x.shape
        if axis is not None and not -len(shape) <= axis < len(shape):
            return NotImplemented
        x = gpu.contiguous(x)
        if axis is None:
            x, axis, rest, kept = x.reshape(-1), 0, (), (1,) * len(shape)
        else:
            axis %= len(shape)
            rest, kept = shape[:axis] + shape[axis + 1 :], (*shape[:axis], 1, *shape[axis + 1 :])
        width, after = x.shape[axis], math.prod(x.shape[axis + 1 :])
        kind, rows = TYPES.get(name_of(x.dtype)), math.prod(rest)
        if kind is None or not width:
            return NotImplemented
        out = gpu.empty(kept if keepdims else rest, np.int64)
        kinds = f"<{kind}, {'true' if most else 'false'}>"
        if after > 1 and rows < _FEW * THREADS and width > _SHORT:
            # Too few threads would each have a long way down their column.
            x, after = gpu.contiguous(gpu.xp.moveaxis(x, axis, -1)), 1
        if after > 1 or width < _SHORT:
            gpu.run_each(
                "extremes", f"extreme_of_columns{kinds}", rows, x, out, int64(rows), int64(width), int64(after)
            )
            return out
        parts = -(-width // _LONG) if rows < _FEW else 1
        part = -(-width // parts)
        places = out if parts == 1 else gpu.empty((rows, parts), np.int64)
        told = (int64(width), int64(part), int64(parts))
        gpu.run("extremes", f"extreme_of_rows{kinds}", rows * parts, threads_for(part), x, places, *told)
        if parts > 1:
            ends = (int64(width), int64(parts))
            gpu.run("extremes", f"extreme_of_parts{kinds}", rows, threads_for(parts), x, places, out, *ends)
        return out

    def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
        return extreme(x, axis, keepdims, most=True)

    def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
        return extreme(x, axis, keepdims, most=False)

    return {"argmax": argmax, "argmin": argmin}
