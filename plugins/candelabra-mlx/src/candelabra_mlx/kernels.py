"""MLX's own ways to rows that are outside the standard: scattering, convolution, norms, softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from candelabra.core.backend import Kernel
from candelabra.core.primitives.indexing import native_key

from .functions import in_range

SINGLE = frozenset((mx.float32, mx.float16, mx.bfloat16))


def _parts(x: Any, key: Any) -> tuple[Any, ...]:
    """Return a key without index arrays in Python's terms, having looked at its numbers, as MLX does not."""
    parts = native_key(key, x.shape)
    for part, n in zip((p for p in parts if p is not None), x.shape, strict=True):
        if isinstance(part, int) and not -n <= part < n:
            raise IndexError(f"index {part} is out of range for an axis of {n} elements")
    return parts


def slice_(x: Any, /, *, key: Any) -> Any:
    return x[_parts(x, key)]


def setitem(x: Any, value: Any, indices: Any, /, *, key: Any) -> Any:
    if indices:
        return NotImplemented
    made = mx.array(x)
    made[_parts(x, key)] = value
    return made


def index_add(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
    if x.dtype == mx.bool_:
        return NotImplemented
    return x.at[(slice(None),) * axis + (in_range(index, x.shape[axis]),)].add(source)


def scatter_add(x: Any, index: Any, source: Any, /, *, axis: int) -> Any:
    if x.dtype == mx.bool_ or not index.size:
        return NotImplemented
    where = [
        mx.arange(n).reshape([n if j == i else 1 for j in range(index.ndim)]) for i, n in enumerate(index.shape)
    ]  # fmt: skip
    where[axis] = in_range(index, x.shape[axis])
    return x.at[tuple(where)].add(source[tuple(slice(0, n) for n in index.shape)])


def _last(x: Any) -> Any:
    """Channels last, as MLX wants them."""
    return mx.moveaxis(x, 1, -1)


def _convolve(x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    sides = tuple(zip(*padding, strict=True))
    found = mx.conv_general(_last(x), _last(weight), stride, sides, dilation, 1, groups)
    return mx.moveaxis(found, -1, 1)


def _convolves(x: Any, weight_shape: Any, groups: int) -> bool:
    # In three dimensions MLX has no groups.
    return x.dtype in SINGLE and len(weight_shape) <= (5 if groups == 1 else 4) and bool(x.size)


def conv(x: Any, weight: Any, bias: Any = None, /, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if not _convolves(x, weight.shape, groups):
        return NotImplemented
    found = _convolve(x, weight, stride, padding, dilation, groups)
    return found if bias is None else found + bias.reshape(-1, *(1,) * (found.ndim - 2))


def conv_input(c: Any, weight: Any, /, *, x_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if not _convolves(c, weight.shape, groups):
        return NotImplemented
    x = mx.zeros(x_shape, c.dtype)
    return mx.vjp(lambda x: _convolve(x, weight, stride, padding, dilation, groups), [x], [c])[1][0]


def conv_weight(x: Any, c: Any, /, *, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if not _convolves(x, weight_shape, groups):
        return NotImplemented
    weight = mx.zeros(weight_shape, x.dtype)
    return mx.vjp(lambda weight: _convolve(x, weight, stride, padding, dilation, groups), [weight], [c])[1][0]


def layer_norm(x: Any, weight: Any = None, bias: Any = None, /, *, axes: int, eps: float) -> Any:
    return mx.fast.layer_norm(x, weight, bias, eps) if axes == 1 and x.dtype in SINGLE else NotImplemented


def layer_norm_vjp(g: Any, x: Any, weight: Any, bias: Any, axes: int, eps: float) -> Any:
    return _by_mlx(lambda *p: mx.fast.layer_norm(*p, eps), (x, weight, bias), g, axes)


def rms_norm(x: Any, weight: Any = None, /, *, axes: int, eps: float) -> Any:
    return mx.fast.rms_norm(x, weight, eps) if axes == 1 and x.dtype in SINGLE else NotImplemented


def rms_norm_vjp(g: Any, x: Any, weight: Any, axes: int, eps: float) -> Any:
    return _by_mlx(lambda *p: mx.fast.rms_norm(*p, eps), (x, weight), g, axes)


def _by_mlx(function: Callable[..., Any], operands: tuple[Any, ...], g: Any, axes: int) -> Any:
    """Return the cotangents of the operands that are given, by MLX's own rule of a fused function."""
    if axes != 1 or g.dtype not in SINGLE:
        return NotImplemented
    given = [i for i, o in enumerate(operands) if o is not None]

    def of_given(*arrays: Any) -> Any:
        every = list(operands)
        for i, a in zip(given, arrays, strict=True):
            every[i] = a
        return function(*every)

    found = mx.vjp(of_given, [operands[i] for i in given], [g])[1]
    return tuple(found[given.index(i)] if i in given else None for i in range(len(operands)))


def softmax(x: Any, /, *, axis: int) -> Any:
    return mx.softmax(x, axis, precise=True) if x.dtype in SINGLE and x.size and x.ndim else NotImplemented


def log_softmax(x: Any, /, *, axis: int) -> Any:
    if x.dtype not in SINGLE or not x.size or not x.ndim:
        return NotImplemented
    return x - mx.logsumexp(x, axis, True)


def logsumexp(x: Any, /, *, axis: Any, keepdims: bool) -> Any:
    return mx.logsumexp(x, axis, keepdims) if x.dtype in SINGLE and x.size and x.ndim else NotImplemented


def sigmoid(x: Any, /) -> Any:
    return mx.sigmoid(x) if x.dtype in SINGLE else NotImplemented


def mish(x: Any, /) -> Any:
    if x.dtype != mx.float32:
        return NotImplemented
    # MLX's exponential is zero below -87; down there it and the logistic function are the same.
    return x * mx.where(x < -20, mx.sigmoid(x), mx.tanh(mx.logaddexp(x, mx.zeros_like(x))))


KERNELS: dict[str, Any] = {
    "conv": conv, "conv_input": conv_input, "conv_weight": conv_weight, "index_add": index_add,
    "layer_norm": Kernel(layer_norm, vjp=layer_norm_vjp), "log_softmax": log_softmax, "logsumexp": logsumexp,
    "mish": mish, "rms_norm": Kernel(rms_norm, vjp=rms_norm_vjp), "scatter_add": scatter_add, "setitem": setitem,
    "sigmoid": sigmoid, "slice": slice_, "softmax": softmax,
}  # fmt: skip
