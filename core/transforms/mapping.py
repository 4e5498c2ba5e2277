"""`vmap`: a function mapped over an axis of its arguments, without a loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..random_state import default_generator
from ..tensor import Tensor
from .batching import Batched, BatchLevel
from .trees import flatten, unflatten

__all__ = ["vmap"]

class _Unset:
    """What an argument is that was not given, where None is a value."""

    def __repr__(self) -> str:
        return "<not given>"


_UNSET: Any = _Unset()


def vmap(
    func: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
    in_dims: Any = _UNSET,
    out_dims: Any = _UNSET,
) -> Callable[..., Any]:
    """Return a function that maps `func` over an axis of its arguments, without a loop.

    Keyword arguments of the returned function are shared by all samples.

    Parameters
    ----------
    func : callable
        Takes and returns Tensors, or nested tuples, lists and dicts of them.
    in_axes : int, None, or nested like the arguments
        The axis to map of each argument; None shares the argument. `in_dims` is PyTorch's name.
    out_axes : int, None, or nested like the result
        Where the mapped axis stands in each result; None for a result that is the same for all samples, or is no
        Tensor. `out_dims` is PyTorch's name.
    randomness : {"error", "same", "different"}
        What random functions do inside: refuse, draw once for all, or draw for each.
    chunk_size : int, optional
        Map this many samples at once, one such chunk after the other: less memory for more time.

    Raises
    ------
    ArgumentError
        If `in_axes` or `out_axes` does not fit the structure of the values, or nothing is mapped.
    ArgumentTypeError
        If what is to be mapped is no Tensor.
    ShapeError
        If an axis is out of range, or mapped axes have different sizes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.func.vmap(lambda a, b: (a * b).sum())(cb.ones((3, 2)), cb.ones((3, 2)))
    tensor([2., 2., 2.])
    """
    if randomness not in ("error", "same", "different"):
        raise ArgumentError(f"vmap: randomness is 'error', 'same' or 'different', not {randomness!r}")
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
        raise ArgumentError(f"vmap: chunk_size is a positive int or None, not {chunk_size!r}")
    ins, outs = _either("in", in_axes, in_dims), _either("out", out_axes, out_dims)

    @functools.wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = flatten(args)
        if not leaves:
            raise ArgumentError("vmap: the function was called without positional arguments; there is nothing to map")
        axes = _axes_for(ins if ins is None or isinstance(ins, int) else tuple(ins), args, "in_axes")
        size = _mapped_size(leaves, axes)
        if chunk_size is None or size <= chunk_size:
            outputs, shape, _ = _run(func, tree, leaves, axes, outs, size, randomness, kwargs)
            return unflatten(shape, outputs)
        parts = []
        state = default_generator.get_state() if randomness == "same" else None
        for start in range(0, size, chunk_size):
            width = min(chunk_size, size - start)
            piece = [x if a is None else _part(x, a, start, width) for x, a in zip(leaves, axes, strict=True)]
            if state is not None:
                default_generator.set_state(state)
            parts.append(_run(func, tree, piece, axes, outs, width, randomness, kwargs))
        _, shape, places = parts[0]
        columns = zip(*[outputs for outputs, _, _ in parts], strict=True)
        joined = [
            column[0] if place is None else ops.concat(list(column), axis=place)
            for column, place in zip(columns, places, strict=True)
        ]
        return unflatten(shape, joined)

    return transformed


def _either(which: str, axes: Any, dims: Any) -> Any:
    if dims is _UNSET:
        return axes
    if axes != 0:
        raise ArgumentError(f"vmap: {which}_axes and {which}_dims are two names of one argument; give one of them")
    return dims


def _run(
    func: Callable[..., Any],
    tree: Any,
    leaves: list[Any],
    axes: list[int | None],
    outs: Any,
    size: int,
    randomness: str,
    kwargs: dict[str, Any],
) -> tuple[list[Any], Any, list[int | None]]:
    """Call the function on hidden axes; return the shown results, their structure, and where their axes stand."""
    level: BatchLevel = BatchLevel.acquire()
    level.size, level.randomness = size, randomness
    with level:
        found = _inside(level, func, tree, leaves, axes, outs, kwargs)
        written = level.written
    level.settle(written)
    return found


def _inside(
    level: BatchLevel, func: Callable[..., Any], tree: Any, leaves: list[Any], axes: Any, outs: Any, kwargs: Any
) -> tuple[list[Any], Any, list[int | None]]:
    inside = [x if a is None else level.hide(x, a) for x, a in zip(leaves, axes, strict=True)]
    result = func(*unflatten(tree, inside), **kwargs)
    outputs, shape = flatten(result)
    places = _axes_for(outs, result, "out_axes")
    return [_shown(level, o, p) for o, p in zip(outputs, places, strict=True)], shape, places


def _shown(level: BatchLevel, output: Any, place: int | None) -> Any:
    if place is not None:
        if not isinstance(output, Tensor):
            raise ArgumentTypeError(
                "vmap: the function must return Tensors, or nested tuples, lists and dicts of them, got "
                f"{type(output).__name__}; out_axes=None lets what is no Tensor pass"
            )
        return level.show(output, place)
    if not isinstance(output, Tensor) or level not in output.device.levels:
        return output
    if isinstance(output.array, Batched) and output.array.level is level:
        raise ArgumentError(
            "vmap: out_axes is None for a result that differs between samples; give the axis at which it is stacked"
        )
    return level.show(output, 0)[0]


def _mapped_size(leaves: list[Any], axes: list[int | None]) -> int:
    sizes = {}
    for x, axis in zip(leaves, axes, strict=True):
        if axis is None:
            continue
        if not isinstance(x, Tensor) or not x.ndim:
            what = "a 0-d Tensor" if isinstance(x, Tensor) else type(x).__name__
            raise ArgumentTypeError(
                f"vmap: only Tensors of at least one axis are mapped, got {what}; in_axes=None shares it"
            )
        if not -x.ndim <= axis < x.ndim:
            raise ShapeError(f"vmap: in_axes {axis} is out of range for a tensor of shape {x.shape}")
        sizes[x.shape[axis]] = x.shape
    if not sizes:
        raise ArgumentError("vmap: in_axes must name an axis of at least one argument")
    if len(sizes) > 1:
        raise ShapeError(f"vmap: the mapped axes have different sizes: {sorted(sizes)}")
    return next(iter(sizes))


def _part(x: Tensor, axis: int, start: int, width: int) -> Tensor:
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, start + width),)]


def _axes_for(spec: Any, value: Any, where: str) -> list[int | None]:
    """Return the axis of each leaf: an int or None stands for all leaves below it."""
    if spec is None or (isinstance(spec, int) and not isinstance(spec, bool)):
        return [spec] * len(flatten(value)[0])
    if isinstance(value, dict) and isinstance(spec, dict) and set(spec) == set(value):
        return [a for k in value for a in _axes_for(spec[k], value[k], where)]
    if isinstance(spec, (tuple, list)) and isinstance(value, (tuple, list)) and len(spec) == len(value):
        return [a for s, v in zip(spec, value, strict=True) for a in _axes_for(s, v, where)]
    raise ArgumentError(f"vmap: {where} {spec!r} does not fit the structure of the values")
