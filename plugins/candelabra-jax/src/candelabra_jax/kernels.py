"""What JAX has a function for and the generic body works around; `jax.jit` compiles each for its statics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from candelabra.core.errors import IndexOutOfRangeError
from jax import lax
from jax import numpy as jnp
from jax.scipy import special

Array = Any


def compiled(*statics: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function of arrays for each set of the statics named."""
    return lambda function: jax.jit(function, static_argnames=statics)


def check(name: str, index: Array, n: int, *, least: int = 0, but: int | None = None) -> None:
    """Refuse indices out of range, which JAX does not, where the host can look at them without a copy."""
    if isinstance(index, jax.core.Tracer) or not index.size or next(iter(index.devices())).platform != "cpu":
        return
    seen = np.asarray(index)
    if but is not None:
        seen = seen[seen != but]
    low, high = int(seen.min(initial=0)), int(seen.max(initial=-1))
    if low < least or high >= n:
        raise IndexOutOfRangeError(
            f"{name}: index {low if low < least else high} is out of range for an axis of size {n}"
        )


WINDOWS = ("stride", "padding", "dilation", "groups")


@compiled(*WINDOWS)
def conv(
    x: Array, weight: Array, bias: Array = None, /, *, stride: Any, padding: Any, dilation: Any, groups: int
) -> Array:
    out = lax.conv_general_dilated(x, weight, stride, padding, rhs_dilation=dilation, feature_group_count=groups)
    return out if bias is None else out + bias.reshape(1, -1, *(1,) * (x.ndim - 2))


@compiled("x_shape", *WINDOWS)
def conv_input(c: Array, weight: Array, /, *, x_shape: Any, **how: Any) -> Array:
    x = jax.ShapeDtypeStruct(x_shape, c.dtype)
    return jax.linear_transpose(lambda x: conv(x, weight, **how), x)(c)[0]


@compiled("weight_shape", *WINDOWS)
def conv_weight(x: Array, c: Array, /, *, weight_shape: Any, **how: Any) -> Array:
    weight = jax.ShapeDtypeStruct(weight_shape, x.dtype)
    return jax.linear_transpose(lambda weight: conv(x, weight, **how), weight)(c)[0]


def filled(key: Any, indices: Any) -> tuple[Any, ...]:
    """Return a key in Python's terms, its index arrays in their places."""
    given = iter(indices)
    return tuple(
        (next(given) if part == ("array",) else slice(*part[1:])) if isinstance(part, tuple) else part for part in key
    )


def check_key(name: str, shape: Any, indices: Any, key: Any) -> None:
    used = sum(part is not None and part is not Ellipsis for part in key)
    if used > len(shape):
        raise IndexOutOfRangeError(f"{name}: more indices are given than a tensor of shape {shape} has axes")
    axis, given = 0, iter(indices)
    for part in key:
        if part is Ellipsis:
            axis += len(shape) - used
        elif part is not None:
            n = shape[axis]
            if part == ("array",):
                check(name, next(given), n, least=-n)
            elif isinstance(part, int) and not -n <= part < n:
                raise IndexOutOfRangeError(f"{name}: index {part} is out of range for axis {axis} of size {n}")
            axis += 1


@compiled("key")
def _getitem(x: Array, indices: Any, *, key: Any) -> Array:
    return x.at[filled(key, indices)].get(mode="fill")


@compiled("key")
def _setitem(x: Array, value: Array, indices: Any, *, key: Any) -> Array:
    return x.at[filled(key, indices)].set(value)


@compiled("x_shape", "key")
def getitem_transpose(g: Array, indices: Any, /, *, x_shape: Any, key: Any) -> Array:
    return jnp.zeros(x_shape, g.dtype).at[filled(key, indices)].add(g)


@compiled("key")
def _slice(x: Array, *, key: Any) -> Array:
    return x[filled(key, ())]


def slice_(x: Array, /, *, key: Any) -> Array:
    check_key("slice", x.shape, (), key)
    return _slice(x, key=key)


def getitem(x: Array, indices: Any, /, *, key: Any) -> Array:
    check_key("getitem", x.shape, indices, key)
    return _getitem(x, indices, key=key)


def setitem(x: Array, value: Array, indices: Any, /, *, key: Any) -> Array:
    check_key("setitem", x.shape, indices, key)
    return _setitem(x, value, indices, key=key)


def take(x: Array, indices: Array, /, *, axis: int) -> Array:
    check("take", indices, x.shape[axis], least=-x.shape[axis])
    return jnp.take(x, indices, axis=axis)


def take_along_axis(x: Array, indices: Array, /, *, axis: int) -> Array:
    check("take_along_axis", indices, x.shape[axis], least=-x.shape[axis])
    return jnp.take_along_axis(x, indices, axis=axis)


