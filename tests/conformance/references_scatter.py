"""Scattering as explicit loops."""

from __future__ import annotations

from typing import Any

import numpy as np


def scatter(x: Any, index: Any, source: Any, *, axis: int) -> Any:
    found = np.array(x)
    for place in np.ndindex(*index.shape):
        target = list(place)
        target[axis] = index[place]
        found[tuple(target)] = source[place]
    return found


def scatter_reduce(x: Any, index: Any, source: Any, *, axis: int, reduce: str, include_self: bool) -> Any:
    groups: dict[tuple[int, ...], list[Any]] = {}
    for place in np.ndindex(*index.shape):
        target = list(place)
        target[axis] = index[place]
        key = tuple(int(i) for i in target)
        groups.setdefault(key, [x[key]] if include_self else []).append(source[place])
    found = np.array(x)
    for key, group in groups.items():
        values = np.asarray(group, dtype=x.dtype)
        if reduce == "mean":
            total = np.sum(values, dtype=x.dtype)
            found[key] = total // x.dtype.type(len(group)) if x.dtype.kind in "iu" else total / len(group)
        else:
            functions: dict[str, Any] = {"sum": np.sum, "prod": np.prod, "amax": np.max, "amin": np.min}
            function = functions[reduce]
            found[key] = function(values).astype(x.dtype)
    return found
