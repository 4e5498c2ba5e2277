"""einsum: the path comes from opt_einsum and is cached; each step is a transposition and one matrix product."""

from __future__ import annotations

import functools

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..primitives.tools import size_of
from ..tensor import Tensor


def contract(equation: str, operands: list[Tensor]) -> Tensor:
    """Contract operands as an equation says."""
    if isinstance(equation, Tensor):
        raise ArgumentTypeError(
            "einsum: operands with lists of axis numbers are not taken; write an equation, such as "
            'einsum("ij,jk->ik", a, b)'
        )
    if not isinstance(equation, str):
        raise ArgumentTypeError(f"einsum: the equation is a string, not {type(equation).__name__}")
    if not operands or not all(isinstance(o, Tensor) for o in operands):
        raise ArgumentTypeError("einsum: at least one operand is needed, and all are Tensors")
    terms, output, path = _plan(equation.replace(" ", ""), tuple(o.shape for o in operands))
    kind = operands[0].dtype
    for o in operands[1:]:
        kind = dtypes.promote_types(kind, o.dtype)
    work = [(term, ops.astype(o, kind, copy=False)) for term, o in zip(terms, operands, strict=True)]
    for step in path:
        chosen = [work.pop(i) for i in sorted(step, reverse=True)][::-1]
        rest = set(output).union(*(t for t, _ in work))
        term, x = _single(chosen[0], rest.union(*(t for t, _ in chosen[1:])))
        for other in chosen[1:]:
            term, x = _pair((term, x), _single(other, rest | set(term)), rest)
        work.append((term, x))
    term, x = _single(work[0], set(output))
    return ops.permute_dims(x, tuple(term.index(c) for c in output)) if term != output else x


@functools.lru_cache(maxsize=1024)
def _plan(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[str], str, list[tuple[int, ...]]]:
    terms, output = _parse(equation, shapes)
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, n in zip(term, shape, strict=True):
            if sizes.setdefault(letter, n) != n and 1 not in (sizes[letter], n):
                raise ShapeError(
                    f"einsum {equation!r}: letter {letter!r} has size {sizes[letter]} in one operand and {n} in another"
                )
            sizes[letter] = max(sizes[letter], n)
    if len(terms) <= 2:
        return terms, output, [tuple(range(len(terms)))]
    import opt_einsum

    path, _ = opt_einsum.contract_path(
        ",".join(terms) + "->" + output, *[tuple(sizes[c] for c in t) for t in terms], shapes=True, optimize="auto"
    )
    return terms, output, [tuple(p) for p in path]


def _parse(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[str], str]:
    left, arrow, output = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ArgumentError(f"einsum {equation!r}: it has {len(terms)} terms, but {len(shapes)} operands are given")
    spare = [c for c in map(chr, range(0x100, 0x200)) if c not in equation]
    widths = []
    for term, shape in zip(terms, shapes, strict=True):
        named = term.replace("...", "")
        if not all(c.isalpha() for c in named) or term.count("...") > 1:
            raise ArgumentError(f"einsum {equation!r}: a term is letters and at most one ellipsis, not {term!r}")
        width = len(shape) - len(named)
        if width < 0 or (width and "..." not in term):
            raise ShapeError(f"einsum {equation!r}: term {term!r} does not fit an operand of shape {shape}")
        widths.append(width if "..." in term else 0)
    most = max(widths)
    dots = "".join(spare[:most])
    full = [t.replace("...", dots[most - w :]) for t, w in zip(terms, widths, strict=True)]
    if arrow:
        result = output.replace("...", dots)
    else:
        every = "".join(full)
        result = dots + "".join(sorted(c for c in set(every) - set(dots) if every.count(c) == 1))
    if len(set(result)) != len(result) or not set(result) <= set("".join(full)):
        raise ArgumentError(f"einsum {equation!r}: the output's letters must be distinct and stand in a term")
    return full, result


def _single(item: tuple[str, Tensor], keep: set[str]) -> tuple[str, Tensor]:
    """Take diagonals of repeated letters and sum letters that nobody else needs."""
    term, x = item
    while len(set(term)) < len(term):
        letter = next(c for c in term if term.count(c) > 1)
        i = term.index(letter)
        j = term.index(letter, i + 1)
        rest = [k for k in range(len(term)) if k not in (i, j)]
        n = x.shape[i]
        flat = ops.reshape(ops.permute_dims(x, (*rest, i, j)), (*(x.shape[k] for k in rest), n * n))
        x = flat[..., :: n + 1] if n else flat
        term = "".join(term[k] for k in rest) + letter
    gone = tuple(i for i, c in enumerate(term) if c not in keep)
    if gone:
        x = ops.sum(x, axis=gone, dtype=x.dtype)
        term = "".join(c for i, c in enumerate(term) if i not in gone)
    return term, x


def _pair(a: tuple[str, Tensor], b: tuple[str, Tensor], keep: set[str]) -> tuple[str, Tensor]:
    """Contract two operands by one batched matrix product."""
    (ta, xa), (tb, xb) = a, b
    shared = [c for c in ta if c in tb]
    if any(xa.shape[ta.index(c)] != xb.shape[tb.index(c)] for c in shared):
        return _broadcast_pair(a, b, keep)
    batch = [c for c in shared if c in keep]
    inner = [c for c in shared if c not in keep]
    if not inner and not (set(ta) - set(batch) and set(tb) - set(batch)):
        return _broadcast_pair(a, b, keep)
    rows = [c for c in ta if c not in tb]
    columns = [c for c in tb if c not in ta]
    left, right = [*batch, *rows, *inner], [*batch, *inner, *columns]
    sizes = {c: xa.shape[ta.index(c)] for c in ta} | {c: xb.shape[tb.index(c)] for c in tb}
    shape = lambda letters: tuple(sizes[c] for c in letters)
    pa = ops.permute_dims(xa, tuple(ta.index(c) for c in left)) if "".join(left) != ta else xa
    pb = ops.permute_dims(xb, tuple(tb.index(c) for c in right)) if "".join(right) != tb else xb
    ma = ops.reshape(pa, (*shape(batch), size_of(shape(rows)), size_of(shape(inner))))
    mb = ops.reshape(pb, (*shape(batch), size_of(shape(inner)), size_of(shape(columns))))
    result = [*batch, *rows, *columns]
    return "".join(result), ops.reshape(ops.matmul(ma, mb), shape(result))


def _broadcast_pair(a: tuple[str, Tensor], b: tuple[str, Tensor], keep: set[str]) -> tuple[str, Tensor]:
    """Multiply with broadcasting and sum what is not kept: for letters of size one, and products without a sum."""
    (ta, xa), (tb, xb) = a, b
    letters = ta + "".join(c for c in tb if c not in ta)

    def aligned(term: str, x: Tensor) -> Tensor:
        order = [c for c in letters if c in term]
        x = ops.permute_dims(x, tuple(term.index(c) for c in order)) if "".join(order) != term else x
        return ops.reshape(x, tuple(x.shape[order.index(c)] if c in term else 1 for c in letters))

    return _single((letters, aligned(ta, xa) * aligned(tb, xb)), keep)
