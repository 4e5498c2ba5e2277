"""einsum: the path comes from opt_einsum and is cached; each step is a transposition and one matrix product."""

from __future__ import annotations

import functools
from collections.abc import Callable

from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..primitives.tools import size_of
from ..tensor import Tensor

Shape = tuple[int, ...]


def contract(equation: str, operands: list[Tensor]) -> Tensor:
    """Contract operands as an equation says."""
    if not isinstance(equation, str):
        raise ArgumentTypeError(f"einsum: the equation is a string, not {type(equation).__name__}")
    if not operands or not all(isinstance(o, Tensor) for o in operands):
        raise ArgumentTypeError("einsum: at least one operand is needed, and all are Tensors")
    run = _program(equation.replace(" ", ""), tuple([o.shape for o in operands]))
    kind = operands[0].dtype
    for o in operands[1:]:
        if o.dtype is not kind:
            kind = functools.reduce(dtypes.promote_types, [o.dtype for o in operands])
            return run([ops.astype(o, kind, copy=False) for o in operands])
    return run(operands)


@functools.lru_cache(maxsize=1024)
def _program(equation: str, shapes: tuple[Shape, ...]) -> Callable[[list[Tensor]], Tensor]:
    """Return what an equation means for operands of these shapes: all but the arithmetic is done once."""
    terms, output, path = _plan(equation, shapes)
    work = list(zip(terms, shapes, strict=True))
    steps: list[tuple[list[int], list[Callable[..., Tensor]]]] = []
    for step in path:
        places = sorted(step)
        chosen = [work[i] for i in places]
        for i in reversed(places):
            del work[i]
        rest = set(output).union(*(t for t, _ in work))
        (term, shape), prepare = _single(*chosen[0], rest.union(*(t for t, _ in chosen[1:])))
        functions: list[Callable[..., Tensor]] = [prepare]
        for other in chosen[1:]:
            (single, size), prepare = _single(*other, rest | set(term))
            (term, shape), join = _pair(term, shape, single, size, rest)
            functions += [prepare, join]
        work.append((term, shape))
        steps.append((places, functions))
    (term, _), last = _single(*work[0], set(output))
    order = tuple(term.index(c) for c in output) if term != output else None

    def run(operands: list[Tensor]) -> Tensor:
        held = list(operands)
        for places, functions in steps:
            taken = [held[i] for i in places]
            for i in reversed(places):
                del held[i]
            x = functions[0](taken[0])
            for k, other in enumerate(taken[1:]):
                x = functions[2 * k + 2](x, functions[2 * k + 1](other))
            held.append(x)
        x = last(held[0])
        return x if order is None else ops.permute_dims(x, order)

    return run


def _plan(equation: str, shapes: tuple[Shape, ...]) -> tuple[list[str], str, list[tuple[int, ...]]]:
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


def _same(x: Tensor) -> Tensor:
    return x


def _single(term: str, shape: Shape, keep: set[str]) -> tuple[tuple[str, Shape], Callable[[Tensor], Tensor]]:
    """Take diagonals of repeated letters and sum letters that nobody else needs."""
    steps: list[Callable[[Tensor], Tensor]] = []
    while len(set(term)) < len(term):
        letter = next(c for c in term if term.count(c) > 1)
        i = term.index(letter)
        j = term.index(letter, i + 1)
        rest = [k for k in range(len(term)) if k not in (i, j)]
        n = shape[i]
        steps.append(functools.partial(_diagonal, (*rest, i, j), (*(shape[k] for k in rest), n * n), n))
        term = "".join(term[k] for k in rest) + letter
        shape = (*(shape[k] for k in rest), n)
    gone = tuple(i for i, c in enumerate(term) if c not in keep)
    if gone:
        steps.append(lambda x: ops.sum(x, axis=gone, dtype=x.dtype))
        shape = tuple(n for i, n in enumerate(shape) if i not in gone)
        term = "".join(c for i, c in enumerate(term) if i not in gone)
    if len(steps) < 2:
        return (term, shape), (steps[0] if steps else _same)
    return (term, shape), lambda x: functools.reduce(lambda value, step: step(value), steps, x)


