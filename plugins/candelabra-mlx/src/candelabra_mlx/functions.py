"""The array API standard's functions by MLX's: its own where the two agree, the rest from others of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from . import fft, linalg

__all__ = ["fft", "linalg"]
__version__ = mx.__version__

# The dtypes in which sums and products are kept.
KEPT = {
    mx.bool_: mx.int64, mx.int8: mx.int64, mx.int16: mx.int64, mx.int32: mx.int64,
    mx.uint8: mx.uint64, mx.uint16: mx.uint64, mx.uint32: mx.uint64,
}  # fmt: skip
# Those that MLX adds up in others than their own, or that overflow on the way.
WIDER = {
    mx.bool_: mx.int32, mx.int8: mx.int32, mx.int16: mx.int32, mx.uint8: mx.uint32, mx.uint16: mx.uint32,
    mx.float16: mx.float32, mx.bfloat16: mx.float32,
}  # fmt: skip
BITS = {mx.float64: mx.int64, mx.float32: mx.int32, mx.float16: mx.int16, mx.bfloat16: mx.int16}
INTEGERS = frozenset((mx.int8, mx.int16, mx.int32, mx.int64, mx.uint8, mx.uint16, mx.uint32, mx.uint64))


def __getattr__(name: str) -> Any:
    if name == "bool":
        return mx.bool_
    return getattr(mx, name)


def asarray(x: Any, *, dtype: Any = None, copy: bool | None = None) -> Any:
    return mx.array(x, dtype=dtype) if copy or not isinstance(x, mx.array) else x if dtype is None else x.astype(dtype)


def astype(x: Any, dtype: Any, /, *, copy: bool = True) -> Any:
    return x.astype(dtype)


def full(shape: Any, value: Any, *, dtype: Any = None) -> Any:
    if isinstance(value, int) and value >= 2**63:
        # MLX takes Python's integers as far as int64.
        return mx.full(shape, mx.array(value - 2**64, dtype=mx.int64).view(mx.uint64))
    if type(value) is int and dtype is None:
        dtype = mx.int64
    return mx.full(shape, value if dtype is None else mx.array(value, dtype=dtype))


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
    if stop is None:
        start, stop = 0, start
    if all(type(v) is int for v in (start, stop, step)):
        # MLX's own counts in double precision.
        found = mx.arange(len(range(start, stop, step)), dtype=mx.int64) * step + start
        return found if dtype is None else found.astype(dtype)
    return mx.arange(start, stop, step, dtype=dtype)


def eye(rows: int, columns: int | None = None, /, *, k: int = 0, dtype: Any = None) -> Any:
    columns = rows if columns is None else columns
    # A diagonal that lies outside is none, however far.
    return mx.eye(rows, columns, max(-rows, min(k, columns)), mx.float32 if dtype is None else dtype)


def linspace(start: Any, stop: Any, /, num: int, *, dtype: Any = None, endpoint: bool = True) -> Any:
    dtype = mx.float32 if dtype is None else dtype
    if dtype == mx.complex64:
        real, imag = (mx.linspace(a, b, num, endpoint) for a, b in ((start.real, stop.real), (start.imag, stop.imag)))
        return real + 1j * imag
    return mx.linspace(start, stop, num, endpoint, dtype)


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduction(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        dtype = KEPT.get(x.dtype, x.dtype) if dtype is None else dtype
        wide = WIDER.get(dtype, dtype)
        found = function(x if x.dtype == wide else x.astype(wide), axis, keepdims)
        return found if wide is dtype else found.astype(dtype)

    return reduction


def _running(function: Callable[..., Any], initial: int) -> Callable[..., Any]:
    def running(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
        dtype = KEPT.get(x.dtype, x.dtype) if dtype is None else dtype
        axis = 0 if axis is None else axis
        found = function(x.astype(WIDER.get(dtype, dtype)), axis).astype(dtype)
        if not include_initial:
            return found
        first = mx.full([1 if i == axis % x.ndim else n for i, n in enumerate(x.shape)], initial, dtype=dtype)
        return mx.concatenate([first, found], axis)

    return running


sum, prod = _reduction(mx.sum), _reduction(mx.prod)
cumulative_sum, cumulative_prod = _running(mx.cumsum, 0), _running(mx.cumprod, 1)


def mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    wide = WIDER.get(x.dtype, x.dtype)
    return mx.mean(x if x.dtype == wide else x.astype(wide), axis, keepdims).astype(x.dtype)


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def spread(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        if x.dtype == mx.complex64:
            raise NotImplementedError
        if correction == int(correction):
            return function(x, axis, keepdims, int(correction))
        raise NotImplementedError

    return spread


var, std = _spread(mx.var), _spread(mx.std)


def _place(function: Callable[..., Any]) -> Callable[..., Any]:
    def place(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
        if not x.size and axis is not None and x.shape[axis]:
            # Nothing is asked for; MLX's own refuses.
            return mx.sum(x, axis, keepdims).astype(mx.int64)
        return function(x, axis, keepdims).astype(mx.int64)

    return place


argmax, argmin = _place(mx.argmax), _place(mx.argmin)


def count_nonzero(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    return mx.sum((x != 0).astype(mx.int64), axis, keepdims)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    return mx.take_along_axis(x, argsort(x, axis=axis, descending=descending), axis)


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    key = _ordered(x) if x.dtype in BITS else x
    return mx.argsort(~key if descending else key, axis).astype(mx.int64)


def _ordered(x: Any) -> Any:
    """Return integers in the order of floating-point numbers, NaN last, which MLX's own order leaves anywhere."""
    kind = BITS[x.dtype]
    bits, most = (x + 0).view(kind), mx.array(mx.iinfo(kind).max, dtype=kind)
    return mx.where(mx.isnan(x), most, mx.where(bits < 0, bits ^ most, bits))


