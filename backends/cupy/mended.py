"""Functions of the standard in place of array-api-compat's, that make the host wait, take too much or are inexact."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

# What there is no answer for, a singular matrix or one that is not positive definite, is an error, as in PyTorch.
_CHECKED = ("cholesky", "inv", "solve")
# Functions by the routine of cuSOLVER that not every release of it has.
_RECENT = {"eig": "geev", "eigvals": "geev"}


class Linalg:
    """array-api-compat's linear algebra, which waits for a card to tell that a matrix has no such decomposition."""

    def __init__(self, compat: Any, cupy: Any, errstate: Callable[..., Any]) -> None:
        self._compat = compat
        checked = {name: _checked(getattr(compat, name), errstate) for name in _CHECKED}
        self.__dict__.update(checked, solve=_repeating(checked["solve"], cupy))

    def __getattr__(self, name: str) -> Any:
        if name in _RECENT:
            from cupyx.cusolver import check_availability

            if not check_availability(_RECENT[name]):
                raise AttributeError(f"this release of cuSOLVER has no {_RECENT[name]}")
        return getattr(self._compat, name)


def _checked(function: Callable[..., Any], errstate: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        # CuPy by itself gives what cuSOLVER left in memory.
        with errstate(linalg="raise"):
            return function(*arguments, **options)

    return call


def _repeating(solve: Callable[..., Any], cupy: Any) -> Callable[..., Any]:
    """Let stacks of matrices broadcast, which CuPy's do not, and right sides without columns be."""

    @functools.wraps(solve)
    def call(x1: Any, x2: Any, /) -> Any:
        if x2.ndim > 1 and x1.shape[:-2] != x2.shape[:-2]:
            stack = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
            x1, x2 = (cupy.broadcast_to(x, stack + x.shape[-2:]) for x in (x1, x2))
        if x2.ndim > 1 and not x2.size:
            return cupy.empty(x2.shape, np.result_type(x1.dtype, x2.dtype))
        return solve(x1, x2)

    return call


def functions(cupy: Any, compat: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions by name."""

    def wide(name: str) -> Callable[..., Any]:
        """Running sums of 16-bit floats are kept in float32: in float16, 2048 and 1 are 2048."""
        function = getattr(compat, name)

        def call(x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> Any:
            to = x.dtype if dtype is None else np.dtype(dtype)
            if to.itemsize != 2 or to.kind not in "fV":
                return function(x, axis=axis, dtype=dtype, include_initial=include_initial)
            return function(x.astype(np.float32), axis=axis, include_initial=include_initial).astype(to)

        return call

    def bound(value: Any, x: Any) -> Any:
        """Return a limit in the dtype of what it limits; a Python number stays one where that changes nothing."""
        if hasattr(value, "dtype"):
            return value.astype(x.dtype, copy=False)
        return np.asarray(value, x.dtype)[()] if x.dtype.kind in "iuf" else cupy.full((), value, x.dtype)

    def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
        if x.dtype.kind in "iu":
            # What no element goes beyond need not fit into the dtype.
            limits = np.iinfo(x.dtype)
            min = None if type(min) is int and min <= limits.min else min
            max = None if type(max) is int and max >= limits.max else max
        out = x if min is None else cupy.maximum(x, bound(min, x))
        out = out if max is None else cupy.minimum(out, bound(max, x))
        return out.copy() if out is x else out

    def imag(x: Any, /) -> Any:
        if x.dtype.kind != "c":
            raise TypeError("real numbers have no imaginary part")
        return cupy.imag(x)

    # What CuPy chooses among in bfloat16 it gives in float32.
    def where(condition: Any, x1: Any, x2: Any, /) -> Any:
        found = cupy.where(condition, x1, x2)
        kinds = [x.dtype for x in (x1, x2) if hasattr(x, "dtype")]
        narrow = bool(kinds) and all(kind.name == "bfloat16" for kind in kinds)
        return found.astype(kinds[0], copy=False) if narrow else found

    def is_real(x1: Any, x2: Any) -> bool:
        # What is not NumPy's own, bfloat16, has the kind V.
        return any(getattr(getattr(x, "dtype", None), "kind", "") in ("f", "V") for x in (x1, x2))

    # CuPy's own are floor(x1 / x2), and x1 without so many x2: 1.0 // 0.1 would be 10, and 1.0 % inf no number.
    def remainder(x1: Any, x2: Any, /) -> Any:
        if not is_real(x1, x2):
            return cupy.remainder(x1, x2)
        found = cupy.fmod(x1, x2)
        found = where((found != 0) & ((found < 0) != cupy.less(x2, 0)), found + x2, found)
        return where(found == 0, cupy.copysign(found, x2), found)

    def floor_divide(x1: Any, x2: Any, /) -> Any:
        if not is_real(x1, x2):
            return cupy.floor_divide(x1, x2)
        quotient = cupy.divide(x1, x2)
        whole = cupy.rint(cupy.divide(cupy.subtract(x1, remainder(x1, x2)), x2))
        whole = where(whole == 0, cupy.copysign(whole, quotient), whole)
        # Where an operand or the quotient is infinite, there is no remainder.
        return where(cupy.isfinite(quotient) & cupy.isfinite(whole), whole, cupy.floor(quotient))

    def complex_of(real: Any, imaginary: Any) -> Any:
        out = cupy.empty(real.shape, np.complex64 if real.dtype.name == "float32" else np.complex128)
        out.real, out.imag = real, imaginary
        return out

    # CuPy's own of complex numbers are exp(x) - 1 and log(1 + x), of which little is left where x is small.
    def expm1(x: Any, /) -> Any:
        if x.dtype.kind != "c":
            return cupy.expm1(x)
        a, b = x.real, x.imag
        half = cupy.sin(b / 2)
        # Of -0 the first part is 0, in the standard.
        real, imaginary = cupy.expm1(a) * cupy.cos(b) + (0.0 - 2 * half * half), cupy.exp(a) * cupy.sin(b)
        endless = cupy.isinf(a) & ~cupy.isfinite(b)
        real = cupy.where(endless, cupy.expm1(a), real)
        imaginary = cupy.where(endless & (a < 0), cupy.zeros_like(b), cupy.where(b == 0, b, imaginary))
        return complex_of(real, imaginary)

    def log1p(x: Any, /) -> Any:
        if x.dtype.kind != "c":
            return cupy.log1p(x)
        a, b = x.real, x.imag
        near = cupy.maximum(cupy.abs(a), cupy.abs(b)) < 0.5
        real = cupy.where(near, cupy.log1p(a * (a + 2) + b * b) / 2, cupy.log(cupy.hypot(a + 1, b)))
        return complex_of(real, cupy.arctan2(b, a + 1))

    # CuPy's of a number of which one part is infinite and the other no number is none at all, and its logarithms to
    # other bases lose the phase wherever the first part is infinite.
    def log(x: Any, /) -> Any:
        found = cupy.log(x)
        if x.dtype.kind == "c":
            found.real = cupy.where(cupy.isinf(x), math.inf, found.real)
        return found

    def to_base(name: str, base: float) -> Callable[..., Any]:
        function, scale = getattr(cupy, name), math.log(base)

        def call(x: Any, /) -> Any:
            if x.dtype.kind != "c":
                return function(x)
            found = log(x)
            return complex_of(found.real / scale, found.imag / scale)

        return call

    # Without a first part and with no number as the second, the result's phase is known all the same.
    def acosh(x: Any, /) -> Any:
        found = cupy.arccosh(x)
        if x.dtype.kind == "c":
            found.imag = cupy.where((x.real == 0) & cupy.isnan(x.imag), math.pi / 2, found.imag)
        return found

    # CuPy's zeros beside 1 have the sign of sin(2 b), and a zero beside what is not finite is lost.
    def tanh(x: Any, /) -> Any:
        found = cupy.tanh(x)
        if x.dtype.kind == "c":
            a, b = x.real, x.imag
            finite = cupy.isfinite(b)
            found.imag = cupy.where(cupy.isinf(a) & finite, cupy.copysign(cupy.zeros_like(b), b), found.imag)
            found.real = cupy.where((a == 0) & ~finite, a, found.real)
        return found

    def tan(x: Any, /) -> Any:
        if x.dtype.kind != "c":
            return cupy.tan(x)
        # -1j tanh(1j x)
        turned = tanh(complex_of(-x.imag, x.real))
        return complex_of(turned.imag, -turned.real)

    # CuPy's of truth values is an integer.
    def conj(x: Any, /) -> Any:
        return x.copy() if x.dtype.kind == "b" else cupy.conj(x)

    # CuPy's powers of complex numbers are exp(x2 log(x1)), by which squares of integers are none.
    def power(x1: Any, x2: Any, /) -> Any:
        if type(x2) in (int, float) and x2 == 2 and x1.dtype.kind in "fcV":
            return cupy.multiply(x1, x1)
        return cupy.power(x1, x2)

    # CuPy's steps from an infinity in float16 are no numbers.
    def nextafter(x1: Any, x2: Any, /) -> Any:
        found = cupy.nextafter(x1, x2)
        if found.dtype.name != "float16":
            return found
        inward = cupy.copysign(cupy.where(cupy.equal(x1, x2), np.float16(math.inf), np.finfo(np.float16).max), x1)
        return cupy.where(cupy.isinf(x1) & ~cupy.isnan(x2), inward, found)

    def sorted_wide(name: str) -> Callable[..., Any]:
        """CuPy sorts no bfloat16, all of which are among the numbers of float32."""
        function = getattr(compat, name)

        def call(x: Any, /, *others: Any, **options: Any) -> Any:
            kind = x.dtype
            if kind.name != "bfloat16":
                return function(x, *others, **options)
            found = function(*[o.astype(np.float32) if hasattr(o, "dtype") else o for o in (x, *others)], **options)
            if isinstance(found, tuple):
                return found._replace(values=found.values.astype(kind))  # type: ignore[attr-defined]
            return found.astype(kind) if found.dtype == np.float32 else found

        return call

    asked = ("argsort", "isin", "sort", "unique_all", "unique_counts", "unique_inverse", "unique_values")
    return {
        "acosh": acosh, "clip": clip, "conj": conj, "cumulative_prod": wide("cumulative_prod"),
        "cumulative_sum": wide("cumulative_sum"), "expm1": expm1, "floor_divide": floor_divide, "imag": imag,
        "log": log, "log10": to_base("log10", 10.0), "log1p": log1p, "log2": to_base("log2", 2.0),
        "nextafter": nextafter, "pow": power, "remainder": remainder, "tan": tan, "tanh": tanh, "where": where,
        **{name: sorted_wide(name) for name in asked},
    }  # fmt: skip
