"""Elementwise functions that users of PyTorch reach for, made of rows; and its names for the standard's functions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .. import dtypes, ops
from ..errors import ArgumentTypeError, DTypeError, ShapeError
from ..primitives.tools import size_of
from ..tensor import Tensor
from .narrow_floats import in_single, is_narrow

__all__ = [
    "absolute", "addcdiv", "addcmul", "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "bitwise_not", "clamp_max", "clamp_min", "conj_physical", "deg2rad", "fix", "float_power", "fmax", "fmin", "frac",
    "frexp", "heaviside", "is_nonzero", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "lerp", "logaddexp2",
    "nan_to_num", "polar", "rad2deg", "rsub", "sgn", "view_as_complex", "view_as_real",
]  # fmt: skip


def absolute(x: Tensor, /) -> Tensor:
    """Return the absolute value (PyTorch's name for `abs`)."""
    return ops.abs(x)


def arccos(x: Tensor, /) -> Tensor:
    """Return the inverse cosine (PyTorch's name for `acos`)."""
    return ops.acos(x)


def arccosh(x: Tensor, /) -> Tensor:
    """Return the inverse hyperbolic cosine (PyTorch's name for `acosh`)."""
    return ops.acosh(x)


def arcsin(x: Tensor, /) -> Tensor:
    """Return the inverse sine (PyTorch's name for `asin`)."""
    return ops.asin(x)


def arcsinh(x: Tensor, /) -> Tensor:
    """Return the inverse hyperbolic sine (PyTorch's name for `asinh`)."""
    return ops.asinh(x)


def arctan(x: Tensor, /) -> Tensor:
    """Return the inverse tangent (PyTorch's name for `atan`)."""
    return ops.atan(x)


def arctan2(x1: Any, x2: Any, /) -> Tensor:
    """Return the angle of the point ``(x2, x1)`` (PyTorch's name for `atan2`)."""
    return ops.atan2(x1, x2)


def arctanh(x: Tensor, /) -> Tensor:
    """Return the inverse hyperbolic tangent (PyTorch's name for `atanh`)."""
    return ops.atanh(x)


def bitwise_not(x: Tensor, /) -> Tensor:
    """Return the bitwise complement (PyTorch's name for `bitwise_invert`)."""
    return ops.bitwise_invert(x)


def conj_physical(x: Tensor, /) -> Tensor:
    """Return the complex conjugate (PyTorch's name for `conj` without a lazy bit)."""
    return ops.conj(x)


def fix(x: Tensor, /) -> Tensor:
    """Round towards zero (PyTorch's name for `trunc`)."""
    return ops.trunc(x)


def sgn(x: Tensor, /) -> Tensor:
    """Return the sign, of complex numbers ``x / abs(x)`` (PyTorch's name for `sign`)."""
    return ops.sign(x)


def clamp_min(x: Tensor, min: Any) -> Tensor:
    """Return the larger of the values and a bound; the gradient passes at the bound.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.clamp_min(cb.tensor([-1.0, 2.0]), 0.5)
    tensor([0.5000, 2.0000])
    """
    return ops.clip(x, min, None)


def clamp_max(x: Tensor, max: Any) -> Tensor:
    """Return the smaller of the values and a bound; the gradient passes at the bound."""
    return ops.clip(x, None, max)


def rsub(x: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """Return ``other - alpha * x``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.rsub(cb.tensor([1.0, 2.0]), 3, alpha=2)
    tensor([ 1., -1.])
    """
    return ops.subtract(other, x if alpha == 1 else alpha * x)


def lerp(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """Return ``input + weight * (end - input)``: the way from one tensor to another.

    Parameters
    ----------
    input, end : Tensor
        Floating-point; they broadcast with each other.
    weight : float or Tensor
        How far along the way. From a half on it is counted from the end, so that 1 gives the end exactly.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.lerp(cb.tensor([1.0, 2.0]), cb.tensor([3.0, 6.0]), 0.25)
    tensor([1.5000, 3.0000])
    """
    if is_narrow(input, end):
        return in_single(lerp, input, end, weight)
    if isinstance(weight, Tensor):
        way = end - input
        return ops.where(ops.abs(weight) < 0.5, input + weight * way, end - way * (1 - weight))
    way = end - input
    if way.dtype.rank < 2:
        return lerp(ops.astype(input, dtypes.get_default_dtype()), end, weight)
    near = abs(weight) < 0.5
    # The way is nobody else's: its memory serves for the result.
    way *= weight if near else weight - 1
    way += input if near else end
    return way


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float | Tensor = 1) -> Tensor:
    """Return ``input + value * tensor1 * tensor2``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.addcmul(cb.ones(2), cb.tensor([1.0, 2.0]), cb.tensor([3.0, 4.0]), value=0.5)
    tensor([2.5000, 5.0000])
    """
    if is_narrow(input, tensor1, tensor2):
        return in_single(addcmul, input, tensor1, tensor2, value=value)
    product = tensor1 * tensor2
    return input + (product if _is_one(value) else value * product)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float | Tensor = 1) -> Tensor:
    """Return ``input + value * tensor1 / tensor2``.

    Raises
    ------
    DTypeError
        For two tensors of integers, as in PyTorch: say with `floor_divide` or `divide` which quotient is meant.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.addcdiv(cb.ones(2), cb.tensor([1.0, 2.0]), cb.tensor([4.0, 4.0]), value=2)
    tensor([1.5000, 2.0000])
    """
    if tensor1.dtype.rank < 2 and tensor2.dtype.rank < 2:
        raise DTypeError(
            f"addcdiv: {tensor1.dtype.name} / {tensor2.dtype.name} is ambiguous; write "
            "input + value * (tensor1 / tensor2) or input + value * (tensor1 // tensor2)"
        )
    if is_narrow(input, tensor1, tensor2):
        return in_single(addcdiv, input, tensor1, tensor2, value=value)
    quotient = tensor1 / tensor2
    return input + (quotient if _is_one(value) else value * quotient)


def _is_one(value: Any) -> bool:
    return not isinstance(value, Tensor) and value == 1


def logaddexp2(x1: Tensor | float, x2: Tensor | float, /) -> Tensor:
    """Return ``log2(2**x1 + 2**x2)`` without overflow.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.logaddexp2(cb.tensor([3.0]), cb.tensor([3.0]))
    tensor([4.])
    """
    if is_narrow(x1, x2):
        return in_single(logaddexp2, x1, x2)
    scale = math.log(2.0)
    return ops.logaddexp(x1 * scale, x2 * scale) * (1.0 / scale)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """Return 0 below zero, 1 above it, and `values` at it; NaN counts as below, as in PyTorch.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.heaviside(cb.tensor([-1.0, 0.0, 2.0]), cb.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    kind = ops.result_type(input, values)
    return ops.where(input == 0, values, ops.astype(input > 0, kind))


def rad2deg(x: Tensor, /) -> Tensor:
    """Return angles in degrees, of radians.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.rad2deg(cb.tensor([cb.pi]))
    tensor([180.])
    """
    return ops.multiply(x, 180.0 / math.pi)


def deg2rad(x: Tensor, /) -> Tensor:
    """Return angles in radians, of degrees.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.deg2rad(cb.tensor([180]))
    tensor([3.1416])
    """
    return ops.multiply(x, math.pi / 180.0)


def lcm(x1: Any, x2: Any, /) -> Tensor:
    """Return the least common multiple, not negative; with zero it is zero.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.lcm(cb.tensor([4, -6]), cb.tensor([6, 9]))
    tensor([12, 18])
    """
    divisor = ops.gcd(x1, x2)
    return ops.abs(x1 // ops.where(divisor == 0, 1, divisor) * x2)


def float_power(x1: Any, x2: Any, /) -> Tensor:
    """Return ``x1`` to the power ``x2`` in double precision, float64 or complex128, where the device has it.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.float_power(cb.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=candelabra.float64)
    """
    if not isinstance(x1, Tensor) and not isinstance(x2, Tensor):
        kinds = f"{type(x1).__name__} and {type(x2).__name__}"
        raise ArgumentTypeError(f"float_power: at least one operand must be a Tensor, got {kinds}")
    wide = dtypes.complex128 if ops.result_type(x1, x2).is_complex else dtypes.float64
    native = (x1 if isinstance(x1, Tensor) else x2).device.native
    if wide not in native:
        wide = dtypes.complex64 if wide.is_complex else dtypes.float32
    x1 = ops.astype(x1, wide) if isinstance(x1, Tensor) else x1
    x2 = ops.astype(x2, wide) if isinstance(x2, Tensor) else x2
    return ops.pow(x1, x2)


def fmax(x1: Any, x2: Any, /) -> Tensor:
    """Return the larger operand, elementwise; a number wins against NaN.

    Ties give the gradient to the first operand, as in PyTorch.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fmax(cb.tensor([1.0, cb.nan]), cb.tensor([2.0, 3.0]))
    tensor([2., 3.])
    """
    return ops.where((x1 >= x2) | _is_nan(x2), x1, x2)


def fmin(x1: Any, x2: Any, /) -> Tensor:
    """Return the smaller operand, elementwise; a number wins against NaN.

    Ties give the gradient to the first operand, as in PyTorch.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.fmin(cb.tensor([1.0, cb.nan]), cb.tensor([2.0, 3.0]))
    tensor([1., 3.])
    """
    return ops.where((x1 <= x2) | _is_nan(x2), x1, x2)


def _is_nan(x: Any) -> Any:
    return x != x


def frac(x: Tensor, /) -> Tensor:
    """Return what rounding towards zero takes away, with the sign of ``x``.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.frac(cb.tensor([1.25, -2.5]))
    tensor([ 0.2500, -0.5000])
    """
    return x - ops.trunc(x)


def ldexp(x: Tensor, other: Tensor | float, /) -> Tensor:
    """Return ``x * 2**other``, exactly wherever the result can be held.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.ldexp(cb.tensor([0.75]), cb.tensor([3]))
    tensor([6.])
    """
    kind = dtypes.float_for(ops.result_type(x, other))
    power = (
        ops.astype(other, kind)
        if isinstance(other, Tensor)
        else ops.full((), float(other), dtype=kind, device=x.device)
    )
    # In two halves, each of which the dtype holds.
    half = ops.floor(0.5 * power)
    return x * 2.0**half * 2.0 ** (power - half)


class MantissaAndExponent(NamedTuple):
    """What `frexp` returns."""

    mantissa: Tensor
    exponent: Tensor


def frexp(x: Tensor, /) -> MantissaAndExponent:
    """Return mantissas in [1/2, 1) and int32 exponents with ``x == mantissa * 2**exponent``.

    Zeros, infinities and NaN are their own mantissas, with the exponent 0.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.frexp(cb.tensor([6.0, -0.25]))
    MantissaAndExponent(mantissa=tensor([ 0.7500, -0.5000]), exponent=tensor([ 3, -1], dtype=candelabra.int32))
    """
    exponent = ops.frexp_exponent(x)
    return MantissaAndExponent(ldexp(x, -exponent), exponent)


def nan_to_num(
    x: Tensor, /, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replace NaN and infinities by numbers; they have no gradient.

    Parameters
    ----------
    x : Tensor
        Any dtype; integers have nothing to replace. Complex numbers are replaced part by part.
    nan : float, optional
        What NaN becomes. Default: zero.
    posinf, neginf : float, optional
        What infinities become. Default: the largest and the least finite number of the dtype.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.nan_to_num(cb.tensor([cb.nan, cb.inf, 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """
    if x.dtype.rank < 2:
        return ops.alias(x)
    if x.dtype.is_complex:
        parts = [nan_to_num(part, nan, posinf, neginf) for part in (ops.real(x), ops.imag(x))]
        return ops.complex(*parts)
    limits = ops.finfo(x.dtype)
    if posinf is None and neginf is None:
        found = ops.clip(x, float(limits.min), float(limits.max))
    else:
        found = ops.where(x == math.inf, float(limits.max) if posinf is None else posinf, x)
        found = ops.where(x == -math.inf, float(limits.min) if neginf is None else neginf, found)
    return ops.where(ops.isnan(x), 0.0 if nan is None else nan, found)


def isreal(x: Tensor, /) -> Tensor:
    """Say where values have no imaginary part; real dtypes have none anywhere.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.isreal(cb.tensor([1.0 + 0.0j, 1.0j]))
    tensor([ True, False])
    """
    return ops.imag(x) == 0 if x.dtype.is_complex else ops.ones_like(x, dtype=dtypes.bool_)


def isposinf(x: Tensor, /) -> Tensor:
    """Say where values are plus infinity, in real dtypes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.isposinf(cb.tensor([-cb.inf, 1.0, cb.inf]))
    tensor([False, False,  True])
    """
    return _infinite(x, math.inf, "isposinf")


def isneginf(x: Tensor, /) -> Tensor:
    """Say where values are minus infinity, in real dtypes.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.isneginf(cb.tensor([-cb.inf, 1.0, cb.inf]))
    tensor([ True, False, False])
    """
    return _infinite(x, -math.inf, "isneginf")


def _infinite(x: Tensor, value: float, operation: str) -> Tensor:
    if x.dtype.is_complex:
        raise DTypeError(
            f"{operation}: complex numbers have no one infinity, got {x.dtype.name}; ask for x.real or x.imag"
        )
    return x == value if x.dtype.rank == 2 else ops.zeros_like(x, dtype=dtypes.bool_)


def is_nonzero(x: Tensor, /) -> bool:
    """Say whether the one element of a tensor is not zero.

    Raises
    ------
    ShapeError
        If there are more elements than one, or none.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.is_nonzero(cb.tensor([0.0]))
    False
    """
    if size_of(x.shape) != 1:
        raise ShapeError(f"is_nonzero: one element is needed, got shape {x.shape}; use any or all")
    return bool(ops.reshape(x, ()) != 0)


def angle(x: Tensor, /) -> Tensor:
    """Return the angle in radians: of complex numbers ``atan2(imag, real)``, of real ones 0, or pi below zero.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.angle(cb.tensor([1.0j, -1.0 + 0.0j]))
    tensor([1.5708, 3.1416])
    """
    if x.dtype.is_complex:
        return ops.atan2(ops.imag(x), ops.real(x))
    kind = dtypes.float_for(x.dtype)
    real = ops.astype(x, kind)
    # A NaN stays; the gradient is zero.
    return ops.where(real < 0, math.pi, ops.where(ops.isnan(real), real, 0.0))


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Return complex numbers of given absolute values and angles.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.polar(cb.tensor([2.0]), cb.tensor([0.0]))
    tensor([2.+0.j])
    """
    return ops.complex(abs * ops.cos(angle), abs * ops.sin(angle))


def view_as_real(x: Tensor, /) -> Tensor:
    """Return real and imaginary parts along a new last axis.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.view_as_real(cb.tensor([1.0 + 2.0j]))
    tensor([[1., 2.]])
    """
    if not x.dtype.is_complex:
        raise DTypeError(f"view_as_real: a complex dtype is needed, got {x.dtype.name}")
    return ops.stack([ops.real(x), ops.imag(x)], axis=-1)


def view_as_complex(x: Tensor, /) -> Tensor:
    """Return complex numbers of the parts along the last axis.

    Raises
    ------
    ShapeError
        If the last axis is not of size two.

    Examples
    --------
    >>> import candelabra as cb
    >>> cb.view_as_complex(cb.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    if not x.shape or x.shape[-1] != 2:
        raise ShapeError(
            f"view_as_complex: the last axis holds real and imaginary parts, so its size is 2; got shape {x.shape}"
        )
    if x.dtype.kind != "float":
        raise DTypeError(f"view_as_complex: a real floating-point dtype is needed, got {x.dtype.name}")
    return ops.complex(x[..., 0], x[..., 1])
