"""Generators of valid calls, one per kind of signature. A row's ``samples=`` names one, or one has the row's name.

Elementwise rows name domains instead ("real", "positive, (-1, 1)"): arrays that broadcast, one domain per operand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from candelabra.conformance.drawing import DOMAINS, Draw, Sample
from candelabra.conformance.families import find
from candelabra.conformance.references import native_key
from candelabra.core.primitives.row import Row

_DOMAIN = re.compile(r"\([^)]*\)|\w+")


def sample(row: Row, d: Draw) -> Sample:
    """Draw one valid call of a row."""
    generator = generator_of(row)
    if generator is not None:
        return generator(d)
    domains = domains_of(row)
    count = len(row.operands)
    domains = domains * count if len(domains) == 1 else domains
    shapes = d.broadcastable(count) if count > 1 else [d.shape()]
    operands: list[Any] = [d.array(s, domain) for s, domain in zip(shapes, domains, strict=True)]
    if count == 2 and d.integer(0, 3) == 3:
        # A Python scalar on one side.
        side = d.integer(0, 1)
        operands[side] = d.array((), domains[side]).item()
    return Sample(tuple(operands))


def generator_of(row: Row) -> Callable[[Draw], Sample] | None:
    """Return the generator that a row names, or that has its name."""
    if callable(row.samples):
        return row.samples
    name = f"draw_{row.samples or row.name}"
    return globals().get(name) or find("samples_", name)


def domains_of(row: Row) -> list[str]:
    """Return the domains that an elementwise row names."""
    if callable(row.samples):
        return []
    found = _DOMAIN.findall(row.samples or ("real" if row.batch == "elementwise" else ""))
    return found if all(part in DOMAINS or part.startswith("(") for part in found) else []


# Elementwise operations with more than arrays.


def draw_shift(d: Draw) -> Sample:
    """Bits to shift, and by how many places."""
    one, two = d.broadcastable(2)
    return Sample((d.array(one, "(0, 7)"), d.array(two, "(0, 4)")))


def draw_clip(d: Draw) -> Sample:
    full = d.shape()
    low = d.array(full[d.cut(full) :], "(-2, 0)") if d.flag() else None
    high = d.array(full[d.cut(full) :], "(0.1, 2)") if d.flag() else None
    return Sample((d.array(full), low, high))


def draw_where(d: Draw) -> Sample:
    a, b, c = d.broadcastable(3)
    return Sample((d.array(a, dtype="bool"), d.array(b), d.array(c)))


def draw_astype(d: Draw) -> Sample:
    # Where there are no double precision operands there may be no such results either.
    double = d.dtype.name in ("float64", "complex128")
    targets = ["complex128", "complex64"] if double else ["complex64"]
    if d.kind != "c":
        targets = ["float64", "float32", *targets] if double else ["float32", *targets]
        targets += [] if d.smooth else ["int32", "int64", "bool"]
    target = d.choice([t for t in targets if not d.smooth or t in ("float64", "complex128") or not double])
    return Sample((d.array(d.shape()),), {"dtype": target})


def _activation(**options: tuple[Any, ...]) -> Callable[[Draw], Sample]:
    def generate(d: Draw) -> Sample:
        return Sample((d.array(d.shape()),), {name: d.choice(values) for name, values in options.items()})

    return generate


draw_softplus = _activation(beta=(1.0, 2.5), threshold=(20.0, 1.5))
draw_gelu = _activation(approximate=("none", "tanh"))
draw_leaky_relu = _activation(negative_slope=(0.01, 0.3))


def draw_paired(d: Draw) -> Sample:
    """Two arrays of one shape and a reduction."""
    shape = d.shape(empty=False)
    return Sample((d.array(shape), d.array(shape)), {"reduction": d.choice(("mean", "sum", "none"))})


# Reductions.


def _reduction(low: int = 0, *, empty: bool = True, domain: str = "real") -> Callable[[Draw], Sample]:
    def generate(d: Draw) -> Sample:
        shape = d.shape(low, empty=empty)
        return Sample((d.array(shape, domain),), {"axis": d.axes(len(shape)), "keepdims": d.flag()})

    return generate


draw_reduction = _reduction()
draw_extremum = _reduction(empty=False)
draw_product = _reduction(domain="nonzero")


def draw_variance(d: Draw) -> Sample:
    shape = tuple(n + 1 for n in d.shape(1, empty=False))
    axis = d.axes(len(shape))
    return Sample(
        (d.array(shape),),
        {"axis": None if axis == () else axis, "keepdims": d.flag(), "correction": d.choice((0.0, 1.0))},
    )


def draw_arg(d: Draw) -> Sample:
    """One axis or none, of at least one element."""
    shape = d.shape(empty=False)
    axis = d.axis(len(shape)) if shape and d.flag() else None
    return Sample((d.array(shape),), {"axis": axis, "keepdims": d.flag()})


def draw_cumulative(d: Draw) -> Sample:
    shape = d.shape(1)
    axis = None if len(shape) == 1 and d.flag() else d.axis(len(shape))
    return Sample((d.array(shape),), {"axis": axis, "include_initial": d.flag()})


def draw_along(d: Draw) -> Sample:
    """One axis of at least one element: softmax and its kin."""
    shape = d.shape(0, empty=False)
    return Sample((d.array(shape),), {"axis": d.axis(max(len(shape), 1))})


# Shapes.


def draw_reshape(d: Draw) -> Sample:
    shape = d.shape()
    total = int(np.prod(shape))
    choices: list[Any] = [(total,), (1, total), (-1,) if total else (0,)]
    choices += [(2, total // 2), (2, -1)] if total and total % 2 == 0 else [shape]
    return Sample((d.array(shape),), {"shape": d.choice(choices)})


def draw_broadcast_to(d: Draw) -> Sample:
    one, two = d.broadcastable(2)
    return Sample((d.array(one),), {"shape": np.broadcast_shapes(one, two)})


def draw_permute_dims(d: Draw) -> Sample:
    shape = d.shape()
    axes = tuple(int(i) for i in d.values.permutation(len(shape)))
    return Sample((d.array(shape),), {"axes": tuple(a - len(shape) for a in axes) if d.flag() else axes})


def draw_moveaxis(d: Draw) -> Sample:
    shape = d.shape(1)
    rank = len(shape)
    if d.flag():
        return Sample((d.array(shape),), {"source": d.axis(rank), "destination": d.axis(rank)})
    count = d.integer(1, rank)
    source, target = (tuple(int(i) for i in d.values.permutation(rank)[:count]) for _ in range(2))
    return Sample((d.array(shape),), {"source": source, "destination": target})


def draw_matrices(d: Draw) -> Sample:
    return Sample((d.array(d.shape(2)),))


def draw_triangle(d: Draw) -> Sample:
    return Sample((d.array(d.shape(2)),), {"k": d.integer(-2, 2)})


def draw_expand_dims(d: Draw) -> Sample:
    shape = d.shape()
    return Sample((d.array(shape),), {"axis": d.axis(len(shape) + 1) if d.flag() else (0, -1)})


def draw_squeeze(d: Draw) -> Sample:
    shape = tuple(1 if d.flag() else n for n in d.shape(1))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    chosen: Any = ones if not ones or d.flag() else ones[0] - len(shape)
    return Sample((d.array(shape),), {"axis": chosen})


def draw_flip(d: Draw) -> Sample:
    shape = d.shape()
    return Sample((d.array(shape),), {"axis": d.axes(len(shape))})


def draw_roll(d: Draw) -> Sample:
    shape = d.shape()
    if not shape or d.flag():
        return Sample(
            (d.array(shape),),
            {"shift": d.integer(-5, 5), "axis": None if d.flag() or not shape else d.axis(len(shape))},
        )
    axes = tuple(range(len(shape)))
    return Sample((d.array(shape),), {"shift": tuple(d.integer(-3, 3) for _ in axes), "axis": axes})


def draw_concat(d: Draw) -> Sample:
    shape = d.shape(1)
    count = d.integer(1, 3)
    if d.integer(0, 3) == 3:
        return Sample(([d.array(d.shape()) for _ in range(count)],), {"axis": None})
    axis = d.axis(len(shape))
    shapes = [tuple(d.side(0) if i == axis % len(shape) else n for i, n in enumerate(shape)) for _ in range(count)]
    return Sample(([d.array(s) for s in shapes],), {"axis": axis})


def draw_stack(d: Draw) -> Sample:
    shape = d.shape()
    return Sample(([d.array(shape) for _ in range(d.integer(1, 3))],), {"axis": d.axis(len(shape) + 1)})


def draw_unstack(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    return Sample((d.array(shape),), {"axis": d.axis(len(shape))})


def draw_tile(d: Draw) -> Sample:
    return Sample((d.array(d.shape()),), {"repetitions": tuple(d.integer(1, 2) for _ in range(d.integer(0, 3)))})


def draw_repeat(d: Draw) -> Sample:
    shape = d.shape()
    axis = d.axis(len(shape)) if shape and d.flag() else None
    return Sample((d.array(shape),), {"repeats": d.integer(1 if d.smooth else 0, 3), "axis": axis})


# Indexing.


def _key(
    d: Draw, shape: tuple[int, ...], *, arrays: bool = True, distinct: bool = False
) -> tuple[tuple[Any, ...], list[np.ndarray]]:
    """Draw a key, and the index arrays that its ``("array",)`` stand for."""
    key: list[Any] = []
    found: list[np.ndarray] = []
    common = tuple(d.integer(1, 2) for _ in range(d.integer(0, 2)))
    given = d.integer(0, len(shape))
    dots = d.integer(0, given) if d.flag() or given < len(shape) else None
    for i in range(given):
        if dots == i:
            key.append(Ellipsis)
        n = shape[i] if dots is None or i < dots else shape[len(shape) - given + i]
        what = d.integer(0, 4)
        if what == 0:
            key.append(d.integer(-n, n - 1))
        elif what == 1:
            step = d.choice((1, 2, -1, -2))
            key.append(("slice", d.choice((None, 1, -2)), d.choice((None, n, -1)), step))
        elif what == 2 and arrays and not (distinct and found):
            key.append(("array",))
            small = min(n, 2) if distinct else n
            if distinct:
                found.append(np.asarray(d.values.permutation(n)[:small], dtype="int64"))
            else:
                found.append(d.indices(common if not found or d.flag() else (), n))
        elif what == 3:
            key += [None, ("slice", None, None, None)]
        else:
            key.append(("slice", None, None, None))
    if dots == given:
        key.append(Ellipsis)
    return tuple(key), found


def draw_slice(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    key, _ = _key(d, shape, arrays=False)
    return Sample((d.array(shape),), {"key": key})


def draw_getitem(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    key, arrays = _key(d, shape)
    return Sample((d.array(shape), arrays), {"key": key})


def draw_getitem_transpose(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    key, arrays = _key(d, shape)
    selected = np.zeros(shape)[native_key(key, arrays)].shape
    return Sample((d.array(selected), arrays), {"x_shape": shape, "key": key})


def draw_setitem(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    # Where a place is named twice the last value stays, and the gradient has a convention.
    key, arrays = _key(d, shape, distinct=d.smooth)
    selected = np.zeros(shape)[native_key(key, arrays)].shape
    value = d.array(selected if d.flag() else ())
    return Sample((d.array(shape), value, arrays), {"key": key})


def draw_take(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    axis = d.axis(len(shape))
    indices = d.indices((d.side(0),), shape[axis])
    return Sample((d.array(shape), indices), {"axis": None if len(shape) == 1 and d.flag() else axis})


def draw_take_along_axis(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    axis = d.axis(len(shape))
    wide = tuple(d.side() if i == axis % len(shape) else n for i, n in enumerate(shape))
    return Sample((d.array(shape), d.indices(wide, shape[axis])), {"axis": axis})


def _below(d: Draw, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(d.side() if i == axis % len(shape) else d.integer(1, n) for i, n in enumerate(shape))


def draw_gather(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    axis = d.axis(len(shape))
    return Sample((d.array(shape), d.indices(_below(d, shape, axis), shape[axis], negative=False)), {"axis": axis})


def draw_scatter_add(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    axis = d.axis(len(shape))
    where = _below(d, shape, axis)
    index = d.indices(where, shape[axis], negative=False)
    source = tuple(n + d.integer(0, 1) for n in where)
    return Sample((d.array(shape), index, d.array(source)), {"axis": axis})


def draw_index_add(d: Draw) -> Sample:
    shape = d.shape(1, empty=False)
    axis = d.axis(len(shape))
    index = d.indices((d.side(0),), shape[axis], negative=False)
    source = tuple(index.shape[0] if i == axis % len(shape) else n for i, n in enumerate(shape))
    return Sample((d.array(shape), index, d.array(source)), {"axis": axis})


def draw_embedding(d: Draw) -> Sample:
    entries = d.integer(1, 4)
    statics = {"padding_idx": None if d.smooth or d.flag() else d.axis(entries)}
    return Sample((d.array((entries, d.side())), d.indices(d.shape(), entries, negative=False)), statics)


# Sorting and sets.


def draw_sort(d: Draw) -> Sample:
    shape = d.shape(1)
    return Sample((d.array(shape),), {"axis": d.axis(len(shape)), "descending": d.flag(), "stable": True})


def draw_searchsorted(d: Draw) -> Sample:
    line = d.array((d.side(0, 6),))
    order = np.argsort(line, stable=True)
    sorter = np.asarray(order, dtype="int64") if d.flag() else None
    return Sample(
        (line if sorter is not None else line[order], d.array(d.shape()), sorter), {"side": d.choice(("left", "right"))}
    )


def draw_repeated(d: Draw) -> Sample:
    """Few distinct values, some of them zero."""
    return Sample(
        (np.round(d.array(d.shape(1), "(-2, 2)").astype("int64" if d.kind == "b" else d.dtype)).astype(d.dtype),)
    )


# Products.


def draw_matmul(d: Draw) -> Sample:
    n, m, k = d.side(0), d.side(0), d.side(0)
    lead, rest = d.broadcastable(2)
    left = (k,) if d.integer(0, 3) == 3 else (*lead[:2], n, k)
    right = (k,) if d.integer(0, 3) == 3 else (*rest[:2], k, m)
    try:
        np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        right = right[-2:]
    return Sample((d.array(left), d.array(right)))


def draw_vecdot(d: Draw) -> Sample:
    one, two = d.broadcastable(2)
    k = d.side(0)
    axis = -d.integer(1, min(len(one), len(two)) + 1)
    one, two = (s[: len(s) + axis + 1] + (k,) + s[len(s) + axis + 1 :] for s in (one, two))
    return Sample((d.array(one), d.array(two)), {"axis": axis})
