"""Other arrangements of the same elements: turned, flattened, windowed, paired with each other."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..primitives.tools import axis_index, shape_tuple, size_of
from ..tensor import Tensor
from .indexing import narrow
from .manipulation import transpose
from .torch_names import either

__all__ = [
    "adjoint", "argwhere", "as_strided", "as_strided_scatter", "broadcast_tensors", "cartesian_prod", "combinations",
    "fliplr", "flipud", "narrow_copy", "ravel", "ravel_multi_index", "swapdims", "unfold", "unfold_copy",
    "unravel_index",
]  # fmt: skip

swapdims = transpose
narrow_copy = narrow


def fliplr(x: Tensor) -> Tensor:
    """Return the tensor with the order along the second axis reversed.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fliplr(cb.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if x.ndim < 2:
        raise ShapeError(f"fliplr: at least two axes are needed, got shape {tuple(x.shape)}")
    return ops.flip(x, axis=1)


def flipud(x: Tensor) -> Tensor:
    """Return the tensor with the order along the first axis reversed.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.flipud(cb.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if x.ndim < 1:
        raise ShapeError("flipud: at least one axis is needed, got a 0-d tensor")
    return ops.flip(x, axis=0)


def ravel(x: Tensor) -> Tensor:
    """Return the elements in one axis, in row-major order.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.ravel(cb.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return ops.reshape(x, (-1,) if x.size else (0,))


def adjoint(x: Tensor) -> Tensor:
    """Return the conjugate transposes of the matrices in the last two axes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.adjoint(cb.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if x.ndim < 2:
        raise ShapeError(f"adjoint: matrices in the last two axes are needed, got shape {tuple(x.shape)}")
    turned = ops.matrix_transpose(x)
    return ops.conj(turned) if x.dtype.is_complex else turned


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Return the tensors broadcast against each other (PyTorch's name for `broadcast_arrays`).

    Examples
    --------
    >>> import candelabra as cb
    >>> [x.shape for x in cb.broadcast_tensors(cb.zeros((2, 1)), cb.zeros(3))]
    [(2, 3), (2, 3)]
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    return tuple(ops.broadcast_arrays(*given))


def cartesian_prod(*tensors: Any) -> Tensor:
    """Return all tuples that take one element of each vector, the last one running fastest.

    Parameters
    ----------
    *tensors : Tensor
        Vectors of one dtype; a single one comes back as it is.

    Returns
    -------
    Tensor
        Shape (product of the lengths, number of vectors).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.cartesian_prod(cb.tensor([1, 2]), cb.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else list(tensors)
    if not given or not all(isinstance(x, Tensor) for x in given):
        raise ArgumentTypeError("cartesian_prod: at least one vector is needed, each a tensor of its own")
    for x in given:
        if x.ndim != 1:
            raise ShapeError(f"cartesian_prod: vectors are needed, got shape {tuple(x.shape)}")
        if x.dtype is not given[0].dtype:
            raise DTypeError(
                f"cartesian_prod: vectors of one dtype are needed, got {given[0].dtype.name} and {x.dtype.name}"
            )
    if len(given) == 1:
        return given[0]
    shape = tuple(x.shape[0] for x in given)
    wide = [
        ops.broadcast_to(ops.reshape(x, tuple(n if j == i else 1 for j, n in enumerate(x.shape * len(given)))), shape)
        for i, x in enumerate(given)
    ]
    return ops.reshape(ops.stack(wide, axis=-1), (size_of(shape), len(given)))


def combinations(x: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all choices of `r` elements of a vector, in the order of `itertools.combinations`.

    Parameters
    ----------
    x : Tensor
        A vector of N elements.
    r : int
        How many are chosen.
    with_replacement : bool
        Whether an element may be chosen again.

    Returns
    -------
    Tensor
        Shape (number of choices, r); of no elements chosen, shape (0,).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.combinations(cb.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if x.ndim != 1:
        raise ShapeError(f"combinations: a vector is needed, got shape {tuple(x.shape)}")
    number = _index("combinations", "r", r)
    if number < 0:
        raise ArgumentError(f"combinations: r is not negative, got {number}")
    if number == 0:
        return x[:0]
    device, n = x.device.physical, x.shape[0]
    if number == 2:
        # Without walking through every pair in Python.
        places = ops.triu(ops.ones((n, n), dtype="bool", device=device), k=0 if with_replacement else 1)
        index = ops.stack(ops.nonzero(places), axis=1)
    else:
        choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
        chosen = list(choose(range(n), number))
        index = ops.reshape(ops.asarray(chosen, dtype=device.whole, device=device), (len(chosen), number))
    return ops.reshape(ops.take(x, ops.reshape(index, (-1,)), axis=0), tuple(index.shape))


def _index(operation: str, name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{operation}: {name} is an int, not {value!r}") from None


def unfold(
    x: Tensor,
    axis: int | None = None,
    size: int | None = None,
    step: int | None = None,
    *,
    dimension: int | None = None,
) -> Tensor:
    """Return the windows along an axis, each in a last axis of its own.

    `nn.functional.unfold` is another function: it takes the patches of images.

    Parameters
    ----------
    x : Tensor
        Any shape.
    axis : int
        The axis of N elements; `dimension` is PyTorch's name for it.
    size : int
        The length of a window.
    step : int
        How far apart windows begin.

    Returns
    -------
    Tensor
        The axis has ``(N - size) // step + 1`` windows; a last axis of `size` is added.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.unfold(cb.arange(5), 0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    given = either(axis, dimension, "unfold")
    if given is None or size is None or step is None:
        raise ArgumentTypeError("unfold: an axis, a size and a step are needed, such as unfold(x, -1, 3, 1)")
    width, stride = _index("unfold", "size", size), _index("unfold", "step", step)
    at = axis_index(given, max(x.ndim, 1), "unfold")
    n = x.shape[at] if x.ndim else 1
    if not 0 <= width <= n:
        raise ArgumentError(f"unfold: the size of a window lies between 0 and the axis' {n} elements, got {width}")
    if stride <= 0:
        raise ArgumentError(f"unfold: the step is positive, got {stride}")
    if not x.ndim:
        return ops.reshape(x, (1,))[:width]
    windows, device = (n - width) // stride + 1, x.device.physical
    lead, rest, head = tuple(x.shape[:at]), tuple(x.shape[at + 1 :]), (slice(None),) * at
    pieces = -(-width // stride)
    if not width or pieces > 64:
        begin = ops.reshape(ops.arange(windows, dtype=device.whole, device=device) * stride, (-1, 1))
        places = ops.reshape(begin + ops.arange(width, dtype=device.whole, device=device), (windows * width,))
        found = ops.reshape(ops.take(x, places, axis=at), (*lead, windows, width, *rest))
        return ops.moveaxis(found, at + 1, -1)
    # Pieces of `stride` elements each: one piece of all windows is a slice, cut into rows.
    parts = []
    for k in range(pieces):
        line = x[(*head, slice(k * stride, (k + windows) * stride))]
        short = windows * stride - line.shape[at]
        if short:
            gap = ops.zeros((*lead, short, *rest), dtype=x.dtype, device=device)
            line = ops.concat([line, gap], axis=at)
        rows = ops.moveaxis(ops.reshape(line, (*lead, windows, stride, *rest)), at + 1, -1)
        parts.append(rows if (k + 1) * stride <= width else rows[..., : width - k * stride])
    return ops.concat(parts, axis=-1) if pieces > 1 else parts[0]


unfold_copy = unfold


def _strided_places(
    operation: str, x: Tensor, size: Any, stride: Any, offset: Any
) -> tuple[tuple[int, ...], Tensor | None]:
    """Return a shape, and the places in row-major order that strides name; None where there are none."""
    shape, steps = shape_tuple(size, operation), shape_tuple(stride, operation)
    begin = 0 if offset is None else _index(operation, "storage_offset", offset)
    if len(shape) != len(steps):
        raise ShapeError(f"{operation}: as many strides as sizes are needed, got {shape} and {steps}")
    if min((*shape, *steps, begin), default=0) < 0:
        raise ArgumentError(
            f"{operation}: sizes, strides and the offset are not negative, got {shape}, {steps}, {begin}"
        )
    if not size_of(shape):
        return shape, None
    last = begin + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))
    if last >= x.size:
        raise ShapeError(
            f"{operation}: sizes {shape} with strides {steps} from {begin} on reach element {last}, a tensor of shape "
            f"{tuple(x.shape)} has {x.size}"
        )
    device = x.device.physical
    places = ops.full((1,) * len(shape), begin, dtype=device.whole, device=device)
    for i, (n, step) in enumerate(zip(shape, steps, strict=True)):
        line = ops.arange(n, dtype=device.whole, device=device) * step
        places = places + ops.reshape(line, tuple(n if j == i else 1 for j in range(len(shape))))
    return shape, ops.reshape(places, (-1,))


def as_strided(x: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Return elements picked by strides: (i, j, …) is number ``storage_offset + i*stride[0] + j*stride[1] + …``.

    Parameters
    ----------
    x : Tensor
        Its elements count in row-major order, whatever its memory looks like: a tensor has no strides of its own here.
    size, stride : sequence of int
        The shape of the result, and for each axis how many elements apart its neighbours stand.
    storage_offset : int, optional
        Where the first element stands, by default 0.

    Returns
    -------
    Tensor
        A tensor of its own; gradients of what was picked several times add up.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.as_strided(cb.arange(5), (3, 2), (1, 2))
    tensor([[0, 2],
            [1, 3],
            [2, 4]])
    """
    shape, places = _strided_places("as_strided", x, size, stride, storage_offset)
    if places is None:
        return ops.zeros(shape, dtype=x.dtype, device=x.device.physical)
    return ops.reshape(ops.take(ops.reshape(x, (-1,)), places, axis=0), shape)


def as_strided_scatter(x: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Return `x` with `src` written where `as_strided` would read; strides that meet a place twice are refused.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.as_strided_scatter(cb.zeros(4), cb.ones(2), (2,), (2,), 1)
    tensor([0., 1., 0., 1.])
    """
    shape, places = _strided_places("as_strided_scatter", x, size, stride, storage_offset)
    if tuple(src.shape) != shape:
        raise ShapeError(f"as_strided_scatter: src has shape {tuple(src.shape)}, the sizes are {shape}")
    if places is None:
        return ops.alias(x)
    steps = sorted((s, n) for n, s in zip(shape, shape_tuple(stride, "as_strided_scatter"), strict=True) if n > 1)
    reach = 0
    for step, n in steps:
        if step <= reach:
            raise ArgumentError(
                f"as_strided_scatter: sizes {shape} with strides {tuple(stride)} name a place twice; give strides that "
                "do not overlap"
            )
        reach += (n - 1) * step
    return ops.put(x, places, ops.astype(ops.reshape(src, (-1,)), x.dtype, copy=False))


def argwhere(x: Tensor) -> Tensor:
    """Return the positions of the elements that are not zero, one a row.

    Returns
    -------
    Tensor
        int64, shape (number of elements, number of axes).

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.argwhere(cb.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    if x.ndim == 0:
        found = ops.nonzero(ops.reshape(x, (1,)))[0]
        return ops.zeros((found.shape[0], 0), dtype=x.device.whole, device=x.device.physical)
    return ops.stack(ops.nonzero(x), axis=1)


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Turn places in row-major order into one index per axis.

    Parameters
    ----------
    indices : Tensor
        Integers, any shape; negative ones count from the end.
    shape : int or sequence of int
        The shape that is indexed.

    Returns
    -------
    tuple of Tensor
        One for each axis, each of the shape of `indices`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.unravel_index(cb.tensor([0, 4]), (2, 3))
    (tensor([0, 1]), tensor([0, 1]))
    """
    from .scatter import check_bounds

    sizes = shape_tuple(shape, "unravel_index")
    if min(sizes, default=0) < 0:
        raise ShapeError(f"unravel_index: sizes are not negative, got {sizes}")
    check_bounds("unravel_index", indices, size_of(sizes), negative=True)
    found: list[Tensor] = []
    rest = indices
    for n in reversed(sizes):
        # The remainder has the sign of the size, so that negative places count from the end.
        found.append(ops.remainder(rest, n) if n else rest)
        rest = ops.floor_divide(rest, n) if n else rest
    return tuple(reversed(found))


def ravel_multi_index(indices: Sequence[Tensor], shape: Sequence[int], mode: str = "raise") -> Tensor:
    """Turn one index per axis into places in row-major order (NumPy's function).

    Parameters
    ----------
    indices : sequence of Tensor
        Integers, one for each axis; they broadcast.
    shape : sequence of int
        The shape that is indexed.
    mode : {"raise", "wrap", "clip"}
        What an index out of range does: it is refused (where values are looked at, as on the host), counted round the
        axis, or taken for the nearest one.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.ravel_multi_index((cb.tensor([0, 1]), cb.tensor([0, 1])), (2, 3))
    tensor([0, 4])
    """
    from .scatter import check_bounds

    sizes = shape_tuple(shape, "ravel_multi_index")
    if len(indices) != len(sizes) or not sizes:
        raise ShapeError(f"ravel_multi_index: {len(indices)} index tensors are given for a shape of {len(sizes)} axes")
    if mode not in ("raise", "wrap", "clip"):
        raise ArgumentError(f"ravel_multi_index: mode is 'raise', 'wrap' or 'clip', not {mode!r}")
    total: Any = 0
    for index, n in zip(indices, sizes, strict=True):
        if index.dtype.kind not in ("signed", "unsigned"):
            raise DTypeError(f"ravel_multi_index: indices are integers, not {index.dtype.name}")
        if mode == "raise":
            check_bounds("ravel_multi_index", index, n)
        elif mode == "wrap":
            index = ops.remainder(index, n)
        else:
            index = ops.clip(index, 0, n - 1)
        total = total * n + index
    return total  # type: ignore[no-any-return]
