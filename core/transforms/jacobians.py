"""Jacobians and Hessians: `vmap` over the unit vectors of a pullback or of a pushforward."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..primitives.tools import size_of
from ..tensor import Tensor
from .func import chosen, jvp, vjp, with_aux
from .mapping import vmap
from .trees import flatten, unflatten

__all__ = ["hessian", "jacfwd", "jacrev"]


def _basis(tensors: list[Tensor]) -> tuple[list[Tensor], list[tuple[int, int]]]:
    """Return the unit vectors of the tensors' common space in a new first axis, and each tensor's place among them."""
    sizes = [size_of(x.shape) for x in tensors]
    total, start, places, found = sum(sizes), 0, [], []
    for x, n in zip(tensors, sizes, strict=True):
        rows = ops.eye(total, n, k=-start, dtype=x.dtype, device=x.device.physical)
        found.append(ops.reshape(rows, (total, *x.shape)))
        places.append((start, n))
        start += n
    return found, places


def _real_only(tensors: list[Any], which: str, where: str) -> None:
    for x in tensors:
        if isinstance(x, Tensor) and x.dtype.is_complex:
            raise DTypeError(
                f"{where}: {which} are real, got {x.dtype.name}; take real and imaginary parts, or use vjp and jvp"
            )


def _partial(func: Callable[..., Any], numbers: tuple[int, ...], args: Any, kwargs: Any) -> Callable[..., Any]:
    def partial(*values: Any) -> Any:
        given = list(args)
        for n, value in zip(numbers, values, strict=True):
            given[n] = value
        return func(*given, **kwargs)

    return partial


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that gives the Jacobian, row by row in reverse mode: output axes first, then the argument's.

    Parameters
    ----------
    func : callable
        Returns real Tensors, or nested tuples, lists and dicts of them; with `has_aux` a pair of them and anything.
    argnums : int or tuple of int
        The arguments to differentiate: Tensors, or nested tuples, lists and dicts of them.
    has_aux : bool
        Whether `func` returns a pair.
    chunk_size : int, optional
        Compute this many rows at once: less memory for more time.

    Returns
    -------
    callable
        Gives the Jacobian in the structure of the output, and within each of its Tensors in that of the arguments.

    Raises
    ------
    DTypeError
        If an argument or output is complex.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.jacrev(lambda x: x ** 2)(cb.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
        raise ArgumentError(f"jacrev: chunk_size is a positive int or None, not {chunk_size!r}")

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        numbers = chosen(argnums, args, "jacrev")
        points = [args[n] for n in numbers]
        _real_only(flatten(points)[0], "arguments", "jacrev")
        pulled = vjp(_partial(func, numbers, args, kwargs), *points, has_aux=has_aux)
        output, pullback = pulled[0], pulled[1]
        outputs, tree = flatten(output)
        _real_only(outputs, "outputs", "jacrev")
        seeds, places = _basis(outputs)
        if not sum(n for _, n in places):
            gradients: Any = pullback(unflatten(tree, outputs))
            leaves, shape = flatten(gradients)
            leaves = [ops.zeros((0, *g.shape), dtype=g.dtype, device=g.device.physical) for g in leaves]
        else:
            stacked = vmap(lambda *rows: pullback(unflatten(tree, rows)), chunk_size=chunk_size)(*seeds)
            leaves, shape = flatten(stacked)
        rows = []
        for out, (start, n) in zip(outputs, places, strict=True):
            own = leaves if n == seeds[0].shape[0] else [g[start : start + n] for g in leaves]
            found = unflatten(shape, [ops.reshape(g, (*out.shape, *g.shape[1:])) for g in own])
            rows.append(found[0] if isinstance(argnums, int) else found)
        result = unflatten(tree, rows)
        return (result, pulled[2]) if has_aux else result

    return transformed


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """Return a function that gives the Jacobian, column by column in forward mode: output axes first.

    Parameters
    ----------
    func, argnums, has_aux
        As in `jacrev`.
    randomness : {"error", "same", "different"}
        What random functions do inside, as in `vmap`: the columns are computed together.

    Returns
    -------
    callable
        Gives the Jacobian in the structure of the output, and within each of its Tensors in that of the arguments.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.jacfwd(lambda x: x ** 2)(cb.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        numbers = chosen(argnums, args, "jacfwd")
        points, tree = flatten(tuple([args[n] for n in numbers]))
        for x in points:
            if not isinstance(x, Tensor):
                raise ArgumentTypeError(f"jacfwd: Tensors are differentiated, got {type(x).__name__}")
        _real_only(points, "arguments", "jacfwd")
        partial = _partial(func, numbers, args, kwargs)
        shapes: list[Any] = []

        def flat(*values: Any) -> Any:
            output, aux = with_aux(partial(*unflatten(tree, values)), has_aux, "jacfwd")
            outputs, shape = flatten(output)
            _real_only(outputs, "outputs", "jacfwd")
            shapes[:] = [shape]
            return outputs, aux

        def column(*directions: Tensor) -> Any:
            _, slopes, aux = jvp(flat, tuple(points), directions, has_aux=True)
            return slopes, aux

        vectors, places = _basis(points)
        if not sum(n for _, n in places):
            # An argument without elements: the outputs' shapes, and nothing in the columns.
            outputs, aux = flat(*points)
            slopes = [ops.zeros((*o.shape, 0), dtype=o.dtype, device=o.device.physical) for o in outputs]
        else:
            slopes, aux = vmap(column, out_axes=(-1, None), randomness=randomness)(*vectors)
        results = []
        for slope in slopes:
            blocks = []
            for x, (start, n) in zip(points, places, strict=True):
                block = slope if n == slope.shape[-1] else slope[..., start : start + n]
                blocks.append(ops.reshape(block, (*slope.shape[:-1], *x.shape)))
            block = unflatten(tree, blocks)
            results.append(block[0] if isinstance(argnums, int) else block)
        result = unflatten(shapes[0], results)
        return (result, aux) if has_aux else result

    return transformed


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return a function that gives the matrix of second derivatives, forward over reverse.

    Parameters
    ----------
    func : callable
        Returns a real Tensor.
    argnums : int or tuple of int
        The arguments to differentiate: Tensors, or nested tuples, lists and dicts of them.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.hessian(lambda x: (x ** 3).sum())(cb.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