def searchsorted(x1: Any, x2: Any, /, sorter: Any = None, *, side: str = "left") -> Any:
    line = x1 if sorter is None else take(x1, sorter, axis=0)
    return mx.searchsorted(line, x2, side).astype(mx.int64)


def matmul(x1: Any, x2: Any, /) -> Any:
    if x1.dtype not in INTEGERS:
        return mx.matmul(x1, x2)
    # MLX multiplies matrices of floating-point numbers alone.
    left = mx.expand_dims(x1, 0) if x1.ndim == 1 else x1
    right = mx.expand_dims(x2, 1) if x2.ndim == 1 else x2
    if left.shape[-1] != right.shape[-2]:
        raise ValueError(f"matrices of shapes {x1.shape} and {x2.shape} do not fit")
    found = sum(mx.expand_dims(left, -1) * mx.expand_dims(right, -3), axis=-2, dtype=x1.dtype)
    found = mx.squeeze(found, -1) if x2.ndim == 1 else found
    return mx.squeeze(found, -1 if x2.ndim == 1 else -2) if x1.ndim == 1 else found


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    if isinstance(axes, int):
        axes = (range(x1.ndim - axes, x1.ndim), range(axes))
    ones, twos = ([a % x.ndim for a in given] for x, given in zip((x1, x2), axes, strict=True))
    rest1, rest2 = ([i for i in range(x.ndim) if i not in used] for x, used in ((x1, ones), (x2, twos)))
    size = math.prod(x1.shape[i] for i in ones)
    left = mx.transpose(x1, [*rest1, *ones]).reshape(math.prod(x1.shape[i] for i in rest1), size)
    right = mx.transpose(x2, [*twos, *rest2]).reshape(size, math.prod(x2.shape[i] for i in rest2))
    return matmul(left, right).reshape([x1.shape[i] for i in rest1] + [x2.shape[i] for i in rest2])


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return sum(mx.conj(x1) * x2, axis=axis, dtype=mx.result_type(x1, x2))


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    found = x if min is None else mx.maximum(x, min)
    return found if max is None else mx.minimum(found, max)


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    if isinstance(source, int):
        return mx.moveaxis(x, source, destination)
    places = dict(zip((d % x.ndim for d in destination), (s % x.ndim for s in source), strict=True))
    rest = iter([i for i in range(x.ndim) if i not in places.values()])
    return mx.transpose(x, [places[i] if i in places else next(rest) for i in range(x.ndim)])


