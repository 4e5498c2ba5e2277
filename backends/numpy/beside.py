"""Results that lie beside each other as what they belong to does, so that joining them is no work.

Queries, keys and values are mostly slices of one product. Where their cotangents are slices of one array in the same
way, the cotangent of that product is that array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def _step(arrays: Sequence[Array]) -> int:
    """Return how many bytes lie between slices of one array that are equally far apart; 0 for others."""
    first, *others = arrays
    base = first.base
    if base is None or not others:
        return 0
    for a in others:
        if a.base is not base or a.shape != first.shape or a.strides != first.strides or a.dtype != first.dtype:
            return 0
    places = [a.__array_interface__["data"][0] for a in arrays]
    step = places[1] - places[0]
    return step if step > 0 and places == list(range(places[0], places[-1] + 1, step)) else 0


def empty_beside(arrays: Sequence[Array]) -> list[Array]:
    """Return new arrays of the shapes and dtypes of some, beside each other as those are where they are."""
    first = arrays[0]
    step = _step(arrays) if first.size else 0
    if step:
        shape, strides = (len(arrays), *first.shape), (step, *first.strides)
        order = sorted(range(len(shape)), key=lambda i: (-strides[i], shape[i]))
        expected = first.itemsize
        for i in reversed(order):
            if shape[i] > 1 and strides[i] != expected:
                break
            expected *= shape[i]
        else:
            whole = np.empty([shape[i] for i in order], first.dtype)
            return list(whole.transpose([order.index(i) for i in range(len(shape))]))
    return [np.empty_like(a) for a in arrays]


def joined(arrays: Sequence[Array], axis: int) -> Array | None:
    """Return the array that arrays are the slices of, as a view of their memory; None where there is no such thing."""
    first = arrays[0]
    step = _step(arrays) if first.size else 0
    if not step or type(first.base) is not np.ndarray or not first.base.flags.c_contiguous:
        return None
    base = first.base
    offset = first.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    axis %= first.ndim + 1
    shape, strides = list(first.shape), list(first.strides)
    shape.insert(axis, len(arrays))
    strides.insert(axis, step)
    return np.ndarray(shape, first.dtype, base, offset, strides)
