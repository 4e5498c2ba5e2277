"""Derivatives of functions by PyTorch's older names: `torch.autograd.functional`. `candelabra.func` is the newer form.

A function takes tensors and returns one or a tuple. Where tensors come as a tuple, so do their derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, AutogradError, ShapeError
from ..tensor import Tensor
from .engine import grad
from .mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return a function's outputs, and the product of a cotangent with its Jacobian.

    Parameters
    ----------
    func : callable
        Takes the inputs and returns a Tensor or a tuple of them.
    inputs : Tensor or tuple of Tensor
        The point.
    v : Tensor or tuple of Tensor, optional
        The cotangents, in the shapes of the outputs; not needed for one output of one element.
    create_graph : bool
        Whether the result can be differentiated again.
    strict : bool
        Raise where an output does not depend on an input, whose derivative is else zero.

    Returns
    -------
    (outputs, product)
        The product has the form of the inputs.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.autograd.functional.vjp(lambda x: x * x, cb.tensor([1.0, 2.0]), cb.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    points = _points("vjp", inputs, create_graph)
    with enable_grad():
        result = _checked("vjp", func(*points))
        outputs = _as_tuple(result)
        found = _pulled("vjp", outputs, points, _given("vjp", v, outputs), create_graph, strict)
    return _finished(result, create_graph), _like(inputs, found, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return a function's outputs, and the product of its Jacobian with a tangent, by forward mode.

    Parameters
    ----------
    func, inputs, create_graph, strict
        As in `vjp`.
    v : Tensor or tuple of Tensor, optional
        The tangents, in the shapes of the inputs; not needed for one input of one element.

    Returns
    -------
    (outputs, product)
        The product has the form of the outputs.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.autograd.functional.jvp(lambda x: x * x, cb.tensor([1.0, 2.0]), cb.tensor([1.0, 0.0]))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    from ..transforms.func import jvp as forward

    points = _points("jvp", inputs, create_graph)
    tangents = _given("jvp", v, points)
    if strict:
        _check_every_input("jvp", func, inputs)
    outputs, found = forward(lambda *xs: _checked("jvp", func(*xs)), points, tangents)
    return _finished(outputs, create_graph), _finished(found, create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of a function: for each output and input a tensor of the shape of both, one after the other.

    Parameters
    ----------
    func, inputs, create_graph, strict
        As in `vjp`.
    vectorize : bool
        Take all rows at once, by `vmap`, and not one after the other.
    strategy : {"reverse-mode", "forward-mode"}
        Rows or columns; forward mode needs `vectorize`.

    Returns
    -------
    Tensor, or tuples of them
        By outputs first, where they are several, and then by inputs.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.autograd.functional.jacobian(lambda x: x * x, cb.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(f'jacobian: strategy is "reverse-mode" or "forward-mode", got {strategy!r}')
    if strategy == "forward-mode" and not vectorize:
        raise ArgumentError('jacobian: strategy="forward-mode" needs vectorize=True')
    points = _points("jacobian", inputs, create_graph)
    if strict:
        _check_every_input("jacobian", func, inputs)
    if vectorize:
        from ..transforms.jacobians import jacfwd, jacrev

        take = jacrev if strategy == "reverse-mode" else jacfwd
        places = tuple(range(len(points)))
        rows = take(lambda *xs: _as_tuple(_checked("jacobian", func(*xs))), argnums=places)(*points)
        several = isinstance(func(*points), tuple)
    else:
        with enable_grad():
            result = _checked("jacobian", func(*points))
            several, rows = isinstance(result, tuple), []
            for out in _as_tuple(result):
                elements = ops.unstack(ops.reshape(out, (-1,)), axis=0)
                found = [_pulled("jacobian", (e,), points, (ops.ones_like(e),), create_graph, False) for e in elements]
                rows.append(
                    tuple(
                        ops.reshape(ops.stack([f[i] for f in found]), (*out.shape, *x.shape))
                        if found
                        else ops.zeros((*out.shape, *x.shape), dtype=x.dtype, device=x.device.physical)
                        for i, x in enumerate(points)
                    )
                )
    made = tuple(_like(inputs, row, create_graph) for row in rows)
    return made if several else made[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the Hessian of a function of one element: for each pair of inputs a tensor of the shapes of both.

    Parameters
    ----------
    func, inputs, create_graph, strict, vectorize
        As in `jacobian`.
    outer_jacobian_strategy : {"reverse-mode", "forward-mode"}
        How the gradient is differentiated.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.autograd.functional.hessian(lambda x: (x ** 3).sum(), cb.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    single = isinstance(inputs, Tensor)

    def gradient(*xs: Any) -> Any:
        if vectorize:
            from ..transforms.func import grad as reverse

            value = reverse(lambda *ys: _one_element("hessian", func(*ys)), argnums=tuple(range(len(xs))))(*xs)
            return value[0] if single else value
        out = _one_element("hessian", func(*xs))
        found = _pulled("hessian", (out,), xs, (ops.ones_like(out),), True, strict)
        return found[0] if single else found

    return jacobian(gradient, inputs, create_graph, False, vectorize, outer_jacobian_strategy)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the output of a function of one element, and the product of a vector with its Hessian.

    Parameters
    ----------
    func, inputs, create_graph, strict
        As in `vjp`.
    v : Tensor or tuple of Tensor, optional
        In the shapes of the inputs; not needed for one input of one element.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.autograd.functional.vhp(lambda x: (x ** 3).sum(), cb.tensor([1.0, 2.0]), cb.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _second("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the output of a function of one element, and the product of its Hessian with a vector.

    The Hessian is symmetric, so this is `vhp`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.autograd.functional.hvp(lambda x: (x ** 3).sum(), cb.tensor([1.0, 2.0]), cb.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _second("hvp", func, inputs, v, create_graph, strict)


def _second(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    points = _points(name, inputs, create_graph)
    vectors = _given(name, v, points)
    with enable_grad():
        out = _one_element(name, func(*points))
        first = _pulled(name, (out,), points, (ops.ones_like(out),), True, strict)
        found = _pulled(name, first, points, vectors, create_graph, strict)
    return _finished(out, create_graph), _like(inputs, found, create_graph)


def _points(name: str, inputs: Any, create_graph: bool) -> tuple[Tensor, ...]:
    """Return the inputs as tensors that are differentiated by themselves, and inside the caller's graph if wanted."""
    given = _as_tuple(inputs)
    for x in given:
        if not isinstance(x, Tensor):
            raise ArgumentTypeError(f"{name}: the inputs are a Tensor or a tuple of them, got {type(x).__name__}")
    if create_graph:
        with enable_grad():
            return tuple(ops.alias(x) if x.requires_grad else x.detach().requires_grad_() for x in given)
    return tuple(x.detach().requires_grad_() for x in given)