def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Any:
    return mx.roll(x, shift, axis)


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    if not isinstance(repeats, int):
        raise NotImplementedError
    return mx.repeat(x, repeats, axis)


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    return mx.take(x, in_range(indices, x.shape[axis or 0]), axis or 0)


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    rank = max(x.ndim, indices.ndim)
    axis = axis if axis < 0 else axis - rank
    both = [a.reshape([1] * (rank - a.ndim) + list(a.shape)) for a in (x, in_range(indices, x.shape[axis]))]
    if any(a.shape[i] != b for a in both[:1] for i, b in enumerate(both[1].shape) if i != axis + rank):
        wide = mx.broadcast_shapes(*([*a.shape[:axis], 1, *a.shape[axis:][1:]] for a in both))
        both = [mx.broadcast_to(a, [*wide[:axis], a.shape[axis], *wide[axis:][1:]]) for a in both]
    return mx.take_along_axis(*both, axis)


def in_range(indices: Any, n: int) -> Any:
    """Return indices counted from the front, having looked at them: MLX reads what lies beside an array."""
    if indices.size and (mx.min(indices).item() < -n or mx.max(indices).item() >= n):
        raise IndexError(f"an index is out of range for an axis of {n} elements")
    return indices


def exp(x: Any, /) -> Any:
    if x.dtype != mx.float64:
        return mx.exp(x)
    # MLX's own, like its sine and cosine, is good for single precision alone.
    found = mx.expm1(mx.abs(x)) + 1
    return mx.where(x < 0, 1 / found, found)


def sin(x: Any, /) -> Any:
    if x.dtype != mx.float64:
        return mx.sin(x)
    t = mx.tan(x / 2)
    return 2 * t / (1 + t * t)


def cos(x: Any, /) -> Any:
    if x.dtype != mx.float64:
        return mx.cos(x)
    t = mx.tan(x / 2)
    return (1 - t * t) / (1 + t * t)


