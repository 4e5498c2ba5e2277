"""Functions whose special cases JAX answers otherwise than the standard: signed zeros, infinities, NaN beside them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

Array = Any


def for_complex(function: Callable[..., Any], mend: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose real and imaginary part `mend` corrects, given those of the operand."""

    def mended(x: Array, /) -> Array:
        out = function(x)
        if x.dtype.kind != "c":
            return out
        return lax.complex(*(part.astype(out.real.dtype) for part in mend(x.real, x.imag, out.real, out.imag)))

    return jax.jit(mended)


def both(condition: Array, real: Any, imag: Any, re: Array, im: Array) -> tuple[Array, Array]:
    """Return a complex number's parts, others where a condition holds."""
    return jnp.where(condition, real, re), jnp.where(condition, imag, im)


def exp(a: Array, b: Array, re: Array, im: Array) -> Any:
    re, im = both(jnp.isposinf(a) & ~jnp.isfinite(b), jnp.inf, jnp.nan, re, im)
    return both(jnp.isneginf(a) & ~jnp.isfinite(b), 0.0, 0.0, re, im)


def expm1(a: Array, b: Array, re: Array, im: Array) -> Any:
    re, im = both(jnp.isposinf(a) & ~jnp.isfinite(b), jnp.inf, jnp.nan, re, im)
    return both(jnp.isneginf(a) & ~jnp.isfinite(b), -1.0, 0.0, re, im)


def log(a: Array, b: Array, re: Array, im: Array) -> Any:
    return jnp.where(jnp.isinf(a) | jnp.isinf(b), jnp.inf, re), im


def sqrt(a: Array, b: Array, re: Array, im: Array) -> Any:
    re, im = both(jnp.isposinf(a) & jnp.isnan(b), jnp.inf, jnp.nan, re, im)
    return both(jnp.isneginf(a) & jnp.isnan(b), jnp.nan, jnp.inf, re, im)


def sinh(a: Array, b: Array, re: Array, im: Array) -> Any:
    return both(((a == 0) | jnp.isinf(a)) & ~jnp.isfinite(b), a, jnp.nan, re, im)


def cosh(a: Array, b: Array, re: Array, im: Array) -> Any:
    re, im = both((a == 0) & ~jnp.isfinite(b), jnp.nan, 0.0, re, im)
    return both(jnp.isinf(a) & ~jnp.isfinite(b), jnp.inf, jnp.nan, re, im)


def tanh(a: Array, b: Array, re: Array, im: Array) -> Any:
    re, im = both((a == 0) & ~jnp.isfinite(b), a, jnp.nan, re, im)
    return both(jnp.isinf(a) & jnp.isfinite(b), jnp.sign(a), jnp.copysign(jnp.zeros_like(b), b), re, im)


def nowhere(a: Array, b: Array, re: Array, im: Array) -> tuple[Array, Array]:
    """Make both parts NaN where one of the operand's is, and the other finite."""
    return both((jnp.isnan(a) | jnp.isnan(b)) & ~jnp.isinf(a) & ~jnp.isinf(b), jnp.nan, jnp.nan, re, im)


def acos(a: Array, b: Array, re: Array, im: Array) -> Any:
    return both((a == 0) & jnp.isnan(b), math.pi / 2, jnp.nan, *nowhere(a, b, re, im))


def acosh(a: Array, b: Array, re: Array, im: Array) -> Any:
    return both((a == 0) & jnp.isnan(b), jnp.nan, math.pi / 2, *nowhere(a, b, re, im))


def asinh(a: Array, b: Array, re: Array, im: Array) -> Any:
    return both(jnp.isnan(a) & (b == 0), jnp.nan, b, *nowhere(a, b, re, im))


def atanh(a: Array, b: Array, re: Array, im: Array) -> Any:
    zero = jnp.where((a == 0) | jnp.isinf(a), jnp.copysign(jnp.zeros_like(a), a), jnp.nan)
    re, im = both(jnp.isnan(b), zero, jnp.nan, re, im)
    return both(jnp.isnan(a) & jnp.isfinite(b), jnp.nan, jnp.nan, re, im)


@jax.jit
def sign(x: Array, /) -> Array:
    return jnp.where(x == 0, jnp.zeros_like(x), jnp.sign(x))


@jax.jit
def floor_divide(x1: Array, x2: Array, /) -> Array:
    found = jnp.floor_divide(x1, x2)
    if found.dtype.kind not in "fV":
        return found
    far = jnp.isinf(x1) | jnp.isinf(x2) | (x1 == 0)
    return jnp.where(far, jnp.floor(jnp.true_divide(x1, x2)).astype(found.dtype), found)


@jax.jit
def remainder(x1: Array, x2: Array, /) -> Array:
    found = jnp.remainder(x1, x2)
    if found.dtype.kind not in "fV":
        return found
    return jnp.where(found == 0, jnp.copysign(jnp.zeros_like(found), x2), found)


def imag(x: Array, /) -> Array:
    if x.dtype.kind != "c":
        raise TypeError("complex numbers are needed")
    return jnp.imag(x)


def cumulative_prod(x: Array, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> Array:
    # Of no elements JAX's own keeps the dtype.
    kind = jax.eval_shape(jnp.prod, x).dtype if dtype is None else dtype
    return jnp.cumulative_prod(x, axis=axis, dtype=kind, include_initial=include_initial)


def searchsorted(x1: Array, x2: Array, sorter: Array = None, /, *, side: str = "left") -> Array:
    def search(*given: Array) -> Array:
        # Its own dtype has 32 bits wherever they are enough.
        found = jnp.searchsorted(*given[:2], side=side, sorter=given[2] if sorter is not None else None)
        return found.astype(jax.dtypes.canonicalize_dtype("int64"))

    for _ in x1.shape[:-1]:
        search = jax.vmap(search)
    return search(*(x for x in (x1, x2, sorter) if x is not None))


@jax.jit
def _silu(x: Array, /) -> Array:
    return x / (1 + jnp.exp(-x))


@jax.jit
def _mish(x: Array, /) -> Array:
    return jnp.where(x < -40, _silu(x), x * jnp.tanh(jax.nn.softplus(x)))


def without_subnormals(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel of wide real numbers: where exp(x) is subnormal, XLA takes it for zero."""
    return lambda x, /: function(x) if x.dtype.kind == "f" and x.dtype.itemsize > 2 else NotImplemented


MENDS = (exp, expm1, sqrt, sinh, cosh, tanh, acos, acosh, asinh, atanh)
KERNELS: dict[str, Any] = {
    **{mend.__name__: for_complex(getattr(jnp, mend.__name__), mend) for mend in MENDS},
    "log": for_complex(jnp.log, log), "log1p": for_complex(jnp.log1p, log), "sign": sign,
    "floor_divide": floor_divide, "remainder": remainder, "imag": imag,
    "cumulative_prod": cumulative_prod, "searchsorted": searchsorted,
    "silu": without_subnormals(_silu), "mish": without_subnormals(_mish),
}  # fmt: skip
