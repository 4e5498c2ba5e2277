"""`candelabra.func`: derivatives as functions of functions, thin on top of levels and the one tape."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..autograd.engine import gradients
from ..autograd.mode import enable_grad, grad_mode
from ..autograd.node import Leaf, next_sequence
from ..device import refuse_mixture
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..namespace import tensor_namespace
from ..tensor import Tensor
from .forward import Dual, ForwardLevel
from .levels import active_levels, lift
from .trees import flatten, leaves_like, unflatten

__all__ = ["grad", "grad_and_value", "jvp", "value_and_grad", "vjp"]


def _inside(x: Tensor) -> Tensor:
    """Lift a tensor to all active levels, so that its gradient is one per sample."""
    levels = active_levels()
    return lift(x, x.device.physical.at_levels({*x.device.levels, *levels})) if levels else x


def _fresh(x: Any, where: str) -> Tensor:
    """A tensor whose gradient ends here: a leaf, or an alias if something outside is to be differentiated through."""
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"{where}: Tensors are differentiated, got {type(x).__name__}")
    if not x.dtype.is_differentiable:
        raise ArgumentTypeError(f"{where}: a {x.dtype.name} tensor has no derivative; convert it with .float()")
    x = _inside(x)
    if x.node is not None and grad_mode.get():
        return ops.alias(x)
    leaf = Leaf(tuple(x.array.shape), x.array.dtype, x.device)
    # No outer transformation takes it for something recorded outside.
    leaf.sequence = next_sequence()
    return Tensor(x.array, x.device, leaf)


def _somebody_listens(outputs: Sequence[Tensor], own: set[Any], start: int) -> bool:
    """Whether a result depends on anything recorded outside, so that the derivative must itself be recorded."""
    stack = [t.node for t in outputs if t.node is not None]
    seen: set[Any] = set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in own:
            if not node.is_leaf:
                return True
            continue
        if node.sequence < start:
            return True
        stack.extend(p for p in node.parents if p is not None)
    return False


def chosen(argnums: int | tuple[int, ...], args: tuple[Any, ...], where: str) -> tuple[int, ...]:
    """Return the positions of the arguments to differentiate."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise ArgumentError(f"{where}: argnums {n} is out of range for {len(args)} positional arguments")
    found = tuple([n % len(args) for n in numbers])
    if not found or len(set(found)) < len(found):
        raise ArgumentError(f"{where}: argnums names each argument once, and at least one, got {argnums!r}")
    return found