def _of_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let one of two operands be a Python scalar."""

    def of_arrays(x1: Any, x2: Any, /) -> Any:
        if not isinstance(x1, mx.array):
            x1 = mx.array(x1, dtype=x2.dtype)
        elif not isinstance(x2, mx.array):
            x2 = mx.array(x2, dtype=x1.dtype)
        return function(x1, x2)

    return of_arrays


@_of_arrays
def logaddexp(x1: Any, x2: Any, /) -> Any:
    if x1.dtype != mx.float64:
        return mx.logaddexp(x1, x2)
    high = mx.maximum(x1, x2)
    gap = mx.where(x1 == x2, mx.zeros_like(high), mx.minimum(x1, x2) - high)
    return high + mx.log1p(exp(gap))


def expm1(x: Any, /) -> Any:
    if x.dtype != mx.complex64:
        return mx.expm1(x)
    real, imag = mx.real(x), mx.imag(x)
    half = mx.sin(imag / 2)
    found = mx.expm1(real) * mx.cos(imag) - 2 * half * half + 0.0
    turned = mx.where(imag == 0, imag, mx.exp(real) * mx.sin(imag))
    # Without an angle to turn by only the length is known, where it is 0 or infinite.
    lost = ~mx.isfinite(imag)
    found = mx.where(lost, mx.where(mx.isinf(real), mx.expm1(real), math.nan), found)
    return _complex(found, mx.where(lost & (real == -math.inf), 0.0, turned))


def tanh(x: Any, /) -> Any:
    if x.dtype != mx.complex64:
        return mx.tanh(x)
    real, imag = mx.real(x), mx.imag(x)
    far = mx.isinf(real) & mx.isfinite(imag)
    return mx.where(far, _complex(mx.sign(real), copysign(mx.zeros_like(imag), imag)), mx.tanh(x))


def _complex(real: Any, imag: Any) -> Any:
    """Put parts together; a product with 1j makes NaN of infinite ones."""
    return mx.stack([real, imag], -1).view(mx.complex64)[..., 0]


def sign(x: Any, /) -> Any:
    if x.dtype == mx.complex64:
        return mx.where(x == 0, mx.zeros_like(x), mx.sign(x))
    return mx.where(mx.isnan(x), x, mx.sign(x)) if x.dtype in BITS else mx.sign(x)


def signbit(x: Any, /) -> Any:
    if x.dtype not in BITS:
        return mx.zeros(x.shape, mx.bool_) if x.dtype == mx.bool_ else x < 0
    return x.view(BITS[x.dtype]) < 0


@_of_arrays
def bitwise_left_shift(x1: Any, x2: Any, /) -> Any:
    # Processors shift by the remainder of what is too far.
    return mx.where(x2 < 8 * x1.itemsize, mx.left_shift(x1, x2), mx.zeros_like(x1))


@_of_arrays
def bitwise_right_shift(x1: Any, x2: Any, /) -> Any:
    last = mx.array(8 * x1.itemsize - 1, dtype=x2.dtype)
    near = mx.right_shift(x1, mx.minimum(x2, last))
    return near if mx.issubdtype(x1.dtype, mx.signedinteger) else mx.where(x2 > last, mx.zeros_like(x1), near)


@_of_arrays
def remainder(x1: Any, x2: Any, /) -> Any:
    found = mx.remainder(x1, x2)
    return mx.where(found == 0, copysign(mx.zeros_like(found), x2), found) if found.dtype in BITS else found


@_of_arrays
def copysign(x1: Any, x2: Any, /) -> Any:
    return mx.where(signbit(x1) == signbit(x2), x1, -x1)


@_of_arrays
def hypot(x1: Any, x2: Any, /) -> Any:
    x1, x2 = mx.abs(x1), mx.abs(x2)
    high, low = mx.maximum(x1, x2), mx.minimum(x1, x2)
    ratio = low / mx.where(high == 0, mx.ones_like(high), high)
    found = high * mx.sqrt(1 + ratio * ratio)
    return mx.where(mx.isinf(x1) | mx.isinf(x2), mx.array(math.inf, dtype=high.dtype), found)


@_of_arrays
def nextafter(x1: Any, x2: Any, /) -> Any:
    kind = BITS[x1.dtype]
    bits, least = x1.view(kind), mx.array(1, dtype=kind)
    up = (x2 > x1) == (x1 > 0)
    moved = mx.where(up, bits + least, bits - least).view(x1.dtype)
    smallest = copysign(mx.broadcast_to(least, x1.shape).view(x1.dtype), x2)
    found = mx.where(x1 == x2, x2, mx.where(x1 == 0, smallest, moved))
    return mx.where(mx.isnan(x1) | mx.isnan(x2), x1 + x2, found)


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
    return mx.reshape(x, shape)


def imag(x: Any, /) -> Any:
    if x.dtype != mx.complex64:
        raise TypeError(f"imag takes complex numbers, not {x.dtype}")
    return mx.imag(x)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    return tuple(mx.unstack(x, axis=axis))


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
    arrays = list(arrays)
    return mx.concatenate([a.flatten() for a in arrays] if axis is None else arrays, axis or 0)


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Any:
    return mx.stack(list(arrays), axis)


def round(x: Any, /) -> Any:
    return mx.round(x)
