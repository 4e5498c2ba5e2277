"""Making tensors: of a shape, of a range, and like other tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import device as devices
from .. import dtypes, ops
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..explain import explain
from ..implementation import implementations
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import shape_tuple, whole
from ..tensor import Tensor

__all__ = [
    "arange", "clone", "empty", "empty_like", "eye", "full", "full_like", "linspace", "meshgrid", "ones", "ones_like",
    "tril_indices", "triu_indices", "zeros", "zeros_like",
]  # fmt: skip


def _finish(made: Tensor, requires_grad: bool) -> Tensor:
    return made.requires_grad_() if requires_grad else made


# The rows' own functions: their names are those of the functions below.
_full, _arange, _linspace, _eye = (row_function(TABLE[name]) for name in ("full", "arange", "linspace", "eye"))


def _creator(name: str) -> Any:
    row = TABLE[name]
    impls = implementations(row)

    def create(
        shape: Any = (), *more: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **size: Any
    ) -> Tensor:
        if size:
            shape = size.pop("size", shape)
            if size:
                raise ArgumentTypeError(f"{name}: unknown argument {next(iter(size))!r}")
        if more:
            shape = (shape, *more)
        # What the row's own function does, without a call of it.
        place = devices.get_default_device() if device is None else devices.as_device(device)
        impl = impls[place]
        if dtype is None:
            kind = place.best_native_dtype(dtypes.get_default_dtype())
        else:
            kind = place.native_dtype(dtype, name)
        try:
            shape = shape_tuple(shape, name)
            array = impl.forward(shape, dtype=kind)
            if type(array) is not impl.array_type:
                array = impl.normalize(array)
        except Exception as error:
            raise explain(row, (), error, {"shape": shape}, place) from error
        made = Tensor(array, place)
        return made.requires_grad_() if requires_grad else made

    create.__name__ = create.__qualname__ = name
    create.__module__ = "candelabra"
    create.__doc__ = f"""Return a tensor of {_WORDS[name]}.

    Parameters
    ----------
    shape : int or tuple of int
        The sizes of the axes; further ints may follow, as in PyTorch.
    dtype : DType, optional
        Default: the default float dtype.
    device : Device or str, optional
        Default: the default device.
    requires_grad : bool
        Whether a gradient is wanted.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.{name}((2, 3)).shape
    (2, 3)
    """
    return create


_WORDS = {"zeros": "zeros", "ones": "ones", "empty": "arbitrary values"}
zeros = _creator("zeros")
ones = _creator("ones")
empty = _creator("empty")


def full(
    shape: Any = None,
    fill_value: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    size: Any = None,
) -> Tensor:
    """Return a tensor of one value.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.full((2,), 0.5)
    tensor([0.5000, 0.5000])
    """
    if isinstance(fill_value, Tensor):
        dtype = fill_value.dtype if dtype is None else dtype
        device = fill_value.device if device is None else device
        fill_value = fill_value.item()
    elif hasattr(fill_value, "__array_interface__") and fill_value.shape == ():
        fill_value = fill_value.item()
    if not isinstance(fill_value, (bool, int, float, complex)):
        raise ArgumentTypeError(f"full: the fill value is a number, not {type(fill_value).__name__}")
    shape = size if shape is None else shape
    return _finish(_full(shape, fill_value, dtype=dtype, device=device), requires_grad)


def arange(
    start: Any = None,
    stop: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    end: Any = None,
) -> Tensor:
    """Return evenly spaced values from `start` up to, not including, `stop`; one value alone is the stop.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.arange(3)
    tensor([0, 1, 2])
    """
    if end is not None:
        start, stop = 0 if start is None else start, end
    if type(start) not in _PLAIN or type(step) not in _PLAIN or (type(stop) not in _PLAIN and stop is not None):
        # A number of one element (a tensor's, NumPy's) is the Python number that it stands for.
        start, stop, step = (v.item() if getattr(v, "shape", None) == () else v for v in (start, stop, step))
        for name, value in (("start", start), ("stop", stop), ("step", step)):
            if not isinstance(value, (int, float)) and not (name == "stop" and value is None):
                raise ArgumentTypeError(f"arange: {name} is a number, not {value!r}")
    if step == 0:
        raise ArgumentError("arange: step must not be zero")
    if stop is None:
        start, stop = (0.0 if isinstance(start, float) else 0), start
    try:
        length = (stop - start) / step
    except OverflowError:
        length = math.inf
    if length <= 0:
        stop = start = start + 0 * (stop + step)
    elif length >= 1e18:
        raise MemoryError(f"arange: no memory holds the values from {start} to {stop} in steps of {step}")
    return _finish(_arange(start, stop, step, dtype=dtype, device=device), requires_grad)


_PLAIN = frozenset((int, float))


def linspace(
    start: Any = None, stop: Any = None, num: Any = None, *, dtype: Any = None, device: Any = None,
    endpoint: bool = True, requires_grad: bool = False, end: Any = None, steps: int | None = None,
) -> Tensor:  # fmt: skip
    """Return `num` evenly spaced values from `start` to `stop`, `stop` included unless ``endpoint=False``.

    `end` and `steps` are PyTorch's names for `stop` and `num`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.linspace(0.0, 1.0, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    stop = end if stop is None else stop
    num = steps if num is None else num
    if start is None or stop is None or num is None:
        raise ArgumentTypeError("linspace: start, stop and num are needed")
    if type(num) is not int:
        num = whole(num, "linspace: num")
    if num < 0:
        raise ArgumentError(f"linspace: num must not be negative, got {num}")
    if type(start) not in _PLAIN or type(stop) not in _PLAIN:
        start, stop = (v.item() if isinstance(v, Tensor) else v for v in (start, stop))
    made = _linspace(start, stop, num, dtype=dtype, device=device, endpoint=endpoint)
    return made.requires_grad_() if requires_grad else made


