"""Indexing with Python keys, and what PyTorch users index with."""

from __future__ import annotations

import operator
import os
import threading
from typing import Any

from .. import dtypes, inplace, ops
from ..autograd.mode import grad_mode
from ..autograd.node import Node, next_sequence
from ..errors import ArgumentError, ArgumentTypeError, IndexOutOfRangeError, ShapeError
from ..explain import explain
from ..implementation import implementation, implementations
from ..ops import row_function
from ..primitives.indexing import ARRAY
from ..primitives.row import TABLE
from ..primitives.tools import axis_index
from ..tensor import Tensor, concrete
from .conversion import asarray
from .torch_names import needed

_new = object.__new__

__all__ = [
    "get_item", "index_select", "masked_fill", "masked_select", "narrow", "select", "set_item", "take_item",
]  # fmt: skip


def _whole(value: Any) -> Any:
    """A bound of a slice as an int or None."""
    if value is None or type(value) is int:
        return value
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"getitem: a slice's bounds are ints or None, not {value!r}") from None


def split_key(x: Tensor, key: Any, operation: str) -> tuple[tuple[Any, ...], list[Tensor]]:
    """Split a Python key into the static key of the rows and its index tensors."""
    parts = key if type(key) is tuple else (key,)
    static: list[Any] = []
    tensors: list[Tensor] = []
    for position, part in enumerate(parts):
        kind = type(part)
        if kind is int or part is None or part is Ellipsis:
            static.append(part)
        elif kind is slice:
            step = _whole(part.step)
            if step == 0:
                raise ArgumentError(f"{operation}: the step of a slice must not be zero")
            static.append(("slice", _whole(part.start), _whole(part.stop), step))
        elif isinstance(part, Tensor):
            _index_tensor(x, part, static, tensors, operation, parts[position + 1 :])
        elif isinstance(part, bool):
            _index_tensor(x, asarray(part, device=x.device.physical), static, tensors, operation, ())
        elif isinstance(part, (list, range)) or (hasattr(part, "__array__") and getattr(part, "shape", ()) != ()):
            given = asarray(part if not isinstance(part, range) else list(part), device=x.device.physical)
            if given.size == 0 and given.dtype.rank > 1:
                given = ops.astype(given, given.device.whole)
            _index_tensor(x, given, static, tensors, operation, parts[position + 1 :])
        else:
            try:
                static.append(operator.index(part))
            except TypeError:
                raise ArgumentTypeError(
                    f"{operation}: a tensor is indexed with ints, slices, None, ..., and integer or boolean tensors, "
                    f"not with {part!r}"
                ) from None
    return tuple(static), tensors


def _index_tensor(
    x: Tensor, part: Tensor, static: list[Any], tensors: list[Tensor], operation: str, rest: tuple[Any, ...]
) -> None:
    kind = part.dtype.kind
    if kind == "bool":
        at = sum(1 for k in static if k is not None and k is not Ellipsis)
        if Ellipsis in static:
            at = x.ndim - part.ndim - sum(_width(k) for k in rest)
        if part.ndim == 0:
            raise ArgumentTypeError(
                f"{operation}: a single truth value is no index beside others; index with it alone, or use None for a "
                "new axis"
            )
        want = x.shape[at : at + part.ndim]
        # An axis of size zero selects nothing, whatever it stands for.
        if len(want) != part.ndim or any(n not in (0, m) for n, m in zip(part.shape, want, strict=True)):
            raise IndexOutOfRangeError(
                f"{operation}: a boolean index of shape {part.shape} does not fit the axes {want} of a tensor of "
                f"shape {x.shape}"
            )
        if part.device.levels:
            concrete(part, f"{operation} with a boolean index")
        found = row_function(TABLE["nonzero"])(part)
        static.extend([ARRAY] * len(found))
        tensors.extend(found)
    elif kind in ("signed", "unsigned"):
        static.append(ARRAY)
        tensors.append(part)
    else:
        raise ArgumentTypeError(f"{operation}: index tensors are integer or boolean, not {part.dtype.name}")


def _width(part: Any) -> int:
    """The number of axes that a part of a key stands for."""
    if part is None:
        return 0
    kind = getattr(getattr(part, "dtype", None), "kind", "")
    return part.ndim if kind in ("bool", "b") else 1


