"""Composites that move elements: PyTorch's names beside the standard's."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..device import refuse_mixture
from ..errors import ArgumentError, ArgumentTypeError, AxisError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import axes_of, axis_index, size_of
from ..tensor import Tensor
from .torch_names import either, needed

__all__ = [
    "atleast_1d", "broadcast_arrays", "cat", "chunk", "diff", "flatten", "hstack", "movedim", "permute", "repeat",
    "repeat_interleave", "split", "swapaxes", "t", "transpose", "unbind", "unflatten", "unsqueeze", "vstack",
]  # fmt: skip


def cat(tensors: Sequence[Tensor], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Join tensors along an axis (PyTorch's name for `concat`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cat([cb.zeros(1), cb.ones(1)])
    tensor([0., 1.])
    """
    return ops.concat(tensors, axis=axis if dim is None else dim)


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors broadcast against each other.

    Examples
    --------
    >>> import candelabra as cb
    >>> a, b = cb.broadcast_arrays(cb.zeros((2, 1)), cb.zeros(3))
    >>> b.shape
    (2, 3)
    """
    shape = ops.broadcast_shapes(*[a.shape for a in arrays])
    refuse_mixture("broadcast_arrays", arrays)
    return tuple(ops.broadcast_to(a, shape) for a in arrays)


def transpose(x: Tensor, dim0: Any, dim1: int | None = None) -> Tensor:
    """Return `x` with two axes exchanged; one tuple names the order of all axes, as NumPy has it (`permute_dims`).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.transpose(cb.zeros((2, 3)), 0, 1).shape
    (3, 2)
    """
    n = x.ndim
    if dim1 is None:
        if not isinstance(dim0, (tuple, list)):
            raise ArgumentTypeError(
                f"transpose: two axes, or one tuple with the order of all, are needed, not {dim0!r} alone"
            )
        return ops.permute_dims(x, tuple(dim0))
    a, b = axis_index(dim0, n, "transpose"), axis_index(dim1, n, "transpose")
    order = list(range(n))
    order[a], order[b] = b, a
    return ops.permute_dims(x, tuple(order))


def swapaxes(x: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return `x` with two axes exchanged (another name of `transpose`)."""
    return transpose(x, axis0, axis1)


def t(x: Tensor) -> Tensor:
    """Return the transpose of a matrix; a vector stays as it is."""
    if x.ndim > 2:
        raise ShapeError(f"t: a tensor of at most two axes is needed, got shape {x.shape}; use mT or permute_dims")
    return x if x.ndim < 2 else transpose(x, 0, 1)


def permute(x: Tensor, axes: Sequence[int] | None = None, *, dims: Sequence[int] | None = None) -> Tensor:
    """Return `x` with its axes in another order (PyTorch's name for `permute_dims`)."""
    return ops.permute_dims(x, tuple(needed(axes, dims, "permute")))


def movedim(x: Tensor, source: Any, destination: Any) -> Tensor:
    """Return `x` with axes moved (PyTorch's name for `moveaxis`)."""
    return ops.moveaxis(x, source, destination)