def with_aux(result: Any, has_aux: bool, where: str) -> tuple[Any, Any]:
    """Return a function's output and what it gave beside it."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise ArgumentTypeError(f"{where}: has_aux=True wants a function that returns a pair (output, aux)")
    return result


def _settled(aux: Any, own: set[Any], start: int) -> Any:
    """Return what a function gave beside its output without the graph of this transformation."""
    leaves, tree = flatten(aux)
    if not any(isinstance(x, Tensor) and x.node is not None for x in leaves):
        return aux
    outside = bool(grad_mode.get())
    return unflatten(tree, [
        x if not isinstance(x, Tensor) or x.node is None or (outside and _somebody_listens([x], own, start))
        else Tensor(x.array, x.device)
        for x in leaves
    ])  # fmt: skip


def _pull(
    function: Callable[..., Any],
    argnums: int | tuple[int, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    where: str,
) -> tuple[Any, list[Tensor], list[Any], bool, tuple[int, ...]]:
    """Run a function on fresh arguments; return its result, the fresh tensors, their trees and the arguments chosen."""
    numbers = chosen(argnums, args, where)
    start = next_sequence()
    fresh: list[Tensor] = []
    trees = []
    given = list(args)
    with enable_grad():
        for n in numbers:
            leaves, tree = flatten(args[n])
            made = [_fresh(x, where) for x in leaves]
            fresh += made
            trees.append((tree, len(made)))
            given[n] = unflatten(tree, made)
        result = function(*given, **kwargs)
    return result, fresh, trees, start, numbers  # type: ignore[return-value]


def _regroup(trees: list[Any], values: list[Any], single: bool) -> Any:
    found, start = [], 0
    for tree, count in trees:
        found.append(unflatten(tree, values[start : start + count]))
        start += count
    return found[0] if single else tuple(found)


def _gradients(
    outputs: list[Tensor], seeds: list[Tensor], fresh: list[Tensor], listens: bool, retain: bool
) -> list[Tensor]:
    arrays: list[Any] = list(seeds) if listens else [s.array for s in seeds]
    nodes = [x.node for x in fresh]
    found = gradients(outputs, arrays, nodes, create_graph=listens, retain_graph=retain or listens)
    results = []
    for x, g in zip(fresh, found, strict=True):
        if g is None:
            results.append(Tensor(tensor_namespace(x.device).zeros(x.shape, dtype=x.dtype).array, x.device))
        elif listens:
            results.append(g)
        else:
            device = x.device
            results.append(Tensor(g if device.levels else device.backend.normalize(g, device.index or 0), device))
    return results


def value_and_grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that gives a scalar function's value and its gradient.

    Parameters
    ----------
    func : callable
        Returns a 0-d Tensor, or with `has_aux` a pair of it and anything.
    argnums : int or tuple of int
        The arguments to differentiate: Tensors, or nested tuples, lists and dicts of them.
    has_aux : bool
        Whether `func` returns a pair.

    Returns
    -------
    callable
        Gives ``(value, gradient)``, the value being ``(value, aux)`` with `has_aux`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.value_and_grad(lambda x: (x ** 2).sum())(cb.tensor([1.0, 2.0]))
    (tensor(5.), tensor([2., 4.]))
    """

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        result, fresh, trees, start, _ = _pull(func, argnums, args, kwargs, "grad")
        value, aux = with_aux(result, has_aux, "grad")
        if not isinstance(value, Tensor) or value.ndim:
            shown = f"shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__
            raise ShapeError(f"grad: the function must return a 0-d Tensor, got {shown}; reduce it, or use jacrev")
        if value.dtype.is_complex:
            raise DTypeError(
                f"grad: the function must return a real number, got {value.dtype.name}; take its .real or its abs(), "
                "or use vjp with a cotangent"
            )
        own = {x.node for x in fresh}
        listens = bool(grad_mode.get()) and _somebody_listens([value], own, start)
        if value.node is None:
            seeds: list[Tensor] = []
            outputs: list[Tensor] = []
        else:
            ones = tensor_namespace(value.device).ones((), dtype=value.dtype)
            outputs, seeds = [value], [Tensor(ones.array, value.device)]
        found = _gradients(outputs, seeds, fresh, listens, False)
        if not listens:
            value = Tensor(value.array, value.device)
        grads = _regroup(trees, found, isinstance(argnums, int))
        return ((value, _settled(aux, own, start)), grads) if has_aux else (value, grads)

    return transformed


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that gives ``(gradient, value)``: PyTorch's order of `value_and_grad`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.grad_and_value(lambda x: (x ** 2).sum())(cb.tensor([1.0, 2.0]))
    (tensor([2., 4.]), tensor(5.))
    """
    both = value_and_grad(func, argnums, has_aux)

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return grads, value

    return transformed


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that gives a scalar function's gradient (see `value_and_grad`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.grad(cb.func.grad(lambda x: x ** 3))(cb.tensor(2.0))
    tensor(12.)
    """
    both = value_and_grad(func, argnums, has_aux)

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return transformed


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return a function's value, and the function that takes cotangents back to its arguments.

    Parameters
    ----------
    func : callable
        Takes the primals and returns tensors, or with `has_aux` a pair of them and anything.
    *primals : Tensor, or nested tuples, lists and dicts of them
        The point.
    has_aux : bool
        Whether `func` returns a pair.

    Returns
    -------
    (output, pullback) or (output, pullback, aux)
        ``pullback(cotangents, retain_graph=True, create_graph=None)`` takes cotangents in the structure of the output
        and returns one gradient per primal. It may be called again unless `retain_graph` is False; its result is
        recorded where it depends on something that is differentiated, unless `create_graph` is False.

    Raises
    ------
    DTypeError
        If an output is neither floating-point nor complex.
    ShapeError
        If a cotangent has another shape than its output.

    Examples
    --------
    >>> import candelabra as cb
    >>> out, back = cb.func.vjp(cb.sin, cb.tensor(0.0))
    >>> back(cb.tensor(2.0))
    (tensor(2.),)
    """
    if not primals:
        raise ArgumentError("vjp: there is no primal to differentiate; vjp(func, *primals) takes at least one")
    result, fresh, trees, start, _ = _pull(func, tuple(range(len(primals))), primals, {}, "vjp")
    output, aux = with_aux(result, has_aux, "vjp")
    outputs, tree = flatten(output)
    for o in outputs:
        if not isinstance(o, Tensor):
            raise ArgumentTypeError(f"vjp: the function must return Tensors, got {type(o).__name__}")
        if not o.dtype.is_differentiable:
            raise DTypeError(f"vjp: an output is {o.dtype.name}, which has no derivative; return it by has_aux=True")
    own = {x.node for x in fresh}
    recorded = bool(grad_mode.get())
    listens = recorded and _somebody_listens(outputs, own, start)

    def pullback(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        whole = cotangents[0] if len(cotangents) == 1 else tuple(cotangents)
        given = leaves_like(tree, whole)
        if given is None:
            given, _ = flatten(whole)
            if len(given) == len(outputs):
                raise ArgumentTypeError("vjp: cotangents are nested as the output is")
        if len(given) != len(outputs):
            raise ArgumentTypeError(f"vjp: {len(outputs)} outputs want as many cotangents, got {len(given)}")
        for o, c in zip(outputs, given, strict=True):
            if not isinstance(c, Tensor):
                raise ArgumentTypeError(f"vjp: a cotangent is a Tensor, got {type(c).__name__}")
            if tuple(o.shape) != tuple(c.shape):
                raise ShapeError(f"vjp: a cotangent has shape {c.shape}, its output {o.shape}")
            refuse_mixture("vjp", (c, o))
        pairs = [(o, _at(c, o)) for o, c in zip(outputs, given, strict=True) if o.node is not None]
        wanted = listens or (recorded and any(c.node is not None for _, c in pairs))
        if create_graph is not None:
            wanted = create_graph
        # A cotangent may have levels that the tape has not: tensors find their common levels by themselves.
        levelled = any(c.device is not o.device for o, c in pairs)
        found = _gradients([o for o, _ in pairs], [c for _, c in pairs], fresh, wanted or levelled, retain_graph)
        if levelled and not wanted:
            found = [Tensor(x.array, x.device) for x in found]
        return _regroup(trees, found, False)

    shown = unflatten(tree, outputs if listens else [Tensor(o.array, o.device) for o in outputs])
    return (shown, pullback, _settled(aux, own, start)) if has_aux else (shown, pullback)


def _at(c: Tensor, o: Tensor) -> Tensor:
    """A cotangent of at least the output's levels."""
    target = o.device.physical.at_levels({*o.device.levels, *c.device.levels})
    return lift(c, target) if c.device is not target else c