def _truth(x: Tensor, key: Any) -> Tensor | None:
    """Return a key that is nothing but one truth value as a 0-d tensor, None for other keys."""
    if isinstance(key, bool):
        return asarray(key, device=x.device.physical)
    if isinstance(key, Tensor) and not key.array.shape and key.dtype.kind == "bool":
        return key
    return None


def _in_steps(static: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """Split a key in which an int stands apart from an index tensor: first ints and slices, then tensors.

    PyTorch takes ints away before it looks where the tensors' axes go; NumPy counts an int as an index tensor.
    """
    places = [i for i, k in enumerate(static) if k == ARRAY or type(k) is int]
    if len(places) == places[-1] - places[0] + 1 or all(static[i] == ARRAY for i in places):
        return None
    everything = ("slice", None, None, None)
    first = tuple(everything if k == ARRAY else k for k in static)
    second = tuple(k if k in (ARRAY, Ellipsis) else everything for k in static if type(k) is not int)
    return first, second


_PLAIN = frozenset((int, slice, type(None), type(Ellipsis)))
_BOUNDS = frozenset((int, type(None)))
_NUMBERS = frozenset((bool, int, float))
_slices, _items = implementations(TABLE["slice"]), implementations(TABLE["getitem"])


def _is_mask(x: Tensor, key: Tensor) -> bool:
    """Whether a key is a mask of leading axes on the tensor's own device."""
    device, mask = x.device, key.array
    if key.device is not device or device.dtype_of[mask.dtype] is not dtypes.bool_ or not mask.shape:
        return False
    shape = x.array.shape
    return mask.shape == (shape if len(shape) == len(mask.shape) else shape[: len(mask.shape)])


def _is_index(x: Tensor, part: Any) -> bool:
    """Whether a part of a key is a tensor of integers on the tensor's own device."""
    device = x.device
    return isinstance(part, Tensor) and part.device is device and device.dtype_of[part.array.dtype].kind in _INTEGERS


_INTEGERS = ("signed", "unsigned")


def _raw_parts(x: Tensor, key: Any) -> tuple[tuple[Any, ...], list[Any]] | None:
    """Return the static key and the raw index arrays of a key with tensors, None where that takes more thought."""
    static: list[Any] = []
    indices: list[Any] = []
    for part in key if type(key) is tuple else (key,):
        if type(part) is slice:
            bounds = (part.start, part.stop, part.step)
            if part.step == 0 or not _BOUNDS.issuperset(map(type, bounds)):
                return None
            static.append(("slice", *bounds))
        elif part is None or part is Ellipsis:
            static.append(part)
        elif _is_index(x, part):
            static.append(ARRAY)
            indices.append(part.array)
        else:
            return None
    return tuple(static), indices


def get_item(x: Tensor, key: Any, /) -> Tensor:
    """Return ``x[key]``."""
    device = x.device
    impl = _slices[device]
    if not impl.plain_keys:
        return _get_item(x, key)
    array, kind = x.array, type(key)
    static: Any = None
    indices: Any = None
    try:
        if kind in _PLAIN or (kind is tuple and _PLAIN.issuperset(map(type, key))):
            found = array[key]
        elif isinstance(key, Tensor) and _is_mask(x, key):
            if x.node is None or not grad_mode.get():
                found = array[key.array]
            else:
                impl = _items[device]
                indices = list(implementation(TABLE["nonzero"], device).run(key.array))
                static = (ARRAY,) * len(indices)
                found = array[tuple(indices)]
        elif (parts := _raw_parts(x, key)) is not None:
            impl = _items[device]
            static, indices = parts
            found = impl.run(array, indices, key=static)
        else:
            return _get_item(x, key)
    except Exception:
        # What is wrong with a key is told by the row.
        return _get_item(x, key)
    if type(found) is not impl.array_type:
        found = impl.normalize(found)
    out: Tensor = _new(Tensor)
    out.array = found
    out.device = device
    out.node = None
    parent = x.node
    if parent is not None and (mode := grad_mode.get()):
        node = _new(Node)
        node.impl = impl
        node.sequence = next_sequence()
        if indices is None:
            node.parents = (parent,)
            node.statics = (split_key(x, key, "getitem")[0],)
            node.saved = impl.save((found,), (), node.parents, array)
        else:
            node.parents = (parent, *(None,) * len(indices))
            node.statics = (static,)
            node.saved = impl.save((found,), (), node.parents, array, indices)
        node.shape, node.dtype, node.hooks = found.shape, found.dtype, None
        out.node = node
        if mode is not True:
            mode.note(node, (found,), (array, *(indices or ())))
    return out


def _get_item(x: Tensor, key: Any) -> Tensor:
    """Return ``x[key]`` by the rows, on any device and for any key."""
    if (truth := _truth(x, key)) is not None:
        return ops.take(ops.expand_dims(x, axis=0), ops.nonzero(ops.reshape(truth, (1,)))[0], axis=0)
    if type(key) is int:
        return ops.slice(x, key=(key,))
    static, tensors = split_key(x, key, "getitem")
    if not tensors:
        return ops.slice(x, key=static)
    if (steps := _in_steps(static)) is not None:
        x, static = ops.slice(x, key=steps[0]), steps[1]
    return row_function(TABLE["getitem"])(x, tensors, key=static)


def take_item(x: Tensor, position: int, /) -> Any:
    """Return one element, by its position in row-major order, as a Python scalar."""
    return ops.reshape(x, (-1,))[position].item()


# Threads may fill parts of one tensor: who finds the array in use by another writer would copy it, and lose what that
# one writes.
_writing = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_writing._at_fork_reinit)  # type: ignore[attr-defined]