def embedding(weight: Array, indices: Array, /, *, padding_idx: Any) -> Array:
    check("embedding", indices, weight.shape[0], least=-weight.shape[0])
    return jnp.take(weight, indices, axis=0)


def places(index: Array, axis: int) -> tuple[Any, ...]:
    """Return the index arrays of what an index of as many axes names along one of them."""
    lines = jnp.meshgrid(*(jnp.arange(n) for n in index.shape), indexing="ij", sparse=True)
    return (*lines[:axis], index, *lines[axis + 1 :])


def scattering(name: str, method: str) -> Callable[..., Any]:
    """Return the kernel of a row that writes a source where an index names."""

    @compiled("axis")
    def write(x: Array, index: Array, source: Array, *, axis: int) -> Array:
        used = source[tuple(slice(0, n) for n in index.shape)]
        return getattr(x.at[places(index, axis)], method)(used)

    def kernel(x: Array, index: Array, source: Array, /, *, axis: int) -> Array:
        check(name, index, x.shape[axis])
        return write(x, index, source, axis=axis % x.ndim)

    return kernel


@compiled("axis")
def _index_add(x: Array, index: Array, source: Array, *, axis: int) -> Array:
    return x.at[(slice(None),) * axis + (index,)].add(source)


def index_add(x: Array, index: Array, source: Array, /, *, axis: int) -> Array:
    check("index_add", index, x.shape[axis])
    return _index_add(x, index, source, axis=axis % x.ndim)


def gather(x: Array, index: Array, /, *, axis: int) -> Array:
    check("gather", index, x.shape[axis])
    axis %= x.ndim
    cut = tuple(slice(None) if i == axis else slice(0, n) for i, n in enumerate(index.shape))
    return jnp.take_along_axis(x[cut], index, axis=axis)


def scatter_reduce(x: Array, index: Array, source: Array, /, *, axis: int, **how: Any) -> Any:
    check("scatter_reduce", index, x.shape[axis])
    return NotImplemented


def classes_checked(name: str) -> Callable[..., Any]:
    """Return a kernel that looks at classes, and leaves the rest to the generic body."""

    def kernel(x: Array, target: Array, weight: Array = None, /, *, ignore_index: int, **how: Any) -> Any:
        if target.dtype.kind in "iu" and x.ndim:
            check(name, target, x.shape[1 if x.ndim > 1 else 0], but=ignore_index)
        return NotImplemented

    return kernel


@compiled("axis", "inverse", "scale")
def fft_c2c(x: Array, /, *, axis: Any, inverse: bool, scale: float) -> Any:
    for a in axis:
        x = jnp.fft.ifft(x, axis=a, norm="forward") if inverse else jnp.fft.fft(x, axis=a)
    return x * scale


@compiled("axis", "scale")
def fft_r2c(x: Array, /, *, axis: int, scale: float) -> Any:
    return jnp.fft.rfft(x.astype(jnp.promote_types(x.dtype, jnp.float32)), axis=axis) * scale


@compiled("n", "axis", "scale")
def fft_c2r(x: Array, /, *, n: int, axis: int, scale: float) -> Any:
    return jnp.fft.irfft(x, n=n, axis=axis, norm="forward") * scale