def _checked(name: str, outputs: Any) -> Any:
    for out in _as_tuple(outputs):
        if not isinstance(out, Tensor):
            raise ArgumentTypeError(
                f"{name}: the function returns a Tensor or a tuple of them, got {type(out).__name__}"
            )
    return tuple(outputs) if isinstance(outputs, list) else outputs


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _one_element(name: str, out: Any) -> Tensor:
    if not isinstance(out, Tensor):
        raise ArgumentTypeError(f"{name}: the function returns one Tensor, got {type(out).__name__}")
    if out.size != 1:
        raise ShapeError(f"{name}: the function must return one element, its result has shape {out.shape}")
    return ops.reshape(out, ())


def _given(name: str, v: Any, like: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the vectors that are given, or a one where there is one place for it."""
    if v is None:
        if len(like) != 1 or like[0].size != 1:
            raise ArgumentError(f"{name}: v is needed unless there is a single tensor of one element to stand for")
        return (ops.ones_like(like[0]),)
    vectors = _as_tuple(v)
    if len(vectors) != len(like):
        raise ArgumentError(f"{name}: v has {len(vectors)} tensors where {len(like)} are needed")
    for i, (one, x) in enumerate(zip(vectors, like, strict=True)):
        if one.shape != x.shape:
            raise ShapeError(f"{name}: v[{i}] has shape {one.shape}, and its tensor {x.shape}")
    return vectors


def _pulled(
    name: str,
    outputs: Sequence[Tensor],
    points: Sequence[Tensor],
    seeds: Sequence[Tensor],
    create_graph: bool,
    strict: bool,
) -> tuple[Tensor, ...]:
    """Return cotangents pulled back to the points, zeros where an output does not depend on one."""
    live = [(out, seed) for out, seed in zip(outputs, seeds, strict=True) if out.requires_grad]
    if live:
        roots, cotangents = [out for out, _ in live], [seed for _, seed in live]
        found = grad(roots, list(points), cotangents, True, create_graph, allow_unused=True)
    else:
        found = (None,) * len(points)
    for i, one in enumerate(found):
        if one is None and strict:
            raise AutogradError(f"{name}: strict=True, and nothing that is returned depends on input {i}")
    return tuple(ops.zeros_like(x) if one is None else one for one, x in zip(found, points, strict=True))


def _check_every_input(name: str, func: Callable[..., Any], inputs: Any) -> None:
    points = _points(name, inputs, False)
    with enable_grad():
        for out in _as_tuple(_checked(name, func(*points))):
            _pulled(name, (out,), points, (ops.ones_like(out),), False, True)


def _finished(value: Any, create_graph: bool) -> Any:
    if create_graph:
        return value
    return tuple(v.detach() for v in value) if isinstance(value, tuple) else value.detach()


def _like(inputs: Any, found: Any, create_graph: bool) -> Any:
    """Return derivatives in the form of the inputs."""
    made = _finished(tuple(found), create_graph)
    return made[0] if isinstance(inputs, Tensor) else made
