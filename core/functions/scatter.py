"""Writing and adding at indexed places, made of the rows `setitem`, `scatter` and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..device import checks_values
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, IndexOutOfRangeError, ShapeError
from ..ops import row_function
from ..primitives.indexing import ARRAY
from ..primitives.row import TABLE
from ..primitives.tools import axis_index, size_of
from ..tensor import Tensor
from .conversion import asarray
from .indexing import split_key
from .torch_names import either

__all__ = [
    "gather", "index_add", "index_copy", "index_fill", "index_put", "index_reduce", "masked_scatter", "put",
    "put_along_axis", "scatter", "scatter_add", "scatter_reduce", "take_along_dim",
]  # fmt: skip

_EVERYTHING = ("slice", None, None, None)


def _form(operation: str, dim: Any, axis: Any, *rest: Any) -> tuple[Any, ...]:
    """Return axis and operands of a call in PyTorch's form ``f(x, dim, index, ...)`` or ``f(x, index, ..., axis=)``."""
    if isinstance(dim, Tensor):
        if rest[-1] is not None:
            raise ArgumentTypeError(f"{operation}: the axis is an int, not a Tensor; it comes before the index")
        rest, dim = (dim, *rest[:-1]), None
    at = either(axis, dim, operation)
    if at is None:
        raise ArgumentTypeError(f"{operation}: an axis is needed, as in {operation}(x, 0, ...) or as axis=0")
    if rest[0] is None:
        raise ArgumentTypeError(f"{operation}: an index tensor is needed")
    return (at, *rest)


def _row(name: str) -> Any:
    return row_function(TABLE[name])