def eye(
    n_rows: int | None = None,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    n: int | None = None,
    m: int | None = None,
) -> Tensor:
    """Return a matrix with ones on the diagonal `k` and zeros elsewhere.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if n is not None:
        n_rows, n_cols = n, m
    if n_rows is None:
        raise ArgumentTypeError("eye: a size is needed, such as eye(3)")
    made = _eye(n_rows, n_cols, k=k, dtype=dtype, device=device)
    return made.requires_grad_() if requires_grad else made


_EMPTY, _ZEROS, _ONES, _FULL = (implementations(TABLE[name]) for name in ("empty", "zeros", "ones", "full"))


def _like(impls: Any, x: Tensor, dtype: Any, device: Any, requires_grad: bool, value: Any = None) -> Tensor:
    """Return what a row creates in the shape, dtype and device of `x`."""
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"{impls.row.name}_like: a Tensor is needed, got {type(x).__name__}")
    place, array = x.device, x.array
    if dtype is None and device is None and not place.levels:
        # A shape and a dtype that an array has need no check.
        impl = impls[place]
        shape = tuple(array.shape)
        if value is None:
            found = impl.forward(shape, dtype=array.dtype)
        else:
            found = impl.forward(shape, value, dtype=array.dtype)
        made = Tensor(found if type(found) is impl.array_type else impl.normalize(found), place)
    else:
        make = row_function(impls.row)
        given = (x.shape,) if value is None else (x.shape, value)
        place = place.physical if device is None else device
        made = make(*given, dtype=x.dtype if dtype is None else dtype, device=place)
    return made.requires_grad_() if requires_grad else made


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros in the shape, dtype and device of `x`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.zeros_like(cb.tensor([1, 2]))
    tensor([0, 0])
    """
    return _like(_ZEROS, x, dtype, device, requires_grad)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones in the shape, dtype and device of `x`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.ones_like(cb.tensor([1, 2]))
    tensor([1, 1])
    """
    return _like(_ONES, x, dtype, device, requires_grad)


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return arbitrary values in the shape, dtype and device of `x`."""
    return _like(_EMPTY, x, dtype, device, requires_grad)


def full_like(
    x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return one value in the shape, dtype and device of `x`.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.full_like(cb.tensor([1, 2]), 7)
    tensor([7, 7])
    """
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"full_like: a Tensor is needed, got {type(x).__name__}")
    if type(fill_value) is float and dtype is None and x.dtype.is_differentiable:
        return _like(_FULL, x, dtype, device, requires_grad, fill_value)
    if device is None:
        device = x.device.physical
    dtype = x.dtype if dtype is None else dtype
    return full(x.shape, fill_value, dtype=dtype, device=device, requires_grad=requires_grad)


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Return coordinate tensors of the grid that one-dimensional tensors span.

    Parameters
    ----------
    *arrays : Tensor
        One-dimensional, of one dtype.
    indexing : {"xy", "ij"}
        Cartesian (the standard's default) or matrix indexing (PyTorch's default).

    Examples
    --------
    >>> import candelabra as cb
    >>> x, y = cb.meshgrid(cb.arange(2), cb.arange(3), indexing="ij")
    >>> x.shape
    (2, 3)
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    given: Sequence[Tensor] = arrays[0] if len(arrays) == 1 and isinstance(arrays[0], (list, tuple)) else arrays
    for a in given:
        if a.ndim > 1:
            raise ShapeError(f"meshgrid: one-dimensional tensors are needed, got shape {a.shape}")
    devices.refuse_mixture("meshgrid", given)
    lines = [ops.reshape(a, (-1,)) for a in given]
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[0], order[1] = 1, 0
    shape = [0] * len(lines)
    for i, line in enumerate(lines):
        shape[order[i]] = int(line.size)
    return tuple(
        ops.broadcast_to(ops.reshape(line, tuple(-1 if j == order[i] else 1 for j in range(len(lines)))), tuple(shape))
        for i, line in enumerate(lines)
    )


def _triangle(row: int, col: int, offset: int, lower: bool, device: Any) -> Tensor:
    i, j = meshgrid(arange(row, device=device), arange(col, device=device), indexing="ij")
    keep = ops.less_equal(j - i, offset) if lower else ops.greater_equal(j - i, offset)
    return ops.stack(list(ops.nonzero(keep)))


def tril_indices(row: int, col: int, offset: int = 0, *, device: Any = None) -> Tensor:
    """Return the indices of the lower triangle of a matrix, shape (2, n)."""
    return _triangle(row, col, offset, True, device)


def triu_indices(row: int, col: int, offset: int = 0, *, device: Any = None) -> Tensor:
    """Return the indices of the upper triangle of a matrix, shape (2, n)."""
    return _triangle(row, col, offset, False, device)


def clone(x: Tensor) -> Tensor:
    """Return a copy of a tensor, recorded.

    Examples
    --------
    >>> import candelabra as cb
    >>> x = cb.ones(2)
    >>> y = cb.clone(x)
    >>> y += 1
    >>> x
    tensor([1., 1.])
    """
    copied = ops.alias(x)
    if not x.device.levels:
        copied.array = x.device.backend.copy(x.array)
    return copied
