"""Attention, some rows of a head at a time, so that their scores stay in the second-level cache.

Products are made by a block of the result that stays in registers, which numbers of one operand and vectors of the
other are multiplied into. That other one lies in panels as broad as a block, one below the other, and everything is
filled up with zeros, so that there are no partial blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiled import signature
from .mathematics import exp_negative, inlined, largest
from .vectors import load, per_line, splat, spread, store, straight

ANY_ORDER = {"fastmath": {"contract", "reassoc"}}

ROWS, VECTORS = 8, 2
"""A block of the result: sixteen vectors, half the registers that AVX-512 has."""


def _block(rows: int, vectors: int) -> Any:
    """Return a compiled function that makes a block of a product, or adds one to what is there."""
    columns, places = range(vectors), [(i, j) for i in range(rows) for j in range(vectors)]
    lines = ["def block(a, at, down, along, b, begin, inner, c, to, next, more):", "    lanes = per_line(c)"]
    lines += ["    nothing = splat(c.dtype.type(0))"]
    lines += [f"    c{i}_{j} = load(c, to + {i} * next + {j} * lanes) if more else nothing" for i, j in places]
    lines += ["    for _ in range(inner):"]
    lines += [f"        b{j} = load(b, begin + {j} * lanes)" for j in columns]
    for i in range(rows):
        lines += [f"        s = spread(a, at + {i} * down)"]
        lines += [f"        c{i}_{j} = c{i}_{j} + s * b{j}" for j in columns]
    lines += ["        at += along", f"        begin += {vectors} * lanes"]
    lines += [f"    store(c, to + {i} * next + {j} * lanes, c{i}_{j})" for i, j in places]
    scope = {"load": load, "per_line": per_line, "splat": splat, "spread": spread, "store": store}
    exec("\n".join(lines), scope)
    return inlined(scope["block"])


_fill = _block(ROWS, VECTORS)


@inlined
def up(n, to):
    """The least multiple that is not less."""
    return (n + to - 1) // to * to


@inlined
def product(a, at, down, along, b, tall, c, to, next, rows, columns, inner, more):
    """c = a b, or c += a b: numbers of a lie `down` and `along` apart, panels of b are `tall`, rows of c `next` apart.
    """
    wide = VECTORS * per_line(c)
    for j in range(0, columns, wide):
        for i in range(0, rows, ROWS):
            _fill(a, at + i * down, down, along, b, j * tall, inner, c, to + i * next + j, next, more)


@inlined
def to_panels(line, panels, tall, i, factor):
    """Put a row times a factor where it belongs in panels."""
    wide = VECTORS * per_line(panels)
    for begin in range(0, line.size, wide):
        part = line[begin : begin + wide]
        room = panels[begin * tall + i * wide : begin * tall + i * wide + part.size]
        for j in range(part.size):
            room[j] = part[j] * factor


@inlined
def to_panels_turned(line, panels, tall, i):
    """Put a row where it belongs as a column in panels."""
    wide = VECTORS * per_line(panels)
    room = panels[i // wide * wide * tall + i % wide :]
    for j in range(line.size):
        room[j * wide] = line[j]


@inlined
def copy(line, room, factor):
    for j in range(line.size):
        room[j] = line[j] * factor


@inlined
def sizes(length, keys, features, values, lanes):
    """What is filled up: rows of scores, their columns, and how far rows are apart; features and values."""
    wide = VECTORS * lanes
    columns = up(up(keys, ROWS), wide)
    # Rows that lie a large power of two apart would push each other out of the first-level cache.
    apart = columns if columns % 256 else columns + lanes
    return up(length, ROWS), columns, apart, up(features, wide), up(values, wide)


@signature(
    "void(intp, intp, T[:, :, :, :], T[:, :, :, :], T[:, :, :, :], T[:, :, :, :], T, boolean, boolean, boolean, intp, "
    "T[:, :, :, :], T[::1])",
    **ANY_ORDER,
)
def attention(start, stop, q, k, v, bias, scale, biased, causal, kept, some, out, weights):
    heads, length, features = q.shape[1:]
    keys, values = v.shape[2:]
    zero, one, lowest = q.dtype.type(0), q.dtype.type(1), q.dtype.type(np.finfo(q.dtype).min)
    rows, columns, apart, wide, deep = sizes(length, keys, features, values, per_line(weights))
    query, key = np.zeros(some * wide, q.dtype), np.zeros(features * columns, q.dtype)
    value, result = np.zeros(keys * deep, q.dtype), np.empty(some * deep, q.dtype)
    scores = weights if kept else np.empty(some * apart, q.dtype)
    for t in range(start, stop):
        a, h = t // heads, t % heads
        for i in range(keys):
            to_panels_turned(straight(k[a, h, i]), key, features, i)
            to_panels(straight(v[a, h, i]), value, keys, i, one)
        for begin in range(0, length, some):
            count = min(some, length - begin)
            tall = up(count, ROWS)
            to = (t * rows + begin) * apart if kept else 0
            for i in range(count):
                copy(straight(q[a, h, begin + i]), query[i * wide : i * wide + features], scale)
            product(query, 0, wide, 1, key, features, scores, to, apart, tall, columns, features, False)
            for i in range(count):
                seen = min(begin + i + 1, keys) if causal else keys
                line = scores[to + i * apart : to + i * apart + columns]
                part = line[:seen]
                if biased:
                    for j in range(seen):
                        part[j] += bias[a, h, begin + i, j]
                # A row that may look at nothing gives 0, as in PyTorch.
                top, total = largest(part), zero
                top = lowest if top < lowest else top
                for j in range(seen):
                    e = exp_negative(part[j] - top)
                    part[j] = e
                    total += e
                share = zero if total == zero else one / total
                for j in range(seen):
                    part[j] *= share
                for j in range(seen, columns):
                    line[j] = zero
            product(scores, to, apart, 1, value, keys, result, 0, deep, tall, deep, keys, False)
            for i in range(count):
                copy(result[i * deep : i * deep + values], straight(out[a, h, begin + i]), one)


@signature(
    "void(intp, intp, T[:, :, :, :], T[:, :, :, :], T[:, :, :, :], T[:, :, :, :], T, intp, T[::1], T[:, :, :, :], "
    "T[:, :, :, :], T[:, :, :, :])",
    **ANY_ORDER,
)
def attention_grad(start, stop, g, q, k, v, scale, some, weights, gq, gk, gv):
    heads, length, features = q.shape[1:]
    keys, values = v.shape[2:]
    zero, one = q.dtype.type(0), q.dtype.type(1)
    rows, columns, apart, wide, deep = sizes(length, keys, features, values, per_line(weights))
    query, key = np.zeros(some * wide, q.dtype), np.zeros(keys * wide, q.dtype)
    value, above = np.zeros(values * columns, q.dtype), np.zeros(some * deep, q.dtype)
    upper, scores = np.zeros(some * deep, q.dtype), np.empty(some * apart, q.dtype)
    by_query, by_key = np.empty(some * wide, q.dtype), np.empty(columns * wide, q.dtype)
    by_value = np.empty(columns * deep, q.dtype)
    for t in range(start, stop):
        a, h = t // heads, t % heads
        for i in range(keys):
            to_panels(straight(k[a, h, i]), key, keys, i, one)
            to_panels_turned(straight(v[a, h, i]), value, values, i)
        for begin in range(0, length, some):
            count, more = min(some, length - begin), begin > 0
            tall, at = up(count, ROWS), (t * rows + begin) * apart
            for i in range(count):
                to_panels(straight(q[a, h, begin + i]), query, some, i, scale)
                line = straight(g[a, h, begin + i])
                to_panels(line, above, some, i, one)
                copy(line, upper[i * deep : i * deep + values], one)
            product(weights, at, 1, apart, above, some, by_value, 0, deep, up(keys, ROWS), deep, count, more)
            product(upper, 0, deep, 1, value, values, scores, 0, apart, tall, columns, values, False)
            for i in range(count):
                line = scores[i * apart : i * apart + columns]
                share = weights[at + i * apart : at + i * apart + columns]
                dot = zero
                for j in range(columns):
                    dot += line[j] * share[j]
                for j in range(columns):
                    line[j] = share[j] * (line[j] - dot)
            product(scores, 0, apart, 1, key, keys, by_query, 0, wide, tall, wide, keys, False)
            for i in range(count):
                copy(by_query[i * wide : i * wide + features], straight(gq[a, h, begin + i]), scale)
            product(scores, 0, 1, apart, query, some, by_key, 0, wide, up(keys, ROWS), wide, count, more)
        for i in range(keys):
            copy(by_value[i * deep : i * deep + values], straight(gv[a, h, i]), one)
            copy(by_key[i * wide : i * wide + features], straight(gk[a, h, i]), one)
