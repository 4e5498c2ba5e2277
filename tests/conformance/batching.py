"""`vmap` of a row against a Python loop: operands batched and shared, along the first and the last axis, nested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from candelabra import func
from candelabra.conformance.checks import arrays_in
from candelabra.conformance.drawing import Sample
from candelabra.conformance.subject import Subject, assert_close, host
from candelabra.core.tensor import Tensor


def _filled(operands: Any, rest: Any) -> Any:
    return [
        _filled(o, rest) if isinstance(o, list) else next(rest) if isinstance(o, np.ndarray) else o for o in operands
    ]


# Rows whose matrices must be positive definite, which they remain under factors alone.
DEFINITE = frozenset(("cholesky",))


def variants(array: np.ndarray, size: int, row: str, place: int) -> list[np.ndarray]:
    """Return arrays that are as valid as the one given: its elements in other places, or multiplied."""
    if row == "searchsorted" and place == 2:
        # An order fits the values that it sorts.
        return [array] * size
    if row in DEFINITE or row == "searchsorted":
        return [np.asarray(array * (k + 1)).astype(array.dtype) for k in range(size)]
    return [np.roll(array.reshape(-1), k).reshape(array.shape) for k in range(size)]


def check_vmap(subject: Subject, sample: Sample, axes: Sequence[int | None], size: int = 3) -> None:
    """Mapping gives what a loop gives."""
    arrays = arrays_in(sample.operands)
    statics = subject.statics(sample)
    name = subject.row.name
    rows = [
        [a] * size if axis is None else variants(a, size, name, place)
        for place, (a, axis) in enumerate(zip(arrays, axes, strict=True))
    ]

    def function(*tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(subject.call(_filled(sample.operands, iter(tensors)), statics))

    wanted = [[host(o) for o in function(*[subject.tensor(r[k]) for r in rows])] for k in range(size)]
    given = [
        subject.tensor(a if axis is None else np.stack(r, axis=axis))
        for a, r, axis in zip(arrays, rows, axes, strict=True)
    ]
    found = func.vmap(function, in_axes=tuple(axes))(*given)
    _compare(subject, found, [np.stack(w) for w in zip(*wanted, strict=True)], f"vmap, in_axes {tuple(axes)}", sample)
    # Twice: one axis inside another.
    inner = tuple(None if axis is None else 0 for axis in axes)
    twice = func.vmap(func.vmap(function, in_axes=inner), in_axes=inner)
    nested = [
        subject.tensor(a if axis is None else np.stack([np.stack(r), np.stack(r[::-1])]))
        for a, r, axis in zip(arrays, rows, axes, strict=True)
    ]
    stacked = [np.stack([np.stack(w), np.stack(w[::-1])]) for w in zip(*wanted, strict=True)]
    _compare(subject, twice(*nested), stacked, "vmap of vmap", sample)


def _compare(subject: Subject, found: Any, wanted: Any, how: str, sample: Sample) -> None:
    for f, w in zip(found, wanted, strict=True):
        what = f"{how} of {subject.row.name} at {sample}"
        assert f.device is subject.device, f"{what}: on {f.device!r}"
        assert_close(host(f), w, f.dtype.name, what, 8 * subject.row.tolerance)
