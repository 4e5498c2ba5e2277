"""Attention of short sequences, a head at a time: its scores stay in the second-level cache.

Products are made by a block of the result that stays in registers, which numbers of one operand and vectors of the
other are multiplied into. Everything lies in lines that are filled up with zeros, so that there are no partial blocks.
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
    """Return a compiled function that makes a block of a product."""
    columns, places = range(vectors), [(i, j) for i in range(rows) for j in range(vectors)]
    lines = ["def block(a, at, down, along, b, begin, below, inner, c, to, next):", "    lanes = per_line(c)"]
    lines += ["    nothing = splat(c.dtype.type(0))"]
    lines += [f"    c{i}_{j} = nothing" for i, j in places]
    lines += ["    for _ in range(inner):"]
    lines += [f"        b{j} = load(b, begin + {j} * lanes)" for j in columns]
    for i in range(rows):
        lines += [f"        s = spread(a, at + {i} * down)"]
        lines += [f"        c{i}_{j} = c{i}_{j} + s * b{j}" for j in columns]
    lines += ["        at += along", "        begin += below"]
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
def product(a, begin, down, along, b, below, c, to, rows, columns, inner):
    """c = a b: numbers of a lie `down` and `along` apart, rows of b and c `below` and `columns`."""
    wide = VECTORS * per_line(c)
    for j in range(0, columns, wide):
        for i in range(0, rows, ROWS):
            _fill(a, begin + i * down, down, along, b, j, below, inner, c, to + i * columns + j, columns)


@inlined
def sizes(length, keys, features, values, lanes):
    """Rows and columns of what is filled up: of the scores, of queries and keys, of values."""
    wide = VECTORS * lanes
    return up(length, ROWS), up(up(keys, ROWS), wide), up(features, wide), up(values, wide)


@signature(
    "void(intp, intp, T[:, :, :, :], T[:, :, :, :], T[:, :, :, :], T[:, :, :, :], T, boolean, boolean, boolean, "
    "T[:, :, :, :], T[::1])",
    **ANY_ORDER,
)
def attention(start, stop, q, k, v, bias, scale, biased, causal, kept, out, weights):
    heads, length, features = q.shape[1:]
    keys, values = v.shape[2:]
    zero, one, lowest = q.dtype.type(0), q.dtype.type(1), q.dtype.type(np.finfo(q.dtype).min)
    rows, columns, wide, deep = sizes(length, keys, features, values, per_line(weights))
    query, key = np.zeros(rows * wide, q.dtype), np.zeros(features * columns, q.dtype)
    value, result = np.zeros(keys * deep, q.dtype), np.empty(rows * deep, q.dtype)
    scores = weights if kept else np.empty(rows * columns, q.dtype)
    for t in range(start, stop):
        a, h = t // heads, t % heads
        to = t * rows * columns if kept else 0
        for i in range(length):
            line, to_line = straight(q[a, h, i]), query[i * wide : i * wide + features]
            for j in range(features):
                to_line[j] = line[j] * scale
        for i in range(keys):
            line, to_line = straight(k[a, h, i]), key[i:]
            for j in range(features):
                to_line[j * columns] = line[j]
            line, to_line = straight(v[a, h, i]), value[i * deep : i * deep + values]
            for j in range(values):
                to_line[j] = line[j]
        product(query, 0, wide, 1, key, columns, scores, to, rows, columns, features)
        for i in range(length):
            seen = min(i + 1, keys) if causal else keys
            line = scores[to + i * columns : to + (i + 1) * columns]
            part = line[:seen]
            if biased:
                for j in range(seen):
                    part[j] += bias[a, h, i, j]
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
        product(scores, to, columns, 1, value, deep, result, 0, rows, deep, keys)
        for i in range(length):
            line, to_line = result[i * deep : i * deep + values], straight(out[a, h, i])
            for j in range(values):
                to_line[j] = line[j]


@signature(
    "void(intp, intp, T[:, :, :, :], T[:, :, :, :], T[:, :, :, :], T[:, :, :, :], T, T[::1], T[:, :, :, :], "
    "T[:, :, :, :], T[:, :, :, :])",
    **ANY_ORDER,
)
def attention_grad(start, stop, g, q, k, v, scale, weights, gq, gk, gv):
    heads, length, features = q.shape[1:]
    keys, values = v.shape[2:]
    zero = q.dtype.type(0)
    rows, columns, wide, deep = sizes(length, keys, features, values, per_line(weights))
    query, key = np.zeros(length * wide, q.dtype), np.zeros(keys * wide, q.dtype)
    value, above = np.zeros(values * columns, q.dtype), np.zeros(rows * deep, q.dtype)
    scores = np.empty(rows * columns, q.dtype)
    result = np.empty(max(rows, columns) * max(wide, deep), q.dtype)
    for t in range(start, stop):
        a, h, at = t // heads, t % heads, t * rows * columns
        for i in range(length):
            line, to_line = straight(q[a, h, i]), query[i * wide : i * wide + features]
            for j in range(features):
                to_line[j] = line[j] * scale
            line, to_line = straight(g[a, h, i]), above[i * deep : i * deep + values]
            for j in range(values):
                to_line[j] = line[j]
        for i in range(keys):
            line, to_line = straight(k[a, h, i]), key[i * wide : i * wide + features]
            for j in range(features):
                to_line[j] = line[j]
            line, to_line = straight(v[a, h, i]), value[i:]
            for j in range(values):
                to_line[j * columns] = line[j]
        product(weights, at, 1, columns, above, deep, result, 0, up(keys, ROWS), deep, length)
        for i in range(keys):
            line, to_line = result[i * deep : i * deep + values], straight(gv[a, h, i])
            for j in range(values):
                to_line[j] = line[j]
        product(above, 0, deep, 1, value, columns, scores, 0, rows, columns, values)
        for i in range(length):
            line, share = scores[i * columns : (i + 1) * columns], weights[at + i * columns : at + (i + 1) * columns]
            dot = zero
            for j in range(columns):
                dot += line[j] * share[j]
            for j in range(columns):
                line[j] = share[j] * (line[j] - dot)
        product(scores, 0, columns, 1, key, wide, result, 0, rows, wide, keys)
        for i in range(length):
            line, to_line = result[i * wide : i * wide + features], straight(gq[a, h, i])
            for j in range(features):
                to_line[j] = line[j] * scale
        product(scores, 0, 1, columns, query, wide, result, 0, up(keys, ROWS), wide, length)
        for i in range(keys):
            line, to_line = result[i * wide : i * wide + features], straight(gk[a, h, i])
            for j in range(features):
                to_line[j] = line[j]
