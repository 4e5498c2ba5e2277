"""`candelabra.func`: derivatives and batching as functions of functions, thin on top of levels and the one tape."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..autograd.engine import gradients
from ..autograd.mode import enable_grad, grad_mode
from ..autograd.node import Leaf, next_sequence
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..namespace import tensor_namespace
from ..tensor import Tensor
from .batching import BatchLevel
from .forward import ForwardLevel
from .levels import active_levels, lift
from .trees import flatten, unflatten

__all__ = ["grad", "hessian", "jacfwd", "jacrev", "jvp", "value_and_grad", "vjp", "vmap"]


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


def _chosen(argnums: int | tuple[int, ...], args: tuple[Any, ...], where: str) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise ArgumentError(f"{where}: argnums {n} is out of range for {len(args)} arguments")
    return tuple(n % len(args) for n in numbers)


def _pull(
    function: Callable[..., Any],
    argnums: int | tuple[int, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    where: str,
) -> tuple[Any, list[Tensor], list[Any], bool, tuple[int, ...]]:
    """Run a function on fresh arguments; return its result, the fresh tensors, their trees and the arguments chosen."""
    numbers = _chosen(argnums, args, where)
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
        value, aux = result if has_aux else (result, None)
        if not isinstance(value, Tensor) or value.ndim:
            shown = f"shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__
            raise ShapeError(f"grad: the function must return a 0-d Tensor, got {shown}; reduce it, or use jacrev")
        listens = bool(grad_mode.get()) and _somebody_listens([value], {x.node for x in fresh}, start)
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
        return ((value, aux), grads) if has_aux else (value, grads)

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

    Returns
    -------
    (output, pullback) or (output, pullback, aux)

    Examples
    --------
    >>> import candelabra as cb
    >>> out, back = cb.func.vjp(cb.sin, cb.tensor(0.0))
    >>> back(cb.tensor(2.0))
    (tensor(2.),)
    """
    result, fresh, trees, start, _ = _pull(func, tuple(range(len(primals))), primals, {}, "vjp")
    output, aux = result if has_aux else (result, None)
    outputs, tree = flatten(output)
    listens = bool(grad_mode.get()) and _somebody_listens(outputs, {x.node for x in fresh}, start)
    recorded = bool(grad_mode.get())

    def pullback(*cotangents: Any) -> Any:
        given, _ = flatten(cotangents[0] if len(cotangents) == 1 else tuple(cotangents))
        if len(given) != len(outputs):
            raise ArgumentTypeError(f"vjp: {len(outputs)} outputs want as many cotangents, got {len(given)}")
        for o, c in zip(outputs, given, strict=True):
            if tuple(o.shape) != tuple(c.shape):
                raise ShapeError(f"vjp: a cotangent has shape {c.shape}, its output {o.shape}")
        pairs = [(o, _at(c, o)) for o, c in zip(outputs, given, strict=True) if o.node is not None]
        wanted = listens or (recorded and any(c.node is not None for _, c in pairs))
        # A cotangent may have levels that the tape has not: tensors find their common levels by themselves.
        levelled = any(c.device is not o.device for o, c in pairs)
        found = _gradients([o for o, _ in pairs], [c for _, c in pairs], fresh, wanted or levelled, True)
        if levelled and not wanted:
            found = [Tensor(x.array, x.device) for x in found]
        return _regroup(trees, found, False)

    shown = unflatten(tree, outputs if listens else [Tensor(o.array, o.device) for o in outputs])
    return (shown, pullback, aux) if has_aux else (shown, pullback)


def _at(c: Tensor, o: Tensor) -> Tensor:
    """A cotangent of at least the output's levels."""
    target = o.device.physical.at_levels({*o.device.levels, *c.device.levels})
    return lift(c, target) if c.device is not target else c


