"""Small NumPy kernels: where the namespace's function is slow, returns something else, or differs from the standard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Kernel
from ...core.primitives import linalg as rules


def power(x1: Any, x2: Any) -> Any:
    """Raise to a power; the operator has fast paths for small scalar exponents."""
    return x1**x2 if type(x2) in (int, float) else np.power(x1, x2)


def floor_divide(x1: Any, x2: Any) -> Any:
    """Divide and round down; for infinities NumPy answers NaN, or -1 for -0, where the standard has the quotient."""
    out = np.floor_divide(x1, x2)
    if out.dtype.kind in "biu":
        return out
    infinite = np.isinf(x1) | np.isinf(x2)
    return np.where(infinite, np.floor(np.true_divide(x1, x2)), out) if infinite.any() else out


def expm1(x: np.ndarray) -> Any:
    """Return ``exp(x) - 1``; NumPy's own is NaN for complex numbers that are not finite, and keeps the sign of -0."""
    out = np.expm1(x)
    if out.dtype.kind != "c":
        return out
    odd = (x == 0) | ~np.isfinite(x)
    return np.where(odd, np.exp(x) - 1, out) if odd.any() else out


def log1p(x: np.ndarray) -> Any:
    """Return ``log(1 + x)``; of a small complex number NumPy's own has little of the first part left."""
    out = np.log1p(x)
    if out.dtype.kind != "c":
        return out
    near = np.maximum(np.abs(x.real), np.abs(x.imag)) < 0.5
    if near.any():
        out = np.asarray(out)
        # The sum of squares may cancel nearly all: it is made of more digits.
        wide = np.float64 if out.dtype == np.complex64 else np.longdouble
        a, b = x.real[near].astype(wide), x.imag[near].astype(wide)
        out.real[near] = np.log1p(a * (a + 2) + b * b) / 2
    return out


def tanh(x: np.ndarray) -> Any:
    """Return the hyperbolic tangent; NumPy's zero at a complex infinity has another sign than ``imag(x)``."""
    out = np.tanh(x)
    if out.dtype.kind == "c":
        limit = np.isinf(x.real) & np.isfinite(x.imag)
        if limit.any():
            out = np.asarray(out)
            np.copysign(0, x.imag, out=out.imag, where=limit)
    return out


def tan(x: np.ndarray) -> Any:
    """Return the tangent, for complex numbers ``-1j * tanh(1j * x)`` in every special case."""
    out = np.tan(x)
    if out.dtype.kind == "c":
        limit = np.isinf(x.imag) & np.isfinite(x.real)
        if limit.any():
            out = np.asarray(out)
            np.copysign(0, x.real, out=out.real, where=limit)
    return out


def sign(x: np.ndarray) -> Any:
    """Return the sign; NumPy's of a complex number is one where its modulus is infinite and a part is NaN."""
    out = np.sign(x)
    if out.dtype.kind == "c":
        odd = np.isnan(x.real) | np.isnan(x.imag)
        if odd.any():
            return np.where(odd, complex(np.nan, np.nan), out).astype(x.dtype, copy=False)
        # A zero has no sign.
        return out + 0
    return out


def nextafter(x1: Any, x2: Any) -> Any:
    """Return the next number towards another; of two zeros the second, which NumPy's 16-bit function forgets."""
    out = np.nextafter(x1, x2)
    return np.where(x1 == x2, x2, out).astype(out.dtype, copy=False) if out.dtype == np.float16 else out


def clip(x: np.ndarray, low: Any, high: Any) -> np.ndarray:
    """Limit to an interval by two ufuncs, which is what the standard says and four times np.clip's speed."""
    out = x if low is None else np.maximum(x, low)
    out = out if high is None else np.minimum(out, high)
    return out.copy() if out is x else out