def set_item(x: Tensor, key: Any, value: Any, /) -> None:
    """Write ``x[key] = value``."""
    with _writing:
        if not written(x, key, value):
            _set_item(x, key, value)


def written(x: Tensor, key: Any, value: Any) -> bool:
    """Write ``x[key] = value`` where nothing is recorded and nothing needs a thought; say whether that was so."""
    device = x.device
    recording = grad_mode.get()
    if not _slices[device].plain_keys or (x.node is not None and recording):
        return False
    if type(value) in _NUMBERS:
        raw = value
    elif (
        isinstance(value, Tensor)
        and value.device is device
        and value.array.dtype is x.array.dtype
        and (value.node is None or not recording)
    ):
        raw = value.array
    else:
        return False
    kind = type(key)
    if kind in _PLAIN or (kind is tuple and _PLAIN.issuperset(map(type, key))):
        own = key
    elif isinstance(key, Tensor) and (_is_mask(x, key) or _is_index(x, key)):
        own = key.array
    else:
        return False
    try:
        if x._is_unique():
            x.array[own] = raw
        elif device.backend.is_view_of_live_owner(x.array):
            return False
        else:
            made = device.backend.copy(x.array)
            made[own] = raw
            x._rebind(made)
    except Exception:
        # What is wrong with a key or a value is told by the row.
        return False
    return True