def unsqueeze(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Return `x` with a new axis of size one (PyTorch's name for `expand_dims`)."""
    if (at := axis if dim is None else dim) is None:
        raise ArgumentTypeError("unsqueeze: an axis is needed, such as unsqueeze(x, 0)")
    return ops.expand_dims(x, axis=at)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return `x` with the axes from `start_dim` to `end_dim` merged.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.flatten(cb.zeros((2, 3, 4)), 1).shape
    (2, 12)
    """
    n = x.ndim
    if n == 0:
        return ops.reshape(x, (1,))
    first, last = axis_index(start_dim, n, "flatten"), axis_index(end_dim, n, "flatten")
    if first > last:
        raise AxisError(f"flatten: start axis {start_dim} lies behind end axis {end_dim}")
    shape = x.shape
    return ops.reshape(x, (*shape[:first], size_of(shape[first : last + 1]), *shape[last + 1 :]))


def unflatten(x: Tensor, axis: int | None = None, sizes: Sequence[int] = (-1,), *, dim: int | None = None) -> Tensor:
    """Return `x` with one axis split into several; one size may be -1."""
    axis = needed(axis, dim, "unflatten")
    at = axis_index(axis, x.ndim, "unflatten")
    known = size_of(tuple(s for s in sizes if s != -1))
    full = tuple(x.shape[at] // known if s == -1 and known else s for s in sizes)
    if size_of(full) != x.shape[at]:
        raise ShapeError(f"unflatten: axis {axis} has size {x.shape[at]}, which does not fit {tuple(sizes)}")
    return ops.reshape(x, (*x.shape[:at], *full, *x.shape[at + 1 :]))


def unbind(x: Tensor, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Return the slices along an axis (PyTorch's name for `unstack`)."""
    return ops.unstack(x, axis=axis if dim is None else dim)


def split(
    x: Tensor, split_size_or_sections: int | Sequence[int], axis: int = 0, *, dim: int | None = None
) -> tuple[Tensor, ...]:
    """Return pieces along an axis: of one size (the last may be smaller), or of the sizes given.

    Examples
    --------
    >>> import candelabra as cb
    >>> [p.shape for p in cb.split(cb.zeros(5), 2)]
    [(2,), (2,), (1,)]
    """
    at = axis_index(axis if dim is None else dim, x.ndim, "split")
    n = x.shape[at]
    if hasattr(split_size_or_sections, "__index__"):
        size = operator.index(split_size_or_sections)
        if size <= 0:
            raise ArgumentError(f"split: the size of a piece must be positive, got {size}")
        sizes = [builtins.min(size, n - i) for i in range(0, n, size)] or [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n:
            raise ShapeError(f"split: the sizes {sizes} add up to {sum(sizes)}, axis {at} has {n}")
    head, pieces, start = (slice(None),) * at, [], 0
    for size in sizes:
        pieces.append(x[(*head, slice(start, start + size))])
        start += size
    return tuple(pieces)


def chunk(x: Tensor, chunks: int, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """Return at most `chunks` pieces of equal size along an axis; the last may be smaller."""
    chunks = operator.index(chunks)
    if chunks <= 0:
        raise ArgumentError(f"chunk: the number of chunks must be positive, got {chunks}")
    axis = axis_index(axis if dim is None else dim, x.ndim, "chunk")
    n = x.shape[axis]
    return split(x, builtins.max(-(-n // chunks), 1), axis)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the second axis, vectors along their only one."""
    given = [atleast_1d(x) for x in tensors]
    if not given:
        raise ArgumentTypeError("hstack: an empty list was given; at least one Tensor is needed")
    return ops.concat(given, axis=0 if given[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the first axis, vectors as rows."""
    return ops.concat([ops.reshape(x, (1, -1)) if x.ndim < 2 else x for x in tensors], axis=0)


def atleast_1d(*tensors: Any) -> Any:
    """Return tensors with at least one axis.

    One tensor gives one; several, or a sequence of them, give a tuple.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.atleast_1d(cb.tensor(2))
    tensor([2])
    """
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        x = tensors[0]
        return ops.reshape(x, (1,)) if x.ndim == 0 else x
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    if not given or not all(isinstance(x, Tensor) for x in given):
        raise ArgumentTypeError("atleast_1d: tensors are needed, each an argument of its own or all in a sequence")
    return tuple(atleast_1d(x) for x in given)


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Return `x` with each element repeated, along an axis or flattened; PyTorch's `repeat` is `tile` here.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.repeat(cb.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if not isinstance(repeats, Tensor):
        if isinstance(repeats, (tuple, list)):
            raise ArgumentTypeError(
                f"repeat: repeats is an int or an integer tensor, not {repeats!r}; to repeat the whole tensor, as "
                "PyTorch's repeat does, use tile"
            )
        return row_function(TABLE["repeat"])(x, repeats, axis=axis)
    if repeats.dtype.kind not in ("signed", "unsigned"):
        raise ArgumentTypeError(f"repeat: repeats is an integer tensor, not {repeats.dtype.name}")
    if repeats.size == 1:
        return row_function(TABLE["repeat"])(x, int(repeats.item()), axis=axis)
    source = ops.reshape(x, (-1,)) if axis is None else x
    at = 0 if axis is None else axis_index(axis, x.ndim, "repeat")
    if repeats.shape != (source.shape[at],):
        raise ShapeError(f"repeat: repeats has shape {repeats.shape}, axis {at} has size {source.shape[at]}")
    ends = ops.cumulative_sum(ops.astype(repeats, repeats.device.whole), axis=0)
    if repeats.size and bool(ops.any(repeats < 0)):
        raise ArgumentError("repeat: repeats are not negative")
    total = int(ends[-1].item()) if repeats.size else 0
    places = ops.arange(total, dtype=x.device.whole, device=x.device.physical)
    index = ops.searchsorted(ends, places, side="right")
    return ops.take(source, index, axis=at)


def repeat_interleave(
    x: Tensor, repeats: Any = None, axis: int | None = None, *, dim: int | None = None, output_size: int | None = None
) -> Tensor:
    """Return `x` with each element repeated (PyTorch's name for `repeat`).

    Of a vector of counts alone: each place as often as its count says. `output_size` is checked.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.repeat_interleave(cb.tensor([1, 0, 2]))
    tensor([0, 2, 2])
    """
    if repeats is None:
        if x.ndim != 1:
            raise ShapeError(f"repeat_interleave: counts have one axis, got shape {x.shape}")
        repeats, x = x, ops.arange(x.shape[0], dtype=x.dtype, device=x.device.physical)
    found = repeat(x, repeats, axis=axis if dim is None else dim)
    size = found.shape[0 if axis is None and dim is None else axis if dim is None else dim]  # type: ignore[index]
    if output_size is not None and output_size != size:
        raise ArgumentError(f"repeat_interleave: the counts add up to {size}, output_size is {output_size}")
    return found


def diff(
    x: Tensor,
    /,
    n: int = 1,
    axis: int | None = None,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    dim: int | None = None,
) -> Tensor:
    """Return the n-th differences of neighbours along an axis.

    The standard's arguments by name; by position in the order of NumPy and PyTorch.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.diff(cb.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if n < 0:
        raise ArgumentError(f"diff: n must not be negative, got {n}")
    if x.ndim == 0:
        raise ShapeError("diff: a tensor of at least one axis is needed")
    axis = either(axis, dim, "diff")
    (at,) = axes_of(-1 if axis is None else axis, x.ndim, "diff")
    parts = [p for p in (prepend, x, append) if p is not None]
    if len(parts) > 1:
        x = ops.concat(parts, axis=at)
    head = (slice(None),) * at
    # Nothing is left after as many differences as there are elements.
    for _ in range(builtins.min(operator.index(n), x.shape[at] + 1)):
        later, earlier = x[(*head, slice(1, None))], x[(*head, slice(None, -1))]
        x = ops.not_equal(later, earlier) if x.dtype.kind == "bool" else later - earlier
    return x