def unless_empty(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, /, **how: function(x, **how) if x.size else NotImplemented


@compiled("flags")
def _adam(params: Any, grads: Any, firsts: Any, seconds: Any, tops: Any, rates: Array, *, flags: Any) -> Any:
    decoupled, decays, amsgrad, maximize = flags
    new: Any = ([], [], [], [])
    for i, (p, g, m, v) in enumerate(zip(params, grads, firsts, seconds, strict=True)):
        keep1, new1, keep2, new2, eps, decay, shrink, rate, root = rates[i].astype(p.dtype)
        g = -g if maximize else g
        if decays:
            g, p = (g, p * shrink) if decoupled else (g + decay * p, p)
        m, v = keep1 * m + new1 * g, keep2 * v + new2 * (g * g)
        top = jnp.maximum(tops[i], v) if amsgrad else v
        for outputs, value in zip(new, (p - rate * (m / (jnp.sqrt(top) / root + eps)), m, v, top), strict=True):
            outputs.append(value)
    return new if amsgrad else (*new[:3], [])


def adam_step(
    *lists: Any, steps: Any, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, amsgrad: bool,
    maximize: bool, decoupled: bool, donate: bool = False,
) -> Any:  # fmt: skip
    rates = np.asarray([
        (beta1, 1 - beta1, beta2, 1 - beta2, eps, weight_decay, 1 - lr * weight_decay, lr / (1 - beta1**step),
         math.sqrt(1 - beta2**step)) for step in steps
    ])  # fmt: skip
    flags = (bool(decoupled), weight_decay != 0, bool(amsgrad), bool(maximize))
    return in_pairs(_adam)(*lists, rates, flags=flags)


@compiled("flags")
def _sgd(params: Any, grads: Any, buffers: Any, rates: Array, *, flags: Any) -> Any:
    moves, decays, nesterov, maximize, first = flags
    new: Any = ([], [])
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        rate, momentum, fresh, decay = rates.astype(p.dtype)
        g = -g if maximize else g
        g = g + decay * p if decays else g
        if moves:
            b = g if first[i] else momentum * buffers[i] + fresh * g
            new[1].append(b)
            g = g + momentum * b if nesterov else b
        new[0].append(p - rate * g)
    return new


def sgd_step(
    *lists: Any, lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, maximize: bool,
    first: Any, donate: bool = False,
) -> Any:  # fmt: skip
    rates = np.asarray((lr, momentum, 1 - dampening, weight_decay))
    flags = (momentum != 0, weight_decay != 0, bool(nesterov), bool(maximize), tuple(map(bool, first)))
    return in_pairs(_sgd)(*lists, rates, flags=flags)


def in_pairs(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step for complex parameters too: real and imaginary part are two real numbers, as in PyTorch."""

    def run(*given: Any, flags: Any) -> Any:
        *lists, rates = given
        pairs = [p.dtype if p.dtype.kind == "c" else None for p in lists[0]]
        if not any(pairs):
            return step(*lists, rates, flags=flags)
        apart = [
            [a if kind is None else jnp.stack([a.real, a.imag]) for a, kind in zip(arrays, pairs, strict=True)]
            if arrays else [] for arrays in lists
        ]  # fmt: skip
        return [
            [a if kind is None else lax.complex(a[0], a[1]) for a, kind in zip(arrays, pairs, strict=True)]
            if arrays else [] for arrays in step(*apart, rates, flags=flags)
        ]  # fmt: skip

    return run


def digamma(x: Array, /) -> Array:
    return jnp.where(x == 0, -jnp.copysign(jnp.asarray(jnp.inf, x.dtype), x), special.digamma(x))


SPECIAL = {
    "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv, "digamma": digamma, "i0e": special.i0e,
    "i1e": special.i1e, "igamma": special.gammainc, "igammac": special.gammaincc,
}  # fmt: skip


def where(served: Any, kernel: Any) -> Any:
    """Return a kernel that declines first operands of other dtypes than those that are served."""

    def run(first: Array, *rest: Any, **statics: Any) -> Any:
        return kernel(first, *rest, **statics) if served(first.dtype) else NotImplemented

    return run


def is_inexact(dtype: Any) -> bool:
    """Whether JAX transposes what is linear in such operands."""
    return jnp.issubdtype(dtype, jnp.inexact)


def is_wide(dtype: Any) -> bool:
    """Whether JAX has decompositions and special functions of such operands."""
    return dtype.itemsize > 2


def is_added(dtype: Any) -> bool:
    """Whether JAX adds such operands."""
    return dtype.kind != "b"


def of_lower(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a decomposition of Hermitian matrices of which the lower triangle alone is read, also in 16 bits."""

    @jax.jit
    def run(x: Array, /) -> Any:
        found = function(x if is_wide(x.dtype) else x.astype(jnp.float32), symmetrize_input=False)
        if not isinstance(found, tuple):
            return found if is_wide(x.dtype) else found.astype(x.dtype)
        return tuple(part if is_wide(x.dtype) else part.astype(x.dtype) for part in found)

    return run


KERNELS: dict[str, Any] = {
    **{name: jax.jit(function) for name, function in SPECIAL.items()},
    "ndtri": where(is_wide, jax.jit(special.ndtri)),
    "cholesky": of_lower(jnp.linalg.cholesky), "eigh": of_lower(jnp.linalg.eigh),
    "eigvalsh": of_lower(jnp.linalg.eigvalsh),
    "conv": conv, "conv_input": where(is_inexact, conv_input), "conv_weight": where(is_inexact, conv_weight),
    "slice": slice_, "getitem": getitem, "getitem_transpose": where(is_added, getitem_transpose), "setitem": setitem,
    "take": take, "take_along_axis": take_along_axis, "embedding": embedding, "index_add": where(is_added, index_add),
    "gather": gather, "scatter_reduce": scatter_reduce,
    "scatter": scattering("scatter", "set"), "scatter_add": where(is_added, scattering("scatter_add", "add")),
    "cross_entropy": classes_checked("cross_entropy"), "nll_loss": classes_checked("nll_loss"),
    "fft_c2c": unless_empty(fft_c2c), "fft_r2c": unless_empty(fft_r2c), "fft_c2r": unless_empty(fft_c2r),
    "adam_step": adam_step, "sgd_step": sgd_step,
}  # fmt: skip