def _diagonal(order: Shape, flat: Shape, n: int, x: Tensor) -> Tensor:
    lines = ops.reshape(_permuted(x, order), flat)
    return lines[..., :: n + 1] if n else lines


def _permuted(x: Tensor, order: Shape) -> Tensor:
    return x if order == tuple(range(len(order))) else ops.permute_dims(x, order)


def _pair(
    ta: str, sa: Shape, tb: str, sb: Shape, keep: set[str]
) -> tuple[tuple[str, Shape], Callable[[Tensor, Tensor], Tensor]]:
    """Contract two operands by one batched matrix product."""
    shared = [c for c in ta if c in tb]
    batch = [c for c in shared if c in keep]
    inner = [c for c in shared if c not in keep]
    rows = [c for c in ta if c not in tb]
    columns = [c for c in tb if c not in ta]
    # Letters of size one, and products without a sum, need no matrices.
    if not inner or any(sa[ta.index(c)] != sb[tb.index(c)] for c in shared):
        return _broadcast_pair(ta, sa, tb, sb, keep)
    sizes = {c: sa[ta.index(c)] for c in ta} | {c: sb[tb.index(c)] for c in tb}
    shape = lambda letters: tuple(sizes[c] for c in letters)
    result = [*batch, *rows, *columns]
    between = (size_of(shape(rows)), size_of(shape(columns)))
    a = _arranged(ta, [*batch, *rows, *inner], sizes, (*shape(batch), between[0], size_of(shape(inner))))
    b = _arranged(tb, [*batch, *inner, *columns], sizes, (*shape(batch), size_of(shape(inner)), between[1]))
    final = shape(result)
    if (*shape(batch), *between) == final:
        return ("".join(result), final), lambda xa, xb: ops.matmul(a(xa), b(xb))
    return ("".join(result), final), lambda xa, xb: ops.reshape(ops.matmul(a(xa), b(xb)), final)


def _arranged(term: str, letters: list[str], sizes: dict[str, int], shape: Shape) -> Callable[[Tensor], Tensor]:
    """Return what puts an operand's letters in an order, and several of them together."""
    order = tuple(term.index(c) for c in letters)
    moves = order != tuple(range(len(order)))
    joins = tuple(sizes[c] for c in letters) != shape
    if not moves:
        return (lambda x: ops.reshape(x, shape)) if joins else _same
    if not joins:
        return lambda x: ops.permute_dims(x, order)
    return lambda x: ops.reshape(ops.permute_dims(x, order), shape)


def _broadcast_pair(
    ta: str, sa: Shape, tb: str, sb: Shape, keep: set[str]
) -> tuple[tuple[str, Shape], Callable[[Tensor, Tensor], Tensor]]:
    """Multiply with broadcasting and sum what is not kept: for letters of size one, and products without a sum."""
    letters = ta + "".join(c for c in tb if c not in ta)
    a, b = _aligned(ta, sa, letters), _aligned(tb, sb, letters)
    sizes: dict[str, int] = {}
    for term, shape in ((ta, sa), (tb, sb)):
        for c, n in zip(term, shape, strict=True):
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    found, last = _single(letters, tuple(sizes[c] for c in letters), keep)
    return found, lambda xa, xb: last(a(xa) * b(xb))


def _aligned(term: str, shape: Shape, letters: str) -> Callable[[Tensor], Tensor]:
    order = tuple(term.index(c) for c in letters if c in term)
    wide = tuple(shape[term.index(c)] if c in term else 1 for c in letters)
    # Ones on the left come by themselves.
    while len(wide) > len(order) and letters[len(letters) - len(wide)] not in term:
        wide = wide[1:]
    moves = order != tuple(range(len(order)))
    if len(wide) == len(order):
        return (lambda x: ops.permute_dims(x, order)) if moves else _same
    return lambda x: ops.reshape(ops.permute_dims(x, order) if moves else x, wide)
