"""Indexing: `getitem` and `setitem` with their transposes, `take` and `embedding`.

A key is static: integers, None, Ellipsis, ``("slice", start, stop, step)`` and ``("array",)``, which stands for the next
of the index tensors.
"""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..errors import IndexOutOfRangeError, ShapeError
from .row import linear
from .tools import axis_index, check_indices, size_of

ARRAY = ("array",)


def native_key(key: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return a key without index arrays in Python's own terms, slices cut to the axes: the standard asks for both."""
    parts = expanded_key(key, len(shape))
    if sum(1 for part in parts if part is not None) > len(shape):
        raise IndexOutOfRangeError(f"slice: more indices are given than a tensor of shape {shape} has axes")
    sizes = iter(shape)
    found: list[Any] = []
    for part in parts:
        n = None if part is None else next(sizes)
        if not isinstance(part, tuple):
            found.append(part)
            continue
        start, stop, step = slice(*part[1:]).indices(n)  # type: ignore[arg-type]
        if not range(start, stop, step):
            start, stop, step = 0, 0, 1
        found.append(slice(start, stop if stop >= 0 else None, step))
    return tuple(found)


def _positions(xp: Any, shape: tuple[int, ...], key: Any, indices: Any) -> Any:
    """The flat position in `shape` of each element that a key selects, by arithmetic on the axes' own indices."""
    kind = _int64(xp)
    parts = expanded_key(key, len(shape))
    arrays = list(indices)
    advanced = [i for i, part in enumerate(parts) if part == ARRAY or (arrays and isinstance(part, int))]
    apart = bool(advanced) and advanced[-1] - advanced[0] + 1 != len(advanced)
    width = max((len(a.shape) for a in arrays), default=0)
    # Each output axis's size; the index arrays' axes come first where they lie apart, else in their place.
    sizes: list[int] = []
    where: list[int | None] = []
    group = 0 if apart else None
    if apart:
        sizes += [1] * width
    for i, part in enumerate(parts):
        if i in advanced:
            if group is None:
                group = len(sizes)
                sizes += [1] * width
            where.append(None)
        elif isinstance(part, int):
            where.append(None)
        else:
            where.append(len(sizes))
            sizes.append(1)
    total = xp.zeros((1,) * len(sizes), dtype=kind)
    axis, given = 0, iter(arrays)
    for i, part in enumerate(parts):
        if part is None:
            continue
        n = shape[axis]
        stride = size_of(shape[axis + 1 :])
        axis += 1
        if part == ARRAY:
            index = next(given)
            index = xp.astype(xp.where(index < 0, index + n, index), kind)
            lead = width - len(index.shape)
            line = [1] * len(sizes)
            line[group + lead : group + width] = list(index.shape)  # type: ignore[operator]
            total = total + xp.reshape(index, tuple(line)) * stride
        elif isinstance(part, int):
            total = total + (part % n if n else 0) * stride
        else:
            start, stop, step = slice(*part[1:]).indices(n)
            count = len(range(start, stop, step))
            line = [count if k == where[i] else 1 for k in range(len(sizes))]
            total = total + xp.reshape(xp.arange(count, dtype=kind) * (step * stride) + start * stride, tuple(line))
    return total


def expanded_key(key: Any, rank: int) -> list[Any]:
    """Return a key with its ellipsis spelled out, one part per axis and None."""
    used = sum(1 for k in key if k is not None and k is not Ellipsis)
    found: list[Any] = []
    for k in key if Ellipsis in key else (*key, Ellipsis):
        found += [("slice", None, None, None)] * (rank - used) if k is Ellipsis else [k]
    return found


def _int64(xp: Any) -> Any:
    return xp.device.best_native_dtype(dtypes.int64)


def _getitem_body(xp: Any, x: Any, indices: Any, *, key: Any) -> Any:
    places = _positions(xp, tuple(x.shape), key, indices)
    flat = xp.take(xp.reshape(x, (-1,) if size_of(tuple(x.shape)) else (0,)), xp.reshape(places, (-1,)), axis=0)
    return xp.reshape(flat, tuple(places.shape))


def _transpose_body(xp: Any, g: Any, indices: Any, *, x_shape: Any, key: Any) -> Any:
    if key == (ARRAY,):
        # One index tensor for the first axis: rows are added whole.
        (index,) = indices
        k = len(index.shape)
        rows = xp.reshape(g, (size_of(tuple(index.shape)), *x_shape[1:])) if k != 1 else g
        zeros = xp.zeros(x_shape, dtype=g.dtype)
        flat = xp.reshape(index, (-1,)) if k != 1 else index
        return xp.index_add(zeros, xp.where(flat < 0, flat + x_shape[0], flat), rows, axis=0)
    if not indices:
        return _put_back(xp, g, x_shape, key)
    places = xp.reshape(_positions(xp, x_shape, key, indices), (-1,))
    flat = xp.zeros((size_of(x_shape),), dtype=g.dtype)
    return xp.reshape(xp.index_add(flat, places, xp.reshape(g, (-1,)), axis=0), x_shape)


def _put_back(xp: Any, g: Any, x_shape: tuple[int, ...], key: Any) -> Any:
    """Put what integers and slices selected back in its place, with zeros between and around."""
    taken: list[range] = []
    for k in expanded_key(key, len(x_shape)):
        if k is None:
            continue
        n = x_shape[len(taken)]
        taken.append(range(k % n, k % n + 1) if isinstance(k, int) else range(n)[slice(*k[1:])])
    g = xp.reshape(g, tuple(map(len, taken)))
    if size_of(tuple(g.shape)) == 0:
        return xp.zeros(x_shape, dtype=g.dtype)
    for axis, (places, n) in enumerate(zip(taken, x_shape, strict=True)):
        if places.step < 0:
            g, places = xp.flip(g, axis=axis), places[::-1]
        count, step, first = len(places), places.step, places[0]
        before, after = (*g.shape[:axis],), (*g.shape[axis + 1 :],)
        if step > 1 and count > 1:
            gaps = xp.zeros((*before, count, step - 1, *after), dtype=g.dtype)
            wide = xp.concat([xp.expand_dims(g, axis=axis + 1), gaps], axis=axis + 1)
            g = xp.reshape(wide, (*before, count * step, *after))
            g = g[(*(slice(None),) * axis, slice(0, places[-1] - first + 1), *(slice(None),) * len(after))]
        parts = [xp.zeros((*before, m, *after), dtype=g.dtype) for m in (first, n - 1 - places[-1])]
        if first or n - 1 - places[-1]:
            g = xp.concat([parts[0], g, parts[1]], axis=axis)
    return g


# Elements of a table of which place names which element, beyond which places are sorted instead.
_LARGE_TABLE = 1 << 20


def _setitem_by_search(xp: Any, x: Any, values: Any, places: Any) -> Any:
    """Find each element among the sorted places; the last of equal ones was written last."""
    total = size_of(tuple(x.shape))
    order = xp.argsort(places)
    ranked = xp.take(places, order, axis=0)
    every = xp.arange(total, dtype=places.dtype)
    after = xp.searchsorted(ranked, every, None, side="right")
    last = xp.maximum(after - 1, xp.zeros_like(after))
    chosen = xp.take(values, xp.take(order, last, axis=0), axis=0)
    named = xp.take(ranked, last, axis=0) == every
    return xp.reshape(xp.where(named, chosen, xp.reshape(x, (total,))), tuple(x.shape))


def _setitem_body(xp: Any, x: Any, value: Any, indices: Any, *, key: Any) -> Any:
    """Without assignment: find for each element the last selected place that names it."""
    shape = tuple(x.shape)
    places = _positions(xp, shape, key, indices)
    values = xp.reshape(xp.broadcast_to(value, tuple(places.shape)), (-1,))
    n, total = size_of(tuple(places.shape)), size_of(shape)
    if n == 0 or total == 0:
        return xp.alias(x)
    if not indices or n * total > _LARGE_TABLE:
        return _setitem_by_search(xp, x, values, xp.reshape(places, (n,)))
    order = xp.arange(n, dtype=places.dtype)
    named = xp.expand_dims(xp.arange(total, dtype=places.dtype), axis=1) == xp.reshape(places, (1, n))
    last = xp.max(xp.where(named, order, xp.full((), -1, dtype=places.dtype)), axis=1)
    chosen = xp.take(values, xp.maximum(last, xp.zeros_like(last)), axis=0)
    return xp.reshape(xp.where(last >= 0, chosen, xp.reshape(x, (total,))), shape)


def _prepare_take(device: Any, x: Any, indices: Any, axis: Any) -> tuple[Any]:
    check_indices(device, indices, "take")
    if axis is None:
        if len(x.shape) != 1:
            raise ShapeError(f"take: axis is needed for a tensor of {len(x.shape)} axes")
        return (0,)
    return (axis_index(axis, len(x.shape), "take"),)


def _prepare_along(device: Any, x: Any, indices: Any, axis: Any) -> tuple[Any]:
    check_indices(device, indices, "take_along_axis")
    if len(indices.shape) != len(x.shape):
        raise ShapeError(
            f"take_along_axis: indices have {len(indices.shape)} axes, x has {len(x.shape)}; both need the same number"
        )
    return (axis_index(axis, len(x.shape), "take_along_axis"),)


def _from_the_front(xp: Any, index: Any, n: int) -> Any:
    """Indices counted from the first element, for rows that take no others."""
    return xp.where(index < 0, index + n, index)


def _take_transpose(xp: Any, g: Any, indices: Any, x_shape: Any, axis: Any) -> Any:
    k = len(indices.shape)
    flat = _from_the_front(xp, xp.reshape(indices, (-1,)) if k != 1 else indices, x_shape[axis])
    merged = g if k == 1 else xp.reshape(g, (*x_shape[:axis], size_of(tuple(indices.shape)), *x_shape[axis + 1 :]))
    return xp.index_add(xp.zeros(x_shape, dtype=g.dtype), flat, merged, axis=axis)


def _embedding_body(xp: Any, weight: Any, indices: Any, *, padding_idx: Any) -> Any:
    return xp.reshape(
        xp.take(weight, xp.reshape(indices, (-1,)), axis=0), (*tuple(indices.shape), *tuple(weight.shape)[1:])
    )


def _embedding_transpose(xp: Any, g: Any, indices: Any, weight_shape: Any, padding_idx: Any) -> Any:
    flat = xp.reshape(indices, (-1,))
    rows = xp.reshape(g, (size_of(tuple(indices.shape)), *weight_shape[1:]))
    total = xp.index_add(xp.zeros(weight_shape, dtype=g.dtype), flat, rows, axis=0)
    if padding_idx is None:
        return total
    kept = xp.arange(weight_shape[0], dtype=_int64(xp)) != padding_idx
    return total * xp.astype(xp.reshape(kept, (-1, 1)), g.dtype)


def _prepare_embedding(device: Any, weight: Any, indices: Any, padding_idx: Any) -> tuple[Any]:
    check_indices(device, indices, "embedding")
    if len(weight.shape) != 2:
        raise ShapeError(f"embedding: weight has 2 axes (entries, features), got shape {tuple(weight.shape)}")
    n = weight.shape[0]
    if padding_idx is not None:
        if not -n <= padding_idx < n:
            raise IndexOutOfRangeError(f"embedding: padding_idx {padding_idx} is out of range for {n} entries")
        padding_idx %= n
    return (padding_idx,)




def _whole_axis(xp: Any, size: int, x: Any, *, key: Any) -> Any:
    return xp.slice(x, key=(("slice", None, None, None), *key))


slice_row = linear(
    "slice", "x, /, *, key", "Return the elements that integers, slices, None and Ellipsis select.",
    transpose=lambda xp, g, x_shape, key: xp.getitem_transpose(g, [], x_shape=tuple(x_shape), key=key),
    body=lambda xp, x, *, key: x[native_key(key, tuple(x.shape))], batch=_whole_axis,
)  # fmt: skip
getitem = linear(
    "getitem", "x, [indices], /, *, key", "Return the elements that a key selects, as ``x[key]``.", promote=(),
    transpose=lambda xp, g, indices, x_shape, key, wants: (
        xp.getitem_transpose(g, list(indices), x_shape=tuple(x_shape), key=key), *(None,) * len(indices),
    ),
    body=_getitem_body, batch=None,
)  # fmt: skip
getitem_transpose = linear(
    "getitem_transpose", "g, [indices], /, *, x_shape, key",
    "Return zeros of shape `x_shape` with `g` added at the places that a key selects.", promote=(),
    transpose=lambda xp, g, indices, key, wants: (xp.getitem(g, list(indices), key=key), *(None,) * len(indices)),
    body=_transpose_body,
)  # fmt: skip
setitem = linear(
    "setitem", "x, value, [indices], /, *, key", "Return `x` with `value` written where a key selects.", promote=(),
    transpose=lambda xp, g, indices, key, wants: (
        xp.setitem(g, xp.zeros((), dtype=g.dtype), list(indices), key=key) if wants[0] else None,
        xp.getitem(g, list(indices), key=key) if wants[1] else None,
        *(None,) * len(indices),
    ),
    body=_setitem_body,
)  # fmt: skip
take = linear(
    "take", "x, indices, /, *, axis=None", "Return the slices along an axis that integers name.", promote=(),
    transpose=(_take_transpose, None), prepare=_prepare_take,
)  # fmt: skip
take_along_axis = linear(
    "take_along_axis", "x, indices, /, *, axis=-1", "Return along an axis the elements that an index tensor names.",
    promote=(), prepare=_prepare_along,
    transpose=(lambda xp, g, indices, x_shape, axis: _along_transpose(xp, g, indices, x_shape, axis), None),
    batch="axis",
)  # fmt: skip


def _along_transpose(xp: Any, g: Any, indices: Any, x_shape: Any, axis: Any) -> Any:
    # The other axes broadcast against each other.
    shape = tuple(g.shape)
    full = _from_the_front(xp, xp.broadcast_to(indices, shape), x_shape[axis])
    wide = tuple(x_shape[i] if i == axis else n for i, n in enumerate(shape))
    return xp.scatter_add(xp.zeros(wide, dtype=g.dtype), full, g, axis=axis)


embedding = linear(
    "embedding", "weight, indices, /, *, padding_idx=None",
    "Return the rows of `weight` that integers name; the row `padding_idx` gets no gradient.", promote=(),
    transpose=(_embedding_transpose, None), prepare=_prepare_embedding, body=_embedding_body,
)  # fmt: skip