def jvp(
    func: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """Return a function's value and its derivative in a direction, by forward mode.

    Parameters
    ----------
    func : callable
        Takes the primals.
    primals, tangents : tuple
        Tensors, or nested tuples, lists and dicts of them, of equal shapes.
    strict : bool
        Whether an output that does not depend on the primals is an error, and not of tangent zero.
    has_aux : bool
        Whether `func` returns a pair of its output and anything.

    Returns
    -------
    (output, tangent) or (output, tangent, aux)

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.jvp(cb.sin, (cb.tensor(0.0),), (cb.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise ArgumentTypeError("jvp: primals and tangents are tuples, one entry per argument")
    points, tree = flatten(primals)
    directions = leaves_like(tree, tangents)
    if directions is None:
        count = len(flatten(tangents)[0])
        if len(points) != count:
            raise ArgumentTypeError(f"jvp: {len(points)} primals, but {count} tangents")
        raise ArgumentTypeError("jvp: primals and tangents are nested differently")
    if not points:
        raise ArgumentError("jvp: there is no primal to differentiate")
    for p, t in zip(points, directions, strict=True):
        if not isinstance(p, Tensor) or not isinstance(t, Tensor):
            wrong = t if isinstance(p, Tensor) else p
            raise ArgumentTypeError(f"jvp: primals and tangents are Tensors, got {type(wrong).__name__}")
        if tuple(p.shape) != tuple(t.shape):
            raise ShapeError(f"jvp: a tangent has shape {t.shape}, its primal {p.shape}")
        refuse_mixture("jvp", (t, p))
        if not p.dtype.is_differentiable:
            raise ArgumentTypeError(f"jvp: a {p.dtype.name} tensor has no derivative; convert it with .float()")
    level: ForwardLevel = ForwardLevel.acquire()
    with level:
        found = _pushed(level, func, points, directions, tree, strict, has_aux)
        written = level.written
    level.settle(written)
    return found if has_aux else found[:2]


def _pushed(
    level: ForwardLevel, func: Callable[..., Any], points: Any, directions: Any, tree: Any, strict: bool, has_aux: bool
) -> tuple[Any, Any, Any]:
    pairs = []
    for p, t in zip(points, directions, strict=True):
        t = t if t.dtype is p.dtype else ops.astype(t, p.dtype)
        if t.device is not p.device:
            shared = p.device.physical.at_levels({*p.device.levels, *t.device.levels})
            p, t = lift(p, shared), lift(t, shared)
        pairs.append(level.enter(p, t))
    output, aux = with_aux(func(*unflatten(tree, pairs)), has_aux, "jvp")
    outputs, shape = flatten(output)
    for o in outputs:
        if not isinstance(o, Tensor):
            raise ArgumentTypeError(f"jvp: the function must return Tensors, got {type(o).__name__}")
        if strict and not (isinstance(o.array, Dual) and o.array.level is level):
            raise ArgumentError(
                f"jvp: an output of shape {o.shape} does not depend on the primals, which strict=True forbids"
            )
    values = [level.leave(o, tangent=False) for o in outputs]
    slopes = [level.leave(o, tangent=True) for o in outputs]
    if has_aux:
        extra, aux_tree = flatten(aux)
        aux = unflatten(aux_tree, [level.leave(x, tangent=False) if isinstance(x, Tensor) else x for x in extra])
    return unflatten(shape, values), unflatten(shape, slopes), aux
