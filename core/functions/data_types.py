"""Functions on dtypes and devices: casts, facts, promotion, transfers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .. import device as devices
from .. import dtypes, ops
from ..errors import ArgumentTypeError, DTypeError, ShapeError
from ..ops import row_function
from ..primitives.row import TABLE
from ..primitives.tools import shape_tuple
from ..tensor import Tensor
from ..transfer import transfer

__all__ = [
    "astype", "broadcast_shapes", "can_cast", "finfo", "iinfo", "is_complex", "is_floating_point", "is_tensor",
    "isdtype", "promote_types", "result_type", "to_device",
]  # fmt: skip


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """Return the tensor in another dtype; differentiable between floating-point dtypes.

    Parameters
    ----------
    x : Tensor
        Any dtype.
    dtype : DType
        The dtype of the result.
    copy : bool
        False returns `x` itself where nothing changes.
    device : Device or str, optional
        Where the result shall be.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.astype(cb.tensor([1.7]), cb.int64)
    tensor([1])
    """
    if device is not None:
        x = to_device(x, device)
    chosen = dtypes.as_dtype(dtype) if not isinstance(dtype, dtypes.DType) else dtype
    if chosen is x.dtype:
        return ops.positive(x) if copy and chosen.rank else ops.alias(x)
    if x.dtype.is_complex and not chosen.is_complex and chosen.rank:
        raise DTypeError(f"astype: complex {x.dtype.name} cannot become {chosen.name}; take x.real or x.imag first")
    return row_function(TABLE["astype"])(x, chosen)


def to_device(x: Tensor, device: Any, /, *, stream: Any = None, non_blocking: bool = False) -> Tensor:
    """Return the tensor on another device; differentiable.

    Parameters
    ----------
    x : Tensor
        What is moved.
    device : Device or str
        Where to.
    stream : Stream, optional
        On which the copy is queued; default: the devices' current streams.
    non_blocking : bool
        Return while a copy between pinned memory of the host and a device may be under way. Until it is done, which an
        event or `candelabra.synchronize` tells, host memory that is read must not be written, and a host tensor that
        is returned not be read.
    """
    target = devices.as_device(device)
    if target is x.device or (x.device.levels and target is x.device.physical):
        return x
    if stream is None:
        return transfer(x, target, non_blocking)
    from ..stream import Stream

    if not isinstance(stream, Stream):
        raise ArgumentTypeError(f"to_device: stream is a Stream, got {type(stream).__name__}")
    with stream:
        return transfer(x, target, non_blocking)


@dataclass(frozen=True)
class FloatInfo:
    """Facts about a floating-point dtype."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: dtypes.DType

    @property
    def tiny(self) -> float:
        """PyTorch's name of `smallest_normal`."""
        return self.smallest_normal


@dataclass(frozen=True)
class IntegerInfo:
    """Facts about an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: dtypes.DType


# Bits of the fraction and largest exponent.
_FORMATS = {"float16": (10, 15), "bfloat16": (7, 127), "float32": (23, 127), "float64": (52, 1023)}


def finfo(type: Any, /) -> FloatInfo:
    """Return facts about a floating-point dtype, or the real one of a complex dtype.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.finfo(cb.float32).bits
    32
    """
    given = type.dtype if isinstance(type, Tensor) else dtypes.as_dtype(type)
    real = given.to_real()
    if real.kind != "float":
        raise DTypeError(f"finfo: a floating-point dtype is needed, got {real.name}")
    fraction, exponent = _FORMATS[real.name]
    largest = math.ldexp(2.0 - math.ldexp(1.0, -fraction), exponent)
    return FloatInfo(real.bits, math.ldexp(1.0, -fraction), largest, -largest, math.ldexp(1.0, 1 - exponent), real)


def iinfo(type: Any, /) -> IntegerInfo:
    """Return facts about an integer dtype.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.iinfo(cb.int8).max
    127
    """
    given = type.dtype if isinstance(type, Tensor) else dtypes.as_dtype(type)
    if given.kind not in ("signed", "unsigned"):
        raise DTypeError(f"iinfo: an integer dtype is needed, got {given.name}")
    if given.kind == "unsigned":
        return IntegerInfo(given.bits, (1 << given.bits) - 1, 0, given)
    return IntegerInfo(given.bits, (1 << (given.bits - 1)) - 1, -(1 << (given.bits - 1)), given)


_KINDS = {
    "bool": {"bool"}, "signed integer": {"signed"}, "unsigned integer": {"unsigned"},
    "integral": {"signed", "unsigned"}, "real floating": {"float"}, "complex floating": {"complex"},
    "numeric": {"signed", "unsigned", "float", "complex"},
}  # fmt: skip


def isdtype(dtype: Any, kind: Any) -> bool:
    """Say whether a dtype is of a kind: a dtype, a kind's name, or a tuple of those.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.isdtype(cb.float32, "real floating")
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    given = dtypes.as_dtype(dtype)
    if isinstance(kind, str) and kind in _KINDS:
        return given.kind in _KINDS[kind]
    if isinstance(kind, str):
        raise ArgumentTypeError(f"isdtype: unknown kind {kind!r}; use one of {', '.join(map(repr, _KINDS))}")
    return given is dtypes.as_dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> dtypes.DType:
    """Return the dtype to which tensors, dtypes and Python scalars promote.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.result_type(cb.int64, cb.float32)
    candelabra.float32
    """
    found: dtypes.DType | None = None
    scalars = []
    for item in arrays_and_dtypes:
        if isinstance(item, (bool, int, float, complex)):
            scalars.append(item)
            continue
        here = item.dtype if isinstance(item, Tensor) else dtypes.as_dtype(item)
        found = here if found is None else dtypes.promote_types(found, here)
    if found is None:
        if not scalars:
            raise ArgumentTypeError("result_type: at least one tensor or dtype is needed")
        found = dtypes.python_dtype(scalars[0])
    for scalar in scalars:
        found = dtypes.promote_scalar(found, scalar)
    return found


def promote_types(type1: Any, type2: Any) -> dtypes.DType:
    """Return the dtype to which two dtypes promote (PyTorch's name)."""
    return dtypes.promote_types(dtypes.as_dtype(type1), dtypes.as_dtype(type2))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Say whether a cast to `to` follows from promotion.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.can_cast(cb.int8, cb.int16)
    True
    """
    source = from_.dtype if isinstance(from_, Tensor) else dtypes.as_dtype(from_)
    return dtypes.PROMOTION[source, dtypes.as_dtype(to)] is dtypes.as_dtype(to)


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which shapes broadcast.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    given = [shape_tuple(s, "broadcast_shapes") for s in shapes]
    if any(n < 0 for s in given for n in s):
        raise ShapeError(f"broadcast_shapes: sizes are not negative, got {', '.join(map(str, given))}")
    width = max((len(s) for s in given), default=0)
    result = []
    for position in range(-width, 0):
        sizes = {s[position] for s in given if len(s) >= -position} - {1}
        if len(sizes) > 1:
            raise ShapeError(f"broadcast_shapes: the shapes {', '.join(map(str, given))} do not broadcast")
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def is_tensor(obj: Any) -> bool:
    """Say whether an object is a Tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(x: Tensor) -> bool:
    """Say whether a tensor's dtype is a real floating-point one."""
    return x.dtype.is_floating_point


def is_complex(x: Tensor) -> bool:
    """Say whether a tensor's dtype is complex."""
    return x.dtype.is_complex