def _set_item(x: Tensor, key: Any, value: Any) -> None:
    """Write ``x[key] = value`` on any device, for any key, recorded or not."""
    inplace.check_leaf(x, "x[key] = value")
    backend = x.device.backend
    if backend.mutable:
        inplace.warn_of_lost_write(x, "x[key] = value", "write owner[i, j] = value instead of owner[i][j] = value")
    if not isinstance(value, (bool, int, float, complex, Tensor)):
        value = asarray(value, device=x.device.physical)
    truth = _truth(x, key)
    scalar = not isinstance(value, Tensor) or value.ndim == 0
    if truth is not None or (scalar and isinstance(key, Tensor) and key.dtype.kind == "bool" and key.shape == x.shape):
        filled = value if isinstance(value, Tensor) else asarray(value, dtype=x.dtype, device=x.device.physical)
        if truth is not None and filled.ndim == x.ndim + 1 and filled.shape[0] < 2:
            # x[truth] has an axis of its own: one entry where the value is true, none where it is false.
            if filled.shape[0] == 0 and not truth:
                return
            filled = ops.reshape(filled, filled.shape[1:]) if filled.shape[0] else filled
        filled = ops.broadcast_to(_as_dtype(x, filled), x.shape)
        inplace.assign_(x, ops.where(key if truth is None else truth, filled, x), "x[key] = value")
        return
    static, tensors = split_key(x, key, "setitem")
    recorded = grad_mode.get() and (x.node is not None or (isinstance(value, Tensor) and value.node is not None))
    write = backend.donating.get("setitem")
    steps = _in_steps(static) if tensors else None
    if steps is None and write is not None and not recorded and x._is_unique():
        raw: Any = value
        if isinstance(value, Tensor):
            raw = _as_dtype(x, value).array if value.device is x.device else None
        elif type(value) is complex:
            raw = asarray(value, dtype=x.dtype, device=x.device).array
        if raw is not None and all(t.device is x.device for t in tensors):
            try:
                write(x.array, raw, static, [t.array for t in tensors])
            except Exception as error:
                raise explain(TABLE["setitem"], (x, value, *tensors), error, {"key": static}) from error
            return
    if not isinstance(value, Tensor):
        value = asarray(value, dtype=x.dtype, device=x.device.physical)
    value, assign = _as_dtype(x, value), row_function(TABLE["setitem"])
    if steps is None:
        result = assign(x, value, tensors, key=static)
    else:
        result = assign(x, assign(ops.slice(x, key=steps[0]), value, tensors, key=steps[1]), [], key=steps[0])
    inplace.assign_(x, result, "x[key] = value")


def _as_dtype(x: Tensor, value: Tensor) -> Tensor:
    if value.dtype is x.dtype:
        return value
    if value.dtype.is_complex and not x.dtype.is_complex:
        raise ArgumentTypeError(f"setitem: complex values cannot be written into a tensor of {x.dtype.name}")
    return ops.astype(value, x.dtype)


def masked_fill(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Return `x` with `value` where `mask` is true; the mask broadcasts.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.masked_fill(cb.tensor([1.0, 2.0]), cb.tensor([True, False]), 0.0)
    tensor([0., 2.])
    """
    if mask.dtype.kind != "bool":
        raise ArgumentTypeError(f"masked_fill: the mask is boolean, not {mask.dtype.name}")
    if type(value) in _NUMBERS and x.dtype.rank > 1 and not x.device.levels:
        filled = Tensor(x.device.backend.asarray(value, x.array.dtype, x.device.index or 0), x.device)
    else:
        filled = value if isinstance(value, Tensor) else asarray(value, dtype=x.dtype, device=x.device.physical)
    return ops.where(mask, _as_dtype(x, filled), x)


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """Return the elements of `x` where `mask` is true, in one axis."""
    shape = ops.broadcast_shapes(x.shape, mask.shape)
    return ops.broadcast_to(x, shape)[ops.broadcast_to(mask, shape)]


def index_select(x: Tensor, axis: int | None = None, index: Any = None, *, dim: int | None = None) -> Tensor:
    """Return the slices along an axis that `index` names (PyTorch's name for `take`)."""
    return ops.take(x, index, axis=needed(axis, dim, "index_select"))


def select(x: Tensor, axis: int | None = None, index: Any = None, *, dim: int | None = None) -> Tensor:
    """Return the slice number `index` along an axis."""
    if index is None:
        raise ArgumentTypeError("select: an index is needed, such as select(x, 0, -1)")
    return x[(slice(None),) * axis_index(needed(axis, dim, "select"), x.ndim, "select") + (index,)]


def narrow(
    x: Tensor,
    axis: int | None = None,
    start: int | Tensor | None = None,
    length: int | None = None,
    *,
    dim: int | None = None,
) -> Tensor:
    """Return `length` slices along an axis from `start` on."""
    if start is None or length is None:
        raise ArgumentTypeError("narrow: start and length are needed, such as narrow(x, 0, 1, 2)")
    axis = axis_index(needed(axis, dim, "narrow"), x.ndim, "narrow")
    start = operator.index(start)
    if start < 0:
        start += x.shape[axis]
    if length < 0 or start + length > x.shape[axis]:
        raise ShapeError(f"narrow: {length} slices from {start} on do not fit axis {axis} of shape {x.shape}")
    return x[(slice(None),) * axis + (slice(start, start + length),)]
