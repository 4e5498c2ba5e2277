"""Reductions and cumulative operations.

A gradient of `max`, `min` is shared evenly among ties, as PyTorch's `amax` shares it.
"""

from __future__ import annotations

import builtins
from typing import Any

from .. import dtypes
from .row import discrete, general, linear
from .tools import axes_of, count, for_booleans, kept_shape, normalize_axis


def unreduce(xp: Any, g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """Broadcast a reduction's cotangent back over the axes that were reduced."""
    if not keepdims and axis is not None:
        g = xp.reshape(g, kept_shape(shape, axis))
    return xp.broadcast_to(g, shape)


def _keep(xp: Any, value: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    return value if keepdims else xp.reshape(value, kept_shape(shape, axis))


def _mean_transpose(xp: Any, g: Any, x_shape: Any, axis: Any, keepdims: bool) -> Any:
    return unreduce(xp, g / builtins.max(count(x_shape, axis), 1), x_shape, axis, keepdims)


def _extremum_vjp(xp: Any, g: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    shape = tuple(x.shape)
    best = xp.astype(x == _keep(xp, out, shape, axis, keepdims), g.dtype)
    share = _keep(xp, g, shape, axis, keepdims) / xp.sum(best, axis=axis, keepdims=True)
    return best * share


def _prod_vjp(xp: Any, g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The product of all the others: exact with zeros, by exclusive products from both sides."""
    shape = tuple(x.shape)
    axes = axes_of(axis, len(shape))
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    flat = xp.reshape(xp.permute_dims(x, (*rest, *axes)), (*(shape[i] for i in rest), -1 if count(shape, None) else 0))
    width = flat.shape[-1]
    if width == 0:
        return xp.zeros_like(x)
    ones = xp.ones((*flat.shape[:-1], 1), dtype=x.dtype)
    before = xp.cumulative_prod(xp.concat([ones, flat[..., :-1]], axis=-1), axis=-1)
    after = xp.flip(xp.cumulative_prod(xp.concat([ones, xp.flip(flat, axis=-1)[..., :-1]], axis=-1), axis=-1), axis=-1)
    others = xp.reshape(before * after, tuple(shape[i] for i in (*rest, *axes)))
    order = (*rest, *axes)
    others = xp.permute_dims(others, tuple(order.index(i) for i in range(len(shape))))
    return xp.conj(others) * _keep(xp, g, shape, axis, keepdims)


def _cumulative_sum_transpose(xp: Any, g: Any, axis: Any, include_initial: bool) -> Any:
    at = 0 if axis is None else axis
    total = xp.flip(xp.cumulative_sum(xp.flip(g, axis=at), axis=at), axis=at)
    return _drop_first(xp, total, at) if include_initial else total


def _drop_first(xp: Any, x: Any, axis: int) -> Any:
    return x[(slice(None),) * (axis % len(x.shape)) + (slice(1, None), ...)]


def _cumulative_prod_vjp(xp: Any, g: Any, x: Any, out: Any, axis: Any, include_initial: bool) -> Any:
    """Sum of g * out / x from each element on; elements after a zero are taken up by the products without it."""
    at = 0 if axis is None else axis % len(x.shape)
    if include_initial:
        g = _drop_first(xp, g, at)
    n = x.shape[at]
    moved, gm = xp.moveaxis(x, at, -1), xp.moveaxis(g, at, -1)
    # products[..., i, j] is the product of x over 0..j without x[i], for i <= j.
    eye = xp.astype(xp.eye(n), bool_of(xp))
    pick = xp.where(eye, xp.ones((n, n), dtype=x.dtype), xp.expand_dims(moved, axis=-2))
    products = xp.cumulative_prod(pick, axis=-1)
    upper = xp.triu(xp.ones((n, n), dtype=x.dtype))
    total = xp.sum(xp.conj(products) * upper * xp.expand_dims(gm, axis=-2), axis=-1)
    return xp.moveaxis(total, -1, at)


def bool_of(xp: Any) -> Any:
    """The device's boolean dtype."""
    return xp.device.native[dtypes.bool_]


def _var_body(xp: Any, x: Any, *, axis: Any, correction: Any, keepdims: bool) -> Any:
    centred = x - xp.mean(x, axis=axis, keepdims=True)
    n = count(tuple(x.shape), axis)
    squares = xp.sum(xp.real(centred * xp.conj(centred)) if _complex(xp, x) else centred * centred, axis=axis, keepdims=keepdims)
    return squares / _degrees(n, correction)


def _complex(xp: Any, x: Any) -> bool:
    dtype = x.dtype
    return xp.device.dtype_of.get(dtype, dtype).is_complex


def _degrees(n: int, correction: Any) -> float:
    # Not a number, as a division by no degrees of freedom, and without Python's error.
    return float(n - correction) if n - correction > 0 else float("nan")


def _var_vjp(xp: Any, g: Any, x: Any, axis: Any, correction: Any, keepdims: bool) -> Any:
    shape = tuple(x.shape)
    centred = x - xp.mean(x, axis=axis, keepdims=True)
    scale = 2.0 / _degrees(count(shape, axis), correction)
    return _keep(xp, g, shape, axis, keepdims) * (centred * scale)


def _std_vjp(xp: Any, g: Any, x: Any, out: Any, axis: Any, correction: Any, keepdims: bool) -> Any:
    safe = xp.where(out == 0, xp.ones_like(out), out)
    share = xp.where(out == 0, xp.zeros_like(out), g / (2 * safe))
    return _var_vjp(xp, share, x, axis, correction, keepdims)


def _as_numbers(name: str) -> Any:
    """The same operation on booleans as numbers."""

    def beyond(xp: Any, x: Any, **statics: Any) -> Any:
        return getattr(xp, name)(xp.astype(x, xp.device.best_native_dtype(dtypes.int64)), **statics)

    return for_booleans(beyond)


AXIS: dict[str, Any] = {"batch": "axis"}

sum = linear(
    "sum", "x, /, *, axis=None, dtype=None, keepdims=False", "Return the sum over axes; no axis means all.",
    transpose=lambda xp, g, x_shape, axis, keepdims: unreduce(xp, g, x_shape, axis, keepdims), category="all", samples="reduction",
    beyond=_as_numbers("sum"), **AXIS,
)  # fmt: skip
mean = linear(
    "mean", "x, /, *, axis=None, keepdims=False", "Return the arithmetic mean over axes.",
    transpose=_mean_transpose, category="floating-point", floating=True, samples="extremum", **AXIS,
)  # fmt: skip
prod = general(
    "prod", "x, /, *, axis=None, dtype=None, keepdims=False", "Return the product over axes.",
    vjp=_prod_vjp, category="all", samples="product",
    beyond=_as_numbers("prod"), **AXIS,
)  # fmt: skip
max = general(
    "max", "x, /, *, axis=None, keepdims=False", "Return the largest value over axes; NaN wins.",
    vjp=_extremum_vjp, category="real", samples="extremum",
    beyond=for_booleans(lambda xp, x, *, axis, keepdims: xp.any(x, axis=axis, keepdims=keepdims)), **AXIS,
)  # fmt: skip
min = general(
    "min", "x, /, *, axis=None, keepdims=False", "Return the smallest value over axes; NaN wins.",
    vjp=_extremum_vjp, category="real", samples="extremum",
    beyond=for_booleans(lambda xp, x, *, axis, keepdims: xp.all(x, axis=axis, keepdims=keepdims)), **AXIS,
)  # fmt: skip
var = general(
    "var", "x, /, *, axis=None, correction=0.0, keepdims=False",
    "Return the variance over axes, divided by ``n - correction``.",
    body=_var_body, vjp=_var_vjp, category="floating-point", floating=True, standard=True, samples="variance", **AXIS,
)  # fmt: skip
std = general(
    "std", "x, /, *, axis=None, correction=0.0, keepdims=False",
    "Return the standard deviation over axes, the square root of the variance divided by ``n - correction``.",
    body=lambda xp, x, *, axis, correction, keepdims: xp.sqrt(
        _var_body(xp, x, axis=axis, correction=correction, keepdims=keepdims)
    ),
    vjp=_std_vjp, category="floating-point", floating=True, standard=True, samples="variance", **AXIS,
)  # fmt: skip
cumulative_sum = linear(
    "cumulative_sum", "x, /, *, axis=None, dtype=None, include_initial=False", "Return the running sum along an axis.",
    transpose=_cumulative_sum_transpose, prepare=normalize_axis("cumulative_sum", one_dimensional=True), samples="cumulative",
    beyond=_as_numbers("cumulative_sum"), **AXIS,
)  # fmt: skip
cumulative_prod = general(
    "cumulative_prod", "x, /, *, axis=None, dtype=None, include_initial=False",
    "Return the running product along an axis.",
    vjp=_cumulative_prod_vjp, prepare=normalize_axis("cumulative_prod", one_dimensional=True), samples="cumulative",
    beyond=_as_numbers("cumulative_prod"), **AXIS,
)  # fmt: skip
all = discrete("all", "x, /, *, axis=None, keepdims=False", "Say whether all elements over axes are true.", samples="reduction", **AXIS)
any = discrete("any", "x, /, *, axis=None, keepdims=False", "Say whether any element over axes is true.", samples="reduction", **AXIS)
argmax = discrete(
    "argmax", "x, /, *, axis=None, keepdims=False", "Return the index of the first largest value.", category="real", samples="arg",
    beyond=_as_numbers("argmax"), **AXIS
)  # fmt: skip
argmin = discrete(
    "argmin", "x, /, *, axis=None, keepdims=False", "Return the index of the first smallest value.", category="real", samples="arg",
    beyond=_as_numbers("argmin"), **AXIS
)  # fmt: skip
count_nonzero = discrete(
    "count_nonzero", "x, /, *, axis=None, keepdims=False", "Count the elements over axes that are not zero.", samples="reduction", **AXIS
)  # fmt: skip