def jvp(
    func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """Return a function's value and its derivative in a direction, by forward mode.

    Parameters
    ----------
    func : callable
        Takes the primals.
    primals, tangents : tuple
        Tensors, or nested tuples, lists and dicts of them, of equal shapes.
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
    directions, _ = flatten(tangents)
    if len(points) != len(directions):
        raise ArgumentTypeError(f"jvp: {len(points)} primals, but {len(directions)} tangents")
    for p, t in zip(points, directions, strict=True):
        if tuple(p.shape) != tuple(t.shape):
            raise ShapeError(f"jvp: a tangent has shape {t.shape}, its primal {p.shape}")
        if not p.dtype.is_differentiable:
            raise ArgumentTypeError(f"jvp: a {p.dtype.name} tensor has no derivative; convert it with .float()")
    level: ForwardLevel = ForwardLevel.acquire()
    with level:
        pairs = []
        for p, t in zip(points, directions, strict=True):
            t = t if t.dtype is p.dtype else ops.astype(t, p.dtype)
            shared = p.device.physical.at_levels({*p.device.levels, *t.device.levels})
            pairs.append(level.enter(lift(p, shared), lift(t, shared)))
        result = func(*unflatten(tree, pairs))
        output, aux = result if has_aux else (result, None)
        outputs, shape = flatten(output)
        values = [level.leave(o, tangent=False) for o in outputs]
        slopes = [level.leave(o, tangent=True) for o in outputs]
    found = (unflatten(shape, values), unflatten(shape, slopes))
    return (*found, aux) if has_aux else found


def _axes_for(spec: Any, value: Any, where: str) -> list[int | None]:
    leaves, _ = flatten(value)
    if spec is None or isinstance(spec, int):
        return [spec] * len(leaves)
    if isinstance(value, dict) and isinstance(spec, dict):
        return [a for k in value for a in _axes_for(spec[k], value[k], where)]
    if isinstance(spec, (tuple, list)) and isinstance(value, (tuple, list)) and len(spec) == len(value):
        return [a for s, v in zip(spec, value, strict=True) for a in _axes_for(s, v, where)]
    raise ArgumentError(f"vmap: {where} {spec!r} does not fit the structure of the values")


def vmap(
    func: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    randomness: str = "error",
    *,
    in_dims: Any = None,
    out_dims: Any = None,
) -> Callable[..., Any]:
    """Return a function that maps `func` over an axis of its arguments, without a loop.

    Parameters
    ----------
    func : callable
        Takes and returns Tensors, or nested tuples, lists and dicts of them.
    in_axes : int, None, or nested like the arguments
        The axis to map of each argument; None shares the argument. `in_dims` is PyTorch's name.
    out_axes : int or nested like the result
        Where the mapped axis stands in each result. `out_dims` is PyTorch's name.
    randomness : {"error", "same", "different"}
        What random functions do inside: refuse, draw once for all, or draw for each.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.vmap(lambda a, b: (a * b).sum())(cb.ones((3, 2)), cb.ones((3, 2)))
    tensor([2., 2., 2.])
    """
    if randomness not in ("error", "same", "different"):
        raise ArgumentError(f"vmap: randomness is 'error', 'same' or 'different', not {randomness!r}")
    ins, outs = in_axes if in_dims is None else in_dims, out_axes if out_dims is None else out_dims

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = flatten(args)
        spec = ins if ins is None or isinstance(ins, int) else tuple(ins)
        axes = _axes_for(spec, args, "in_axes")
        sizes = {}
        for x, axis in zip(leaves, axes, strict=True):
            if axis is None:
                continue
            if not isinstance(x, Tensor) or not x.ndim:
                raise ArgumentTypeError(f"vmap: only Tensors of at least one axis are mapped, got {type(x).__name__}")
            if not -x.ndim <= axis < x.ndim:
                raise ShapeError(f"vmap: in_axes {axis} is out of range for a tensor of shape {x.shape}")
            sizes[x.shape[axis]] = x.shape
        if not sizes:
            raise ArgumentError("vmap: in_axes must name an axis of at least one argument")
        if len(sizes) > 1:
            raise ShapeError(f"vmap: the mapped axes have different sizes: {sorted(sizes)}")
        level: BatchLevel = BatchLevel.acquire()
        level.size, level.randomness = next(iter(sizes)), randomness
        with level:
            inside = [x if a is None else level.hide(x, a) for x, a in zip(leaves, axes, strict=True)]
            result = func(*unflatten(tree, inside), **kwargs)
            outputs, shape = flatten(result)
            if not all(isinstance(o, Tensor) for o in outputs):
                raise ArgumentTypeError(
                    "vmap: the function must return Tensors, or nested tuples, lists and dicts of them"
                )
            places = _axes_for(outs, result, "out_axes")
            if any(p is None for p in places):
                raise ArgumentError("vmap: out_axes must name a place for each result")
            shown = [level.show(o, p) for o, p in zip(outputs, places, strict=True)]  # type: ignore[arg-type]
        return unflatten(shape, shown)

    return transformed


def _basis(x: Tensor) -> Tensor:
    """The unit vectors of a tensor's space, in a new first axis."""
    n = 1
    for size in x.shape:
        n *= size
    rows = ops.eye(n, dtype=x.dtype, device=x.device.physical)
    return ops.reshape(rows, (n, *x.shape))


def jacrev(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that gives the Jacobian, row by row in reverse mode: output axes first, then the argument's.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.jacrev(lambda x: x ** 2)(cb.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        numbers = _chosen(argnums, args, "jacrev")

        def partial(*chosen: Any) -> Any:
            given = list(args)
            for n, value in zip(numbers, chosen, strict=True):
                given[n] = value
            return func(*given, **kwargs)

        pulled = vjp(partial, *[args[n] for n in numbers], has_aux=has_aux)
        output, pullback = pulled[0], pulled[1]
        outputs, tree = flatten(output)
        rows = []
        for k, out in enumerate(outputs):

            def row(v: Tensor, k: int = k) -> Any:
                seeds = [v if j == k else ops.zeros_like(o) for j, o in enumerate(outputs)]
                return pullback(unflatten(tree, seeds))

            stacked = vmap(row)(_basis(out))
            leaves, shape = flatten(stacked)
            shaped = [ops.reshape(g, (*out.shape, *g.shape[1:])) for g in leaves]
            found = unflatten(shape, shaped)
            rows.append(found[0] if isinstance(argnums, int) else found)
        result = unflatten(tree, rows)
        return (result, pulled[2]) if has_aux else result

    return transformed


def jacfwd(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that gives the Jacobian, column by column in forward mode: output axes first.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.jacfwd(lambda x: x ** 2)(cb.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        numbers = _chosen(argnums, args, "jacfwd")
        kept: list[Any] = []
        blocks = []
        for n in numbers:
            x = args[n]
            if not isinstance(x, Tensor):
                raise ArgumentTypeError("jacfwd: the arguments named by argnums must be Tensors")

            def partial(value: Tensor, n: int = n) -> Any:
                return func(*args[:n], value, *args[n + 1 :], **kwargs)

            def column(v: Tensor, x: Tensor = x, partial: Callable[..., Any] = partial) -> Any:
                pushed = jvp(partial, (x,), (v,), has_aux=has_aux)
                if has_aux:
                    kept[:] = [pushed[2]]
                return pushed[1]

            stacked = vmap(column, out_axes=-1)(_basis(x))
            leaves, shape = flatten(stacked)
            blocks.append((shape, [ops.reshape(g, (*g.shape[:-1], *x.shape)) for g in leaves]))
        if isinstance(argnums, int):
            result = unflatten(*blocks[0])
        else:
            columns = list(zip(*[leaves for _, leaves in blocks], strict=True))
            result = unflatten(blocks[0][0], columns)
        return (result, kept[0]) if has_aux else result

    return transformed


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return a function that gives the matrix of second derivatives, forward over reverse.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.hessian(lambda x: (x ** 3).sum())(cb.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
