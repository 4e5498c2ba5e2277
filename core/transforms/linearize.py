"""The derivative of a function at a point, as a linear map that is applied many times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops
from ..device import refuse_mixture
from ..errors import ArgumentTypeError, ShapeError
from .func import vjp
from .trees import flatten, leaves_like, unflatten


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return a function's value at a point, and its derivative there as a function of tangents.

    The function runs once. Its pullback is linear in the cotangent, so that the pullback's own pullback takes a tangent
    to the output: each further direction costs about one backward pass, and no forward one.

    Parameters
    ----------
    func : callable
        Takes the primals and returns tensors.
    *primals : Tensor, or nested tuples, lists and dicts of them
        The point.

    Returns
    -------
    (output, pushforward)
        ``pushforward(*tangents)``, with tangents of the primals' shapes, equals ``jvp(func, primals, tangents)[1]``.

    Examples
    --------
    >>> import candelabra as cb
    >>> out, push = cb.func.linearize(lambda x: x * x, cb.tensor([1.0, 2.0]))
    >>> push(cb.tensor([1.0, 0.0])), push(cb.tensor([0.0, 1.0]))
    (tensor([2., 0.]), tensor([0., 4.]))
    """
    points, point_tree = flatten(primals)
    output, pullback = vjp(func, *primals)
    outputs, tree = flatten(output)
    zeros = unflatten(tree, [ops.zeros_like(o) for o in outputs])
    _, push = vjp(lambda cotangent: pullback(cotangent), zeros)
    listens = any(p.node is not None or p.device.levels for p in points)

    def pushforward(*tangents: Any) -> Any:
        given = leaves_like(point_tree, tangents) or flatten(tangents)[0]
        if len(given) != len(points):
            raise ArgumentTypeError(f"linearize: {len(points)} primals want as many tangents, got {len(given)}")
        for p, t in zip(points, given, strict=True):
            if tuple(p.shape) != tuple(t.shape):
                raise ShapeError(f"linearize: a tangent has shape {t.shape}, its primal {p.shape}")
            refuse_mixture("linearize", (t, p))
        (found,) = push(tangents)
        if listens or any(t.node is not None or t.device.levels for t in given):
            return found
        values, shape = flatten(found)
        return unflatten(shape, [v.detach() for v in values])

    return output, pushforward