def broadcast_to(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Broadcast; a scalar's and a contiguous array's view is made directly, which is ten times faster."""
    given = x.shape
    lead = len(shape) - len(given)
    if lead < 0 or not x.size or not x.flags.c_contiguous:
        return np.broadcast_to(x, shape)
    strides = [0] * lead
    for n, m, step in zip(given, shape[lead:], x.strides):
        if n == m:
            strides.append(step)
        elif n == 1:
            strides.append(0)
        else:
            return np.broadcast_to(x, shape)
    view = np.ndarray(shape, x.dtype, x, 0, strides)
    view.setflags(write=False)
    return view


def reshape(x: np.ndarray, *, shape: Any, copy: bool | None = None) -> np.ndarray:
    """Reshape, a view where that is possible."""
    if copy is None:
        return x.reshape(shape)
    return np.reshape(x, shape, copy=copy)


def astype(x: np.ndarray, dtype: Any, *, copy: bool = True) -> np.ndarray:
    """Cast; the imaginary part is dropped as the standard allows, without a warning."""
    if x.dtype.kind == "c" and np.dtype(dtype).kind != "c" and np.dtype(dtype).kind != "b":
        x = x.real
    return x.astype(dtype, copy=copy)


def conj(x: np.ndarray) -> np.ndarray:
    """Return the conjugate; real dtypes are passed through."""
    return np.conjugate(x) if x.dtype.kind == "c" else x


def real(x: np.ndarray) -> np.ndarray:
    """Return the real part."""
    return x.real


def imag(x: np.ndarray) -> np.ndarray:
    """Return the imaginary part, of complex numbers only."""
    if x.dtype.kind != "c":
        raise TypeError("real numbers have no imaginary part")
    return x.imag


def unique_values(x: np.ndarray) -> np.ndarray:
    """Return the distinct values in ascending order, each NaN for itself."""
    if x.dtype.kind == "V":
        return unique_values(x.astype(np.float32)).astype(x.dtype)
    return np.unique(x, equal_nan=False)


def _unique(*wanted: str) -> Callable[..., tuple[np.ndarray, ...]]:
    """Return what finds distinct values and what is asked of them; NumPy does not sort the NaNs of bfloat16."""

    def find(x: np.ndarray) -> tuple[np.ndarray, ...]:
        narrow = x.dtype.kind == "V"
        options: dict[str, Any] = {f"return_{name}": True for name in wanted}
        values, *others = np.unique(x.astype(np.float32) if narrow else x, equal_nan=False, **options)
        others = [o.reshape(x.shape) if name == "inverse" else o for name, o in zip(wanted, others, strict=True)]
        return (values.astype(x.dtype) if narrow else values, *others)

    return find


def searchsorted(x1: np.ndarray, x2: np.ndarray, sorter: Any = None, *, side: str = "left") -> Any:
    """Return where values would go."""
    return np.searchsorted(x1, x2, side=side, sorter=sorter)  # type: ignore[call-overload]


def matmul(x1: np.ndarray, x2: np.ndarray) -> Any:
    """Multiply matrices; 16-bit floats compute in float32, for which BLAS has kernels."""
    if x1.ndim == 2 and x2.ndim == 2 and x1.dtype.char in "fdFD" and x1.shape[1] == x2.shape[0]:
        # The method costs a third of the ufunc before BLAS is reached.
        return x1.dot(x2)
    if x1.dtype.itemsize == 2 and x1.dtype.kind not in "iu":
        return np.matmul(x1.astype(np.float32), x2.astype(np.float32)).astype(x1.dtype)
    if x1.ndim > 2 and x2.ndim > 2 and x1.shape[-1] == 1 == x2.shape[-2] and x1.dtype.kind in "fc":
        # A stack of outer products: BLAS, called once for each, takes three times as long.
        return x1 * x2
    return np.matmul(x1, x2)


def _matmul_left(g: np.ndarray, x2: np.ndarray, x1_shape: tuple[int, ...], xp: Any) -> Any:
    if x2.ndim == 2 and g.ndim >= 2 and x2.dtype.kind == "f" and len(x1_shape) == g.ndim:
        return g.dot(x2.T) if g.ndim == 2 else np.matmul(g, x2.T)
    return rules.left(xp, g, x2, x1_shape)


def _matmul_right(g: np.ndarray, x1: np.ndarray, x2_shape: tuple[int, ...], xp: Any) -> Any:
    if x1.ndim == 2 and len(x2_shape) == 2 and x1.dtype.kind == "f":
        return x1.T.dot(g)
    return rules.right(xp, g, x1, x2_shape)


def matrix_transpose(x: np.ndarray) -> np.ndarray:
    """Swap the last two axes; the attribute costs a seventh of NumPy's function."""
    return x.mT


def alias(x: np.ndarray) -> np.ndarray:
    """Return the array itself: tensors share arrays, and the first write copies."""
    return x


def setitem(x: np.ndarray, value: np.ndarray, indices: Any, *, key: Any) -> np.ndarray:
    """Return a copy of `x` with `value` written at the key."""
    out = x.copy()
    out[_key(key, indices)] = value
    return out


def _setitem_in_place(x: np.ndarray, value: Any, key: Any, indices: Any = ()) -> np.ndarray:
    x[_key(key, indices)] = value
    return x


def getitem(x: np.ndarray, indices: Any, *, key: Any) -> Any:
    """Index by slices, integers, None, Ellipsis, and integer or boolean arrays."""
    if len(indices) == 1 and key[-1] == _ARRAY and indices[0].dtype.kind == "i":
        # One array behind whole axes: `take` costs a quarter.
        if len(key) == 1:
            return x.take(indices[0], 0)
        if key[:-1] == (_WHOLE,) * (len(key) - 1):
            return x.take(indices[0], len(key) - 1)
    return x[_key(key, indices)]


def slice_(x: np.ndarray, *, key: Any) -> Any:
    """Index by integers, slices, None and Ellipsis."""
    if len(key) == 1 and type(key[0]) is int:
        return x[key[0]]
    return x[tuple([slice(k[1], k[2], k[3]) if type(k) is tuple else k for k in key])]


def getitem_transpose(g: np.ndarray, indices: Any, *, x_shape: Any, key: Any) -> Any:
    """Write into zeros where the key is basic, and add where it may name a place twice."""
    out = np.zeros(x_shape, g.dtype)
    if not indices:
        out[_key(key, ())] = g
        return out
    if len(indices) == 1 and key == (_ARRAY,) and g.size >= _FEW:
        return NotImplemented
    np.add.at(out, _key(key, indices), g)
    return out


_ARRAY = ("array",)
_WHOLE = ("slice", None, None, None)
# Up to here adding one by one is faster than sorting first.
_FEW = 1024


def _key(key: Any, indices: Any) -> Any:
    given = iter(indices)
    return tuple(
        next(given) if type(k) is tuple and k == ("array",) else slice(*k[1:]) if type(k) is tuple else k for k in key
    )


def _in_place(ufunc: Any) -> Any:
    def write(x: np.ndarray, y: Any) -> np.ndarray:
        return ufunc(x, y, x)

    return write


DONATING: dict[str, Any] = {
    "add": _in_place(np.add),
    "subtract": _in_place(np.subtract),
    "multiply": _in_place(np.multiply),
    "divide": _in_place(np.true_divide),
    "setitem": _setitem_in_place,
}

KERNELS: dict[str, Any] = {
    "pow": power,
    "floor_divide": floor_divide,
    "expm1": expm1,
    "log1p": log1p,
    "tan": tan,
    "tanh": tanh,
    "sign": sign,
    "nextafter": nextafter,
    "clip": clip,
    "broadcast_to": broadcast_to,
    "reshape": reshape,
    "astype": astype,
    "conj": conj,
    "real": real,
    "imag": imag,
    "matrix_transpose": matrix_transpose,
    "matmul": Kernel(matmul, vjp=(_matmul_left, _matmul_right)),
    "searchsorted": searchsorted,
    "unique_all": _unique("index", "inverse", "counts"),
    "unique_counts": _unique("counts"),
    "unique_inverse": _unique("inverse"),
    "unique_values": unique_values,
    "alias": alias,
    "getitem": getitem,
    "getitem_transpose": getitem_transpose,
    "slice": slice_,
    "setitem": setitem,
}