def gather(
    x: Tensor, dim: Any = None, index: Tensor | None = None, *, axis: int | None = None, sparse_grad: bool = False
) -> Tensor:
    """Return the elements along an axis that an index tensor names, which may be smaller than `x` on the other axes.

    Parameters
    ----------
    x : Tensor
        Any shape.
    dim : int
        The axis. ``gather(x, index, axis=0)`` is another way to write it.
    index : Tensor
        Integers, not negative, as many axes as `x`.
    sparse_grad : bool
        Refused: gradients are dense.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.gather(cb.tensor([[1, 2], [3, 4]]), 1, cb.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    if sparse_grad:
        raise ArgumentError("gather: sparse_grad=True is refused: gradients here are dense")
    at, index = _form("gather", dim, axis, index)
    return _row("gather")(x, index, axis=at)


def scatter(
    x: Tensor,
    dim: Any = None,
    index: Tensor | None = None,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """Return `x` with `src`, or one value, written, added or multiplied where an index tensor says along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape.
    dim : int
        The axis. ``scatter(x, index, src, axis=0)`` is another way to write it.
    index : Tensor
        Integers, not negative, as many axes as `x`.
    src : Tensor or number
        What is written: at least as large as the index. Where a place is named twice the last one stays.
    value : number, optional
        Instead of `src`.
    reduce : {"add", "multiply"}, optional
        Whether what is there takes part; `scatter_reduce` has more.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.scatter(cb.zeros(3), 0, cb.tensor([2, 0]), cb.tensor([1.0, 5.0]))
    tensor([5., 0., 1.])
    """
    at, index, src = _form("scatter", dim, axis, index, src)
    return scattered("scatter", x, index, src, value, at, reduce)  # type: ignore[arg-type]


def scatter_add(
    x: Tensor, dim: Any = None, index: Tensor | None = None, src: Tensor | None = None, *, axis: int | None = None
) -> Tensor:
    """Return `x` with `src` added where an index tensor says along an axis; repeated places add up.

    The arguments are those of `scatter`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.scatter_add(cb.zeros(3), 0, cb.tensor([2, 2]), cb.tensor([1.0, 5.0]))
    tensor([0., 0., 6.])
    """
    at, index, src = _form("scatter_add", dim, axis, index, src)
    return _row("scatter_add")(x, index, src, axis=at)


def scatter_reduce(
    x: Tensor,
    dim: Any = None,
    index: Tensor | None = None,
    src: Tensor | None = None,
    reduce: str | None = None,
    *,
    include_self: bool = True,
    axis: int | None = None,
) -> Tensor:
    """Return `x` with the sum, product, mean, maximum or minimum of all that an index sends to a place along an axis.

    Parameters
    ----------
    x, dim, index, src
        As for `scatter`; real numbers.
    reduce : {"sum", "prod", "mean", "amax", "amin"}
        How what meets is reduced; what ties shares the gradient.
    include_self : bool
        Whether the elements of `x` take part where others come to them.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.scatter_reduce(cb.zeros(3), 0, cb.tensor([2, 2]), cb.tensor([1.0, 5.0]), "amax")
    tensor([0., 0., 5.])
    """
    at, index, src = _form("scatter_reduce", dim, axis, index, src)
    if reduce is None:
        raise ArgumentTypeError("scatter_reduce: the reduction is needed, as reduce")
    return _row("scatter_reduce")(x, index, src, axis=at, reduce=reduce, include_self=include_self)


def index_add(
    x: Tensor,
    dim: Any = None,
    index: Tensor | None = None,
    source: Tensor | None = None,
    *,
    alpha: Any = 1,
    axis: int | None = None,
) -> Tensor:
    """Return `x` with the slices of `source`, times `alpha`, added at `index` along an axis; repeated indices add up.

    Parameters
    ----------
    x : Tensor
        Any shape.
    dim : int
        The axis. ``index_add(x, index, source, axis=0)`` is another way to write it.
    index : Tensor
        Integers, not negative, shape (M,).
    source : Tensor
        The shape of `x`, with M along the axis.
    alpha : number
        The factor of `source`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.index_add(cb.zeros(3), 0, cb.tensor([2, 2]), cb.tensor([1.0, 5.0]))
    tensor([0., 0., 6.])
    """
    at, index, source = _form("index_add", dim, axis, index, source)
    if isinstance(alpha, Tensor) or alpha != 1:
        source = alpha * source
    return _row("index_add")(x, index, source, axis=at)


def check_bounds(operation: str, index: Tensor, n: int, *, negative: bool = False) -> None:
    """Refuse indices out of range, where values are looked at."""
    if index.dtype.kind not in ("signed", "unsigned"):
        raise DTypeError(f"{operation}: indices are integers, not {index.dtype.name}; convert them with .long()")
    if not checks_values(index.device) or not index.size:
        return
    low, high = ops.min(index).item(), ops.max(index).item()
    if low < (-n if negative else 0) or high >= n:
        bad = high if high >= n else low
        raise IndexOutOfRangeError(f"{operation}: index {bad} is out of range for {n} places")


def _slices(operation: str, x: Tensor, index: Tensor, axis: int, *, negative: bool = False) -> tuple[int, Tensor]:
    """Return an axis, and an index of one axis whose bounds are checked."""
    at = axis_index(axis, x.ndim, operation)
    if not isinstance(index, Tensor):
        raise ArgumentTypeError(f"{operation}: index is a Tensor, not {type(index).__name__}")
    if index.ndim > 1:
        raise ShapeError(f"{operation}: index has one axis, got shape {tuple(index.shape)}")
    check_bounds(operation, index, x.shape[at], negative=negative)
    return at, ops.reshape(index, (-1,)) if index.ndim == 0 else index


def _value(operation: str, x: Tensor, value: Any) -> Tensor:
    """Return a number, or a tensor of no axes, as a tensor in the dtype of `x`."""
    if not isinstance(value, Tensor):
        return asarray(value, dtype=x.dtype, device=x.device.physical)
    if value.ndim:
        raise ShapeError(f"{operation}: value is a number or a tensor of no axes, got shape {tuple(value.shape)}")
    return value if value.dtype is x.dtype else ops.astype(value, x.dtype)


def index_copy(
    x: Tensor, dim: Any = None, index: Tensor | None = None, source: Tensor | None = None, *, axis: int | None = None
) -> Tensor:
    """Return `x` with the slices of `source` written at `index` along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape.
    dim : int
        The axis. ``index_copy(x, index, source, axis=0)`` is another way to write it.
    index : Tensor
        Integers, shape (M,), each named once.
    source : Tensor
        The shape of `x`, with M along the axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.index_copy(cb.zeros(3), 0, cb.tensor([2, 0]), cb.tensor([1.0, 5.0]))
    tensor([5., 0., 1.])
    """
    axis, index, source = _form("index_copy", dim, axis, index, source)
    at, index = _slices("index_copy", x, index, axis)
    expected = (*x.shape[:at], index.shape[0], *x.shape[at + 1 :])
    if not isinstance(source, Tensor):
        raise ArgumentTypeError(f"index_copy: source is a Tensor, not {type(source).__name__}")
    if source.dtype is not x.dtype:
        raise DTypeError(f"index_copy: source is of {source.dtype.name}, x of {x.dtype.name}; cast one of them")
    if tuple(source.shape) != expected:
        raise ShapeError(f"index_copy: source has shape {tuple(source.shape)}, expected {expected} from x and index")
    return _row("setitem")(x, source, [index], key=(*(_EVERYTHING,) * at, ARRAY))


def index_fill(
    x: Tensor, dim: Any = None, index: Tensor | float | None = None, value: Any = None, *, axis: int | None = None
) -> Tensor:
    """Return `x` with one value written at `index` along an axis; ``index_fill(x, index, value, axis=0)`` is the same.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.index_fill(cb.zeros(3), 0, cb.tensor([2, 0]), 7.0)
    tensor([7., 0., 7.])
    """
    axis, places, value = _form("index_fill", dim, axis, index, value)
    at, places = _slices("index_fill", x, places, axis, negative=True)
    filled = _value("index_fill", x, value)
    # Through a mask: a place that is named twice is filled once, and counts once in the value's gradient.
    device, n = x.device.physical, x.shape[at]
    nowhere, true = ops.zeros((n,), dtype="bool", device=device), ops.ones((), dtype="bool", device=device)
    named = _row("setitem")(nowhere, true, [places], key=(ARRAY,))
    line = ops.reshape(named, tuple(n if i == at else 1 for i in range(x.ndim)))
    return ops.where(line, filled, x)


def index_reduce(
    x: Tensor,
    dim: Any = None,
    index: Tensor | None = None,
    source: Tensor | None = None,
    reduce: str = "",
    *,
    include_self: bool = True,
    axis: int | None = None,
) -> Tensor:
    """Return `x` with slices of `source` multiplied, averaged or compared into it at `index` along an axis.

    Parameters
    ----------
    x : Tensor
        Any shape.
    dim : int
        The axis. ``index_reduce(x, index, source, axis=0, reduce="prod")`` is another way to write it.
    index : Tensor
        Integers, shape (M,).
    source : Tensor
        The shape of `x`, with M along the axis.
    reduce : {"prod", "mean", "amax", "amin"}
        How what meets is reduced; `index_add` adds.
    include_self : bool
        Whether the slices of `x` take part where others come to them.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.index_reduce(cb.ones(2), 0, cb.tensor([0, 0]), cb.tensor([3.0, 5.0]), "mean")
    tensor([3., 1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ArgumentError(f"index_reduce: reduce is 'prod', 'mean', 'amax' or 'amin', not {reduce!r}")
    axis, index, source = _form("index_reduce", dim, axis, index, source)
    at, index = _slices("index_reduce", x, index, axis)
    expected = (*x.shape[:at], index.shape[0], *x.shape[at + 1 :])
    if not isinstance(source, Tensor):
        raise ArgumentTypeError(f"index_reduce: source is a Tensor, not {type(source).__name__}")
    if tuple(source.shape) != expected:
        raise ShapeError(f"index_reduce: source has shape {tuple(source.shape)}, expected {expected} from x and index")
    shape = tuple(-1 if i == at else 1 for i in range(x.ndim))
    if reduce == "mean":
        # Whole slices are added, and counted once for all their elements.
        device = x.device.physical
        none = ops.zeros((x.shape[at],), dtype=x.dtype, device=device)
        counts = _row("index_add")(none, index, ops.ones((index.shape[0],), dtype=x.dtype, device=device), axis=0)
        start = x
        if include_self:
            counts = ops.add(counts, 1)
        else:
            start = ops.where(ops.reshape(ops.equal(counts, 0), shape), x, ops.zeros((), dtype=x.dtype, device=device))
            counts = ops.maximum(counts, 1)
        total, counts = _row("index_add")(start, index, source, axis=at), ops.reshape(counts, shape)
        return ops.floor_divide(total, counts) if x.dtype.rank < 2 else ops.divide(total, counts)
    wide = ops.broadcast_to(ops.reshape(index, shape), expected)
    return _row("scatter_reduce")(x, wide, source, axis=at, reduce=reduce, include_self=include_self)


def index_put(x: Tensor, indices: Sequence[Any], values: Any, /, accumulate: bool = False) -> Tensor:
    """Return `x` with values written, or added, where a key of index tensors selects: ``x[indices] = values``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.index_put(cb.zeros(3), (cb.tensor([0, 0]),), cb.tensor(1.0), accumulate=True)
    tensor([2., 0., 0.])
    """
    key, tensors = split_key(x, tuple(indices), "index_put")
    given = values if isinstance(values, Tensor) else asarray(values, dtype=x.dtype, device=x.device.physical)
    if given.dtype is not x.dtype:
        raise DTypeError(f"index_put: values are of {given.dtype.name}, x of {x.dtype.name}; cast one of them")
    if not accumulate:
        return _row("setitem")(x, given, tensors, key=key)
    chosen = row_function(TABLE["getitem"])(x.detach(), tensors, key=key)
    wide = ops.broadcast_to(given, tuple(chosen.shape))
    return ops.add(x, row_function(TABLE["getitem_transpose"])(wide, tensors, x_shape=tuple(x.shape), key=key))


def masked_scatter(x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return `x` with the first elements of `source`, in order, where `mask` is true; the mask broadcasts.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.masked_scatter(cb.zeros(3), cb.tensor([True, False, True]), cb.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 2.])
    """
    if mask.dtype.kind != "bool":
        raise ArgumentTypeError(f"masked_scatter: the mask is boolean, not {mask.dtype.name}")
    if source.dtype is not x.dtype:
        raise DTypeError(f"masked_scatter: source is of {source.dtype.name}, x of {x.dtype.name}; cast one of them")
    x, mask = ops.broadcast_arrays(x, mask)
    total, count = size_of(mask.shape), size_of(source.shape)
    if not total:
        return x
    order = ops.cumulative_sum(ops.astype(ops.reshape(mask, (total,)), mask.device.whole), axis=0)
    if checks_values(mask.device):
        wanted = int(order[-1].item())
        if wanted > count:
            raise ShapeError(
                f"masked_scatter: the mask wants {wanted} elements, source of shape {tuple(source.shape)} has {count}"
            )
    if not count:
        return x
    # Where the mask is false any place will do.
    found = ops.take(ops.reshape(source, (-1,)), ops.maximum(ops.subtract(order, 1), 0), axis=0)
    return ops.where(mask, ops.reshape(found, tuple(mask.shape)), x)


def put(x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return `x` with elements written, or added, at places counted as if it had one axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.put(cb.zeros(2, 2), cb.tensor([3, 0]), cb.tensor([1.0, 5.0]))
    tensor([[5., 0.],
            [0., 1.]])
    """
    total = size_of(x.shape)
    check_bounds("put", index, total, negative=True)
    if size_of(index.shape) != size_of(source.shape):
        raise ShapeError(
            f"put: index of shape {tuple(index.shape)} and source of shape {tuple(source.shape)} have as many elements"
        )
    if source.dtype is not x.dtype:
        raise DTypeError(f"put: source is of {source.dtype.name}, x of {x.dtype.name}; cast one of them")
    if not total or not index.size:
        return ops.alias(x)
    flat, places, given = (ops.reshape(t, (-1,)) for t in (x, index, source))
    if accumulate:
        from_the_front = ops.where(ops.less(places, 0), ops.add(places, total), places)
        found = _row("index_add")(flat, from_the_front, given, axis=0)
    else:
        found = _row("setitem")(flat, given, [places], key=(ARRAY,))
    return ops.reshape(found, tuple(x.shape))


def put_along_axis(x: Tensor, indices: Tensor, values: Any, /, *, axis: int) -> Tensor:
    """Return `x` with values written along an axis where an index tensor says; the inverse of `take_along_axis`.

    Parameters
    ----------
    x : Tensor
        Any shape.
    indices : Tensor
        Integers; as many axes as `x`, and sizes along the others that broadcast to its.
    values : Tensor or number
        Broadcasts to the indices.
    axis : int
        The axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.put_along_axis(cb.zeros(2, 2), cb.tensor([[1], [0]]), 7.0, axis=1)
    tensor([[0., 7.],
            [7., 0.]])
    """
    at = axis_index(axis, x.ndim, "put_along_axis")
    if indices.ndim != x.ndim:
        raise ShapeError(f"put_along_axis: indices have {indices.ndim} axes, x has {x.ndim}; both need the same number")
    n = x.shape[at]
    check_bounds("put_along_axis", indices, n, negative=True)
    wide = ops.broadcast_to(indices, tuple(m if i == at else x.shape[i] for i, m in enumerate(indices.shape)))
    given = values if isinstance(values, Tensor) else asarray(values, dtype=x.dtype, device=x.device.physical)
    given = given if given.dtype is x.dtype else ops.astype(given, x.dtype)
    places = ops.where(ops.less(wide, 0), ops.add(wide, n), wide)
    return _row("scatter")(x, places, ops.broadcast_to(given, tuple(wide.shape)), axis=at)


def take_along_dim(x: Tensor, indices: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Return along an axis the elements that an index tensor names (PyTorch's name for `take_along_axis`).

    Without an axis both are taken as if they had one.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.take_along_dim(cb.tensor([[10, 20], [40, 30]]), cb.tensor([[1], [0]]), dim=1)
    tensor([[20],
            [40]])
    """
    at = either(axis, dim, "take_along_dim")
    if at is None:
        return ops.take(ops.reshape(x, (-1,)), ops.reshape(indices, (-1,)), axis=0)
    return ops.take_along_axis(x, indices, axis=at)


def scattered(operation: str, x: Tensor, index: Tensor, src: Any, value: Any, axis: int, reduce: str | None) -> Tensor:
    """Scatter a tensor or one value, as the methods of PyTorch do."""
    given = value if src is None else src
    if given is None or (src is not None and value is not None):
        raise ArgumentTypeError(f"{operation}: give a source tensor or a value, and not both")
    if not isinstance(given, Tensor) or (given.ndim == 0 and index.ndim):
        given = ops.broadcast_to(_value(operation, x, given), tuple(index.shape))
    elif given.dtype is not x.dtype:
        raise DTypeError(f"{operation}: src is of {given.dtype.name}, the tensor of {x.dtype.name}; cast one of them")
    if reduce is None:
        return _row("scatter")(x, index, given, axis=axis)
    if reduce == "add":
        return _row("scatter_add")(x, index, given, axis=axis)
    if reduce == "multiply":
        return _row("scatter_reduce")(x, index, given, axis=axis, reduce="prod")
    raise ArgumentError(f"{operation}: reduce is 'add', 'multiply' or None, not {reduce!r}; scatter_reduce has more")
